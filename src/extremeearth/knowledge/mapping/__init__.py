"""RML mappings: geospatial tables and files to RDF, vectorised and streaming.

Its names are found when they are first asked for: who runs a mapping does not wait for what writes one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from extremeearth.knowledge.mapping.drafting.description import (
        SourceColumn,
        SourceDescription,
        describe_source,
        list_layers,
    )
    from extremeearth.knowledge.mapping.drafting.generation import DraftMapping, draft_mapping
    from extremeearth.knowledge.mapping.functions.known import (
        GEOMETRY_FUNCTIONS,
        Argument,
        MapFunction,
        geometries_of,
        geometry_column,
    )
    from extremeearth.knowledge.mapping.inspection.check import (
        CheckedMap,
        Finding,
        MappingCheck,
        check_mapping,
    )
    from extremeearth.knowledge.mapping.inspection.diagram import Diagram, mapping_diagram
    from extremeearth.knowledge.mapping.inspection.preview import Preview, preview_mapping
    from extremeearth.knowledge.mapping.rules.document import Mapping
    from extremeearth.knowledge.mapping.rules.reader import read_mapping
    from extremeearth.knowledge.mapping.running.execution import (
        BATCH_ROWS,
        MappingReport,
        map_to_rdf,
    )
    from extremeearth.knowledge.mapping.running.outputs import Parts, StatementTarget
    from extremeearth.knowledge.mapping.running.terms import OnError
    from extremeearth.knowledge.mapping.sources.geometry_options import (
        GeometryOptions,
        InvalidPolicy,
    )
    from extremeearth.knowledge.mapping.sources.items import ItemSearch
    from extremeearth.knowledge.mapping.sources.opening import SourceLike
    from extremeearth.knowledge.mapping.sources.rasters import ClassifiedRaster, class_polygons
    from extremeearth.knowledge.mapping.sources.searches import CatalogueSearch, Search
    from extremeearth.knowledge.mapping.sources.sql.databases import Database

__all__ = [
    "BATCH_ROWS",
    "GEOMETRY_FUNCTIONS",
    "Argument",
    "CatalogueSearch",
    "CheckedMap",
    "ClassifiedRaster",
    "Database",
    "Diagram",
    "DraftMapping",
    "Finding",
    "GeometryOptions",
    "InvalidPolicy",
    "ItemSearch",
    "MapFunction",
    "Mapping",
    "MappingCheck",
    "MappingReport",
    "OnError",
    "Parts",
    "Preview",
    "Search",
    "SourceColumn",
    "SourceDescription",
    "SourceLike",
    "StatementTarget",
    "check_mapping",
    "class_polygons",
    "describe_source",
    "draft_mapping",
    "geometries_of",
    "geometry_column",
    "list_layers",
    "map_to_rdf",
    "mapping_diagram",
    "preview_mapping",
    "read_mapping",
]

_NAMES = {
    "sources.sql.databases": ("Database",),
    "drafting.description": ("SourceColumn", "SourceDescription", "describe_source", "list_layers"),
    "inspection.check": ("CheckedMap", "Finding", "MappingCheck", "check_mapping"),
    "inspection.diagram": ("Diagram", "mapping_diagram"),
    "inspection.preview": ("Preview", "preview_mapping"),
    "rules.document": ("Mapping",),
    "running.execution": ("BATCH_ROWS", "MappingReport", "map_to_rdf"),
    "functions.known": ("GEOMETRY_FUNCTIONS", "Argument", "MapFunction", "geometries_of", "geometry_column"),
    "drafting.generation": ("DraftMapping", "draft_mapping"),
    "sources.geometry_options": ("GeometryOptions", "InvalidPolicy"),
    "sources.items": ("ItemSearch",),
    "running.outputs": ("Parts", "StatementTarget"),
    "sources.rasters": ("ClassifiedRaster", "class_polygons"),
    "rules.reader": ("read_mapping",),
    "sources.searches": ("CatalogueSearch", "Search"),
    "sources.opening": ("SourceLike",),
    "running.terms": ("OnError",),
}  # fmt: skip
_HOMES = {name: f"{__name__}.{module}" for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
