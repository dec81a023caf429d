"""Scans: from triple patterns to tables of quads, with constants and graphs resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.compilation.steps import (
    UNIT,
    GraphNamesStep,
    ScanStep,
    ValuesStep,
)
from extremeearth.knowledge.store.execution.run import Run, group_rows, table_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["run_graph_names", "run_scan", "run_values"]

_TRIPLE = ("s", "p", "o")


def run_scan(step: ScanStep, run: Run) -> pa.Table:
    """Read the quads of a pattern."""
    import pyarrow as pa

    scan = step.scan
    found = run.snapshot.scan(
        subject=None if isinstance(scan.subject, str) else run.number(scan.subject),
        predicate=None if isinstance(scan.predicate, str) else run.number(scan.predicate),
        object=None if isinstance(scan.object, str) else run.number(scan.object),
        graphs=_graphs(step, run),
    )
    if scan.graph.kind == "default" and len(run.dataset.default) > 1:
        found = _merged(found)
    if not step.columns:
        return pa.table({UNIT: np.ones(found.num_rows, np.int64)})
    stored = [name for name in step.columns if name in {"s", "p", "o", "g"}]
    table = found.select(stored)
    for kind in step.columns:
        if kind not in stored:
            table = table.append_column(kind, _typed(kind, found["o"].to_numpy(), run))
    return table


def _graphs(step: ScanStep, run: Run) -> list[int]:
    scope = step.scan.graph
    if scope.kind == "default":
        return list(run.dataset.default)
    if scope.kind == "any":
        return run.named_graphs()
    assert scope.graph is not None
    graph = run.number(scope.graph)
    allowed = run.dataset.named is None or graph in run.dataset.named
    return [graph] if graph > 0 and allowed else []


def _merged(quads: pa.Table) -> pa.Table:
    """Merge graphs (RDF 1.1 Semantics, section 4.1; blank nodes are shared in a store): each triple once."""
    columns = [quads[name].to_numpy() for name in _TRIPLE]
    first, _ = group_rows(columns, quads.num_rows)
    return quads if len(first) == quads.num_rows else quads.take(np.sort(first))


def _typed(kind: str, ids: NDArray[np.int64], run: Run) -> pa.Array:
    """Give the values of objects that SQL compares; null where there is none, and for what is not a number."""
    import pyarrow as pa

    stored = run.terms.stored
    if kind == "number":
        values = stored.numbers(ids) + 0.0  # -0.0 becomes 0.0: SQL would tell them apart
        return pa.array(values, pa.float64(), mask=np.isnan(values))
    moments = stored.instants(ids)
    wanted = stored.types(ids) == types.DATE_TIME
    return pa.array(moments, pa.int64(), mask=~wanted | (moments == np.iinfo(np.int64).min))


def run_values(step: ValuesStep, run: Run) -> pa.Table:
    """Make the rows of VALUES."""
    columns = {}
    for at, name in enumerate(step.variables):
        columns[name] = run.terms.encode(TermColumn.of([row[at] for row in step.rows]))
    return table_of(columns, len(step.rows))


def run_graph_names(step: GraphNamesStep, run: Run) -> pa.Table:
    """List the named graphs."""
    names = np.array(run.named_graphs(), np.int64)
    return table_of({step.variable: names}, len(names))
