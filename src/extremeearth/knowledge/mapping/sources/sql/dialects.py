"""What SQLite and PostgreSQL do differently: their catalogues, and how values are asked for and read."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
from odc.geo.crs import CRS

from extremeearth.knowledge.mapping.sources.sql.columns import (
    Column,
    ColumnValues,
    Kind,
    declared_kind,
    double_values,
    geometry_values,
    mixed_values,
    text_values,
)
from extremeearth.knowledge.mapping.sources.sql.text import Identifier, Named, quoted, resolve
from extremeearth.knowledge.rdf import TEXT

__all__ = ["Dialect", "Postgres", "Sqlite", "dialect_of"]


class Dialect(Protocol):
    """One database system."""

    name: str
    """As sqlglot calls it."""

    def begin(self, connection: Any) -> None:
        """See to it that nothing can be changed, and that all queries see the same state."""

    def table(self, connection: Any, parts: tuple[Identifier, ...]) -> tuple[str, list[Column]]:
        """Give the quoted name of a table or view, and its columns."""

    def query(self, connection: Any, tree: Any, text: str) -> list[Column]:
        """Give the columns of a query."""

    def selected(self, column: Column, expression: str) -> str:
        """Write how a column is asked for."""

    def values(
        self, column: Column, values: Sequence[Any], *, crs: CRS | None = None
    ) -> ColumnValues:
        """Turn what came for a column into Arrow; `crs` is the system of shapes that name none."""


class Sqlite:
    """SQLite: values carry their type, declared types only say what they mean."""

    name = "sqlite"

    def begin(self, connection: Any) -> None:
        """Open one reading transaction."""
        connection.exec_driver_sql("PRAGMA query_only = ON")

    def table(self, connection: Any, parts: tuple[Identifier, ...]) -> tuple[str, list[Column]]:
        """Look a table up in the schema; how its names were declared is told by its own statement."""
        rows = connection.exec_driver_sql(
            "SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name"
        ).all()
        declared = [_declared_names(sql) for _, sql in rows]
        named = [
            Named(name, regular=name in regular)
            for (name, _), regular in zip(rows, declared, strict=True)
        ]
        found = resolve(parts[-1], named, what="table", where="the database")
        name = rows[found][0]
        columns = []
        described = connection.exec_driver_sql(f"PRAGMA table_xinfo({quoted(name)})").all()
        for row in described:
            kind, width = declared_kind(row[2])
            columns.append(Column(row[1], kind, row[1] in declared[found], width))
        return quoted(name), columns

    def query(self, connection: Any, tree: Any, text: str) -> list[Column]:
        """Give the labels; a column of a table keeps its kind, other values tell theirs themselves."""
        from sqlglot import exp

        labelled = f"SELECT * FROM ({text}\n) AS q LIMIT 0"  # noqa: S608 - the query was checked
        result = connection.exec_driver_sql(labelled)
        labels = list(result.keys())
        result.close()
        known: dict[str, set[tuple[Kind, int | None]]] = {}
        for name in {t.name for t in tree.find_all(exp.Table)}:
            for row in connection.exec_driver_sql(f"PRAGMA table_xinfo({quoted(name)})").all():
                known.setdefault(row[1].casefold(), set()).add(declared_kind(row[2]))
        origins = _origins(tree)
        columns = []
        for label in labels:
            kinds = known.get(origins.get(label, "" if origins else label).casefold(), set())
            kind, width = next(iter(kinds)) if len(kinds) == 1 else (Kind.UNKNOWN, None)
            columns.append(Column(label, kind, width=width))
        return columns

    def selected(self, column: Column, expression: str) -> str:
        """Ask for the value as it is stored."""
        return expression

    def values(
        self, column: Column, values: Sequence[Any], *, crs: CRS | None = None
    ) -> ColumnValues:
        """Read values by their own type, and say more where the declared one does."""
        read = mixed_values(values)
        array, kind = read.array, column.kind
        if kind is Kind.BOOLEAN and pa.types.is_integer(array.type):
            return ColumnValues(pc.not_equal(array, 0))
        if kind is Kind.DOUBLE and pa.types.is_integer(array.type):
            return double_values(pc.cast(array, pa.float64(), safe=False))
        if kind is Kind.DECIMAL and {type(v) for v in values} <= {int, float, type(None)}:
            full = [None if v is None else format(Decimal(repr(v)), "f") for v in values]
            return text_values(kind, pa.array(full, TEXT))
        if pa.types.is_large_string(array.type):
            if column.width is not None:
                array = pc.utf8_rpad(array, width=column.width)
            if kind in {Kind.DATE, Kind.TIME, Kind.TIMESTAMP}:
                return text_values(kind, array)
        return ColumnValues(array)


def _declared_names(sql: str | None) -> frozenset[str]:
    """List the names of a table and its columns that were declared without quotes."""
    import sqlglot
    from sqlglot import exp

    try:
        tree = sqlglot.parse_one(sql or "", dialect="sqlite")
    except (sqlglot.errors.SqlglotError, RecursionError):
        return frozenset()  # then case decides, as for names that are declared with quotes
    names = [node.this for node in tree.find_all(exp.ColumnDef, exp.Table)]
    return frozenset(n.name for n in names if isinstance(n, exp.Identifier) and not n.quoted)


def _origins(tree: Any) -> dict[str, str]:
    """Give the column behind each label of a query, where it is one, and `{}` where a star hides them."""
    from sqlglot import exp

    if any(isinstance(item, exp.Star) for item in tree.selects):
        return {}
    return {
        item.alias_or_name: item.unalias().name if isinstance(item.unalias(), exp.Column) else ""
        for item in tree.selects
        if not item.is_star
    }


_KINDS = {
    "int2": Kind.INTEGER, "int4": Kind.INTEGER, "int8": Kind.INTEGER, "oid": Kind.INTEGER,
    "numeric": Kind.DECIMAL, "float4": Kind.DOUBLE, "float8": Kind.DOUBLE, "bool": Kind.BOOLEAN,
    "date": Kind.DATE, "time": Kind.TIME, "timestamp": Kind.TIMESTAMP, "timestamptz": Kind.INSTANT,
    "text": Kind.TEXT, "varchar": Kind.TEXT, "bpchar": Kind.TEXT, "bytea": Kind.BINARY,
    "geometry": Kind.GEOMETRY, "geography": Kind.GEOMETRY,
}  # fmt: skip


class Postgres:
    """PostgreSQL, with PostGIS where it is installed."""

    name = "postgres"

    def begin(self, connection: Any) -> None:
        """Nothing to do: the transaction was opened read-only, see `options`."""

    def table(self, connection: Any, parts: tuple[Identifier, ...]) -> tuple[str, list[Column]]:
        """Look a table up in its schema, or in those of the search path."""
        rows = connection.exec_driver_sql(
            "SELECT n.nspname, c.relname, pg_table_is_visible(c.oid) FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND n.nspname <> 'information_schema'"
            " AND n.nspname !~ '^pg_' ORDER BY 1, 2"
        ).all()
        if len(parts) > 1:
            schemas = sorted({row[0] for row in rows})
            named = [Named(schema) for schema in schemas]
            schema = schemas[resolve(parts[-2], named, what="schema", where="the database")]
            rows = [row for row in rows if row[0] == schema]
        else:
            rows = [row for row in rows if row[2]]
        found = resolve(parts[-1], [Named(r[1]) for r in rows], what="table", where="the database")
        name = quoted(*rows[found][:2])
        return name, self._columns(connection, f"SELECT * FROM {name} LIMIT 0")  # noqa: S608 - it is quoted

    def query(self, connection: Any, tree: Any, text: str) -> list[Column]:
        """Ask the database for the columns' types."""
        return self._columns(connection, f"SELECT * FROM ({text}\n) AS q LIMIT 0")  # noqa: S608 - it was checked

    def _columns(self, connection: Any, text: str) -> list[Column]:
        result = connection.exec_driver_sql(text)
        described = [(item[0], item[1]) for item in result.cursor.description]
        result.close()
        types = ", ".join(sorted({str(int(code)) for _, code in described})) or "0"
        found = connection.exec_driver_sql(
            f"SELECT oid::bigint, typname FROM pg_type WHERE oid IN ({types})"  # noqa: S608 - numbers
        )
        names = {row[0]: row[1] for row in found}
        return [
            Column(name, _KINDS.get(names.get(code, ""), Kind.UNKNOWN)) for name, code in described
        ]

    def selected(self, column: Column, expression: str) -> str:
        """Ask for numbers and texts as they are, for shapes as WKB, for all else as text: Python has no year 10000."""
        if column.kind in {Kind.INTEGER, Kind.DOUBLE, Kind.BOOLEAN, Kind.TEXT}:
            return expression
        if column.kind is Kind.BINARY:
            return f"upper(encode({expression}, 'hex'))"
        if column.kind is Kind.GEOMETRY:
            return f"ST_AsEWKB({expression}::geometry)"
        if column.kind is Kind.INSTANT:
            return f"CAST({expression} AT TIME ZONE 'UTC' AS text)"
        return f"CAST({expression} AS text)"

    def values(
        self, column: Column, values: Sequence[Any], *, crs: CRS | None = None
    ) -> ColumnValues:
        """Read what `selected` asked for."""
        if column.kind is Kind.GEOMETRY:
            shapes = [None if v is None else bytes(v) for v in values]
            return geometry_values(shapes, name=column.name, crs=crs)
        if column.kind is Kind.INTEGER:
            return ColumnValues(pa.array(values, pa.int64()))
        if column.kind is Kind.DOUBLE:
            return double_values(pa.array(values, pa.float64()))
        if column.kind is Kind.BOOLEAN:
            return ColumnValues(pa.array(values, pa.bool_()))
        return text_values(column.kind, pa.array(values, TEXT))


def dialect_of(name: str) -> Dialect | None:
    """Give the dialect that SQLAlchemy calls by this name, or `None` if it is not supported.

    Examples
    --------
    >>> dialect_of("postgresql").name
    'postgres'
    """
    if name == "sqlite":
        return Sqlite()
    return Postgres() if name == "postgresql" else None
