"""Tables and features in and out: Parquet, GeoParquet, GeoJSON."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import geopandas
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
from geopandas import GeoDataFrame

from extremeearth.core.errors import CrsError, DataBrokenError
from extremeearth.infrastructure.objects import ObjectStore

__all__ = ["load_table", "save_geojson", "save_table"]

DECIMALS = 7  # about a centimetre, as RFC 7946 section 11.2 advises


def _need_crs(frame: GeoDataFrame) -> None:
    if frame.crs is None:
        raise CrsError(
            "The features have no coordinate reference system.", hint="Set it with set_crs."
        )


def save_table(frame: pd.DataFrame | GeoDataFrame, *, store: ObjectStore, key: str) -> None:
    """Write a table as Parquet, or features as GeoParquet 1.1 with their reference system.

    Raises
    ------
    CrsError
        Features have no reference system.

    Examples
    --------
    >>> import pandas as pd
    >>> from extremeearth.infrastructure.objects import open_store
    >>> store = open_store("memory:///")
    >>> save_table(pd.DataFrame({"a": [1, 2]}), store=store, key="t.parquet")
    >>> load_table(store=store, key="t.parquet").a.tolist()
    [1, 2]
    """
    with tempfile.TemporaryDirectory(prefix="extremeearth-table-") as folder:
        path = Path(folder) / "table.parquet"
        if isinstance(frame, GeoDataFrame):
            _need_crs(frame)
            frame.to_parquet(path, compression="zstd", index=False, schema_version="1.1.0")
        else:
            frame.to_parquet(path, compression="zstd", index=False)
        store.put(key, path)


def load_table(*, store: ObjectStore, key: str) -> pd.DataFrame | GeoDataFrame:
    """Read a table; a `GeoDataFrame` where the file is GeoParquet.

    Raises
    ------
    DataMissingError
        There is no such object.
    DataBrokenError
        It is no Parquet file.

    Examples
    --------
    >>> import geopandas, shapely
    >>> from extremeearth.infrastructure.objects import open_store
    >>> store = open_store("memory:///")
    >>> frame = geopandas.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(11, 48)], crs=4326)
    >>> save_table(frame, store=store, key="t.parquet")
    >>> load_table(store=store, key="t.parquet").crs.to_epsg()
    4326
    """
    with store.local(key) as path:
        try:
            metadata = pq.read_schema(path).metadata or {}
            if b"geo" in metadata:
                return geopandas.read_parquet(path)
            return pd.read_parquet(path)
        except (pa.ArrowException, ValueError, OSError) as err:
            raise DataBrokenError(
                f"The table '{key}' cannot be read: {err}.",
                hint="Run the step that makes it again.",
            ) from err


def save_geojson(frame: GeoDataFrame, *, store: ObjectStore, key: str) -> None:
    """Write features as GeoJSON after RFC 7946: longitude and latitude, right-hand rings, 7 decimals.

    Missing values become ``null``, times RFC 3339; features over the antimeridian are cut there.

    Raises
    ------
    CrsError
        The features have no reference system.

    Examples
    --------
    >>> import json, geopandas, shapely
    >>> from extremeearth.infrastructure.objects import open_store
    >>> store = open_store("memory:///")
    >>> frame = geopandas.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(500000, 0)], crs=32632)
    >>> save_geojson(frame, store=store, key="f.geojson")
    >>> json.loads(store.get("f.geojson"))["features"][0]["geometry"]["coordinates"]
    [9.0, 0.0]
    """
    _need_crs(frame)
    lonlat = frame.to_crs("EPSG:4326")
    if lonlat.empty:
        store.put(key, json.dumps({"type": "FeatureCollection", "features": []}).encode())
        return
    with tempfile.TemporaryDirectory(prefix="extremeearth-table-") as folder:
        path = Path(folder) / "features.geojson"
        pyogrio.write_dataframe(
            lonlat,
            path,
            driver="GeoJSON",
            layer_options={
                "RFC7946": "YES",
                "COORDINATE_PRECISION": str(DECIMALS),
                "WRITE_NAME": "NO",
            },
        )
        store.put(key, path)
