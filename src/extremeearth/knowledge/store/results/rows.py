"""Rows of terms, kept as columns and decoded when somebody looks; what tables and texts of answers are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self, cast

import numpy as np

from extremeearth.core.errors import InputError
from extremeearth.knowledge.rdf.geometry_column import GeometryColumn
from extremeearth.knowledge.sparql import Term
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn

__all__ = ["BLOCK_ROWS", "Block", "Columns", "Decode", "Row", "Rows"]

Row = tuple[Term | None, ...]
"""One solution: a term for each variable, `None` where it is unbound."""
Decode = Callable[[int, int, int], TermColumn]
"""Gives the terms of one column from one row up to another: position of the column, first row, last row + 1."""

BLOCK_ROWS = 16_384
"""Rows that are decoded and written at once."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows one after the other: a column for each variable."""

    columns: tuple[TermColumn, ...]
    length: int


class Columns:
    """Columns of terms that are given as terms, as whole columns, or by a function that decodes some rows.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import Iri
    >>> columns = Columns.of_rows(1, [(Iri("urn:a"),), (None,)])
    >>> [block.length for block in columns.blocks(1)], columns.column(0).present.tolist()
    ([1, 1], [True, False])
    """

    __slots__ = ("_decode", "_length", "_made", "_whole")

    def __init__(self, width: int, length: int, decode: Decode) -> None:
        self._decode, self._length = decode, length
        self._whole: list[TermColumn | None] = [None] * width
        self._made: list[Row] | None = None

    @classmethod
    def of_rows(cls, width: int, rows: Sequence[Sequence[Term | None]]) -> Columns:
        """Keep rows of terms."""

        def decode(column: int, start: int, stop: int) -> TermColumn:
            return TermColumn.of(row[column] for row in rows[start:stop])

        made = cls(width, len(rows), decode)
        made._made = cast("list[Row]", rows)
        return made

    @classmethod
    def of_columns(cls, columns: Sequence[TermColumn], length: int) -> Columns:
        """Keep whole columns of a length."""

        def decode(column: int, start: int, stop: int) -> TermColumn:
            return columns[column].take(np.arange(start, stop))

        made = cls(len(columns), length, decode)
        made._whole = list(columns)
        return made

    def __len__(self) -> int:
        return self._length

    def column(self, at: int) -> TermColumn:
        """Give a whole column by its place; decoded at the first look."""
        found = self._whole[at]
        if found is None:
            found = self._whole[at] = self._decode(at, 0, self._length)
        return found

    def blocks(self, size: int) -> Iterator[Block]:
        """Give some rows at a time."""
        for start in range(0, self._length, size):
            stop = min(start + size, self._length)
            found = tuple(self._decode(at, start, stop) for at in range(len(self._whole)))
            yield Block(found, stop - start)

    def rows(self) -> Sequence[Row]:
        """Give all rows as terms; made at the first look."""
        if self._made is None:
            width = len(self._whole)
            terms = [self.column(at).terms() for at in range(width)]
            self._made = list(zip(*terms, strict=True)) if width else [()] * self._length
        return self._made


class Rows:
    """Terms by variable and row.

    Parameters
    ----------
    variables
        Names without question marks.
    rows
        One term for each variable, or `None`.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import Iri
    >>> rows = Rows(("a",), [(Iri("urn:a"),), (None,)])
    >>> rows.column("a")
    [Iri(value='urn:a'), None]
    """

    __slots__ = ("_columns", "_geometries", "variables")

    def __init__(self, variables: Sequence[str], rows: Sequence[Row] = ()) -> None:
        self.variables = tuple(variables)
        self._columns = Columns.of_rows(len(self.variables), rows)
        self._geometries: Callable[[TermColumn], GeometryColumn] | None = None

    @classmethod
    def of_columns(
        cls, variables: Sequence[str], columns: Sequence[TermColumn], *, length: int | None = None
    ) -> Self:
        """Make rows of one column for each variable; `length` is needed where there is no variable.

        Examples
        --------
        >>> from extremeearth.knowledge.sparql import Iri
        >>> Rows.of_columns(("a",), [TermColumn.of([Iri("urn:a")])]).rows
        [(Iri(value='urn:a'),)]
        """
        made = cls(variables)
        made._columns = Columns.of_columns(columns, len(columns[0]) if columns else length or 0)
        return made

    @classmethod
    def deferred(
        cls,
        variables: Sequence[str],
        length: int,
        decode: Decode,
        *,
        geometries: Callable[[TermColumn], GeometryColumn] | None = None,
    ) -> Self:
        """Make rows that are decoded when they are looked at.

        Parameters
        ----------
        variables
            Names without question marks.
        length
            How many rows there are.
        decode
            Gives the terms of a column, by its position, from a row up to another.
        geometries
            Reads geometry literals; parses them by default.

        Examples
        --------
        >>> numbers = lambda column, start, stop: TermColumn.of_values(
        ...     types.INTEGER, [str(i) for i in range(start, stop)]
        ... )
        >>> [block.length for block in Rows.deferred(("n",), 3, numbers).blocks(2)]
        [2, 1]
        """
        made = cls(variables)
        made._columns = Columns(len(made.variables), length, decode)
        made._geometries = geometries
        return made

    def __len__(self) -> int:
        return len(self._columns)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rows):
            return NotImplemented
        return self.variables == other.variables and list(self.rows) == list(other.rows)

    __hash__ = None  # type: ignore[assignment]  # like a list

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.variables}, {len(self)} rows)"

    @property
    def rows(self) -> Sequence[Row]:
        """All rows as terms; made at the first look."""
        return self._columns.rows()

    def blocks(self, size: int = BLOCK_ROWS) -> Iterator[Block]:
        """Give the rows as columns of terms, some at a time."""
        return self._columns.blocks(size)

    def _at(self, variable: str) -> int:
        if variable not in self.variables:
            raise InputError(
                f"The answer has no variable '{variable}'.",
                hint=f"It has {', '.join(self.variables) or 'none'}.",
            )
        return self.variables.index(variable)

    def column(self, variable: str) -> list[Term | None]:
        """Give all terms of one variable.

        Raises
        ------
        InputError
            The variable is not among those that were asked for.
        """
        return self.terms(variable).terms()

    def terms(self, variable: str) -> TermColumn:
        """Give all terms of one variable as a column."""
        return self._columns.column(self._at(variable))

    def geometry_variable(self, name: str | None = None) -> str | None:
        """Find the variable that holds geometries: the one that is named, or the first that has any.

        Raises
        ------
        InputError
            The variable that is named is none of the answer, or has other terms than geometries.
        """
        if name is not None:
            codes = self.terms(name).types
            if not types.flags(codes[codes >= 0], "geometry").all():
                raise InputError(
                    f"?{name} holds terms that are no geometry literals.",
                    hint="Name a variable of e.g. geo:asWKT.",
                )
            return name
        waiting = list(self.variables)
        for block in self.blocks():
            for variable in waiting:
                codes = block.columns[self.variables.index(variable)].types
                if types.flags(codes, "geometry").any():
                    return variable
        return None

    def read_geometries(self, column: TermColumn) -> GeometryColumn:
        """Read geometry literals; what is none, or cannot be read, gives no shape."""
        if self._geometries is not None:
            return self._geometries(column)
        from extremeearth.knowledge.store.geosparql.literals import read_geometries

        return read_geometries(column)
