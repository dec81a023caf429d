"""The training loop; imports torch at the top, so it is imported only where torch is there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from extremeearth.processing.datasets import CropDataset
from extremeearth.processing.learning._networks import CropNetwork, body_of
from extremeearth.processing.learning.networks import TrainingPlan

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
    series = torch.from_numpy(dataset.samples[rows])
    valid = torch.from_numpy(dataset.valid[rows]).float()
    labels = torch.from_numpy(dataset.labels[rows])
    members = int(parts.max()) + 1
    own = [torch.from_numpy(np.flatnonzero(parts != member)) for member in range(members)]
    features = CropNetwork.with_indices(series)[valid > 0]
    body = body_of(
        architecture, members=members, days=dataset.days.tolist(), bands=series.shape[-1], classes=len(dataset.classes)
    )  # fmt: skip
    network = CropNetwork(body, mean=features.mean(0), deviation=features.std(0) + 1e-6)
    counts = torch.bincount(labels, minlength=len(dataset.classes)).float()
    weight = counts.clamp(min=1.0) ** -plan.class_weight
    weight = weight / weight[labels].mean()
    optimiser = torch.optim.AdamW(network.parameters(), lr=plan.rate, weight_decay=plan.decay)
    steps = min(len(mine) for mine in own) // plan.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, plan.rate, total_steps=plan.epochs * steps
    )
    best = _Best(network, members)
    held_out = torch.from_numpy(parts)
    epoch = 0
    for epoch in range(1, plan.epochs + 1):
        network.train()
        orders = torch.stack(
            [mine[torch.randperm(len(mine))[: steps * plan.batch]] for mine in own]
        )
        for start in range(0, steps * plan.batch, plan.batch):
            batch = orders[:, start : start + plan.batch]
            loss = _loss(network, series[batch], valid[batch], labels[batch], weight, plan=plan)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
        if epoch % CHECK_EVERY == 0 or epoch == plan.epochs:
            logits = _held_out_logits(network, series, valid, held_out)
            entropy = functional.cross_entropy(logits, labels, weight=weight, reduction="none")
            best.look(epoch, torch.stack([entropy[held_out == m].mean() for m in range(members)]))
        advance(1)
        if epoch - best.latest >= plan.patience:
            break
    best.restore()
    network.eval()
    network.temperature.copy_(
        _temperature(_held_out_logits(network, series, valid, held_out), labels)
    )
    return network, epoch


def _loss(
    network: CropNetwork, series: Tensor, valid: Tensor, labels: Tensor, weight: Tensor, *, plan: TrainingPlan
) -> Tensor:  # fmt: skip
    """Weighted cross-entropy of augmented, mixed series [k, n, t, b] against soft labels."""
    members, count, dates, _ = series.shape
    series = (
        series
        * (1 + plan.scale * torch.randn(members, count, 1, 1))
        * (1 + plan.scale * torch.randn(members, count, dates, 1))
        * (1 + plan.noise * torch.randn_like(series))
    )
    valid = valid * (torch.rand_like(valid) >= plan.dropped_dates)
    features = network.features(series, valid)
    target = functional.one_hot(labels, len(weight)).float()
    target = target * (1 - plan.smoothing) + plan.smoothing / len(weight)
    importance = weight[labels]
    if plan.mixup > 0:
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


@torch.no_grad()
def _held_out_logits(
    network: CropNetwork, series: Tensor, valid: Tensor, held_out: Tensor
) -> Tensor:
    """Give for each parcel the logits [n, classes] of the one member that has not seen it."""
    network.eval()
    members = network.body.members
    logits = network.logits(
        series.expand(members, *series.shape), valid.expand(members, *valid.shape)
    )
    return logits[held_out, torch.arange(len(held_out))]


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
