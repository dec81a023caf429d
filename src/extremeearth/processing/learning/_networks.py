"""The two temporal networks, each as a small ensemble whose members train side by side.

Every parameter has a leading axis of members (or, in convolutions and normalisations, members times channels), so
that one pass of grouped operations trains all of them: on small networks that is several times faster than one
after the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from extremeearth.processing.learning._indices import INDEX_PAIRS

__all__ = ["LTAE", "CropNetwork", "MemberLinear", "MemberNorm", "TempCNN"]

HIDDEN_FAR = -1e4


class MemberLinear(nn.Module):
    """A linear layer per member: [k, n, i] to [k, n, o]."""

    def __init__(self, members: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = 1.0 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(members, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(members, 1, outputs))

    def forward(self, values: Tensor) -> Tensor:
        """Apply each member's layer to its own rows."""
        return torch.matmul(values, self.weight) + self.bias


class MemberNorm(nn.Module):
    """Batch normalisation per member over the rows of [k, n, c]."""

    def __init__(self, members: int, channels: int) -> None:
        super().__init__()
        self.members, self.channels = members, channels
        self.norm = nn.BatchNorm1d(members * channels)

    def forward(self, values: Tensor) -> Tensor:
        """Normalise each channel of each member."""
        flat = values.permute(1, 0, 2).reshape(-1, self.members * self.channels)
        normed: Tensor = self.norm(flat)
        return normed.reshape(-1, self.members, self.channels).permute(1, 0, 2)


class TempCNN(nn.Module):
    """Temporal convolutional network (Pelletier et al. 2019, doi 10.3390/rs11050523), narrowed for few parcels.

    Three convolutions over time (kernel 5) with batch normalisation, ReLU and dropout, one dense layer, one output
    layer.
    """

    def __init__(
        self, *, members: int, channels: int, dates: int, classes: int, width: int = 32, dense: int = 64,
        dropout: float = 0.3,
    ) -> None:  # fmt: skip
        super().__init__()
        self.members, self.dropout = members, dropout
        sizes = (channels, width, width, width)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(members * a, members * b, 5, padding=2, groups=members)
            for a, b in pairwise(sizes)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(members * size) for size in sizes[1:])
        self.dense = MemberLinear(members, width * dates, dense)
        self.dense_norm = MemberNorm(members, dense)
        self.output = MemberLinear(members, dense, classes)

    def forward(self, values: Tensor, valid: Tensor) -> Tensor:
        """Give logits [k, n, classes] of features [k, n, t, c]; the mask is one of the features."""
        _, _, dates, channels = values.shape
        flow = values.permute(1, 0, 3, 2).reshape(-1, self.members * channels, dates)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            flow = functional.relu(norm(convolution(flow)))
            flow = functional.dropout(flow, self.dropout, self.training)
        flow = flow.reshape(-1, self.members, self.dense.weight.shape[1]).permute(1, 0, 2)
        flow = functional.relu(self.dense_norm(self.dense(flow)))
        logits: Tensor = self.output(functional.dropout(flow, self.dropout, self.training))
        return logits


