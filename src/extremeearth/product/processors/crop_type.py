"""The processor `crop-type`: what grows on each parcel of a region, by a registered model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import geopandas
import numpy as np
import pandas as pd
import pystac
import shapely
from numpy.typing import NDArray

from extremeearth.core.boxes import Box, as_box, grid_over, local_crs
from extremeearth.core.errors import DataBrokenError, LimitError, NoDataError, UnavailableError
from extremeearth.core.progress import Task
from extremeearth.core.security import Scope
from extremeearth.core.times import TimeRange, as_instant, as_time_range, format_instant
from extremeearth.data.products import feature_item, load_table, save_cog, save_geojson, save_table
from extremeearth.processing.datasets import BANDS, align_series, series_arrays
from extremeearth.processing.models import ModelVersion, Predictor, parse_model_name
from extremeearth.product.processors._results import (
    GEOJSON,
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
    import xarray as xr

    from extremeearth.processing.jobs import JobContext

__all__ = ["CropTypeProcessor"]

COLLECTION, SOURCES = "crop-type-maps", "parcel-series"
PIXEL_M = 10.0
MOST_PIXELS = 200_000_000
MOST_CLASSES = 255
BATCH = 4096
TIFF = "image/tiff; application=geotiff; profile=cloud-optimized"
FILES = {
    "map": ResultFile(name="map.tif", media_type=TIFF, title="Class of each pixel"),
    "features": ResultFile(
        name="features.parquet", media_type=PARQUET, title="Class of each parcel"
    ),
    "geojson": ResultFile(
        name="features.geojson", media_type=GEOJSON, title="Class of each parcel"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Observed:
    """Parcels in the box with at least one clear observation on a date of the model."""

    parcels: Any
    samples: NDArray[np.float32]
    valid: NDArray[np.bool_]
    first: str
    last: str
    hidden: int


class CropTypeProcessor:
    """Predict the crop of each declared parcel in a box from its reflectance series in a time frame.

    Makes one item in the collection `crop-type-maps`: assets `map` (COG, 10 m in the region's UTM zone, class values
    with colours, 0 where no parcel is), `features` (GeoParquet) and `geojson`. The model runs in this process
    ("embedded") or is asked at the platform's model server ("online"); both make the same map.

    Parameters
    ----------
    services
        Catalogue, object store, model registry and the model server's address.
    """

    description = ProcessDescription(
        id="crop-type",
        version="1.0.0",
        title="Crop types",
        description="What grows on each parcel of a region, told by a registered model from the parcels' series of "
        "Sentinel-2 reflectance. The model's card says how good it is and where it ends.",
        keywords=("Sentinel-2", "crop type", "parcels", "classification"),
        inputs={
            **PLACE_AND_TIME,
            "model": InputDescription(
                title="Model",
                description="Registered model, as name or name@version; the newest version by default.",
                schema={
                    "type": "string",
                    "pattern": "^[a-z0-9][a-z0-9-]{0,47}(@[1-9][0-9]{0,6})?$",
                    "default": "crop-type",
                },
                required=False,
            ),
            "inference": InputDescription(
                title="Inference",
                description="Whether the model runs inside the processor or is asked at the model server.",
                schema={"type": "string", "enum": ["embedded", "online"], "default": "embedded"},
                required=False,
            ),
            "public": PUBLIC,
        },
        outputs=ITEMS_OUTPUT,
    )

    def __init__(self, services: Services) -> None:
        self._services = services

    def run(self, inputs: Mapping[str, Any], context: JobContext) -> list[pystac.Item]:
        """Predict every parcel and write the map.

        Raises
        ------
        NoDataError
            No parcel lies in the box, or none has a clear observation in the time frame.
        NotFoundError
            There is no such model.
        UnavailableError
            Online inference is asked for and the platform has no model server.
        CancelledError
            Somebody asked to stop.
        """
        box, frame = as_box(inputs["bbox"]), as_time_range(inputs["datetime"])
        inference = str(inputs.get("inference", "embedded"))
        name, number = parse_model_name(str(inputs.get("model", "crop-type")))
        version = self._services.registry.get(name, number, viewer=context.principal)
        _check_model(version)
        sources = find_items(self._services, context, SOURCES, box=box, time=frame)
        observed = self._observe(sources, version, box=box, frame=frame)
        if observed.hidden:
            context.log(f"{observed.hidden} parcels have no clear observation and are left out.")
        predictor = self._predictor(version, inference, context)
        probabilities = _predict(predictor, observed, context)
        features = _features(observed, probabilities, version)
        context.log(f"{len(features)} parcels predicted by {name} {version.version}, {inference}.")
        item = self._write(features, observed, version, box=box, inputs=inputs, context=context)
        derive_from(item, [*sources, version.item])
        return [item]

    def _predictor(self, version: ModelVersion, inference: str, context: JobContext) -> Predictor:
        from extremeearth.processing.serving import OnlineModel

        if inference == "embedded":
            return self._services.registry.open(version)
        if self._services.serving_url is None:
            raise UnavailableError(
                "This platform has no model server.", hint="Choose embedded inference."
            )
        key = context.api_key(Scope.SERVING_INFER)
        return OnlineModel(
            self._services.serving_url, version.name, version=version.version, key=key
        )

    def _observe(
        self, sources: list[pystac.Item], version: ModelVersion, *, box: Box, frame: TimeRange
    ) -> _Observed:
        """Read the parcels in the box and their observations in the time frame, on the model's dates."""
        store = self._services.store
        frames, series = [], []
        for source in sources:
            parcels = load_table(store=store, key=asset_key(source, "parcels"))
            inside = parcels[shapely.intersects(parcels.geometry.to_numpy(), box.polygon())]
            table = load_table(store=store, key=asset_key(source, "series"))
            table = table[table["parcel_id"].isin(inside["parcel_id"])]
            days = pd.to_datetime(table["date"])
            wanted = [day for day in days.unique() if frame.contains(as_instant(pd.Timestamp(day)))]
            frames.append(inside)
            series.append(table[days.isin(wanted)])
        found = pd.concat(frames, ignore_index=True).drop_duplicates("parcel_id")
        rows = pd.concat(series, ignore_index=True).drop_duplicates(["parcel_id", "date"])
        if found.empty:
            raise NoDataError("No parcel lies in the box.", hint="Choose a box over the parcels.")
        if rows.empty:
            raise NoDataError(
                f"No parcel in the box has an observation in {frame}.",
                hint="Widen the time frame.",
            )
        found = found.sort_values("parcel_id", ignore_index=True)
        samples, valid, dates = series_arrays(rows, found["parcel_id"].to_numpy(dtype=np.int64))
        samples, valid = align_series(samples, valid, dates=dates, days=version.days)
        seen = valid.any(axis=1)
        if not seen.any():
            raise NoDataError(
                f"No parcel in the box has a clear observation in {frame} near a date of the model.",
                hint=f"The model knows days {version.days[0]} to {version.days[-1]} of the year.",
            )
        kept = geopandas.GeoDataFrame(found[seen], crs=frames[0].crs).reset_index(drop=True)
        return _Observed(
            parcels=kept.to_crs(4326), samples=samples[seen], valid=valid[seen], first=str(dates[0]),
            last=str(dates[-1]), hidden=int((~seen).sum()),
        )  # fmt: skip

    def _write(
        self,
        features: Any,
        observed: _Observed,
        version: ModelVersion,
        *,
        box: Box,
        inputs: Mapping[str, Any],
        context: JobContext,
    ) -> pystac.Item:
        store, inference = self._services.store, str(inputs.get("inference", "embedded"))
        request = [list(box.bounds), str(inputs["datetime"]), version.sha256, inference]
        item_id = owned_id(f"crop-type-{digest_of(request)}", context.principal)
        folder = f"{COLLECTION}/{item_id}"
        raster, legend = _raster(features, box), _legend(version)
        colours = {entry["value"]: _rgb(entry["colour"]) for entry in legend}
        save_cog(raster, store=store, key=f"{folder}/map.tif", nodata=0, colours=colours)
        save_table(features, store=store, key=f"{folder}/features.parquet")
        save_geojson(features, store=store, key=f"{folder}/features.geojson")
        return feature_item(
            features,
            item_id=item_id,
            collection=COLLECTION,
            assets=data_assets(folder, FILES),
            time=as_time_range((observed.first, observed.last)),
            title=f"Crop types, {observed.first} to {observed.last}",
            properties={
                "created": format_instant(datetime.now(UTC)),
                "ee:legend": legend,
                "ee:model": f"{version.name}@{version.version}",
                "ee:model_sha256": version.sha256,
                "ee:inference": inference,
                "ee:parcels": len(features),
                "ee:parcels_not_seen": observed.hidden,
                "ee:mean_confidence": round(float(features["confidence"].mean()), 4),
                "proj:code": f"EPSG:{raster.odc.crs.epsg}",
            },
        )


