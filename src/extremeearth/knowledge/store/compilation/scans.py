"""Scans as relations: columns under the names of variables, and conditions that SQL decides on typed columns."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from extremeearth.knowledge.store.compilation import relations as r
from extremeearth.knowledge.store.compilation import steps as t
from extremeearth.knowledge.store.compilation.relations import Relation
from extremeearth.knowledge.store.compilation.typed import TypedCondition
from extremeearth.knowledge.store.plan import nodes as p

__all__ = ["scan_relation"]

Add = Callable[[Callable[[str], t.Step]], str]


def scan_relation(
    scan: p.Scan,
    add: Add,
    *,
    typed: TypedCondition | None = None,
) -> Relation:
    """Make a relation of a scan, with a condition on its object that SQL decides."""
    places: dict[str, list[str]] = {}
    for column, slot in scan.slots:
        if isinstance(slot, str):
            places.setdefault(slot, []).append(column)
    columns = [place for found in places.values() for place in found]
    bounds = () if typed is None else typed.bounds
    name = add(
        lambda name: t.ScanStep(
            name=name, scan=scan, columns=tuple(dict.fromkeys(columns)), bounds=bounds
        )
    )
    outputs: list[exp.Expr] = [
        r.named(r.column(found[0], "t"), variable) for variable, found in places.items()
    ] or [r.named(exp.Literal.number(1), t.UNIT)]
    select = exp.select(*outputs, copy=False).from_(
        exp.alias_(exp.to_table(name), "t", table=True, copy=False), copy=False
    )
    for found in places.values():
        for other in found[1:]:
            select = select.where(
                exp.EQ(this=r.column(found[0], "t"), expression=r.column(other, "t"))
            )
    if typed is not None:
        select = select.where(typed.sql)
    twice = any(len(found) > 1 for found in places.values())
    plain = tuple((variable, found[0]) for variable, found in places.items())
    picked = plain if plain and not twice and typed is None else None
    return Relation(select, tuple(places), frozenset(places), frozenset({name}), columns=picked)
