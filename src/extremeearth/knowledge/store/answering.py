"""The four forms of a query: rows, truth, constructed triples, descriptions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from extremeearth.core.errors import LimitError
from extremeearth.knowledge.sparql import algebra as a
from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql import translate
from extremeearth.knowledge.sparql.terms import Iri, Variable
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.execution import Evaluator, Rows
from extremeearth.knowledge.store.execution.run import group_rows, ids_of
from extremeearth.knowledge.store.results.solutions import Decode, Solutions, Triples
from extremeearth.knowledge.store.storage.contract import DEFAULT_GRAPH, UNKNOWN, Snapshot
from extremeearth.knowledge.store.templates import quads_of, template_variables

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["NumberedRows", "answer", "read_graph"]

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class NumberedRows:
    """Rows of an evaluator as templates want them."""

    rows: Rows

    def __len__(self) -> int:
        return len(self.rows)

    def numbers(self, variable: str) -> Numbers:
        """Give the number of each term, 0 where the variable is unbound."""
        return ids_of(self.rows.table, variable)

    def decode(self, ids: Numbers) -> TermColumn:
        """Give the terms of numbers."""
        return self.rows.terms.decode(ids)

    def types(self, ids: Numbers) -> NDArray[np.int32]:
        """Give the type codes of numbers of stored terms."""
        return self.rows.terms.stored.types(ids)


def answer(
    query: s.Query, evaluator: Evaluator, *, most: int | None = None
) -> Solutions | bool | Triples:
    """Answer a query.

    Parameters
    ----------
    query
        From `parse_query`.
    evaluator
        Over the snapshot that is asked.
    most
        Most rows or triples.

    Raises
    ------
    LimitError
        There are more than `most`.
    """
    match query:
        case s.SelectQuery():
            return _select(query, evaluator, most)
        case s.AskQuery():
            return len(evaluator.rows(a.Slice(translate(query), 0, 1))) > 0
        case s.ConstructQuery():
            return _construct(query, evaluator, most)
        case s.DescribeQuery():
            return _describe(query, evaluator, most)


def _too_many(most: int, what: str) -> LimitError:
    return LimitError(
        f"The answer has more than {most} {what}.", hint="Ask for less, e.g. with a LIMIT."
    )


def _decoder(evaluator: Evaluator, columns: Sequence[Numbers]) -> Decode:
    def decode(column: int, start: int, stop: int) -> TermColumn:
        return evaluator.terms.decode(columns[column][start:stop])

    return decode


def _select(query: s.SelectQuery, evaluator: Evaluator, most: int | None) -> Solutions:
    algebra = translate(query)
    if most is not None and not (query.modifier.limit is not None and query.modifier.limit <= most):
        algebra = a.Slice(algebra, 0, most + 1)
    rows = evaluator.rows(algebra)
    if most is not None and len(rows) > most:
        raise _too_many(most, "rows")
    columns = [ids_of(rows.table, name) for name in rows.variables]
    decode = _decoder(evaluator, columns)
    return Solutions.deferred(rows.variables, len(rows), decode, geometries=evaluator.geometries)


def _construct(query: s.ConstructQuery, evaluator: Evaluator, most: int | None) -> Triples:
    blocks = (s.QuadBlock(None, query.template),)
    algebra = a.Project(translate(query), template_variables(blocks))
    rows = evaluator.rows(algebra)
    quads = quads_of(blocks, NumberedRows(rows), number=evaluator.terms.encode)
    return _triples(quads, evaluator, most)


def _triples(quads: pa.Table, evaluator: Evaluator, most: int | None) -> Triples:
    columns = [quads[name].to_numpy() for name in ("s", "p", "o")]
    first, _ = group_rows(columns, quads.num_rows)
    if most is not None and len(first) > most:
        raise _too_many(most, "triples")
    return Triples.deferred(len(first), _decoder(evaluator, [column[first] for column in columns]))


def _describe(query: s.DescribeQuery, evaluator: Evaluator, most: int | None) -> Triples:
    """Give the triples whose subject is a resource, and those of the blank nodes they lead to."""
    import pyarrow as pa

    graphs = _default_graphs(evaluator)
    waiting = _resources(query, evaluator)
    known: set[int] = set(waiting)
    found: list[pa.Table] = []
    count = 0
    while waiting:
        pieces = [evaluator.snapshot.scan(subject=r, graphs=graphs) for r in waiting]
        evaluator.token.check()
        table = pa.concat_tables(pieces)
        found.append(table)
        count += table.num_rows
        if most is not None and count > most:
            raise _too_many(most, "triples")
        objects = np.unique(table["o"].to_numpy())
        blank = objects[evaluator.snapshot.terms.types(objects) == types.BLANK]
        waiting = [b for b in blank.tolist() if b not in known]
        known.update(waiting)
    if not found:
        return Triples()
    return _triples(pa.concat_tables(found), evaluator, most)


def _default_graphs(evaluator: Evaluator) -> list[int]:
    if evaluator.default_graphs is None:
        return [DEFAULT_GRAPH]
    names = TermColumn.of([Iri(iri) for iri in evaluator.default_graphs])
    return [n for n in evaluator.snapshot.terms.find(names).tolist() if n != UNKNOWN]


def _resources(query: s.DescribeQuery, evaluator: Evaluator) -> list[int]:
    """Give the numbers of what is to be described, each once, literals left out."""
    iris = [r for r in query.resources or () if isinstance(r, Iri)]
    named = evaluator.snapshot.terms.find(TermColumn.of(iris)) if iris else np.zeros(0, np.int64)
    parts = [named]
    variables = [r for r in query.resources or () if isinstance(r, Variable)]
    if query.where is not None and (query.resources is None or variables):
        algebra = translate(query)
        rows = evaluator.rows(algebra if not variables else a.Project(algebra, tuple(variables)))
        names = [v.name for v in variables] or [n for n in rows.variables if n[:1] != "."]
        parts += [ids_of(rows.table, name) for name in names]
    ids = np.unique(np.concatenate(parts))
    stored = ids[(ids > 0) & (ids <= len(evaluator.snapshot.terms))]
    codes = evaluator.snapshot.terms.types(stored)
    return [int(n) for n in stored[(codes == types.IRI) | (codes == types.BLANK)]]


def read_graph(snapshot: Snapshot, graph: str | None) -> Triples:
    """Give all triples of a graph, of the default graph for `None`; none where there is no such graph.

    Examples
    --------
    >>> from extremeearth.knowledge.store.storage import open_storage
    >>> len(read_graph(open_storage(None).snapshot(), None))
    0
    """
    number = DEFAULT_GRAPH
    if graph is not None:
        number = int(snapshot.terms.find(TermColumn.of([Iri(graph)]))[0])
        if number == UNKNOWN:
            return Triples()
    quads = snapshot.scan(graphs=[number])
    columns = [quads[name].to_numpy() for name in ("s", "p", "o")]

    def decode(column: int, start: int, stop: int) -> TermColumn:
        return snapshot.terms.take(columns[column][start:stop])

    return Triples.deferred(quads.num_rows, decode)
