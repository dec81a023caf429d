"""What a pattern sees from outside: the graph it is matched in, and the rows that are carried through it."""

from __future__ import annotations

from dataclasses import dataclass

from extremeearth.knowledge.store.plan import nodes as p

__all__ = ["Carrier", "Context"]


@dataclass(frozen=True, slots=True)
class Carrier:
    """A hidden column that goes through a pattern, and the rows that each leaf is joined with for it.

    Attributes
    ----------
    variable
        The column: the graph of ``GRAPH ?g``, or the number of the row an EXISTS is asked for.
    source
        Has the column, and for an EXISTS the variables that the pattern sees.
    """

    variable: str
    source: p.Plan

    def seen_by(self, names: tuple[str, ...]) -> Carrier:
        """Keep, beside hidden columns, what a subquery with these names sees."""
        seen = tuple(v for v in self.source.variables if v in names or v.startswith("."))
        if len(seen) == len(self.source.variables):
            return self
        return Carrier(self.variable, p.Project(self.source, seen))


@dataclass(frozen=True, slots=True)
class Context:
    """The graph of a pattern and its carriers.

    Examples
    --------
    >>> outer = Carrier(".row", p.Seed(".row", ("a", "b"), frozenset("a")))
    >>> Context(carriers=(outer,)).seen_by(("b", "c")).carriers[0].source.variables
    ('.row', 'b')
    """

    graph: p.GraphScope = p.STORE_DEFAULT
    carriers: tuple[Carrier, ...] = ()

    @property
    def carried(self) -> tuple[str, ...]:
        """Give the hidden columns."""
        return tuple(carrier.variable for carrier in self.carriers)

    def seen_by(self, names: tuple[str, ...]) -> Context:
        """Leave out what a subquery does not project: inside it, that is another variable of the same name."""
        return Context(self.graph, tuple(carrier.seen_by(names) for carrier in self.carriers))
