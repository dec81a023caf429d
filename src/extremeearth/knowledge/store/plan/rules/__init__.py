"""The rules that make a plan cheaper, in the order in which they are applied; one a file."""

from __future__ import annotations

from extremeearth.knowledge.store.plan.facts import Facts, Rule
from extremeearth.knowledge.store.plan.nodes import Plan
from extremeearth.knowledge.store.plan.rules.gather_joins import gather_joins
from extremeearth.knowledge.store.plan.rules.look_up_joins import look_up_joins
from extremeearth.knowledge.store.plan.rules.match_geometries import match_geometries
from extremeearth.knowledge.store.plan.rules.nearest_first import nearest_first
from extremeearth.knowledge.store.plan.rules.order_joins import order_joins
from extremeearth.knowledge.store.plan.rules.pass_bindings import pass_bindings
from extremeearth.knowledge.store.plan.rules.pass_constants import pass_constants
from extremeearth.knowledge.store.plan.rules.push_filters import push_filters

__all__ = ["RULES", "improve"]

RULES: tuple[Rule, ...] = (
    push_filters, gather_joins, pass_constants, pass_bindings, match_geometries, order_joins, nearest_first,
    look_up_joins,
)  # fmt: skip


def improve(plan: Plan, facts: Facts) -> Plan:
    """Apply every rule once."""
    for rule in RULES:
        plan = rule(plan, facts)
    return plan
