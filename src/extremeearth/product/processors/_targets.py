"""Fields and parcels whose water is computed: where they are, what grows there, how much leaf."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import geopandas
import pandas as pd
import pystac
import shapely
from shapely.geometry import shape

from extremeearth.core.boxes import Box
from extremeearth.core.errors import LimitError, NoDataError
from extremeearth.core.times import TimeRange
from extremeearth.data.catalogue import ItemQuery
from extremeearth.data.products import load_cube, load_table
from extremeearth.processing.preprocessing import (
    daily_curve,
    field_mean_lai,
    lai_curve,
    retrieve_lai,
)
from extremeearth.processing.water import CropWater, crop_for, yield_response
from extremeearth.product.processors._season import asset_key, find_items
from extremeearth.product.processors._weather import Station
from extremeearth.product.processors.contract import Services

if TYPE_CHECKING:
    from extremeearth.processing.jobs import JobContext

__all__ = ["Target", "find_targets"]

MOST_FEATURES = 20_000
FEWEST_DATES = 3
RIPE_LAI = 1.0
"""Green leaf area below which a cereal is taken for ripe where no harvest date is known."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Target:
    """One field or parcel: geometry in longitude and latitude, leaf area by date."""

    feature_id: str | int
    name: str
    crop: str
    geometry: Any = field(repr=False)
    lai: pd.Series = field(repr=False)
    hazy: bool = False
    harvested: pd.Timestamp | None = None

    @property
    def lon(self) -> float:
        """Longitude of a point inside."""
        return float(shapely.point_on_surface(self.geometry).x)

    @property
    def lat(self) -> float:
        """Latitude of a point inside."""
        return float(shapely.point_on_surface(self.geometry).y)

    @property
    def crop_water(self) -> CropWater:
        """The crop's entry in the table of crops."""
        return crop_for(self.crop)

    def daily_lai(self, *, start: datetime, end: datetime) -> pd.Series:
        """Leaf area of each day; along the upper edge where haze may have stayed in the observations."""
        first, last = (pd.Timestamp(day).tz_localize(None) for day in (start, end))
        return daily_curve(self.lai, start=first, end=last, envelope=self.hazy)

    def yields(
        self, station: Station, lai: pd.Series, *, et0_mm: pd.Series, **common: Any
    ) -> dict[str, float | None]:
        """Yield of wheat with and without irrigation in t/ha dry matter; `None` where it cannot be told."""
        names = ("yield_rainfed_t_ha", "yield_irrigated_t_ha")
        ripe = self._ripe(lai)
        if self.crop_water.name != "winter-wheat" or ripe is None:
            return dict.fromkeys(names)
        found: dict[str, float | None] = {}
        for name, irrigated in zip(names, (False, True), strict=True):
            try:
                response = yield_response(
                    station.table,
                    maturity=ripe,
                    irrigated=irrigated,
                    lai_max=float(lai.max()),
                    et0_mm=et0_mm,
                    **common,
                )
            except NoDataError:  # the time frame ends long before harvest: no yield to tell
                return dict.fromkeys(names)
            found[name] = response.yield_t_ha
        return found

    def _ripe(self, lai: pd.Series) -> pd.Timestamp | None:
        if self.harvested is not None:
            return min(self.harvested, pd.Timestamp(str(lai.index[-1])))
        after = lai[lai.idxmax() :]
        low = after[after < RIPE_LAI]
        return None if low.empty else pd.Timestamp(str(low.index[0]))


def find_targets(
    services: Services, context: JobContext, *, kind: str, box: Box, season: TimeRange
) -> tuple[list[Target], list[pystac.Item]]:
    """List what lies in the box, with leaf area, and the items that it was read from.

    Raises
    ------
    NoDataError
        Nothing lies there, or nothing was seen often enough.
    LimitError
        More features than one run takes.
    """
    read = _parcels if kind == "parcels" else _fields
    targets, sources = read(services, context, box, season)
    seen = [target for target in targets if target.lai.notna().sum() >= FEWEST_DATES]
    if not seen:
        raise NoDataError(
            f"None of the {len(targets)} {kind} in the box was seen clearly on {FEWEST_DATES} dates.",
            hint="Widen the time frame or the box.",
        )
    if len(seen) > MOST_FEATURES:
        raise LimitError(
            f"The box holds {len(seen)} {kind}, more than {MOST_FEATURES}.",
            hint="Draw a smaller box.",
        )
    if len(seen) < len(targets):
        context.log(f"{len(targets) - len(seen)} {kind} left out: seen on too few clear dates.")
    return seen, sources


