"""The database session on a SQLite file: WAL, rollback, writers side by side; and on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import ForeignKey, MetaData, select, text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from extremeearth.core.database import Base, Database, UtcDateTime, is_unique_violation
from extremeearth.core.errors import InputError, StorageError


class Own(DeclarativeBase):
    """Tables of this test alone, named by the platform's rules."""

    metadata = MetaData(naming_convention=Base.metadata.naming_convention)


class Scene(Own):
    __tablename__ = "scene"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    seen: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Tile(Own):
    __tablename__ = "tile"
    id: Mapped[int] = mapped_column(primary_key=True)
    scene_id: Mapped[int] = mapped_column(ForeignKey("scene.id"))


@pytest.fixture(params=["file", "memory", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    urls = {"file": f"sqlite:///{tmp_path}/new/folder/ee.sqlite", "memory": "sqlite://"}
    opened = Database(urls.get(request.param) or request.getfixturevalue("postgres_url"))
    Own.metadata.create_all(opened.engine)
    yield opened
    opened.close()


def names(database: Database) -> list[str]:
    with database.session() as session:
        return list(session.scalars(select(Scene.name).order_by(Scene.name)))


def test_what_a_session_writes_is_there_in_the_next(database: Database) -> None:
    with database.session() as session:
        session.add(Scene(name="a"))
    assert names(database) == ["a"]


def test_an_error_takes_everything_back(database: Database) -> None:
    def interrupted() -> None:
        with database.session() as session:
            session.add(Scene(name="a"))
            session.flush()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(database) == []


def test_objects_are_readable_after_the_session(database: Database) -> None:
    with database.session() as session:
        scene = Scene(name="a")
        session.add(scene)
    assert scene.name == "a"


def test_instants_come_back_aware_and_in_utc(database: Database) -> None:
    moment = datetime(
        2018, 3, 8, 12, 30, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30))
    )
    with database.session() as session:
        session.add_all([Scene(name="a", seen=moment), Scene(name="b", seen=None)])
    with database.session() as session:
        seen = dict(map(tuple, session.execute(select(Scene.name, Scene.seen))))
        assert seen["a"] == moment
        assert seen["a"] is not None
        assert seen["a"].utcoffset() == timedelta(0)
        assert seen["b"] is None
        before = select(Scene.name).where(
            Scene.seen < moment.astimezone(UTC) + timedelta(microseconds=1)
        )
        assert session.scalars(before).all() == ["a"]


def test_naive_times_are_refused(database: Database) -> None:
    with database.session() as session:
        session.add(Scene(name="a", seen=datetime(2018, 3, 8)))  # the point: no zone
        with pytest.raises((InputError, StatementError), match="no offset"):
            session.flush()
        session.rollback()
    assert names(database) == []


def test_a_second_row_with_the_key_is_told_from_other_faults(database: Database) -> None:
    with database.session() as session:
        session.add(Scene(name="a"))
    with pytest.raises(IntegrityError) as twice, database.session() as session:
        session.add(Scene(name="a"))
    assert is_unique_violation(twice.value)
    with pytest.raises(IntegrityError) as dangling, database.session() as session:
        session.add(Tile(scene_id=4711))
    assert not is_unique_violation(dangling.value)
    assert names(database) == ["a"]


def test_a_file_is_in_wal_mode_and_checks_references(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/ee.sqlite")
    with database.session() as session:
        assert session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert session.scalar(text("PRAGMA foreign_keys")) == 1
    database.close()


def test_writers_side_by_side_lose_nothing(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/ee.sqlite")
    Own.metadata.create_all(database.engine)
    start = threading.Barrier(2)
    failures: list[BaseException] = []

    def write(writer: int) -> None:
        start.wait()
        try:
            for number in range(60):
                with database.session() as session:
                    session.add(Scene(name=f"{writer}-{number}"))
        except BaseException as err:
            failures.append(err)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(names(database)) == 120
    database.close()


def test_a_reader_is_not_held_up_by_a_writer(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/ee.sqlite")
    Own.metadata.create_all(database.engine)
    with database.session() as writing:
        writing.add(Scene(name="a"))
        writing.flush()
        assert names(database) == []
    assert names(database) == ["a"]
    database.close()


def test_a_database_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "in-the-way").write_text("a file")
    with pytest.raises(StorageError, match="cannot be made"):
        Database(f"sqlite:///{tmp_path}/in-the-way/ee.sqlite")
    (tmp_path / "folder.sqlite").mkdir()
    database = Database(f"sqlite:///{tmp_path}/folder.sqlite")
    with pytest.raises(StorageError, match="could not be used"), database.session() as session:
        session.scalar(text("select 1"))
    unreachable = Database("postgresql+psycopg://nobody@127.0.0.1:9/none")
    with pytest.raises(StorageError), unreachable.session() as session:
        session.scalar(text("select 1"))


@pytest.mark.parametrize("url", ["", "nonsense", "mongodb://host/db", "sqlite"])
def test_other_urls_are_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(InputError, match="database URL cannot be read"):
        Database(url)
