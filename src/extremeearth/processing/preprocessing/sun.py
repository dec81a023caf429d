"""Where the sun stands, from time and place."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["sun_position"]


def sun_position(
    time_utc: Any, *, lon_deg: ArrayLike, lat_deg: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute zenith and azimuth of the sun, to about 0.01 degree between 1950 and 2050.

    The formulas of the Astronomical Almanac as given by Michalsky (1988,
    https://doi.org/10.1016/0038-092X(88)90045-X); without refraction.

    Parameters
    ----------
    time_utc
        Instants in UTC, anything that numpy reads as datetime64.
    lon_deg, lat_deg
        Place in degrees, east and north positive; broadcast with the times.

    Returns
    -------
    tuple of numpy.ndarray
        Zenith angle, and azimuth clockwise from north, in degrees.

    Examples
    --------
    >>> zenith, azimuth = sun_position("2018-06-21T12:00", lon_deg=0.0, lat_deg=51.48)
    >>> round(float(zenith), 1), round(float(azimuth))
    (28.0, 179)
    """
    seconds = (np.asarray(time_utc, dtype="datetime64[s]") - np.datetime64("2000-01-01T12:00")) / (
        np.timedelta64(1, "s")
    )
    days = seconds / 86400.0
    lon, lat = (
        np.asarray(lon_deg, dtype=np.float64),
        np.deg2rad(np.asarray(lat_deg, dtype=np.float64)),
    )
    mean_longitude = 280.460 + 0.9856474 * days
    anomaly = np.deg2rad(357.528 + 0.9856003 * days)
    ecliptic = np.deg2rad(mean_longitude + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    tilt = np.deg2rad(23.439 - 4e-7 * days)
    ascension = np.arctan2(np.cos(tilt) * np.sin(ecliptic), np.cos(ecliptic))
    declination = np.arcsin(np.sin(tilt) * np.sin(ecliptic))
    hours = (days + 0.5) % 1 * 24
    sidereal = (6.697375 + 0.0657098242 * days + hours) * 15 + lon
    hour_angle = np.deg2rad(sidereal) - ascension
    cosine = np.sin(lat) * np.sin(declination) + np.cos(lat) * np.cos(declination) * np.cos(
        hour_angle
    )
    azimuth = np.arctan2(
        -np.cos(declination) * np.sin(hour_angle),
        np.sin(declination) * np.cos(lat) - np.cos(declination) * np.cos(hour_angle) * np.sin(lat),
    )
    zenith: NDArray[np.float64] = np.rad2deg(np.arccos(np.clip(cosine, -1, 1)))
    return zenith, np.rad2deg(azimuth) % 360
