"""The GeoSPARQL ontologies as tables: classes, properties, what is above them, domains and ranges.

From the ontology of GeoSPARQL 1.1 (OGC 22-047r1), the Simple Features vocabulary it comes with, and the GML 3.2
vocabulary of GeoSPARQL 1.0 (clause 10.3 of OGC 11-052r4). What a store's own data declares with ``rdfs:subClassOf``
and ``rdfs:subPropertyOf`` can be added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from extremeearth.knowledge.rdf import (
    EH_RELATIONS,
    GEO,
    RCC8_RELATIONS,
    RDF,
    RDFS,
    SF,
    SF_RELATIONS,
    Namespace,
)

if TYPE_CHECKING:
    from extremeearth.knowledge.store.storage.contract import Snapshot

__all__ = ["SERIALIZATIONS", "Schema", "read_schema"]

GML = Namespace("http://www.opengis.net/ont/gml#")
"""Namespace of the classes of GML geometries."""

SERIALIZATIONS = (GEO.asWKT, GEO.asGML, GEO.asGeoJSON, GEO.asKML)
"""Properties that lead from a geometry to a literal the store understands."""

_SF_TREE = {
    "Geometry": "Point Curve Surface GeometryCollection", "Curve": "LineString", "LineString": "Line LinearRing",
    "Surface": "Polygon PolyhedralSurface", "Polygon": "Envelope Triangle", "PolyhedralSurface": "TIN",
    "GeometryCollection": "MultiPoint MultiCurve MultiSurface", "MultiCurve": "MultiLineString",
    "MultiSurface": "MultiPolygon",
}  # fmt: skip
_GML_TREE = {
    "AbstractGeometry": "AbstractGeometricPrimitive GeometricComplex Composite MultiGeometry",
    "AbstractGeometricPrimitive": "Point OrientableCurve OrientableSurface Curve Surface Solid",
    "OrientableCurve": "Curve CompositeCurve", "OrientableSurface": "Surface CompositeSurface",
    "Curve": "LineString Ring", "Ring": "LinearRing", "Surface": "Polygon PolyhedralSurface Shell",
    "PolyhedralSurface": "TriangulatedSurface", "TriangulatedSurface": "Tin", "GeometricComplex": "Composite",
    "Composite": "CompositeCurve CompositeSurface CompositeSolid", "Solid": "CompositeSolid",
    "MultiGeometry": "MultiPoint MultiCurve MultiSurface MultiSolid",
    "AbstractCurveSegment": "ArcByCenterPoint ArcString ArcStringByBulge Clothoid GeodesicString LineStringSegment "
                            "OffsetCurve SplineCurve",
    "ArcByCenterPoint": "CircleByCenterPoint", "ArcString": "Arc", "Arc": "Circle", "ArcStringByBulge": "ArcByBulge",
    "GeodesicString": "Geodesic", "SplineCurve": "BSpline PolynomialSpline", "BSpline": "Bezier",
    "PolynomialSpline": "CubicSpline",
    "AbstractSurfacePatch": "AbstractParametricCurveSurface PolygonPatch Rectangle Triangle",
    "AbstractParametricCurveSurface": "AbstractGriddedSurface", "AbstractGriddedSurface": "Cone Cylinder Sphere",
}  # fmt: skip
_GEO_CLASSES = (
    ("Feature", "SpatialObject"), ("Geometry", "SpatialObject"), ("FeatureCollection", "SpatialObjectCollection"),
    ("GeometryCollection", "SpatialObjectCollection"),
)  # fmt: skip
_GEO_PROPERTIES = (
    ("hasDefaultGeometry", "hasGeometry"), ("defaultGeometry", "hasGeometry"),
    ("defaultGeometry", "hasDefaultGeometry"), ("hasDefaultGeometry", "defaultGeometry"),
    ("hasBoundingBox", "hasGeometry"), ("hasCentroid", "hasGeometry"), ("asWKT", "hasSerialization"),
    ("asGML", "hasSerialization"), ("asGeoJSON", "hasSerialization"), ("asKML", "hasSerialization"),
    ("asDGGS", "hasSerialization"), ("hasLength", "hasSize"), ("hasPerimeterLength", "hasSize"), ("hasArea", "hasSize"),
    ("hasVolume", "hasSize"), ("hasMetricLength", "hasMetricSize"), ("hasMetricPerimeterLength", "hasMetricSize"),
    ("hasMetricArea", "hasMetricSize"), ("hasMetricVolume", "hasMetricSize"),
)  # fmt: skip
_OF_GEOMETRIES = (
    "dimension", "coordinateDimension", "spatialDimension", "isEmpty", "isSimple", "hasSerialization",
    "hasSpatialResolution", "hasMetricSpatialResolution", "hasSpatialAccuracy", "hasMetricSpatialAccuracy",
)  # fmt: skip
_RELATIONS = (*SF_RELATIONS, *EH_RELATIONS, *RCC8_RELATIONS)

Pairs = Iterable[tuple[str, str]]


def _closure(pairs: Pairs) -> dict[str, frozenset[str]]:
    """Give for each term everything below it, itself included."""
    children: dict[str, set[str]] = {}
    for below, above in pairs:
        children.setdefault(above, set()).add(below)
        children.setdefault(below, set())
    found: dict[str, frozenset[str]] = {}
    for term in children:
        seen = {term}
        waiting = [term]
        while waiting:
            new = children[waiting.pop()] - seen
            seen |= new
            waiting.extend(new)
        found[term] = frozenset(seen)
    return found


def _class_pairs() -> list[tuple[str, str]]:
    pairs = [(GEO[below], GEO[above]) for below, above in _GEO_CLASSES]
    pairs += [(SF.Geometry, GEO.Geometry)]
    pairs += [
        (GML[root], GEO.Geometry)
        for root in ("AbstractGeometry", "AbstractCurveSegment", "AbstractSurfacePatch")
    ]
    for namespace, tree in ((SF, _SF_TREE), (GML, _GML_TREE)):
        pairs += [
            (namespace[c], namespace[above]) for above, below in tree.items() for c in below.split()
        ]
    return pairs


_CLASSES = tuple(_class_pairs())
_PROPERTIES = tuple((GEO[below], GEO[above]) for below, above in _GEO_PROPERTIES)
_DOMAINS = (
    (GEO.hasGeometry, GEO.Feature), (GEO.hasSize, GEO.SpatialObject), (GEO.hasMetricSize, GEO.SpatialObject),
    *((GEO[name], GEO.Geometry) for name in _OF_GEOMETRIES),
    *((GEO[name], GEO.SpatialObject) for name in _RELATIONS),
)  # fmt: skip
_RANGES = (
    (GEO.hasGeometry, GEO.Geometry),
    *((GEO[name], GEO.SpatialObject) for name in _RELATIONS),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What is known of classes and properties: the GeoSPARQL ontologies, and what a store adds.

    Attributes
    ----------
    subclasses, subproperties
        For each term, those below it, itself included.
    domains, ranges
        For each class, the properties whose subjects, or objects, are in it.
    present
        The terms of the vocabularies that the store has; a pattern with another one matches nothing and is left out.
        `None` when nothing is known of the store.
    """

    subclasses: Mapping[str, frozenset[str]] = field(default_factory=dict)
    subproperties: Mapping[str, frozenset[str]] = field(default_factory=dict)
    domains: Mapping[str, frozenset[str]] = field(default_factory=dict)
    ranges: Mapping[str, frozenset[str]] = field(default_factory=dict)
    present: frozenset[str] | None = None

    @classmethod
    def of(
        cls,
        *,
        classes: Pairs = (),
        properties: Pairs = (),
        domains: Pairs = (),
        ranges: Pairs = (),
        present: Iterable[str] | None = None,
    ) -> Schema:
        """Add a store's declarations to the GeoSPARQL ontologies.

        Parameters
        ----------
        classes, properties
            Pairs of ``rdfs:subClassOf`` and ``rdfs:subPropertyOf``: the lower one, the upper one.
        domains, ranges
            Pairs of ``rdfs:domain`` and ``rdfs:range``: property, class.
        present
            Terms that the store has, see `present`.

        Examples
        --------
        >>> schema = Schema.of(classes=[("urn:Park", GEO.Feature)])
        >>> "urn:Park" in schema.subclasses[GEO.SpatialObject]
        True
        """
        below = _closure([*_PROPERTIES, *properties])
        types = _closure([*_CLASSES, *classes])
        return cls(
            subclasses=types,
            subproperties=below,
            domains=_typing([*_DOMAINS, *domains], types, below),
            ranges=_typing([*_RANGES, *ranges], types, below),
            present=None if present is None else frozenset(present),
        )

    def knows_class(self, iri: str) -> bool:
        """Tell whether a class is one whose instances may have to be inferred: of the GeoSPARQL vocabularies."""
        return iri in _NAMES

    def classes_below(self, iri: str) -> tuple[str, ...]:
        """Give a class and those below it that the store may have, in a stable order."""
        return self._there(self.subclasses.get(iri, frozenset({iri})))

    def properties_below(self, iri: str) -> tuple[str, ...]:
        """Give a property and those below it that the store may have, in a stable order, itself first."""
        found = self._there(self.subproperties.get(iri, frozenset({iri})))
        return tuple(sorted(found, key=lambda other: (other != iri, other)))

    def typing(self, iri: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Give the properties whose subjects, and those whose objects, are instances of a class."""
        return (
            self._there(self.domains.get(iri, frozenset())),
            self._there(self.ranges.get(iri, frozenset())),
        )

    def _there(self, terms: frozenset[str]) -> tuple[str, ...]:
        kept = terms if self.present is None else terms & self.present
        return tuple(sorted(kept))


def _typing(
    pairs: Pairs, classes: Mapping[str, frozenset[str]], properties: Mapping[str, frozenset[str]]
) -> dict[str, frozenset[str]]:
    """Give for each class the properties that put something into it, by domain or by range."""
    found: dict[str, set[str]] = {}
    above: dict[str, set[str]] = {}
    for upper, lower_ones in classes.items():
        for lower in lower_ones:
            above.setdefault(lower, set()).add(upper)
    for name, kind in pairs:
        for upper in above.get(kind, {kind}):
            found.setdefault(upper, set()).update(properties.get(name, {name}))
    return {kind: frozenset(names) for kind, names in found.items()}


_NAMES = frozenset(term for pair in _CLASSES for term in pair)
_VOCABULARY = frozenset(
    {*_NAMES, *(t for pair in _PROPERTIES for t in pair), *(name for name, _ in _DOMAINS)}
)
MOST_DECLARATIONS = 100_000


def read_schema(snapshot: Snapshot) -> Schema:
    """Read what a store declares, and which terms of the vocabularies it has.

    Declarations in every graph count. Blank nodes (restrictions of OWL) are passed over.

    Parameters
    ----------
    snapshot
        The store; worth asking once for each version.
    """
    import pyarrow.compute as pc

    from extremeearth.knowledge.store import types
    from extremeearth.knowledge.store.columns import TermColumn

    def declared(predicate: str) -> list[tuple[str, str]]:
        number = int(snapshot.terms.find(TermColumn.of_values(types.IRI, [predicate]))[0])
        if number <= 0:
            return []
        table = snapshot.scan(predicate=number).slice(0, MOST_DECLARATIONS)
        sides = [
            snapshot.terms.take(pc.cast(table.column(name), "int64").to_numpy()) for name in "so"
        ]
        kept = (sides[0].types == types.IRI) & (sides[1].types == types.IRI)
        pairs = zip(sides[0].values.to_pylist(), sides[1].values.to_pylist(), strict=True)
        return [pair for pair, good in zip(pairs, kept.tolist(), strict=True) if good]

    pairs = {
        name: declared(RDFS[name]) for name in ("subClassOf", "subPropertyOf", "domain", "range")
    }
    schema = Schema.of(
        classes=pairs["subClassOf"],
        properties=pairs["subPropertyOf"],
        domains=pairs["domain"],
        ranges=pairs["range"],
    )
    known = sorted(
        _VOCABULARY
        | {RDF.type}
        | {term for terms in schema.subclasses.values() for term in terms}
        | {term for terms in schema.subproperties.values() for term in terms}
        | {term for terms in (*schema.domains.values(), *schema.ranges.values()) for term in terms}
    )
    numbers = snapshot.terms.find(TermColumn.of_values(types.IRI, known))
    present = frozenset(
        term for term, number in zip(known, numbers.tolist(), strict=True) if number > 0
    )
    return Schema(
        subclasses=schema.subclasses,
        subproperties=schema.subproperties,
        domains=schema.domains,
        ranges=schema.ranges,
        present=present,
    )
