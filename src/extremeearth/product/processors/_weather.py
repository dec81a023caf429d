"""Weather of the stations around a region, from the catalogue."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pystac
from numpy.typing import NDArray
from pyproj import Geod

from extremeearth.core.errors import DataBrokenError, NoDataError
from extremeearth.core.times import TimeRange, as_instant
from extremeearth.data.products import load_table
from extremeearth.processing.water import DailyClimate, daily_climate
from extremeearth.product.processors._season import asset_key, find_items
from extremeearth.product.processors.contract import Services

if TYPE_CHECKING:
    from extremeearth.processing.jobs import JobContext

__all__ = ["Station", "StationWeather", "find_weather"]

FARTHEST_M = 50_000.0
"""Farther away, a station's weather says little of a field's."""
GEOD = Geod(ellps="WGS84")
COLUMNS = ("station", "date", "elevation_m", "lon", "lat")


@dataclass(frozen=True, eq=False)
class Station:
    """One station and its days."""

    name: str
    elevation_m: float
    lat: float
    table: pd.DataFrame = field(repr=False)

    @cached_property
    def climate(self) -> DailyClimate:
        """What the water balance needs, computed once for all fields around."""
        return daily_climate(self.table, latitude_deg=self.lat, elevation_m=self.elevation_m)

    @property
    def et0_mm(self) -> pd.Series:
        """Reference evapotranspiration by date."""
        return pd.Series(self.climate.et0_mm, index=self.climate.days, name="et0_mm")


@dataclass(frozen=True, eq=False)
class StationWeather:
    """All stations of a weather item, and the days that were asked for.

    The balance runs from the first day of the record, when the soil is taken to be at field capacity, to the last day
    of the time frame; only the days of the time frame are given out.
    """

    item: pystac.Item
    stations: tuple[Station, ...]
    places: np.ndarray = field(repr=False)  # (stations, 2): longitude, latitude
    frame: TimeRange
    first_day: datetime
    last_day: datetime

    def nearest(self, lon: float, lat: float) -> Station:
        """Choose the station nearest to a place.

        Raises
        ------
        NoDataError
            It is more than 50 km away.
        """
        count = len(self.stations)
        _, _, distance = GEOD.inv(
            np.full(count, lon), np.full(count, lat), self.places[:, 0], self.places[:, 1]
        )
        best = int(np.argmin(distance))
        if distance[best] > FARTHEST_M:
            raise NoDataError(
                f"The nearest weather to {lon:.3f}, {lat:.3f} is {distance[best] / 1000:.0f} km away.",
                hint="Ingest weather of the region.",
            )
        return self.stations[best]

    def in_frame(self, balance: pd.DataFrame) -> pd.DataFrame:
        """Keep the days that were asked for."""
        days = pd.DatetimeIndex(balance["date"]).tz_localize("UTC")
        kept = np.ones(len(days), dtype=bool)
        if self.frame.start is not None:
            kept &= days >= pd.Timestamp(self.frame.start)
        if self.frame.end is not None:
            kept &= days <= pd.Timestamp(self.frame.end)
        return balance[kept].reset_index(drop=True)


def find_weather(services: Services, context: JobContext, *, frame: TimeRange) -> StationWeather:
    """Read the newest weather that reaches into a time frame.

    Raises
    ------
    NoDataError
        There is none; the hint says from when to when there is.
    DataBrokenError
        The table lacks columns, or no station has a place.
    """
    item = max(
        find_items(services, context, "weather", box=None, time=frame),
        key=lambda found: str(found.properties.get("end_datetime") or found.datetime or ""),
    )
    placed = _placed_rows(services, asset_key(item, "table"))
    days = pd.DatetimeIndex(placed["date"])
    wanted = [day for day in days.unique() if frame.contains(as_instant(day.to_pydatetime()))]
    if not wanted:
        raise NoDataError(
            f"There is no weather in {frame}.",
            hint=f"There is from {days.min():%Y-%m-%d} to {days.max():%Y-%m-%d}.",
        )
    last = max(wanted)
    stations, places = _stations(placed[days <= last])
    return StationWeather(
        item=item,
        stations=stations,
        places=places,
        frame=frame,
        first_day=as_instant(days.min().to_pydatetime()),
        last_day=as_instant(last.to_pydatetime()),
    )


def _placed_rows(services: Services, key: str) -> pd.DataFrame:
    """Read the days of the stations whose place is known."""
    table = pd.DataFrame(load_table(store=services.store, key=key))
    missing = sorted(set(COLUMNS) - set(table.columns))
    if missing:
        raise DataBrokenError(
            f"The weather '{key}' lacks {', '.join(missing)}.", hint="Ingest it again."
        )
    placed = table.dropna(subset=["lon", "lat", "elevation_m"])
    if placed.empty:
        raise DataBrokenError(f"No station of '{key}' has a place.", hint="Ingest it again.")
    return placed


def _stations(placed: pd.DataFrame) -> tuple[tuple[Station, ...], NDArray[np.float64]]:
    """Divide the days by station; give the stations and their places [n, 2] as lon, lat."""
    stations, places = [], []
    for name, rows in placed.groupby("station"):
        first = rows.iloc[0]
        station = Station(
            name=str(name),
            elevation_m=float(first["elevation_m"]),
            lat=float(first["lat"]),
            table=rows.reset_index(drop=True),
        )
        stations.append(station)
        places.append((float(first["lon"]), float(first["lat"])))
    return tuple(stations), np.array(places)
