"""The migration history makes exactly the tables that the rooms declare, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from extremeearth.app import schema
from extremeearth.app.schema import current_version, newest_version, upgrade
from extremeearth.app.tables import all_tables
from extremeearth.core.database import Database
from extremeearth.core.errors import SchemaVersionError


def differences(database: Database) -> list[object]:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return [
            change
            for change in compare_metadata(context, all_tables())
            # PostGIS puts a table of its own into the database
            if not (
                isinstance(change, tuple)
                and change[0] == "remove_table"
                and change[1].name == "spatial_ref_sys"
            )
        ]


def test_history_and_tables_agree_on_sqlite(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a.sqlite")
    assert current_version(database) is None
    upgrade(database)
    assert current_version(database) == newest_version()
    assert differences(database) == []
    database.close()


def test_history_and_tables_agree_on_postgresql(postgres_url: str) -> None:
    database = Database(postgres_url)
    upgrade(database)
    assert differences(database) == []
    database.close()


def test_upgrade_twice_changes_nothing(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a.sqlite")
    assert upgrade(database) == upgrade(database) == newest_version()
    database.close()


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a.sqlite")
    upgrade(database)
    with database.session() as session:
        session.execute(text("update alembic_version set version_num = 'from-the-future'"))
    with pytest.raises(SchemaVersionError, match="from-the-future"):
        upgrade(database)
    database.close()


def test_a_failed_upgrade_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(f"sqlite:///{tmp_path}/a.sqlite")

    original = schema.command.upgrade

    def upgrade_and_stop(config: object, target: str) -> None:
        original(config, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(schema.command, "upgrade", upgrade_and_stop)
    with pytest.raises(KeyboardInterrupt):
        upgrade(database)
    assert current_version(database) is None
    assert inspect(database.engine).get_table_names() == []
    monkeypatch.undo()
    assert upgrade(database) == newest_version()
    database.close()


def test_processes_that_upgrade_at_once_take_turns(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.sqlite"

    def bring_up(_: int) -> str:
        database = Database(url)
        try:
            return upgrade(database)
        finally:
            database.close()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(bring_up, range(4))) == {newest_version()}
