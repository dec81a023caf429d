"""The kinds of source there are, and how the one is found that a mapping means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import pyarrow as pa

from extremeearth.core.errors import DataMissingError, MappingError
from extremeearth.core.progress import SILENT, Progress
from extremeearth.knowledge.mapping.rules.document import SQL_QUERY, SQL_TABLE, LogicalSource
from extremeearth.knowledge.mapping.rules.places import like
from extremeearth.knowledge.mapping.sources.column_files import open_parquet
from extremeearth.knowledge.mapping.sources.contract import (
    Opener,
    Source,
    SourceRequest,
    UnchangedSource,
)
from extremeearth.knowledge.mapping.sources.delimited import open_delimited
from extremeearth.knowledge.mapping.sources.geometry_options import GeometryOptions
from extremeearth.knowledge.mapping.sources.geospatial import options_for, with_geometries
from extremeearth.knowledge.mapping.sources.items import ItemSearch, open_items
from extremeearth.knowledge.mapping.sources.json_records import open_json
from extremeearth.knowledge.mapping.sources.rasters import open_raster
from extremeearth.knowledge.mapping.sources.sql.databases import Database
from extremeearth.knowledge.mapping.sources.sql.source import SqlSource, open_sql
from extremeearth.knowledge.mapping.sources.tables import open_table
from extremeearth.knowledge.mapping.sources.vector_files import open_vector
from extremeearth.knowledge.mapping.sources.web_pages import refuse_page
from extremeearth.knowledge.mapping.sources.xml_records import open_xml

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

__all__ = ["KINDS", "Source", "SourceLike", "open_source"]

SourceLike: TypeAlias = Union[
    pa.Table, "pd.DataFrame", "gpd.GeoDataFrame", Path, Database, ItemSearch
]
"""What can stand behind a source's name; a search, such as `CatalogueSearch`, is asked for its items."""

_FORMULATIONS = ("CSV", "JSONPath", "XPath", SQL_TABLE, SQL_QUERY)
KINDS: tuple[Opener, ...] = (
    open_items,
    open_raster,
    open_sql,
    open_table,
    open_delimited,
    open_json,
    open_xml,
    open_parquet,
    open_vector,
)
"""Every kind of source, asked in this order; the first that knows what is wanted opens it."""


def open_source(
    source: LogicalSource,
    *,
    sources: Mapping[str, Any],
    folder: Path | None,
    geometry: GeometryOptions | None = None,
    database: Database | None = None,
    progress: Progress = SILENT,
) -> Source:
    """Open what a mapping reads: a table of that name, or a file below `folder`.

    A file that changes before its last row is read is an error.

    Parameters
    ----------
    source
        What the mapping says.
    sources
        Tables (pyarrow, pandas, geopandas), paths and searches by the names that the mapping uses; these come first.
    folder
        Where files are looked for; a file outside of it is never read. `None` allows no files but those in `sources`.
    geometry
        How geometries are read.
    database
        What tables and queries in SQL are asked of, where the mapping names no other of `sources`.
    progress
        Where it is told how many items a search has found so far, as all are loaded here.

    Raises
    ------
    DataMissingError
        Neither a table nor a file has this name.
    MappingError
        The name leads out of the folder, or the reference formulation is not supported.
    CrsError
        A geometry column has no reference system.
    """
    given = sources.get(source.name)
    path: Path | None = None
    if source.formulation in {SQL_TABLE, SQL_QUERY}:
        given = database if given is None else given
    elif given is None or isinstance(given, Path):
        # absolute, as workers have folders of their own
        path = given.absolute() if given is not None else _inside(source.name, folder)
        if given is not None and not path.exists():
            raise DataMissingError(
                f"There is no file {given}, which was given as the source '{source.name}'.",
                hint="Check its path.",
            )
        if not path.exists():
            raise DataMissingError(
                f"The source '{source.name}' is neither a table that was given nor a file.",
                hint=f"Given are: {', '.join(sources) or 'none'}. Name it: sources in Python, on the command line "
                f"--source {source.name}=FILE or the search of a catalogue.",
            )
    if path is not None:
        refuse_page(path)
    options = options_for(source, geometry)
    request = SourceRequest(
        source=source, given=given, path=path, crs=options.system(), geometry=options, progress=progress,
    )  # fmt: skip
    for opens in KINDS:
        opened = opens(request)
        if opened is not None:
            if isinstance(opened, SqlSource):  # a query has no name of its own
                source = replace(source, name=opened.relation.said)
            whole = with_geometries(opened, source, options)
            return whole if path is None else UnchangedSource.watch(whole, path)
    meant = like(source.formulation or "", _FORMULATIONS)
    raise MappingError(
        f"rml:{source.formulation} is not supported.",
        hint=f"{meant}Use rml:CSV, rml:JSONPath, rml:XPath, rml:SQL2008Table, rml:SQL2008Query, or leave it out.",
    )


def _inside(name: str, folder: Path | None) -> Path:
    if folder is None:
        raise DataMissingError(
            f"The mapping reads '{name}', which is not among the sources given.",
            hint="Give it in sources, or name the folder of the mapping's files.",
        )
    root = folder.resolve()
    path = (root / name).resolve()
    if "://" in name or name.startswith("/vsi") or not path.is_relative_to(root):
        raise MappingError(
            f"The source '{name}' is not a file inside the mapping's folder.",
            hint="Use a relative path below it.",
        )
    return path
