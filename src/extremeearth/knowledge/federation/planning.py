"""What a query needs from the endpoints: its triple patterns, level by level, and what may narrow each.

The rows of a query over a union of graphs depend only on the triples that its triple patterns match. So for each
pattern a set of triples is fetched that holds all that can matter; the query itself is then evaluated over what was
fetched. A pattern is narrowed by values of its variables only where the missing matches cannot change a row:

- patterns of one level are joined, so values found for one narrow the others;
- OPTIONAL, MINUS and EXISTS are narrowed only by variables that are certainly bound to their left;
- a sub-query is narrowed only by variables it lets out unchanged, and not at all where it is cut by LIMIT.
"""

from __future__ import annotations

import re
from dataclasses import replace

from extremeearth.knowledge.federation.soundness import (
    certain,
    certain_of,
    conjuncts,
    is_nullable,
    is_pure,
)
from extremeearth.knowledge.federation.wants import Child, Level, Node, Want, in_graph
from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.scope import is_grouped, variables_of
from extremeearth.knowledge.sparql.terms import BlankNode, Iri, Variable
from extremeearth.knowledge.sparql.walk import exists_in

__all__ = ["plan_query"]


def plan_query(query: s.Query) -> Level:
    """Find what a query needs.

    Parameters
    ----------
    query
        Without SERVICE.

    Examples
    --------
    >>> from extremeearth.knowledge.federation.wants import wants_of
    >>> from extremeearth.knowledge.sparql import parse_query
    >>> level = plan_query(parse_query("ASK { ?a <urn:p>/<urn:q> 5 OPTIONAL { ?a <urn:r> ?b } }"))
    >>> [str(w) for w in wants_of(level)]
    ['?a <urn:p> ?_0', '?_0 <urn:q> 5', '?a <urn:r> ?b']
    """
    taken = re.findall(r"[?](_+)[0-9]", str(query))
    return _Planner("_" * (1 + max(map(len, taken), default=0))).query(query)


