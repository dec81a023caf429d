"""Leaf area index of each clear pixel and date of a field series."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from extremeearth.core.errors import InputError
from extremeearth.processing.preprocessing.clouds import clear_mask, require_bands, with_crs_of
from extremeearth.processing.preprocessing.network import LaiNetwork, lai_network, network_inputs
from extremeearth.processing.preprocessing.simulation import INPUT_BANDS

__all__ = ["LAI_FLAGS", "lai_curve", "retrieve_lai"]

LAI_FLAGS = {"not_inside": 1, "not_clear": 2, "input_outside_simulations": 4, "output_clipped": 8}
"""Bits of the variable `flags`: why a leaf area index is missing (1, 2) or to be doubted (4, 8)."""

ANGLES = ("sun_zenith", "sun_azimuth", "view_zenith", "view_azimuth")


def retrieve_lai(series: xr.Dataset, *, network: LaiNetwork | None = None) -> xr.Dataset:
    """Estimate the leaf area index of each clear pixel.

    The network was trained on simulated canopies (PROSPECT-5 and 4SAIL; see
    :mod:`extremeearth.processing.preprocessing.train_lai`), not on measured leaf area: it reads
    B03 to B07, B8A, B11, B12 and the cosines of the angles, as the toolbox algorithm does (Weiss and Baret 2016).
    Above about 6 m2/m2 reflectance hardly changes any more, and estimates fall short.

    Parameters
    ----------
    series
        `reflectance(time, band, y, x)` surface reflectance 0 to 1, `cloud`, `inside` (time, y, x), and
        `sun_zenith`, `sun_azimuth`, `view_zenith`, `view_azimuth` (time) in degrees.
    network
        By default the one that comes with the package.

    Returns
    -------
    xarray.Dataset
        `lai(time, y, x)` float32 in m2/m2, NaN where not inside or not clear; `flags(time, y, x)` uint8 of
        the bits :data:`LAI_FLAGS`; coordinates and CRS of the series; provenance in the attributes.

    Raises
    ------
    InputError
        A variable, angle or band is missing.

    Examples
    --------
    >>> wheat = [0.03, 0.05, 0.03, 0.08, 0.30, 0.42, 0.44, 0.18, 0.08]
    >>> shape = (1, 9, 1, 1)
    >>> angles = {
    ...     name: ("time", [value])
    ...     for name, value in {
    ...         "sun_zenith": 30.0,
    ...         "sun_azimuth": 160.0,
    ...         "view_zenith": 5.0,
    ...         "view_azimuth": 290.0,
    ...     }.items()
    ... }
    >>> field = xr.Dataset(
    ...     {
    ...         "reflectance": (("time", "band", "y", "x"), np.reshape(wheat, shape)),
    ...         "cloud": (("time", "y", "x"), [[[False]]]),
    ...         "inside": (("time", "y", "x"), [[[True]]]),
    ...         **angles,
    ...     },
    ...     coords={"band": ["B02", *INPUT_BANDS]},
    ... )
    >>> bool(2 < retrieve_lai(field)["lai"].item() < 8)
    True
    """
    network = lai_network() if network is None else network
    missing = [name for name in ANGLES if name not in series]
    if missing:
        raise InputError(
            f"The series lacks {', '.join(missing)}.", hint="Give sun and view angles per date."
        )
    clear = clear_mask(series)
    require_bands(series["band"].values, INPUT_BANDS)
    bands = series["reflectance"].sel(band=list(INPUT_BANDS)).transpose("time", "y", "x", "band")
    inside = series["inside"].transpose("time", "y", "x").values.astype(bool)
    lai = np.full(clear.shape, np.nan, dtype=np.float32)
    flags = np.zeros(clear.shape, dtype=np.uint8)
    flags[~inside] = LAI_FLAGS["not_inside"]
    flags[inside & ~clear.values] = LAI_FLAGS["not_clear"]
    for index in range(clear.sizes["time"]):  # one date at a time bounds the memory
        pixels = clear.values[index]
        if not pixels.any():
            continue
        angle = {name: float(series[name].values[index]) for name in ANGLES}
        estimate = network.estimate(
            network_inputs(
                bands.values[index][pixels].astype(np.float64),
                sun_zenith_deg=angle["sun_zenith"],
                view_zenith_deg=angle["view_zenith"],
                relative_azimuth_deg=angle["sun_azimuth"] - angle["view_azimuth"],
            )
        )
        lai[index][pixels] = estimate.lai
        flags[index][pixels] = (
            estimate.outside * LAI_FLAGS["input_outside_simulations"]
            + estimate.clipped * LAI_FLAGS["output_clipped"]
        )
    found: xr.Dataset = with_crs_of(series, _described(clear, lai, flags, network))
    return found


def _described(
    clear: xr.DataArray, lai: NDArray[np.float32], flags: NDArray[np.uint8], network: LaiNetwork
) -> xr.Dataset:
    template = clear.drop_attrs()
    result = xr.Dataset({"lai": template.copy(data=lai), "flags": template.copy(data=flags)})
    result["lai"].attrs = {
        "long_name": "leaf area index",
        "standard_name": "leaf_area_index",
        "units": "m2 m-2",
    }
    result["flags"].attrs = {
        "long_name": "why a leaf area index is missing or doubtful",
        "flag_masks": list(LAI_FLAGS.values()),
        "flag_meanings": " ".join(LAI_FLAGS),
    }
    result.attrs = {
        "title": "Leaf area index",
        "comment": "Estimated by a network that was trained on simulated canopies; "
        "no measured leaf area was used. Values above 6 are likely too low.",
        "network": json.dumps(dict(network.provenance), sort_keys=True),
    }
    return result


def lai_curve(lai: xr.Dataset, *, min_share: float = 0.3) -> pd.DataFrame:
    """Reduce a cube of leaf area index to one row per date on which enough of the field was seen.

    Parameters
    ----------
    lai
        What :func:`retrieve_lai` gave.
    min_share
        Least share of the field's pixels that must be clear, 0 to 1.

    Returns
    -------
    pandas.DataFrame
        Columns `date` (midnight), `lai` (median of the field), `lai_low`, `lai_high` (quartiles), `clear_share`,
        `doubtful_share` (of the clear pixels, flagged 4 or 8); ascending by date, one row per date.

    Raises
    ------
    InputError
        `min_share` is not between 0 and 1.

    Examples
    --------
    >>> dims = ("time", "y", "x")
    >>> cube = xr.Dataset(
    ...     {
    ...         "lai": (dims, np.array([[[2.0, 4.0]], [[np.nan, np.nan]]])),
    ...         "flags": (dims, np.zeros((2, 1, 2), dtype=np.uint8)),
    ...     },
    ...     coords={"time": pd.to_datetime(["2018-05-01", "2018-05-06"])},
    ... )
    >>> lai_curve(cube).lai.tolist()
    [3.0]
    """
    if not 0 <= min_share <= 1:
        raise InputError(
            f"A share of {min_share} does not exist.", hint="Give a number from 0 to 1."
        )
    rows = []
    doubt = LAI_FLAGS["input_outside_simulations"] | LAI_FLAGS["output_clipped"]
    for time, values, bits in zip(
        lai["time"].values, lai["lai"].values, lai["flags"].values, strict=True
    ):
        inside = int((bits & LAI_FLAGS["not_inside"] == 0).sum())
        seen = np.isfinite(values)
        share = float(seen.sum() / inside) if inside else 0.0
        if not seen.any() or share < min_share:
            continue
        low, middle, high = np.quantile(values[seen], [0.25, 0.5, 0.75])
        doubtful = float((bits[seen] & doubt > 0).mean())
        rows.append((pd.Timestamp(time).normalize(), middle, low, high, share, doubtful))
    columns = ["date", "lai", "lai_low", "lai_high", "clear_share", "doubtful_share"]
    frame = pd.DataFrame(rows, columns=columns).astype(
        {"date": "datetime64[ns]", **dict.fromkeys(columns[1:], "float64")}
    )
    best = frame.sort_values("clear_share", ascending=False).drop_duplicates("date")
    return best.sort_values("date", ignore_index=True)
