"""Let what a sub-pattern is joined with narrow it from inside."""

from __future__ import annotations

from dataclasses import replace

from extremeearth.knowledge.store.plan import nodes as p
from extremeearth.knowledge.store.plan.facts import Facts

__all__ = ["pass_bindings"]

SELECTIVE = 10.0
"""Values of a variable must be this many times fewer outside than rows inside."""


def pass_bindings(plan: p.Plan, facts: Facts) -> p.Plan:
    """Let what a sub-pattern with DISTINCT is joined with narrow it from inside.

    Joined with the different values that a scan beside it has for a shared variable, such a sub-pattern gives the
    rows that the join would have kept anyway. So a rewritten topological property is not computed for all geometries
    of the store where few features are asked for.
    """
    plan = facts.below(plan, pass_bindings)
    if not isinstance(plan, p.JoinGraph):
        return plan
    scans = [node for node in plan.inputs if isinstance(node, p.Scan)]
    inputs = []
    for node in plan.inputs:
        narrowed = node
        if isinstance(node, p.Distinct):
            for name in node.variables:
                known = [scan for scan in scans if name in scan.variables and name in node.certain]
                best = min(known, key=facts.rows, default=None)
                if best is not None and facts.rows(best) * SELECTIVE < facts.rows(narrowed):
                    values = p.Distinct(p.Project(best, (name,)))
                    narrowed = _narrowed(narrowed, name, values)
        inputs.append(narrowed)
    return replace(plan, inputs=tuple(inputs))


def _narrowed(plan: p.Plan, name: str, values: p.Plan) -> p.Plan:  # noqa: PLR0911 - one branch for each kind of node
    """Join with values as deep inside as every row has the variable."""
    if isinstance(plan, p.Distinct | p.Filter):
        return replace(plan, pattern=_narrowed(plan.pattern, name, values))
    if isinstance(plan, p.Project):
        if name in plan.variables and name in plan.pattern.certain:
            return replace(plan, pattern=_narrowed(plan.pattern, name, values))
        return plan
    if isinstance(plan, p.Union):
        return p.Union(tuple(_narrowed(branch, name, values) for branch in plan.branches))
    if name not in plan.certain:
        return plan
    if isinstance(plan, p.JoinGraph):
        inside = tuple(
            _narrowed(node, name, values)
            if isinstance(node, p.Union) and name in node.certain
            else node
            for node in plan.inputs
        )
        bound = any(name in node.variables for node in plan.inputs if not isinstance(node, p.Union))
        return replace(plan, inputs=(*inside, values) if bound else inside)
    if isinstance(plan, p.Scan):
        return p.JoinGraph((plan, values), ())
    return plan