def _legend(version: ModelVersion) -> list[dict[str, Any]]:
    return [
        {"value": n, "name": crop.name, "colour": crop.colour, "hcat_code": crop.hcat_code}
        for n, crop in enumerate(version.classes, start=1)
    ]


def _check_model(version: ModelVersion) -> None:
    if not version.days or not 0 < len(version.classes) <= MOST_CLASSES:
        raise DataBrokenError(
            f"The model {version.name} version {version.version} does not tell crops from series.",
            hint="Choose a model whose card names days and classes.",
        )


def _predict(predictor: Predictor, observed: _Observed, context: JobContext) -> NDArray[np.float32]:
    """Ask the model batch by batch; the batches are the same wherever it runs."""
    parts = []
    with Task(context.progress, "predict parcels", total=len(observed.samples)) as task:
        for start in range(0, len(observed.samples), BATCH):
            rows = slice(start, start + BATCH)
            series = observed.samples[rows]
            if series.shape[-1] != len(BANDS):
                raise DataBrokenError("The series lack bands.", hint="Ingest them again.")
            answer = predictor.predict({"series": series, "valid": observed.valid[rows]})
            parts.append(np.asarray(answer["probabilities"], dtype=np.float32))
            task.advance(len(series))
    return np.concatenate(parts)


