"""The rewrite of queries: every triple pattern of an algebra that means more is put into words."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from extremeearth.knowledge.sparql import algebra as a
from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.terms import BlankNode, Variable
from extremeearth.knowledge.store.geosparql.entailment import Entailment, expansion, origin

__all__ = ["rewrite"]


def rewrite(algebra: a.Algebra, *, entailment: Entailment | None = None) -> a.Algebra:
    """Rewrite a query so that plain matching of triples gives what GeoSPARQL entails.

    A pattern that means more than it matches becomes ``Distinct(Project(UnionOf(...)))``: the asserted triples, and
    the computed ones. For a topological property these are
    ``FilterOf(FunctionCall(geof:..., (?.literal1, ?.literal2)), Join(left, right))``, a spatial join, where each side
    is a Bgp or a UnionOf of Bgps that lead to the literals of one end.

    Parameters
    ----------
    algebra
        From `translate` or `translate_pattern`. Patterns of EXISTS are inside expressions: rewrite them when they
        are translated. SERVICE is left to the other endpoint.
    entailment
        What is entailed; everything by default.

    Returns
    -------
    Algebra
        The same object where nothing had to be changed. Rewriting twice changes nothing more.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import algebra_text, parse_query, translate
    >>> text = (
    ...     "PREFIX geo: <http://www.opengis.net/ont/geosparql#> SELECT * { ?f geo:hasGeometry ?g }"
    ... )
    >>> only = Entailment(topology=False, measures=False)
    >>> rewritten = algebra_text(rewrite(translate(parse_query(text)), entailment=only))
    >>> [line.split()[0] for line in rewritten.splitlines()[:5]]
    ['Project', 'Distinct', 'Project', 'UnionOf', 'Bgp']
    """
    return _Rewriter(Entailment() if entailment is None else entailment).node(algebra)


class _Rewriter:
    def __init__(self, entailment: Entailment) -> None:
        self._entailment = entailment

    def node(self, node: a.Algebra) -> a.Algebra:
        if isinstance(node, a.Bgp):
            return self._bgp(node)
        if isinstance(node, a.PathMatch):
            return self._path(node)
        if isinstance(node, a.ServiceOf) or self._is_rewritten(node):
            return node
        changed: dict[str, Any] = {}
        for field in fields(node):
            value = getattr(node, field.name)
            if isinstance(node, a.UnionOf):
                branches = tuple(self.node(branch) for branch in node.branches)
                if any(new is not old for new, old in zip(branches, node.branches, strict=True)):
                    changed[field.name] = branches
            elif isinstance(value, a.Algebra):
                new = self.node(value)
                if new is not value:
                    changed[field.name] = new
        return replace(node, **changed) if changed else node

    def _is_rewritten(self, node: a.Algebra) -> bool:
        """Recognise what an earlier rewrite made, by making it again."""
        triple = origin(node)
        return triple is not None and expansion(triple, self._entailment) == node

    def _bgp(self, node: a.Bgp) -> a.Algebra:
        named = [_named(triple) for triple in node.triples]
        expanded = [expansion(triple, self._entailment) for triple in named]
        if all(new is None for new in expanded):
            return node
        plain = tuple(t for t, new in zip(named, expanded, strict=True) if new is None)
        found: a.Algebra | None = a.Bgp(plain) if plain else None
        for new in expanded:
            if new is not None:
                found = new if found is None else a.Join(found, new)
        return node if found is None else found

    def _path(self, node: a.PathMatch) -> a.Algebra:
        """Rewrite the alternatives of a path one by one; what is repeated or negated matches only triples."""
        triple = _named(node.triple)
        if not isinstance(triple.predicate, s.PathAlternative):
            return node
        branches: list[a.Algebra] = []
        touched = False
        for part in triple.predicate.parts:
            branch = self._step(s.TriplePattern(triple.subject, part, triple.object))
            if branch is None:
                return node
            branches.append(self.node(branch))
            touched = touched or branches[-1] is not branch
        return a.UnionOf(tuple(branches)) if touched else node

    def _step(self, triple: s.TriplePattern) -> a.Algebra | None:
        if isinstance(triple.predicate, s.PathInverse):
            return self._step(s.TriplePattern(triple.object, triple.predicate.path, triple.subject))
        if isinstance(triple.predicate, s.PathSequence):
            return None
        if isinstance(triple.predicate, s.PathRepeat | s.PathAlternative | s.NegatedSet):
            return a.PathMatch(triple)
        return a.Bgp((triple,))


def _named(triple: s.TriplePattern) -> s.TriplePattern:
    """Name blank nodes: they are variables of their basic graph pattern, which may be cut in pieces."""
    if not isinstance(triple.subject, BlankNode) and not isinstance(triple.object, BlankNode):
        return triple
    return s.TriplePattern(_variable(triple.subject), triple.predicate, _variable(triple.object))


def _variable(node: s.Node) -> s.Node:
    return Variable(f".blank_{node.label}") if isinstance(node, BlankNode) else node
