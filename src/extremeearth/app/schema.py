"""The one migration history: brings a database to this version of the code, or refuses.

A database that a newer version made is never touched: mixing versions loses data silently.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from extremeearth.core.database import Database
from extremeearth.core.errors import SchemaVersionError, StorageError

__all__ = ["current_version", "newest_version", "upgrade"]

_SCRIPTS = Path(__file__).parent / "migrations"
_LOCK = 0x65787472
"""Key of the advisory lock that PostgreSQL holds while the tables change: `extr`."""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    return config


def newest_version() -> str:
    """Name the version that this code needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None, "the package ships at least one migration"
    return head


def current_version(database: Database) -> str | None:
    """Name the version that a database is at; `None` for an empty one.

    Raises
    ------
    StorageError
        The database cannot be reached.
    """
    try:
        with database.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except DBAPIError as err:
        raise StorageError(
            f"The database cannot be used: {err.orig}.",
            hint="Check its URL and that it is running.",
        ) from err


def upgrade(database: Database) -> str:
    """Bring a database to the newest version, in one transaction.

    Returns
    -------
    str
        The version that the database is at now.

    Raises
    ------
    SchemaVersionError
        A newer version of the code made this database.
    StorageError
        The database cannot be reached or written.

    Examples
    --------
    >>> database = Database("sqlite://")
    >>> upgrade(database) == newest_version()
    True
    """
    script = ScriptDirectory.from_config(_config())
    known = {revision.revision for revision in script.walk_revisions()}
    current = current_version(database)
    if current == newest_version():
        return current
    if current is not None and current not in known:
        raise SchemaVersionError(
            f"The database is at version {current}, which this version of extremeearth does not know.",
            hint="Install the newer version that made it, or name another database.",
        )
    config = _config()
    try:
        with _all_or_nothing(database) as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as err:
        raise StorageError(
            f"The database could not be brought up to date: {err.orig}.",
            hint="Nothing was changed. Check the disk and your rights.",
        ) from err
    return newest_version()


@contextmanager
def _all_or_nothing(database: Database) -> Iterator[Connection]:
    """Open a transaction that also holds changes of tables; two processes take turns."""
    if database.dialect != "sqlite":
        with database.engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            yield connection
        return
    # the driver's own transactions leave DDL out, so it is told to make none and we make ours
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")
