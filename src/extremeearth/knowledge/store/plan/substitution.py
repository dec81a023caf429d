"""Questions about a pattern that decide how what it sees from outside is put into it."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.scope import variables_of
from extremeearth.knowledge.store.plan import nodes as p

__all__ = ["asks_exists", "is_plain", "looks_into"]


def looks_into(plan: p.Plan, scope: p.GraphScope) -> bool:
    """Tell whether a plan can have rows only where a graph has quads."""
    if isinstance(plan, p.Scan):
        return plan.graph == scope
    if isinstance(plan, p.Join):
        return any(looks_into(side, scope) for side in (plan.left, plan.right))
    if isinstance(plan, p.Filter | p.Extend | p.Project | p.Distinct):
        return looks_into(plan.pattern, scope)
    return False


def asks_exists(node: object) -> bool:
    """Tell whether a pattern of the algebra, or an expression in it, has an EXISTS; such a pattern is not plain.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import parse_query, translate
    >>> asks_exists(translate(parse_query("ASK { ?a ?b ?c FILTER(!EXISTS { ?c ?d ?a }) }")))
    True
    """
    if isinstance(node, s.Exists):
        return True
    if isinstance(node, tuple):
        return any(map(asks_exists, node))
    return is_dataclass(node) and any(asks_exists(getattr(node, f.name)) for f in fields(node))


def is_plain(plan: p.Plan) -> bool:
    """Tell whether joining with a pattern is the same as putting outer values into it."""
    if isinstance(plan, p.Filter):
        names = {v.name for v in variables_of(plan.condition)}
        return not plan.flags and names <= plan.pattern.certain and is_plain(plan.pattern)
    if isinstance(plan, p.Join | p.Union):
        return all(map(is_plain, p.children(plan)))
    if isinstance(plan, p.Project):  # of a path: nothing but its hidden stops is dropped
        dropped = set(plan.pattern.variables) - set(plan.variables)
        return all(name.startswith(".") for name in dropped) and is_plain(plan.pattern)
    if isinstance(plan, p.Rename):
        return is_plain(plan.pattern)
    if isinstance(plan, p.Closure):
        return plan.minimum > 0
    return isinstance(plan, p.Scan | p.Values | p.GraphNames)
