"""Steps that start: scans, given rows, other endpoints, stored geometries."""

from __future__ import annotations

from dataclasses import dataclass

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.terms import Iri, Literal, Term
from extremeearth.knowledge.store.compilation.step_base import OnTable, shown, shown_slot
from extremeearth.knowledge.store.plan import nodes as p

__all__ = [
    "Bound",
    "GraphNamesStep",
    "LookUpStep",
    "ScanStep",
    "ServiceStep",
    "SpatialMatchStep",
    "ValuesStep",
]


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
        scan, scope = self.scan, self.scan.graph
        where = "" if scope.kind == "default" else f" in {scope.kind} {scope.graph}"
        subject, predicate, object_ = map(shown_slot, (scan.subject, scan.predicate, scan.object))
        return f"scan {subject} {predicate} {object_}{where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUpStep(OnTable):
    """Rows joined with the quads of a scan in which their values for a variable are looked up."""

    name: str
    input: str
    scan: p.Scan
    variable: str
    optional: bool

    def __str__(self) -> str:
        s, predicate, o = (
            shown_slot(slot) for slot in (self.scan.subject, self.scan.predicate, self.scan.object)
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
        return f"match ?{self.match.variable} {self.match.relation} {shown(self.match.geometry)}"
