"""Events 6 and 7: processors over OGC API - Processes, with the model embedded and online."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio

from extremeearth.app.demo.food_security.place import DemoPlace
from extremeearth.client import Client
from extremeearth.core.files import write_atomic
from extremeearth.core.progress import Progress

__all__ = ["map_embedded", "map_online_and_water"]


def map_embedded(place: DemoPlace, client: Client, progress: Progress) -> dict[str, Any]:
    """Start `crop-type` for a box and a time frame, follow its progress, fetch what it made."""
    offered = [process["id"] for process in client.processes()]
    item = _run_crop_type(place, client, "embedded", progress)
    _fetch(
        client,
        item,
        {"map": place.out / "crop-map-embedded.tif", "features": place.out / "crop-map.parquet"},
    )
    write_atomic(place.out / "legend.json", json.dumps(item["properties"]["ee:legend"]))
    features = gpd.read_parquet(place.out / "crop-map.parquet")
    return {
        "processes": offered,
        "item": item["id"],
        "parcels": len(features),
        "by_crop": {str(name): int(n) for name, n in features["predicted"].value_counts().items()},
    }


def map_online_and_water(place: DemoPlace, client: Client, progress: Progress) -> dict[str, Any]:
    """Make the same map by the online model, compare the two, and compute the fields' water need."""
    item = _run_crop_type(place, client, "online", progress)
    online = {
        "map": place.out / "crop-map-online.tif",
        "features": place.out / "crop-map-online.parquet",
    }
    _fetch(client, item, online)
    maps_equal = _same_raster(place.out / "crop-map-embedded.tif", online["map"]) and _same_table(
        place.out / "crop-map.parquet", online["features"]
    )
    water = _water(place, client, progress)
    return {"ok": maps_equal, "maps_equal": maps_equal, "item": item["id"]} | water


def _run_crop_type(
    place: DemoPlace, client: Client, inference: str, progress: Progress
) -> dict[str, Any]:
    inputs = {
        "bbox": list(place.box.bounds),
        "datetime": str(place.parcel_season),
        "inference": inference,
        "public": True,
    }
    return _only_item(client.execute("crop-type", inputs).wait(progress=progress).items())


def _only_item(items: list[dict[str, Any]]) -> dict[str, Any]:
    assert len(items) == 1, "one run of this processor makes one item"
    return items[0]


def _fetch(client: Client, item: dict[str, Any], targets: dict[str, Path]) -> None:
    for name, target in targets.items():
        client.download(item["assets"][name]["href"], target)


def _same_raster(one: Path, other: Path) -> bool:
    with rasterio.open(one) as a, rasterio.open(other) as b:
        same_grid = (a.crs, a.transform, a.shape) == (b.crs, b.transform, b.shape)
        return bool(same_grid and np.array_equal(a.read(), b.read()))


def _same_table(one: Path, other: Path) -> bool:
    a, b = gpd.read_parquet(one), gpd.read_parquet(other)
    return bool(a.crs == b.crs and a.equals(b))


def _water(place: DemoPlace, client: Client, progress: Progress) -> dict[str, Any]:
    inputs = {
        "bbox": list(place.box.bounds),
        "datetime": str(place.season),
        "targets": "fields",
        "public": True,
    }
    item = _only_item(client.execute("water-availability", inputs).wait(progress=progress).items())
    _fetch(
        client,
        item,
        {
            "geojson": place.out / "water-fields.geojson",
            "table": place.out / "water-fields-daily.parquet",
        },
    )
    fields = gpd.read_file(place.out / "water-fields.geojson")
    fields.to_parquet(place.out / "water-fields.parquet")
    daily = pd.read_parquet(place.out / "water-fields-daily.parquet")
    return {
        "fields": len(fields),
        "days": int(daily["date"].nunique()),
        "et0_mm": round(float(fields["et0_mm"].mean()), 1),
        "etc_mm": round(float(fields["etc_mm"].mean()), 1),
        "rain_mm": round(float(fields["rain_mm"].mean()), 1),
        "irrigation_mm": round(float(fields["irrigation_mm"].mean()), 1),
    }
