"""Train the network for leaf area index on simulated canopies: ``python -m ...train_lai -o FILE``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from extremeearth.core.errors import ExtremeEarthError, MissingExtraError
from extremeearth.core.files import write_atomic
from extremeearth.processing.preprocessing.network import LaiNetwork, network_inputs
from extremeearth.processing.preprocessing.simulation import (
    INPUT_BANDS,
    SPREADS,
    CanopySample,
    simulate_canopies,
)

__all__ = ["lai_scores", "main", "train_lai_network"]

Floats = NDArray[np.float64]
HELD_OUT_SEED = 1_000_003
SCORE_EDGES = (0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0)


def _rows(sample: CanopySample) -> Floats:
    return network_inputs(
        sample.reflectance,
        sun_zenith_deg=sample.sun_zenith_deg,
        view_zenith_deg=sample.view_zenith_deg,
        relative_azimuth_deg=sample.relative_azimuth_deg,
    )


def train_lai_network(
    *, seed: int = 0, canopies: int = 120_000, hidden: tuple[int, ...] = (32, 16), rounds: int = 150
) -> LaiNetwork:
    """Train a network of tanh layers by least squares on simulated canopies.

    Parameters
    ----------
    seed
        Steers the simulation and the training; the same seed gives the same network on one machine.
    canopies
        Number of canopies to simulate; one in ten is held back to stop in time.
    hidden
        Units of each hidden layer.
    rounds
        Most passes over the canopies.

    Raises
    ------
    MissingExtraError
        scikit-learn is not installed.

    Examples
    --------
    >>> network = train_lai_network(canopies=300, hidden=(4,), rounds=2)
    >>> [weights.shape for weights, bias in network.layers]
    [(11, 4), (4, 1)]
    """
    sample = simulate_canopies(canopies, seed=seed)
    rows = _rows(sample)
    centre, spread = rows.mean(axis=0), rows.std(axis=0)
    scaled = (rows - centre) / spread
    layers = _fitted(scaled, sample.lai, seed=seed, hidden=hidden, rounds=rounds)
    bands = len(INPUT_BANDS)
    precision = np.linalg.pinv(np.cov(scaled[:, :bands].T))
    distance = np.einsum("ij,jk,ik->i", scaled[:, :bands], precision, scaled[:, :bands])
    network = LaiNetwork(
        centre=centre,
        spread=spread,
        layers=layers,
        low=np.quantile(sample.reflectance, 0.0005, axis=0),
        high=np.quantile(sample.reflectance, 0.9995, axis=0),
        precision=precision,
        distance_limit=float(np.quantile(distance, 0.999)),
        lai_range=(SPREADS["lai"].low, SPREADS["lai"].high),
        provenance={},
    )
    provenance = {
        "title": "Leaf area index from Sentinel-2 surface reflectance",
        "trained_on": "simulated canopies: PROSPECT-5 leaves, 4SAIL canopy",
        "made_by": "extremeearth.processing.preprocessing.train_lai",
        "seed": seed,
        "canopies": canopies,
        "hidden": list(hidden),
        "held_out": lai_scores(network, simulate_canopies(20_000, seed=seed + HELD_OUT_SEED)),
        "not_from": "the coefficients of any other toolbox",
        "licence": "Apache-2.0",
        "sources": [
            "Jacquemoud and Baret 1990, doi:10.1016/0034-4257(90)90100-Z",
            "Feret et al. 2008, doi:10.1016/j.rse.2008.02.012",
            "Verhoef et al. 2007, doi:10.1109/TGRS.2007.895844",
            "Weiss and Baret 2016, S2ToolBox Level 2 products: LAI, FAPAR, FCOVER (ranges and noise)",
        ],
    }
    return replace(network, provenance=provenance)


def _fitted(
    rows: Floats, lai: Floats, *, seed: int, hidden: tuple[int, ...], rounds: int
) -> tuple[tuple[Floats, Floats], ...]:
    """Fit the layers, each its weights and its bias."""
    try:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPRegressor
    except ImportError as err:
        raise MissingExtraError("learn") from err
    import warnings

    machine = MLPRegressor(
        hidden_layer_sizes=hidden,
        activation="tanh",
        learning_rate_init=3e-3,
        batch_size=max(1, min(512, len(rows) // 2)),
        early_stopping=True,
        n_iter_no_change=12,
        max_iter=rounds,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # `rounds` is a bound the caller chose; reaching it is no fault.
        warnings.simplefilter("ignore", ConvergenceWarning)
        machine.fit(rows, lai)
    return tuple(zip(machine.coefs_, machine.intercepts_, strict=True))


def lai_scores(network: LaiNetwork, sample: CanopySample) -> dict[str, object]:
    """Compare a network with the known leaf area index of simulated canopies.

    Returns
    -------
    dict
        `canopies`, `rmse`, `bias` and `r2`, and the same of each class of leaf area index in `classes`.
    """

    def scores(estimated: Floats, true: Floats) -> dict[str, float | int]:
        error = estimated - true
        return {
            "canopies": len(true),
            "rmse": round(float(np.sqrt(np.mean(error**2))), 3),
            "bias": round(float(np.mean(error)), 3),
        }

    estimated = network.estimate(_rows(sample)).lai
    total: dict[str, object] = dict(scores(estimated, sample.lai))
    unexplained = np.sum((estimated - sample.lai) ** 2)
    total["r2"] = round(float(1 - unexplained / np.sum((sample.lai - sample.lai.mean()) ** 2)), 3)
    classes = {}
    for low, high in pairwise(SCORE_EDGES):
        inside = (sample.lai >= low) & (sample.lai < high)
        if inside.any():
            classes[f"{low:g}-{high:g}"] = scores(estimated[inside], sample.lai[inside])
    total["classes"] = classes
    return total


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, write the network as JSON, and print its scores; 0 if all went well, else 1."""
    parser = argparse.ArgumentParser(description="Train the network for leaf area index.")
    parser.add_argument("--seed", type=int, default=0, help="seed of simulation and training")
    parser.add_argument("--canopies", type=int, default=120_000, help="canopies to simulate")
    parser.add_argument("--rounds", type=int, default=150, help="most passes over the canopies")
    parser.add_argument("-o", "--output", type=Path, required=True, help="JSON file to write")
    options = parser.parse_args(arguments)
    try:
        network = train_lai_network(
            seed=options.seed, canopies=options.canopies, rounds=options.rounds
        )
        write_atomic(options.output, network.to_json())
    except ExtremeEarthError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(network.provenance["held_out"], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
