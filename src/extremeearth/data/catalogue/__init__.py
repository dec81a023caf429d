"""Every product, cube, data set, model and map as a STAC item in a database, and one filter tree to find it."""

from extremeearth.data.catalogue.catalogue import COMMON_PROPERTIES, Catalogue
from extremeearth.data.catalogue.cql2 import parse_cql2, read_shape
from extremeearth.data.catalogue.facets import STAC_HREF
from extremeearth.data.catalogue.filters import (
    COMPARISONS,
    SPATIAL_RELATIONS,
    TEMPORAL_RELATIONS,
    And,
    Between,
    Compare,
    Constant,
    FilterNode,
    In,
    IsNull,
    Like,
    Not,
    Or,
    Property,
    Scalar,
    Spatial,
    Temporal,
)
from extremeearth.data.catalogue.queries import MAX_LIMIT, ItemPage, ItemQuery, SortKey, parse_sort
from extremeearth.data.catalogue.stac_queries import parse_stac_query
from extremeearth.data.catalogue.tables import CollectionRow, ItemRow, PropertyRow

__all__ = [
    "COMMON_PROPERTIES",
    "COMPARISONS",
    "MAX_LIMIT",
    "SPATIAL_RELATIONS",
    "STAC_HREF",
    "TEMPORAL_RELATIONS",
    "And",
    "Between",
    "Catalogue",
    "CollectionRow",
    "Compare",
    "Constant",
    "FilterNode",
    "In",
    "IsNull",
    "ItemPage",
    "ItemQuery",
    "ItemRow",
    "Like",
    "Not",
    "Or",
    "Property",
    "PropertyRow",
    "Scalar",
    "SortKey",
    "Spatial",
    "Temporal",
    "parse_cql2",
    "parse_sort",
    "parse_stac_query",
    "read_shape",
]
