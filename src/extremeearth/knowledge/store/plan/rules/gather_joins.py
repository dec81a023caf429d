"""Make joins beside each other, and the conditions among them, one graph of joins."""

from __future__ import annotations

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.store.plan import nodes as p
from extremeearth.knowledge.store.plan.build import conjuncts
from extremeearth.knowledge.store.plan.facts import Facts

__all__ = ["gather_joins"]


def gather_joins(plan: p.Plan, facts: Facts) -> p.Plan:
    """Make joins beside each other, and the conditions among them, one graph of joins.

    A condition is taken out of a join only where its variables are sure to be bound below it: then it says the same
    about the whole.
    """
    inputs: list[p.Plan] = []
    conditions: list[s.Expression] = []
    _collect(plan, inputs, conditions, facts)
    if len(inputs) == 1 and not conditions:
        return inputs[0]
    return p.JoinGraph(tuple(inputs), tuple(conditions))


def _collect(
    plan: p.Plan, inputs: list[p.Plan], conditions: list[s.Expression], facts: Facts
) -> None:
    if isinstance(plan, p.Join):
        _collect(plan.left, inputs, conditions, facts)
        _collect(plan.right, inputs, conditions, facts)
    elif isinstance(plan, p.Filter) and not plan.flags and _is_stable(plan):
        _collect(plan.pattern, inputs, conditions, facts)
        conditions += conjuncts(plan.condition)
    elif not (isinstance(plan, p.Values) and plan.is_unit):
        inputs.append(facts.below(plan, gather_joins))
    elif not inputs:
        inputs.append(plan)


def _is_stable(plan: p.Filter) -> bool:
    from extremeearth.knowledge.sparql.scope import variables_of

    return {v.name for v in variables_of(plan.condition)} <= plan.pattern.certain
