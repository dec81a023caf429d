"""A compiled query: steps that each make one table, in the order in which they run.

A step names the tables it reads and the one it makes. Columns are variables; values are term numbers, null where a
variable is unbound. Steps hold no data and know no engine; `execution` runs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.terms import Iri, Literal, Term
from extremeearth.knowledge.store.plan import nodes as p

__all__ = [
    "UNIT",
    "Bound",
    "ClosureStep",
    "CountStep",
    "DistinctStep",
    "ExtendStep",
    "FilterStep",
    "FlagStep",
    "GraphNamesStep",
    "GroupStep",
    "LookUpStep",
    "NearestStep",
    "NumberStep",
    "OrderStep",
    "PickStep",
    "Program",
    "ProjectStep",
    "ScanStep",
    "SeedStep",
    "ServiceStep",
    "SliceStep",
    "SpatialJoinStep",
    "SpatialMatchStep",
    "SqlStep",
    "Step",
    "ValuesStep",
]

UNIT = ".unit"
"""Column of tables whose rows have no variables: only their number counts."""

Flags = tuple[tuple[s.Exists, str], ...]


class _OnTable:
    """Reads one table, `input`."""

    __slots__ = ()
    input: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """Give the tables that it reads."""
        return (self.input,)


@dataclass(frozen=True, slots=True)
class Bound:
    """What objects are compared with.

    Attributes
    ----------
    column
        Name of the typed column.
    kind
        ``number`` (float64) or ``instant`` (microseconds since 1970 in UTC).
    value
        The bound as it stands in SQL.
    literal
        The bound as it stands in the query.
    """

    column: str
    kind: str
    value: float | int
    literal: Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanStep:
    """Quads that match a pattern: columns ``s p o g`` as asked, and one more for each bound of the object."""

    name: str
    scan: p.Scan
    columns: tuple[str, ...]
    bounds: tuple[Bound, ...] = ()
    inputs: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = (
            ""
            if self.scan.graph.kind == "default"
            else f" in {self.scan.graph.kind} {self.scan.graph.graph}"
        )
        return f"scan {_slot(self.scan.subject)} {_slot(self.scan.predicate)} {_slot(self.scan.object)}{where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUpStep(_OnTable):
    """Rows joined with the quads of a scan in which their values for a variable are looked up."""

    name: str
    input: str
    scan: p.Scan
    variable: str
    optional: bool

    def __str__(self) -> str:
        s, predicate, o = (
            _slot(slot) for slot in (self.scan.subject, self.scan.predicate, self.scan.object)
        )
        return f"look up {self.input}.{self.variable} in {s} {predicate} {o}{', optional' if self.optional else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuesStep:
    """Rows that the query gives."""

    name: str
    variables: tuple[str, ...]
    rows: tuple[tuple[Term | None, ...], ...]
    inputs: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"values {' '.join(self.variables)} ({len(self.rows)} rows)"


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphNamesStep:
    """The named graphs of the dataset."""

    name: str
    variable: str
    inputs: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"graphs as {self.variable}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlStep:
    """What the engine does in one query."""

    name: str
    sql: str
    inputs: tuple[str, ...]

    def __str__(self) -> str:
        return f"sql {self.sql}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterStep(_OnTable):
    """Rows that meet a condition, decided on columns of terms."""

    name: str
    input: str
    condition: s.Expression
    flags: Flags = ()

    def __str__(self) -> str:
        return f"filter {self.input} by {_short(self.condition)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendStep(_OnTable):
    """Rows with a computed variable."""

    name: str
    input: str
    variable: str
    expression: s.Expression
    flags: Flags = ()

    def __str__(self) -> str:
        return f"extend {self.input} with ?{self.variable} = {_short(self.expression)}"


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
        made = ", ".join(f"?{name} = {_short(e)}" for name, e in self.aggregates)
        return f"group {self.input} by {' '.join(self.keys) or 'nothing'}: {made}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CountStep(_OnTable):
    """Counts that came out of SQL made terms."""

    name: str
    input: str
    columns: tuple[str, ...]

    def __str__(self) -> str:
        return f"integers {self.input}: {' '.join(self.columns)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStep(_OnTable):
    """Rows in an order; with `limit` only the first of them are needed."""

    name: str
    input: str
    conditions: tuple[s.OrderCondition, ...]
    flags: Flags = ()
    limit: int | None = None

    def __str__(self) -> str:
        first = "" if self.limit is None else f", first {self.limit}"
        return f"order {self.input} by {', '.join(map(_short, self.conditions))}{first}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PickStep(_OnTable):
    """Columns of a table under the names of variables; nothing is copied."""

    name: str
    input: str
    columns: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"pick {' '.join(f'{column} as {name}' for name, column in self.columns)} of {self.input}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectStep(_OnTable):
    """Some columns, rows in their order."""

    name: str
    input: str
    variables: tuple[str, ...]

    def __str__(self) -> str:
        return f"project {self.input} to {' '.join(self.variables)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DistinctStep(_OnTable):
    """The first of equal rows, in their order."""

    name: str
    input: str
    variables: tuple[str, ...]

    def __str__(self) -> str:
        return f"distinct {self.input}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceStep(_OnTable):
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
class NumberStep(_OnTable):
    """Rows with their number as a column."""

    name: str
    input: str
    column: str

    def __str__(self) -> str:
        return f"number {self.input}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedStep(_OnTable):
    """Each different row of some columns once, numbered."""

    name: str
    input: str
    key: str
    columns: tuple[str, ...]

    def __str__(self) -> str:
        return f"seed {self.input}: {' '.join(self.columns)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagStep:
    """Rows with a truth: whether their seed is among the keys that came back."""

    name: str
    input: str
    seeds: str
    found: str
    key: str
    columns: tuple[str, ...]
    flag: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """Give the tables that it reads."""
        return (self.input, self.seeds, self.found)

    def __str__(self) -> str:
        return f"flag {self.input} where {self.found} has a row"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureStep:
    """Nodes that are reached over edges; only from column `starts` of `starts_table`, where there is one."""

    name: str
    edges: str
    source: str
    target: str
    subject: p.Slot
    object: p.Slot
    minimum: int
    maximum: int | None
    nodes: str | None
    graph: str | None
    starts: str | None = None
    starts_table: str | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        """Give the tables that it reads."""
        return tuple(
            name for name in (self.edges, self.nodes, self.starts_table) if name is not None
        )

    def __str__(self) -> str:
        most = "" if self.maximum is None else str(self.maximum)
        return f"closure {self.edges} {{{self.minimum},{most}}} {_slot(self.subject)} to {_slot(self.object)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStep:
    """What another endpoint answers; joined with its input where the endpoint is a variable."""

    name: str
    endpoint: str | Iri
    pattern: s.GroupPattern
    variables: tuple[str, ...]
    silent: bool
    input: str | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        """Give the tables that it reads."""
        return () if self.input is None else (self.input,)

    def __str__(self) -> str:
        return f"service {self.endpoint}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpatialMatchStep:
    """Stored geometries in a relation to a constant one."""

    name: str
    match: p.SpatialMatch
    inputs: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"match ?{self.match.variable} {self.match.relation} {_short(self.match.geometry)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpatialJoinStep:
    """Pairs of geometries in a relation, each pair once: columns ``left`` and ``right``."""

    name: str
    left: str
    right: str
    left_variable: str
    right_variable: str
    relation: p.SpatialRelation

    @property
    def inputs(self) -> tuple[str, ...]:
        """Give the tables that it reads."""
        return (self.left, self.right)

    def __str__(self) -> str:
        return f"spatial join {self.left}.{self.left_variable} {self.relation} {self.right}.{self.right_variable}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NearestStep(_OnTable):
    """The rows whose geometry is nearest to a constant one."""

    name: str
    input: str
    variable: str
    geometry: Literal
    limit: int

    def __str__(self) -> str:
        return f"nearest {self.limit} of {self.input}.{self.variable} to {_short(self.geometry)}"


Step = (
    ScanStep | ValuesStep | GraphNamesStep | SqlStep | FilterStep | ExtendStep | GroupStep | CountStep | OrderStep
    | ProjectStep | DistinctStep | SliceStep | NumberStep | SeedStep | FlagStep | ClosureStep | ServiceStep | PickStep
    | LookUpStep
    | SpatialMatchStep | SpatialJoinStep | NearestStep
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Program:
    """Steps, the last of which makes the answer.

    Attributes
    ----------
    steps
        In the order in which they run.
    result
        Name of the table that is the answer.
    variables
        Its columns that count, in their order.
    plan
        The plan it was compiled from.
    """

    steps: tuple[Step, ...]
    result: str
    variables: tuple[str, ...]
    plan: p.Plan


def _slot(slot: p.Slot) -> str:
    return f"?{slot}" if isinstance(slot, str) else str(slot)


def _short(value: Any, most: int = 160) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= most else f"{text[: most - 1]}…"
