"""How a network is trained: its architecture, and the numbers of its training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from extremeearth.core.errors import InputError

__all__ = ["Architecture", "TrainingPlan"]

Architecture = Literal["l-tae", "tempcnn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """How a network is trained.

    Attributes
    ----------
    epochs
        Most passes over the training parcels.
    patience
        Epochs without a lower loss on a member's own held-out part after which training ends.
    batch
        Parcels per step and member.
    rate, decay
        Peak learning rate (one-cycle schedule) and weight decay of AdamW.
    class_weight
        Exponent of the inverse class count in the loss: 0 none, 1 full balance.
    smoothing, mixup
        Label smoothing, and the parameter of mixup's beta distribution (0: none).
    noise, scale, dropped_dates
        Augmentation: relative noise per value, relative scale per parcel and per date, share of dates hidden.

    Examples
    --------
    >>> TrainingPlan(epochs=10).batch
    32
    """

    epochs: int = 60
    patience: int = 30
    batch: int = 32
    rate: float = 3e-3
    decay: float = 1e-2
    class_weight: float = 0.5
    smoothing: float = 0.1
    mixup: float = 0.4
    noise: float = 0.025
    scale: float = 0.05
    dropped_dates: float = 0.15

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 2 or self.patience < 1 or not self.rate > 0:
            raise InputError(
                "The training plan cannot be carried out.",
                hint="Give an epoch or more, batches of two or more and a positive rate.",
            )
