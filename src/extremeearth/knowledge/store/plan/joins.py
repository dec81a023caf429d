"""Two plans and more made one: joins of every kind, unions, differences."""

from __future__ import annotations

from dataclasses import dataclass

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.store.plan.kept import Plan, kept
from extremeearth.knowledge.store.plan.leaves import Scan, Seed, SpatialRelation

__all__ = [
    "ExistsFlag", "Join", "JoinGraph", "LeftJoin", "LookUp", "Minus", "SemiJoin", "SpatialJoin", "Union",
    "WithUnmet",
]  # fmt: skip


class _OfLeft(Plan):
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


class _OfBoth(Plan):
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


@kept
@dataclass(frozen=True, slots=True)
class Join(_OfBoth):
    """Compatible rows of both sides, merged."""

    left: Plan
    right: Plan


@kept
@dataclass(frozen=True, slots=True)
class JoinGraph(Plan):
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


@kept
@dataclass(frozen=True, slots=True)
class LeftJoin(Plan):
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


@kept
@dataclass(frozen=True, slots=True)
class LookUp(Plan):
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


@kept
@dataclass(frozen=True, slots=True)
class SemiJoin(_OfLeft):
    """Rows of the left that have (or have not) a compatible row on the right."""

    left: Plan
    right: Plan
    negated: bool


@kept
@dataclass(frozen=True, slots=True)
class ExistsFlag(Plan):
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


@kept
@dataclass(frozen=True, slots=True)
class Minus(_OfLeft):
    """Rows of the left that share a bound variable with no compatible row of the right.

    Variables of `hidden` are compared, but do not count as shared.
    """

    left: Plan
    right: Plan
    hidden: tuple[str, ...] = ()


@kept
@dataclass(frozen=True, slots=True)
class Union(Plan):
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


@kept
@dataclass(frozen=True, slots=True)
class WithUnmet(Plan):
    """Rows of a join that met its condition, and the rows of its left side that are in none of them.

    The left side is found by its `Number`, which stands once, inside `met`: a chain of these would double with each.

    Attributes
    ----------
    met
        Has the column `row`.
    row
        Column of the number.
    variables
        Columns of both sides.
    left_certain
        Columns of the left side that are bound in every row.
    """

    met: Plan
    row: str
    variables: tuple[str, ...]
    left_certain: frozenset[str]

    @property
    def certain(self) -> frozenset[str]:
        """Give the columns that are bound in every row."""
        return self.left_certain


@kept
@dataclass(frozen=True, slots=True)
class SpatialJoin(_OfBoth):
    """Pairs of rows whose geometries stand in a relation; variables of both sides must agree besides."""

    left: Plan
    right: Plan
    left_variable: str
    right_variable: str
    relation: SpatialRelation
