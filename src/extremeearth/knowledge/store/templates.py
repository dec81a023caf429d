"""Templates of updates and of CONSTRUCT, filled with solutions: numbers in, quads as numbers out."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.terms import BlankNode, Variable
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.execution.query_terms import FIRST_COMPUTED
from extremeearth.knowledge.store.storage.contract import DEFAULT_GRAPH

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Numbered", "data_quads", "quad_table", "quads_of", "template_variables"]

Numbers = NDArray[np.int64]
Number = Callable[[TermColumn], Numbers]
"""Gives numbers of terms; below 1 where a term is not known."""


class Numbered(Protocol):
    """Solutions as numbers: those of stored terms, and from `FIRST_COMPUTED` those the query made itself."""

    def __len__(self) -> int:
        """Count the solutions."""

    def numbers(self, variable: str) -> Numbers:
        """Give the number of each term, 0 where the variable is unbound."""

    def decode(self, ids: Numbers) -> TermColumn:
        """Give the terms of numbers."""

    def types(self, ids: Numbers) -> NDArray[np.int32]:
        """Give the type codes of numbers of stored terms."""


def template_variables(blocks: Iterable[s.QuadBlock]) -> tuple[Variable, ...]:
    """Give the variables of a template, each once.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import parse_update
    >>> update = parse_update("DELETE { ?a ?p 1 } WHERE { ?a ?p ?o }")
    >>> [v.name for v in template_variables(update.operations[0].delete)]
    ['a', 'p']
    """
    found: dict[Variable, None] = {}
    for block in blocks:
        nodes = [n for t in block.triples for n in (t.subject, t.predicate, t.object)]
        found |= {n: None for n in [*nodes, block.graph] if isinstance(n, Variable)}
    return tuple(found)


def quads_of(
    blocks: Sequence[s.QuadBlock],
    solutions: Numbered,
    *,
    number: Number,
    default: int = DEFAULT_GRAPH,
) -> pa.Table:
    """Fill a template with every solution; what would be no RDF is left out (SPARQL 1.1 Update, section 4.2.2).

    Parameters
    ----------
    blocks
        The template.
    solutions
        What its variables are bound to.
    number
        Gives the numbers of terms: new ones for what is inserted, unknown ones for what is deleted.
    default
        Number of the graph of what names none.

    Returns
    -------
    pyarrow.Table
        Columns ``s p o g``; a quad may come more than once.
    """
    filler = _Filler(solutions, number)
    pieces: list[list[Numbers]] = []
    for block in blocks:
        graphs = (
            np.full(len(solutions), default, np.int64)
            if block.graph is None
            else filler.part(block.graph, iri=True)
        )
        for triple in block.triples:
            # the template of a parsed update has no paths
            predicate: Any = triple.predicate
            columns = [
                filler.part(triple.subject, literal=False),
                filler.part(predicate, iri=True),
                filler.part(triple.object),
                graphs,
            ]
            keep = (columns[0] > 0) & (columns[1] > 0) & (columns[2] > 0) & (columns[3] >= 0)
            if block.graph is not None:
                keep &= graphs > 0
            pieces.append([column[keep] for column in columns])
    joined = [np.concatenate([p[i] for p in pieces] or [np.zeros(0, np.int64)]) for i in range(4)]
    return quad_table(*joined)


def quad_table(
    subjects: Numbers, predicates: Numbers, objects: Numbers, graphs: Numbers
) -> pa.Table:
    """Put columns of numbers together as quads.

    Examples
    --------
    >>> one = np.array([1])
    >>> quad_table(one, one, one, one).column_names
    ['s', 'p', 'o', 'g']
    """
    import pyarrow as pa

    columns = [pa.array(c, pa.int64()) for c in (subjects, predicates, objects, graphs)]
    return pa.table(columns, names=["s", "p", "o", "g"])


class _Filler:
    """Gives the numbers of each node of a template for all solutions, each node once."""

    def __init__(self, solutions: Numbered, number: Number) -> None:
        self._solutions, self._number = solutions, number
        self._known: dict[s.Node, tuple[Numbers, NDArray[np.int32]]] = {}
        self._prefix = f"u{secrets.token_hex(8)}"

    def part(self, node: s.Node, *, iri: bool = False, literal: bool = True) -> Numbers:
        """Give numbers, below 1 where there is no term or one that may not stand here."""
        if node not in self._known:
            self._known[node] = self._made(node)
        numbers, codes = self._known[node]
        if iri:
            return np.where(codes == types.IRI, numbers, -1)
        if not literal:
            return np.where((codes == types.IRI) | (codes == types.BLANK), numbers, -1)
        return numbers

    def _made(self, node: s.Node) -> tuple[Numbers, NDArray[np.int32]]:
        length = len(self._solutions)
        if isinstance(node, Variable):
            return self._bound(self._solutions.numbers(node.name))
        if isinstance(node, BlankNode):  # a fresh one for each solution
            labels = [f"{self._prefix}x{len(self._known)}n{row}" for row in range(length)]
            return self._number(TermColumn.of_values(types.BLANK, labels)), np.full(
                length, types.BLANK, np.int32
            )
        one = TermColumn.of([node])
        return np.repeat(self._number(one), length), np.repeat(one.types, length)

    def _bound(self, ids: Numbers) -> tuple[Numbers, NDArray[np.int32]]:
        """Numbers of stored terms stay; computed terms, each once, are numbered anew."""
        different, back = np.unique(ids, return_inverse=True)
        computed = np.flatnonzero(different >= FIRST_COMPUTED)
        stored = different.copy()
        stored[computed] = 0
        codes = self._solutions.types(stored)
        numbers = np.where(stored > 0, stored, -1)
        if len(computed):
            made = self._solutions.decode(different[computed])
            made = TermColumn(made.types, made.values)
            codes = codes.copy()
            codes[computed] = made.types
            numbers[computed] = self._number(made)
        return numbers[back], codes[back]


def data_quads(blocks: Sequence[s.QuadBlock], *, number: Number) -> pa.Table:
    """Give the quads of INSERT DATA or DELETE DATA, all their terms numbered at once.

    Blank nodes get labels that nothing else has.
    """
    prefix = f"u{secrets.token_hex(8)}x"
    terms: dict[Any, int] = {}
    rows: list[tuple[int, int, int, int]] = []
    for block in blocks:
        graph = -1 if block.graph is None else terms.setdefault(block.graph, len(terms))
        for triple in block.triples:
            nodes = (triple.subject, triple.predicate, triple.object)
            rows.append((*(terms.setdefault(n, len(terms)) for n in nodes), graph))  # type: ignore[arg-type]  # three and one
    own = [BlankNode(prefix + t.label) if isinstance(t, BlankNode) else t for t in terms]
    numbers = number(TermColumn.of(own)) if own else np.zeros(0, np.int64)
    at = np.array(rows, np.int64).reshape(-1, 4)
    found = np.append(numbers, DEFAULT_GRAPH)[at]
    kept = found[(found[:, :3] > 0).all(axis=1) & (found[:, 3] >= 0)]
    return quad_table(kept[:, 0], kept[:, 1], kept[:, 2], kept[:, 3])
