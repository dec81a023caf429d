"""The database session: SQLite in WAL mode for one machine, PostgreSQL for many.

Rooms declare their tables on :class:`Base`; the one migration history is in ``extremeearth.app.migrations``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import DateTime, Engine, MetaData, TypeDecorator, create_engine, event
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

from extremeearth.core.errors import InputError, MissingExtraError, StorageError

__all__ = ["Base", "Database", "UtcDateTime", "is_unique_violation"]

BUSY_TIMEOUT_MS = 30_000


class Base(DeclarativeBase):
    """Base of every table; constraints are named so that migrations can change them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UtcDateTime(TypeDecorator[datetime]):
    """An instant, aware and in UTC on both sides; SQLite would forget the offset."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times, store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise InputError(f"The time {value} has no offset.", hint="Give an aware datetime.")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back an aware time."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """One database, opened by its SQLAlchemy URL.

    Parameters
    ----------
    url
        ``sqlite:///path``, ``sqlite://`` (in memory) or ``postgresql+psycopg://...``.

    Examples
    --------
    >>> from sqlalchemy import text
    >>> database = Database("sqlite://")
    >>> with database.session() as session:
    ...     session.scalar(text("select 1"))
    1
    """

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.engine.dialect.name

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session that commits at the end, and rolls back on an error.

        Raises
        ------
        StorageError
            The database cannot be reached or written.
        """
        with self._sessions() as session:
            try:
                yield session
                session.commit()
            except OperationalError as err:
                session.rollback()
                raise StorageError(
                    f"The database could not be used: {err.orig}.",
                    hint="Check that it is running, that the disk is not full and that you may write there.",
                ) from err
            except BaseException:
                session.rollback()
                raise

    def create_all(self) -> None:
        """Make every table that is declared so far; for tests of one room."""
        Base.metadata.create_all(self.engine)

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite_engine(url, parsed.database)
        return create_engine(parsed, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError) as err:
        raise InputError(
            "The database URL cannot be read.",
            hint="Write sqlite:///file or postgresql+psycopg://user@host/name.",
        ) from err
    except ModuleNotFoundError as err:
        raise MissingExtraError("postgres") from err


def _sqlite_engine(url: str, path: str | None) -> Engine:
    in_memory = path in (None, "", ":memory:")
    options: dict[str, Any] = {}
    if in_memory:
        from sqlalchemy.pool import StaticPool

        options = {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
    elif path is not None:
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise StorageError(
                f"The folder {Path(path).parent} cannot be made: {err.strerror}.",
                hint="Choose another, or one in which you may write.",
            ) from err
    engine = create_engine(url, **options)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA foreign_keys=ON")
        if not in_memory:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()

    return engine


def is_unique_violation(error: DBAPIError) -> bool:
    """Tell whether a database error means that a row with this key exists already."""
    text = str(error.orig).lower()
    return "unique" in text or "duplicate key" in text
