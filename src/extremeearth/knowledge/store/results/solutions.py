"""Answers of a query: rows of terms and sets of triples, kept as columns, decoded when somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from extremeearth.core.errors import InputError
from extremeearth.knowledge.rdf.geometry_column import GeometryColumn
from extremeearth.knowledge.sparql import BlankNode, Iri, Term
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.results import graph_formats, row_formats, tables

if TYPE_CHECKING:
    import pyarrow as pa
    from geopandas import GeoDataFrame
    from pandas import DataFrame

__all__ = ["BLOCK_ROWS", "Block", "Decode", "Row", "Solutions", "Triple", "Triples", "boolean_text"]

Row = tuple[Term | None, ...]
"""One solution: a term for each variable, `None` where it is unbound."""
Triple = tuple[Iri | BlankNode, Iri, Term]
"""Subject, predicate, object."""
Decode = Callable[[int, int, int], TermColumn]
"""Gives the terms of one column from one row up to another: position of the column, first row, last row + 1."""

BLOCK_ROWS = 16_384
"""Rows that are decoded and written at once."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows one after the other: a column for each variable."""

    columns: tuple[TermColumn, ...]
    length: int


class _Columns:
    """Columns of terms that are given as terms, as whole columns, or by a function that decodes some rows."""

    __slots__ = ("_decode", "_length", "_made", "_whole")

    def __init__(self, width: int, length: int, decode: Decode) -> None:
        self._decode, self._length = decode, length
        self._whole: list[TermColumn | None] = [None] * width
        self._made: list[Row] | None = None

    @classmethod
    def of_rows(cls, width: int, rows: Sequence[Sequence[Term | None]]) -> _Columns:
        def decode(column: int, start: int, stop: int) -> TermColumn:
            return TermColumn.of(row[column] for row in rows[start:stop])

        made = cls(width, len(rows), decode)
        made._made = cast("list[Row]", rows)
        return made

    @classmethod
    def of_columns(cls, columns: Sequence[TermColumn], length: int) -> _Columns:
        def decode(column: int, start: int, stop: int) -> TermColumn:
            return columns[column].take(np.arange(start, stop))

        made = cls(len(columns), length, decode)
        made._whole = list(columns)
        return made

    def __len__(self) -> int:
        return self._length

    def column(self, at: int) -> TermColumn:
        found = self._whole[at]
        if found is None:
            found = self._whole[at] = self._decode(at, 0, self._length)
        return found

    def blocks(self, size: int) -> Iterator[Block]:
        for start in range(0, self._length, size):
            stop = min(start + size, self._length)
            found = tuple(self._decode(at, start, stop) for at in range(len(self._whole)))
            yield Block(found, stop - start)

    def rows(self) -> Sequence[Row]:
        if self._made is None:
            width = len(self._whole)
            terms = [self.column(at).terms() for at in range(width)]
            self._made = list(zip(*terms, strict=True)) if width else [()] * self._length
        return self._made


