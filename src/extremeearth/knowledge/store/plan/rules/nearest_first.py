"""Of an order by distance with a limit, sort only the rows that can be among the first."""

from __future__ import annotations

from dataclasses import replace

from extremeearth.knowledge.sparql.terms import Literal, Variable
from extremeearth.knowledge.store.plan import nodes as p
from extremeearth.knowledge.store.plan.facts import Facts
from extremeearth.knowledge.store.plan.rules.spatial_conditions import distance_to

__all__ = ["nearest_first"]


def nearest_first(plan: p.Plan, facts: Facts) -> p.Plan:
    """Of an order by distance to a constant with a limit, sort only the rows that can be among the first (kNN)."""
    plan = facts.below(plan, nearest_first)
    if (
        not isinstance(plan, p.Slice)
        or plan.limit is None
        or plan.within
        or plan.limit + plan.offset == 0
    ):
        return plan
    project = plan.pattern if isinstance(plan.pattern, p.Project) else None
    order = project.pattern if project is not None else plan.pattern
    if not isinstance(order, p.Order) or isinstance(order.pattern, p.Nearest):
        return plan
    ends = _ends(order)
    if ends is None:
        return plan
    variable, geometry = ends
    inner: p.Plan = replace(
        order, pattern=_below_values(order.pattern, variable, geometry, plan.offset + plan.limit)
    )
    if project is not None:
        inner = replace(project, pattern=inner)
    return replace(plan, pattern=inner)


def _below_values(plan: p.Plan, variable: str, geometry: Literal, limit: int) -> p.Plan:
    """Put the selection below computed variables: only what is left needs them."""
    if isinstance(plan, p.Extend) and plan.variable != variable:
        return replace(plan, pattern=_below_values(plan.pattern, variable, geometry, limit))
    return p.Nearest(plan, variable, geometry, limit)


def _ends(order: p.Order) -> tuple[str, Literal] | None:
    condition = order.conditions[0]
    if condition.descending:
        return None
    expression = condition.expression
    below = order.pattern
    while isinstance(expression, Variable) and isinstance(
        below, p.Extend
    ):  # ORDER BY ?distance, bound before
        if below.variable == expression.name:
            expression = below.expression
        below = below.pattern
    found = distance_to(expression)
    if found is None:
        return None
    for one, two in (found[0], found[0][::-1]):
        if (
            isinstance(one, Variable)
            and isinstance(two, Literal)
            and one.name in order.pattern.certain
        ):
            return one.name, two
    return None
