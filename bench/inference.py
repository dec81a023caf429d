"""Inference: ONNX Runtime against torch eager, samples per second on one thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from bench.form import Benchmark, Case, Outcome, Skip
from extremeearth.data.products import simulate_field_archive
from extremeearth.processing.datasets import make_crop_dataset

SEED = 20_180_215
TOLERANCE = 1e-5


def cases(quick: bool) -> Iterator[Case]:
    """Each architecture, in one large batch and in batches of one."""
    try:
        import onnxruntime
        import torch
    except ModuleNotFoundError as err:
        raise Skip("torch or onnxruntime is not installed") from err
    from extremeearth.processing.learning import TrainingPlan, export_onnx, train_network
    from extremeearth.processing.models import EmbeddedModel

    del onnxruntime, torch
    archive = simulate_field_archive(seed=SEED)
    dataset = make_crop_dataset(archive.parcels, archive.parcel_series, archive.national_crops)
    rows = np.random.default_rng(SEED).integers(0, len(dataset), 512 if quick else 8192)
    for architecture in ("l-tae", "tempcnn"):
        model = train_network(dataset, architecture=architecture, plan=TrainingPlan(epochs=1))
        embedded = EmbeddedModel(export_onnx(model).onnx)
        for batch, count in ((len(rows), len(rows)), (1, 64 if quick else 1024)):
            series, valid = dataset.samples[rows[:count]], dataset.valid[rows[:count]]

            def onnx(series: Any, valid: Any, embedded: Any = embedded) -> Any:
                return embedded.predict({"series": series, "valid": valid})["probabilities"]

            yield Case(
                label=f"{architecture}, batches of {batch}",
                data=f"{count} series of 14 dates x 13 bands drawn from 301 simulated parcels, seed {SEED}; ensemble "
                f"of {model.members} members, {model.parameters} weights; one thread",
                rivals={
                    "ONNX Runtime": rival(onnx, series, valid, batch),
                    "torch eager": rival(model.probabilities, series, valid, batch),
                },
                ours="ONNX Runtime",
                check=same_answers,
                metric="samples_per_s",
                higher_is_better=True,
            )


def rival(
    predict: Callable[[Any, Any], Any], series: Any, valid: Any, batch: int
) -> Callable[[], Outcome]:
    """Make the function that predicts all series in batches and measures the rate."""

    def run() -> Outcome:
        start = time.perf_counter()
        parts = [
            predict(series[first : first + batch], valid[first : first + batch])
            for first in range(0, len(series), batch)
        ]
        seconds = time.perf_counter() - start
        return Outcome(
            answer=np.concatenate(parts), metrics={"samples_per_s": len(series) / seconds}
        )

    return run


def same_answers(answers: Mapping[str, Any]) -> None:
    """Stop where the two differ by more than the export allows."""
    first, second = answers.values()
    difference = float(np.abs(first - second).max())
    if not difference <= TOLERANCE:
        raise AssertionError(f"the answers differ by {difference:.2g}")


BENCHMARK = Benchmark(
    name="inference", title="Inference: ONNX Runtime against torch eager", cases=cases
)
