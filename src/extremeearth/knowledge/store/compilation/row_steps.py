"""Steps that work on the rows of one table: filters, values, groups, order."""

from __future__ import annotations

from dataclasses import dataclass

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.terms import Literal
from extremeearth.knowledge.store.compilation.step_base import Flags, OnTable, shown

__all__ = [
    "CountStep",
    "DistinctStep",
    "ExtendStep",
    "FilterStep",
    "GroupStep",
    "NearestStep",
    "NumberStep",
    "OrderStep",
    "PickStep",
    "ProjectStep",
    "SliceStep",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterStep(OnTable):
    """Rows that meet a condition, decided on columns of terms."""

    name: str
    input: str
    condition: s.Expression
    flags: Flags = ()

    def __str__(self) -> str:
        return f"filter {self.input} by {shown(self.condition)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendStep(OnTable):
    """Rows with a computed variable."""

    name: str
    input: str
    variable: str
    expression: s.Expression
    flags: Flags = ()

    def __str__(self) -> str:
        return f"extend {self.input} with ?{self.variable} = {shown(self.expression)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupStep:
    """Groups and their aggregates."""

    name: str
    input: str
    keys: tuple[str, ...]
    aggregates: tuple[tuple[str, s.Aggregate | s.FunctionCall], ...]
    domain: str | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        """Give the tables that it reads."""
        return (self.input,) if self.domain is None else (self.input, self.domain)

    def __str__(self) -> str:
        made = ", ".join(f"?{name} = {shown(e)}" for name, e in self.aggregates)
        return f"group {self.input} by {' '.join(self.keys) or 'nothing'}: {made}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CountStep(OnTable):
    """Counts that came out of SQL made terms."""

    name: str
    input: str
    columns: tuple[str, ...]

    def __str__(self) -> str:
        return f"integers {self.input}: {' '.join(self.columns)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStep(OnTable):
    """Rows in an order; with `limit` only the first of them are needed."""

    name: str
    input: str
    conditions: tuple[s.OrderCondition, ...]
    flags: Flags = ()
    limit: int | None = None

    def __str__(self) -> str:
        first = "" if self.limit is None else f", first {self.limit}"
        return f"order {self.input} by {', '.join(map(shown, self.conditions))}{first}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PickStep(OnTable):
    """Columns of a table under the names of variables; nothing is copied."""

    name: str
    input: str
    columns: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"pick {' '.join(f'{column} as {name}' for name, column in self.columns)} of {self.input}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectStep(OnTable):
    """Some columns, rows in their order."""

    name: str
    input: str
    variables: tuple[str, ...]

    def __str__(self) -> str:
        return f"project {self.input} to {' '.join(self.variables)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DistinctStep(OnTable):
    """The first of equal rows, in their order."""

    name: str
    input: str
    variables: tuple[str, ...]

    def __str__(self) -> str:
        return f"distinct {self.input}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceStep(OnTable):
    """Some rows from a place on; counted for each group of equal `within`."""

    name: str
    input: str
    offset: int
    limit: int | None
    within: tuple[str, ...] = ()

    def __str__(self) -> str:
        return (
            f"slice {self.input} from {self.offset}, {'all' if self.limit is None else self.limit}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberStep(OnTable):
    """Rows with their number as a column."""

    name: str
    input: str
    column: str

    def __str__(self) -> str:
        return f"number {self.input}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NearestStep(OnTable):
    """The rows whose geometry is nearest to a constant one."""

    name: str
    input: str
    variable: str
    geometry: Literal
    limit: int

    def __str__(self) -> str:
        return f"nearest {self.limit} of {self.input}.{self.variable} to {shown(self.geometry)}"
