"""What plans start from, made steps: scans, given rows, other endpoints, stored geometries."""

from __future__ import annotations

from extremeearth.knowledge.store.compilation import steps as t
from extremeearth.knowledge.store.compilation.relations import Relation
from extremeearth.knowledge.store.compilation.scans import scan_relation
from extremeearth.knowledge.store.compilation.step_list import StepList
from extremeearth.knowledge.store.plan import nodes as p

__all__ = ["LeafCompiler"]


class LeafCompiler(StepList):
    """Makes steps of the nodes in `plan.leaves`."""

    def _scan(self, node: p.Scan) -> Relation:
        return scan_relation(node, self.add)

    def _values(self, node: p.Values) -> Relation:
        name = self.add(
            lambda name: t.ValuesStep(name=name, variables=node.variables, rows=node.rows)
        )
        return self.of(name, node)

    def _graphnames(self, node: p.GraphNames) -> Relation:
        name = self.add(lambda name: t.GraphNamesStep(name=name, variable=node.variable))
        return self.of(name, node)

    def _seed(self, node: p.Seed) -> Relation:
        return Relation.of_table(self.made[node], node.variables, node.certain)

    def _service(self, node: p.Service) -> Relation:
        given = None if node.inputs is None else self.table(self.relation(node.inputs))
        name = self.add(
            lambda name: t.ServiceStep(
                name=name, endpoint=node.endpoint, pattern=node.pattern, variables=node.variables,
                silent=node.silent, input=given,
            )
        )  # fmt: skip
        return self.of(name, node)

    def _spatialmatch(self, node: p.SpatialMatch) -> Relation:
        return self.of(self.add(lambda name: t.SpatialMatchStep(name=name, match=node)), node)
