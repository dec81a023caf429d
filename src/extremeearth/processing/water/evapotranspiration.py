"""Reference evapotranspiration from weather: FAO-56 Penman-Monteith."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from extremeearth.core.errors import InputError, NoDataError

__all__ = [
    "DailyClimate", "checked_weather", "daily_climate", "least_humidity", "reference_evapotranspiration",
]  # fmt: skip

NEEDED = ("date", "tmin_c", "tmax_c", "tmean_c", "humidity", "wind_m_s", "radiation_mj_m2")
RANGES = {
    "tmin_c": (-60.0, 50.0),
    "tmax_c": (-60.0, 60.0),
    "tmean_c": (-60.0, 55.0),
    "humidity": (0.0, 1.0),
    "wind_m_s": (0.0, 60.0),
    "radiation_mj_m2": (0.0, 50.0),
    "rain_mm": (0.0, 1000.0),
    "et0_mm": (0.0, 30.0),
}


def checked_weather(weather: pd.DataFrame, *, needed: tuple[str, ...] = NEEDED) -> pd.DataFrame:
    """Give one station's daily weather by date, without gaps and within what nature allows.

    Parameters
    ----------
    weather
        One row per day of one station, with the columns `needed`.
    needed
        Columns that must be there.

    Returns
    -------
    pandas.DataFrame
        The same columns, index `date` (midnight), ascending.

    Raises
    ------
    NoDataError
        There is no row.
    InputError
        A column is missing, a day is missing or given twice, or a value is missing or impossible.

    Examples
    --------
    >>> days = pd.DataFrame({"date": ["2018-03-01", "2018-03-03"], "rain_mm": [0.0, 1.0]})
    >>> checked_weather(days, needed=("date", "rain_mm"))
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.InputError: The weather has days that are missing or given twice. ...
    """
    missing = sorted(set(needed) - set(weather.columns))
    if missing:
        raise InputError(
            f"The weather lacks {', '.join(missing)}.", hint="Give one column for each, per day."
        )
    if weather.empty:
        raise NoDataError("There is no weather.", hint="Widen the time frame.")
    days = pd.DatetimeIndex(pd.to_datetime(weather["date"])).normalize()
    table = weather.set_axis(days.rename("date")).drop(columns="date").sort_index()
    whole = pd.date_range(table.index[0], table.index[-1], freq="D")
    if len(whole) != len(table) or not (table.index == whole).all():
        raise InputError(
            "The weather has days that are missing or given twice.",
            hint="Give one station, one row for each day.",
        )
    for name in needed:
        if name not in RANGES:
            continue
        low, high = RANGES[name]
        wrong = ~table[name].between(low, high)
        if wrong.any():
            day = pd.Timestamp(str(table.index[wrong][0])).date()
            raise InputError(
                f"{name} is {table[name][wrong].iloc[0]} on {day}.",
                hint=f"It must lie between {low:g} and {high:g}.",
            )
    return table


def reference_evapotranspiration(
    weather: pd.DataFrame, *, latitude_deg: float, elevation_m: float
) -> pd.Series:
    """Compute daily reference evapotranspiration of short grass by FAO-56 Penman-Monteith (`pyet`).

    After Allen et al. (1998, FAO Irrigation and Drainage Paper 56, equation 6). Air pressure follows from
    the elevation (equation 7), because weather services often give it reduced to sea level.

    Parameters
    ----------
    weather
        One station, one row per day: `date`, `tmin_c`, `tmax_c`, `tmean_c`, `humidity` (0 to 1), `wind_m_s` at 2 m,
        `radiation_mj_m2` (incoming solar).
    latitude_deg
        North positive.
    elevation_m
        Above sea level.

    Returns
    -------
    pandas.Series
        `et0_mm` per day, index `date`.

    Raises
    ------
    InputError
        See :func:`checked_weather`; or the latitude is beyond a pole.

    Examples
    --------
    >>> day = pd.DataFrame(
    ...     {
    ...         "date": ["2018-07-06"],
    ...         "tmin_c": [12.3],
    ...         "tmax_c": [21.5],
    ...         "tmean_c": [16.9],
    ...         "humidity": [0.7055],
    ...         "wind_m_s": [2.078],
    ...         "radiation_mj_m2": [22.07],
    ...     }
    ... )
    >>> et0 = reference_evapotranspiration(day, latitude_deg=50.8, elevation_m=100.0)
    >>> round(float(et0.iloc[0]), 1)  # FAO-56, example 18 gives 3.9
    3.9
    """
    import pyet

    if not -90 <= latitude_deg <= 90:
        raise InputError(f"There is no latitude {latitude_deg}.", hint="Give -90 to 90 degrees.")
    table = checked_weather(weather)
    et0: pd.Series = pyet.pm_fao56(
        table["tmean_c"],
        table["wind_m_s"],
        rs=table["radiation_mj_m2"],
        tmax=table["tmax_c"],
        tmin=table["tmin_c"],
        rh=table["humidity"] * 100.0,
        elevation=elevation_m,
        lat=float(np.deg2rad(latitude_deg)),
    )
    return et0.clip(lower=0.0).rename("et0_mm")


def least_humidity(weather: pd.DataFrame) -> pd.Series:
    """Estimate the least relative humidity of each day in percent, from its mean and the temperatures.

    The vapour pressure of the mean humidity (FAO-56 equation 19) over saturation at the day's maximum.

    Parameters
    ----------
    weather
        Columns `tmin_c`, `tmax_c`, `humidity` (0 to 1).

    Returns
    -------
    pandas.Series
        Percent, 5 to 100.

    Examples
    --------
    >>> day = pd.DataFrame({"tmin_c": [10.0], "tmax_c": [25.0], "humidity": [0.7]})
    >>> round(float(least_humidity(day).iloc[0]))
    49
    """
    highest, lowest = _saturation(weather["tmax_c"]), _saturation(weather["tmin_c"])
    share: pd.Series = weather["humidity"] * (highest + lowest) / 2 / highest
    return (share * 100).clip(5, 100)


def _saturation(temperature_c: pd.Series) -> pd.Series:
    """Vapour pressure of saturated air in kPa (FAO-56 equation 11)."""
    exponent: pd.Series = 17.27 * temperature_c / (temperature_c + 237.3)
    return 0.6108 * pd.Series(np.exp(exponent), index=temperature_c.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyClimate:
    """What the water balance needs of a station's weather, checked once for many fields.

    `days` has one entry per day without gaps; the arrays have its length. `least_humidity` is in percent.
    """

    days: pd.DatetimeIndex
    et0_mm: NDArray[np.float64]
    rain_mm: NDArray[np.float64]
    wind_m_s: NDArray[np.float64]
    least_humidity: NDArray[np.float64]


def daily_climate(
    weather: pd.DataFrame,
    *,
    latitude_deg: float,
    elevation_m: float,
    et0_mm: pd.Series | None = None,
) -> DailyClimate:
    """Check a station's weather and compute its reference evapotranspiration.

    Parameters
    ----------
    weather
        As for :func:`reference_evapotranspiration`, and `rain_mm`.
    latitude_deg, elevation_m
        Place of the station.
    et0_mm
        Reference evapotranspiration by date where it is known.

    Raises
    ------
    InputError
        See :func:`checked_weather`; or `et0_mm` is missing or negative on a day.

    Examples
    --------
    >>> from extremeearth.data.products import simulate_field_archive
    >>> weather = simulate_field_archive().weather
    >>> one = weather[weather.station == weather.station.iloc[0]]
    >>> climate = daily_climate(one, latitude_deg=48.4, elevation_m=480.0)
    >>> len(climate.days) == len(one), bool((climate.et0_mm > 0).all())
    (True, True)
    """
    table = checked_weather(weather, needed=(*NEEDED, "rain_mm"))
    if et0_mm is None:
        et0_mm = reference_evapotranspiration(
            weather, latitude_deg=latitude_deg, elevation_m=elevation_m
        )
    et0 = et0_mm.reindex(table.index).to_numpy(dtype=np.float64)
    if not (et0 >= 0).all():
        raise InputError(
            "The reference evapotranspiration is missing or negative on a day.",
            hint="Give it for every day, or leave it out.",
        )
    return DailyClimate(
        days=pd.DatetimeIndex(table.index),
        et0_mm=et0,
        rain_mm=table["rain_mm"].to_numpy(dtype=np.float64),
        wind_m_s=table["wind_m_s"].to_numpy(dtype=np.float64),
        least_humidity=least_humidity(table).to_numpy(dtype=np.float64),
    )