def _fields(
    services: Services, context: JobContext, box: Box, season: TimeRange
) -> tuple[list[Target], list[pystac.Item]]:
    """Fields with a leaf area index in the catalogue, and for others retrieve it from their series."""
    query = ItemQuery(collections=("leaf-area-index",), box=box, time=season)
    items = list(services.catalogue.items(query, viewer=context.principal))
    retrieved = {_field_name(item): item for item in sorted(items, key=_age)}
    try:
        series = find_items(services, context, "field-series", box=box, time=season)
    except NoDataError:
        if not retrieved:
            raise
        series = []
    outlines, outline_items = _outlines(services, context, season)
    targets = []
    used: list[pystac.Item] = list(outline_items)
    for item in [*retrieved.values(), *(s for s in series if _field_name(s) not in retrieved)]:
        name = _field_name(item)
        row = outlines.get(name, {})
        geometry = row.get("geometry") or shape(
            item.geometry or {"type": "Polygon", "coordinates": []}
        )
        if not shapely.intersects(geometry, box.to_crs(4326).polygon()):
            continue
        crop = str(row.get("crop") or item.properties.get("ee:crop") or "other")
        targets.append(
            Target(
                feature_id=name,
                name=name,
                crop=crop,
                geometry=geometry,
                lai=_observed(services, item),
                harvested=_day(row.get("harvested")),
            )
        )
        used.append(item)
    return targets, used


def _field_name(item: pystac.Item) -> str:
    return str(item.properties.get("ee:field") or item.id)


def _age(item: pystac.Item) -> str:
    return str(item.properties.get("created") or "")


def _day(value: Any) -> pd.Timestamp | None:
    return None if value is None or pd.isna(value) else pd.Timestamp(value).normalize()


def _observed(services: Services, item: pystac.Item) -> pd.Series:
    if item.collection_id == "leaf-area-index":
        key = asset_key(item, "curve")
        curve = pd.DataFrame(load_table(store=services.store, key=key))
    else:
        cube = load_cube(store=services.store, prefix=asset_key(item, "cube"))
        curve = lai_curve(retrieve_lai(cube.load()))
    return curve.set_index("date")["lai"]


def _outlines(
    services: Services, context: JobContext, season: TimeRange
) -> tuple[dict[str, dict[str, Any]], list[pystac.Item]]:
    """Outline, crop and harvest of trial fields by name, as far as the catalogue knows them."""
    query = ItemQuery(collections=("trial-fields",), time=season)
    rows: dict[str, dict[str, Any]] = {}
    items = list(services.catalogue.items(query, viewer=context.principal))
    for item in items:
        frame = load_table(store=services.store, key=asset_key(item, "features"))
        if isinstance(frame, geopandas.GeoDataFrame):
            for row in frame.to_crs("EPSG:4326").to_dict("records"):
                rows[str(row["field"])] = row
    return rows, items


def _parcels(
    services: Services, context: JobContext, box: Box, season: TimeRange
) -> tuple[list[Target], list[pystac.Item]]:
    item = find_items(services, context, "parcel-series", box=box, time=season)[-1]
    table: Any = load_table(store=services.store, key=asset_key(item, "parcels"))
    parcels = table.to_crs("EPSG:4326")
    series = load_table(store=services.store, key=asset_key(item, "series"))
    # Haze is told from all parcels of a date, so leaf area is computed before the box is cut out.
    observed = field_mean_lai(pd.DataFrame(series), parcels)
    inside = parcels[parcels.intersects(box.to_crs(4326).polygon())]
    if inside.empty:
        raise NoDataError(
            "No parcel lies in the box.",
            hint=f"There are {len(parcels)}, in the box "
            + ", ".join(f"{value:.3f}" for value in parcels.total_bounds)
            + ".",
        )
    by_parcel: dict[int, pd.DataFrame] = {
        int(str(name)): rows for name, rows in observed.groupby("parcel_id")
    }
    targets = [
        Target(
            feature_id=int(row["parcel_id"]),
            name=f"Parcel {row['parcel_id']}",
            crop=str(row.get("crop_name_de") or "other"),
            geometry=row["geometry"],
            lai=by_parcel[int(row["parcel_id"])].set_index("date")["lai"],
            hazy=True,
        )
        for row in inside.to_dict("records")
        if int(row["parcel_id"]) in by_parcel
    ]
    return targets, [item]
