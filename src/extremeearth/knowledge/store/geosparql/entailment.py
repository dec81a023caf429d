"""Triple patterns that mean more than they match: topology, the GeoSPARQL vocabulary, measures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from extremeearth.knowledge.rdf import GEO, GEOF, RDF
from extremeearth.knowledge.sparql import algebra as a
from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.terms import BlankNode, Iri, Variable
from extremeearth.knowledge.store.geosparql.relations import RELATION_PROPERTIES
from extremeearth.knowledge.store.geosparql.vocabulary import SERIALIZATIONS, Schema

__all__ = ["Entailment", "expansion", "origin"]

EXACT_MEASURES = ("dimension", "coordinateDimension", "spatialDimension", "isEmpty", "isSimple")
"""Properties of geometries that have one right value (clause 8.4)."""
METRIC_MEASURES = {
    "hasMetricArea": "metricArea", "hasMetricLength": "metricLength", "hasMetricPerimeterLength": "metricPerimeter",
}  # fmt: skip
"""Sizes of spatial objects that can be computed (clause 6.4), and the function that does."""
_TYPE = Iri(RDF.type)


@lru_cache(maxsize=1)
def _ontologies() -> Schema:
    return Schema.of()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entailment:
    """What a query is taken to mean beyond the triples that are there.

    Attributes
    ----------
    topology
        Topological properties hold where geometries say so (clause 11, query rewrite extension).
    vocabulary
        Classes and properties of GeoSPARQL, Simple Features and GML imply those above them, and properties their
        domains and ranges (clause 10, RDFS entailment extension).
    measures
        Dimensions, emptiness, simplicity, metric areas and lengths are computed.
    schema
        The ontologies and what the store declares, see `read_schema`.
    """

    topology: bool = True
    vocabulary: bool = True
    measures: bool = True
    schema: Schema = field(default_factory=_ontologies)


def expansion(triple: s.TriplePattern, entailment: Entailment) -> a.Algebra | None:
    """Give what a triple pattern means, or `None` where it means just itself.

    The result binds the variables of the pattern and has each solution once. Its inner variables begin with ``.``
    and are cut off by a projection. Blank nodes have to be variables already.
    """
    predicate = triple.predicate
    if not isinstance(predicate, Iri):
        return None
    asserted = _instances if predicate == _TYPE else _asserted
    branches = asserted(triple, entailment)
    if entailment.topology and predicate.value in RELATION_PROPERTIES:
        branches += _related(triple, entailment)
    elif entailment.measures:
        branches += _measured(triple, entailment)
    if len(branches) == 1:
        return None
    ends = (triple.subject, triple.object)
    variables = tuple(dict.fromkeys(end for end in ends if isinstance(end, Variable)))
    return a.Distinct(a.Project(a.UnionOf(tuple(branches)), variables))


def origin(node: a.Algebra) -> s.TriplePattern | None:
    """Give the pattern that an expansion was made from: its first branch; `None` where it looks like none."""
    if not (isinstance(node, a.Distinct) and isinstance(node.pattern, a.Project)):
        return None
    union = node.pattern.pattern
    first = union.branches[0] if isinstance(union, a.UnionOf) and union.branches else None
    return first.triples[0] if isinstance(first, a.Bgp) and len(first.triples) == 1 else None


def _union(branches: Iterable[a.Algebra]) -> a.Algebra:
    found = tuple(branches)
    return found[0] if len(found) == 1 else a.UnionOf(found)


# -------------------------------------------------------------------------------------- properties


def _asserted(triple: s.TriplePattern, entailment: Entailment) -> list[a.Algebra]:
    """Give the pattern as it stands, and with each property below its own that the store may have."""
    assert isinstance(triple.predicate, Iri)
    own = triple.predicate.value
    below = entailment.schema.properties_below(own) if entailment.vocabulary else ()
    others = (s.TriplePattern(triple.subject, Iri(n), triple.object) for n in below if n != own)
    return [a.Bgp((triple,)), *(a.Bgp((other,)) for other in others)]


def _properties(iri: str, entailment: Entailment) -> tuple[str, ...]:
    """Give a property and those below it; without entailment, the property."""
    if entailment.vocabulary:
        return entailment.schema.properties_below(iri)
    present = entailment.schema.present
    return (iri,) if present is None or iri in present else ()


def _instances(triple: s.TriplePattern, entailment: Entailment) -> list[a.Algebra]:
    """Give the ways to be an instance of a class of the GeoSPARQL vocabularies (RDFS 2, 3, 7 and 9)."""
    branches: list[a.Algebra] = [a.Bgp((triple,))]
    kind, schema = triple.object, entailment.schema
    if not (entailment.vocabulary and isinstance(kind, Iri) and schema.knows_class(kind.value)):
        return branches
    classes = [Iri(name) for name in schema.classes_below(kind.value) if name != kind.value]
    if classes:
        named = Variable(".class")
        rows = a.Table((named,), tuple((name,) for name in classes))
        branches.append(a.Join(rows, a.Bgp((s.TriplePattern(triple.subject, _TYPE, named),))))
    subjects, objects = schema.typing(kind.value)
    other = Variable(".other")
    for name in subjects:
        branches.append(a.Bgp((s.TriplePattern(triple.subject, Iri(name), other),)))
    for name in objects:
        branches.append(a.Bgp((s.TriplePattern(other, Iri(name), triple.subject),)))
    return branches


# ---------------------------------------------------------------------------------------- topology


def _related(triple: s.TriplePattern, entailment: Entailment) -> list[a.Algebra]:
    """Join both ends' literals on the function: the four rules of clause 11.2 in one; nothing if there are none."""
    assert isinstance(triple.predicate, Iri)
    function = Iri(RELATION_PROPERTIES[triple.predicate.value])
    ends: list[a.Algebra] = []
    arguments: list[s.Expression] = []
    for number, end in enumerate((triple.subject, triple.object), start=1):
        literal = Variable(f".literal{number}")
        ways = _literals(end, literal, number, entailment, features=True)
        if not ways:
            return []
        ends.append(_union(ways))
        arguments.append(literal)
    return [a.FilterOf(s.FunctionCall(function, tuple(arguments)), a.Join(ends[0], ends[1]))]