class LTAE(nn.Module):
    """Lightweight temporal attention encoder (Garnot & Landrieu 2020, doi 10.1007/978-3-030-65742-0_12).

    Each date is embedded by two dense layers and gets a sinusoidal code of its day; each head has one learnt master
    query and attends over the clear dates with its own share of the channels.
    """

    day_code: Tensor

    def __init__(
        self, *, members: int, channels: int, days: Sequence[int], classes: int, width: int = 64, heads: int = 8,
        key: int = 8, dense: int = 64, dropout: float = 0.2,
    ) -> None:  # fmt: skip
        super().__init__()
        self.members, self.width, self.heads, self.key, self.dropout = (
            members, width, heads, key, dropout,
        )  # fmt: skip
        self.first = MemberLinear(members, channels, width)
        self.first_norm = MemberNorm(members, width)
        self.second = MemberLinear(members, width, width)
        self.second_norm = MemberNorm(members, width)
        self.keys = MemberLinear(members, width, heads * key)
        self.queries = nn.Parameter(torch.randn(members, 1, 1, heads, key) * 0.5)
        self.mix = MemberLinear(members, width, dense)
        self.mix_norm = MemberNorm(members, dense)
        self.output = MemberLinear(members, dense, classes)
        exponent = torch.arange(width // 2) * (2.0 / width)
        angle = torch.as_tensor(days, dtype=torch.float32)[:, None] / 1000.0 ** exponent[None, :]
        self.register_buffer("day_code", torch.cat([angle.sin(), angle.cos()], dim=1))

    def forward(self, values: Tensor, valid: Tensor) -> Tensor:
        """Give logits [k, n, classes] of features [k, n, t, c] and their mask [k, n, t]."""
        members, _, dates, channels = values.shape
        flow = values.reshape(members, -1, channels)
        flow = functional.relu(self.first_norm(self.first(flow)))
        flow = functional.relu(self.second_norm(self.second(flow)))
        flow = flow.reshape(members, -1, dates, self.width) + self.day_code
        keys = self.keys(flow.reshape(members, -1, self.width))
        keys = keys.reshape(members, -1, dates, self.heads, self.key)
        score = (keys * self.queries).sum(-1) / math.sqrt(self.key)
        score = score + (1.0 - valid[..., None]) * HIDDEN_FAR
        weight = functional.dropout(score.softmax(dim=2), self.dropout / 2, self.training)
        shares = flow.reshape(members, -1, dates, self.heads, self.width // self.heads)
        flow = (shares * weight[..., None]).sum(dim=2).reshape(members, -1, self.width)
        flow = functional.relu(self.mix_norm(self.mix(flow)))
        logits: Tensor = self.output(functional.dropout(flow, self.dropout, self.training))
        return logits


class CropNetwork(nn.Module):
    """The whole way from reflectance to probabilities: indices, normalisation, members, temperature, mean.

    Parameters
    ----------
    body
        :class:`TempCNN` or :class:`LTAE`.
    mean, deviation
        Of each feature (bands, then indices), from the training folds alone.
    """

    mean: Tensor
    deviation: Tensor
    temperature: Tensor

    def __init__(self, body: TempCNN | LTAE, *, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.body = body
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.register_buffer("temperature", torch.ones(()))

    @staticmethod
    def with_indices(series: Tensor) -> Tensor:
        """Put the normalised differences behind the bands of [..., b]."""
        indices = [
            (series[..., a] - series[..., b]) / (series[..., a] + series[..., b]).clamp(min=1e-4)
            for a, b in INDEX_PAIRS
        ]
        return torch.cat([series, torch.stack(indices, dim=-1).clamp(-1.0, 1.0)], dim=-1)

    def features(self, series: Tensor, valid: Tensor) -> Tensor:
        """Give normalised features, 0 where not valid, and the mask as the last of them."""
        normed = (self.with_indices(series) - self.mean) / self.deviation
        mask = valid[..., None]
        return torch.cat([normed.clamp(-10.0, 10.0) * mask, mask], dim=-1)

    def logits(self, series: Tensor, valid: Tensor) -> Tensor:
        """Give each member's logits [k, n, classes] of series [k, n, t, b]."""
        result: Tensor = self.body(self.features(series, valid), valid)
        return result

    def forward(self, series: Tensor, valid: Tensor) -> Tensor:
        """Give probabilities [n, classes] of series [n, t, b] and a bool mask [n, t]."""
        mask = valid.to(series.dtype)
        members = self.body.members
        wide = series.unsqueeze(0).expand(members, -1, -1, -1)
        logits = self.logits(wide, mask.unsqueeze(0).expand(members, -1, -1))
        return (logits / self.temperature).softmax(dim=-1).mean(dim=0)


def body_of(
    architecture: str, *, members: int, days: Sequence[int], bands: int, classes: int, **sizes: Any
) -> TempCNN | LTAE:
    """Build one of the two networks by its name."""
    channels = bands + len(INDEX_PAIRS) + 1
    if architecture == "tempcnn":
        return TempCNN(
            members=members, channels=channels, dates=len(days), classes=classes, **sizes
        )
    return LTAE(members=members, channels=channels, days=days, classes=classes, **sizes)
