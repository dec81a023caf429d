"""What happens to the rows of one plan: filters, values, groups, order, paths that repeat."""

from __future__ import annotations

from dataclasses import dataclass

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.terms import Iri, Literal, Variable
from extremeearth.knowledge.store.plan.kept import Plan, kept
from extremeearth.knowledge.store.plan.leaves import Slot

__all__ = [
    "Closure", "Distinct", "Extend", "Filter", "Group", "Nearest", "Number", "Order", "Project", "Rename",
    "Slice",
]  # fmt: skip


class _OfPattern(Plan):
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


@kept
@dataclass(frozen=True, slots=True)
class Filter(_OfPattern):
    """Rows that meet a condition; `flags` names the column that answers each EXISTS in it."""

    condition: s.Expression
    pattern: Plan
    flags: tuple[tuple[s.Exists, str], ...] = ()


@kept
@dataclass(frozen=True, slots=True)
class Extend(Plan):
    """Rows with one more variable; unbound where the expression is an error."""

    pattern: Plan
    variable: str
    expression: s.Expression
    flags: tuple[tuple[s.Exists, str], ...] = ()

    @property
    def variables(self) -> tuple[str, ...]:
        """Give the columns; in an EXISTS one from outside may have the name, and gives way."""
        below = self.pattern.variables
        return below if self.variable in below else (*below, self.variable)

    @property
    def certain(self) -> frozenset[str]:
        """Give the columns that are bound in every row."""
        below = self.pattern.certain  # asked once: twice would double with every BIND
        copied = str(self.expression.name) if isinstance(self.expression, Variable) else None
        sure = isinstance(self.expression, Iri | Literal) or copied in below
        return below | {self.variable} if sure else below


@kept
@dataclass(frozen=True, slots=True)
class Number(Plan):
    """Rows with their number as one more variable."""

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


@kept
@dataclass(frozen=True, slots=True)
class Rename(Plan):
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


@kept
@dataclass(frozen=True, slots=True)
class Group(Plan):
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


@kept
@dataclass(frozen=True, slots=True)
class Order(_OfPattern):
    """Rows in an order."""

    pattern: Plan
    conditions: tuple[s.OrderCondition, ...]
    flags: tuple[tuple[s.Exists, str], ...] = ()


@kept
@dataclass(frozen=True, slots=True)
class Project(Plan):
    """Some of the variables; one that the pattern does not have is unbound."""

    pattern: Plan
    variables: tuple[str, ...]

    @property
    def certain(self) -> frozenset[str]:
        """Give the columns that are bound in every row."""
        return self.pattern.certain & frozenset(self.variables)


@kept
@dataclass(frozen=True, slots=True)
class Distinct(_OfPattern):
    """Each row once."""

    pattern: Plan


@kept
@dataclass(frozen=True, slots=True)
class Slice(_OfPattern):
    """Rows from `offset` on, at most `limit`; of each group of rows with equal `within`."""

    pattern: Plan
    offset: int
    limit: int | None
    within: tuple[str, ...] = ()


@kept
@dataclass(frozen=True, slots=True)
class Closure(Plan):
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


@kept
@dataclass(frozen=True, slots=True)
class Nearest(_OfPattern):
    """The rows whose geometry is nearest to a constant one: the first `limit` by distance, ties kept."""

    pattern: Plan
    variable: str
    geometry: Literal
    limit: int
