"""From a plan to steps: what SQL can say becomes one query as large as possible, the rest steps between queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlglot import exp

from extremeearth.core.progress import CancelToken
from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.terms import Variable
from extremeearth.knowledge.store.compilation import relations as r
from extremeearth.knowledge.store.compilation import steps as t
from extremeearth.knowledge.store.compilation.relations import Relation
from extremeearth.knowledge.store.compilation.scans import scan_relation
from extremeearth.knowledge.store.plan import nodes as p

__all__ = ["DIALECT", "compile_plan"]

DIALECT = ""
"""How statements are written for the embedded engine; another engine has its own."""
MOST_NESTED = 16
"""Nodes of a plan in one statement, one inside the other: the embedded engine refuses statements 50 levels deep."""


def compile_plan(plan: p.Plan, *, token: CancelToken | None = None) -> t.Program:
    """Make the steps of a plan.

    Raises
    ------
    CancelledError
        The token was cancelled; it is looked at for each node.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import parse_query, translate
    >>> from extremeearth.knowledge.store.plan import build
    >>> shape = build(translate(parse_query("SELECT ?a { ?a <urn:p> ?b . ?b <urn:q> ?c }")))
    >>> for step in compile_plan(shape.plan).steps:
    ...     print(step.name, step)
    t1 scan ?a <urn:p> ?b
    t2 scan ?b <urn:q> ?c
    t3 sql SELECT ...
    """
    compiler = _Compiler(token or CancelToken())
    with r.fresh_names():
        result = compiler.table(compiler.relation(plan))
    return t.Program(tuple(compiler.steps.values()), result, plan.variables, plan)


class _Compiler:
    def __init__(self, token: CancelToken) -> None:
        self._token = token
        self.steps: dict[str, t.Step] = {}
        self._count = 0
        self._made: dict[Any, str] = {}
        self._numbered: dict[str, Relation] = {}
        self._deepest = 0

    # ----------------------------------------------------------------------------------- steps

    def name(self) -> str:
        self._count += 1
        return f"t{self._count}"

    def add(self, make: Callable[[str], t.Step]) -> str:
        """Add a step; the same step is not run twice."""
        step = make("")
        if step not in self._made:
            name = self.name()
            self._made[step] = name
            self.steps[name] = make(name)
        return self._made[step]

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
        """Compile a plan; a statement that would nest too deep becomes a table on the way."""
        self._token.check()
        method: Callable[[Any], Relation] = getattr(self, f"_{type(node).__name__.lower()}")
        beside, self._deepest = self._deepest, 0
        found = method(node)
        depth = 0 if found.table is not None else self._deepest + 1
        if depth > MOST_NESTED:
            found, depth = Relation.of_table(self.table(found), found.variables, found.certain), 0
        self._deepest = max(beside, depth)
        return found

    def _of(self, name: str, node: p.Plan, *, ordered: bool = False) -> Relation:
        return Relation.of_table(name, node.variables, node.certain, ordered=ordered)

    # ---------------------------------------------------------------------------------- leaves

    def _scan(self, node: p.Scan) -> Relation:
        found = scan_relation(node, self.add)
        assert found is not None, "only a condition can be refused"
        return found

    def _values(self, node: p.Values) -> Relation:
        name = self.add(
            lambda name: t.ValuesStep(name=name, variables=node.variables, rows=node.rows)
        )
        return self._of(name, node)

    def _graphnames(self, node: p.GraphNames) -> Relation:
        name = self.add(lambda name: t.GraphNamesStep(name=name, variable=node.variable))
        return self._of(name, node)

    def _seed(self, node: p.Seed) -> Relation:
        return Relation.of_table(self._made[node], node.variables, node.certain)

    def _service(self, node: p.Service) -> Relation:
        given = None if node.inputs is None else self.table(self.relation(node.inputs))
        name = self.add(
            lambda name: t.ServiceStep(
                name=name, endpoint=node.endpoint, pattern=node.pattern, variables=node.variables,
                silent=node.silent, input=given,
            )
        )  # fmt: skip
        return self._of(name, node)

    def _spatialmatch(self, node: p.SpatialMatch) -> Relation:
        return self._of(self.add(lambda name: t.SpatialMatchStep(name=name, match=node)), node)

    # ----------------------------------------------------------------------------------- joins

    def _join(self, node: p.Join) -> Relation:
        left = self.relation(node.left)
        if isinstance(node.right, p.Closure):
            starts = self._starts(node.right, left)
            if starts is not None:
                left = self._given(self.table(left), left)
                sure = _binds_node(node.left, starts, node.right)
                return r.join(left, self._close(node.right, starts=(left.table, starts), sure=sure))
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
        return self._of(name, node)

    def _given(self, table: str, relation: Relation) -> Relation:
        return Relation.of_table(
            table, relation.variables, relation.certain, ordered=relation.ordered
        )

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
        met = self._filtered(joined, node.condition, ())
        return self._with_unmet(met, left, row, node.variables)

    def _withunmet(self, node: p.WithUnmet) -> Relation:
        met = self.relation(node.met)
        met = self._given(self.table(met), met)
        return self._with_unmet(met, self._numbered[node.row], node.row, node.variables)

    def _with_unmet(
        self, met: Relation, left: Relation, row: str, variables: Sequence[str]
    ) -> Relation:
        rest = r.semi_join(left, r.project(met, (row,)), negated=True)
        return r.project(r.union((met, rest)), variables)

    def _semijoin(self, node: p.SemiJoin) -> Relation:
        right = self.relation(node.right)
        return r.semi_join(self.relation(node.left), right, negated=node.negated)

    def _minus(self, node: p.Minus) -> Relation:
        right = self.relation(node.right)
        return r.anti_join(self.relation(node.left), right, hidden=node.hidden)

    def _union(self, node: p.Union) -> Relation:
        return r.union([self.relation(branch) for branch in node.branches])

    def _existsflag(self, node: p.ExistsFlag) -> Relation:
        outer = self.relation(node.pattern)
        source = self.table(outer)
        seed = node.seed
        seeds = self.add(
            lambda name: t.SeedStep(name=name, input=source, key=seed.key, columns=seed.names)
        )
        self._made[seed] = seeds
        found = self.table(self.relation(node.inner))
        name = self.add(
            lambda name: t.FlagStep(
                name=name, input=source, seeds=seeds, found=found, key=seed.key, columns=seed.names, flag=node.flag,
            )
        )  # fmt: skip
        return self._of(name, node, ordered=outer.ordered)

    def _spatialjoin(self, node: p.SpatialJoin) -> Relation:
        left, right = self.relation(node.left), self.relation(node.right)
        left, right = self._given(self.table(left), left), self._given(self.table(right), right)
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
        return self._of(name, node, ordered=inner.ordered)

    # ----------------------------------------------------------------------------------- paths

    def _starts(self, node: p.Closure, left: Relation) -> str | None:
        """Give the end of a path that the rows at hand bind: it is followed from these only."""
        for slot in (node.subject, node.object):
            if isinstance(slot, str) and slot in left.certain:
                return slot
        return None

    def _closure(self, node: p.Closure) -> Relation:
        return self._close(node)

    def _close(
        self,
        node: p.Closure,
        *,
        starts: tuple[str | None, str | None] = (None, None),
        sure: bool = False,
    ) -> Relation:
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
        return self._of(name, node)

    # ----------------------------------------------------------------------- filters and values

    def _filter(self, node: p.Filter) -> Relation:
        if isinstance(node.pattern, p.Scan) and not node.flags:
            found = scan_relation(node.pattern, self.add, condition=node.condition)
            if found is not None:
                return found
        return self._filtered(self.relation(node.pattern), node.condition, node.flags)

    def _filtered(self, relation: Relation, condition: s.Expression, flags: t.Flags) -> Relation:
        source = self.table(relation)
        name = self.add(
            lambda name: t.FilterStep(name=name, input=source, condition=condition, flags=flags)
        )
        return self._given(name, relation)

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
        return self._of(name, node, ordered=inner.ordered)

    def _number(self, node: p.Number) -> Relation:
        inner = self.table(self.relation(node.pattern))
        name = self.add(lambda name: t.NumberStep(name=name, input=inner, column=node.column))
        self._numbered[node.column] = self._of(name, node)
        return self._numbered[node.column]

    def _rename(self, node: p.Rename) -> Relation:
        inner = self.relation(node.pattern)
        columns = [
            r.named(r.column(old, "t"), new)
            for old, new in zip(node.pattern.variables, node.variables, strict=True)
        ]
        return Relation(inner.select(*columns), node.variables, node.certain, inner.inputs)

    # ---------------------------------------------------------------------------------- groups

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
        return self._of(name, node)

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
        return self._of(name, node)

    # ------------------------------------------------------------------------------- modifiers

    def _order(self, node: p.Order, limit: int | None = None) -> Relation:
        source = self.table(self.relation(node.pattern))
        name = self.add(
            lambda name: t.OrderStep(
                name=name, input=source, conditions=node.conditions, flags=node.flags, limit=limit
            )
        )
        return self._of(name, node, ordered=True)

    def _project(self, node: p.Project) -> Relation:
        inner = self.relation(node.pattern)
        if inner.ordered:
            source = self.table(inner)
            name = self.add(
                lambda name: t.ProjectStep(name=name, input=source, variables=node.variables)
            )
            return self._of(name, node, ordered=True)
        return r.project(inner, node.variables)

    def _distinct(self, node: p.Distinct) -> Relation:
        inner = self.relation(node.pattern)
        if inner.ordered:
            source = self.table(inner)
            name = self.add(
                lambda name: t.DistinctStep(name=name, input=source, variables=node.variables)
            )
            return self._of(name, node, ordered=True)
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
            return self._of(name, node, ordered=inner.ordered)
        select = inner.select(*(r.named(r.column(v, "t"), v) for v in node.variables))
        if node.limit is not None:
            select = select.limit(node.limit)
        if node.offset:
            select = select.offset(node.offset)
        return Relation(select, node.variables, node.certain, inner.inputs)

    def _first(self, node: p.Slice) -> Relation | None:
        """Of an order only the first rows are wanted."""
        if node.limit is None or node.within:
            return None
        most = node.offset + node.limit
        if isinstance(node.pattern, p.Order):
            return self._order(node.pattern, most)
        if isinstance(node.pattern, p.Project) and isinstance(node.pattern.pattern, p.Order):
            inner = self._order(node.pattern.pattern, most)
            source = self.table(inner)
            variables = node.pattern.variables
            name = self.add(
                lambda name: t.ProjectStep(name=name, input=source, variables=variables)
            )
            return self._of(name, node.pattern, ordered=True)
        return None


def _binds_node(plan: p.Plan, variable: str, path: p.Closure) -> bool:
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
        return any(_binds_node(side, variable, path) for side in (plan.left, plan.right))
    if isinstance(plan, p.Filter | p.Distinct | p.Slice | p.Order):
        return _binds_node(plan.pattern, variable, path)
    return False


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
