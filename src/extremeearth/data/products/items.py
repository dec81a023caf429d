"""STAC items for what a step has made: cubes and features."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pystac
import shapely
import xarray as xr
from geopandas import GeoDataFrame

from extremeearth.core.errors import CrsError, InputError
from extremeearth.core.times import TimeRange, as_instant
from extremeearth.data.products.footprints import Footprint, footprint_of_grid, footprint_of_shapes
from extremeearth.infrastructure.objects import href_of

__all__ = ["cube_item", "feature_item"]

DATACUBE = "https://stac-extensions.github.io/datacube/v2.2.0/schema.json"
PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
ZARR_TYPE = "application/vnd.zarr; version=3"
DECIMALS = 7


def cube_item(
    dataset: xr.Dataset,
    *,
    item_id: str,
    collection: str,
    prefix: str,
    title: str,
    properties: Mapping[str, Any] | None = None,
) -> pystac.Item:
    """Describe a cube that :func:`save_cube` wrote below `prefix` as a STAC item.

    Parameters
    ----------
    dataset
        The cube, with a ``time`` axis and a reference system.
    item_id, collection
        Name of the item and of its collection.
    prefix
        Where the cube is in the object store.
    title
        What a person reads.
    properties
        More properties of the item.

    Returns
    -------
    pystac.Item
        Footprint in longitude and latitude, time frame, datacube and projection extension, asset ``cube``.

    Examples
    --------
    >>> from extremeearth.data.products import simulate_field_archive
    >>> series = simulate_field_archive().field_series("Trial01")
    >>> item = cube_item(
    ...     series,
    ...     item_id="trial01",
    ...     collection="field-series",
    ...     prefix="field-series/trial01/cube",
    ...     title="Trial01",
    ... )
    >>> item.properties["start_datetime"], item.properties["proj:code"], item.assets["cube"].href
    ('2018-03-08T10:20:21Z', 'EPSG:3857', 'object:field-series/trial01/cube')
    """
    grid = dataset.odc.geobox
    if grid is None or grid.crs is None:
        raise CrsError(
            "The cube has no coordinate reference system.",
            hint="Set it with dataset.odc.assign_crs('EPSG:...').",
        )
    if "time" not in dataset.coords or dataset.sizes.get("time", 0) == 0:
        raise InputError("The cube has no date.", hint="Give it a time axis.")
    times = pd.DatetimeIndex(np.atleast_1d(dataset["time"].values))
    extra: dict[str, Any] = {
        "title": title,
        "cube:dimensions": _dimensions(dataset),
        "cube:variables": {
            str(name): {"type": "data", "dimensions": [str(d) for d in array.dims]}
            for name, array in dataset.data_vars.items()
        },
        "proj:shape": [int(grid.shape.y), int(grid.shape.x)],
        "proj:transform": [float(v) for v in tuple(grid.affine)[:6]],
        "proj:bbox": [float(v) for v in grid.boundingbox.bbox],
    }
    if grid.crs.epsg is not None:
        extra["proj:code"] = f"EPSG:{grid.crs.epsg}"
    else:
        extra |= {"proj:code": None, "proj:wkt2": grid.crs.to_wkt()}
    item = _item(
        footprint_of_grid(grid),
        item_id=item_id,
        collection=collection,
        time=TimeRange(start=_instant(times.min()), end=_instant(times.max())),
        properties=extra | dict(properties or {}),
        extensions=[DATACUBE, PROJECTION],
    )
    item.add_asset(
        "cube",
        pystac.Asset(
            href=href_of(prefix.rstrip("/")), media_type=ZARR_TYPE, title=title, roles=["data"]
        ),
    )
    return item


def feature_item(
    frame: GeoDataFrame,
    *,
    item_id: str,
    collection: str,
    assets: Mapping[str, pystac.Asset],
    time: TimeRange,
    title: str,
    properties: Mapping[str, Any] | None = None,
) -> pystac.Item:
    """Describe a table of features, or what was made of them, as a STAC item.

    Parameters
    ----------
    frame
        The features; only their geometries and reference system are read.
    assets
        The files, by role name.
    time
        Time frame, closed on at least one side.

    Raises
    ------
    CrsError
        The features have no reference system.
    InputError
        No feature has a place, or the time frame is open on both sides.

    Examples
    --------
    >>> from extremeearth.core import as_time_range
    >>> from extremeearth.data.products import simulate_field_archive
    >>> item = feature_item(
    ...     simulate_field_archive().parcels,
    ...     item_id="season-2018",
    ...     collection="parcel-series",
    ...     assets={},
    ...     title="Parcels 2018",
    ...     time=as_time_range("2018-02-15/2018-08-30"),
    ... )
    >>> item.properties["end_datetime"]
    '2018-08-30T23:59:59.999999Z'
    """
    if frame.crs is None:
        raise CrsError(
            "The features have no coordinate reference system.", hint="Set it with set_crs."
        )
    item = _item(
        footprint_of_shapes(frame.geometry.to_numpy(), crs=frame.crs.to_wkt()),
        item_id=item_id,
        collection=collection,
        time=time,
        properties={"title": title} | dict(properties or {}),
        extensions=[],
    )
    for name, asset in assets.items():
        item.add_asset(name, asset)
    return item


def _item(
    place: Footprint,
    *,
    item_id: str,
    collection: str,
    time: TimeRange,
    properties: dict[str, Any],
    extensions: list[str],
) -> pystac.Item:
    start, end = time.start or time.end, time.end or time.start
    if start is None or end is None:
        raise InputError("An item needs a time.", hint="Give a start or an end.")
    instant = start if start == end else None
    return pystac.Item(
        id=item_id,
        collection=collection,
        geometry=json.loads(
            shapely.to_geojson(shapely.transform(place.geometry, lambda xy: np.round(xy, DECIMALS)))
        ),
        bbox=[round(v, DECIMALS) for v in place.bbox],
        datetime=instant,
        start_datetime=None if instant else start,
        end_datetime=None if instant else end,
        properties=properties,
        stac_extensions=list(extensions),
    )


def _instant(value: Any) -> Any:
    return as_instant(pd.Timestamp(value).to_pydatetime(warn=False))


def _dimensions(dataset: xr.Dataset) -> dict[str, Any]:
    """Write the axes after the datacube extension 2.2."""
    found: dict[str, Any] = {}
    crs = dataset.odc.crs
    for name in dataset.sizes:
        values = dataset[name].values
        if name in {"x", "y"}:
            found[str(name)] = {
                "type": "spatial",
                "axis": str(name),
                "extent": [float(values.min()), float(values.max())],
                "reference_system": crs.epsg if crs.epsg is not None else crs.to_wkt(),
            }
        elif values.dtype.kind == "M":
            steps = [pd.Timestamp(v).isoformat() + "Z" for v in values]
            found[str(name)] = {
                "type": "temporal",
                "extent": [min(steps), max(steps)],
                "values": steps,
            }
        else:
            kind = "bands" if name == "band" else "ordinal"
            found[str(name)] = {"type": kind, "values": [str(v) for v in values.tolist()]}
    return found
