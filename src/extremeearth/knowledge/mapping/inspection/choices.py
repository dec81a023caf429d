"""What may be given beside a mapping that is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

from extremeearth.knowledge.mapping.functions.known import MapFunction
from extremeearth.knowledge.mapping.sources.geometry_options import GeometryOptions
from extremeearth.knowledge.mapping.sources.opening import SourceLike
from extremeearth.knowledge.mapping.sources.sql.databases import Database

__all__ = ["Choices"]


class Choices(TypedDict, total=False):
    """What may be given beside a mapping; see `map_to_rdf`."""

    sources: Mapping[str, SourceLike]
    database: Database | str | None
    base_iri: str
    folder: Path | None
    functions: Mapping[str, MapFunction]
    geometry: GeometryOptions | None