def _features(
    observed: _Observed, probabilities: NDArray[np.float32], version: ModelVersion
) -> Any:
    classes = version.classes
    if probabilities.shape != (len(observed.parcels), len(classes)):
        raise DataBrokenError(
            f"The model gave probabilities of shape {list(probabilities.shape)}.",
            hint="Register a model whose classes are those of its card.",
        )
    best = probabilities.argmax(axis=1)
    parcels = observed.parcels
    return geopandas.GeoDataFrame(
        {
            "parcel_id": parcels["parcel_id"].to_numpy(dtype=np.int64),
            "declared_code": parcels["crop_code"].to_numpy(),
            "declared_name": parcels["crop_name_de"].to_numpy(),
            "predicted": [classes[number].name for number in best],
            "predicted_hcat": [classes[number].hcat_code for number in best],
            "predicted_value": (best + 1).astype(np.uint8),
            "confidence": probabilities.max(axis=1).astype(np.float64).round(6),
            "clear_dates": observed.valid.sum(axis=1).astype(np.int64),
            "colour": [classes[number].colour for number in best],
        },
        geometry=parcels.geometry.to_numpy(),
        crs=parcels.crs,
    )


def _raster(features: Any, box: Box) -> xr.DataArray:
    """Burn the classes into a grid of 10 m over that part of the box where parcels are."""
    import rasterio.features
    from odc.geo.xr import wrap_xr

    west, south, east, north = features.total_bounds
    part = shapely.intersection(box.polygon(), shapely.box(west, south, east, north))
    if not shapely.area(part) > 0:  # a parcel that only touches the box
        part = shapely.box(west, south, east, north)
    around = as_box(shapely.bounds(part))
    grid, crs = grid_over(around, resolution=PIXEL_M), local_crs(around)
    if grid.shape.y * grid.shape.x > MOST_PIXELS:
        raise LimitError(
            f"A map of {grid.shape.y} x {grid.shape.x} pixels is too large.",
            hint="Choose a smaller box.",
        )
    shapes = zip(features.to_crs(crs.epsg).geometry, features["predicted_value"], strict=True)
    burnt = rasterio.features.rasterize(
        shapes, out_shape=tuple(grid.shape), transform=grid.affine, fill=0, dtype="uint8"
    )
    raster: xr.DataArray = wrap_xr(burnt, grid)
    return raster


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return red, green, blue
