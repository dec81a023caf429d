"""Paths that repeat a step, made steps."""

from __future__ import annotations

from extremeearth.knowledge.store.compilation import steps as t
from extremeearth.knowledge.store.compilation.relations import Relation
from extremeearth.knowledge.store.compilation.step_list import StepList
from extremeearth.knowledge.store.plan import nodes as p

__all__ = ["PathCompiler", "binds_node"]


class PathCompiler(StepList):
    """Makes steps of paths."""

    def starts(self, node: p.Closure, left: Relation) -> str | None:
        """Give the end of a path that the rows at hand bind: it is followed from these only."""
        for slot in (node.subject, node.object):
            if isinstance(slot, str) and slot in left.certain:
                return slot
        return None

    def _closure(self, node: p.Closure) -> Relation:
        return self.close(node)

    def close(
        self,
        node: p.Closure,
        *,
        starts: tuple[str | None, str | None] = (None, None),
        sure: bool = False,
    ) -> Relation:
        """Follow a path, from a column of a table where `starts` names one; `sure` that it holds nodes of the graph."""
        edges = self.table(self.relation(node.step))
        both_free = isinstance(node.subject, str) and isinstance(node.object, str)
        nodes = None
        if node.nodes is not None and both_free and not sure:
            nodes = self.table(self.relation(node.nodes))
        name = self.add(
            lambda name: t.ClosureStep(
                name=name, edges=edges, source=node.source, target=node.target, subject=node.subject,
                object=node.object, minimum=node.minimum, maximum=node.maximum, nodes=nodes, graph=node.graph,
                starts_table=starts[0], starts=starts[1],
            )
        )  # fmt: skip
        return self.of(name, node)


def binds_node(plan: p.Plan, variable: str, path: p.Closure) -> bool:
    """Tell whether a variable is sure to be a node of the graph that a path walks in."""
    if isinstance(plan, p.Scan):
        step = path.step
        while not isinstance(step, p.Scan):
            inner = next(p.children(step), None)
            if inner is None:
                return False
            step = inner
        return variable in (plan.subject, plan.object) and plan.graph == step.graph
    if isinstance(plan, p.Join):
        return any(binds_node(side, variable, path) for side in (plan.left, plan.right))
    if isinstance(plan, p.Filter | p.Distinct | p.Slice | p.Order):
        return binds_node(plan.pattern, variable, path)
    return False