class Solutions:
    r"""The rows of a SELECT, in their order.

    They are kept as columns; terms are made when `rows`, `column` or iteration asks for them, and texts are written
    block by block.

    Parameters
    ----------
    variables
        Names without question marks.
    rows
        One term for each variable, or `None`.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import XSD, Literal
    >>> rows = Solutions(("a",), [(Literal("5", Iri(XSD + "integer")),), (None,)])
    >>> len(rows), rows.to_arrow().schema.field("a").type
    (2, DataType(int64))
    >>> rows.serialize("csv")
    b'a\r\n5\r\n\r\n'
    """

    __slots__ = ("_columns", "_geometries", "variables")

    def __init__(self, variables: Sequence[str], rows: Sequence[Row] = ()) -> None:
        self.variables = tuple(variables)
        self._columns = _Columns.of_rows(len(self.variables), rows)
        self._geometries: Callable[[TermColumn], GeometryColumn] | None = None

    @classmethod
    def of_columns(
        cls, variables: Sequence[str], columns: Sequence[TermColumn], *, length: int | None = None
    ) -> Solutions:
        """Make rows of one column for each variable; `length` is needed where there is no variable.

        Examples
        --------
        >>> Solutions.of_columns(("a",), [TermColumn.of([Iri("urn:a")])]).rows
        [(Iri(value='urn:a'),)]
        """
        made = cls(variables)
        made._columns = _Columns.of_columns(columns, len(columns[0]) if columns else length or 0)
        return made

    @classmethod
    def deferred(
        cls,
        variables: Sequence[str],
        length: int,
        decode: Decode,
        *,
        geometries: Callable[[TermColumn], GeometryColumn] | None = None,
    ) -> Solutions:
        r"""Make rows that are decoded when they are looked at.

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
        >>> Solutions.deferred(("n",), 3, numbers).serialize("csv")
        b'n\r\n0\r\n1\r\n2\r\n'
        """
        made = cls(variables)
        made._columns = _Columns(len(made.variables), length, decode)
        made._geometries = geometries
        return made

    def __len__(self) -> int:
        return len(self._columns)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Solutions):
            return NotImplemented
        return self.variables == other.variables and list(self.rows) == list(other.rows)

    __hash__ = None  # type: ignore[assignment]  # like a list

    def __repr__(self) -> str:
        return f"Solutions({self.variables}, {len(self)} rows)"

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

    # ----------------------------------------------------------------------------- tables

    def to_arrow(self) -> pa.Table:
        """Give the rows as an Arrow table with the types of their terms.

        A column whose terms are all integers becomes int64, all numbers float64, all booleans bool, all ``xsd:date``
        date32, all ``xsd:dateTime`` a timestamp (in UTC where all have a time zone); any other is text: IRIs and
        lexical forms, blank nodes as ``_:label``. Unbound is null.
        """
        return tables.arrow_table(self)

    def to_pandas(self) -> DataFrame:
        """Give the rows as a pandas frame, typed as `to_arrow` does."""
        return tables.pandas_frame(self)

    def to_geopandas(self, geometry: str | None = None, *, crs: Any = None) -> GeoDataFrame:
        """Give the rows as a GeoPandas frame: columns of geometry literals become geometries.

        Parameters
        ----------
        geometry
            Variable of the active geometry; the first that has geometry literals by default.
        crs
            Reference system of the frame. By default that of the literals where they share one, else longitude and
            latitude (CRS84), into which they are transformed.

        Raises
        ------
        InputError
            No variable holds geometries.

        Examples
        --------
        >>> from extremeearth.knowledge.rdf import GEO
        >>> from extremeearth.knowledge.sparql import Literal
        >>> point = Literal("POINT (11 48)", Iri(str(GEO) + "wktLiteral"))
        >>> Solutions(("w",), [(point,)]).to_geopandas().geometry[0].x
        11.0
        """
        return tables.geopandas_frame(self, geometry=geometry, crs=crs)

    # ------------------------------------------------------------------------------ texts

    def stream(self, format: str = "json", *, geometry: str | None = None) -> Iterator[bytes]:
        """Write the rows piece by piece; see `serialize`."""
        return row_formats.stream_rows(self, format, geometry=geometry)

    def serialize(self, format: str = "json", *, geometry: str | None = None) -> bytes:
        """Write the rows as ``json``, ``xml``, ``csv``, ``tsv`` (SPARQL 1.1), ``geojson`` or ``arrow`` (IPC stream).

        Parameters
        ----------
        format
            Short name.
        geometry
            Variable that GeoJSON features take their geometry from; the first that has any by default.

        Raises
        ------
        InputError
            The format is unknown, or there is no geometry for GeoJSON.
        """
        return b"".join(self.stream(format, geometry=geometry))


class Triples:
    r"""The triples of a CONSTRUCT or DESCRIBE, each once.

    Parameters
    ----------
    triples
        Subject, predicate and object of each.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import Literal
    >>> Triples([(Iri("urn:a"), Iri("urn:p"), Literal("x"))]).serialize("nt")
    b'<urn:a> <urn:p> "x" .\n'
    """

    __slots__ = ("_columns",)

    def __init__(self, triples: Sequence[Triple] = ()) -> None:
        self._columns = _Columns.of_rows(3, triples)

    @classmethod
    def of_columns(
        cls, subjects: TermColumn, predicates: TermColumn, objects: TermColumn
    ) -> Triples:
        """Make triples of three columns."""
        made = cls()
        made._columns = _Columns.of_columns((subjects, predicates, objects), len(subjects))
        return made

    @classmethod
    def deferred(cls, length: int, decode: Decode) -> Triples:
        """Make triples that are decoded when they are looked at; see `Solutions.deferred`."""
        made = cls()
        made._columns = _Columns(3, length, decode)
        return made

    def __len__(self) -> int:
        return len(self._columns)

    def __iter__(self) -> Iterator[Triple]:
        return iter(self.triples)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Triples) and list(self.triples) == list(other.triples)

    __hash__ = None  # type: ignore[assignment]  # like a list

    def __repr__(self) -> str:
        return f"Triples({len(self)})"

    @property
    def triples(self) -> Sequence[Triple]:
        """All triples as terms; made at the first look."""
        return cast("Sequence[Triple]", self._columns.rows())

    def blocks(self, size: int = BLOCK_ROWS) -> Iterator[Block]:
        """Give subjects, predicates and objects as columns, some at a time."""
        return self._columns.blocks(size)

    def stream(self, format: str = "ttl") -> Iterator[bytes]:
        """Write the graph piece by piece; see `serialize`."""
        return graph_formats.stream_triples(self, format)

    def serialize(self, format: str = "ttl") -> bytes:
        """Write the graph as ``ttl``, ``nt``, ``rdf``, ``jsonld``, ``nq`` or ``trig``.

        Raises
        ------
        InputError
            The format is unknown.
        """
        return b"".join(self.stream(format))


def boolean_text(value: bool, format: str) -> bytes:
    """Write the answer of an ASK.

    Examples
    --------
    >>> boolean_text(True, "json")
    b'{"head":{},"boolean":true}'
    """
    word = "true" if value else "false"
    if format == "json":
        return f'{{"head":{{}},"boolean":{word}}}'.encode()
    if format == "xml":
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<sparql xmlns="{row_formats.RESULTS_XML}">'
            f"<head/><boolean>{word}</boolean></sparql>\n"
        ).encode()
    return word.encode()
