"""Vocabularies: namespaces whose terms are written as attributes, checked once here.

The project's own terms live under :data:`BASE`; everything else is W3C, OGC or QUDT.
"""

from __future__ import annotations

from extremeearth.core.errors import InputError

__all__ = [
    "BASE", "DCAT", "DCTERMS", "EH_RELATIONS", "FS", "FUNCTIONS", "GEO", "GEOF", "OWL", "PROV", "QUDT",
    "RCC8_RELATIONS", "RDF", "RDFS", "SF", "SF_RELATIONS", "SKOS", "SOSA", "TIME", "UNIT", "XSD", "Namespace",
    "prefixes",
]  # fmt: skip


class Namespace(str):
    """An IRI that other IRIs start with.

    Examples
    --------
    >>> GEO.asWKT
    'http://www.opengis.net/ont/geosparql#asWKT'
    >>> RDF["type"]
    'http://www.w3.org/1999/02/22-rdf-syntax-ns#type'
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> str:
        if name.startswith("__"):
            raise AttributeError(name)
        return f"{self!s}{name}"

    def __getitem__(self, name: object) -> str:
        if not isinstance(name, str):
            raise InputError(
                f"{name!r} is not the name of a term.", hint="Give its local name, e.g. 'type'."
            )
        return f"{self!s}{name}"


BASE = "https://w3id.org/extremeearth/"
"""Start of every IRI that is our own; ``def/`` holds terms, ``id/`` things."""

RDF = Namespace("http://www.w3.org/1999/02/22-rdf-syntax-ns#")
RDFS = Namespace("http://www.w3.org/2000/01/rdf-schema#")
OWL = Namespace("http://www.w3.org/2002/07/owl#")
XSD = Namespace("http://www.w3.org/2001/XMLSchema#")
SKOS = Namespace("http://www.w3.org/2004/02/skos/core#")
DCTERMS = Namespace("http://purl.org/dc/terms/")
DCAT = Namespace("http://www.w3.org/ns/dcat#")
PROV = Namespace("http://www.w3.org/ns/prov#")
TIME = Namespace("http://www.w3.org/2006/time#")
SOSA = Namespace("http://www.w3.org/ns/sosa/")
GEO = Namespace("http://www.opengis.net/ont/geosparql#")
GEOF = Namespace("http://www.opengis.net/def/function/geosparql/")
SF = Namespace("http://www.opengis.net/ont/sf#")
QUDT = Namespace("http://qudt.org/schema/qudt/")
UNIT = Namespace("http://qudt.org/vocab/unit/")
FS = Namespace(f"{BASE}def/food-security#")
"""The project's small food-security ontology."""
FUNCTIONS = Namespace(f"{BASE}def/function#")
"""Functions that a mapping can call."""

SF_RELATIONS = (
    "sfEquals", "sfDisjoint", "sfIntersects", "sfTouches", "sfWithin", "sfContains", "sfOverlaps", "sfCrosses",
)  # fmt: skip
"""Simple Features relation properties of GeoSPARQL."""
EH_RELATIONS = (
    "ehEquals", "ehDisjoint", "ehMeet", "ehOverlap", "ehCovers", "ehCoveredBy", "ehInside", "ehContains",
)  # fmt: skip
"""Egenhofer relation properties; covers and coveredBy exist only here."""
RCC8_RELATIONS = (
    "rcc8eq", "rcc8dc", "rcc8ec", "rcc8po", "rcc8tppi", "rcc8tpp", "rcc8ntpp", "rcc8ntppi",
)  # fmt: skip
"""Region connection calculus relation properties."""


def prefixes() -> dict[str, str]:
    """Give the usual prefix of each vocabulary, for queries and Turtle.

    Examples
    --------
    >>> prefixes()["geo"]
    'http://www.opengis.net/ont/geosparql#'
    """
    names = {
        "rdf": RDF, "rdfs": RDFS, "owl": OWL, "xsd": XSD, "skos": SKOS, "dcterms": DCTERMS, "dcat": DCAT, "prov": PROV,
        "time": TIME, "sosa": SOSA, "geo": GEO, "geof": GEOF, "sf": SF, "qudt": QUDT, "unit": UNIT, "fs": FS,
    }  # fmt: skip
    return {prefix: str(namespace) for prefix, namespace in names.items()}
