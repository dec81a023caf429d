"""Temporal networks against a random forest: macro-F1 on the same spatial folds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from bench._crops import RECIPE, real_dataset
from bench.form import Benchmark, Case, Outcome, Skip
from extremeearth.processing.datasets import CropDataset

SEEDS = 5


def cases(quick: bool) -> Iterator[Case]:
    """Cross-validate each learner with the same seeds; the score of a learner is the mean over them."""
    try:
        import sklearn
        import torch
    except ModuleNotFoundError as err:
        raise Skip("torch or scikit-learn is not installed") from err
    from extremeearth.processing.learning import TrainingPlan, network_learner, random_forest

    del sklearn, torch
    dataset = real_dataset()
    seeds = [100 * number for number in range(1 if quick else SEEDS)]
    plan = TrainingPlan(epochs=6) if quick else TrainingPlan()
    forest = random_forest(trees=50 if quick else 500)
    learners = {
        "L-TAE": network_learner("l-tae", plan=plan),
        "TempCNN": network_learner("tempcnn", plan=plan),
        "random forest": forest,
    }
    scored = Scored(dataset, seeds)
    yield Case(
        label="crop type, 9 classes",
        data=f"{RECIPE}; mean of {len(seeds)} seeds",
        rivals={name: rival(scored, learner, forest) for name, learner in learners.items()},
        ours="L-TAE",
        check=same_parcels,
        metric="macro_f1",
        higher_is_better=True,
        rounds=1,
        warm_up=False,
    )


class Scored:
    """Cross-validations by learner, each done once."""

    def __init__(self, dataset: CropDataset, seeds: list[int]) -> None:
        self.dataset, self.seeds = dataset, seeds
        self.found: dict[str, list[Any]] = {}

    def by(self, learner: Any) -> list[Any]:
        """Give the evaluations of a learner, one per seed."""
        from extremeearth.processing.learning import cross_validate

        if learner.name not in self.found:
            self.found[learner.name] = [
                cross_validate(self.dataset, learner, seed=seed) for seed in self.seeds
            ]
        return self.found[learner.name]


def rival(scored: Scored, learner: Any, forest: Any) -> Callable[[], Outcome]:
    """Make the function that cross-validates one learner with all seeds and compares it with the forest."""

    def run() -> Outcome:
        from extremeearth.processing.learning import compare

        found = scored.by(learner)
        # paired over parcels, seed by seed; the means of the estimates and of their bounds
        gaps = [compare(ours, floor) for ours, floor in zip(found, scored.by(forest), strict=True)]
        metrics = {
            "macro_f1": np.mean([e.macro_f1.value for e in found]),
            "macro_f1_std": np.std([e.macro_f1.value for e in found]),
            "macro_f1_low": np.mean([e.macro_f1.low for e in found]),
            "macro_f1_high": np.mean([e.macro_f1.high for e in found]),
            "overall_accuracy": np.mean([e.overall_accuracy for e in found]),
            "kappa": np.mean([e.kappa for e in found]),
            "calibration_error": np.mean([e.calibration_error for e in found]),
            "over_forest": np.mean([gap.value for gap in gaps]),
            "over_forest_low": np.mean([gap.low for gap in gaps]),
            "over_forest_high": np.mean([gap.high for gap in gaps]),
        }
        return Outcome(
            answer=found[0].labels.tolist(), metrics={k: float(v) for k, v in metrics.items()}
        )

    return run


def same_parcels(answers: Mapping[str, Any]) -> None:
    """Stop where the learners were scored on different parcels."""
    first, *others = answers.values()
    if any(other != first for other in others):
        raise AssertionError("the learners were scored on different parcels")


BENCHMARK = Benchmark(
    name="network_vs_forest", title="Crop type: temporal networks against a random forest", cases=cases
)  # fmt: skip
