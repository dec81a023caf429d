"""Steps on whole solutions: filters, computed variables, groups, order, slices, EXISTS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.scope import operands, variables_of
from extremeearth.knowledge.sparql.terms import Variable
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.compilation import steps as t
from extremeearth.knowledge.store.execution.run import Run, group_rows, ids_of, table_of
from extremeearth.knowledge.store.execution.typed_groups import grouped_in_sql
from extremeearth.knowledge.store.expressions import aggregate, evaluate, order_keys, truth
from extremeearth.knowledge.store.plan.conditions import conjoined, conjuncts

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "run_count", "run_distinct", "run_extend", "run_filter", "run_flag", "run_group", "run_number", "run_order",
    "run_project", "run_seed", "run_slice",
]  # fmt: skip


def run_filter(step: t.FilterStep, run: Run) -> pa.Table:
    """Keep the rows whose condition is true."""
    table = run.tables[step.input]
    for part in _asked_together(step.condition):
        found = run.evaluated(table, part, truth, step.flags)
        table = table.filter(found == 1)
    return table


def _asked_together(condition: s.Expression) -> list[s.Expression]:
    """Put parts of a condition in order: cheap ones first, at once for the same variables, then calls one by one."""
    cheap: dict[frozenset[Variable], list[s.Expression]] = {}
    calls = []
    for part in conjuncts(condition):
        if _is_call(part):
            calls.append(part)
        else:
            cheap.setdefault(frozenset(variables_of(part)), []).append(part)
    return [*map(conjoined, cheap.values()), *calls]


def _is_call(expression: s.Expression) -> bool:
    slow = isinstance(expression, s.BuiltIn) and expression.name in {"REGEX", "REPLACE"}
    return (
        slow or isinstance(expression, s.FunctionCall) or any(map(_is_call, operands(expression)))
    )


def run_extend(step: t.ExtendStep, run: Run) -> pa.Table:
    """Compute a variable."""
    table = run.tables[step.input]
    found = run.evaluated(table, step.expression, evaluate, step.flags)
    return _with(table, step.variable, run.terms.encode(found))


def _with(table: pa.Table, name: str, ids: NDArray[np.int64]) -> pa.Table:
    column = table_of({name: ids}, len(ids))[name]
    kept = table.drop_columns([t.UNIT]) if t.UNIT in table.column_names else table
    if name in kept.column_names:
        return kept.set_column(kept.column_names.index(name), name, column)
    return kept.append_column(name, column) if kept.num_columns else _single(name, column)


def _single(name: str, column: Any) -> pa.Table:
    import pyarrow as pa

    return pa.table({name: column})


def run_group(step: t.GroupStep, run: Run) -> pa.Table:
    """Group rows and aggregate what each group has (section 18.5.1)."""
    table = run.tables[step.input]
    typed = grouped_in_sql(step, table, run)
    if typed is not None:
        return typed
    keys = [ids_of(table, name) for name in step.keys]
    if step.domain is not None:
        given = run.tables[step.domain]
        keys = [
            np.concatenate([ids_of(given, name), column])
            for name, column in zip(step.keys, keys, strict=True)
        ]
        first, group = group_rows(keys, given.num_rows + table.num_rows)
        group = group[given.num_rows :]
        count = len(first)
    elif keys:
        first, group = group_rows(keys, table.num_rows)
        count = len(first)
    else:
        first, group = np.zeros(1, np.int64), np.zeros(table.num_rows, np.int64)
        count = 1
    columns = {name: column[first] for name, column in zip(step.keys, keys, strict=True)}
    for name, node in step.aggregates:
        columns[name] = run.terms.encode(_aggregated(node, table, group, count, run))
    return table_of(columns, count)


def _aggregated(
    node: s.Aggregate | s.FunctionCall,
    table: pa.Table,
    group: NDArray[np.int64],
    count: int,
    run: Run,
) -> TermColumn:
    operand = node.operand if isinstance(node, s.Aggregate) else node.arguments[0]
    if operand is None:
        if isinstance(node, s.Aggregate) and node.distinct:  # COUNT(DISTINCT *)
            visible = [
                ids_of(table, n) for n in table.column_names if not n.startswith((".", "_:"))
            ]
            first, _ = group_rows([group, *visible], table.num_rows)
            group = group[first]
        return aggregate(node, None, group, count, run.context)
    values = run.evaluated(table, operand, evaluate)
    others = [] if isinstance(node, s.Aggregate) else node.arguments[1:]
    beside = [run.evaluated(table, other, evaluate) for other in others]
    return aggregate(node, values, group, count, run.context, others=beside)


def run_count(step: t.CountStep, run: Run) -> pa.Table:
    """Make terms of counts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = run.tables[step.input]
    for name in step.columns:
        at = table.column_names.index(name)
        counts = table[name].combine_chunks()
        if isinstance(counts, pa.ChunkedArray):
            counts = (
                pa.concat_arrays(counts.chunks) if counts.num_chunks else pa.array([], pa.int64())
            )
        encoded = pc.dictionary_encode(counts)
        texts = TermColumn.of_values(types.INTEGER, encoded.dictionary.cast(pa.large_string()))
        ids = run.terms.encode(texts)[encoded.indices.to_numpy()]
        table = table.set_column(at, name, pa.array(ids))
    return table


