"""Events 3 and 4: a training dataset with spatial folds; two models, scored on the same folds."""

from __future__ import annotations

import json
from typing import Any

import geopandas as gpd
import numpy as np

from extremeearth.app.demo.food_security.place import DemoPlace
from extremeearth.core.files import atomic_path, write_atomic
from extremeearth.core.progress import Progress, Task
from extremeearth.processing.datasets import (
    DATASETS,
    OTHER_HCAT,
    CropDataset,
    load_dataset,
    make_crop_dataset,
    save_dataset,
)
from extremeearth.processing.learning import (
    Evaluation,
    compare,
    cross_validate,
    export_onnx,
    network_learner,
    random_forest,
    train_network,
)
from extremeearth.processing.models import crop_model_card

__all__ = ["MODEL", "make_dataset", "train_and_register"]

DATASET, MODEL = "freising-crops", "crop-type"
CREDIT = (
    "Declared parcels and field means of Sentinel-2 L1C bands: WorldCrops (MIT). "
    "Contains modified Copernicus Sentinel data 2018."
)
FOLDS, BLOCK_M, MIN_PARCELS, SEED = 5, 500.0, 10, 2018


def make_dataset(place: DemoPlace, progress: Progress) -> dict[str, Any]:
    """Join parcels with their series; group crops, attach HCAT codes, make spatial folds."""
    archive = place.archive
    with Task(progress, "3 training dataset", total=2) as task:
        dataset = make_crop_dataset(
            archive.parcels, archive.parcel_series, archive.national_crops,
            min_parcels=MIN_PARCELS, folds=FOLDS, block_m=BLOCK_M, seed=SEED,
        )  # fmt: skip
        task.advance()
        save_dataset(dataset, store=place.platform.store, prefix=f"{DATASETS}/{DATASET}")
        source = place.platform.catalogue.get("parcel-series", "season", viewer=place.principal)
        item = dataset.item(item_id=DATASET, title="Crops of Freising", derived_from=[source])
        _add(place, item)
        task.advance()
    return {
        "samples": len(dataset),
        "dates": len(dataset.days),
        "bands": len(dataset.bands),
        "classes": dict(zip([c.name for c in dataset.classes], dataset.counts, strict=True)),
        "class_count": len(dataset.classes),
        "hcat_codes": len(set(dataset.hcat_codes) - {""}),
        "folds": FOLDS,
        "fold_sizes": np.bincount(dataset.folds).tolist(),
    }


def train_and_register(place: DemoPlace, progress: Progress) -> dict[str, Any]:
    """Score network and forest on the same folds, train the network on all, export and register it."""
    dataset = load_dataset(store=place.platform.store, prefix=f"{DATASETS}/{DATASET}")
    network = cross_validate(dataset, network_learner(), seed=SEED, progress=progress)
    forest = cross_validate(dataset, random_forest(), seed=SEED, progress=progress)
    model = train_network(dataset, seed=SEED, progress=progress)
    exported = export_onnx(model, samples=dataset.samples, valid=dataset.valid)
    _write_evaluation(place, network, forest)
    _write_predictions(place, dataset, network)
    with atomic_path(place.out / "model.onnx") as path:
        path.write_bytes(exported.onnx)
    source = place.platform.catalogue.get(DATASETS, DATASET, viewer=place.principal)
    project = place.principal.project_id
    assert project is not None
    version = place.platform.registry.register(
        MODEL,
        onnx=exported.onnx,
        card=crop_model_card(
            dataset, model, [network, forest], source=CREDIT, real=place.archive.real
        ),
        project_id=project,
        public=True,
        derived_from=source,
    )
    gain = compare(network, forest)
    return {
        "network": _scores(network),
        "random_forest": _scores(forest),
        "macro_f1_gain": round(gain.value, 4),
        "macro_f1_gain_95": [round(gain.low, 4), round(gain.high, 4)],
        "onnx_max_difference": float(exported.max_difference),
        "model": f"{MODEL}@{version.version}",
        "parameters": model.parameters,
    }


def _add(place: DemoPlace, item: Any) -> None:
    project = place.principal.project_id
    assert project is not None
    place.platform.catalogue.add([item], project_id=project, public=True)


def _scores(evaluation: Evaluation) -> dict[str, Any]:
    summary = evaluation.summary()
    return {
        name: summary[name]
        for name in (
            "learner",
            "overall_accuracy",
            "macro_f1",
            "macro_f1_95",
            "kappa",
            "calibration_error",
        )
    }


def _write_evaluation(place: DemoPlace, network: Evaluation, forest: Evaluation) -> None:
    document = {
        "network": network.learner,
        "classes": list(network.classes),
        "models": {
            e.learner: e.summary()
            | {
                "reliability": [
                    {"confidence": b.confidence, "accuracy": b.accuracy, "count": b.count}
                    for b in e.reliability
                ]
            }
            for e in (network, forest)
        },
    }
    write_atomic(place.out / "evaluation.json", json.dumps(document, indent=1))


def _write_predictions(place: DemoPlace, dataset: CropDataset, network: Evaluation) -> None:
    """Write what the network says of each parcel that it had not seen, beside what was declared."""
    parcels = place.archive.parcels.set_index("parcel_id").loc[dataset.parcel_ids].reset_index()
    classes = dataset.classes
    frame = gpd.GeoDataFrame(
        {
            "parcel_id": dataset.parcel_ids,
            "declared_code": parcels["crop_code"],
            "declared_name": parcels["crop_name_de"],
            "declared_hcat": [code or OTHER_HCAT for code in dataset.hcat_codes],
            "declared_class": [classes[i].name for i in dataset.labels],
            "declared_class_hcat": [classes[i].hcat_code for i in dataset.labels],
            "predicted_class": [classes[i].name for i in network.predicted],
            "predicted_class_hcat": [classes[i].hcat_code for i in network.predicted],
            "confidence": network.probabilities.max(axis=1),
            "fold": dataset.folds,
        },
        geometry=parcels.geometry.to_numpy(),
        crs=parcels.crs,
    )
    with atomic_path(place.out / "predictions.parquet") as path:
        frame.to_parquet(path)
