"""Crop-type maps: embedded and online are the same map, and bad requests get a clear answer."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import shapely
from fastapi import FastAPI
from tests.servers.asgi import listening

from extremeearth.core.errors import (
    InputError,
    KeyInvalidError,
    NoDataError,
    NotFoundError,
    UnavailableError,
)
from extremeearth.core.progress import EventProgress, ProgressEvent
from extremeearth.core.security import ANONYMOUS, Principal, Scope
from extremeearth.data.products import load_cog, load_table, simulate_field_archive
from extremeearth.infrastructure.objects import key_of
from extremeearth.processing.datasets import dataset_item, make_crop_dataset
from extremeearth.processing.jobs import JobContext
from extremeearth.processing.learning import TrainingPlan, export_onnx, train_network
from extremeearth.processing.models import ModelRegistry, crop_model_card
from extremeearth.processing.serving import serving_router
from extremeearth.product.processors import CropTypeProcessor

SEASON = "2018-02-01/2018-09-30"


class OneKey:
    def verify(self, secret: str) -> Principal:
        if secret != "k.infer":
            raise KeyInvalidError("The API key is not known.")
        return Principal(
            user_id="u", project_id="p", key_id="k", scopes=frozenset({Scope.SERVING_INFER})
        )


@pytest.fixture(scope="module")
def platform(
    make_season: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SimpleNamespace]:
    season = make_season(simulate_field_archive(seed=3), fields=1)
    a, registry = season.archive, ModelRegistry(season.catalogue, season.store)
    dataset = make_crop_dataset(a.parcels, a.parcel_series, a.national_crops)
    model = train_network(dataset, plan=TrainingPlan(epochs=8))
    card = crop_model_card(dataset, model, [], source=a.source, real=False)
    registry.register(
        "crop-type", onnx=export_onnx(model).onnx, card=card,
        project_id="p", derived_from=dataset_item(dataset, item_id="d", title="D"),
    )  # fmt: skip
    app = FastAPI()
    app.state.verifier = OneKey()
    app.include_router(serving_router(registry))
    with listening(app) as url:
        services = dataclasses.replace(season.services, registry=registry, serving_url=url)
        yield SimpleNamespace(
            season=season,
            services=services,
            dataset=dataset,
            workspace=tmp_path_factory.mktemp("work"),
        )


def run(
    platform: SimpleNamespace, *, services: Any = None, principal: Any = None, **inputs: Any
) -> Any:
    owner = Principal(user_id="u", project_id="p", key_id="k")
    context = JobContext(
        workspace=platform.workspace, principal=principal or owner, issue_key=lambda scopes: "k.infer",
        progress=inputs.pop("progress", None) or EventProgress(lambda _: None),
        write_log=inputs.pop("log", lambda _: None),
    )  # fmt: skip
    given = {
        "bbox": [float(v) for v in platform.season.archive.parcels.total_bounds],
        "datetime": SEASON,
    } | inputs
    (item,) = CropTypeProcessor(services or platform.services).run(given, context)
    return item


@pytest.fixture(scope="module")
def embedded(platform: SimpleNamespace) -> Any:
    return run(platform)


def load(platform: SimpleNamespace, item: Any) -> tuple[Any, Any, dict[str, Any]]:
    store = platform.season.store
    keys = {name: key_of(asset.href) for name, asset in item.assets.items()}
    assert all(key.startswith(f"crop-type-maps/{item.id}/") for key in keys.values())
    geojson = json.loads(store.get(keys["geojson"]))
    return (
        load_cog(store=store, key=keys["map"]),
        load_table(store=store, key=keys["features"]),
        geojson,
    )


def test_every_parcel_has_a_crop_and_the_map_shows_it(
    platform: SimpleNamespace, embedded: Any
) -> None:
    raster, features, geojson = load(platform, embedded)
    assert len(features) == 301
    assert len(geojson["features"]) == 301
    legend = {entry["value"]: entry for entry in embedded.properties["ee:legend"]}
    assert raster.dtype == np.uint8
    assert raster.odc.crs.epsg == 32632
    assert raster.odc.geobox.resolution.x == 10
    for row in features.itertuples():
        entry = legend[row.predicted_value]
        assert (row.predicted, row.predicted_hcat, row.colour) == (
            entry["name"],
            entry["hcat_code"],
            entry["colour"],
        )
    # in the middle of each parcel the map has the parcel's class
    local = features.to_crs(32632)
    inner = local[local.geometry.buffer(-15).area > 0]
    points = shapely.point_on_surface(inner.geometry.buffer(-15).to_numpy())
    x, y = shapely.get_x(points), shapely.get_y(points)
    left, top = raster.odc.geobox.boundingbox.left, raster.odc.geobox.boundingbox.top
    values = raster.values.reshape(raster.shape[-2:])[
        ((top - y) // 10).astype(int), ((x - left) // 10).astype(int)
    ]
    assert (values == inner["predicted_value"].to_numpy()).all()
    assert (raster.values == 0).any()


def test_the_model_has_learnt_something(platform: SimpleNamespace, embedded: Any) -> None:
    _, features, _ = load(platform, embedded)
    order = features.set_index("parcel_id").loc[platform.dataset.parcel_ids]
    declared = np.array([platform.dataset.classes[label].name for label in platform.dataset.labels])
    assert (order["predicted"].to_numpy() == declared).mean() > 0.6


def test_online_makes_the_same_map(platform: SimpleNamespace, embedded: Any) -> None:
    online = run(platform, inference="online")
    assert online.id != embedded.id
    assert online.properties["ee:inference"] == "online"
    ours, theirs = load(platform, embedded), load(platform, online)
    assert (ours[0].values == theirs[0].values).all()
    assert ours[0].odc.geobox == theirs[0].odc.geobox
    assert ours[1].equals(theirs[1])
    assert ours[2] == theirs[2]
    store = platform.season.store
    assert store.get(key_of(embedded.assets["map"].href)) == store.get(
        key_of(online.assets["map"].href)
    )


def test_provenance_and_conventions(platform: SimpleNamespace, embedded: Any) -> None:
    targets = {str(link.target) for link in embedded.links if link.rel == "derived_from"}
    assert {target.partition("/")[0] for target in targets} == {"stac:parcel-series", "stac:models"}
    assert embedded.properties["ee:model"] == "crop-type@1"
    _, _, geojson = load(platform, embedded)
    assert set(geojson["features"][0]["properties"]) >= {
        "parcel_id", "declared_code", "declared_name", "predicted", "predicted_hcat", "confidence", "colour",
    }  # fmt: skip
    assert platform.season.catalogue.add  # the caller adds the item, not the processor
    with pytest.raises(NotFoundError):
        platform.season.catalogue.get("crop-type-maps", embedded.id, viewer=ANONYMOUS)


def test_a_part_of_place_and_season(platform: SimpleNamespace, embedded: Any) -> None:
    west, south, east, north = platform.season.archive.parcels.total_bounds
    half = run(
        platform, bbox=[west, south, (west + east) / 2, north], datetime="2018-04-01/2018-06-30"
    )
    _, features, _ = load(platform, half)
    assert 0 < len(features) < 301
    assert features["clear_dates"].max() <= 6
    assert half.properties["start_datetime"] >= "2018-04-01"
    assert half.id != embedded.id


def test_the_same_request_writes_the_same_item(platform: SimpleNamespace, embedded: Any) -> None:
    again = run(platform)
    assert again.id == embedded.id
    ours, theirs = again.properties, embedded.properties
    assert ours | {"created": ""} == theirs | {"created": ""}


def test_progress_and_log_are_told(platform: SimpleNamespace) -> None:
    events, lines = list[ProgressEvent](), list[str]()
    run(platform, progress=EventProgress(events.append), log=lines.append)
    assert events[-1].finished
    assert any("301 parcels predicted by crop-type 1" in line for line in lines)


@pytest.mark.parametrize(
    ("inputs", "error", "words"),
    [
        ({"bbox": [0, 0, 1, 1]}, NoDataError, "no parcel-series in the box"),
        ({"datetime": "1999-01-01/1999-12-31"}, NoDataError, "parcel-series"),
        ({"datetime": "2018-02-28/2018-02-28"}, NoDataError, "clear observation"),
        ({"datetime": "2018-06-01/2018-06-02"}, NoDataError, "observation"),
        ({"model": "nothing"}, NotFoundError, "nothing"),
        ({"model": "crop-type@7"}, NotFoundError, "version 7"),
        ({"model": "../x"}, InputError, "name of a model"),
    ],
)
def test_requests_that_cannot_be_met(
    platform: SimpleNamespace, inputs: Any, error: Any, words: str
) -> None:
    with pytest.raises(error, match=words):
        run(platform, **inputs)


def test_online_without_a_server_is_told(platform: SimpleNamespace) -> None:
    services = dataclasses.replace(platform.services, serving_url=None)
    with pytest.raises(UnavailableError, match="no model server"):
        run(platform, services=services, inference="online")


def test_another_project_sees_no_model(platform: SimpleNamespace) -> None:
    with pytest.raises(NotFoundError):
        run(platform, principal=Principal(user_id="v", project_id="q", key_id="z"))


def test_workspace_stays_empty(platform: SimpleNamespace, embedded: Any) -> None:
    assert list(Path(platform.workspace).iterdir()) == []
