"""Answers of a query: rows of terms and sets of triples, as terms, tables and texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from extremeearth.knowledge.sparql import BlankNode, Iri, Term
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.results import graph_formats, row_formats, tables
from extremeearth.knowledge.store.results.rows import BLOCK_ROWS, Block, Columns, Decode, Row, Rows

if TYPE_CHECKING:
    import pyarrow as pa
    from geopandas import GeoDataFrame
    from pandas import DataFrame

__all__ = ["Decode", "Row", "Solutions", "Triple", "Triples", "boolean_text"]

Triple = tuple[Iri | BlankNode, Iri, Term]
"""Subject, predicate, object."""


class Solutions(Rows):
    r"""The rows of a SELECT, in their order.

    They are kept as columns (see `Rows`); terms are made when `rows`, `column` or iteration asks for them, and texts
    are written block by block.

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

    __slots__ = ()

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
        self._columns = Columns.of_rows(3, triples)

    @classmethod
    def of_columns(
        cls, subjects: TermColumn, predicates: TermColumn, objects: TermColumn
    ) -> Triples:
        """Make triples of three columns."""
        made = cls()
        made._columns = Columns.of_columns((subjects, predicates, objects), len(subjects))
        return made

    @classmethod
    def deferred(cls, length: int, decode: Decode) -> Triples:
        """Make triples that are decoded when they are looked at; see `Solutions.deferred`."""
        made = cls()
        made._columns = Columns(3, length, decode)
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
        return graph_formats.stream_triples(self.blocks(), format)

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
