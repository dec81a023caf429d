"""Which pixels show the ground: the product's cloud mask and spectral tests for snow and bright cloud."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

# Datasets get the accessor `.odc`, which tells their reference system.
from odc.geo.xr import assign_crs

from extremeearth.core.errors import InputError

__all__ = ["clear_mask", "is_snow", "require_bands", "with_crs_of"]

SNOW_NDSI = 0.4  # normalised difference snow index above which snow lies (Hall et al. 1995)
SNOW_GREEN = 0.2  # ... on a surface that is also bright in green
CLOUD_BLUE = 0.3  # surface reflectance in blue that no crop or soil reaches
SERIES_VARIABLES = ("reflectance", "cloud", "inside")


def require_bands(present: Iterable[object], needed: Iterable[str]) -> None:
    """Stop with a clear error where a band is missing.

    Raises
    ------
    InputError
        Naming the bands that are missing.
    """
    missing = sorted(set(needed) - {str(name) for name in present})
    if missing:
        raise InputError(
            f"The series lacks {', '.join(missing)}.",
            hint="Give Sentinel-2 bands by name, e.g. B04.",
        )


def is_snow(green: NDArray[np.floating], swir: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Tell snow by its darkness in short-wave infrared (Hall et al. 1995, NDSI above 0.4).

    Parameters
    ----------
    green, swir
        Reflectance in B03 and B11, of one shape.

    Examples
    --------
    >>> is_snow(np.array([0.6, 0.1]), np.array([0.08, 0.2])).tolist()
    [True, False]
    """
    total = green + swir
    index = (green - swir) / np.where(total == 0, np.nan, total)
    snow: NDArray[np.bool_] = (index > SNOW_NDSI) & (green > SNOW_GREEN)
    return snow


def clear_mask(series: xr.Dataset) -> xr.DataArray:
    """Tell which pixels of a field series show the field itself.

    Clear is a pixel inside the field, outside the product's cloud mask, with a finite, positive value in each
    band, without snow (see :func:`is_snow`) and not brighter in blue than any crop or soil.

    Parameters
    ----------
    series
        `reflectance(time, band, y, x)` 0 to 1, `cloud(time, y, x)` and `inside(time, y, x)` bool.

    Returns
    -------
    xarray.DataArray
        bool, (time, y, x), with the coordinates of the series.

    Raises
    ------
    InputError
        A variable or one of the bands B02, B03, B11 is missing.

    Examples
    --------
    >>> field = xr.Dataset(
    ...     {
    ...         "reflectance": (("time", "band", "y", "x"), np.full((1, 3, 1, 2), 0.1)),
    ...         "cloud": (("time", "y", "x"), [[[False, True]]]),
    ...         "inside": (("time", "y", "x"), [[[True, True]]]),
    ...     },
    ...     coords={"band": ["B02", "B03", "B11"]},
    ... )
    >>> clear_mask(field).values.tolist()
    [[[True, False]]]
    """
    missing = [name for name in SERIES_VARIABLES if name not in series]
    if missing:
        raise InputError(
            f"The series lacks {', '.join(missing)}.",
            hint="A field series has reflectance, cloud and inside.",
        )
    reflectance = series["reflectance"]
    require_bands(reflectance["band"].values, ("B02", "B03", "B11"))
    values = reflectance.transpose("time", "band", "y", "x").values
    # Zero in a reflectance product is "no data", and a NaN fails every comparison.
    usable = (values > 0).all(axis=1)
    with np.errstate(invalid="ignore"):
        snow = is_snow(_band(reflectance, "B03"), _band(reflectance, "B11"))
        bright = _band(reflectance, "B02") > CLOUD_BLUE
    ground = xr.DataArray(usable & ~snow & ~bright, dims=("time", "y", "x"))
    inside = series["inside"].transpose("time", "y", "x").astype(bool)
    cloud = series["cloud"].transpose("time", "y", "x").astype(bool)
    clear: xr.DataArray = (inside & ~cloud).copy(data=inside.values & ~cloud.values & ground.values)
    clear.attrs = {
        "long_name": "pixel shows the field: inside, no cloud, no snow, all bands present"
    }
    named: xr.DataArray = with_crs_of(series, clear.rename("clear"))
    return named


def with_crs_of(series: xr.Dataset, made: Any) -> Any:
    """Give what was made of a series the series' reference system, if it has one."""
    crs = series.odc.crs
    return made if crs is None else assign_crs(made, crs)


def _band(reflectance: xr.DataArray, name: str) -> NDArray[np.floating]:
    values: NDArray[np.floating] = reflectance.sel(band=name).transpose("time", "y", "x").values
    return values
