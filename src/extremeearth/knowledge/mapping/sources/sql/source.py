"""Tables and queries of databases as sources, and the joins that the database makes itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from extremeearth.core.errors import MappingError
from extremeearth.knowledge.mapping.frames import Frame
from extremeearth.knowledge.mapping.rules.document import (
    SQL_QUERY,
    SQL_TABLE,
    Join,
    Reference,
    ReferencingMap,
    references_of,
)
from extremeearth.knowledge.mapping.sources.contract import Source, SourceRequest
from extremeearth.knowledge.mapping.sources.geometry_options import GeometryOptions
from extremeearth.knowledge.mapping.sources.sql.columns import (
    Column,
    ColumnValues,
    Kind,
    are_curved,
)
from extremeearth.knowledge.mapping.sources.sql.databases import Database, Relation
from extremeearth.knowledge.mapping.sources.sql.text import quoted

__all__ = ["SqlSource", "joint_sides", "open_sql"]

CURVED = "is a curved geometry, which cannot be read"


@dataclass(frozen=True)
class SqlSource:
    """A table or a query of a database."""

    database: Database
    relation: Relation
    options: GeometryOptions = field(default_factory=GeometryOptions)

    def check(self, references: tuple[str, ...]) -> None:
        """Raise `MappingError` if a column is missing."""
        for reference in references:
            self.relation.column(reference)

    def frames(self, references: tuple[str, ...], *, batch_rows: int) -> Iterator[Frame]:
        """Stream the rows."""
        columns = {reference: self.relation.column(reference) for reference in references}
        asked = [
            self.database.dialect.selected(column, f"s.{quoted(column.name)}")
            for column in columns.values()
        ]
        text = f"SELECT {', '.join(asked) or '1'} FROM {self.relation.text} AS s"  # noqa: S608 - names are quoted
        first = 0
        found: Counter[str] = Counter()
        for rows in self.database.rows(text, batch_rows=batch_rows):
            values = list(zip(*rows, strict=True))
            yield self._frame(columns, values, found, rows=len(rows), first=first)
            first += len(rows)
        self.options.note(self.relation.said, found)

    def joined(
        self,
        parent: SqlSource,
        joins: tuple[Join, ...],
        *,
        reads: tuple[tuple[str, ...], tuple[str, ...]],
        batch_rows: int,
    ) -> Iterator[tuple[Frame, Frame]]:
        """Stream the pairs of rows that R2RML's joint query finds (section 8); `reads` are the references of each.

        Equal values of different types are compared as texts.
        """
        dialect = self.database.dialect
        sides = (self, parent)
        columns = [
            {name: side.relation.column(name) for name in names}
            for side, names in zip(sides, reads, strict=True)
        ]
        asked = [
            dialect.selected(column, f"{alias}.{quoted(column.name)}")
            for alias, needed in zip("cp", columns, strict=True)
            for column in needed.values()
        ]
        where = []
        for join in joins:
            (own,), (theirs,) = (tuple(references_of(e)) for e in (join.child, join.parent))
            child, other = self.relation.column(own), parent.relation.column(theirs)
            pair = [f"c.{quoted(child.name)}", f"p.{quoted(other.name)}"]
            if child.kind is not other.kind:
                pair = [f"CAST({side} AS text)" for side in pair]
            where.append(" = ".join(pair))
        text = (
            f"SELECT {', '.join(asked) or '1'} "  # noqa: S608 - names are quoted, queries were checked
            f"FROM {self.relation.text} AS c, {parent.relation.text} AS p"
            f" WHERE {' AND '.join(where)}"
        )
        split, first = len(columns[0]), 0
        found: Counter[str] = Counter()
        for rows in self.database.rows(text, batch_rows=batch_rows):
            values = list(zip(*rows, strict=True))
            yield (
                self._frame(columns[0], values[:split], found, rows=len(rows), first=first),
                parent._frame(columns[1], values[split:], found, rows=len(rows), first=first),
            )
            first += len(rows)

    def _frame(
        self,
        columns: dict[str, Column],
        values: Sequence[Sequence[Any]],
        found: Counter[str],
        *,
        rows: int,
        first: int,
    ) -> Frame:
        read: dict[str, ColumnValues] = {}
        crs = self.options.system()
        for (name, column), given in zip(columns.items(), values, strict=False):
            shaped = column.kind is Kind.GEOMETRY
            sound = self._straight(column, given, found, first) if shaped else given
            read[name] = self.database.dialect.values(column, sound, crs=crs)
        return Frame(
            columns={name: item.array for name, item in read.items()},
            rows=rows,
            systems={name: item.crs for name, item in read.items() if item.crs is not None},
            first_row=first,
        )

    def _straight(
        self, column: Column, shapes: Sequence[Any], found: Counter[str], first: int
    ) -> Sequence[Any]:
        """Leave out and count shapes with curves, or raise `DataBrokenError`, as the options say."""
        curved = np.flatnonzero(are_curved(shapes))
        if not len(curved):
            return shapes
        place = f"{column.name} of row {first + int(curved[0])} of {self.relation.said}"
        mend = "Make it straight, e.g. with ST_CurveToLine in a query"
        self.options.broken(found, CURVED, place, len(curved), mend=mend)
        left_out = set(curved.tolist())
        return [None if row in left_out else shape for row, shape in enumerate(shapes)]


def joint_sides(
    child: Source, parent: Source, joined: ReferencingMap
) -> tuple[SqlSource, SqlSource] | None:
    """Give both sides if the database itself can join them: it has both, and the values are columns."""
    left, right = (getattr(side, "inner", side) for side in (child, parent))
    if not joined.joins or not isinstance(left, SqlSource) or not isinstance(right, SqlSource):
        return None
    plain = all(
        isinstance(part, Reference) for join in joined.joins for part in (join.child, join.parent)
    )
    return (left, right) if plain and left.database is right.database else None


def open_sql(request: SourceRequest) -> Source | None:
    """Open a table or a query of a database.

    Raises
    ------
    MappingError
        There is no database, or what is asked of it is not there.
    """
    source = request.source
    if source.formulation not in {SQL_TABLE, SQL_QUERY}:
        return None
    if source.formulation == SQL_TABLE and _is_table(request.given):
        return None  # a table in memory may stand for one of a database
    if not isinstance(request.given, Database):
        raise MappingError(
            f"The mapping reads {source.iterator or 'a table'} of a database, and none was given.",
            hint='Give it: database="postgresql+psycopg://..." in Python, --database on the command line.',
        )
    if not source.iterator:
        raise MappingError("The mapping names neither a table nor a query of the database.")
    reads = request.given.table if source.formulation == SQL_TABLE else request.given.query
    return SqlSource(request.given, reads(source.iterator), request.geometry)


def _is_table(given: Any) -> bool:
    if given is None or isinstance(given, pa.Table | Database):
        return isinstance(given, pa.Table)
    import pandas as pd

    return isinstance(given, pd.DataFrame)
