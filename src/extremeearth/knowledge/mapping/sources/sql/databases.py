"""Databases as sources: tables and queries, streamed, one reading transaction for the whole run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from extremeearth.core.errors import DataBrokenError, InputError, MappingError, UnavailableError
from extremeearth.knowledge.mapping.sources.sql.columns import Column
from extremeearth.knowledge.mapping.sources.sql.dialects import Dialect, dialect_of
from extremeearth.knowledge.mapping.sources.sql.text import (
    Named,
    column_identifier,
    read_identifiers,
    resolve,
    safe_query,
)

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

__all__ = ["Database", "Relation"]


class Database:
    """A database that mappings read; it is opened at the first use and closed at the end of the block.

    All that a run reads is read in one transaction that cannot write, so that every triples map sees the same state.

    Parameters
    ----------
    place
        SQLAlchemy URL (``sqlite:///file.db``, ``postgresql+psycopg://...``), or an engine. What a URL holds of
        credentials is never shown.

    Raises
    ------
    InputError
        The URL cannot be read, or it is of a database that is not supported.

    Examples
    --------
    >>> with Database("sqlite://") as database:
    ...     database.dialect.name
    'sqlite'
    """

    def __init__(self, place: str | URL | Engine) -> None:
        from sqlalchemy import Engine

        self._given = place if isinstance(place, Engine) else None
        self._url = place.url if isinstance(place, Engine) else _parsed(place)
        dialect = dialect_of(self._url.get_backend_name())
        if dialect is None:
            raise InputError(
                f"Mappings cannot read {self._url.get_backend_name()}.",
                hint="Use SQLite or PostgreSQL.",
            )
        self.dialect: Dialect = dialect
        self._connection: Connection | None = None

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Database({self.name})"

    @property
    def name(self) -> str:
        """What is shown of it: system, host and database."""
        host = f"{self._url.host}/" if self._url.host else ""
        return f"{self._url.get_backend_name()}:{host}{self._url.database or ''}"

    @property
    def connection(self) -> Connection:
        """Connection with its reading transaction.

        Raises
        ------
        UnavailableError
            The database cannot be reached.
        """
        if self._connection is None:
            from sqlalchemy import create_engine
            from sqlalchemy.exc import SQLAlchemyError
            from sqlalchemy.pool import NullPool

            try:
                engine = self._given or create_engine(_read_only(self._url), poolclass=NullPool)
                connection = engine.connect()
                connection = connection.execution_options(no_parameters=True)
                if self.dialect.name == "postgres":
                    connection = connection.execution_options(
                        isolation_level="REPEATABLE READ", postgresql_readonly=True
                    )
                self.dialect.begin(connection)
            except (SQLAlchemyError, ImportError) as err:
                raise UnavailableError(
                    f"The database {self.name} cannot be opened: {_reason(err)}.",
                    hint="Check its address, the user's rights, and that its driver is installed.",
                ) from None  # the cause may show the password
            self._connection = connection
        return self._connection

    def close(self) -> None:
        """End the transaction and give the connection back."""
        if self._connection is not None:
            if self.dialect.name == "sqlite":
                self._connection.exec_driver_sql("PRAGMA query_only = OFF")
            self._connection.close()
            self._connection = None

    def table(self, name: str) -> Relation:
        """Find a table or a view.

        Raises
        ------
        MappingError
            There is none of this name.
        UnavailableError
            The database does not show it to this user.
        """
        from sqlalchemy.exc import SQLAlchemyError

        try:
            text, columns = self.dialect.table(self.connection, read_identifiers(name))
        except SQLAlchemyError as err:
            raise UnavailableError(
                f"The database {self.name} does not show {name}: {_first_line(err)}",
                hint="Give the user the right to read it.",
            ) from err
        return Relation(f"the table {name}", text, tuple(columns), labels=False)

    def query(self, text: str) -> Relation:
        """Check a query, by its text and by the database.

        Raises
        ------
        MappingError
            It is no query, does more than read, or two of its columns have the same name.
        """
        from sqlalchemy.exc import SQLAlchemyError

        tree = safe_query(text, dialect=self.dialect.name)
        checked = tree.sql(dialect=self.dialect.name, comments=False, normalize_functions=False)
        try:
            columns = self.dialect.query(self.connection, tree, checked)
        except SQLAlchemyError as err:
            raise MappingError(
                f"The database refuses the SQL query of the mapping: {_first_line(err)}",
                hint="Try the query in the database.",
            ) from err
        # a database may tell columns of the same name apart by itself, so the query is asked too
        names = [item.alias_or_name for item in tree.selects if item.alias_or_name != "*"]
        names += [column.name for column in columns if column.name not in names]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise MappingError(
                f"The SQL query of the mapping has two columns '{twice}'.", hint="Rename one by AS."
            )
        return Relation("the SQL query", f"({checked}\n)", tuple(columns), labels=True)

    def rows(self, text: str, *, batch_rows: int) -> Iterator[Sequence[Any]]:
        """Stream the rows of a statement that was made here, batch by batch.

        Raises
        ------
        DataBrokenError
            The database ends the query with an error.
        """
        from sqlalchemy.exc import SQLAlchemyError

        options = {"stream_results": True, "no_parameters": True, "max_row_buffer": batch_rows}
        try:
            with self.connection.exec_driver_sql(text, execution_options=options) as result:
                yield from result.partitions(batch_rows)
        except SQLAlchemyError as err:
            raise DataBrokenError(
                f"The database {self.name} ended a query: {_first_line(err)}",
                hint="Try the query in the database.",
            ) from err


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or a query: `text` stands after FROM; `labels` where its columns are those of a query."""

    said: str
    text: str
    columns: tuple[Column, ...]
    labels: bool

    def column(self, reference: str) -> Column:
        """Find the column that a reference names; raise `MappingError` if there is none."""
        identifier = column_identifier(reference)
        known = [Named(column.name, column.regular) for column in self.columns]
        found = resolve(identifier, known, what="column", where=self.said, labels=self.labels)
        return self.columns[found]


_REASONS = (
    (r"authentication failed|no password supplied|role .* does not exist|no pg_hba\.conf entry",
     "it refuses the user or the password"),
    (r"database .* does not exist", "it has no database of this name"),
    (r"resolve host|translate host name|name or service not known|nodename nor servname", "there is no such host"),
    (r"refused", "nothing listens there"),
    (r"timeout|timed out", "it does not answer"),
    (r"too many (?:clients|connections)|connection slots", "it has no connection left"),
    (r"\bssl\b", "it wants another encryption (sslmode)"),
    (r"unable to open database file", "there is no such file, or it may not be read"),
)  # fmt: skip
"""What drivers say when they cannot connect, and it in our words: theirs may show what is secret."""


def _reason(err: Exception) -> str:
    """Say why a database cannot be opened."""
    if isinstance(err, ImportError):
        return f"{err.name or 'its driver'} is not installed"
    said = str(getattr(err, "orig", None) or err)
    for pattern, reason in _REASONS:
        if re.search(pattern, said, re.IGNORECASE):
            return reason
    return type(getattr(err, "orig", None) or err).__name__


def _parsed(place: str | URL) -> URL:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(place)
    except (ArgumentError, ValueError):
        raise InputError(
            "The address of the database cannot be read.",
            hint="Write e.g. sqlite:///file.db or postgresql+psycopg://user@host/name.",
        ) from None  # the cause may show the password


def _read_only(url: URL) -> URL:
    """Give the URL of a file of SQLite so that it is neither written nor made."""
    file = url.database
    if url.get_backend_name() != "sqlite" or not file or file == ":memory:" or file.startswith("file:"):  # fmt: skip
        return url
    return url.set(database=f"file:{quote(file)}").update_query_dict({"mode": "ro", "uri": "true"})


def _first_line(error: Any) -> str:
    """Give what the database said, without the statement."""
    return str(getattr(error, "orig", None) or error).strip().split("\n", 1)[0]
