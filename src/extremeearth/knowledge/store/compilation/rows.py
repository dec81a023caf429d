"""What happens to the rows of one plan: filters, values, groups, order."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.terms import Variable
from extremeearth.knowledge.store.compilation import relations as r
from extremeearth.knowledge.store.compilation import steps as t
from extremeearth.knowledge.store.compilation.relations import Relation
from extremeearth.knowledge.store.compilation.scans import scan_relation
from extremeearth.knowledge.store.compilation.spine import limited_order
from extremeearth.knowledge.store.compilation.step_list import StepList
from extremeearth.knowledge.store.compilation.typed import typed_part
from extremeearth.knowledge.store.plan import nodes as p
from extremeearth.knowledge.store.plan.conditions import conjoined, conjuncts

__all__ = ["RowCompiler"]


class RowCompiler(StepList):
    """Makes steps of the nodes in `plan.rows`, but for paths."""

    def _filter(self, node: p.Filter) -> Relation:
        if not isinstance(node.pattern, p.Scan) or node.flags:
            return self.filtered(self.relation(node.pattern), node.condition, node.flags)
        typed, others = typed_part(conjuncts(node.condition), node.pattern.object)
        found = scan_relation(node.pattern, self.add, typed=typed)
        return self.filtered(found, conjoined(others), ()) if others else found

    def _extend(self, node: p.Extend) -> Relation:
        inner = self.relation(node.pattern)
        source = self.table(inner)
        name = self.add(
            lambda name: t.ExtendStep(
                name=name,
                input=source,
                variable=node.variable,
                expression=node.expression,
                flags=node.flags,
            )
        )
        return self.of(name, node, ordered=inner.ordered)

    def _number(self, node: p.Number) -> Relation:
        inner = self.table(self.relation(node.pattern))
        name = self.add(lambda name: t.NumberStep(name=name, input=inner, column=node.column))
        self.numbered[node.column] = self.of(name, node)
        return self.numbered[node.column]

    def _rename(self, node: p.Rename) -> Relation:
        inner = self.relation(node.pattern)
        columns = [
            r.named(r.column(old, "t"), new)
            for old, new in zip(node.pattern.variables, node.variables, strict=True)
        ]
        return Relation(inner.select(*columns), node.variables, node.certain, inner.inputs)

    def _group(self, node: p.Group) -> Relation:
        inner = self.relation(node.pattern)
        if node.domain is None and all(_is_count(e) for _, e in node.aggregates):
            return self._counted(node, inner)
        source = self.table(inner)
        domain = None if node.domain is None else self.table(self.relation(node.domain))
        name = self.add(
            lambda name: t.GroupStep(
                name=name, input=source, keys=node.keys, aggregates=node.aggregates, domain=domain
            )
        )
        return self.of(name, node)

    def _counted(self, node: p.Group, inner: Relation) -> Relation:
        """Let the engine count."""
        keys = [r.named(_key(name, inner), name) for name in node.keys]
        counts = [r.named(_count(aggregate, inner), name) for name, aggregate in node.aggregates]
        select = inner.select(*keys, *counts) if keys or counts else inner.select()
        bound = [_key(name, inner) for name in node.keys if name in inner.variables]
        if bound:
            select = select.group_by(*bound)
        elif keys:  # by what is never bound: one group, and none of no rows
            select = select.having(
                exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(0))
            )
        relation = Relation(select, node.variables, node.certain, inner.inputs)
        source = self.table(relation)
        names = tuple(name for name, _ in node.aggregates)
        name = self.add(lambda name: t.CountStep(name=name, input=source, columns=names))
        return self.of(name, node)

    def _order(self, node: p.Order, limit: int | None = None) -> Relation:
        source = self.table(self.relation(node.pattern))
        name = self.add(
            lambda name: t.OrderStep(
                name=name, input=source, conditions=node.conditions, flags=node.flags, limit=limit
            )
        )
        return self.of(name, node, ordered=True)

    def _project(self, node: p.Project) -> Relation:
        inner = self.relation(node.pattern)
        if inner.ordered:
            source = self.table(inner)
            name = self.add(
                lambda name: t.ProjectStep(name=name, input=source, variables=node.variables)
            )
            return self.of(name, node, ordered=True)
        return r.project(inner, node.variables)

    def _distinct(self, node: p.Distinct) -> Relation:
        inner = self.relation(node.pattern)
        if inner.ordered:
            source = self.table(inner)
            name = self.add(
                lambda name: t.DistinctStep(name=name, input=source, variables=node.variables)
            )
            return self.of(name, node, ordered=True)
        return r.project(inner, node.variables, distinct=True)

    def _slice(self, node: p.Slice) -> Relation:
        inner = self._first(node) or self.relation(node.pattern)
        if inner.ordered or node.within:
            source = self.table(inner)
            name = self.add(
                lambda name: t.SliceStep(
                    name=name,
                    input=source,
                    offset=node.offset,
                    limit=node.limit,
                    within=node.within,
                )
            )
            return self.of(name, node, ordered=inner.ordered)
        select = inner.select(*(r.named(r.column(v, "t"), v) for v in node.variables))
        if node.limit is not None:
            select = select.limit(node.limit)
        if node.offset:
            select = select.offset(node.offset)
        return Relation(select, node.variables, node.certain, inner.inputs)

    def _first(self, node: p.Slice) -> Relation | None:
        """Of an order only the first rows are wanted."""
        order = limited_order(node)
        if order is None:
            return None
        inner = self._order(order, node.offset + (node.limit or 0))
        if not isinstance(node.pattern, p.Project):
            return inner
        source = self.table(inner)
        variables = node.pattern.variables
        name = self.add(lambda name: t.ProjectStep(name=name, input=source, variables=variables))
        return self.of(name, node.pattern, ordered=True)

    def _nearest(self, node: p.Nearest) -> Relation:
        inner = self.relation(node.pattern)
        source = self.table(inner)
        name = self.add(
            lambda name: t.NearestStep(
                name=name,
                input=source,
                variable=node.variable,
                geometry=node.geometry,
                limit=node.limit,
            )
        )
        return self.of(name, node, ordered=inner.ordered)


def _is_count(aggregate: s.Aggregate | s.FunctionCall) -> bool:
    if not isinstance(aggregate, s.Aggregate) or aggregate.name != "COUNT":
        return False
    if aggregate.operand is None:
        return not aggregate.distinct
    return isinstance(aggregate.operand, Variable)


def _key(name: str, inner: Relation) -> exp.Expr:
    return r.column(name, "t") if name in inner.variables else exp.cast(exp.null(), "BIGINT")


def _count(aggregate: s.Aggregate | s.FunctionCall, inner: Relation) -> exp.Expr:
    assert isinstance(aggregate, s.Aggregate)
    if aggregate.operand is None:
        return exp.Count(this=exp.Star())
    assert isinstance(aggregate.operand, Variable)
    operand = _key(aggregate.operand.name, inner)
    counted: Sequence[exp.Expr] = [operand]
    return exp.Count(
        this=exp.Distinct(expressions=list(counted)) if aggregate.distinct else operand
    )
