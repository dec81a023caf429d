"""Move each condition to the lowest node that binds its variables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.scope import operands, variables_of
from extremeearth.knowledge.store.plan import nodes as p
from extremeearth.knowledge.store.plan.conditions import conjoined, conjuncts
from extremeearth.knowledge.store.plan.facts import Facts

__all__ = ["push_filters"]

_VOLATILE = frozenset({"RAND", "UUID", "STRUUID", "BNODE"})


def push_filters(plan: p.Plan, facts: Facts) -> p.Plan:
    """Move each condition to the lowest node that binds its variables, and into every branch of a union.

    A condition that asks an EXISTS, or that answers differently each time, stays where it is.
    """
    plan = facts.below(plan, push_filters)
    if not isinstance(plan, p.Filter) or plan.flags:
        return plan
    return _pushed(conjuncts(plan.condition), plan.pattern)


def _pushed(conditions: Sequence[s.Expression], plan: p.Plan) -> p.Plan:
    """Move conditions all at once: one after the other would walk the plan once for each."""
    stay: list[s.Expression] = []
    ways: dict[str, list[s.Expression]] = {}
    for condition in conditions:
        way = None if _is_volatile(condition) else _way(condition, plan)
        (stay if way is None else ways.setdefault(way, [])).append(condition)
    if "branches" in ways:
        assert isinstance(plan, p.Union)
        plan = p.Union(tuple(_pushed(ways["branches"], branch) for branch in plan.branches))
    elif ways:
        below = {way: _pushed(moved, getattr(plan, way)) for way, moved in ways.items()}
        plan = replace(plan, **below)
    return p.Filter(conjoined(stay), plan) if stay else plan


def _way(condition: s.Expression, plan: p.Plan) -> str | None:
    """Name the field of a node that holds the plan below which a condition may be asked."""
    names = {v.name for v in variables_of(condition)}
    may = False
    way = "pattern"
    if isinstance(plan, p.Join):
        return next(
            (side for side in ("left", "right") if names <= getattr(plan, side).certain), None
        )
    if isinstance(plan, p.LeftJoin):
        way, may = "left", names <= plan.left.certain
    elif isinstance(plan, p.SemiJoin | p.Minus):
        way, may = "left", True
    elif isinstance(plan, p.Union):
        way, may = "branches", True
    elif isinstance(plan, p.Extend):
        may = plan.variable not in names
    elif isinstance(plan, p.ExistsFlag | p.Project):
        may = names <= set(plan.variables) & set(plan.pattern.variables)
    elif isinstance(plan, p.Group):
        may = bool(names) and names <= set(plan.keys) and plan.domain is None
    elif isinstance(plan, p.Filter | p.Distinct | p.Order):
        may = True
    return way if may else None


def _is_volatile(expression: s.Expression) -> bool:
    if isinstance(expression, s.BuiltIn) and expression.name in _VOLATILE:
        return True
    return isinstance(expression, s.Exists) or any(map(_is_volatile, operands(expression)))
