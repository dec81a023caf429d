"""Reflectance and transmittance of a leaf in the Sentinel-2 bands: the plate model PROSPECT-5.

A leaf is a pile of `structure` plates that absorb and scatter; the equations are those of Jacquemoud
and Baret (1990, https://doi.org/10.1016/0034-4257(90)90100-Z), the absorbers those of Feret et al.
(2008, https://doi.org/10.1016/j.rse.2008.02.012).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from extremeearth.core.errors import MissingExtraError

__all__ = ["LeafConstants", "leaf_constants", "leaf_optics"]

Floats = NDArray[np.float64]
INCIDENCE_DEG = 40.0
"""Half-angle of the cone in which light meets the first plate (Jacquemoud and Baret 1990)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafConstants:
    """Means over each spectral band of what absorbs and reflects; arrays are one number per band.

    `chlorophyll`, `carotenoids` in cm2/ug, `brown` per arbitrary unit, `water` in 1/cm, `dry_matter`
    in cm2/g; `soil_dry` and `soil_wet` are reflectances of one bare soil in two states.
    """

    bands: tuple[str, ...]
    refraction: Floats
    chlorophyll: Floats
    carotenoids: Floats
    brown: Floats
    water: Floats
    dry_matter: Floats
    soil_dry: Floats
    soil_wet: Floats


@lru_cache(maxsize=1)
def leaf_constants() -> LeafConstants:
    """Read the table of constants that comes with the package; its header names the sources.

    Examples
    --------
    >>> leaf_constants().bands
    ('B03', 'B04', 'B05', 'B06', 'B07', 'B8A', 'B11', 'B12')
    """
    text = (files(__package__) / "resources" / "leaf_bands.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    names = lines[0].split(",")[3:]
    rows = [line.split(",") for line in lines[1:]]
    columns = np.array([[float(value) for value in row[3:]] for row in rows]).T
    return LeafConstants(
        bands=tuple(row[0] for row in rows), **dict(zip(names, columns, strict=True))
    )


def leaf_optics(
    *,
    structure: Floats,
    chlorophyll_ug_cm2: Floats,
    carotenoids_ug_cm2: Floats,
    brown: Floats,
    water_cm: Floats,
    dry_matter_g_cm2: Floats,
    constants: LeafConstants | None = None,
) -> tuple[Floats, Floats]:
    """Compute how much light leaves reflect and let through in each band.

    Parameters
    ----------
    structure
        Number of plates N of each leaf, at least 1; all inputs have shape (leaves,).
    chlorophyll_ug_cm2, carotenoids_ug_cm2, brown, water_cm, dry_matter_g_cm2
        Contents of each leaf; brown pigment in arbitrary units.
    constants
        Spectral constants; by default those of the package.

    Returns
    -------
    tuple of numpy.ndarray
        Reflectance and transmittance, each of shape (leaves, bands), 0 to 1.

    Raises
    ------
    MissingExtraError
        SciPy, which gives the exponential integral, is not installed.

    Examples
    --------
    >>> one = lambda value: np.array([value])
    >>> reflectance, transmittance = leaf_optics(
    ...     structure=one(1.5),
    ...     chlorophyll_ug_cm2=one(40.0),
    ...     carotenoids_ug_cm2=one(10.0),
    ...     brown=one(0.0),
    ...     water_cm=one(0.01),
    ...     dry_matter_g_cm2=one(0.009),
    ... )
    >>> dict(zip(leaf_constants().bands, reflectance[0].round(2).tolist()))["B04"]
    0.04
    >>> bool((reflectance + transmittance < 1).all())
    True
    """
    c = leaf_constants() if constants is None else constants
    n = structure[:, None]
    absorbed = (
        np.outer(chlorophyll_ug_cm2, c.chlorophyll)
        + np.outer(carotenoids_ug_cm2, c.carotenoids)
        + np.outer(brown, c.brown)
        + np.outer(water_cm, c.water)
        + np.outer(dry_matter_g_cm2, c.dry_matter)
    ) / n
    through = _plate_transmission(absorbed)
    # One plate: diffuse light on its inside, and the cone of light on the first one.
    cone = _interface_transmission(c.refraction, INCIDENCE_DEG)
    entering = _interface_transmission(c.refraction, 90.0)
    leaving = entering / c.refraction**2
    kept = 1 - leaving
    bounced = 1 - (kept * through) ** 2
    t = entering * leaving * through / bounced
    r = (1 - entering) + kept * through * t
    t_first = cone * leaving * through / bounced
    r_first = (1 - cone) + kept * through * t_first
    r_rest, t_rest = _pile(r, t, n - 1)
    between = 1 - r_rest * r
    return r_first + t_first * r_rest * t / between, t_first * t_rest / between


def _plate_transmission(absorbed: Floats) -> Floats:
    """Share of diffuse light that crosses a plate: (1 - k) exp(-k) + k^2 E1(k)."""
    try:
        from scipy import special  # type: ignore[import-untyped]  # SciPy ships no types
    except ImportError as err:
        raise MissingExtraError("learn") from err
    k = np.maximum(absorbed, 1e-12)
    share: Floats = (1 - k) * np.exp(-k) + k**2 * special.exp1(k)
    return share


def _interface_transmission(refraction: Floats, cone_deg: float) -> Floats:
    """Mean of Fresnel's transmission of unpolarised light over a cone, by Gauss-Legendre quadrature.

    Weighted by sin(2 angle), as light from all directions of the cone falls on a plane.
    """
    nodes, weights = np.polynomial.legendre.leggauss(64)
    half = np.deg2rad(cone_deg) / 2
    angle = (nodes + 1) * half
    n = refraction[:, None]
    cos_in = np.cos(angle)
    cos_out = np.sqrt(1 - (np.sin(angle) / n) ** 2)
    across = ((cos_in - n * cos_out) / (cos_in + n * cos_out)) ** 2
    along = ((cos_out - n * cos_in) / (cos_out + n * cos_in)) ** 2
    passed = 1 - (across + along) / 2
    weight = weights * np.sin(2 * angle)
    mean: Floats = (passed * weight).sum(axis=1) / weight.sum()
    return mean


def _pile(r: Floats, t: Floats, count: Floats) -> tuple[Floats, Floats]:
    """Reflectance and transmittance of `count` equal plates, a real number (Stokes 1862)."""
    root = np.sqrt(np.maximum((1 + r + t) * (1 + r - t) * (1 - r + t) * (1 - r - t), 1e-24))
    a = (1 + r**2 - t**2 + root) / (2 * r)
    b = (1 - r**2 + t**2 + root) / (2 * t)
    grown = b**count
    below = a**2 * grown**2 - 1
    return a * (grown**2 - 1) / below, grown * (a**2 - 1) / below
