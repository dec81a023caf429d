"""The processor `leaf-area-index`: Sentinel-2 series of fields to leaf area index."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pystac
import xarray as xr

from extremeearth.core.boxes import as_box
from extremeearth.core.errors import NoDataError
from extremeearth.core.progress import Task
from extremeearth.core.times import TimeRange, as_instant, as_time_range, format_instant
from extremeearth.data.products import cube_item, load_cube, save_cube, save_table
from extremeearth.processing.preprocessing import lai_curve, lai_network, retrieve_lai
from extremeearth.product.processors._results import (
    JSON,
    PARQUET,
    ResultFile,
    data_assets,
    derive_from,
    digest_of,
    owned_id,
)
from extremeearth.product.processors._season import (
    ITEMS_OUTPUT,
    PLACE_AND_TIME,
    PUBLIC,
    asset_key,
    find_items,
)
from extremeearth.product.processors.contract import InputDescription, ProcessDescription, Services

if TYPE_CHECKING:
    from extremeearth.processing.jobs import JobContext

__all__ = ["LeafAreaIndexProcessor"]

COLLECTION = "leaf-area-index"
CURVES = {
    "curve": ResultFile(name="curve.parquet", media_type=PARQUET),
    "curve-json": ResultFile(name="curve.json", media_type=JSON),
}


class LeafAreaIndexProcessor:
    """Retrieve leaf area index for each clear pixel and date of the image series in a region.

    Makes one item per field, in the collection `leaf-area-index`: assets `cube` (Zarr: `lai`, `flags`),
    `curve` (Parquet: one row per clear date) and `curve-json` (the same as JSON).

    Parameters
    ----------
    services
        Catalogue and object store.
    """

    description = ProcessDescription(
        id="leaf-area-index",
        version="1.0.0",
        title="Leaf area index",
        description="Leaf area index of each field's image series, by a network that was trained on "
        "simulated canopies; not validated against measured leaf area.",
        keywords=("Sentinel-2", "leaf area index", "vegetation", "fields"),
        inputs={
            **PLACE_AND_TIME,
            "min_clear_share": InputDescription(
                title="Least clear share",
                description="Share of a field that must be clear on a date for the date to stand in its curve.",
                schema={"type": "number", "minimum": 0, "maximum": 1, "default": 0.3},
                required=False,
            ),
            "public": PUBLIC,
        },
        outputs=ITEMS_OUTPUT,
    )

    def __init__(self, services: Services) -> None:
        self._services = services

    def run(self, inputs: Mapping[str, Any], context: JobContext) -> list[pystac.Item]:
        """Do the work for every field series in the box and time frame.

        Raises
        ------
        NoDataError
            No series, or none with an image in the time frame.
        CancelledError
            Somebody asked to stop.
        """
        box, frame = as_box(inputs["bbox"]), as_time_range(inputs["datetime"])
        sources = find_items(self._services, context, "field-series", box=box, time=frame)
        made: list[pystac.Item] = []
        with Task(context.progress, "leaf area index", total=len(sources)) as task:
            for source in sources:
                series = load_cube(store=self._services.store, prefix=asset_key(source, "cube"))
                inside = in_frame(series, frame)
                if inside.sizes["time"]:
                    made.append(self._retrieve(source, inside.load(), inputs, context))
                task.advance()
        if not made:
            raise NoDataError(
                f"None of the {len(sources)} series in the box has an image in {frame}.",
                hint="Widen the time frame.",
            )
        context.log(f"Leaf area index of {len(made)} fields.")
        return made

    def _retrieve(
        self,
        source: pystac.Item,
        series: xr.Dataset,
        inputs: Mapping[str, Any],
        context: JobContext,
    ) -> pystac.Item:
        store = self._services.store
        name = str(source.properties.get("ee:field") or series.attrs.get("field") or source.id)
        crop = str(source.properties.get("ee:crop", ""))
        lai = retrieve_lai(series)
        lai.attrs["field"] = name
        share = float(inputs.get("min_clear_share", 0.3))
        curve = lai_curve(lai, min_share=share)
        curve.insert(0, "field", name)
        curve.insert(1, "crop", crop)
        item_id = owned_id(str(source.id), context.principal)
        request = [source.id, str(inputs["datetime"]), share, dict(lai_network().provenance)]
        folder = f"{COLLECTION}/{item_id}/{digest_of(request)}"
        save_cube(lai, store=store, prefix=f"{folder}/cube")
        save_table(curve, store=store, key=f"{folder}/curve.parquet")
        store.put(f"{folder}/curve.json", json.dumps(curve_json(curve)).encode())
        item = cube_item(
            lai,
            item_id=item_id,
            collection=COLLECTION,
            prefix=f"{folder}/cube",
            title=f"Leaf area index, {name}",
            properties=_properties(name, crop, curve, lai),
        )
        for key, asset in data_assets(folder, CURVES).items():
            item.add_asset(key, asset)
        derive_from(item, [source])
        return item


def in_frame(series: xr.Dataset, frame: TimeRange) -> xr.Dataset:
    """Keep the dates of a cube that lie in a time frame.

    Examples
    --------
    >>> cube = xr.Dataset(coords={"time": pd.to_datetime(["2018-03-08", "2018-04-07"])})
    >>> in_frame(cube, as_time_range("2018-04-01/..")).sizes["time"]
    1
    """
    times = pd.DatetimeIndex(series["time"].values)
    kept = [frame.contains(as_instant(time.to_pydatetime(warn=False))) for time in times]
    return series.isel(time=np.flatnonzero(kept))


def curve_json(curve: pd.DataFrame) -> dict[str, Any]:
    """Write a field's curve as plain lists."""
    return {
        "dates": [f"{day:%Y-%m-%d}" for day in curve["date"]],
        **{
            name: [round(float(value), 4) for value in curve[name]]
            for name in ("lai", "lai_low", "lai_high", "clear_share", "doubtful_share")
        },
    }


def _properties(name: str, crop: str, curve: pd.DataFrame, lai: xr.Dataset) -> dict[str, Any]:
    provenance = lai_network().provenance
    properties: dict[str, Any] = {
        "created": format_instant(datetime.now(UTC)),
        "description": str(lai.attrs["comment"]),
        "ee:field": name,
        "ee:clear_dates": len(curve),
        "ee:lai_network": {
            key: provenance[key]
            for key in (
                "trained_on",
                "made_by",
                "seed",
                "canopies",
                "not_from",
                "licence",
                "sources",
            )
        },
    }
    if crop:
        properties["ee:crop"] = crop
    if len(curve):
        highest = curve.sort_values("lai").iloc[-1]
        properties["ee:lai_max"] = round(float(highest["lai"]), 3)
        properties["ee:lai_max_date"] = f"{highest['date']:%Y-%m-%d}"
    return properties
