"""A store into RDF documents: N-Triples and N-Quads column by column, the other formats through pyoxigraph."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pyoxigraph as ox
from numpy.typing import NDArray

from extremeearth.core.errors import InputError, NotFoundError
from extremeearth.core.progress import SILENT, Progress, Task
from extremeearth.knowledge.rdf import (
    XSD,
    join_text,
    literal_terms,
    open_statements,
    prefixes,
    statement_lines,
    write_lines,
)
from extremeearth.knowledge.sparql.terms import Iri
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.formats import rdf_format
from extremeearth.knowledge.store.storage.contract import DEFAULT_GRAPH, UNKNOWN, Snapshot

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["dump", "term_texts", "write_nquads"]

ROWS = 500_000
"""Statements that are written at once."""


def dump(
    snapshot: Snapshot,
    target: Path | BinaryIO,
    *,
    format: str | None = None,
    graphs: Sequence[str | None] | None = None,
    progress: Progress = SILENT,
) -> int:
    """Write statements of a store to a document.

    Parameters
    ----------
    snapshot
        What to write.
    target
        A file, which appears whole at the end (packed where its name ends in ``.gz`` or ``.zst``), or an open binary
        file.
    format
        Short name (``nt``, ``nq``, ``ttl``, ``trig``, ``rdf``, ``jsonld``) or media type; by default from the ending
        of the file's name.
    graphs
        IRIs of the graphs to write, `None` among them for the default graph; all by default.
    progress
        Told of the statements written.

    Returns
    -------
    int
        How many statements were written.

    Raises
    ------
    InputError
        The format is unknown, or has no graphs and there is more than one.
    NotFoundError
        There is no such graph.
    StorageError
        The file cannot be written.
    """
    named = str(target) if isinstance(target, Path) else None
    chosen = rdf_format(format, file=named)
    numbers = None if graphs is None else _graph_numbers(snapshot, graphs)
    present = len(snapshot.graphs()) > 0 if numbers is None else len(numbers) > 1
    if not chosen.supports_datasets and present:
        raise InputError(
            f"{chosen.name} has no graphs, and there are several.",
            hint="Name one graph, or choose nq or trig.",
        )
    with open_statements(target) as file:
        if chosen in {ox.RdfFormat.N_TRIPLES, ox.RdfFormat.N_QUADS}:
            return write_nquads(
                snapshot,
                file,
                graphs=numbers,
                named=chosen == ox.RdfFormat.N_QUADS,
                progress=progress,
            )
        counted = _Counted(_quads(snapshot, numbers, progress=progress))
        things: Any = counted if chosen.supports_datasets else (q.triple for q in counted)
        ox.serialize(things, file, format=chosen, prefixes=prefixes())
        return counted.count


def write_nquads(
    snapshot: Snapshot,
    target: BinaryIO,
    *,
    graphs: Sequence[int] | None = None,
    named: bool = True,
    progress: Progress = SILENT,
) -> int:
    """Write statements as N-Quads; give how many.

    Parameters
    ----------
    snapshot
        What to write.
    target
        Open binary file.
    graphs
        Numbers of the graphs, `DEFAULT_GRAPH` for the default one; all by default.
    named
        Whether to write the graph of each statement: N-Triples without.
    progress
        Told of the statements written.
    """
    table = snapshot.scan(graphs=graphs)
    count = 0
    with Task(progress, "Dump", total=table.num_rows) as task:
        for lines in _lines(snapshot, table, named=named):
            written = write_lines(lines, target)
            count += written
            task.advance(written)
    return count


def term_texts(column: TermColumn) -> pa.LargeStringArray:
    r"""Write terms as N-Triples does.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql.terms import BlankNode, Literal
    >>> some = [Iri("urn:a"), Literal('"', language="en"), BlankNode("b"), Literal("c")]
    >>> term_texts(TermColumn.of(some)).to_pylist()
    ['<urn:a>', '"\\""@en', '_:b', '"c"']
    """
    import pyarrow as pa

    iri, blank = column.types == types.IRI, column.types == types.BLANK
    literal = types.flags(column.types, "literal")
    order = [np.flatnonzero(rows) for rows in (iri, blank, literal)]
    given = [column.values.take(pa.array(rows)) for rows in order]
    codes, back = np.unique(column.types[order[2]], return_inverse=True)
    tails = pa.array([_tail(int(code)) for code in codes], pa.large_string())
    written = pa.concat_arrays(
        [
            join_text("<", given[0], ">"),
            join_text("_:", given[1]),
            join_text(literal_terms(given[2]), tails.take(pa.array(back))),
        ]
    )
    place = np.empty(len(column), np.int64)
    place[np.concatenate(order)] = np.arange(len(column))
    return written.take(pa.array(place))


def _tail(code: int) -> str:
    """Give what stands behind the closing quote of a literal of a type."""
    kind = types.describe(code)
    if kind.language:
        return f"@{kind.language}"
    return "" if kind.datatype == f"{XSD}string" else f"^^<{kind.datatype}>"


def _lines(snapshot: Snapshot, table: pa.Table, *, named: bool) -> Iterator[Any]:
    """Write the rows of a scan, piece by piece; each term once in a piece."""
    import pyarrow as pa

    number = np.zeros(len(snapshot.terms) + 1, np.int64)
    for start in range(0, table.num_rows, ROWS):
        piece = table.slice(start, ROWS)
        columns = [piece.column(name).to_numpy() for name in ("s", "p", "o", "g")]
        for column in columns:
            number[column] = 1
        number[DEFAULT_GRAPH] = 0
        present = np.flatnonzero(number)
        number[present] = np.arange(len(present))
        texts = term_texts(snapshot.terms.take(present))
        s, p, o, g = (number[column] for column in columns)
        triples = [texts.take(pa.array(rows)) for rows in (s, p, o)]
        inside = columns[3] != DEFAULT_GRAPH
        if named and inside.any():
            graph = join_text(" ", texts.take(pa.array(g, mask=~inside))).fill_null("")
            yield join_text(triples[0], " ", triples[1], " ", triples[2], graph, " .\n")
        else:
            yield statement_lines(*triples)
        number[present] = 0


def _graph_numbers(snapshot: Snapshot, graphs: Sequence[str | None]) -> list[int]:
    names = [graph for graph in graphs if graph is not None]
    found = snapshot.terms.find(TermColumn.of([Iri(name) for name in names]))
    there = np.isin(found, snapshot.graphs()) & (found != UNKNOWN)
    for name, is_there in zip(names, there.tolist(), strict=True):
        if not is_there:
            raise NotFoundError(
                f"There is no graph <{name}>.", hint="Ask the store for its graphs."
            )
    default = [DEFAULT_GRAPH] if len(names) < len(graphs) else []
    return default + [int(number) for number in found]


def _quads(
    snapshot: Snapshot, graphs: Sequence[int] | None, *, progress: Progress
) -> Iterator[ox.Quad]:
    """Give statements as pyoxigraph wants them, those of one graph and subject together."""
    import pyarrow as pa

    table = snapshot.scan(graphs=graphs)
    columns: list[NDArray[np.int64]] = [table.column(name).to_numpy() for name in "opsg"]
    table = table.take(pa.array(np.lexsort(columns)))
    with Task(progress, "Dump", total=table.num_rows) as task:
        for lines in _lines(snapshot, table, named=True):
            text = io.BytesIO()
            write_lines(lines, text)
            yield from ox.parse(text.getvalue(), format=ox.RdfFormat.N_QUADS, lenient=True)
            task.advance(len(lines))


class _Counted:
    """An iterator that knows how many it gave."""

    def __init__(self, quads: Iterator[ox.Quad]) -> None:
        self._quads = quads
        self.count = 0

    def __iter__(self) -> Iterator[ox.Quad]:
        return self

    def __next__(self) -> ox.Quad:
        quad = next(self._quads)
        self.count += 1
        return quad
