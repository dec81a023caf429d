"""Find stored geometries in a relation to a constant one by their index, instead of asking every row."""

from __future__ import annotations

from extremeearth.knowledge.sparql.terms import Literal, Variable
from extremeearth.knowledge.store.plan import nodes as p
from extremeearth.knowledge.store.plan.conditions import conjuncts
from extremeearth.knowledge.store.plan.facts import Facts
from extremeearth.knowledge.store.plan.rules.spatial_conditions import spatial_condition

__all__ = ["match_geometries"]

THEMATIC_FIRST = 20.0
"""A selection by theme that leaves this many times fewer rows than the index finds comes first."""


def match_geometries(plan: p.Plan, facts: Facts) -> p.Plan:
    """Find stored geometries in a relation to a constant one by their index, instead of asking every row.

    Only for a variable that stands as object in a scan: what it binds is stored. Where other patterns leave few rows,
    the condition stays one and is asked of those (thematic first).
    """
    plan = facts.below(plan, match_geometries)
    if isinstance(plan, p.Filter) and isinstance(plan.pattern, p.Scan) and not plan.flags:
        plan = p.JoinGraph((plan.pattern,), conjuncts(plan.condition))
    if not isinstance(plan, p.JoinGraph):
        return plan
    stored = {node.object for node in plan.inputs if isinstance(node, p.Scan)}
    inputs, kept = list(plan.inputs), []
    for condition in plan.conditions:
        found = spatial_condition(condition)
        match = None
        if found is not None:
            for one, two, flipped in (
                (found.left, found.right, False),
                (found.right, found.left, True),
            ):
                if isinstance(one, Variable) and isinstance(two, Literal) and one.name in stored:
                    match = p.SpatialMatch(one.name, found.relation, two, flipped)
        if match is None or found is None or _is_thematic(match, plan, facts):
            kept.append(condition)
            continue
        inputs.append(match)
        if not found.exact:
            kept.append(condition)
    return p.JoinGraph(tuple(inputs), tuple(kept))


def _is_thematic(match: p.SpatialMatch, plan: p.JoinGraph, facts: Facts) -> bool:
    from extremeearth.knowledge.store.plan.rules.order_joins import ordered_joins

    without = facts.rows(ordered_joins(plan.inputs, (), facts))
    return without * THEMATIC_FIRST < facts.rows(match)
