"""What is asked for: triple patterns in levels, as the rules of `planning` find them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.rewrite import rewrite
from extremeearth.knowledge.sparql.terms import Iri, Term, Variable

__all__ = ["Child", "Level", "Node", "Want", "in_graph", "rename_apart", "wants_of"]

Node = Variable | Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """A triple pattern without paths and blank nodes, the graph it is matched in, and filters on it alone.

    `one` says that a single match is enough: it shows that a node exists.
    """

    subject: Node
    predicate: Variable | Iri
    object: Node
    graph: Iri | Variable | None = None
    filters: tuple[s.Expression, ...] = ()
    one: bool = False

    @property
    def variables(self) -> frozenset[Variable]:
        """Variables of the triple."""
        return frozenset(
            n for n in (self.subject, self.predicate, self.object) if isinstance(n, Variable)
        )

    @property
    def triple(self) -> s.TriplePattern:
        """The pattern as a syntax node."""
        return s.TriplePattern(self.subject, self.predicate, self.object)

    @property
    def constants(self) -> int:
        """How selective the pattern looks: constants and filters, weighed."""
        return (
            4 * (not isinstance(self.subject, Variable))
            + 3 * (not isinstance(self.object, Variable))
            + (not isinstance(self.predicate, Variable))
            + 2 * bool(self.filters)
        )

    def __str__(self) -> str:
        text = str(self.triple).removesuffix(" .")
        return text if self.graph is None else f"GRAPH {self.graph} {{ {text} }}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A pattern inside a level; `allowed` are the variables whose values may narrow it, `None` for all."""

    levels: tuple[Level, ...]
    allowed: frozenset[Variable] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One group: patterns that are joined, patterns that may match, data, and inner groups."""

    joined: tuple[Want, ...] = ()
    loose: tuple[Want, ...] = ()
    data: tuple[s.InlineData, ...] = ()
    children: tuple[Child, ...] = ()
    spatial: tuple[s.FunctionCall, ...] = ()


def wants_of(level: Level) -> Iterator[Want]:
    """Give every pattern of a level and of what is inside it."""
    yield from level.joined
    yield from level.loose
    for child in level.children:
        for inner in child.levels:
            yield from wants_of(inner)


def rename_apart(want: Want, number: int) -> Want:
    """Give the pattern with variables that no other pattern has."""
    names = {v: Variable(f"{v.name}_{number}") for v in want.variables}

    def new(node: Node) -> Node:
        return names.get(node, node) if isinstance(node, Variable) else node

    predicate = new(want.predicate)
    return replace(
        want,
        subject=new(want.subject),
        predicate=predicate if isinstance(predicate, Variable | Iri) else want.predicate,
        object=new(want.object),
        filters=tuple(rewrite(f, _renaming(names)) for f in want.filters),
    )


def _renaming(names: dict[Variable, Variable]) -> Callable[[s.Expression], s.Expression | None]:
    return lambda e: names.get(e) if isinstance(e, Variable) else None


def in_graph(level: Level, graph: Iri | Variable) -> Level:
    """Put the patterns of a sub-query into the graph around it."""

    def put(want: Want) -> Want:
        return want if want.graph is not None else replace(want, graph=graph)

    return replace(
        level,
        joined=tuple(map(put, level.joined)),
        loose=tuple(map(put, level.loose)),
        children=tuple(
            replace(c, levels=tuple(in_graph(inner, graph) for inner in c.levels))
            for c in level.children
        ),
    )
