"""Two plans and more made one: joins, differences and unions as SQL, the rest as steps."""

from __future__ import annotations

from collections.abc import Sequence

from extremeearth.knowledge.store.compilation import relations as r
from extremeearth.knowledge.store.compilation import steps as t
from extremeearth.knowledge.store.compilation.paths import PathCompiler, binds_node
from extremeearth.knowledge.store.compilation.relations import Relation
from extremeearth.knowledge.store.plan import nodes as p

__all__ = ["JoinCompiler"]


class JoinCompiler(PathCompiler):
    """Makes steps of the nodes in `plan.joins`."""

    def _join(self, node: p.Join) -> Relation:
        left = self.relation(node.left)
        if isinstance(node.right, p.Closure):
            starts = self.starts(node.right, left)
            if starts is not None:
                left = self.given(self.table(left), left)
                sure = binds_node(node.left, starts, node.right)
                return r.join(left, self.close(node.right, starts=(left.table, starts), sure=sure))
        return r.join(left, self.relation(node.right))

    def _lookup(self, node: p.LookUp) -> Relation:
        inner = self.relation(node.left)
        source = self.table(inner)
        name = self.add(
            lambda name: t.LookUpStep(
                name=name,
                input=source,
                scan=node.scan,
                variable=node.variable,
                optional=node.optional,
            )
        )
        return self.of(name, node)

    def _joingraph(self, node: p.JoinGraph) -> Relation:
        plan: p.Plan = node.inputs[0]
        for part in node.inputs[1:]:
            plan = p.Join(plan, part)
        for condition in node.conditions:
            plan = p.Filter(condition, plan)
        return self.relation(plan)

    def _leftjoin(self, node: p.LeftJoin) -> Relation:
        left, right = self.relation(node.left), self.relation(node.right)
        if node.condition is None:
            return r.left_join(left, right)
        row = f".left{self._count}"  # no name of the builder, which counts by itself
        source = self.table(left)
        numbered = self.add(lambda name: t.NumberStep(name=name, input=source, column=row))
        left = Relation.of_table(numbered, (*left.variables, row), left.certain | {row})
        joined = r.join(left, right)
        met = self.filtered(joined, node.condition, ())
        return self._with_unmet(met, left, row, node.variables)

    def _withunmet(self, node: p.WithUnmet) -> Relation:
        met = self.relation(node.met)
        met = self.given(self.table(met), met)
        return self._with_unmet(met, self.numbered[node.row], node.row, node.variables)

    def _with_unmet(
        self, met: Relation, left: Relation, row: str, variables: Sequence[str]
    ) -> Relation:
        rest = r.semi_join(left, r.project(met, (row,)), negated=True)
        return r.project(r.union((met, rest)), variables)

    def _semijoin(self, node: p.SemiJoin) -> Relation:
        left, right = self.relation(node.left), self.relation(node.right)
        return r.semi_join(left, right, negated=node.negated)

    def _minus(self, node: p.Minus) -> Relation:
        left, right = self.relation(node.left), self.relation(node.right)
        return r.anti_join(left, right, hidden=node.hidden)

    def _union(self, node: p.Union) -> Relation:
        return r.union([self.relation(branch) for branch in node.branches])

    def _existsflag(self, node: p.ExistsFlag) -> Relation:
        outer = self.relation(node.pattern)
        source = self.table(outer)
        seed = node.seed
        seeds = self.add(
            lambda name: t.SeedStep(name=name, input=source, key=seed.key, columns=seed.names)
        )
        self.made[seed] = seeds
        found = self.table(self.relation(node.inner))
        name = self.add(
            lambda name: t.FlagStep(
                name=name, input=source, seeds=seeds, found=found, key=seed.key, columns=seed.names, flag=node.flag,
            )
        )  # fmt: skip
        return self.of(name, node, ordered=outer.ordered)

    def _spatialjoin(self, node: p.SpatialJoin) -> Relation:
        left, right = self.relation(node.left), self.relation(node.right)
        left, right = self.given(self.table(left), left), self.given(self.table(right), right)
        tables = left.table or "", right.table or ""
        name = self.add(
            lambda name: t.SpatialJoinStep(
                name=name, left=tables[0], right=tables[1], left_variable=node.left_variable,
                right_variable=node.right_variable, relation=node.relation,
            )
        )  # fmt: skip
        pair = (node.left_variable, node.right_variable)
        pairs = Relation.of_table(name, pair, frozenset(pair))
        return r.join(r.join(left, pairs), right)
