"""Scores against scikit-learn and against resampling written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, f1_score

from extremeearth.core.errors import InputError
from extremeearth.processing.learning import (
    calibration,
    confusion_matrix,
    kappa,
    macro_f1,
    macro_f1_difference,
    macro_f1_interval,
)

pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=80)


@settings(deadline=None)
@given(pairs)
def test_scores_equal_scikit_learns(found: list[tuple[int, int]]) -> None:
    truth, predicted = zip(*found, strict=True)
    confusion = confusion_matrix(truth, predicted, classes=5)
    labels = sorted({*truth, *predicted})
    expected = f1_score(truth, predicted, labels=labels, average="macro", zero_division=0)
    assert float(macro_f1(confusion)) == pytest.approx(expected)
    if len(labels) > 1:
        assert kappa(confusion) == pytest.approx(cohen_kappa_score(truth, predicted))


def test_intervals_equal_those_of_resampled_parcels() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, 200)
    ours = np.where(random.random(200) < 0.85, truth, random.integers(0, 3, 200))
    theirs = np.where(random.random(200) < 0.6, truth, random.integers(0, 3, 200))

    def score(rows: np.ndarray, predicted: np.ndarray) -> float:
        return float(macro_f1(confusion_matrix(truth[rows], predicted[rows], classes=3)))

    draws = [random.integers(0, 200, 200) for _ in range(3000)]
    single = np.quantile([score(d, ours) for d in draws], (0.025, 0.975))
    paired = np.quantile([score(d, ours) - score(d, theirs) for d in draws], (0.025, 0.975))
    found = macro_f1_interval(truth, ours, classes=3)
    assert (found.low, found.high) == pytest.approx(tuple(single), abs=0.012)
    found = macro_f1_difference(truth, ours, theirs, classes=3)
    assert (found.low, found.high) == pytest.approx(tuple(paired), abs=0.015)
    everything = np.arange(200)
    assert found.value == pytest.approx(score(everything, ours) - score(everything, theirs))


def test_calibration_error_of_an_overconfident_model() -> None:
    probabilities = np.array([[0.95, 0.05]] * 100)
    error, bins = calibration([0] * 60 + [1] * 40, probabilities)
    assert error == pytest.approx(0.35)
    assert [(b.low, b.high, b.count) for b in bins] == [(0.9, 1.0, 100)]


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(InputError):
        confusion_matrix([0, 1], [0], classes=2)
