"""The training loop; imports torch at the top, so it is imported only where torch is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from extremeearth.processing.datasets import CropDataset
from extremeearth.processing.learning._networks import CropNetwork, body_of
from extremeearth.processing.learning.plans import TrainingPlan

__all__ = ["fit"]

CHECK_EVERY = 3
TEMPERATURES = torch.logspace(-0.6, 0.6, 49)


def fit(
    dataset: CropDataset,
    rows: NDArray[np.int64],
    parts: NDArray[np.int64],
    *,
    architecture: str,
    plan: TrainingPlan,
    advance: Callable[[float], None],
) -> tuple[CropNetwork, int]:
    """Train one member per part, each without its part; give the network and the epochs it took."""
    lessons = _Lessons.of(dataset, rows, parts, class_weight=plan.class_weight)
    network = _untrained(architecture, dataset, lessons)
    optimiser = torch.optim.AdamW(network.parameters(), lr=plan.rate, weight_decay=plan.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, plan.rate, total_steps=plan.epochs * lessons.steps(plan.batch)
    )
    best = _Best(network, lessons.members)
    epoch = 0
    for epoch in range(1, plan.epochs + 1):
        network.train()
        for batch in lessons.batches(plan.batch):
            loss = _loss(network, lessons, batch, plan=plan)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
        if epoch % CHECK_EVERY == 0 or epoch == plan.epochs:
            best.look(epoch, _held_out_losses(network, lessons))
        advance(1)
        if epoch - best.latest >= plan.patience:
            break
    best.restore()
    network.eval()
    network.temperature.copy_(_temperature(_held_out_logits(network, lessons), lessons.labels))
    return network, epoch


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Lessons:
    """The training parcels as tensors: series [n, t, b], mask [n, t], label and part [n], weight per class."""

    series: Tensor
    valid: Tensor
    labels: Tensor
    parts: Tensor
    weight: Tensor
    own: tuple[Tensor, ...]
    """For each member the parcels that it learns from: those outside its part."""

    @classmethod
    def of(
        cls, dataset: CropDataset, rows: NDArray[np.int64], parts: NDArray[np.int64], *, class_weight: float
    ) -> _Lessons:  # fmt: skip
        labels = torch.from_numpy(dataset.labels[rows])
        counts = torch.bincount(labels, minlength=len(dataset.classes)).float()
        weight = counts.clamp(min=1.0) ** -class_weight
        members = range(int(parts.max()) + 1)
        return cls(
            series=torch.from_numpy(dataset.samples[rows]),
            valid=torch.from_numpy(dataset.valid[rows]).float(),
            labels=labels,
            parts=torch.from_numpy(parts),
            weight=weight / weight[labels].mean(),
            own=tuple(torch.from_numpy(np.flatnonzero(parts != member)) for member in members),
        )

    @property
    def members(self) -> int:
        return len(self.own)

    def steps(self, batch: int) -> int:
        """Full batches in an epoch, the same number for every member."""
        return min(len(mine) for mine in self.own) // batch

    def batches(self, size: int) -> tuple[Tensor, ...]:
        """Draw the batches of an epoch: indices [members, size] of parcels."""
        drawn = self.steps(size) * size
        orders = torch.stack([mine[torch.randperm(len(mine))[:drawn]] for mine in self.own])
        return tuple(orders[:, start : start + size] for start in range(0, drawn, size))


def _untrained(architecture: str, dataset: CropDataset, lessons: _Lessons) -> CropNetwork:
    """Build the network, its inputs scaled by what the training parcels show."""
    body = body_of(
        architecture, members=lessons.members, days=dataset.days.tolist(), bands=lessons.series.shape[-1],
        classes=len(dataset.classes),
    )  # fmt: skip
    features = CropNetwork.with_indices(lessons.series)[lessons.valid > 0]
    return CropNetwork(body, mean=features.mean(0), deviation=features.std(0) + 1e-6)


def _loss(network: CropNetwork, lessons: _Lessons, batch: Tensor, *, plan: TrainingPlan) -> Tensor:
    """Weighted cross-entropy of a batch [k, n], augmented and mixed, against soft labels."""
    labels, classes = lessons.labels[batch], len(lessons.weight)
    series, valid = _augmented(lessons.series[batch], lessons.valid[batch], plan=plan)
    features = network.features(series, valid)
    target = functional.one_hot(labels, classes).float()
    target = target * (1 - plan.smoothing) + plan.smoothing / classes
    importance = lessons.weight[labels]
    if plan.mixup > 0:
        members, count = labels.shape
        share = torch.distributions.Beta(plan.mixup, plan.mixup).sample((members, count, 1))
        share = torch.maximum(share, 1 - share)
        other = torch.randperm(count)
        features = features * share[..., None] + features[:, other] * (1 - share[..., None])
        valid = torch.maximum(valid, valid[:, other])
        target = target * share + target[:, other] * (1 - share)
        importance = importance * share[..., 0] + importance[:, other] * (1 - share[..., 0])
    log_probability = network.body(features, valid).log_softmax(dim=-1)
    # the sum over members gives each the gradient it would have alone
    entropy = -(target * log_probability).sum(-1)
    total: Tensor = (entropy * importance).mean(dim=1).sum()
    return total


def _augmented(series: Tensor, valid: Tensor, *, plan: TrainingPlan) -> tuple[Tensor, Tensor]:
    """Scale each parcel and date of series [k, n, t, b] a little, add noise, and hide some dates."""
    members, count, dates, _ = series.shape
    series = (
        series
        * (1 + plan.scale * torch.randn(members, count, 1, 1))
        * (1 + plan.scale * torch.randn(members, count, dates, 1))
        * (1 + plan.noise * torch.randn_like(series))
    )
    return series, valid * (torch.rand_like(valid) >= plan.dropped_dates)


@torch.no_grad()
def _held_out_logits(network: CropNetwork, lessons: _Lessons) -> Tensor:
    """Give for each parcel the logits [n, classes] of the one member that has not seen it."""
    network.eval()
    members = lessons.members
    logits = network.logits(
        lessons.series.expand(members, *lessons.series.shape),
        lessons.valid.expand(members, *lessons.valid.shape),
    )
    return logits[lessons.parts, torch.arange(len(lessons.parts))]


def _held_out_losses(network: CropNetwork, lessons: _Lessons) -> Tensor:
    """Give each member's mean loss on the part that it has not seen."""
    logits = _held_out_logits(network, lessons)
    entropy = functional.cross_entropy(
        logits, lessons.labels, weight=lessons.weight, reduction="none"
    )
    members = range(lessons.members)
    return torch.stack([entropy[lessons.parts == member].mean() for member in members])


class _Best:
    """Keeps each member's weights of the epoch with the lowest loss on its part."""

    def __init__(self, network: CropNetwork, members: int) -> None:
        self.network, self.members, self.latest = network, members, 0
        self.loss = torch.full((members,), torch.inf)
        self.state = {name: value.clone() for name, value in self._tensors().items()}

    def _tensors(self) -> dict[str, Tensor]:
        fixed = {"mean", "deviation", "temperature", "body.day_code"}
        return {
            name: value
            for name, value in self.network.state_dict().items()
            if name not in fixed and not name.endswith("num_batches_tracked")
        }

    def look(self, epoch: int, loss: Tensor) -> None:
        better = loss < self.loss
        if not bool(better.any()):
            return
        self.latest = epoch
        self.loss = torch.minimum(loss, self.loss)
        for name, value in self._tensors().items():
            kept = self.state[name].reshape(self.members, -1)
            kept[better] = value.detach().reshape(self.members, -1)[better]

    def restore(self) -> None:
        self.network.load_state_dict(self.state, strict=False)


def _temperature(logits: Tensor, labels: Tensor) -> Tensor:
    losses = torch.stack([functional.cross_entropy(logits / t, labels) for t in TEMPERATURES])
    return TEMPERATURES[losses.argmin()]
