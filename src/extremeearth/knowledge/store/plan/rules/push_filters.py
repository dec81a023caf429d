"""Move each condition to the lowest node that binds its variables."""

from __future__ import annotations

from dataclasses import replace

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.scope import operands, variables_of
from extremeearth.knowledge.store.plan import nodes as p
from extremeearth.knowledge.store.plan.build import conjuncts
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
    found = plan.pattern
    for condition in conjuncts(plan.condition):
        found = _pushed(condition, found)
    return found


def _pushed(condition: s.Expression, plan: p.Plan) -> p.Plan:  # noqa: PLR0911 - one branch for each kind of node
    names = {v.name for v in variables_of(condition)}
    stay = p.Filter(condition, plan)
    if _is_volatile(condition):
        return stay
    if isinstance(plan, p.Join):
        for side in ("left", "right"):
            inner = getattr(plan, side)
            if names <= inner.certain:
                return replace(plan, **{side: _pushed(condition, inner)})
        return stay
    if isinstance(plan, p.LeftJoin):
        return (
            replace(plan, left=_pushed(condition, plan.left))
            if names <= plan.left.certain
            else stay
        )
    if isinstance(plan, p.SemiJoin | p.Minus):
        return replace(plan, left=_pushed(condition, plan.left))
    if isinstance(plan, p.Union):
        return p.Union(tuple(_pushed(condition, branch) for branch in plan.branches))
    if isinstance(plan, p.Extend):
        return (
            stay
            if plan.variable in names
            else replace(plan, pattern=_pushed(condition, plan.pattern))
        )
    if isinstance(plan, p.ExistsFlag | p.Project):
        inside = names <= set(plan.variables) & set(plan.pattern.variables)
        return replace(plan, pattern=_pushed(condition, plan.pattern)) if inside else stay
    if isinstance(plan, p.Group):
        inside = bool(names) and names <= set(plan.keys) and plan.domain is None
        return replace(plan, pattern=_pushed(condition, plan.pattern)) if inside else stay
    if isinstance(plan, p.Filter | p.Distinct | p.Order):
        return replace(plan, pattern=_pushed(condition, plan.pattern))
    return stay


def _is_volatile(expression: s.Expression) -> bool:
    if isinstance(expression, s.BuiltIn) and expression.name in _VOLATILE:
        return True
    return isinstance(expression, s.Exists) or any(map(_is_volatile, operands(expression)))
