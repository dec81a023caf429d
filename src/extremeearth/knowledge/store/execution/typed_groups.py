"""Aggregates in SQL, where the values of a variable are all integers or all doubles.

Then SQL and SPARQL mean the same: sums of integers below 2^53 are exact in the typed column, those of doubles are
rounded by nature. Everything else — decimals, mixed types, errors, DISTINCT sums — is aggregated over columns of terms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sqlglot import exp

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.terms import Variable
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.compilation.relations import column
from extremeearth.knowledge.store.compilation.steps import GroupStep
from extremeearth.knowledge.store.execution.query_terms import FIRST_COMPUTED
from extremeearth.knowledge.store.execution.run import Run, ids_of, table_of
from extremeearth.knowledge.store.expressions import Bindings, evaluate, number_column

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["grouped_in_sql"]

EXACT = 2.0**53
_FUNCTIONS = frozenset({"COUNT", "SUM", "AVG", "MIN", "MAX"})


def grouped_in_sql(step: GroupStep, table: pa.Table, run: Run) -> pa.Table | None:
    """Group and aggregate by one SQL query, or give `None` where SPARQL means more than SQL can say."""
    operands = [_operand(node) for _, node in step.aggregates]
    if step.domain is not None or not table.num_rows or None in operands:
        return None
    kinds: dict[str, int] = {}
    for (_, node), name in zip(step.aggregates, operands, strict=True):
        if name and name not in kinds and isinstance(node, s.Aggregate) and node.name != "COUNT":
            values = _values(name, table, run)
            if values is None:
                return None
            kinds[name], numbers = values
            table = table.append_column(_typed(name), [numbers])
    found = run.engine.sql(
        _statement(step, table), token=run.token, most_bytes=run.most_bytes, t=table
    )
    columns = {name: ids_of(found, name) for name in step.keys}
    for (name, node), operand in zip(step.aggregates, operands, strict=True):
        columns[name] = _finished(name, node, kinds.get(operand or "", types.INTEGER), found, run)
    return table_of(columns, found.num_rows)


def _operand(node: s.Aggregate | s.FunctionCall) -> str | None:
    """Give the variable that is aggregated, ``""`` for the rows themselves; `None` for what is not done here."""
    if not isinstance(node, s.Aggregate) or node.name not in _FUNCTIONS or node.distinct:
        return None
    if node.operand is None:
        return ""
    return node.operand.name if isinstance(node.operand, Variable) else None


def _typed(name: str) -> str:
    return f"{name}#number"


def _values(name: str, table: pa.Table, run: Run) -> tuple[int, NDArray[np.float64]] | None:
    """Give the type that all values have, and their numbers."""
    ids = ids_of(table, name)
    if ids.min(initial=1) <= 0 or ids.max(initial=0) >= FIRST_COMPUTED:
        return None
    different, back = np.unique(ids, return_inverse=True)
    codes = np.unique(run.terms.stored.types(different))
    if len(codes) != 1 or codes[0] not in {types.INTEGER, types.DOUBLE}:
        return None
    numbers = run.terms.stored.numbers(different)
    if not np.isfinite(numbers).all():
        return None  # no number, or NaN and INF, which SQL orders otherwise
    if codes[0] == types.INTEGER and np.abs(numbers).max() * len(ids) >= EXACT:
        return None
    return int(codes[0]), numbers[back] + 0.0


def _statement(step: GroupStep, table: pa.Table) -> str:
    keys = [_bound_or_null(name, table) for name in step.keys]
    outputs: list[exp.Expr] = [_named(key, name) for key, name in zip(keys, step.keys, strict=True)]
    for name, node in step.aggregates:
        outputs += [_named(made, f"{name}{part}") for part, made in _parts(node, table).items()]
    select = exp.select(*outputs).from_("t")
    bound = [key for key, name in zip(keys, step.keys, strict=True) if name in table.column_names]
    return (select.group_by(*bound) if bound else select).sql()


def _named(expression: exp.Expr, name: str) -> exp.Expr:
    return exp.alias_(expression, exp.to_identifier(name, quoted=True))


def _bound_or_null(name: str, table: pa.Table) -> exp.Expr:
    return column(name, "t") if name in table.column_names else exp.cast(exp.null(), "BIGINT")


def _parts(node: s.Aggregate | s.FunctionCall, table: pa.Table) -> dict[str, exp.Expr]:
    """Give what SQL computes for an aggregate."""
    assert isinstance(node, s.Aggregate)
    if node.operand is None:
        return {"": exp.Count(this=exp.Star())}
    assert isinstance(node.operand, Variable)
    name = node.operand.name
    number = column(_typed(name), "t")
    if node.name == "COUNT":
        return {"": exp.Count(this=_bound_or_null(name, table))}
    if node.name == "SUM":
        return {"": exp.Sum(this=number)}
    if node.name == "AVG":
        return {"#sum": exp.Sum(this=number), "#count": exp.Count(this=number)}
    order = exp.Order(expressions=[exp.Ordered(this=number, desc=node.name == "MAX")])
    return {
        "": exp.Anonymous(
            this="first_value",
            expressions=[exp.Order(this=column(name, "t"), expressions=order.expressions)],
        )
    }


def _finished(
    name: str, node: s.Aggregate | s.FunctionCall, kind: int, found: pa.Table, run: Run
) -> NDArray[np.int64]:
    """Make terms of what SQL computed."""
    assert isinstance(node, s.Aggregate)
    if node.name in {"MIN", "MAX"}:
        return ids_of(found, name)
    if node.name == "AVG":
        parts = {
            "sum": _numbers(found[f"{name}#sum"].to_numpy(), kind),
            "count": _numbers(found[f"{name}#count"].to_numpy(), types.INTEGER),
        }
        division = s.Arithmetic(Variable("sum"), (("/", Variable("count")),))
        return run.terms.encode(evaluate(division, Bindings(parts, found.num_rows), run.context))
    code = types.INTEGER if node.name == "COUNT" else kind
    return run.terms.encode(_numbers(found[name].to_numpy(), code))


def _numbers(values: NDArray[np.float64] | NDArray[np.int64], kind: int) -> TermColumn:
    return number_column(values.astype(np.int64) if kind == types.INTEGER else values, kind)
