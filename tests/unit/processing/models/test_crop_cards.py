"""Cards of crop models say what is known of data and scores, weak classes and simulation included."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from extremeearth.data.products import simulate_field_archive
from extremeearth.processing.datasets import make_crop_dataset
from extremeearth.processing.learning import evaluate
from extremeearth.processing.models import crop_model_card


def test_limits_come_from_the_data() -> None:
    a = simulate_field_archive()
    dataset = make_crop_dataset(a.parcels, a.parcel_series, a.national_crops)
    names = tuple(crop.name for crop in dataset.classes)
    always_first = np.zeros((len(dataset), len(names)), np.float32)
    always_first[:, 0] = 1.0
    scores = evaluate("l-tae", classes=names, labels=dataset.labels, probabilities=always_first)
    network = cast("Any", SimpleNamespace(
        architecture="l-tae", days=tuple(dataset.days.tolist()), parameters=5, members=4, epochs=3, temperature=0.5,
    ))  # fmt: skip
    card = crop_model_card(dataset, network, [scores], source="Here.", real=False)
    assert card.limits[0].startswith("Trained on simulated series")
    assert any("at least 10 m from those trained on" in limit for limit in card.limits)
    assert any("F1 below 0.7" in limit and f"{names[-1]} (0.00)" in limit for limit in card.limits)
    assert card.scores["l-tae"]["overall_accuracy"] == round(dataset.counts[0] / 301, 4)
    assert card.days == network.days
    assert "simulated" not in " ".join(
        crop_model_card(dataset, network, [scores], source="Here.").limits
    )
