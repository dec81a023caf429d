"""Event 2: series, parcels and weather become objects and items; leaf area index is retrieved."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import geopandas as gpd
import pandas as pd
import pystac

from extremeearth.app.demo.food_security.place import DemoPlace
from extremeearth.core.progress import Progress, Task
from extremeearth.core.times import TimeRange
from extremeearth.data.catalogue import ItemQuery, parse_cql2
from extremeearth.data.products import cube_item, feature_item, save_cube, save_table
from extremeearth.infrastructure.objects import href_of

__all__ = ["COLLECTIONS", "ingest", "slug"]

PARQUET = "application/vnd.apache.parquet"

COLLECTIONS = {
    "field-series": "Sentinel-2 L2A image series of the trial fields",
    "leaf-area-index": "Leaf area index of the trial fields",
    "parcel-series": "Declared parcels with their Sentinel-2 band series",
    "trial-fields": "Outlines of the trial fields",
    "farm-fields": "Outlines of the farm's fields",
    "weather": "Daily weather at the trial fields",
    "training-datasets": "Training datasets",
    "models": "Models",
    "crop-type-maps": "Crop-type maps",
    "water-availability": "Water balance and irrigation need of fields",
}
"""Title of each collection that the demo fills."""


def slug(name: str) -> str:
    """Make an item id of a field's name.

    Examples
    --------
    >>> slug("Viehhausen 11")
    'viehhausen-11'
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def ingest(place: DemoPlace, progress: Progress) -> dict[str, Any]:
    """Write every series, table and outline, catalogue them, and retrieve leaf area index."""
    declare_collections(place)
    project = place.principal.project_id
    assert project is not None
    catalogue = place.platform.catalogue
    with Task(progress, "2 ingest", total=len(place.archive.field_names) + 4) as task:
        for name in place.archive.field_names:
            catalogue.add([_field_item(place, name)], project_id=project, public=True)
            task.advance()
        for item in _table_items(place):
            catalogue.add([item], project_id=project, public=True)
            task.advance()
    frame = {"bbox": list(place.box.bounds), "datetime": str(place.season), "public": True}
    lai = place.run_here("leaf-area-index", frame, progress)
    return _found(place) | {
        "lai_cubes": len(lai),
        "clear_dates": sum(int(item.properties.get("ee:clear_dates", 0)) for item in lai),
    }


def declare_collections(place: DemoPlace) -> None:
    """Make the collections known; their extent is that of the demo."""
    extent = pystac.Extent(
        pystac.SpatialExtent([list(place.box.bounds)]),
        pystac.TemporalExtent([[place.parcel_season.start, None]]),
    )
    for collection_id, title in COLLECTIONS.items():
        place.platform.catalogue.add_collection(
            pystac.Collection(
                collection_id,
                f"{title}. Source: {place.archive.source}.",
                extent,
                title=title,
                license="other",
            )
        )


def _field_item(place: DemoPlace, name: str) -> pystac.Item:
    dataset = place.archive.field_series(name)
    prefix = f"field-series/{slug(name)}/cube.zarr"
    save_cube(dataset, store=place.platform.store, prefix=prefix)
    outline = place.archive.trial_fields.set_index("field")
    properties: dict[str, Any] = {
        "platform": "sentinel-2",
        "instruments": ["msi"],
        "eo:cloud_cover": round(100 * float(dataset["cloud"].mean()), 1),
        "ee:field": name,
    }
    if name in outline.index and pd.notna(outline.loc[name, "crop"]):
        properties["ee:crop"] = str(outline.loc[name, "crop"])
    return cube_item(
        dataset, item_id=slug(name), collection="field-series", prefix=prefix,
        title=f"Field {name}", properties=properties,
    )  # fmt: skip


def _table_items(place: DemoPlace) -> Iterable[pystac.Item]:
    archive, season = place.archive, place.season
    parcels = _item(
        place, "parcel-series", "season", archive.parcels,
        {"parcels": archive.parcels, "series": archive.parcel_series}, time=place.parcel_season,
        title=f"{len(archive.parcels)} declared parcels",
    )  # fmt: skip
    fields = _item(
        place, "trial-fields", "season", archive.trial_fields, {"features": archive.trial_fields},
        time=season, title=f"{len(archive.trial_fields)} trial fields",
    )  # fmt: skip
    farm = _item(
        place, "farm-fields", "season", archive.farm_fields, {"features": archive.farm_fields},
        time=season, title=f"{len(archive.farm_fields)} farm fields",
    )  # fmt: skip
    weather = _item(
        place, "weather", "season", archive.trial_fields, {"table": archive.weather}, time=season,
        title=f"Daily weather at {archive.weather['station'].nunique()} places",
    )  # fmt: skip
    return parcels, fields, farm, weather


def _item(
    place: DemoPlace,
    collection: str,
    item_id: str,
    outline: gpd.GeoDataFrame,
    tables: dict[str, pd.DataFrame],
    *,
    time: TimeRange,
    title: str,
) -> pystac.Item:
    assets = {}
    for name, table in tables.items():
        key = f"{collection}/{item_id}/{name}.parquet"
        save_table(table, store=place.platform.store, key=key)
        assets[name] = pystac.Asset(href_of(key), media_type=PARQUET, roles=["data"])
    properties = {"ee:rows": {name: len(table) for name, table in tables.items()}}
    return feature_item(
        outline, item_id=item_id, collection=collection, assets=assets, time=time, title=title,
        properties=properties,
    )  # fmt: skip


def _found(place: DemoPlace) -> dict[str, Any]:
    """Search the catalogue in the three ways that users do, as a check and for the table."""
    catalogue, viewer = place.platform.catalogue, place.principal

    def count(query: ItemQuery) -> int:
        return sum(1 for _ in catalogue.items(query, viewer=viewer))

    cubes = ("field-series",)
    return {
        "cubes": count(ItemQuery(collections=cubes)),
        "items_in_box": count(ItemQuery(box=place.box)),
        "items_in_season": count(ItemQuery(time=place.season)),
        "cubes_with_little_cloud": count(
            ItemQuery(collections=cubes, filter=parse_cql2("eo:cloud_cover < 10"))
        ),
        "parcels": len(place.archive.parcels),
        "weather_days": int(place.archive.weather["date"].nunique()),
        "source": place.archive.source,
    }
