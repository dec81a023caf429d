"""The triples that a query has brought together so far, in a graph store in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from extremeearth.knowledge.federation.terms import from_oxigraph
from extremeearth.knowledge.sparql.terms import Term
from extremeearth.knowledge.store import Graph, Solutions
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.storage import DEFAULT_GRAPH, Writing, quads_table

if TYPE_CHECKING:
    import pyoxigraph as ox

__all__ = ["Gathering"]


class Gathering:
    """Collects quads as endpoints give them; blank nodes keep the labels that they come with.

    Examples
    --------
    >>> import pyoxigraph as ox
    >>> gathering = Gathering()
    >>> a, p = ox.NamedNode("urn:a"), ox.NamedNode("urn:p")
    >>> gathering.add([ox.Quad(a, p, ox.Literal("x")), ox.Quad(a, p, ox.Literal("x"))])
    >>> [str(row[0]) for row in gathering.rows("SELECT ?o { ?s ?p ?o }")]
    ['"x"']
    """

    def __init__(self) -> None:
        self.graph = Graph.open()

    def add(self, quads: Sequence[ox.Quad]) -> None:
        """Add quads; those that are there already change nothing."""
        import pyoxigraph as ox

        known: dict[object, int] = {}
        terms: list[Term] = []

        def place(node: object) -> int:
            if isinstance(node, ox.DefaultGraph):
                return -1
            found = known.get(node)
            if found is None:
                found = known[node] = len(terms)
                terms.append(from_oxigraph(node))
            return found

        places = np.array(
            [[place(n) for n in (q.subject, q.predicate, q.object, q.graph_name)] for q in quads],
            np.int64,
        ).reshape(-1, 4)

        def insert(writing: Writing) -> None:
            numbers = np.append(writing.number(TermColumn.of(terms)), DEFAULT_GRAPH)
            writing.insert(quads_table(*(numbers[places[:, at]] for at in range(4))))

        if len(places):
            self.graph.storage.transact(insert)

    def rows(self, text: str) -> Solutions:
        """Answer a SELECT over what is here."""
        found = self.graph.query(text)
        assert isinstance(found, Solutions)
        return found
