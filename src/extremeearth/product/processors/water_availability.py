"""The processor `water-availability`: soil water and irrigation need of fields, day by day."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import geopandas
import pandas as pd
import pystac

from extremeearth.core.boxes import as_box
from extremeearth.core.errors import InputError
from extremeearth.core.progress import Task
from extremeearth.core.times import TimeRange, as_instant, as_time_range, format_instant
from extremeearth.data.products import feature_item, save_geojson, save_table
from extremeearth.processing.water import RAINFED, REFILL, SOILS, season_totals, water_balance
from extremeearth.product.processors._results import (
    GEOJSON,
    JSON,
    PARQUET,
    ResultFile,
    data_assets,
    derive_from,
    plain_number,
)
from extremeearth.product.processors._season import ITEMS_OUTPUT, PLACE_AND_TIME, PUBLIC
from extremeearth.product.processors._targets import Target, find_targets
from extremeearth.product.processors._weather import StationWeather, find_weather
from extremeearth.product.processors.contract import InputDescription, ProcessDescription, Services

if TYPE_CHECKING:
    from extremeearth.processing.jobs import JobContext

__all__ = ["WaterAvailabilityProcessor"]

COLLECTION = "water-availability"
FILES = {
    "geojson": ResultFile(name="features.geojson", media_type=GEOJSON, title="Totals"),
    "table": ResultFile(name="daily.parquet", media_type=PARQUET, title="Days"),
    "series": ResultFile(name="series.json", media_type=JSON, title="Series for charts"),
}
STRATEGIES = {"refill": REFILL, "rainfed": RAINFED}
SERIES = ("lai", "et0_mm", "etc_mm", "eta_mm", "rain_mm", "depletion_mm", "irrigation_mm")
# Irrigation need of a season up to so many mm, from pale to dark (ColorBrewer YlOrBr).
COLOURS = ((25, "#ffffd4"), (75, "#fed98e"), (125, "#fe9929"), (200, "#d95f0e"), (None, "#993404"))


class WaterAvailabilityProcessor:
    """Compute evapotranspiration, the soil water balance and irrigation need per field and day.

    Makes one item in the collection `water-availability`: assets `geojson` (season totals per feature), `table`
    (Parquet, per feature and day) and `series` (JSON: a few columns per feature, for charts).

    Parameters
    ----------
    services
        Catalogue and object store.
    """

    description = ProcessDescription(
        id="water-availability",
        version="1.0.0",
        title="Water availability",
        description="Reference and crop evapotranspiration, soil water and irrigation need of fields or "
        "parcels for each day, from weather and leaf area index (FAO-56).",
        keywords=("evapotranspiration", "irrigation", "FAO-56", "fields"),
        inputs={
            **PLACE_AND_TIME,
            "targets": InputDescription(
                title="Targets",
                description="'fields': trial fields with an image series. 'parcels': declared parcels, with "
                "approximate leaf area from top-of-atmosphere reflectance.",
                schema={"type": "string", "enum": ["fields", "parcels"], "default": "fields"},
                required=False,
            ),
            "soil": InputDescription(
                title="Soil",
                description="Texture of the soil (FAO-56, table 19).",
                schema={"type": "string", "enum": list(SOILS), "default": "silt-loam"},
                required=False,
            ),
            "irrigation": InputDescription(
                title="Irrigation",
                description="'refill': the root zone is filled whenever the readily available water is used up "
                "and leaves cover the ground; its sum is the irrigation need. 'rainfed': no irrigation.",
                schema={"type": "string", "enum": list(STRATEGIES), "default": "refill"},
                required=False,
            ),
            "yields": InputDescription(
                title="Yields",
                description="Whether AquaCrop simulates wheat yield of fields with and without irrigation.",
                schema={"type": "boolean", "default": True},
                required=False,
            ),
            "public": PUBLIC,
        },
        outputs=ITEMS_OUTPUT,
    )

    def __init__(self, services: Services) -> None:
        self._services = services

    def run(self, inputs: Mapping[str, Any], context: JobContext) -> list[pystac.Item]:
        """Do the work for every field or parcel in the box.

        Raises
        ------
        NoDataError
            No weather, no field, or no leaf area in the box and time frame.
        CancelledError
            Somebody asked to stop.
        """
        box, frame = as_box(inputs["bbox"]), as_time_range(inputs["datetime"])
        soil_name = inputs.get("soil", "silt-loam")
        if soil_name not in SOILS:
            raise InputError(
                f"There is no soil '{soil_name}'.", hint=f"Take one of {', '.join(SOILS)}."
            )
        weather = find_weather(self._services, context, frame=frame)
        kind = inputs.get("targets", "fields")
        season = TimeRange(start=weather.first_day, end=weather.last_day)
        targets, sources = find_targets(self._services, context, kind=kind, box=box, season=season)
        yields = kind == "fields" and bool(inputs.get("yields", True))
        rows, tables = [], []
        with Task(context.progress, "water balance", total=len(targets)) as task:
            for target in targets:
                row, table = _balance(
                    target, weather, soil_name, inputs.get("irrigation", "refill"), yields=yields
                )
                rows.append(row)
                tables.append(table)
                task.advance()
        features = geopandas.GeoDataFrame(rows, geometry="geometry", crs="EPSG:4326")
        daily = pd.concat(tables, ignore_index=True)
        context.log(f"Water balance of {len(features)} {kind}, {daily['date'].nunique()} days.")
        item = self._item(features, daily, dict(inputs) | {"targets": kind}, context)
        derive_from(item, [weather.item, *sources])
        return [item]

    def _item(
        self,
        features: geopandas.GeoDataFrame,
        daily: pd.DataFrame,
        inputs: Mapping[str, Any],
        context: JobContext,
    ) -> pystac.Item:
        store = self._services.store
        run = context.job.id if context.job is not None else uuid.uuid4().hex
        item_id = f"water-{inputs['targets']}-{run}"
        folder = f"{COLLECTION}/{item_id}"
        save_geojson(features, store=store, key=f"{folder}/features.geojson")
        save_table(daily, store=store, key=f"{folder}/daily.parquet")
        store.put(f"{folder}/series.json", json.dumps(_series(daily)).encode())
        days = TimeRange(
            start=as_instant(daily["date"].min().to_pydatetime()),
            end=as_instant(daily["date"].max().to_pydatetime()),
        )
        return feature_item(
            features,
            item_id=item_id,
            collection=COLLECTION,
            assets=data_assets(folder, FILES),
            time=days,
            title=f"Water availability of {len(features)} {inputs['targets']}",
            properties={
                "created": format_instant(datetime.now(UTC)),
                "ee:targets": inputs["targets"],
                "ee:soil": inputs.get("soil", "silt-loam"),
                "ee:irrigation": inputs.get("irrigation", "refill"),
                "ee:method": "FAO-56 dual crop coefficient, basal coefficient from leaf area (equation 97)",
                "ee:leaf_area": "network trained on simulated canopies"
                + ("; approximate surface reflectance" if inputs["targets"] == "parcels" else ""),
                "ee:means": {
                    name: plain_number(features[name].mean())
                    for name in ("et0_mm", "etc_mm", "eta_mm", "rain_mm", "irrigation_mm")
                },
            },
        )


def _balance(
    target: Target, weather: StationWeather, soil_name: str, strategy: str, *, yields: bool
) -> tuple[dict[str, Any], pd.DataFrame]:
    """One feature: its row of totals, and its table of days."""
    station = weather.nearest(target.lon, target.lat)
    lai = target.daily_lai(start=weather.first_day, end=weather.last_day)
    common: dict[str, Any] = {
        "latitude_deg": target.lat,
        "elevation_m": station.elevation_m,
        "soil": SOILS[soil_name],
    }
    balances = {
        name: weather.in_frame(
            water_balance(
                station.climate, lai, crop=target.crop_water, irrigation=irrigation, **common
            )
        )
        for name, irrigation in STRATEGIES.items()
    }
    chosen, rainfed = balances[strategy], season_totals(balances["rainfed"])
    totals = season_totals(chosen)
    row: dict[str, Any] = {
        "feature_id": target.feature_id,
        "name": target.name,
        "crop": target.crop,
        **totals,
        "rainfed_eta_mm": rainfed["eta_mm"],
        "rainfed_stress_days": rainfed["stress_days"],
        "station": station.name,
        "colour": _colour(totals["irrigation_mm"]),
        "geometry": target.geometry,
    }
    if yields:
        row |= target.yields(station, lai, et0_mm=station.et0_mm, **common)
    table = chosen.copy()
    table.insert(0, "feature_id", target.feature_id)
    return row, table


def _colour(irrigation_mm: float) -> str:
    return next(colour for limit, colour in COLOURS if limit is None or irrigation_mm <= limit)


def _series(daily: pd.DataFrame) -> dict[str, Any]:
    """Columns per feature as plain lists, for charts."""
    series: dict[str, Any] = {}
    for feature_id, table in daily.groupby("feature_id", sort=False):
        series[str(feature_id)] = {
            "dates": [f"{day:%Y-%m-%d}" for day in table["date"]],
            **{name: [plain_number(value) for value in table[name]] for name in SERIES},
        }
    return series
