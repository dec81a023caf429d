"""Syntax nodes to algebra, step by step as section 18.2 of the recommendation prescribes."""

from __future__ import annotations

from extremeearth.knowledge.sparql import algebra as a
from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.rewrite import rewrite
from extremeearth.knowledge.sparql.scope import aggregates_of, is_grouped, visible
from extremeearth.knowledge.sparql.terms import Iri, Variable
from extremeearth.knowledge.sparql.walk import mentioned

__all__ = ["translate", "translate_pattern"]

UNIT = a.Table((), ((),))


def translate(query: s.Query) -> a.Algebra:
    """Translate a query: its pattern with all modifiers.

    For CONSTRUCT, DESCRIBE and ASK this is what the template, the resources or the truth are made from.

    Parameters
    ----------
    query
        From `parse_query`.

    Returns
    -------
    Algebra
        Variables that the query does not name start with ``.``, so that they cannot clash.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import parse_query
    >>> from extremeearth.knowledge.sparql.algebra import algebra_text
    >>> text = "SELECT (SUM(?b) AS ?t) { ?a <urn:p> ?b } GROUP BY ?a HAVING(COUNT(*) > 1)"
    >>> print(algebra_text(translate(parse_query(text))))
    Project ?t
      Extend ?t ?.agg0
        FilterOf ?.agg1 > 1
          GroupBy ?a ?a ?.agg0 SUM(?b) ?.agg1 COUNT(*)
            Bgp ?a <urn:p> ?b
    """
    return _Translator().query(query)


def translate_pattern(pattern: s.Pattern) -> a.Algebra:
    """Translate a pattern alone, e.g. that of an EXISTS.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import parse_query
    >>> translate_pattern(parse_query("ASK { }").where).is_unit
    True
    """
    return _Translator().pattern(pattern)


