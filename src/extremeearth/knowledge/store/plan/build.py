"""From the algebra of the recommendation to a plan: scopes, graphs, EXISTS and paths become joins.

What a pattern sees from outside — the graph that `GRAPH ?g` stands for, the row that an EXISTS is asked for — is
carried through it as hidden columns (*carriers*): every leaf has them, joins agree on them, groups and projections
keep them. So a pattern is evaluated once for all graphs and all rows, and still as if once for each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from extremeearth.core.progress import CancelToken
from extremeearth.knowledge.sparql import algebra as a
from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.scope import visible
from extremeearth.knowledge.sparql.terms import BlankNode, Iri, Literal, Term, Variable
from extremeearth.knowledge.sparql.translate import translate_pattern
from extremeearth.knowledge.sparql.walk import exists_in, mentioned
from extremeearth.knowledge.store.plan import nodes as p
from extremeearth.knowledge.store.plan.conditions import conjoined, conjuncts
from extremeearth.knowledge.store.plan.outside import Carrier, Context
from extremeearth.knowledge.store.plan.substitution import asks_exists, is_plain, looks_into

__all__ = ["Shape", "build"]

Flags = tuple[tuple[s.Exists, str], ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """A plan without the terms of its triple patterns, and these terms: queries of one shape share compiled plans."""

    plan: p.Plan
    constants: tuple[Iri | Literal, ...]


def build(
    algebra: a.Algebra,
    *,
    rewrite: Callable[[a.Algebra], a.Algebra] = lambda node: node,
    token: CancelToken | None = None,
) -> Shape:
    """Make the first plan of a query or a pattern.

    Parameters
    ----------
    algebra
        From `translate`, already rewritten.
    rewrite
        Applied to the patterns of EXISTS, which are translated here.
    token
        Cancelling it stops the work: it is looked at for each node.

    Raises
    ------
    CancelledError
        The token was cancelled.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import parse_query, translate
    >>> shape = build(translate(parse_query("SELECT ?a { ?a <urn:p> <urn:b> }")))
    >>> shape.plan.pattern
    Scan(subject='a', predicate=Iri(value='urn:p'), object=Constant(index=0), graph=...)
    """
    builder = _Builder(rewrite, token or CancelToken())
    plan = builder.node(algebra, Context())
    return Shape(plan, tuple(builder.constants))


class _Builder:
    def __init__(self, rewrite: Callable[[a.Algebra], a.Algebra], token: CancelToken) -> None:
        self.rewrite = rewrite
        self.token = token
        self.constants: list[Iri | Literal] = []
        self._indices: dict[Term, int] = {}
        self._fresh = 0
        self._inside = 0

    # ------------------------------------------------------------------------- names and terms

    def fresh(self, kind: str) -> str:
        self._fresh += 1
        return f".{kind}{self._fresh}"

    def name(self, variable: Variable) -> str:
        """Variables that the translator made are its own in each pattern of an EXISTS."""
        return (
            f"{variable.name}~{self._inside}"
            if variable.name.startswith(".stop") and self._inside
            else variable.name
        )

    def slot(self, node: s.Node) -> p.Slot:
        if isinstance(node, Variable):
            return self.name(node)
        if isinstance(node, BlankNode):
            return f"_:{node.label}~{self._inside}"
        if node not in self._indices:
            self._indices[node] = len(self.constants)
            self.constants.append(node)
        return p.Constant(self._indices[node])

    # ----------------------------------------------------------------------------- patterns

    def node(self, node: a.Algebra, context: Context) -> p.Plan:
        self.token.check()
        method: Callable[[Any, Context], p.Plan] = getattr(self, f"_{type(node).__name__.lower()}")
        return method(node, context)

    def _leaf(self, plan: p.Plan, context: Context) -> p.Plan:
        """Give a leaf the carriers that it does not have."""
        for carrier in context.carriers:
            if carrier.variable not in plan.variables:
                unit = isinstance(plan, p.Values) and plan.is_unit
                plan = carrier.source if unit else p.Join(carrier.source, plan)
        return plan

    def _bgp(self, node: a.Bgp, context: Context) -> p.Plan:
        scans: list[p.Plan] = []
        for triple in node.triples:
            predicate = triple.predicate
            assert isinstance(predicate, Iri | Variable)
            scans.append(
                p.Scan(
                    self.slot(triple.subject),
                    self.name(predicate) if isinstance(predicate, Variable) else predicate,
                    self.slot(triple.object),
                    context.graph,
                )
            )
        return self._leaf(reduce(p.Join, scans), context)

    def _table(self, node: a.Table, context: Context) -> p.Plan:
        return self._leaf(p.Values(tuple(v.name for v in node.variables), node.rows), context)

    def _join(self, node: a.Join, context: Context) -> p.Plan:
        left = self.node(node.left, context)
        right = self.node(node.right, context)
        if isinstance(right, p.Service) and isinstance(right.endpoint, str):
            variables = tuple(dict.fromkeys((*left.variables, *right.variables)))
            return p.Service(right.endpoint, right.pattern, variables, right.silent, left)
        return p.Join(left, right)

    def _leftjoin(self, node: a.LeftJoin, context: Context) -> p.Plan:
        left, right = self.node(node.left, context), self.node(node.right, context)
        if node.condition is not None and any(exists_in(node.condition)):
            return self._left_join_with_exists(left, right, node.condition, context)
        return p.LeftJoin(left, right, node.condition)

    def _left_join_with_exists(
        self, left: p.Plan, right: p.Plan, condition: s.Expression, context: Context
    ) -> p.Plan:
        """Filter the join, whose both sides an EXISTS in the condition sees, and put back the rest of the left."""
        numbered = p.Number(left, self.fresh("row"))
        joined = p.Join(numbered, right)
        both, flags = self._flagged(joined, (condition,), context)
        met = p.Project(p.Filter(condition, both, flags), joined.variables)
        return p.WithUnmet(met, numbered.column, p.Join(left, right).variables, left.certain)

    def _unionof(self, node: a.UnionOf, context: Context) -> p.Plan:
        return p.Union(tuple(self.node(branch, context) for branch in node.branches))

    def _minusof(self, node: a.MinusOf, context: Context) -> p.Plan:
        return p.Minus(
            self.node(node.left, context), self.node(node.right, context), context.carried
        )

    def _extend(self, node: a.Extend, context: Context) -> p.Plan:
        plan = self.node(node.pattern, context)
        return self._extended(plan, node.variable.name, node.expression, context)

    def _extended(self, plan: p.Plan, name: str, value: s.Expression, context: Context) -> p.Plan:
        """Add a column with the value of an expression; those that its EXISTS need go again."""
        flagged, flags = self._flagged(plan, (value,), context)
        extended = p.Extend(flagged, name, value, flags)
        if not flags:
            return extended
        return p.Project(extended, tuple(dict.fromkeys((*plan.variables, name))))

    def _project(self, node: a.Project, context: Context) -> p.Plan:
        names = tuple(v.name for v in node.variables)
        return p.Project(
            self.node(node.pattern, context.seen_by(names)), (*names, *context.carried)
        )

    def _distinct(self, node: a.Distinct, context: Context) -> p.Plan:
        return p.Distinct(self.node(node.pattern, context))

    def _reduced(self, node: a.Reduced, context: Context) -> p.Plan:
        return self.node(node.pattern, context)

    def _slice(self, node: a.Slice, context: Context) -> p.Plan:
        return p.Slice(self.node(node.pattern, context), node.offset, node.limit, context.carried)

    def _orderby(self, node: a.OrderBy, context: Context) -> p.Plan:
        conditions = tuple(condition.expression for condition in node.conditions)
        plan, flags = self._flagged(self.node(node.pattern, context), conditions, context)
        return p.Order(plan, node.conditions, flags)

    def _groupby(self, node: a.GroupBy, context: Context) -> p.Plan:
        plan = self.node(node.pattern, context)
        keys: list[str] = []
        for variable, expression in node.keys:
            if expression != variable:
                plan = self._extended(plan, variable.name, expression, context)
            keys.append(variable.name)
        aggregates = []
        for variable, call in node.aggregates:
            plan, plain = self._with_plain_operands(plan, call, context)
            aggregates.append((variable.name, plain))
        alone = not keys and bool(context.carriers)
        domain = self._leaf(p.Values((), ((),)), context) if alone else None
        return p.Group(plan, (*dict.fromkeys(keys), *context.carried), tuple(aggregates), domain)

    def _with_plain_operands(
        self, plan: p.Plan, call: s.Aggregate | s.FunctionCall, context: Context
    ) -> tuple[p.Plan, s.Aggregate | s.FunctionCall]:
        """Compute what an aggregate is of before the grouping, where it asks for EXISTS."""
        if not any(exists_in(call)):
            return plan, call

        def computed(operand: s.Expression) -> Variable:
            nonlocal plan
            variable = Variable(self.fresh("operand"))
            plan = self._extended(plan, variable.name, operand, context)
            return variable

        if isinstance(call, s.FunctionCall):
            call = replace(call, arguments=tuple(computed(part) for part in call.arguments))
        elif call.operand is not None:
            call = replace(call, operand=computed(call.operand))
        return plan, call

    # -------------------------------------------------------------------- graphs and services

    def _graphof(self, node: a.GraphOf, context: Context) -> p.Plan:
        if isinstance(node.name, Iri):
            scope = p.GraphScope("named", self.slot(node.name))
            inner = self.node(node.pattern, Context(scope, context.carriers))
            return (
                inner if looks_into(inner, scope) else p.Join(self._graph_exists(node.name), inner)
            )
        hidden = self.fresh("graph")
        carrier = Carrier(hidden, p.GraphNames(hidden))
        inner = self.node(node.pattern, Context(p.ANY_NAMED(hidden), (*context.carriers, carrier)))
        name = node.name.name
        if name not in inner.variables:
            return p.Rename(inner, hidden, name)
        renamed = (
            p.Join(inner, p.Rename(p.GraphNames(hidden), hidden, name))
            if name not in inner.certain
            else inner
        )
        same = s.BuiltIn("SAMETERM", (Variable(name), Variable(hidden)))
        kept = tuple(v for v in inner.variables if v != hidden)
        return p.Project(p.Filter(same, renamed), kept)

    def _graph_exists(self, name: Iri) -> p.Plan:
        """Give one row without variables where there is such a graph."""
        hidden = self.fresh("graph")
        same = s.BuiltIn("SAMETERM", (Variable(hidden), name))
        return p.Project(p.Filter(same, p.GraphNames(hidden)), ())

    def _serviceof(self, node: a.ServiceOf, context: Context) -> p.Plan:
        names = tuple(sorted(v.name for v in visible(node.group)))
        if isinstance(node.name, Variable):
            return p.Service(node.name.name, node.group, names, node.silent)
        return self._leaf(p.Service(node.name, node.group, names, node.silent), context)

    # ------------------------------------------------------------------------------- filters

    def _filterof(self, node: a.FilterOf, context: Context) -> p.Plan:
        plan = self.node(node.pattern, context)
        plain: list[s.Expression] = []
        asked: list[s.Exists] = []
        for part in conjuncts(node.condition):
            if isinstance(part, s.Exists):
                asked.append(part)
            else:
                plain.append(part)
        if plain:
            whole = conjoined(plain)
            flagged, flags = self._flagged(plan, (whole,), context)
            kept = plan.variables
            plan = p.Filter(whole, flagged, flags)
            plan = p.Project(plan, kept) if flags else plan
        for exists in asked:
            plan = self._semi_join(plan, exists, context)
        return plan

    def _inner(self, pattern: a.Algebra, context: Context) -> p.Plan:
        outside, self._inside = self._inside, self._inside + 1
        self._inside += self._fresh  # different for every EXISTS, also for two beside each other
        try:
            return self.node(pattern, context)
        finally:
            self._fresh += 1
            self._inside = outside

    def _semi_join(self, plan: p.Plan, exists: s.Exists, context: Context) -> p.Plan:
        pattern = self.rewrite(translate_pattern(exists.pattern))
        if not asks_exists(pattern):  # never plain: to try it would double with every level
            inner = self._inner(pattern, context)
            if is_plain(inner):
                return p.SemiJoin(plan, inner, exists.negated)
        kept = plan.variables
        flagged, flags = self._flagged(plan, (exists,), context)
        return p.Project(p.Filter(exists, flagged, flags), kept)

    def _flagged(
        self, plan: p.Plan, expressions: tuple[s.Expression, ...], context: Context
    ) -> tuple[p.Plan, Flags]:
        """Add a column for every EXISTS in the expressions."""
        flags: list[tuple[s.Exists, str]] = []
        for exists in dict.fromkeys(e for expression in expressions for e in exists_in(expression)):
            inside = {v.name for v in mentioned(exists.pattern)}
            names = tuple(v for v in plan.variables if v in inside or v in context.carried)
            seed = p.Seed(self.fresh("row"), names, plan.certain & frozenset(names))
            pattern = self.rewrite(translate_pattern(exists.pattern))
            inner = self._inner(pattern, Context(context.graph, (Carrier(seed.key, seed),)))
            flag = self.fresh("exists")
            plan = p.ExistsFlag(plan, p.Project(inner, (seed.key,)), seed, flag)
            flags.append((exists, flag))
        return plan, tuple(flags)

    # --------------------------------------------------------------------------------- paths

    def _pathmatch(self, node: a.PathMatch, context: Context) -> p.Plan:
        triple = node.triple
        assert not isinstance(triple.predicate, Variable)
        plan = self._path(
            self.slot(triple.subject), triple.predicate, self.slot(triple.object), context.graph
        )
        return self._leaf(plan, context)

    def _path(self, subject: p.Slot, path: s.Path, object: p.Slot, graph: p.GraphScope) -> p.Plan:
        if isinstance(path, Iri):
            return p.Scan(subject, path, object, graph)
        if isinstance(path, s.PathInverse):
            return self._path(object, path.path, subject, graph)
        if isinstance(path, s.PathAlternative):
            return p.Union(tuple(self._path(subject, part, object, graph) for part in path.parts))
        if isinstance(path, s.PathSequence):
            return self._sequence(subject, path, object, graph)
        if isinstance(path, s.NegatedSet):
            return self._negated(subject, path, object, graph)
        return self._repeat(subject, path, object, graph)

    def _sequence(
        self, subject: p.Slot, path: s.PathSequence, object: p.Slot, graph: p.GraphScope
    ) -> p.Plan:
        stops: list[p.Slot] = [subject, *(self.fresh("stop") for _ in path.parts[1:]), object]
        steps = [
            self._path(one, part, two, graph)
            for one, part, two in zip(stops[:-1], path.parts, stops[1:], strict=True)
        ]
        joined = reduce(p.Join, steps)
        hidden = set(stops[1:-1])
        return p.Project(joined, tuple(v for v in joined.variables if v not in hidden))

    def _negated(
        self, subject: p.Slot, path: s.NegatedSet, object: p.Slot, graph: p.GraphScope
    ) -> p.Plan:
        branches: list[p.Plan] = []
        for one, two, excluded, wanted in (
            (subject, object, path.forward, bool(path.forward) or not path.inverse),
            (object, subject, path.inverse, bool(path.inverse)),
        ):
            if wanted:
                name = self.fresh("predicate")
                scan: p.Plan = p.Scan(one, name, two, graph)
                condition = s.Membership(Variable(name), excluded, negated=True)
                kept = tuple(v for v in scan.variables if v != name)
                branches.append(p.Project(p.Filter(condition, scan), kept))
        return branches[0] if len(branches) == 1 else p.Union(tuple(branches))

    def _repeat(
        self, subject: p.Slot, path: s.PathRepeat, object: p.Slot, graph: p.GraphScope
    ) -> p.Plan:
        source, target = self.fresh("from"), self.fresh("to")
        variable = graph.graph if graph.kind == "any" and isinstance(graph.graph, str) else None
        step = self._path(source, path.path, target, graph)
        nodes = self._nodes(source, graph) if path.optional else None
        minimum, maximum = {"*": (0, None), "+": (1, None), "?": (0, 1)}[path.modifier]
        return p.Closure(step, source, target, subject, object, minimum, maximum, nodes, variable)

    def _nodes(self, name: str, graph: p.GraphScope) -> p.Plan:
        one, two = self.fresh("predicate"), self.fresh("other")
        kept = (
            (name, graph.graph) if graph.kind == "any" and isinstance(graph.graph, str) else (name,)
        )
        ends = (p.Scan(name, one, two, graph), p.Scan(two, one, name, graph))
        return p.Distinct(p.Union(tuple(p.Project(end, kept) for end in ends)))
