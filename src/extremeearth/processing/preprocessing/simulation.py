"""Simulated canopies as Sentinel-2 sees them, with the leaf area index known: what a network learns from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extremeearth.core.errors import InputError
from extremeearth.processing.preprocessing.canopy import canopy_reflectance
from extremeearth.processing.preprocessing.leaf import leaf_constants, leaf_optics

__all__ = ["INPUT_BANDS", "CanopySample", "simulate_canopies"]

Floats = NDArray[np.float64]
INPUT_BANDS = ("B03", "B04", "B05", "B06", "B07", "B8A", "B11", "B12")
"""Bands that the network reads, those of the toolbox algorithm (Weiss and Baret 2016, section 2.1)."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A bell curve cut at two ends; at leaf area index 10 the ends have moved to `dense`."""

    low: float
    high: float
    mode: float
    width: float
    dense: tuple[float, float] | None = None


# Ranges after Weiss and Baret (2016), table "distribution of the input variables"; leaf area index to 8
# (crops) instead of 15, chlorophyll down to 10 and more brown pigment so that ripe crops are inside.
SPREADS: Mapping[str, Spread] = {
    "lai": Spread(0.0, 8.0, 2.0, 3.0),
    "mean_leaf_angle_deg": Spread(30.0, 80.0, 60.0, 20.0, (50.0, 70.0)),
    "hot_spot": Spread(0.05, 0.5, 0.2, 0.3),
    "structure": Spread(1.2, 2.2, 1.5, 0.3, (1.3, 1.8)),
    "chlorophyll_ug_cm2": Spread(10.0, 90.0, 45.0, 30.0, (45.0, 90.0)),
    "carotenoid_share": Spread(0.15, 0.35, 0.22, 0.05),
    "dry_matter_g_cm2": Spread(0.003, 0.011, 0.005, 0.005, (0.004, 0.009)),
    "relative_water": Spread(0.6, 0.85, 0.75, 0.08, (0.7, 0.82)),
    "brown": Spread(0.0, 2.0, 0.0, 0.3, (0.0, 0.2)),
    "soil_dryness": Spread(0.0, 1.0, 0.4, 0.4),
    "soil_brightness": Spread(0.4, 1.4, 0.8, 0.4),
    "sun_zenith_deg": Spread(15.0, 75.0, 40.0, 20.0),
    "view_zenith_deg": Spread(0.0, 12.0, 5.0, 5.0),
    "relative_azimuth_deg": Spread(0.0, 180.0, 90.0, 500.0),
}
DENSE_LAI = 10.0
SOIL_TILT = 0.08  # standard deviation of the soil's own colour per band, relative
NOISE_RELATIVE, NOISE_ABSOLUTE = (
    0.02,
    0.01,
)  # each once common to all bands, once per band (ATBD, table 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class CanopySample:
    """What a satellite sees of `n` simulated canopies.

    `reflectance` has shape (n, 8) in the order of :data:`INPUT_BANDS` and carries measurement noise;
    `lai` in m2/m2 and the angles in degrees have shape (n,).
    """

    reflectance: Floats
    lai: Floats
    sun_zenith_deg: Floats
    view_zenith_deg: Floats
    relative_azimuth_deg: Floats


def _cut_bell(generator: np.random.Generator, spread: Spread, lai: Floats) -> Floats:
    """Draw from a bell curve, again where a draw falls outside, then narrow the range with leaf area."""
    values = generator.normal(spread.mode, spread.width, lai.shape)
    while (outside := (values < spread.low) | (values > spread.high)).any():
        values[outside] = generator.normal(spread.mode, spread.width, int(outside.sum()))
    if spread.dense is None:
        return values
    share = lai / DENSE_LAI
    low = spread.low + share * (spread.dense[0] - spread.low)
    high = spread.high + share * (spread.dense[1] - spread.high)
    narrowed: Floats = low + (values - spread.low) * (high - low) / (spread.high - spread.low)
    return narrowed


def simulate_canopies(count: int, *, seed: int, noise: bool = True) -> CanopySample:
    """Draw canopies at random and compute their reflectance in the Sentinel-2 bands.

    Leaves by PROSPECT-5, canopy by 4SAIL over soil between dry and wet; ranges, their narrowing with
    leaf area, and noise after the toolbox algorithm (Weiss and Baret 2016, S2ToolBox Level 2 products).

    Parameters
    ----------
    count
        Number of canopies.
    seed
        The same seed gives the same canopies.
    noise
        Whether to add measurement noise: 2 % and 0.01, each common to the bands and per band.

    Raises
    ------
    InputError
        `count` is below 1.

    Examples
    --------
    >>> sample = simulate_canopies(100, seed=1)
    >>> sample.reflectance.shape, bool(sample.lai.max() <= 8)
    ((100, 8), True)
    """
    if count < 1:
        raise InputError(f"{count} canopies cannot be simulated.", hint="Ask for at least one.")
    generator = np.random.default_rng(seed)
    lai = _cut_bell(generator, SPREADS["lai"], np.zeros(count))
    drawn = {
        name: _cut_bell(generator, spread, lai) for name, spread in SPREADS.items() if name != "lai"
    }
    dry = drawn["dry_matter_g_cm2"]
    leaf_reflectance, leaf_transmittance = leaf_optics(
        structure=drawn["structure"],
        chlorophyll_ug_cm2=drawn["chlorophyll_ug_cm2"],
        carotenoids_ug_cm2=drawn["chlorophyll_ug_cm2"] * drawn["carotenoid_share"],
        brown=drawn["brown"],
        # Relative water is the share of water in fresh leaf mass; 1 g/cm2 of water is 1 cm.
        water_cm=dry * drawn["relative_water"] / (1 - drawn["relative_water"]),
        dry_matter_g_cm2=dry,
    )
    constants = leaf_constants()
    dryness, brightness = drawn["soil_dryness"][:, None], drawn["soil_brightness"][:, None]
    soil = brightness * (dryness * constants.soil_dry + (1 - dryness) * constants.soil_wet)
    soil = soil * (1 + generator.normal(0, SOIL_TILT, soil.shape))
    angles = {
        name: drawn[name] for name in ("sun_zenith_deg", "view_zenith_deg", "relative_azimuth_deg")
    }
    reflectance = canopy_reflectance(
        leaf_reflectance,
        leaf_transmittance,
        np.clip(soil, 0.005, 0.7),
        lai=lai,
        mean_leaf_angle_deg=drawn["mean_leaf_angle_deg"],
        hot_spot=drawn["hot_spot"],
        **angles,
    )
    if noise:
        reflectance = _with_noise(reflectance, generator)
    return CanopySample(reflectance=reflectance, lai=lai, **angles)


def _with_noise(reflectance: Floats, generator: np.random.Generator) -> Floats:
    rows, columns = reflectance.shape
    factor = 1 + generator.normal(0, NOISE_RELATIVE, (rows, 1))
    factor = factor + generator.normal(0, NOISE_RELATIVE, (rows, columns))
    offset = generator.normal(0, NOISE_ABSOLUTE, (rows, 1))
    offset = offset + generator.normal(0, NOISE_ABSOLUTE / 2, (rows, columns))
    return np.maximum(reflectance * factor + offset, 0.0005)
