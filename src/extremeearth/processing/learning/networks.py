"""Training of a temporal network: an ensemble that checks each member on ground it has not seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.core.errors import InputError, MissingExtraError
from extremeearth.core.progress import SILENT, Progress, Task
from extremeearth.processing.datasets import CropDataset
from extremeearth.processing.learning.plans import Architecture, TrainingPlan

if TYPE_CHECKING:
    from extremeearth.processing.learning._networks import CropNetwork

__all__ = ["NetworkModel", "train_network"]

THREADS = 1
"""More than one only slows networks this small: threads wait for each other at every step."""
MIN_PARTS = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworkModel:
    """A trained network.

    Attributes
    ----------
    architecture
        ``"l-tae"`` or ``"tempcnn"``.
    network
        The torch module, in evaluation mode.
    days
        Days of the year of the dates it expects.
    bands
        Number of bands it expects.
    parameters
        Number of weights over all members.
    members
        Number of networks whose probabilities are averaged.
    epochs
        Epochs that were trained.
    temperature
        Divisor of the logits, fitted on the members' held-out parts (Guo et al. 2017, arXiv 1706.04599).
    """

    architecture: Architecture
    network: CropNetwork
    days: tuple[int, ...]
    bands: int
    parameters: int
    members: int
    epochs: int
    temperature: float

    def probabilities(
        self, samples: NDArray[np.float32], valid: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Give the class probabilities [n, k] of samples [n, t, b]."""
        import torch

        series = torch.from_numpy(np.ascontiguousarray(samples))
        mask = torch.from_numpy(np.ascontiguousarray(valid))
        with torch.inference_mode(), _threads(torch):
            array: NDArray[np.float32] = self.network(series, mask).numpy()
        return array


def train_network(
    dataset: CropDataset,
    rows: NDArray[np.int64] | None = None,
    *,
    architecture: Architecture = "l-tae",
    plan: TrainingPlan | None = None,
    seed: int = 0,
    progress: Progress = SILENT,
) -> NetworkModel:
    """Train an ensemble on the parcels `rows` (all of them by default).

    The training parcels fall into parts, their spatial folds. Each member leaves one part out and is stopped where
    its loss there is lowest, so every parcel teaches all members but one, and the logits on the left-out parts
    calibrate the temperature. Band statistics come from `rows` alone.

    Parameters
    ----------
    dataset
        Labelled series.
    rows
        Indices of the training parcels.
    architecture
        ``"l-tae"`` or ``"tempcnn"``.
    plan
        How to train.
    seed
        The same seed gives the same network on the same machine.
    progress
        Told of each epoch; cancelling raises `CancelledError`.

    Raises
    ------
    MissingExtraError
        torch is not installed.
    InputError
        Too few parcels, or an unknown architecture.

    Examples
    --------
    >>> from extremeearth.data.products import simulate_field_archive
    >>> from extremeearth.processing.datasets import make_crop_dataset
    >>> archive = simulate_field_archive()
    >>> dataset = make_crop_dataset(archive.parcels, archive.parcel_series, archive.national_crops)
    >>> model = train_network(dataset, plan=TrainingPlan(epochs=2))
    >>> probabilities = model.probabilities(dataset.samples, dataset.valid)
    >>> (
    ...     probabilities.shape == (301, len(dataset.classes)),
    ...     bool(abs(probabilities.sum(1) - 1).max() < 1e-5),
    ... )
    (True, True)
    """
    try:
        import torch
    except ModuleNotFoundError as err:
        raise MissingExtraError("learn") from err
    from extremeearth.processing.learning._training import fit

    if architecture not in ("l-tae", "tempcnn"):
        raise InputError(
            f"There is no architecture '{architecture}'.", hint="Choose 'l-tae' or 'tempcnn'."
        )
    used = np.arange(len(dataset)) if rows is None else np.asarray(rows, dtype=np.int64)
    chosen = plan or TrainingPlan()
    parts = _parts(dataset, used)
    smallest = min(int((parts != part).sum()) for part in np.unique(parts))
    if smallest < chosen.batch:
        raise InputError(
            f"{smallest} training parcels do not fill a batch of {chosen.batch}.",
            hint="Give more parcels or a smaller batch.",
        )
    with (
        torch.random.fork_rng(devices=[]),
        _threads(torch),
        Task(progress, f"train {architecture}", total=chosen.epochs) as task,
    ):
        torch.manual_seed(seed)
        network, epochs = fit(
            dataset, used, parts, architecture=architecture, plan=chosen, advance=task.advance
        )
    return NetworkModel(
        architecture=architecture, network=network, days=tuple(dataset.days.tolist()), bands=len(dataset.bands),
        parameters=sum(p.numel() for p in network.parameters()), members=network.body.members, epochs=epochs,
        temperature=float(network.temperature),
    )  # fmt: skip


def _parts(dataset: CropDataset, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Divide the training parcels by their folds, or by their blocks where the folds are too few."""
    folds = np.unique(dataset.folds[rows], return_inverse=True)[1]
    if folds.max() + 1 >= MIN_PARTS:
        return folds.astype(np.int64)
    blocks = np.unique(dataset.split.blocks[rows], return_inverse=True)[1]
    if blocks.max() + 1 < MIN_PARTS:
        raise InputError(
            "The training parcels lie in fewer than three blocks.",
            hint="Give more parcels or smaller blocks.",
        )
    return (blocks % (MIN_PARTS + 1)).astype(np.int64)


@contextmanager
def _threads(torch: Any) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(min(THREADS, before))
    try:
        yield
    finally:
        torch.set_num_threads(before)
