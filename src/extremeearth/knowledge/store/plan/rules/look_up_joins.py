"""Look the few rows of one side up in the scan of the other, instead of reading all of it."""

from __future__ import annotations

from dataclasses import replace

from extremeearth.knowledge.store.plan import nodes as p
from extremeearth.knowledge.store.plan.facts import Facts

__all__ = ["look_up_joins"]

FEWER = 8.0
"""A scan must have this many times the rows of the other side."""
SMALL = 2_000.0
"""Up to so many rows a look-up is quicker than SQL, whatever the scan."""


def look_up_joins(plan: p.Plan, facts: Facts) -> p.Plan:
    """Look the few rows of one side up in the scan of the other, instead of reading all of it.

    The last of the rules: it takes the order of joins as it is.
    """
    before = plan
    plan = facts.below(plan, look_up_joins)
    if isinstance(plan, p.Join) and isinstance(before, p.Join):
        return _inner(plan.left, plan.right, before.left, facts) or plan
    if isinstance(plan, p.LeftJoin) and isinstance(before, p.LeftJoin) and plan.condition is None:
        return _looked_up(plan.left, plan.right, before.left, facts, optional=True) or plan
    return plan


def _inner(left: p.Plan, right: p.Plan, before: p.Plan, facts: Facts) -> p.Plan | None:
    """Conditions on the scan come after the join: then they are asked of a few rows."""
    if isinstance(right, p.Filter) and not right.flags:
        found = _inner(left, right.pattern, before, facts)
        return None if found is None else replace(right, pattern=found)
    return _looked_up(left, right, before, facts, optional=False)


def _looked_up(
    left: p.Plan, right: p.Plan, before: p.Plan, facts: Facts, *, optional: bool
) -> p.Plan | None:
    if not isinstance(right, p.Scan) or isinstance(right.predicate, str):
        return None
    shared = [name for name in right.variables if name in left.variables]
    ends = [name for name in shared if name in (right.subject, right.object)]
    if not ends or not left.certain.issuperset(shared):
        return None
    few = facts.rows(before)  # the estimates are of plans that rules before this one know
    if few > SMALL and few * FEWER > facts.rows(right):
        return None
    return p.LookUp(left, right, max(ends, key=facts.estimate(right).values), optional)
