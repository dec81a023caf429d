"""Put a constant in place of a variable that a condition makes equal to it."""

from __future__ import annotations

from dataclasses import replace

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.terms import Iri, Variable
from extremeearth.knowledge.store.plan import nodes as p
from extremeearth.knowledge.store.plan.facts import Facts

__all__ = ["pass_constants"]


def pass_constants(plan: p.Plan, facts: Facts) -> p.Plan:
    """Put a constant in place of a variable that a condition makes equal to it.

    ``?x = <a>`` becomes a row of VALUES, and scans look for <a>; ``?x IN (<a>, <b>)`` becomes two rows. Literals stay
    conditions: equal numbers may be different terms.
    """
    plan = facts.below(plan, pass_constants)
    if not isinstance(plan, p.JoinGraph):
        return plan
    inputs, kept = list(plan.inputs), []
    for condition in plan.conditions:
        found = _equality(condition)
        if found is None or found[0] not in plan.certain:
            kept.append(condition)
            continue
        name, terms = found
        if len(terms) == 1:
            inputs = [_substituted(node, name, terms[0]) for node in inputs]
        inputs.append(p.Values((name,), tuple((term,) for term in terms)))
    return p.JoinGraph(tuple(inputs), tuple(kept))


def _equality(condition: s.Expression) -> tuple[str, tuple[Iri, ...]] | None:
    if isinstance(condition, s.Comparison) and condition.operator == "=":
        pair: tuple[s.Expression, ...] = (condition.left, condition.right)
    elif isinstance(condition, s.BuiltIn) and condition.name.upper() == "SAMETERM":
        pair = condition.arguments
    elif isinstance(condition, s.Membership) and not condition.negated:
        items = tuple(dict.fromkeys(item for item in condition.items if isinstance(item, Iri)))
        if (
            isinstance(condition.operand, Variable)
            and items
            and len(items) == len(set(condition.items))
        ):
            return condition.operand.name, items
        return None
    else:
        return None
    for one, two in (pair, pair[::-1]):
        if isinstance(one, Variable) and isinstance(two, Iri):
            return one.name, (two,)
    return None


def _substituted(node: p.Plan, name: str, term: Iri) -> p.Plan:
    if isinstance(node, p.Scan):
        slots = {
            place: term
            for place in ("subject", "predicate", "object")
            if getattr(node, place) == name
        }
        return replace(node, **slots) if slots else node  # type: ignore[arg-type]  # slots are places of the scan
    if isinstance(node, p.Closure):
        ends = {place: term for place in ("subject", "object") if getattr(node, place) == name}
        return replace(node, **ends) if ends else node  # type: ignore[arg-type]  # ends are slots of the path
    return node
