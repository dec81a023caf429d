"""RML mappings: geospatial tables and files to RDF, vectorised and streaming.

Its names are found when they are first asked for: who runs a mapping does not wait for what writes one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from extremeearth.knowledge.mapping.databases import Database
    from extremeearth.knowledge.mapping.description import (
        SourceColumn,
        SourceDescription,
        describe_source,
        list_layers,
    )
    from extremeearth.knowledge.mapping.document import Mapping
    from extremeearth.knowledge.mapping.execution import BATCH_ROWS, MappingReport, map_to_rdf
    from extremeearth.knowledge.mapping.functions import (
        GEOMETRY_FUNCTIONS,
        Argument,
        MapFunction,
        geometries_of,
        geometry_column,
    )
    from extremeearth.knowledge.mapping.generation import DraftMapping, draft_mapping
    from extremeearth.knowledge.mapping.geometry_options import GeometryOptions, InvalidPolicy
    from extremeearth.knowledge.mapping.items import ItemSearch
    from extremeearth.knowledge.mapping.outputs import Parts, StatementTarget
    from extremeearth.knowledge.mapping.rasters import ClassifiedRaster, class_polygons
    from extremeearth.knowledge.mapping.reader import read_mapping
    from extremeearth.knowledge.mapping.searches import CatalogueSearch, Search
    from extremeearth.knowledge.mapping.sources import SourceLike
    from extremeearth.knowledge.mapping.terms import OnError

__all__ = [
    "BATCH_ROWS",
    "GEOMETRY_FUNCTIONS",
    "Argument",
    "CatalogueSearch",
    "ClassifiedRaster",
    "Database",
    "DraftMapping",
    "GeometryOptions",
    "InvalidPolicy",
    "ItemSearch",
    "MapFunction",
    "Mapping",
    "MappingReport",
    "OnError",
    "Parts",
    "Search",
    "SourceColumn",
    "SourceDescription",
    "SourceLike",
    "StatementTarget",
    "class_polygons",
    "describe_source",
    "draft_mapping",
    "geometries_of",
    "geometry_column",
    "list_layers",
    "map_to_rdf",
    "read_mapping",
]

_NAMES = {
    "databases": ("Database",),
    "description": ("SourceColumn", "SourceDescription", "describe_source", "list_layers"),
    "document": ("Mapping",),
    "execution": ("BATCH_ROWS", "MappingReport", "map_to_rdf"),
    "functions": ("GEOMETRY_FUNCTIONS", "Argument", "MapFunction", "geometries_of", "geometry_column"),
    "generation": ("DraftMapping", "draft_mapping"),
    "geometry_options": ("GeometryOptions", "InvalidPolicy"),
    "items": ("ItemSearch",),
    "outputs": ("Parts", "StatementTarget"),
    "rasters": ("ClassifiedRaster", "class_polygons"),
    "reader": ("read_mapping",),
    "searches": ("CatalogueSearch", "Search"),
    "sources": ("SourceLike",),
    "terms": ("OnError",),
}  # fmt: skip
_HOMES = {name: f"{__name__}.{module}" for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
