"""Features of files: tables of texts, GeoParquet, and what GDAL reads; and of Arrow tables."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from extremeearth.core.boxes import as_crs
from extremeearth.core.errors import DataBrokenError, InputError
from extremeearth.knowledge.interlinking._text import flat, read_text_table
from extremeearth.knowledge.interlinking.record_sources import FeatureTable

__all__ = ["CSV_ENDINGS", "PARQUET_ENDINGS", "of_arrow", "read_file"]

CSV_ENDINGS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_GDAL_NUMBER, _NUMBER = "OGC_FID", "fid"
"""What Arrow streams of GDAL call the number of a feature that has no column, and what mappings do."""
PARQUET_ENDINGS = {".parquet", ".geoparquet", ".pq"}


def read_file(
    path: Path, ending: str, geometry: str | None, layer: str | None, *, fids: bool
) -> FeatureTable:
    """Read the features of a file.

    Parameters
    ----------
    path, ending
        The file, and the end of its name that tells its format.
    geometry, layer
        Column with the shapes of a table of texts; layer of a file that has several.
    fids
        Whether GDAL's numbers of the features are wanted.

    Raises
    ------
    DataBrokenError
        It cannot be read, or has no geometries.
    """
    if ending in CSV_ENDINGS:
        read = read_text_table(path, CSV_ENDINGS[ending], geometry)
        return FeatureTable(read.columns, read.shapes, read.crs, read.unread, read.valid)
    return _of_parquet(path) if ending in PARQUET_ENDINGS else _of_gdal(path, layer, fids)


def _of_gdal(path: Path, layer: str | None, fids: bool) -> FeatureTable:
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, GeometryError

    from extremeearth.knowledge.mapping.sources.damage.vector_losses import check_well_formed
    from extremeearth.knowledge.mapping.sources.pointers import refuse_pointer
    from extremeearth.knowledge.mapping.sources.vector_files import unreadable

    refuse_pointer(path)
    check_well_formed(path)
    layer = _one_layer(path) if layer is None else layer
    try:
        meta, table = pyogrio.read_arrow(path, layer=layer, return_fids=fids)
    except (DataLayerError, DataSourceError, FeatureError, GeometryError, OSError) as err:
        raise unreadable(path, err, "Check the file's format and layer.") from err
    if fids and _NUMBER not in table.column_names:
        new = [_NUMBER if name == _GDAL_NUMBER else name for name in table.column_names]
        table = table.rename_columns(new)
    name = meta["geometry_name"] or "wkb_geometry"
    if name not in table.column_names:
        raise DataBrokenError(f"{path.name} has no geometries.", hint="Link a geospatial layer.")
    crs = None if meta["crs"] is None else as_crs(meta["crs"])
    found = of_arrow(table, name)
    return replace(found, crs=crs, unread=found.unread + _lost(path, layer, table.num_rows))


def _one_layer(path: Path) -> str | None:
    """Give the one layer with shapes; nothing where GDAL itself shall say what is wrong with the file.

    Raises
    ------
    InputError
        There are several, and nobody knows which is meant.
    """
    import pyogrio
    from pyogrio.errors import DataSourceError

    try:
        layers = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
    except (DataSourceError, OSError):
        return None
    if len(layers) > 1:
        raise InputError(
            f"{path.name} has several layers: {', '.join(layers)}.",
            hint="Name one: layer in Python, --source-layer or --target-layer on the command line.",
        )
    return layers[0] if layers else None


def _lost(path: Path, layer: str | None, rows: int) -> int:
    """Count what GDAL leaves out of a damaged file without a word."""
    import pyogrio

    from extremeearth.knowledge.mapping.sources.damage.vector_losses import (
        Layer,
        lost_lines,
        lost_records,
        real_rows,
    )

    read = Layer.of(path, pyogrio.read_info(path, layer=layer))
    lost = (lost_records(read), lost_lines(read, rows))
    return max(real_rows(read, rows) - rows, 0) + sum(found[0] for found in lost if found)


def _of_parquet(path: Path) -> FeatureTable:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        described = json.loads((table.schema.metadata or {}).get(b"geo", b"{}"))
    except (pa.ArrowInvalid, OSError, ValueError) as err:
        raise DataBrokenError(
            f"{path.name} cannot be read as Parquet: {err}.", hint="Check the file."
        ) from err
    name = described.get("primary_column")
    if name is None:
        return of_arrow(table, None)
    column = described["columns"][name]
    if column.get("encoding", "WKB") != "WKB":
        raise DataBrokenError(
            f"The geometries of {path.name} are encoded as {column['encoding']}.", hint="Write WKB."
        )
    # GeoParquet: no "crs" means CRS84, an explicit null means that nobody knows
    crs = column.get("crs", "OGC:CRS84")
    crs = json.dumps(crs) if isinstance(crs, dict) else crs
    return replace(of_arrow(table, name), crs=None if crs is None else as_crs(crs))


def of_arrow(table: Any, geometry: str | None) -> FeatureTable:
    """Take the shapes of an Arrow table, which are WKB; those that cannot be read are counted.

    Raises
    ------
    InputError
        There is no column of geometries, or it holds something else.
    """
    import pyarrow as pa

    from extremeearth.knowledge.mapping.sources.geometry_sources import read_shapes
    from extremeearth.knowledge.rdf import crs_of_field

    if geometry is None:
        known = [n for n in ("geometry", "geom", "wkb", "wkb_geometry") if n in table.column_names]
        if not known:
            raise InputError(
                "The table has no column of geometries.",
                hint=f"Name one of {', '.join(table.column_names)}.",
            )
        geometry = known[0]
    if geometry not in table.column_names:
        raise InputError(
            f"There is no column '{geometry}'.", hint=f"There are: {', '.join(table.column_names)}."
        )
    field = table.schema.field(geometry)
    chunks = [c.storage if isinstance(c, pa.ExtensionArray) else c for c in table[geometry].chunks]
    if any(not pa.types.is_binary(c.type) and not pa.types.is_large_binary(c.type) for c in chunks):
        raise InputError(f"The column '{geometry}' holds no WKB.", hint="Write geometries as WKB.")
    parts = [read_shapes(c.to_numpy(zero_copy_only=False)) for c in chunks]
    shapes = np.concatenate([np.empty(0, dtype=object), *parts])
    unread = int(shapely.is_missing(shapes).sum()) - table[geometry].null_count
    others = table.drop_columns([geometry])
    return FeatureTable(others, flat(shapes), crs_of_field(field.metadata), unread)
