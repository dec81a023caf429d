"""The steps of a program as they come up, and the plans that they are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from extremeearth.core.progress import CancelToken
from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.store.compilation import steps as t
from extremeearth.knowledge.store.compilation.relations import Relation
from extremeearth.knowledge.store.compilation.spine import first_below
from extremeearth.knowledge.store.plan import nodes as p

__all__ = ["DIALECT", "StepList"]

DIALECT = ""
"""How statements are written for the embedded engine; another engine has its own."""
MOST_NESTED = 16
"""Nodes of a plan in one statement, one inside the other: the embedded engine refuses statements 50 levels deep."""


class StepList:
    """Steps in the order in which they run; a class below it knows how each kind of node becomes steps."""

    def __init__(self, token: CancelToken) -> None:
        self._token = token
        self.steps: dict[str, t.Step] = {}
        self._count = 0
        self.made: dict[Any, str] = {}
        self.numbered: dict[str, Relation] = {}
        self._deepest = 0
        self._ready: dict[int, tuple[p.Plan, Relation, int]] = {}

    def name(self) -> str:
        """Give a name that no step has."""
        self._count += 1
        return f"t{self._count}"

    def add(self, make: Callable[[str], t.Step]) -> str:
        """Add a step; the same step is not run twice."""
        step = make("")
        if step not in self.made:
            name = self.name()
            self.made[step] = name
            self.steps[name] = make(name)
        return self.made[step]

    def table(self, relation: Relation) -> str:
        """Make a relation a table of its own."""
        if relation.table is not None:
            return relation.table
        if relation.columns is not None:
            (source,) = relation.inputs
            columns = relation.columns
            return self.add(lambda name: t.PickStep(name=name, input=source, columns=columns))
        self._token.check()  # writing a large statement takes its time
        sql = relation.statement().sql(dialect=DIALECT, copy=False)
        inputs = tuple(sorted(relation.inputs))
        return self.add(lambda name: t.SqlStep(name=name, sql=sql, inputs=inputs))

    def relation(self, node: p.Plan) -> Relation:
        """Compile a plan; a statement that would nest too deep becomes a table on the way.

        What a node compiles first is compiled before it, the deepest first: plans may be deep.
        """
        chain = []
        below: p.Plan | None = node
        while below is not None and id(below) not in self._ready:
            chain.append(below)
            below = first_below(below)
        for part in reversed(chain):
            self._ready[id(part)] = part, *self._compiled(part)
        _, found, depth = self._ready.pop(id(node))
        self._deepest = max(self._deepest, depth)
        return found

    def _compiled(self, node: p.Plan) -> tuple[Relation, int]:
        self._token.check()
        method: Callable[[Any], Relation] = getattr(self, f"_{type(node).__name__.lower()}")
        beside, self._deepest = self._deepest, 0
        found = method(node)
        depth = 0 if found.table is not None else self._deepest + 1
        if depth > MOST_NESTED:
            found, depth = Relation.of_table(self.table(found), found.variables, found.certain), 0
        self._deepest = beside
        return found, depth

    def of(self, name: str, node: p.Plan, *, ordered: bool = False) -> Relation:
        """Name the table of a node."""
        return Relation.of_table(name, node.variables, node.certain, ordered=ordered)

    def given(self, table: str, relation: Relation) -> Relation:
        """Name the table that a relation became."""
        return Relation.of_table(
            table, relation.variables, relation.certain, ordered=relation.ordered
        )

    def filtered(self, relation: Relation, condition: s.Expression, flags: t.Flags) -> Relation:
        """Keep the rows that meet a condition, decided on columns of terms."""
        source = self.table(relation)
        name = self.add(
            lambda name: t.FilterStep(name=name, input=source, condition=condition, flags=flags)
        )
        return self.given(name, relation)
