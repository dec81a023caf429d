"""Single rasters in and out as Cloud Optimized GeoTIFF."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
import xarray as xr
from odc.geo.geobox import GeoBox

# Imported for its effect: arrays get the accessor `.odc`.
from odc.geo.xr import wrap_xr
from rasterio.errors import RasterioError

from extremeearth.core.errors import CrsError, DataBrokenError, InputError
from extremeearth.infrastructure.objects import ObjectStore

__all__ = ["load_cog", "save_cog"]

BLOCK = 256
RGB = tuple[int, int, int]
TRANSPARENT = (0, 0, 0, 0)


def save_cog(
    array: xr.DataArray,
    *,
    store: ObjectStore,
    key: str,
    nodata: float | None = None,
    colours: Mapping[int, RGB] | None = None,
) -> None:
    """Write a raster as Cloud Optimized GeoTIFF: Zstandard with predictor, overviews, reference system.

    Overviews take the nearest pixel for integers (classes must not be averaged) and the mean for floats.

    Parameters
    ----------
    array
        ``(y, x)`` or ``(band, y, x)``; its reference system is ``.odc.crs``.
    nodata
        Value that means no data; by default NaN for floats and nothing for integers.
    colours
        Red, green and blue (0 to 255) of each value of a single uint8 band.

    Raises
    ------
    CrsError
        The array has no reference system.
    InputError
        It has another number of dimensions, or colours are given for something else than uint8.

    Examples
    --------
    >>> import numpy as np
    >>> from odc.geo.xr import wrap_xr
    >>> from extremeearth.core import as_box, grid_over
    >>> from extremeearth.infrastructure.objects import open_store
    >>> grid = grid_over(as_box([11.60, 48.37, 11.61, 48.38]), resolution=10)
    >>> classes = wrap_xr(np.ones(grid.shape, dtype=np.uint8), grid)
    >>> store = open_store("memory:///")
    >>> save_cog(classes, store=store, key="map.tif", nodata=0, colours={1: (255, 0, 0)})
    >>> load_cog(store=store, key="map.tif").odc.crs.epsg
    32632
    """
    _check_raster(array, colours)
    if nodata is None and array.dtype.kind == "f":
        nodata = float("nan")
    with tempfile.TemporaryDirectory(prefix="extremeearth-raster-") as folder:
        plain, cog = Path(folder) / "plain.tif", Path(folder) / "cog.tif"
        _write_plain(plain, array, nodata=nodata, colours=colours)
        rasterio.shutil.copy(
            plain, cog, driver="COG", COMPRESS="ZSTD", PREDICTOR="YES", BLOCKSIZE=BLOCK,
            OVERVIEWS="AUTO", OVERVIEW_RESAMPLING="AVERAGE" if array.dtype.kind == "f" else "NEAREST",
        )  # fmt: skip
        store.put(key, cog)


def _check_raster(array: xr.DataArray, colours: Mapping[int, RGB] | None) -> None:
    if array.ndim not in {2, 3}:
        raise InputError(
            f"A raster has two or three dimensions, not {array.ndim}.",
            hint="Select one date first.",
        )
    if array.odc.crs is None or array.odc.geobox is None:
        raise CrsError(
            "The raster has no coordinate reference system, or no regular grid.",
            hint="Set it with array.odc.assign_crs('EPSG:...').",
        )
    one_band = array.ndim == 2 or array.shape[0] == 1
    if colours is not None and not (array.dtype == np.uint8 and one_band):
        raise InputError(
            "Only one band of uint8 can have colours.", hint="Convert the classes to uint8."
        )


def _write_plain(
    path: Path, array: xr.DataArray, *, nodata: float | None, colours: Mapping[int, RGB] | None
) -> None:
    """Write the pixels as they are, with their grid, colours and band names."""
    grid = array.odc.geobox
    values = np.asarray(array.values)[None] if array.ndim == 2 else np.asarray(array.values)
    profile = {
        "driver": "GTiff", "width": values.shape[2], "height": values.shape[1], "count": values.shape[0],
        "dtype": values.dtype, "crs": grid.crs.to_wkt(), "transform": grid.affine, "nodata": nodata,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as target:
        target.write(values)
        if colours is not None:
            table = {value: (*rgb, 255) for value, rgb in colours.items()}
            if nodata is not None:
                table[int(nodata)] = TRANSPARENT
            target.write_colormap(1, table)
        if "band" in array.coords and array.ndim == 3:
            target.descriptions = [str(name) for name in array["band"].values]


def load_cog(*, store: ObjectStore, key: str) -> xr.DataArray:
    """Read a whole GeoTIFF of ours; ``(y, x)`` for one band, else ``(band, y, x)``.

    Raises
    ------
    DataMissingError
        There is no such object.
    DataBrokenError
        It is no GeoTIFF with a reference system.

    Examples
    --------
    >>> import numpy as np
    >>> from odc.geo.xr import wrap_xr
    >>> from extremeearth.core import as_box, grid_over
    >>> from extremeearth.infrastructure.objects import open_store
    >>> grid = grid_over(as_box([11.60, 48.37, 11.61, 48.38]), resolution=100)
    >>> store = open_store("memory:///")
    >>> save_cog(wrap_xr(np.full(grid.shape, 7, dtype=np.uint8), grid), store=store, key="map.tif")
    >>> int(load_cog(store=store, key="map.tif").max())
    7
    """
    with store.local(key) as path:
        try:
            with rasterio.open(path, driver="GTiff") as source:
                values, crs, affine = source.read(), source.crs, source.transform
                nodata, names = source.nodata, source.descriptions
        except RasterioError as err:
            raise DataBrokenError(
                f"The raster '{key}' cannot be read: {err}.",
                hint="Run the step that makes it again.",
            ) from err
    if crs is None:
        raise DataBrokenError(
            f"The raster '{key}' has no coordinate reference system.", hint="Make it again."
        )
    grid = GeoBox(values.shape[1:], affine, crs.to_wkt())
    extra: dict[str, Any] = {}
    if values.shape[0] > 1:
        extra = {"axis": 1, "dims": ("band", "y", "x")}
    array: xr.DataArray = wrap_xr(values if extra else values[0], grid, nodata=nodata, **extra)
    if extra and all(names):
        array = array.assign_coords(band=list(names))
    return array
