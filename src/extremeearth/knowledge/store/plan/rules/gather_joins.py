"""Make joins beside each other, and the conditions among them, one graph of joins."""

from __future__ import annotations

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.store.plan import nodes as p
from extremeearth.knowledge.store.plan.conditions import conjuncts
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
    waiting: list[p.Plan | tuple[s.Expression, ...]] = [plan]
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            conditions += node
        elif isinstance(node, p.Join):
            waiting += node.right, node.left
        elif isinstance(node, p.Filter) and not node.flags and _is_stable(node):
            waiting += conjuncts(node.condition), node.pattern
        elif not (isinstance(node, p.Values) and node.is_unit):
            inputs.append(facts.below(node, gather_joins, through=(p.Join,)))
        elif not inputs:
            inputs.append(node)


def _is_stable(plan: p.Filter) -> bool:
    from extremeearth.knowledge.sparql.scope import variables_of

    return {v.name for v in variables_of(plan.condition)} <= plan.pattern.certain
