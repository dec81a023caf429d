"""Order joins from what the store counts: small inputs first, then what keeps the result small."""

from __future__ import annotations

from collections.abc import Sequence

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.scope import variables_of
from extremeearth.knowledge.sparql.terms import Variable
from extremeearth.knowledge.store.plan import nodes as p
from extremeearth.knowledge.store.plan.conditions import conjoined
from extremeearth.knowledge.store.plan.facts import Facts
from extremeearth.knowledge.store.plan.rules.spatial_conditions import spatial_condition

__all__ = ["order_joins", "ordered_joins"]


def order_joins(plan: p.Plan, facts: Facts) -> p.Plan:
    """Order joins from what the store counts; conditions come as early as their variables are bound.

    Parts that share no variable but have a spatial condition between them become a spatial join.
    """
    plan = facts.below(plan, order_joins)
    if not isinstance(plan, p.JoinGraph):
        return plan
    return ordered_joins(plan.inputs, plan.conditions, facts)


def ordered_joins(
    inputs: Sequence[p.Plan], conditions: Sequence[s.Expression], facts: Facts
) -> p.Plan:
    """Join plans in a good order and put conditions where they belong."""
    waiting = list(conditions)
    parts: list[p.Plan] = []
    for part in _connected(inputs):
        parts.append(_chain(part, waiting, facts))
    while len(parts) > 1:
        facts.token.check()
        parts = _together(parts, waiting, facts)
    return _conditioned(parts[0], waiting, everything=True)


def _connected(inputs: Sequence[p.Plan]) -> list[list[p.Plan]]:
    """Split inputs into parts that share variables."""
    parts: list[tuple[set[str], list[p.Plan]]] = []
    for node in inputs:
        names, members = set(node.variables), [node]
        apart = []
        for known, others in parts:
            if known & names:
                names |= known
                members = others + members
            else:
                apart.append((known, others))
        parts = [*apart, (names, members)]
    return [members for _, members in parts]


def _chain(inputs: Sequence[p.Plan], waiting: list[s.Expression], facts: Facts) -> p.Plan:
    left = list(inputs)
    start = min(left, key=lambda node: (_is_late(node, frozenset()), facts.rows(node)))
    left.remove(start)
    plan = _conditioned(start, waiting)
    while left:
        facts.token.check()
        bound = frozenset(plan.variables)
        best = min(left, key=lambda node: _cost(plan, node, bound, facts))
        left.remove(best)
        plan = _conditioned(p.Join(plan, _conditioned(best, waiting)), waiting)
    return plan


def _is_late(node: p.Plan, bound: frozenset[str]) -> bool:
    """Paths of any length and other endpoints wait until something tells them where to look."""
    if isinstance(node, p.Closure):
        ends = [slot for slot in (node.subject, node.object) if isinstance(slot, str)]
        return len(ends) == 2 and not bound & set(ends)
    return isinstance(node, p.Service)


def _cost(
    plan: p.Plan, node: p.Plan, bound: frozenset[str], facts: Facts
) -> tuple[bool, bool, float, float]:
    shared = bound.intersection(node.variables)
    apart = not shared
    loose = not (shared <= plan.certain and shared <= node.certain)
    rows = facts.estimate(plan).joined_rows(facts.estimate(node))
    return apart, _is_late(node, bound) or loose, rows, facts.rows(node)


def _together(parts: list[p.Plan], waiting: list[s.Expression], facts: Facts) -> list[p.Plan]:
    """Put two unconnected parts together: by a spatial join where a condition asks for one, else the smallest two."""
    for condition in waiting:
        found = spatial_condition(condition)
        if found is None or not (
            isinstance(found.left, Variable) and isinstance(found.right, Variable)
        ):
            continue
        one = next((part for part in parts if found.left.name in part.certain), None)
        two = next((part for part in parts if found.right.name in part.certain), None)
        if one is None or two is None or one is two:
            continue
        joined: p.Plan = p.SpatialJoin(one, two, found.left.name, found.right.name, found.relation)
        if found.exact:
            waiting.remove(condition)
        rest = [part for part in parts if part is not one and part is not two]
        return [*rest, _conditioned(joined, waiting)]
    first, second, *rest = sorted(parts, key=facts.rows)
    return [*rest, _conditioned(p.Join(first, second), waiting)]


def _conditioned(plan: p.Plan, waiting: list[s.Expression], *, everything: bool = False) -> p.Plan:
    """Put the conditions whose variables are bound on top of a plan."""
    ready: list[s.Expression] = []
    later: list[s.Expression] = []
    for condition in waiting:
        names = {v.name for v in variables_of(condition)}
        decided = everything or (bool(names) and names <= plan.certain)
        (ready if decided else later).append(condition)
    waiting[:] = later
    return p.Filter(conjoined(ready), plan) if ready else plan
