"""A model version as a STAC item: the Machine Learning Model (MLM) extension, and back."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pystac

from extremeearth.core.times import format_instant
from extremeearth.infrastructure.objects import href_of
from extremeearth.processing.models.cards import ModelCard
from extremeearth.processing.models.predictors import DATATYPES, TensorSpec

__all__ = ["MODELS", "model_item", "models_collection", "project_mark"]

MODELS = "models"
"""Collection of model versions."""

MLM = "https://stac-extensions.github.io/mlm/v1.6.0/schema.json"
FILE = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
CLASSIFICATION = "https://stac-extensions.github.io/classification/v2.0.0/schema.json"
MARK_DIGITS = 8


def project_mark(project_id: str) -> str:
    """Give a short mark of a project for item names, so that two projects may use the same model name.

    Examples
    --------
    >>> project_mark("p1") == project_mark("p1") != project_mark("p2")
    True
    """
    return hashlib.sha256(project_id.encode()).hexdigest()[:MARK_DIGITS]


def models_collection() -> pystac.Collection:
    """Describe the collection of model versions.

    Examples
    --------
    >>> models_collection().id
    'models'
    """
    extent = pystac.Extent(
        pystac.SpatialExtent([[-180.0, -90.0, 180.0, 90.0]]), pystac.TemporalExtent([None, None])
    )
    return pystac.Collection(
        id=MODELS, description="Registered models: ONNX documents with their cards.", extent=extent,
        title="Models", license="other", stac_extensions=[MLM],
    )  # fmt: skip


def model_item(
    *,
    item_id: str,
    name: str,
    version: int,
    sha256: str,
    size: int,
    prefix: str,
    card: ModelCard,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    framework_version: str,
    source: pystac.Item,
    created: datetime,
) -> pystac.Item:
    """Describe a version: place and season of its training data, MLM properties, the document and its card."""
    properties: dict[str, Any] = {
        **_of_card(card),
        "title": f"{card.title}, version {version}",
        "created": format_instant(created),
        "version": str(version),
        "mlm:name": name,
        "mlm:framework": "ONNX",
        "mlm:framework_version": framework_version,
        "mlm:memory_size": size,
        "mlm:accelerator": None,
        "mlm:accelerator_constrained": False,
        "mlm:pretrained": True,
        "mlm:input": [_input(spec, card) for spec in inputs],
        "mlm:output": [_output(spec, card) for spec in outputs],
        "ee:version": version,
        "ee:sha256": sha256,
    }
    seen = source.properties
    item = pystac.Item(
        id=item_id, geometry=source.geometry, bbox=source.bbox, collection=MODELS, properties=properties,
        datetime=None if "start_datetime" in seen else source.datetime, stac_extensions=[MLM, FILE, CLASSIFICATION],
        start_datetime=source.common_metadata.start_datetime, end_datetime=source.common_metadata.end_datetime,
    )  # fmt: skip
    item.add_asset(
        "model",
        pystac.Asset(
            href=href_of(f"{prefix}/model.onnx"), media_type="application/octet-stream; framework=onnx",
            title=f"{name} {version}", roles=["mlm:model"],
            extra_fields={
                "mlm:artifact_type": "onnx", "mlm:compile_method": None, "file:size": size,
                "file:checksum": f"1220{sha256}",  # multihash: SHA2-256, 32 bytes
            },
        ),
    )  # fmt: skip
    item.add_asset(
        "card",
        pystac.Asset(
            href=href_of(f"{prefix}/card.json"), media_type="application/json", title="Model card", roles=["metadata"]
        ),
    )  # fmt: skip
    return item


def _of_card(card: ModelCard) -> dict[str, Any]:
    """Give the properties that the card alone decides."""
    properties: dict[str, Any] = {
        "description": card.intended_use,
        "license": card.licence,
        "mlm:architecture": card.architecture,
        "mlm:tasks": ["classification"],
        "ee:card": card.document(),
        "ee:days": list(card.days),
        "ee:classes": [
            {"name": c.name, "hcat_code": c.hcat_code, "hcat_name": c.hcat_name, "colour": c.colour}
            for c in card.classes
        ],
    }
    if card.parameters is not None:
        properties["mlm:total_parameters"] = card.parameters
    if card.hyperparameters:
        properties["mlm:hyperparameters"] = dict(card.hyperparameters)
    return properties


def _data_type(spec: TensorSpec) -> str:
    name = str(DATATYPES[spec.datatype].name)
    return "other" if name == "bool" else name  # MLM has no bool


def _axes(spec: TensorSpec) -> list[str]:
    return ["batch", "time", "bands"][: len(spec.shape)] + [
        f"axis{number}" for number in range(3, len(spec.shape))
    ]


def _input(spec: TensorSpec, card: ModelCard) -> dict[str, Any]:
    banded = bool(card.bands) and spec.shape[-1] == len(card.bands)
    return {
        "name": spec.name,
        "bands": list(card.bands) if banded else [],
        "input": {
            "shape": list(spec.shape), "dim_order": _axes(spec), "data_type": _data_type(spec)
        },
        "description": f"{spec.datatype}, one entry per day of the year in ee:days",
        "pre_processing_function": None,
    }  # fmt: skip


def _output(spec: TensorSpec, card: ModelCard) -> dict[str, Any]:
    axes = ["batch", "class"] if len(spec.shape) == 2 else _axes(spec)
    return {
        "name": spec.name,
        "tasks": ["classification"],
        "result": {"shape": list(spec.shape), "dim_order": axes, "data_type": _data_type(spec)},
        "classification:classes": [
            {"value": number, "name": _slug(crop.name), "description": crop.name, "color_hint": crop.colour[1:].upper()}
            for number, crop in enumerate(card.classes)
        ],
        "post_processing_function": None,
    }  # fmt: skip


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name.lower())
