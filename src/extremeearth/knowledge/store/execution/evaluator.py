"""Answers patterns over one snapshot: plan, compile, run."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from extremeearth.core.errors import LimitError
from extremeearth.core.http import SafeClient
from extremeearth.core.progress import CancelToken
from extremeearth.infrastructure.engine import Engine, LocalEngine
from extremeearth.knowledge.rdf.geometry_column import GeometryColumn
from extremeearth.knowledge.sparql.algebra import Algebra
from extremeearth.knowledge.sparql.terms import Iri
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.compilation import Program, compile_plan
from extremeearth.knowledge.store.execution.query_terms import FIRST_COMPUTED, QueryTerms
from extremeearth.knowledge.store.execution.remote import RemoteEndpoints
from extremeearth.knowledge.store.execution.run import Dataset, Run
from extremeearth.knowledge.store.execution.running import run_step
from extremeearth.knowledge.store.expressions import CASTS, ExpressionContext
from extremeearth.knowledge.store.geosparql import (
    AGGREGATES,
    FUNCTIONS,
    Entailment,
    Schema,
    read_geometries,
    read_schema,
    rewrite,
)
from extremeearth.knowledge.store.plan import Shape, build
from extremeearth.knowledge.store.plan.facts import Facts
from extremeearth.knowledge.store.plan.nodes import Plan, flattened
from extremeearth.knowledge.store.plan.rules import improve
from extremeearth.knowledge.store.storage.contract import DEFAULT_GRAPH, UNKNOWN, Snapshot

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Evaluator", "Measured", "PlanCache", "Rows"]

PLANS_KEPT = 256


@dataclass(frozen=True, slots=True)
class Rows:
    """Solutions as numbers.

    Attributes
    ----------
    table
        An int64 column for each variable, null where it is unbound; rows in their order.
    terms
        What the numbers mean.
    """

    table: pa.Table
    terms: QueryTerms
    variables: tuple[str, ...]

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def column(self, variable: str) -> TermColumn:
        """Give the terms of a variable."""
        from extremeearth.knowledge.store.execution.run import ids_of

        return self.terms.decode(ids_of(self.table, variable))


@dataclass(frozen=True, slots=True)
class Measured:
    """What a step did: rows it made and seconds it took."""

    name: str
    text: str
    rows: int
    seconds: float


class PlanCache:
    """Compiled programs by the shape of their query; the least recently used goes first."""

    def __init__(self, most: int = PLANS_KEPT) -> None:
        self._most = most
        self._programs: OrderedDict[Any, Program] = OrderedDict()
        self._lock = Lock()
        self._schema: tuple[Snapshot, Schema] | None = None
        self.hits = 0

    def schema(self, snapshot: Snapshot) -> Schema:
        """Give the classes and properties that a snapshot declares, read once while nothing changes."""
        known = self._schema
        if known is None or known[0] is not snapshot:
            known = self._schema = (snapshot, read_schema(snapshot))
        return known[1]

    def get(self, shape: Any, make: Callable[[], Program]) -> Program:
        """Give the program of a shape, made now if it is new."""
        with self._lock:
            found = self._programs.get(shape)
            if found is not None:
                self._programs.move_to_end(shape)
                self.hits += 1
                return found
        made = make()
        with self._lock:
            self._programs[shape] = made
            while len(self._programs) > self._most:
                self._programs.popitem(last=False)
        return made


@dataclass
class Evaluator:
    """Answers patterns over one snapshot; the terms that it computes stay known while it lives.

    Parameters
    ----------
    snapshot
        What is asked.
    engine
        Where SQL and spatial joins run.
    token
        Cancelling it stops the work within a batch.
    default_graphs, named_graphs
        IRIs of the dataset (FROM, FROM NAMED, or of the protocol); `None` for the store's own.
    base
        For relative IRIs made by IRI().
    entailment
        What GeoSPARQL adds to a query.
    plans
        Cache of compiled programs, shared by evaluators.
    most_bytes
        Largest intermediate result.
    client
        Asks other endpoints for SERVICE; without it they are refused.
    """

    snapshot: Snapshot
    engine: Engine = field(default_factory=LocalEngine)
    token: CancelToken = field(default_factory=CancelToken)
    default_graphs: Sequence[str] | None = None
    named_graphs: Sequence[str] | None = None
    base: str | None = None
    entailment: Entailment = field(default_factory=Entailment)
    plans: PlanCache = field(default_factory=PlanCache)
    most_bytes: int | None = None
    client: SafeClient | None = None
    functions: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.terms = QueryTerms(self.snapshot.terms)
        self.measured: list[Measured] = []
        self._now = datetime.now(UTC)

    def rows(self, algebra: Algebra) -> Rows:
        """Give the solutions of a pattern or query.

        Raises
        ------
        CancelledError
            The token was cancelled.
        LimitError
            An intermediate result is too large.
        """
        try:
            program, constants = self.program(algebra)
        except RecursionError as err:
            raise LimitError(
                "The query has too many clauses inside each other.", hint="Cut it into several."
            ) from err
        run = self._run(constants)
        self.measured = []
        needed = _last_uses(program)
        for step in program.steps:
            self.token.check()
            started = time.perf_counter()
            table = run_step(step, run)
            run.tables[step.name] = table
            seconds = time.perf_counter() - started
            self.measured.append(Measured(step.name, str(step), table.num_rows, seconds))
            for name in needed.get(step.name, ()):
                del run.tables[name]
        return Rows(run.tables[program.result], self.terms, program.variables)

    def plan(self, algebra: Algebra) -> tuple[Plan, Facts]:
        """Give the plan of a pattern after all rules, and what is expected of it."""
        shape, facts = self._shape(algebra)
        return improve(shape.plan, facts), facts

    def _shape(self, algebra: Algebra) -> tuple[Shape, Facts]:
        shape = build(self._rewritten(algebra), rewrite=self._rewritten, token=self.token)
        return shape, Facts(self.snapshot, shape.constants, self._dataset(), self.token)

    def program(self, algebra: Algebra) -> tuple[Program, Sequence[Any]]:
        """Give the compiled steps of a pattern, and the terms of its triple patterns."""
        shape, facts = self._shape(algebra)

        def make() -> Program:
            return compile_plan(improve(shape.plan, facts), token=self.token)

        key = flattened(shape.plan), facts.magnitudes(shape.plan)
        return self.plans.get(key, make), shape.constants

    def _rewritten(self, algebra: Algebra) -> Algebra:
        schema = self.plans.schema(self.snapshot)
        return rewrite(algebra, entailment=replace(self.entailment, schema=schema))

    def _dataset(self) -> Dataset:
        if self.default_graphs is None and self.named_graphs is None:
            return Dataset()
        default = [self._graph(iri) for iri in self.default_graphs or ()]
        named = [self._graph(iri) for iri in self.named_graphs or ()]
        return Dataset(tuple(default), tuple(n for n in named if n != UNKNOWN))

    def _graph(self, iri: str) -> int:
        return int(self.snapshot.terms.find(TermColumn.of([Iri(iri)]))[0]) if iri else DEFAULT_GRAPH

    def _run(self, constants: Sequence[Any]) -> Run:
        context = ExpressionContext(
            now=self._now,
            base=self.base,
            functions={**CASTS, **FUNCTIONS, **self.functions},
            aggregates=AGGREGATES,
            geometries=self.geometries,
            seed=secrets.randbits(48),
        )
        return Run(
            self.snapshot, self.terms, self.engine, self._dataset(), constants, context, self.token,
            RemoteEndpoints(self.client, self.token), self.most_bytes,
        )  # fmt: skip

    def geometries(self, column: TermColumn) -> GeometryColumn:
        """Read geometry literals; stored ones are parsed already."""
        if column.ids is None:
            return read_geometries(column)
        stored = (column.ids > 0) & (column.ids < FIRST_COMPUTED)
        found = self.snapshot.geometries.column(np.where(stored, column.ids, 0))
        if stored.all():
            return found
        rest = np.flatnonzero(~stored & column.present)
        if not len(rest):
            return found
        computed = read_geometries(TermColumn(column.types[rest], column.take(rest).values))
        shapes, systems = found.shapes.copy(), found.systems.copy()
        shapes[rest], systems[rest] = computed.shapes, computed.systems
        return GeometryColumn(shapes, systems)


def _last_uses(program: Program) -> dict[str, list[str]]:
    """Tables are dropped after the last step that reads them, so that memory follows the work at hand."""
    last: dict[str, str] = {}
    for step in program.steps:
        for name in step.inputs:
            last[name] = step.name
    dropped: dict[str, list[str]] = {}
    for name, step_name in last.items():
        if name != program.result:
            dropped.setdefault(step_name, []).append(name)
    return dropped