def _literals(
    end: s.Node, literal: Variable, number: int, entailment: Entailment, *, features: bool
) -> list[a.Algebra]:
    """Give the ways from a geometry, or from a feature by its default geometry, to the geometry's literals."""
    forms = [name for form in SERIALIZATIONS for name in _properties(form, entailment)]
    if entailment.vocabulary:
        forms += _properties(GEO.hasSerialization, entailment)
    links = _properties(GEO.hasDefaultGeometry, entailment) if features else ()
    geometry = Variable(f".geometry{number}")
    ways: list[a.Algebra] = []
    for form in dict.fromkeys(forms):
        if form == GEO.asDGGS:
            continue
        read = s.TriplePattern(geometry, Iri(form), literal)
        ways += [a.Bgp((s.TriplePattern(end, Iri(link), geometry), read)) for link in links]
        ways.append(a.Bgp((s.TriplePattern(end, Iri(form), literal),)))
    return ways


# ---------------------------------------------------------------------------------------- measures


def _measured(triple: s.TriplePattern, entailment: Entailment) -> list[a.Algebra]:
    """Give the ways to compute a measure; nothing where the property is none."""
    assert isinstance(triple.predicate, Iri)
    if not triple.predicate.value.startswith(GEO):
        return []
    name = triple.predicate.value.removeprefix(GEO)
    if name in EXACT_MEASURES:
        return _computed(triple, name, entailment, features=False)
    if name in METRIC_MEASURES:
        return _unless_asserted(triple, name, entailment)
    if name == "hasMetricSize" and entailment.vocabulary:
        return [
            way for part in METRIC_MEASURES for way in _unless_asserted(triple, part, entailment)
        ]
    return []


def _computed(
    triple: s.TriplePattern, name: str, entailment: Entailment, *, features: bool
) -> list[a.Algebra]:
    """Compute a measure of every literal of the subject."""
    literal = Variable(".literal1")
    ways = _literals(triple.subject, literal, 1, entailment, features=features)
    if not ways:
        return []
    function = s.FunctionCall(Iri(GEOF[METRIC_MEASURES.get(name, name)]), (literal,))
    wanted = triple.object
    if isinstance(wanted, Variable) and wanted != triple.subject:
        bound = s.BuiltIn("BOUND", (wanted,))
        return [a.FilterOf(bound, a.Extend(_union(ways), wanted, function))]
    if isinstance(wanted, BlankNode):
        return []
    value = Variable(".value")
    return [a.FilterOf(s.Comparison("=", value, wanted), a.Extend(_union(ways), value, function))]


def _unless_asserted(triple: s.TriplePattern, name: str, entailment: Entailment) -> list[a.Algebra]:
    """Compute a size where none is stated: a stated one may be the truer."""
    computed = _computed(triple, name, entailment, features=True)
    stated = Variable(".stated")
    names = _properties(GEO[name], entailment)
    if not names:
        return computed
    asked = [a.Bgp((s.TriplePattern(triple.subject, Iri(n), stated),)) for n in names]
    missing = s.Negation("!", s.BuiltIn("BOUND", (stated,)))
    return [a.FilterOf(missing, a.LeftJoin(way, _union(asked), None)) for way in computed]
