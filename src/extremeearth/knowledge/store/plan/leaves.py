"""Where rows of a plan come from: scans, values, graphs, other endpoints, the spatial index."""

from __future__ import annotations

from dataclasses import dataclass

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.terms import Iri, Literal, Term
from extremeearth.knowledge.store.plan.kept import Plan, kept

__all__ = [
    "ANY_NAMED", "Constant", "GraphNames", "GraphScope", "STORE_DEFAULT", "Scan", "Seed", "Service", "Slot",
    "SpatialMatch", "SpatialRelation", "Values",
]  # fmt: skip


class _OfVariable(Plan):
    """Has one column."""

    __slots__ = ()
    variable: str

    @property
    def variables(self) -> tuple[str, ...]:
        """Give the column."""
        return (self.variable,)

    @property
    def certain(self) -> frozenset[str]:
        """Give the column: it is bound in every row."""
        return frozenset({self.variable})


@dataclass(frozen=True, slots=True)
class Constant:
    """A term of the query in a triple pattern, by its place among the query's constants."""

    index: int

    def __str__(self) -> str:
        return f"${self.index}"


Slot = str | Constant | Iri | Literal
"""What stands in a pattern: a variable by its name, a constant of the query, or a term that all of this shape have."""


@dataclass(frozen=True, slots=True)
class GraphScope:
    """Where a scan looks.

    Attributes
    ----------
    kind
        ``default``: the dataset's default graph; ``named``: one named graph, `graph`; ``any``: every named graph of
        the dataset, whose number is bound to the variable `graph`.
    """

    kind: str
    graph: Slot | None = None


STORE_DEFAULT = GraphScope("default")


def ANY_NAMED(variable: str) -> GraphScope:
    """Give the scope of all named graphs."""
    return GraphScope("any", variable)


@kept
@dataclass(frozen=True, slots=True)
class Scan(Plan):
    """The quads that match one triple pattern; a variable may stand twice."""

    subject: Slot
    predicate: Slot
    object: Slot
    graph: GraphScope = STORE_DEFAULT

    @property
    def slots(self) -> tuple[tuple[str, Slot], ...]:
        """Give column and slot of each part."""
        found: list[tuple[str, Slot]] = [
            ("s", self.subject),
            ("p", self.predicate),
            ("o", self.object),
        ]
        if self.graph.kind == "any" and self.graph.graph is not None:
            found.append(("g", self.graph.graph))
        return tuple(found)

    @property
    def variables(self) -> tuple[str, ...]:
        """Give the columns."""
        return tuple(dict.fromkeys(slot for _, slot in self.slots if isinstance(slot, str)))

    @property
    def certain(self) -> frozenset[str]:
        """Give the columns that are bound in every row."""
        return frozenset(self.variables)


@kept
@dataclass(frozen=True, slots=True)
class Values(Plan):
    """Rows that the query gives; one row without variables changes nothing in a join."""

    variables: tuple[str, ...]
    rows: tuple[tuple[Term | None, ...], ...]

    @property
    def certain(self) -> frozenset[str]:
        """Give the columns that are bound in every row."""
        return frozenset(
            name
            for at, name in enumerate(self.variables)
            if all(row[at] is not None for row in self.rows)
        )

    @property
    def is_unit(self) -> bool:
        """Whether joining with it changes nothing."""
        return not self.variables and len(self.rows) == 1


@kept
@dataclass(frozen=True, slots=True)
class GraphNames(_OfVariable):
    """The named graphs of the dataset."""

    variable: str


@kept
@dataclass(frozen=True, slots=True)
class Seed(Plan):
    """The rows from outside that a pattern inside EXISTS sees: a number for each, and its variables."""

    key: str
    names: tuple[str, ...]
    bound: frozenset[str]

    @property
    def variables(self) -> tuple[str, ...]:
        """Give the columns."""
        return (self.key, *self.names)

    @property
    def certain(self) -> frozenset[str]:
        """Give the columns that are bound in every row."""
        return self.bound | {self.key}


@kept
@dataclass(frozen=True, slots=True)
class Service(Plan):
    """What another endpoint answers."""

    endpoint: str | Iri
    pattern: s.GroupPattern
    variables: tuple[str, ...]
    silent: bool
    inputs: Plan | None = None

    @property
    def certain(self) -> frozenset[str]:
        """Give the columns that are bound in every row."""
        return frozenset()


@dataclass(frozen=True, slots=True)
class SpatialRelation:
    """How two geometries must stand: a topological function, or a largest distance in metres."""

    function: str
    pattern: str | None = None
    distance_m: float | None = None

    def __str__(self) -> str:
        name = self.function.rsplit("/", 1)[-1]
        if self.distance_m is not None:
            return f"within {self.distance_m:g} m"
        return name if self.pattern is None else f"{name} {self.pattern}"


@kept
@dataclass(frozen=True, slots=True)
class SpatialMatch(_OfVariable):
    """The stored geometries that stand in a relation to a constant one, found by their index.

    `flipped` says that the constant is the first argument.
    """

    variable: str
    relation: SpatialRelation
    geometry: Literal
    flipped: bool
