"""The texts that are sent to endpoints, made from syntax nodes, and the values that narrow them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from extremeearth.knowledge.federation.wants import Level, Want, wants_of
from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.scope import variables_of
from extremeearth.knowledge.sparql.terms import XSD_STRING, Iri, Literal, Term, Variable

__all__ = [
    "TRUE",
    "Values",
    "element",
    "inside",
    "narrow",
    "restriction",
    "shape",
    "values_of",
    "where",
]

Values = Mapping[Variable, frozenset[Term]]
"""What a variable can be, as far as is known."""

TRUE = Literal("true", Iri("http://www.w3.org/2001/XMLSchema#boolean"))


def shape(want: Want) -> Want:
    """Give the pattern without its filters and with variables of no meaning, to ask for it only once."""
    names: dict[Variable, Variable] = {}
    bare = replace(want, filters=())
    for node in (want.subject, want.predicate, want.object, want.graph):
        if isinstance(node, Variable):
            names.setdefault(node, Variable(f"v{len(names)}"))

    def new(node: Any) -> Any:
        return names.get(node, node)

    return replace(
        bare,
        subject=new(want.subject),
        predicate=new(want.predicate),
        object=new(want.object),
        graph=new(want.graph),
    )


def element(triples: list[s.TriplePattern], graph: Iri | Variable | None) -> s.Pattern:
    """Give triple patterns as one element of a group, in their graph.

    Examples
    --------
    >>> triple = s.TriplePattern(Variable("a"), Iri("urn:p"), Variable("b"))
    >>> print(element([triple], None))
    ?a <urn:p> ?b .
    """
    block = s.TriplesBlock(tuple(triples))
    return block if graph is None else s.Graph(graph, s.GroupPattern((block,)))


def where(
    group: list[Want],
    graph: Iri | Variable | None,
    *,
    before: tuple[s.Pattern, ...] = (),
    after: tuple[s.Pattern, ...] = (),
) -> s.GroupPattern:
    """Give a WHERE clause that matches patterns together, with elements before and after them.

    Examples
    --------
    >>> want = Want(subject=Variable("a"), predicate=Iri("urn:p"), object=Variable("b"))
    >>> len(where([want], None).elements)
    1
    """
    return s.GroupPattern((*before, element([w.triple for w in group], graph), *after))


def restriction(variable: Variable, terms: list[Iri | Literal]) -> tuple[s.Pattern, ...]:
    """Write values as VALUES; as a comparison where the same value has several spellings."""
    if all(isinstance(t, Iri) or t.datatype == XSD_STRING for t in terms):
        return (s.InlineData((variable,), tuple((t,) for t in terms)),)
    return (s.Filter(s.Membership(variable, tuple(terms), False)),)


def values_of(data: s.InlineData) -> dict[Variable, frozenset[Term]]:
    """Give what the variables of inline data can be; one with UNDEF can be anything.

    Examples
    --------
    >>> data = s.InlineData((Variable("a"), Variable("b")), ((Iri("urn:x"), None),))
    >>> [v.name for v in values_of(data)]
    ['a']
    """
    found: dict[Variable, frozenset[Term]] = {}
    for i, variable in enumerate(data.variables):
        column = [row[i] for row in data.rows]
        if all(term is not None for term in column):
            found[variable] = frozenset(t for t in column if t is not None)
    return found


def narrow(known: dict[Variable, frozenset[Term]], found: Values) -> None:
    """Cut what is known down to what was found.

    Examples
    --------
    >>> known = {Variable("a"): frozenset({Iri("urn:x"), Iri("urn:y")})}
    >>> narrow(known, {Variable("a"): frozenset({Iri("urn:y"), Iri("urn:z")})})
    >>> [str(t) for t in known[Variable("a")]]
    ['<urn:y>']
    """
    for variable, terms in found.items():
        known[variable] = known[variable] & terms if variable in known else terms


def inside(level: Level) -> set[Variable]:
    """Give the variables of a level that its inner patterns and spatial filters read.

    Examples
    --------
    >>> inside(Level())
    set()
    """
    inner = {
        v
        for child in level.children
        for i in child.levels
        for w in wants_of(i)
        for v in w.variables
    }
    return (
        inner
        | {v for w in level.loose for v in w.variables}
        | {v for call in level.spatial for v in variables_of(call)}
    )