class _Translator:
    def __init__(self) -> None:
        self._fresh = 0

    def fresh(self, kind: str) -> Variable:
        self._fresh += 1
        return Variable(f".{kind}{self._fresh - 1}")

    # -------------------------------------------------------------------------------- queries

    def query(self, query: s.Query) -> a.Algebra:
        """Section 18.2.4 and 18.2.5: groups, HAVING, VALUES, SELECT, ORDER BY, projection, slice."""
        found = UNIT if query.where is None else self.pattern(query.where)
        items = query.projection if isinstance(query, s.SelectQuery) else ()
        named: list[tuple[Variable, s.Expression]] = [
            (item.variable, item.expression) for item in items or () if item.expression is not None
        ]
        having, order = list(query.modifier.having), list(query.modifier.order_by)
        if _grouped(query):
            found, named, having, order = self._group(query, found, named, having, order)
        for condition in having:
            found = a.FilterOf(condition, found)
        if query.values is not None:
            found = _join(found, a.Table(query.values.variables, query.values.rows))
        for variable, expression in named:
            found = a.Extend(found, variable, expression)
        if order:
            found = a.OrderBy(found, tuple(order))
        if isinstance(query, s.SelectQuery):
            found = a.Project(found, _projected(query))
            if query.distinct:
                found = a.Distinct(found)
            elif query.reduced:
                found = a.Reduced(found)
        if query.modifier.limit is not None or query.modifier.offset is not None:
            found = a.Slice(found, query.modifier.offset or 0, query.modifier.limit)
        return found

    def _group(
        self,
        query: s.Query,
        pattern: a.Algebra,
        named: list[tuple[Variable, s.Expression]],
        having: list[s.Expression],
        order: list[s.OrderCondition],
    ) -> tuple[
        a.Algebra, list[tuple[Variable, s.Expression]], list[s.Expression], list[s.OrderCondition]
    ]:
        """Section 18.2.4.1: aggregates become variables, which the rest of the query reads."""
        keys: list[tuple[Variable, s.Expression]] = []
        for condition in query.modifier.group_by:
            e = condition.expression
            name = condition.variable or (e if isinstance(e, Variable) else self.fresh("key"))
            keys.append((name, e))
        variables: dict[s.Expression, Variable] = {}

        def changed(expression: s.Expression) -> s.Expression:
            for aggregate in aggregates_of(expression):
                if aggregate not in variables:
                    variables[aggregate] = self.fresh("agg")
            return rewrite(expression, variables.get)

        named = [(variable, changed(e)) for variable, e in named]
        having = [changed(e) for e in having]
        order = [s.OrderCondition(changed(c.expression), c.descending) for c in order]
        aggregates = tuple(
            (v, e) for e, v in variables.items() if isinstance(e, s.Aggregate | s.FunctionCall)
        )
        return a.GroupBy(pattern, tuple(keys), aggregates), named, having, order

    # ------------------------------------------------------------------------------- patterns

    def pattern(self, p: s.Pattern) -> a.Algebra:  # noqa: PLR0911 - one branch for each kind of node
        """Section 18.2.2.6."""
        if isinstance(p, s.GroupPattern):
            return self._elements(p)
        if isinstance(p, s.TriplesBlock):
            return self._triples(p.triples)
        if isinstance(p, s.Union):
            return a.UnionOf(tuple(self.pattern(branch) for branch in p.branches))
        if isinstance(p, s.Graph):
            return a.GraphOf(p.name, self.pattern(p.pattern))
        if isinstance(p, s.Service):
            return a.ServiceOf(p.name, self.pattern(p.pattern), p.silent, p.pattern)
        if isinstance(p, s.InlineData):
            return a.Table(p.variables, p.rows)
        if isinstance(p, s.SubSelect):
            return self.query(p.query)
        return self._elements(s.GroupPattern((p,)))

    def _elements(self, group: s.GroupPattern) -> a.Algebra:
        found: a.Algebra = UNIT
        conditions: list[s.Expression] = []
        waiting: list[s.TriplePattern] = []

        def settled(so_far: a.Algebra) -> a.Algebra:
            """Triples that only FILTER stands between are one basic graph pattern (18.2.2.5)."""
            block = tuple(waiting)
            waiting.clear()
            return _join(so_far, self._triples(block)) if block else so_far

        for element in group.elements:
            if isinstance(element, s.TriplesBlock):
                waiting.extend(element.triples)
                continue
            if isinstance(element, s.Filter):
                conditions.append(element.expression)
                continue
            found = settled(found)
            if isinstance(element, s.Optional):
                right = self.pattern(element.pattern)
                if isinstance(right, a.FilterOf) and _has_filter(element.pattern):
                    found = a.LeftJoin(found, right.pattern, right.condition)
                else:
                    found = a.LeftJoin(found, right, None)
            elif isinstance(element, s.Minus):
                found = a.MinusOf(found, self.pattern(element.pattern))
            elif isinstance(element, s.Bind):
                found = a.Extend(found, element.variable, element.expression)
            else:
                found = _join(found, self.pattern(element))
        found = settled(found)
        if conditions:
            whole = conditions[0] if len(conditions) == 1 else s.Logical("&&", tuple(conditions))
            found = a.FilterOf(whole, found)
        return found

    def _triples(self, triples: tuple[s.TriplePattern, ...]) -> a.Algebra:
        """Sections 18.2.2.3 and 18.2.2.4: sequences and inverses become triples."""
        plain: list[s.TriplePattern] = []
        paths: list[a.Algebra] = []
        for triple in triples:
            self._path(triple, plain, paths)
        found: a.Algebra = a.Bgp(tuple(plain)) if plain else UNIT
        for path in paths:
            found = _join(found, path)
        return found

    def _path(
        self, triple: s.TriplePattern, plain: list[s.TriplePattern], paths: list[a.Algebra]
    ) -> None:
        path = triple.predicate
        if isinstance(path, Variable | Iri):
            plain.append(triple)
        elif isinstance(path, s.PathInverse):
            self._path(s.TriplePattern(triple.object, path.path, triple.subject), plain, paths)
        elif isinstance(path, s.PathSequence):
            stops = [triple.subject, *(self.fresh("stop") for _ in path.parts[1:]), triple.object]
            for one, part, two in zip(stops[:-1], path.parts, stops[1:], strict=True):
                self._path(s.TriplePattern(one, part, two), plain, paths)
        else:
            paths.append(a.PathMatch(triple))


def _has_filter(group: s.GroupPattern) -> bool:
    """Tell whether a group itself has a FILTER: one of a group inside it does not see the outside."""
    return any(isinstance(element, s.Filter) for element in group.elements)


def _grouped(query: s.Query) -> bool:
    if isinstance(query, s.SelectQuery):
        return is_grouped(query)
    order = any(aggregates_of(c.expression) for c in query.modifier.order_by)
    return bool(query.modifier.group_by or query.modifier.having or order)


def _join(left: a.Algebra, right: a.Algebra) -> a.Algebra:
    """Join, leaving out the unit (18.2.2.8)."""
    if isinstance(left, a.Table) and left.is_unit:
        return right
    if isinstance(right, a.Table) and right.is_unit:
        return left
    return a.Join(left, right)


def _projected(query: s.SelectQuery) -> tuple[Variable, ...]:
    if query.projection is not None:
        return tuple(dict.fromkeys(item.variable for item in query.projection))
    shown = visible(query.where) | (
        visible(query.values) if query.values is not None else frozenset()
    )
    written = mentioned((query.where, query.values))
    return tuple(dict.fromkeys(v for v in written if v in shown))
