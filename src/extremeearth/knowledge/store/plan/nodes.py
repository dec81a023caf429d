"""The logical plan: relational operators over columns of term numbers.

A plan says what is computed, not how. Every node knows the variables it gives and which of them are bound in every
row; rules change plans into cheaper ones, the compiler turns the last one into steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.terms import Iri, Literal, Term, Variable

__all__ = [
    "ANY_NAMED",
    "STORE_DEFAULT",
    "Closure",
    "Constant",
    "Distinct",
    "ExistsFlag",
    "Extend",
    "Filter",
    "GraphNames",
    "GraphScope",
    "Group",
    "Join",
    "JoinGraph",
    "LeftJoin",
    "LookUp",
    "Minus",
    "Nearest",
    "Number",
    "Order",
    "Plan",
    "Project",
    "Rename",
    "Scan",
    "Seed",
    "SemiJoin",
    "Service",
    "Slice",
    "Slot",
    "SpatialJoin",
    "SpatialMatch",
    "SpatialRelation",
    "Union",
    "Values",
    "children",
    "with_children",
]


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


class _OfPattern:
    """Has the columns of the plan below it."""

    __slots__ = ()
    pattern: Plan

    @property
    def variables(self) -> tuple[str, ...]:
        """Give the columns."""
        return self.pattern.variables

    @property
    def certain(self) -> frozenset[str]:
        """Give the columns that are bound in every row."""
        return self.pattern.certain


class _OfLeft:
    """Has the columns of its left side."""

    __slots__ = ()
    left: Plan

    @property
    def variables(self) -> tuple[str, ...]:
        """Give the columns."""
        return self.left.variables

    @property
    def certain(self) -> frozenset[str]:
        """Give the columns that are bound in every row."""
        return self.left.certain


class _OfBoth:
    """Has the columns of both sides."""

    __slots__ = ()
    left: Plan
    right: Plan

    @property
    def variables(self) -> tuple[str, ...]:
        """Give the columns."""
        return tuple(dict.fromkeys((*self.left.variables, *self.right.variables)))

    @property
    def certain(self) -> frozenset[str]:
        """Give the columns that are bound in every row."""
        return self.left.certain | self.right.certain


class _OfVariable:
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
class Scan:
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


@dataclass(frozen=True, slots=True)
class Values:
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


@dataclass(frozen=True, slots=True)
class GraphNames(_OfVariable):
    """The named graphs of the dataset."""

    variable: str


@dataclass(frozen=True, slots=True)
class Seed:
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


@dataclass(frozen=True, slots=True)
class Join(_OfBoth):
    """Compatible rows of both sides, merged."""

    left: Plan
    right: Plan


@dataclass(frozen=True, slots=True)
class JoinGraph:
    """Plans to be joined in any order, and the conditions on the whole; gone once joins are ordered."""

    inputs: tuple[Plan, ...]
    conditions: tuple[s.Expression, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """Give the columns."""
        return tuple(dict.fromkeys(name for node in self.inputs for name in node.variables))

    @property
    def certain(self) -> frozenset[str]:
        """Give the columns that are bound in every row."""
        return frozenset().union(*(node.certain for node in self.inputs))


@dataclass(frozen=True, slots=True)
class LeftJoin:
    """Rows of the left, with those of the right that are compatible and meet the condition, if any."""

    left: Plan
    right: Plan
    condition: s.Expression | None

    @property
    def variables(self) -> tuple[str, ...]:
        """Give the columns."""
        return tuple(dict.fromkeys((*self.left.variables, *self.right.variables)))

    @property
    def certain(self) -> frozenset[str]:
        """Give the columns that are bound in every row."""
        return self.left.certain


@dataclass(frozen=True, slots=True)
class LookUp:
    """A join with a scan in which the few values that the left has for `variable` are looked up.

    With `optional`, rows of the left that find nothing stay.
    """

    left: Plan
    scan: Scan
    variable: str
    optional: bool

    @property
    def variables(self) -> tuple[str, ...]:
        """Give the columns."""
        return tuple(dict.fromkeys((*self.left.variables, *self.scan.variables)))

    @property
    def certain(self) -> frozenset[str]:
        """Give the columns that are bound in every row."""
        return self.left.certain if self.optional else self.left.certain | self.scan.certain


@dataclass(frozen=True, slots=True)
class SemiJoin(_OfLeft):
    """Rows of the left that have (or have not) a compatible row on the right."""

    left: Plan
    right: Plan
    negated: bool


@dataclass(frozen=True, slots=True)
class ExistsFlag:
    """Rows of `pattern` with one more column: whether `inner` has rows for them.

    `inner` starts from `Seed(key, ...)`, which stands for the rows of `pattern`.
    """

    pattern: Plan
    inner: Plan
    seed: Seed
    flag: str

    @property
    def variables(self) -> tuple[str, ...]:
        """Give the columns."""
        return (*self.pattern.variables, self.flag)

    @property
    def certain(self) -> frozenset[str]:
        """Give the columns that are bound in every row."""
        return self.pattern.certain


@dataclass(frozen=True, slots=True)
class Minus(_OfLeft):
    """Rows of the left that share a bound variable with no compatible row of the right.

    Variables of `hidden` are compared, but do not count as shared.
    """

    left: Plan
    right: Plan
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Union:
    """Rows of every branch."""

    branches: tuple[Plan, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """Give the columns."""
        return tuple(dict.fromkeys(name for branch in self.branches for name in branch.variables))

    @property
    def certain(self) -> frozenset[str]:
        """Give the columns that are bound in every row."""
        return frozenset.intersection(*(branch.certain for branch in self.branches))


@dataclass(frozen=True, slots=True)
class Filter(_OfPattern):
    """Rows that meet a condition; `flags` names the column that answers each EXISTS in it."""

    condition: s.Expression
    pattern: Plan
    flags: tuple[tuple[s.Exists, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Extend:
    """Rows with one more variable; unbound where the expression is an error."""

    pattern: Plan
    variable: str
    expression: s.Expression
    flags: tuple[tuple[s.Exists, str], ...] = ()

    @property
    def variables(self) -> tuple[str, ...]:
        """Give the columns."""
        return (*self.pattern.variables, self.variable)

    @property
    def certain(self) -> frozenset[str]:
        """Give the columns that are bound in every row."""
        copied = str(self.expression.name) if isinstance(self.expression, Variable) else None
        sure = isinstance(self.expression, Iri | Literal) or copied in self.pattern.certain
        return self.pattern.certain | {self.variable} if sure else self.pattern.certain


@dataclass(frozen=True, slots=True)
class Number:
    """Rows with their number as one more variable; equal nodes number in the same way."""

    pattern: Plan
    column: str

    @property
    def variables(self) -> tuple[str, ...]:
        """Give the columns."""
        return (*self.pattern.variables, self.column)

    @property
    def certain(self) -> frozenset[str]:
        """Give the columns that are bound in every row."""
        return self.pattern.certain | {self.column}


@dataclass(frozen=True, slots=True)
class Rename:
    """A variable under another name."""

    pattern: Plan
    old: str
    new: str

    @property
    def variables(self) -> tuple[str, ...]:
        """Give the columns."""
        return tuple(self.new if name == self.old else name for name in self.pattern.variables)

    @property
    def certain(self) -> frozenset[str]:
        """Give the columns that are bound in every row."""
        return frozenset(self.new if name == self.old else name for name in self.pattern.certain)


@dataclass(frozen=True, slots=True)
class Group:
    """One row for each different set of keys; without keys one row, whatever comes in.

    `domain`, where given, has a row for each group of hidden keys that must appear even when nothing falls in it.
    """

    pattern: Plan
    keys: tuple[str, ...]
    aggregates: tuple[tuple[str, s.Aggregate | s.FunctionCall], ...]
    domain: Plan | None = None

    @property
    def variables(self) -> tuple[str, ...]:
        """Give the columns."""
        return (*self.keys, *(name for name, _ in self.aggregates))

    @property
    def certain(self) -> frozenset[str]:
        """Give the columns that are bound in every row."""
        counts = {n for n, e in self.aggregates if isinstance(e, s.Aggregate) and e.name == "COUNT"}
        return (self.pattern.certain & frozenset(self.keys)) | counts


@dataclass(frozen=True, slots=True)
class Order(_OfPattern):
    """Rows in an order."""

    pattern: Plan
    conditions: tuple[s.OrderCondition, ...]
    flags: tuple[tuple[s.Exists, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Project:
    """Some of the variables; one that the pattern does not have is unbound."""

    pattern: Plan
    variables: tuple[str, ...]

    @property
    def certain(self) -> frozenset[str]:
        """Give the columns that are bound in every row."""
        return self.pattern.certain & frozenset(self.variables)


@dataclass(frozen=True, slots=True)
class Distinct(_OfPattern):
    """Each row once."""

    pattern: Plan


@dataclass(frozen=True, slots=True)
class Slice(_OfPattern):
    """Rows from `offset` on, at most `limit`; of each group of rows with equal `within`."""

    pattern: Plan
    offset: int
    limit: int | None
    within: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Closure:
    """Pairs that a step leads to when it is taken again and again: ``step*``, ``step+`` and ``step?``.

    Attributes
    ----------
    step
        Plan with the variables `source` and `target`, and `graph` where it is bound.
    subject, object
        The ends.
    minimum, maximum
        Number of steps: 0 or 1, and 1 or any (`None`).
    nodes
        All nodes of the graph, as `source`, for the path of no step between two variables; with `graph` where bound.
    graph
        Variable of the graph that the path stays in, if any.
    """

    step: Plan
    source: str
    target: str
    subject: Slot
    object: Slot
    minimum: int
    maximum: int | None
    nodes: Plan | None
    graph: str | None = None

    @property
    def variables(self) -> tuple[str, ...]:
        """Give the columns."""
        names = [slot for slot in (self.subject, self.object) if isinstance(slot, str)]
        return tuple(dict.fromkeys([*names, *([self.graph] if self.graph else [])]))

    @property
    def certain(self) -> frozenset[str]:
        """Give the columns that are bound in every row."""
        return frozenset(self.variables)


@dataclass(frozen=True, slots=True)
class Service:
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


@dataclass(frozen=True, slots=True)
class SpatialMatch(_OfVariable):
    """The stored geometries that stand in a relation to a constant one, found by their index.

    `flipped` says that the constant is the first argument.
    """

    variable: str
    relation: SpatialRelation
    geometry: Literal
    flipped: bool


@dataclass(frozen=True, slots=True)
class SpatialJoin(_OfBoth):
    """Pairs of rows whose geometries stand in a relation; variables of both sides must agree besides."""

    left: Plan
    right: Plan
    left_variable: str
    right_variable: str
    relation: SpatialRelation


@dataclass(frozen=True, slots=True)
class Nearest(_OfPattern):
    """The rows whose geometry is nearest to a constant one: the first `limit` by distance, ties kept."""

    pattern: Plan
    variable: str
    geometry: Literal
    limit: int


Plan = (
    Scan
    | Values
    | GraphNames
    | Seed
    | Join
    | JoinGraph
    | LeftJoin
    | LookUp
    | SemiJoin
    | ExistsFlag
    | Minus
    | Union
    | Filter
    | Extend
    | Number
    | Rename
    | Group
    | Order
    | Project
    | Distinct
    | Slice
    | Closure
    | Service
    | SpatialMatch
    | SpatialJoin
    | Nearest
)


def children(node: Plan) -> Iterator[Plan]:
    """Give the plans directly below a node."""
    for field in fields(node):
        value = getattr(node, field.name)
        if field.name == "seed":
            continue
        if isinstance(value, Plan):
            yield value
        elif field.name in {"inputs", "branches"} and isinstance(value, tuple):
            yield from value


def with_children(node: Plan, change: Any) -> Plan:
    """Give the same node with each plan directly below it changed; the node itself where nothing did."""
    changed: dict[str, Any] = {}
    for field in fields(node):
        value = getattr(node, field.name)
        if field.name == "seed":
            continue
        if isinstance(value, Plan):
            new: Any = change(value)
        elif field.name in {"inputs", "branches"} and isinstance(value, tuple):
            new = tuple(change(part) for part in value)
            if all(one is two for one, two in zip(new, value, strict=True)):
                continue
        else:
            continue
        if new is not value:
            changed[field.name] = new
    return replace(node, **changed) if changed else node
