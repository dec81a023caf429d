"""What cross-validation trains: a network or a random forest, behind one small protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from extremeearth.core.errors import InputError, MissingExtraError
from extremeearth.core.progress import Progress, Task
from extremeearth.processing.datasets import CropDataset
from extremeearth.processing.learning._indices import INDEX_PAIRS
from extremeearth.processing.learning.networks import train_network
from extremeearth.processing.learning.plans import Architecture, TrainingPlan

__all__ = ["Learner", "ProbabilityModel", "network_learner", "random_forest"]


class ProbabilityModel(Protocol):
    """Something that was trained."""

    def probabilities(
        self, samples: NDArray[np.float32], valid: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Give the class probabilities [n, k] of samples [n, t, b] with their mask [n, t]."""


class Learner(Protocol):
    """A recipe for training."""

    @property
    def name(self) -> str:
        """Short name of the recipe."""

    def fit(
        self, dataset: CropDataset, rows: NDArray[np.int64], *, seed: int, progress: Progress
    ) -> ProbabilityModel:
        """Train on the parcels `rows` and on nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _NetworkLearner:
    name: str
    architecture: Architecture
    plan: TrainingPlan

    def fit(
        self, dataset: CropDataset, rows: NDArray[np.int64], *, seed: int, progress: Progress
    ) -> ProbabilityModel:
        return train_network(
            dataset, rows, architecture=self.architecture, plan=self.plan, seed=seed, progress=progress
        )  # fmt: skip


def network_learner(
    architecture: Architecture = "l-tae", *, plan: TrainingPlan | None = None
) -> Learner:
    """Learn with a temporal network; see `train_network`.

    Examples
    --------
    >>> network_learner("tempcnn").name
    'tempcnn'
    """
    return _NetworkLearner(
        name=architecture, architecture=architecture, plan=plan or TrainingPlan()
    )


@dataclass(frozen=True, slots=True)
class _Forest:
    model: Any
    classes: int

    def probabilities(
        self, samples: NDArray[np.float32], valid: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        found = np.zeros((len(samples), self.classes), dtype=np.float32)
        found[:, self.model.classes_] = self.model.predict_proba(_flat(samples))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _ForestLearner:
    trees: int
    threads: int
    name: str = field(default="random-forest", init=False)

    def fit(
        self, dataset: CropDataset, rows: NDArray[np.int64], *, seed: int, progress: Progress
    ) -> ProbabilityModel:
        try:
            from sklearn.ensemble import RandomForestClassifier
        except ModuleNotFoundError as err:
            raise MissingExtraError("learn") from err
        with Task(progress, "train random forest", total=1) as task:
            forest = RandomForestClassifier(self.trees, random_state=seed, n_jobs=self.threads)
            forest.fit(_flat(dataset.samples[rows]), dataset.labels[rows])
            task.advance()
        return _Forest(forest, len(dataset.classes))


def random_forest(*, trees: int = 500, threads: int = 2) -> Learner:
    """Learn with a random forest (Breiman 2001): the floor that a network must beat.

    It reads the same bands and indices of all dates as the network. Dates under cloud are left as observed, which
    served it better than masking or interpolating them.

    Examples
    --------
    >>> random_forest().name
    'random-forest'
    """
    if trees < 1 or threads < 1:
        raise InputError("A forest needs a tree and a thread.")
    return _ForestLearner(trees=trees, threads=threads)


def _flat(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    indices = [
        (samples[..., a] - samples[..., b]) / np.maximum(samples[..., a] + samples[..., b], 1e-4)
        for a, b in INDEX_PAIRS
    ]
    features = np.concatenate([samples, np.stack(indices, axis=-1)], axis=-1)
    return features.reshape(len(samples), -1)