class _Planner:
    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._fresh = 0
        self._blanks: dict[str, Variable] = {}

    def fresh(self) -> Variable:
        """Make a variable that the query does not name."""
        self._fresh += 1
        return Variable(f"{self._prefix}{self._fresh - 1}")

    def query(self, query: s.Query) -> Level:
        group = query.where or s.GroupPattern(())
        level = self.group(group, None)
        if query.values is not None and not (
            isinstance(query, s.SelectQuery) and is_grouped(query)
        ):
            level = replace(level, data=(*level.data, query.values))
        expressions: list[s.Expression] = [*query.modifier.having]
        expressions += [c.expression for c in query.modifier.group_by]
        expressions += [c.expression for c in query.modifier.order_by]
        if isinstance(query, s.SelectQuery):
            expressions += [
                p.expression for p in query.projection or () if p.expression is not None
            ]
        # An EXISTS out here sees solutions of the whole query: nothing narrows it.
        extra = [self._exists(e, frozenset(), None) for e in expressions]
        children = (*level.children, *(child for found in extra for child in found))
        return replace(level, children=children)

    def group(self, group: s.GroupPattern, graph: Iri | Variable | None) -> Level:
        joined: list[Want] = []
        loose: list[Want] = []
        data: list[s.InlineData] = []
        children: list[Child] = []
        filters = [e.expression for e in group.elements if isinstance(e, s.Filter)]
        whole = certain(group)
        nullable: list[tuple[Node, Node]] = []
        for at, element in enumerate(group.elements):
            left = certain_of(group.elements[:at])
            if isinstance(element, s.TriplesBlock):
                for triple in element.triples:
                    self._triple(triple, graph, joined, loose, nullable)
            elif isinstance(element, s.InlineData):
                data.append(element)
            elif isinstance(element, s.Filter):
                children += self._exists(element.expression, whole, graph)
            elif isinstance(element, s.Bind):
                children += self._exists(element.expression, left, graph)
            else:
                children.append(self._child(element, left, graph))
        self._anchor(nullable, joined, loose, graph)
        conditions = [c for f in filters for c in conjuncts(f) if is_pure(c)]
        return Level(
            joined=tuple(_filtered(w, conditions) for w in joined),
            loose=tuple(loose),
            data=tuple(data),
            children=tuple(children),
            spatial=tuple(c for c in conditions if isinstance(c, s.FunctionCall)),
        )

    def _child(
        self, e: s.Pattern, left: frozenset[Variable], graph: Iri | Variable | None
    ) -> Child:
        if isinstance(e, s.GroupPattern):
            return Child(levels=(self.group(e, graph),), allowed=None)
        if isinstance(e, s.Union):
            return Child(levels=tuple(self.group(b, graph) for b in e.branches), allowed=None)
        if isinstance(e, s.Graph):
            level = self.group(e.pattern, e.name)
            if isinstance(e.name, Variable) and not level.joined:
                # Every graph there is can be a solution, whatever it holds.
                anything = Want(
                    subject=self.fresh(), predicate=self.fresh(), object=self.fresh(), graph=e.name
                )
                level = replace(level, loose=(*level.loose, anything))
            return Child(levels=(level,), allowed=None)
        if isinstance(e, s.Optional | s.Minus):
            return Child(levels=(self.group(e.pattern, graph),), allowed=left)
        assert isinstance(e, s.SubSelect), "SERVICE is refused before"
        return self._select(e.query, graph)

    def _select(self, query: s.SelectQuery, graph: Iri | Variable | None) -> Child:
        level = self.query(query)
        if graph is not None:
            level = in_graph(level, graph)
        if query.modifier.limit is not None or query.modifier.offset is not None:
            return Child(levels=(level,), allowed=frozenset())
        if query.projection is None:
            return Child(levels=(level,), allowed=None if not is_grouped(query) else frozenset())
        out = frozenset(p.variable for p in query.projection if p.expression is None)
        if is_grouped(query):
            # Other groups may go missing, but none may lose members: only plain keys narrow.
            keys = {c.expression for c in query.modifier.group_by if c.variable is None}
            out = frozenset(v for v in out if v in keys)
        return Child(levels=(level,), allowed=out)

    def _exists(
        self, e: s.Expression, allowed: frozenset[Variable], graph: Iri | Variable | None
    ) -> list[Child]:
        return [
            Child(levels=(self.group(x.pattern, graph),), allowed=allowed) for x in exists_in(e)
        ]

    # ---------------------------------------------------------------------------------- triples

    def _node(self, node: Node) -> Node:
        """Turn a blank node into a variable that is not let out, which is what it means in a query."""
        if isinstance(node, BlankNode):
            if node.label not in self._blanks:
                self._blanks[node.label] = self.fresh()
            return self._blanks[node.label]
        return node

    def _triple(
        self,
        triple: s.TriplePattern,
        graph: Iri | Variable | None,
        joined: list[Want],
        loose: list[Want],
        nullable: list[tuple[Node, Node]],
    ) -> None:
        subject, object_ = self._node(triple.subject), self._node(triple.object)
        if isinstance(triple.predicate, Variable | Iri):
            joined.append(
                Want(subject=subject, predicate=triple.predicate, object=object_, graph=graph)
            )
            return
        if is_nullable(triple.predicate):
            nullable.append((subject, object_))
        self._path(subject, triple.predicate, object_, graph, joined, loose)

    def _path(  # noqa: PLR0917 - one argument for each collector
        self,
        start: Node,
        path: s.Path,
        end: Node,
        graph: Iri | Variable | None,
        joined: list[Want],
        loose: list[Want],
    ) -> None:
        if isinstance(path, Iri):
            joined.append(Want(subject=start, predicate=path, object=end, graph=graph))
        elif isinstance(path, s.PathInverse):
            self._path(end, path.path, start, graph, joined, loose)
        elif isinstance(path, s.PathSequence):
            stops = [start, *(self.fresh() for _ in path.parts[1:]), end]
            for one, part, two in zip(stops[:-1], path.parts, stops[1:], strict=True):
                self._path(one, part, two, graph, joined, loose)
        elif isinstance(path, s.PathAlternative):
            for part in path.parts:
                self._path(start, part, end, graph, loose, loose)
        elif isinstance(path, s.PathRepeat):
            self._path(self.fresh(), path.path, self.fresh(), graph, loose, loose)
        else:
            if path.forward or not path.inverse:
                loose.append(self._negated(start, path.forward, end, graph))
            if path.inverse:
                loose.append(self._negated(end, path.inverse, start, graph))

    def _negated(
        self, start: Node, refused: tuple[Iri, ...], end: Node, graph: Iri | Variable | None
    ) -> Want:
        step = self.fresh()
        condition = (s.Membership(step, refused, True),) if refused else ()
        return Want(subject=start, predicate=step, object=end, graph=graph, filters=condition)

    def _anchor(
        self,
        nullable: list[tuple[Node, Node]],
        joined: list[Want],
        loose: list[Want],
        graph: Iri | Variable | None,
    ) -> None:
        """Ask for every node, which a path of no step matches, unless another pattern matches an end of it."""
        matched = {n for w in joined for n in (w.subject, w.object) if isinstance(n, Variable)}
        scanned = False
        for ends in nullable:
            constants = [n for n in ends if not isinstance(n, Variable)]
            for node in constants:
                # The engine lets a constant reach itself only where it is a node of the graph.
                subject, predicate, end = self.fresh(), self.fresh(), self.fresh()
                loose.append(
                    Want(subject=node, predicate=predicate, object=end, graph=graph, one=True)
                )
                loose.append(
                    Want(subject=subject, predicate=predicate, object=node, graph=graph, one=True)
                )
            if not constants and not scanned and not any(n in matched for n in ends):
                scanned = True
                loose.append(
                    Want(
                        subject=self.fresh(),
                        predicate=self.fresh(),
                        object=self.fresh(),
                        graph=graph,
                    )
                )


def _filtered(want: Want, conditions: list[s.Expression]) -> Want:
    """Attach the filters that see only this pattern: what fails them can be in no solution of the group."""
    mine = tuple(c for c in conditions if (used := variables_of(c)) and used <= want.variables)
    return replace(want, filters=want.filters + mine)
