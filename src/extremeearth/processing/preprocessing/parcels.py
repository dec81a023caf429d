"""Approximate leaf area index of parcels from field means of top-of-atmosphere reflectance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from extremeearth.core.errors import CrsError, InputError
from extremeearth.processing.preprocessing.clouds import is_snow, require_bands
from extremeearth.processing.preprocessing.network import LaiNetwork, lai_network, network_inputs
from extremeearth.processing.preprocessing.simulation import INPUT_BANDS
from extremeearth.processing.preprocessing.sun import sun_position

__all__ = ["field_mean_lai", "interpolated_dates", "subtract_dark_objects"]

Floats = NDArray[np.float64]
OVERPASS_UTC = "10:20"
CENTRE_NM = {
    "B02": 492.4, "B03": 559.8, "B04": 664.6, "B05": 704.1, "B06": 740.5, "B07": 782.8,
    "B8A": 864.7, "B11": 1613.7, "B12": 2202.4,
}  # fmt: skip
# Top-of-atmosphere reflectance over which a parcel's mean is taken for cloud, cirrus or haze.
HAZE_COASTAL, HAZE_BLUE, CIRRUS = 0.25, 0.20, 0.010
DARK_QUANTILE = 0.02
DARK_SURFACE = {"B02": 0.02, "B04": 0.025}  # dense green canopy, the darkest thing among fields
SCREEN_BANDS = ("B01", "B02", "B03", "B04", "B10", "B11")


def interpolated_dates(series: pd.DataFrame) -> list[pd.Timestamp]:
    """Find dates on which every parcel is the exact mean of the dates before and after.

    No satellite was there on such a date: whoever published the series filled it in.

    Parameters
    ----------
    series
        Columns `parcel_id`, `date` and bands; the same evenly counted dates for each parcel.

    Examples
    --------
    >>> days = pd.to_datetime(["2018-03-15", "2018-03-30", "2018-04-15"])
    >>> filled = pd.DataFrame({"parcel_id": 1, "date": days, "B04": [0.10, 0.14, 0.18]})
    >>> [str(day.date()) for day in interpolated_dates(filled)]
    ['2018-03-30']
    """
    bands = [name for name in series.columns if str(name).startswith("B")]
    wide = series.pivot(index="date", columns="parcel_id", values=bands).sort_index()
    values = wide.to_numpy(dtype=np.float64)
    bend = np.abs(values[:-2] - 2 * values[1:-1] + values[2:])
    straight = (bend <= 1e-6 * np.maximum(np.abs(values[1:-1]), 1e-3)).all(axis=1)
    # A series that never changes at all is not interpolated.
    moving = (np.abs(values[2:] - values[:-2]) > 1e-6).any(axis=1)
    return [pd.Timestamp(day) for day in wide.index[1:-1][straight & moving]]


def subtract_dark_objects(reflectance: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, float]]:
    """Take the light that the air scatters off the reflectance of one date: approximate surface reflectance.

    Dark-object subtraction (Chavez 1988, https://doi.org/10.1016/0034-4257(88)90019-3): the darkest parcels in blue
    and red are taken for dense green canopy; what they reflect beyond that is haze, carried to the other bands
    by the power of the wavelength that the two bands show. Nothing is done about absorption by gases.

    Parameters
    ----------
    reflectance
        One row per clear parcel, columns of Sentinel-2 bands, top of atmosphere, 0 to 1.

    Returns
    -------
    tuple
        The frame less the haze (at least 0.001), and the haze by band.

    Examples
    --------
    >>> day = pd.DataFrame({band: [0.12, 0.20, 0.30] for band in CENTRE_NM})
    >>> surface, haze = subtract_dark_objects(day)
    >>> haze["B03"] > haze["B04"] > haze["B12"]
    True
    >>> bool((surface.B02 < day.B02).all())
    True
    """
    require_bands(reflectance.columns, CENTRE_NM)
    dark = {
        name: max(float(reflectance[name].quantile(DARK_QUANTILE)) - surface, 0.002)
        for name, surface in DARK_SURFACE.items()
    }
    power = np.log(dark["B02"] / dark["B04"]) / np.log(CENTRE_NM["B04"] / CENTRE_NM["B02"])
    power = float(np.clip(power, 1.0, 4.0))  # from thick haze to the clean air of Rayleigh's law
    haze = {
        name: dark["B04"] * (CENTRE_NM["B04"] / centre) ** power
        for name, centre in CENTRE_NM.items()
    }
    surface = reflectance[list(CENTRE_NM)] - pd.Series(haze)
    return surface.clip(lower=0.001), haze


def field_mean_lai(
    series: pd.DataFrame,
    parcels: Any,
    *,
    overpass_utc: str = OVERPASS_UTC,
    network: LaiNetwork | None = None,
) -> pd.DataFrame:
    """Estimate leaf area index from parcels' mean top-of-atmosphere reflectance; approximate.

    Dates that were filled in by interpolation are left out (:func:`interpolated_dates`); clouds, cirrus, haze and snow
    are told by spectral tests; surface reflectance comes from dark-object subtraction per date
    (:func:`subtract_dark_objects`); the sun's angle from date, place and an assumed time of overpass; the view is
    taken as straight down. The network then is the one of :func:`retrieve_lai`.

    Parameters
    ----------
    series
        Columns `parcel_id`, `date`, and bands B01 to B12 as top-of-atmosphere reflectance 0 to 1.
    parcels
        GeoDataFrame with a CRS, columns `parcel_id` and `geometry`: where the parcels lie.
    overpass_utc
        Time of day of the satellite, HH:MM.
    network
        By default the one that comes with the package.

    Returns
    -------
    pandas.DataFrame
        One row per parcel and observed date: `parcel_id`, `date`, `lai` (m2/m2, NaN where not clear),
        `clear`, `doubtful` (outside the simulations, or clipped), `approximate` (always true).

    Raises
    ------
    InputError
        A column is missing, or a parcel of the series has no geometry.
    CrsError
        The parcels have no reference system.

    Examples
    --------
    >>> from extremeearth.data.products import simulate_field_archive
    >>> season = simulate_field_archive()
    >>> found = field_mean_lai(season.parcel_series, season.parcels)
    >>> bool(found.approximate.all()), bool(found.lai.dropna().between(0, 10).all())
    (True, True)
    """
    network = lai_network() if network is None else network
    require_bands(series.columns, {*SCREEN_BANDS, *CENTRE_NM})
    if parcels.crs is None:
        raise CrsError("The parcels have no coordinate reference system.", hint="Set it first.")
    middle = parcels.set_index("parcel_id").geometry.to_crs(4326)
    box = middle.bounds
    place = pd.DataFrame({"lon": (box.minx + box.maxx) / 2, "lat": (box.miny + box.maxy) / 2})
    unknown = sorted(set(series["parcel_id"]) - set(place.index))
    if unknown:
        raise InputError(
            f"{len(unknown)} parcels of the series have no geometry, the first is {unknown[0]}.",
            hint="Give all parcels.",
        )
    rows = series[~series["date"].isin(interpolated_dates(series))].reset_index(drop=True)
    rows = rows.join(place, on="parcel_id")
    clear = _clear_rows(rows)
    result = rows[["parcel_id", "date"]].assign(
        lai=np.nan, clear=clear, doubtful=False, approximate=True
    )
    for day, group in rows[clear].groupby("date"):
        surface, _ = subtract_dark_objects(group)
        zenith, _ = sun_position(
            np.datetime64(f"{pd.Timestamp(str(day)).date()}T{overpass_utc}"),
            lon_deg=group["lon"],
            lat_deg=group["lat"],
        )
        estimate = network.estimate(
            network_inputs(
                surface[list(INPUT_BANDS)].to_numpy(dtype=np.float64),
                sun_zenith_deg=zenith,
                view_zenith_deg=0.0,
                relative_azimuth_deg=90.0,
            )
        )
        result.loc[group.index, "lai"] = estimate.lai
        result.loc[group.index, "doubtful"] = estimate.outside | estimate.clipped
    return result


def _clear_rows(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell clouds by brightness in coastal blue and blue, cirrus by B10, snow by its index."""
    values = {name: rows[name].to_numpy(dtype=np.float64) for name in {*SCREEN_BANDS, *CENTRE_NM}}
    clear: NDArray[np.bool_] = (
        np.all([np.isfinite(band) for band in values.values()], axis=0)
        & (values["B01"] < HAZE_COASTAL)
        & (values["B02"] < HAZE_BLUE)
        & (values["B10"] < CIRRUS)
        & ~is_snow(values["B03"], values["B11"])
    )
    return clear
