"""The logical plan: relational operators over columns of term numbers.

A plan says what is computed, not how. Every node knows the variables it gives and which of them are bound in every
row; rules change plans into cheaper ones, the compiler turns the last one into steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

from extremeearth.knowledge.store.plan.joins import (
    ExistsFlag,
    Join,
    JoinGraph,
    LeftJoin,
    LookUp,
    Minus,
    SemiJoin,
    SpatialJoin,
    Union,
    WithUnmet,
)
from extremeearth.knowledge.store.plan.kept import Plan
from extremeearth.knowledge.store.plan.leaves import (
    ANY_NAMED,
    STORE_DEFAULT,
    Constant,
    GraphNames,
    GraphScope,
    Scan,
    Seed,
    Service,
    Slot,
    SpatialMatch,
    SpatialRelation,
    Values,
)
from extremeearth.knowledge.store.plan.rows import (
    Closure,
    Distinct,
    Extend,
    Filter,
    Group,
    Nearest,
    Number,
    Order,
    Project,
    Rename,
    Slice,
)

__all__ = [
    "ANY_NAMED", "Closure", "Constant", "Distinct", "ExistsFlag", "Extend", "Filter", "GraphNames",
    "GraphScope", "Group", "Join", "JoinGraph", "LeftJoin", "LookUp", "Minus", "Nearest", "Number", "Order",
    "Plan", "Project", "Rename", "STORE_DEFAULT", "Scan", "Seed", "SemiJoin", "Service", "Slice", "Slot",
    "SpatialJoin", "SpatialMatch", "SpatialRelation", "Union", "Values", "WithUnmet", "children",
    "flattened", "with_children",
]  # fmt: skip


def children(node: Plan) -> Iterator[Plan]:
    """Give the plans directly below a node."""
    for field in fields(node):
        value = getattr(node, field.name)
        if field.name == "seed":
            continue
        if isinstance(value, Plan):
            yield value
        elif field.name in {"inputs", "branches"} and isinstance(value, tuple):
            yield from value


def flattened(plan: Plan) -> tuple[object, ...]:
    """Give the nodes of a plan one after the other, each as its kind and what it has beside the plans below it.

    Equal for equal plans only; compared without going deep, as a key in a dictionary is.
    """
    found: list[object] = []
    waiting = [plan]
    while waiting:
        node = waiting.pop()
        below = list(children(node))
        places = {id(child) for child in below}
        found += type(node), len(below)
        for field in fields(node):
            value = getattr(node, field.name)
            if id(value) in places:
                found.append(field.name)
            elif not (field.name in {"inputs", "branches"} and isinstance(value, tuple)):
                found.append(value)
        waiting += below
    return tuple(found)


def with_children(node: Plan, change: Callable[[Plan], Plan]) -> Plan:
    """Give the same node with each plan directly below it changed; the node itself where nothing did."""
    changed: dict[str, Any] = {}
    for field in fields(node):
        value = getattr(node, field.name)
        if field.name == "seed":
            continue
        if isinstance(value, Plan):
            new: Any = change(value)
        elif field.name in {"inputs", "branches"} and isinstance(value, tuple):
            new = tuple(change(part) for part in value)
            if all(one is two for one, two in zip(new, value, strict=True)):
                continue
        else:
            continue
        if new is not value:
            changed[field.name] = new
    return replace(node, **changed) if changed else node
