"""Cross-validation on spatial folds, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.core.errors import InputError
from extremeearth.core.progress import SILENT, Progress
from extremeearth.processing.datasets import CropDataset
from extremeearth.processing.learning.learners import Learner
from extremeearth.processing.learning.scores import (
    Interval,
    ReliabilityBin,
    calibration,
    confusion_matrix,
    kappa,
    macro_f1_difference,
    macro_f1_interval,
    per_class_f1,
)

__all__ = ["Evaluation", "compare", "cross_validate", "evaluate"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluation:
    """Scores of one learner, each parcel predicted by a model that never saw its fold.

    Attributes
    ----------
    learner
        Name of the learner.
    classes
        Names of the classes, in the order of every axis below.
    probabilities
        float32 [n, k], out of fold.
    labels, predicted
        int64 [n].
    overall_accuracy, macro_f1, kappa
        `macro_f1` with a 95 % bootstrap interval over parcels.
    f1
        F1 of each class; NaN where it is neither declared nor predicted.
    confusion
        int64 [k, k], declared by predicted.
    calibration_error, reliability
        Expected calibration error over ten bins, and the bins.
    """

    learner: str
    classes: tuple[str, ...]
    probabilities: NDArray[np.float32]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    overall_accuracy: float
    macro_f1: Interval
    kappa: float
    f1: tuple[float, ...]
    confusion: NDArray[np.int64]
    calibration_error: float
    reliability: tuple[ReliabilityBin, ...]

    def summary(self) -> dict[str, Any]:
        """Give the scores as plain numbers that JSON can hold."""
        return {
            "learner": self.learner,
            "parcels": len(self.labels),
            "overall_accuracy": round(self.overall_accuracy, 4),
            "macro_f1": round(self.macro_f1.value, 4),
            "macro_f1_95": [round(self.macro_f1.low, 4), round(self.macro_f1.high, 4)],
            "kappa": round(self.kappa, 4),
            "calibration_error": round(self.calibration_error, 4),
            "f1": {
                name: None if np.isnan(score) else round(score, 4)
                for name, score in zip(self.classes, self.f1, strict=True)
            },
            "confusion": self.confusion.tolist(),
        }


def evaluate(
    learner: str, *, classes: tuple[str, ...], labels: NDArray[np.int64], probabilities: NDArray[np.float32]
) -> Evaluation:  # fmt: skip
    """Score probabilities against declared classes.

    Examples
    --------
    >>> sure = np.array([[0.9, 0.1], [0.2, 0.8]], dtype=np.float32)
    >>> evaluate(
    ...     "x", classes=("a", "b"), labels=np.array([0, 1]), probabilities=sure
    ... ).overall_accuracy
    1.0
    """
    predicted = probabilities.argmax(axis=1).astype(np.int64)
    confusion = confusion_matrix(labels, predicted, classes=len(classes))
    error, bins = calibration(labels, probabilities)
    return Evaluation(
        learner=learner, classes=classes, probabilities=probabilities, labels=labels, predicted=predicted,
        overall_accuracy=float(np.trace(confusion) / confusion.sum()),
        macro_f1=macro_f1_interval(labels, predicted, classes=len(classes)), kappa=kappa(confusion),
        f1=tuple(per_class_f1(confusion).tolist()), confusion=confusion, calibration_error=error, reliability=bins,
    )  # fmt: skip


def cross_validate(
    dataset: CropDataset, learner: Learner, *, seed: int = 0, progress: Progress = SILENT
) -> Evaluation:
    """Train once per fold on the other folds without its neighbours, predict it, and score all parcels together.

    Parameters
    ----------
    seed
        Fold f trains with ``seed + f``.
    progress
        Told by the learner; cancelling raises `CancelledError`.

    Examples
    --------
    >>> from extremeearth.data.products import simulate_field_archive
    >>> from extremeearth.processing.datasets import make_crop_dataset
    >>> from extremeearth.processing.learning import random_forest
    >>> archive = simulate_field_archive()
    >>> dataset = make_crop_dataset(
    ...     archive.parcels, archive.parcel_series, archive.national_crops, folds=3
    ... )
    >>> cross_validate(dataset, random_forest(trees=20)).overall_accuracy > 0.5
    True
    """
    probabilities = np.zeros((len(dataset), len(dataset.classes)), dtype=np.float32)
    for fold in np.unique(dataset.folds):
        test = dataset.folds == fold
        train = dataset.training_rows(int(fold))
        model = learner.fit(dataset, train, seed=seed + int(fold), progress=progress)
        probabilities[test] = model.probabilities(dataset.samples[test], dataset.valid[test])
    names = tuple(crop.name for crop in dataset.classes)
    return evaluate(learner.name, classes=names, labels=dataset.labels, probabilities=probabilities)


def compare(ours: Evaluation, theirs: Evaluation) -> Interval:
    """Give the difference of macro-F1 (ours minus theirs) with its paired 95 % interval.

    Raises
    ------
    InputError
        The two were not scored on the same parcels.

    Examples
    --------
    >>> labels = np.array([0, 1] * 20)
    >>> right = np.eye(2, dtype=np.float32)[labels]
    >>> ours = evaluate("a", classes=("x", "y"), labels=labels, probabilities=right)
    >>> theirs = evaluate("b", classes=("x", "y"), labels=labels, probabilities=right[::-1])
    >>> compare(ours, theirs).value
    1.0
    """
    if ours.classes != theirs.classes or not np.array_equal(ours.labels, theirs.labels):
        raise InputError("The two evaluations are of different parcels.", hint="Use one dataset.")
    return macro_f1_difference(
        ours.labels, ours.predicted, theirs.predicted, classes=len(ours.classes)
    )