def run_order(step: t.OrderStep, run: Run) -> pa.Table:
    """Sort rows (section 15.1); rows that compare equal stay as they came."""
    table = run.tables[step.input]
    ranks = []
    for condition in step.conditions:
        values = run.evaluated(table, condition.expression, evaluate, step.flags)
        rank = _ranks(values)
        ranks.append(-rank if condition.descending else rank)
    order = np.lexsort(ranks[::-1])
    return table.take(order if step.limit is None else order[: step.limit])


def _ranks(values: TermColumn) -> NDArray[np.int64]:
    """Give terms their place in the order; terms that compare equal have one place."""
    different, back = values.unique()
    keys = order_keys(different)
    order = np.lexsort(keys[::-1])
    changed = np.zeros(len(order), bool)
    for key in keys:
        along = key[order]
        changed[1:] |= along[1:] != along[:-1]
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.cumsum(changed)
    return ranks[back]


def run_project(step: t.ProjectStep, run: Run) -> pa.Table:
    """Take some columns."""
    table = run.tables[step.input]
    return table_of({name: ids_of(table, name) for name in step.variables}, table.num_rows)


def run_distinct(step: t.DistinctStep, run: Run) -> pa.Table:
    """Keep the first of equal rows."""
    table = run.tables[step.input]
    first, _ = group_rows([ids_of(table, name) for name in step.variables], table.num_rows)
    return table.take(np.sort(first))


def run_slice(step: t.SliceStep, run: Run) -> pa.Table:
    """Take rows from a place on."""
    table = run.tables[step.input]
    if not step.within:
        return table.slice(step.offset, step.limit)
    _, group = group_rows([ids_of(table, name) for name in step.within], table.num_rows)
    order = np.argsort(group, kind="stable")
    starts = np.concatenate([[True], group[order][1:] != group[order][:-1]])[: len(order)]
    first = np.flatnonzero(starts)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order)) - np.repeat(first, np.diff([*first, len(order)]))
    last = np.inf if step.limit is None else step.offset + step.limit
    return table.filter((place >= step.offset) & (place < last))


def run_number(step: t.NumberStep, run: Run) -> pa.Table:
    """Add the number of each row."""
    table = run.tables[step.input]
    return _with(table, step.column, np.arange(1, table.num_rows + 1))


def run_seed(step: t.SeedStep, run: Run) -> pa.Table:
    """Give the different rows of some columns numbers from 1."""
    table = run.tables[step.input]
    columns = [ids_of(table, name) for name in step.columns]
    first, _ = group_rows(columns, table.num_rows)
    made = {name: column[first] for name, column in zip(step.columns, columns, strict=True)}
    return table_of({step.key: np.arange(1, len(first) + 1), **made}, len(first))


def run_flag(step: t.FlagStep, run: Run) -> pa.Table:
    """Tell for every row whether its seed came back."""
    import pyarrow as pa

    table = run.tables[step.input]
    _, group = group_rows([ids_of(table, name) for name in step.columns], table.num_rows)
    found = np.isin(group + 1, ids_of(run.tables[step.found], step.key))
    return table.append_column(step.flag, pa.array(found))
