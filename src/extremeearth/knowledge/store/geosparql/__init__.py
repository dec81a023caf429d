"""GeoSPARQL 1.0 and 1.1 over columns of terms: functions, aggregates, relations, entailment and query rewrite."""

from extremeearth.knowledge.store.geosparql.aggregates import AGGREGATES
from extremeearth.knowledge.store.geosparql.entailment import Entailment
from extremeearth.knowledge.store.geosparql.functions import FUNCTIONS
from extremeearth.knowledge.store.geosparql.literals import geometry_literals, read_geometries
from extremeearth.knowledge.store.geosparql.relations import (
    RELATION_PROPERTIES,
    RELATIONS,
    Relation,
    relate_columns,
)
from extremeearth.knowledge.store.geosparql.rewriting import rewrite
from extremeearth.knowledge.store.geosparql.units import Unit, unit_of
from extremeearth.knowledge.store.geosparql.vocabulary import Schema, read_schema

__all__ = [
    "AGGREGATES",
    "FUNCTIONS",
    "RELATIONS",
    "RELATION_PROPERTIES",
    "Entailment",
    "Relation",
    "Schema",
    "Unit",
    "geometry_literals",
    "read_geometries",
    "read_schema",
    "relate_columns",
    "rewrite",
    "unit_of",
]
