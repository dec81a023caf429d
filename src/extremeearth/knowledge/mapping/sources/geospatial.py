"""Where sources get their geometries: what the mapping and the caller say, put together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa

from extremeearth.core.errors import DataBrokenError
from extremeearth.knowledge.mapping.rules.document import LogicalSource
from extremeearth.knowledge.mapping.sources.column_files import GEOMETRY
from extremeearth.knowledge.mapping.sources.contract import Source
from extremeearth.knowledge.mapping.sources.delimited import CsvSource
from extremeearth.knowledge.mapping.sources.geometry_options import GeometryOptions
from extremeearth.knowledge.mapping.sources.geometry_sources import CheckedSource
from extremeearth.knowledge.mapping.sources.text_geometries import (
    TextGeometry,
    TextGeometrySource,
    find_text_geometry,
)

__all__ = ["options_for", "with_geometries"]

SAMPLE_ROWS = 100
SAMPLE_BYTES = 64 << 10


def options_for(source: LogicalSource, options: GeometryOptions | None) -> GeometryOptions:
    """Give the options of one source: the mapping's own ``ee:crs`` wins over the caller's.

    Examples
    --------
    >>> options_for(LogicalSource(name="t", geometry=(("crs", "EPSG:32632"),)), None).crs
    'EPSG:32632'
    """
    options = options or GeometryOptions()
    own = dict(source.geometry).get("crs")
    return options if own is None else replace(options, crs=own)


def with_geometries(opened: Source, source: LogicalSource, options: GeometryOptions) -> Source:
    """Give a source whose geometries are made of its texts where need be, and looked at."""
    if isinstance(opened, CsvSource):
        opened = _with_text_geometry(opened, source, options)
    return CheckedSource(source.name, opened, options)


def _with_text_geometry(
    opened: CsvSource, source: LogicalSource, options: GeometryOptions
) -> Source:
    said = {name: value for name, value in source.geometry if name in ("wkt", "x", "y")}
    names = opened.columns()
    if GEOMETRY in names and not said and options.crs is None:
        return opened  # a column of that name is read as it is
    where: TextGeometry | None = TextGeometry(**said) if said else None
    if where is None:
        where = find_text_geometry(names, _sample(opened, names))
    if where is None:
        return opened
    return TextGeometrySource(source.name, opened, where, options.system(), names, options)


def _sample(opened: CsvSource, names: list[str]) -> Any:
    """Give the first rows, from a small block where they fit in it."""
    try:
        return _first_rows(replace(opened, block_bytes=SAMPLE_BYTES), names)
    except DataBrokenError:
        return _first_rows(opened, names)


def _first_rows(opened: CsvSource, names: list[str]) -> Any:
    for frame in opened.frames(tuple(names), batch_rows=SAMPLE_ROWS):
        return pa.table(dict(frame.columns))
    return None
