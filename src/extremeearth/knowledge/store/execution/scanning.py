"""Scans: from triple patterns to tables of quads, with constants and graphs resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.compilation.steps import (
    UNIT,
    GraphNamesStep,
    LookUpStep,
    ScanStep,
    ValuesStep,
)
from extremeearth.knowledge.store.execution.run import Run, group_rows, ids_of, table_of
from extremeearth.knowledge.store.execution.typed_columns import typed_column
from extremeearth.knowledge.store.plan.nodes import Scan

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["run_graph_names", "run_look_up", "run_scan", "run_values"]

_TRIPLE = ("s", "p", "o")
WORTH_IT = 3
"""A scan must have this many times the rows that are looked up in it."""


def run_scan(step: ScanStep, run: Run) -> pa.Table:
    """Read the quads of a pattern."""
    import pyarrow as pa

    scan = step.scan
    found = run.snapshot.scan(
        subject=None if isinstance(scan.subject, str) else run.number(scan.subject),
        predicate=None if isinstance(scan.predicate, str) else run.number(scan.predicate),
        object=None if isinstance(scan.object, str) else run.number(scan.object),
        graphs=_graphs(scan, run),
    )
    if scan.graph.kind == "default" and len(run.dataset.default) > 1:
        found = _merged(found)
    if not step.columns:
        return pa.table({UNIT: np.ones(found.num_rows, np.int64)})
    table = found.select(list(step.columns))
    for bound in step.bounds:
        table = table.append_column(bound.column, typed_column(found["o"].to_numpy(), bound, run))
    return table


def run_look_up(step: LookUpStep, run: Run) -> pa.Table:
    """Join rows with the quads that their values are found in."""
    scan, table = step.scan, run.tables[step.input]
    keys = ids_of(table, step.variable)
    place = "s" if scan.subject == step.variable else "o"
    quads = _quads_among(scan, place, np.unique(keys), run)
    if scan.graph.kind == "default" and len(run.dataset.default) > 1:
        quads = _merged(quads)
    column = quads[place].to_numpy()
    order = np.argsort(column, kind="stable")
    low = column.searchsorted(keys, sorter=order)
    counts = column.searchsorted(keys, side="right", sorter=order) - low
    starts = np.cumsum(counts) - counts
    rows = np.repeat(np.arange(len(keys)), counts)
    found = order[np.arange(len(rows)) + np.repeat(low - starts, counts)]
    return _joined(step, table, quads, rows, found)


def _quads_among(scan: Scan, place: str, values: NDArray[np.int64], run: Run) -> pa.Table:
    """Look values up, or read everything where there are more of them than was expected."""
    assert not isinstance(scan.predicate, str)
    predicate, graphs = run.number(scan.predicate), _graphs(scan, run)
    subject, object_ = (
        None if isinstance(slot, str) else run.number(slot) for slot in (scan.subject, scan.object)
    )
    if len(values) * WORTH_IT > run.snapshot.statistics.predicate(predicate).triples:
        return run.snapshot.scan(
            subject=subject, predicate=predicate, object=object_, graphs=graphs
        )
    found = run.snapshot.scan_among(predicate, place, values, graphs=graphs)
    for name, number in (("s", subject), ("o", object_)):
        if number is not None:
            found = found.filter(found[name].to_numpy() == number)
    return found


def _joined(
    step: LookUpStep,
    table: pa.Table,
    quads: pa.Table,
    rows: NDArray[np.intp],
    found: NDArray[np.intp],
) -> pa.Table:
    """Put rows and quads side by side; what both have must be equal."""
    keep = np.ones(len(rows), bool)
    columns: dict[str, NDArray[np.int64]] = {}
    for place, slot in step.scan.slots:
        if not isinstance(slot, str):
            continue
        values = quads[place].to_numpy()[found]
        if slot in columns:
            keep &= columns[slot] == values
        elif slot in table.column_names:
            keep &= ids_of(table, slot)[rows] == values
        else:
            columns[slot] = values
    rows, columns = rows[keep], {name: ids[keep] for name, ids in columns.items()}
    if step.optional:
        alone = np.setdiff1d(np.arange(table.num_rows), rows)
        rows = np.concatenate([rows, alone])
        nothing = np.zeros(len(alone), np.int64)
        columns = {name: np.concatenate([ids, nothing]) for name, ids in columns.items()}
    joined = table.take(rows)
    for name, ids in columns.items():
        joined = joined.append_column(name, table_of({name: ids}, len(ids))[name])
    return joined


def _graphs(scan: Scan, run: Run) -> list[int]:
    scope = scan.graph
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
