"""Scores of a classification: accuracy, macro-F1 with an interval, kappa, confusion, calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extremeearth.core.errors import InputError

__all__ = [
    "Interval",
    "ReliabilityBin",
    "calibration",
    "confusion_matrix",
    "kappa",
    "macro_f1",
    "macro_f1_difference",
    "macro_f1_interval",
    "per_class_f1",
]

RESAMPLES = 4000
BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A 95 % interval around an estimate.

    Examples
    --------
    >>> Interval(value=0.8, low=0.7, high=0.9).low
    0.7
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Parcels whose top probability lies in (`low`, `high`]: how sure the model was, how often it was right."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def confusion_matrix(truth: ArrayLike, predicted: ArrayLike, *, classes: int) -> NDArray[np.int64]:
    """Count parcels by declared class (row) and predicted class (column).

    Examples
    --------
    >>> confusion_matrix([0, 0, 1], [0, 1, 1], classes=2).tolist()
    [[1, 1], [0, 1]]
    """
    rows, columns = np.asarray(truth, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    if rows.shape != columns.shape or rows.size == 0:
        raise InputError(
            "Truth and prediction must be of the same, positive length.",
            hint=f"They have {rows.shape} and {columns.shape}.",
        )
    counts = np.bincount(rows * classes + columns, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def per_class_f1(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give the F1 score of each class of confusion matrices [..., k, k]; NaN where a class is in neither margin.

    Examples
    --------
    >>> per_class_f1(np.array([[1, 1], [0, 1]])).round(3).tolist()
    [0.667, 0.667]
    """
    counts = np.asarray(confusion, dtype=np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    margins = counts.sum(axis=-1) + counts.sum(axis=-2)
    scores = np.full(hits.shape, np.nan)
    np.divide(2 * hits, margins, out=scores, where=margins > 0)
    return scores


def macro_f1(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give the mean F1 over the classes that occur, of confusion matrices [..., k, k].

    Examples
    --------
    >>> float(macro_f1(np.array([[2, 0], [0, 3]])))
    1.0
    """
    scores = per_class_f1(confusion)
    known = np.isfinite(scores)
    mean: NDArray[np.float64] = np.where(known, scores, 0.0).sum(axis=-1) / known.sum(axis=-1)
    return mean


def kappa(confusion: NDArray[np.int64]) -> float:
    """Give Cohen's kappa: agreement beyond chance, 1 at best.

    Examples
    --------
    >>> round(kappa(np.array([[20, 5], [10, 15]])), 3)
    0.4
    """
    counts = np.asarray(confusion, dtype=np.float64)
    total = counts.sum()
    chance = float((counts.sum(axis=0) * counts.sum(axis=1)).sum() / total**2)
    return 1.0 if chance == 1.0 else float((np.trace(counts) / total - chance) / (1.0 - chance))


def macro_f1_interval(
    truth: ArrayLike, predicted: ArrayLike, *, classes: int, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:  # fmt: skip
    """Give macro-F1 with its 95 % percentile interval from resampling parcels with replacement.

    A resample of parcels is a multinomial draw of the cells of the confusion matrix, so it is drawn as that. The
    interval tells of chance among parcels like these, not of other regions or years.

    Examples
    --------
    >>> found = macro_f1_interval([0, 1] * 50, [0, 1] * 45 + [1, 0] * 5, classes=2)
    >>> found.value, found.low < 0.9 < found.high
    (0.9, True)
    """
    confusion = confusion_matrix(truth, predicted, classes=classes)
    total = int(confusion.sum())
    draws = np.random.default_rng(seed).multinomial(total, confusion.ravel() / total, resamples)
    low, high = np.quantile(macro_f1(draws.reshape(-1, classes, classes)), (0.025, 0.975))
    return Interval(value=float(macro_f1(confusion)), low=float(low), high=float(high))


def macro_f1_difference(
    truth: ArrayLike, ours: ArrayLike, theirs: ArrayLike, *, classes: int, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:  # fmt: skip
    """Give how much macro-F1 `ours` has over `theirs`, with a paired 95 % interval over the same parcels.

    Examples
    --------
    >>> found = macro_f1_difference([0, 1] * 50, [0, 1] * 50, [0, 1] * 40 + [1, 0] * 10, classes=2)
    >>> round(found.value, 2), found.low > 0
    (0.2, True)
    """
    rows, first, second = (np.asarray(v, dtype=np.int64) for v in (truth, ours, theirs))
    confusion_matrix(rows, first, classes=classes)
    confusion_matrix(rows, second, classes=classes)
    cells, counts = np.unique(np.stack([rows, first, second]), axis=1, return_counts=True)
    draws = np.random.default_rng(seed).multinomial(len(rows), counts / len(rows), resamples)

    def scores(weights: NDArray[np.int64], column: int) -> NDArray[np.float64]:
        tables = np.zeros((len(weights), classes, classes), dtype=np.int64)
        for cell in range(cells.shape[1]):
            tables[:, cells[0, cell], cells[column, cell]] += weights[:, cell]
        return macro_f1(tables)

    low, high = np.quantile(scores(draws, 1) - scores(draws, 2), (0.025, 0.975))
    whole = counts[None]
    value = float((scores(whole, 1) - scores(whole, 2))[0])
    return Interval(value=value, low=float(low), high=float(high))


def calibration(
    truth: ArrayLike, probabilities: NDArray[np.floating], *, bins: int = BINS
) -> tuple[float, tuple[ReliabilityBin, ...]]:
    """Give the expected calibration error and the reliability bins (Naeini et al. 2015; Guo et al. 2017).

    Parameters
    ----------
    truth
        int [n].
    probabilities
        float [n, k].
    bins
        Number of bins of equal width over the top probability.

    Examples
    --------
    >>> error, bins = calibration([0, 0, 0, 1], np.array([[0.75, 0.25]] * 4))
    >>> error, [(b.count, b.accuracy) for b in bins]
    (0.0, [(4, 0.75)])
    """
    labels = np.asarray(truth, dtype=np.int64)
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    slot = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    found = []
    for number in range(bins):
        inside = slot == number
        if inside.any():
            found.append(
                ReliabilityBin(
                    low=number / bins,
                    high=(number + 1) / bins,
                    count=int(inside.sum()),
                    confidence=float(confidence[inside].mean()),
                    accuracy=float(right[inside].mean()),
                )
            )
    error = sum(b.count * abs(b.confidence - b.accuracy) for b in found) / len(labels)
    return float(error), tuple(found)
