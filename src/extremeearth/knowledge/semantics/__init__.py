"""Meaning: crop hierarchy, boundaries, the food-security ontology, its ready mapping, shapes and queries."""

from extremeearth.knowledge.semantics.catalogue import (
    catalogue_mapping,
    catalogue_ontology,
    catalogue_sources,
)
from extremeearth.knowledge.semantics.food_security import (
    IRI_PREFIXES,
    expected_columns,
    food_security_mapping,
    food_security_ontology,
    food_security_shapes,
    food_security_sources,
)
from extremeearth.knowledge.semantics.queries import (
    QUERIES,
    bind_query,
    disagreement_query,
    query_text,
)
from extremeearth.knowledge.semantics.reference import (
    GROUP_LEVEL,
    NationalCrops,
    boundaries_to_rdf,
    crop_hierarchy,
    reference_to_rdf,
    taxonomy_to_rdf,
)
from extremeearth.knowledge.semantics.sea_ice import (
    ICE_STAGES,
    ice_chart_sources,
    ice_map_sources,
    sea_ice_mapping,
    sea_ice_ontology,
)

__all__ = [
    "GROUP_LEVEL",
    "ICE_STAGES",
    "IRI_PREFIXES",
    "QUERIES",
    "NationalCrops",
    "bind_query",
    "boundaries_to_rdf",
    "catalogue_mapping",
    "catalogue_ontology",
    "catalogue_sources",
    "crop_hierarchy",
    "disagreement_query",
    "expected_columns",
    "food_security_mapping",
    "food_security_ontology",
    "food_security_shapes",
    "food_security_sources",
    "ice_chart_sources",
    "ice_map_sources",
    "query_text",
    "reference_to_rdf",
    "sea_ice_mapping",
    "sea_ice_ontology",
    "taxonomy_to_rdf",
]
