"""The small network that turns reflectance into leaf area index: plain numpy, weights in a JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.core.errors import DataBrokenError, InputError
from extremeearth.processing.preprocessing.simulation import INPUT_BANDS

__all__ = ["LaiEstimate", "LaiNetwork", "lai_network", "network_inputs"]

Floats = NDArray[np.float64]
FORMAT = "extremeearth-lai-network/1"
RANGE_TOLERANCE = 0.01
"""Reflectance by which an input may leave the simulated range, as in the toolbox algorithm."""


@dataclass(frozen=True, slots=True)
class LaiEstimate:
    """What the network says of each input row, all of shape (rows,)."""

    lai: Floats
    outside: NDArray[np.bool_]  # the spectrum is unlike all that were simulated
    clipped: NDArray[np.bool_]  # the raw output left the range that was learned


def network_inputs(
    reflectance: Floats,
    *,
    sun_zenith_deg: Floats | float,
    view_zenith_deg: Floats | float,
    relative_azimuth_deg: Floats | float,
) -> Floats:
    """Put reflectance (rows, 8) and the cosines of the three angles side by side: (rows, 11).

    Examples
    --------
    >>> inputs = network_inputs(
    ...     np.full((2, 8), 0.1), sun_zenith_deg=60.0, view_zenith_deg=0.0, relative_azimuth_deg=0.0
    ... )
    >>> inputs.shape, [round(float(cosine), 2) for cosine in inputs[0, 8:]]
    ((2, 11), [1.0, 0.5, 1.0])
    """
    rows = len(reflectance)
    angles = [
        np.broadcast_to(np.cos(np.deg2rad(np.asarray(angle, dtype=np.float64))), (rows,))
        for angle in (view_zenith_deg, sun_zenith_deg, relative_azimuth_deg)
    ]
    return np.column_stack([reflectance, *angles])


@dataclass(frozen=True, slots=True, kw_only=True)
class LaiNetwork:
    """Weights, the domain they were learned on, and where they come from.

    `centre` and `spread` scale the 11 inputs; `layers` are (weights, bias) with tanh between them;
    `low`, `high` bound the simulated reflectances, `precision` and `distance_limit` their cloud
    (squared Mahalanobis distance in scaled reflectance).
    """

    centre: Floats
    spread: Floats
    layers: tuple[tuple[Floats, Floats], ...]
    low: Floats
    high: Floats
    precision: Floats
    distance_limit: float
    lai_range: tuple[float, float]
    provenance: Mapping[str, Any]

    def estimate(self, inputs: Floats) -> LaiEstimate:
        """Estimate the leaf area index of each row of :func:`network_inputs`.

        Raises
        ------
        InputError
            The rows do not have 11 columns.

        Examples
        --------
        >>> soil = np.array([[0.10, 0.12, 0.14, 0.16, 0.17, 0.18, 0.24, 0.20]])
        >>> wheat = np.array([[0.05, 0.03, 0.08, 0.30, 0.42, 0.44, 0.18, 0.08]])
        >>> rows = network_inputs(
        ...     np.vstack([soil, wheat]),
        ...     sun_zenith_deg=30.0,
        ...     view_zenith_deg=5.0,
        ...     relative_azimuth_deg=90.0,
        ... )
        >>> bare, green = lai_network().estimate(rows).lai
        >>> bool(bare < 0.5 < 2.5 < green < 8)
        True
        """
        if inputs.ndim != 2 or inputs.shape[1] != len(self.centre):
            raise InputError(
                f"The network reads {len(self.centre)} columns, not an array of shape {inputs.shape}.",
                hint="Build the rows with network_inputs.",
            )
        scaled = (inputs - self.centre) / self.spread
        signal = scaled
        for index, (weights, bias) in enumerate(self.layers):
            signal = signal @ weights + bias
            if index < len(self.layers) - 1:
                signal = np.tanh(signal)
        raw = signal[:, 0]
        bands = len(self.low)
        spectrum = inputs[:, :bands]
        distance = np.einsum("ij,jk,ik->i", scaled[:, :bands], self.precision, scaled[:, :bands])
        outside = (
            (spectrum < self.low - RANGE_TOLERANCE) | (spectrum > self.high + RANGE_TOLERANCE)
        ).any(axis=1) | (distance > self.distance_limit)
        lai = np.clip(raw, *self.lai_range)
        return LaiEstimate(lai=lai, outside=outside, clipped=lai != raw)

    def to_json(self) -> str:
        """Write the network as text; numbers carry seven digits."""

        def plain(array: Floats) -> list[Any]:
            rounded: list[Any] = np.vectorize(lambda v: float(f"{v:.7g}"))(array).tolist()
            return rounded

        document = {
            "format": FORMAT,
            "provenance": dict(self.provenance),
            "bands": list(INPUT_BANDS),
            "lai_range": list(self.lai_range),
            "distance_limit": round(self.distance_limit, 4),
            **{
                name: plain(getattr(self, name))
                for name in ("centre", "spread", "low", "high", "precision")
            },
            "layers": [{"weights": plain(w), "bias": plain(b)} for w, b in self.layers],
        }
        return json.dumps(document, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> LaiNetwork:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        DataBrokenError
            The text is not such a network, or its parts do not fit together.
        """
        try:
            document = json.loads(text)
            if document["format"] != FORMAT or tuple(document["bands"]) != INPUT_BANDS:
                raise ValueError("another format or other bands")
            arrays = {
                name: np.array(document[name], dtype=np.float64)
                for name in ("centre", "spread", "low", "high", "precision")
            }
            layers = tuple(
                (
                    np.array(layer["weights"], dtype=np.float64),
                    np.array(layer["bias"], dtype=np.float64),
                )
                for layer in document["layers"]
            )
            network = cls(
                layers=layers,
                distance_limit=float(document["distance_limit"]),
                lai_range=(float(document["lai_range"][0]), float(document["lai_range"][1])),
                provenance=dict(document["provenance"]),
                **arrays,
            )
            network.estimate(np.zeros((1, len(INPUT_BANDS) + 3)))
        except (KeyError, TypeError, ValueError, IndexError, InputError) as err:
            raise DataBrokenError(
                f"This is no network for leaf area index: {err}.",
                hint="Train one with python -m extremeearth.processing.preprocessing.train_lai.",
            ) from err
        return network


@lru_cache(maxsize=1)
def lai_network() -> LaiNetwork:
    """Read the network that comes with the package.

    Examples
    --------
    >>> lai_network().provenance["trained_on"]
    'simulated canopies: PROSPECT-5 leaves, 4SAIL canopy'
    """
    text = (files(__package__) / "resources" / "lai_network.json").read_text(encoding="utf-8")
    return LaiNetwork.from_json(text)
