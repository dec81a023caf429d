"""What weather stations report, as it was at their own height."""

from __future__ import annotations

from typing import Any

__all__ = ["station_pressure_hpa"]


def station_pressure_hpa(sea_level_hpa: Any, *, elevation_m: Any) -> Any:
    """Bring a pressure reduced to sea level back to the height of the station.

    Follows FAO Irrigation and Drainage Paper 56, equation 7 (standard atmosphere at 293 K).

    Examples
    --------
    >>> round(float(station_pressure_hpa(1013.0, elevation_m=480.0)), 1)
    957.5
    """
    return sea_level_hpa * ((293.0 - 0.0065 * elevation_m) / 293.0) ** 5.26
