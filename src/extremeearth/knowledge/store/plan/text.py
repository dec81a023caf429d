"""A plan as an indented tree, one operator a line."""

from __future__ import annotations

from collections.abc import Callable

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.store.plan import nodes as p

__all__ = ["plan_text"]


def plan_text(plan: p.Plan, *, rows: Callable[[p.Plan], float] | None = None) -> str:
    """Write a plan.

    Parameters
    ----------
    rows
        Estimate of a node's rows, written after it.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import parse_query, translate
    >>> from extremeearth.knowledge.store.plan import build
    >>> print(
    ...     plan_text(
    ...         build(translate(parse_query("ASK { ?a <urn:p> ?b OPTIONAL { ?b ?q 5 } }"))).plan
    ...     )
    ... )
    LeftJoin
      Scan ?a <urn:p> ?b
      Scan ?b ?q $0
    """
    return "\n".join(_lines(plan, 0, rows))


def _lines(plan: p.Plan, depth: int, rows: Callable[[p.Plan], float] | None) -> list[str]:
    count = "" if rows is None else f"  ~{rows(plan):.3g} rows"
    head = f"{'  ' * depth}{type(plan).__name__} {_about(plan)}".rstrip()
    inner = [line for child in p.children(plan) for line in _lines(child, depth + 1, rows)]
    return [head + count, *inner]


def _slot(slot: p.Slot | None) -> str:
    return f"?{slot}" if isinstance(slot, str) else str(slot)


def _short(expression: s.Expression | None) -> str:
    return "" if expression is None else " ".join(str(expression).split())


def _about(plan: p.Plan) -> str:  # noqa: PLR0911, PLR0912 - one branch for each kind of node
    if isinstance(plan, p.Scan):
        where = (
            ""
            if plan.graph.kind == "default"
            else f" in {plan.graph.kind} {_slot(plan.graph.graph)}"
        )
        return f"{_slot(plan.subject)} {_slot(plan.predicate)} {_slot(plan.object)}{where}"
    if isinstance(plan, p.LookUp):
        return f"?{plan.variable}{', optional' if plan.optional else ''}"
    if isinstance(plan, p.Filter | p.LeftJoin):
        return _short(plan.condition)
    if isinstance(plan, p.JoinGraph):
        return ", ".join(map(_short, plan.conditions))
    if isinstance(plan, p.Extend):
        return f"?{plan.variable} = {_short(plan.expression)}"
    if isinstance(plan, p.Group):
        made = " ".join(f"?{name} = {_short(e)}" for name, e in plan.aggregates)
        return f"by {' '.join(f'?{key}' for key in plan.keys) or 'nothing'}: {made}"
    if isinstance(plan, p.Order):
        return ", ".join(" ".join(str(c).split()) for c in plan.conditions)
    if isinstance(plan, p.Project):
        return " ".join(f"?{name}" for name in plan.variables)
    if isinstance(plan, p.Slice):
        return f"from {plan.offset}, {'all' if plan.limit is None else plan.limit}"
    if isinstance(plan, p.SpatialJoin):
        return f"?{plan.left_variable} {plan.relation} ?{plan.right_variable}"
    if isinstance(plan, p.SpatialMatch):
        pair = (f"?{plan.variable}", _short(plan.geometry))
        one, two = pair[::-1] if plan.flipped else pair
        return f"{one} {plan.relation} {two}"
    if isinstance(plan, p.Nearest):
        return f"{plan.limit} by ?{plan.variable} to {_short(plan.geometry)}"
    if isinstance(plan, p.Closure):
        most = "" if plan.maximum is None else str(plan.maximum)
        return f"{_slot(plan.subject)} {{{plan.minimum},{most}}} {_slot(plan.object)}"
    if isinstance(plan, p.Values):
        return f"{' '.join(f'?{name}' for name in plan.variables)} ({len(plan.rows)} rows)".strip()
    if isinstance(plan, p.Service):
        return str(plan.endpoint)
    return "negated" if isinstance(plan, p.SemiJoin) and plan.negated else ""
