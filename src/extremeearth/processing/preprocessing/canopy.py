"""Reflectance of a canopy of leaves over soil: the four-stream model 4SAIL with the hot spot.

Light runs in four streams through a flat layer of leaves: direct sun, diffuse down, diffuse up, and
towards the satellite. Coefficients after Verhoef (1984, https://doi.org/10.1016/0034-4257(84)90057-9),
solution after Verhoef et al. (2007, https://doi.org/10.1109/TGRS.2007.895844), hot spot after Kuusk
(1985) in the form of the 2007 paper, leaf angles after Campbell (1990,
https://doi.org/10.1016/0168-1923(90)90030-A).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["canopy_reflectance", "leaf_angle_shares"]

Floats = NDArray[np.float64]
ANGLE_CLASSES = 18
HOT_SPOT_NODES = 32


def leaf_angle_shares(mean_angle_deg: Floats) -> tuple[Floats, Floats]:
    """Share of leaves in each of 18 classes of inclination, of an ellipsoidal distribution.

    Parameters
    ----------
    mean_angle_deg
        Mean inclination of each canopy from the horizontal, shape (canopies,), 10 to 80 degrees.

    Returns
    -------
    tuple of numpy.ndarray
        Mid-angles in degrees, shape (18,), and shares, shape (canopies, 18), rows of sum 1.

    Examples
    --------
    >>> angles, shares = leaf_angle_shares(np.array([30.0, 70.0]))
    >>> (shares @ angles).round(0)
    array([30., 70.])
    """
    ratios, means = _ellipsoids()
    # The mean angle falls with the ratio of the axes; the table is fine enough to read between its rows.
    ratio = np.exp(np.interp(-mean_angle_deg, -means, np.log(ratios)))
    middles = (np.arange(ANGLE_CLASSES) + 0.5) * 90.0 / ANGLE_CLASSES
    return middles, _ellipsoid_shares(ratio)


def _ellipsoid_shares(ratio: Floats) -> Floats:
    """Integrate Campbell's (1990) equation 14 over each class, for each ratio of the axes."""
    fine = 20
    angle = (np.arange(ANGLE_CLASSES * fine) + 0.5) * np.pi / 2 / (ANGLE_CLASSES * fine)
    density = np.sin(angle) / (np.cos(angle) ** 2 + (ratio[:, None] * np.sin(angle)) ** 2) ** 2
    shares: Floats = density.reshape(len(ratio), ANGLE_CLASSES, fine).sum(axis=2)
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


@lru_cache(maxsize=1)
def _ellipsoids() -> tuple[Floats, Floats]:
    """Mean angle in degrees over the ratio of the axes, from upright to flat leaves."""
    ratios = np.exp(np.linspace(np.log(0.02), np.log(50.0), 400))
    middles = (np.arange(ANGLE_CLASSES) + 0.5) * 90.0 / ANGLE_CLASSES
    return ratios, _ellipsoid_shares(ratios) @ middles


@dataclass(frozen=True, slots=True)
class _Geometry:
    """Extinction and scattering of each canopy, shape (canopies, 1), from angles alone."""

    sun: Floats  # extinction of the sun's beam, k
    view: Floats  # extinction towards the satellite, K
    flat: Floats  # mean square cosine of leaf inclination
    back: Floats  # single scattering by reflection
    forward: Floats  # single scattering by transmission


def _scattering_geometry(
    sun_zenith: Floats, view_zenith: Floats, azimuth: Floats, mean_angle_deg: Floats
) -> _Geometry:
    """Sum Verhoef's (1984) interception and volume scattering over the leaf angles; radians."""
    middles, shares = leaf_angle_shares(mean_angle_deg)
    leaf = np.deg2rad(middles)[None, :]
    sun, view, psi = sun_zenith[:, None], view_zenith[:, None], azimuth[:, None]
    cos_s, sin_s = np.cos(leaf) * np.cos(sun), np.sin(leaf) * np.sin(sun)
    cos_o, sin_o = np.cos(leaf) * np.cos(view), np.sin(leaf) * np.sin(view)

    def turning(cosine: Floats, sine: Floats) -> tuple[Floats, Floats]:
        """Azimuth at which a leaf shows its other side, and the scale of its projection there."""
        turns = sine > np.abs(cosine)
        ratio = np.where(turns, -cosine / np.where(turns, sine, 1.0), -1.0)
        return np.arccos(ratio), np.where(turns, sine, cosine)

    beta_s, scale_s = turning(cos_s, sin_s)
    beta_o, scale_o = turning(cos_o, sin_o)
    chi_s = 2 / np.pi * ((beta_s - np.pi / 2) * cos_s + np.sin(beta_s) * sin_s)
    chi_o = 2 / np.pi * ((beta_o - np.pi / 2) * cos_o + np.sin(beta_o) * sin_o)
    low = np.abs(beta_s - beta_o)
    high = np.pi - np.abs(beta_s + beta_o - np.pi)
    b1 = np.minimum(psi, low)
    b2 = np.clip(psi, low, high)
    b3 = np.maximum(psi, high)
    even = 2 * cos_s * cos_o + sin_s * sin_o * np.cos(psi)
    odd = np.sin(b2) * (2 * scale_s * scale_o + sin_s * sin_o * np.cos(b1) * np.cos(b3))
    reflected = np.maximum(((np.pi - b2) * even + odd) / (2 * np.pi**2), 0)
    passed = np.maximum((-b2 * even + odd) / (2 * np.pi**2), 0)

    def mean(values: Floats) -> Floats:
        total: Floats = (values * shares).sum(axis=1, keepdims=True)
        return total

    slant = np.cos(sun) * np.cos(view)
    return _Geometry(
        sun=mean(chi_s) / np.cos(sun),
        view=mean(chi_o) / np.cos(view),
        flat=mean(np.broadcast_to(np.cos(leaf) ** 2, shares.shape)),
        back=mean(reflected) * np.pi / slant,
        forward=mean(passed) * np.pi / slant,
    )


def _decay_difference(k: Floats, m: Floats, depth: Floats) -> Floats:
    """(exp(-m L) - exp(-k L)) / (k - m), with its limit where k and m meet (J1 of Verhoef 2007)."""
    gap = (k - m) * depth
    near = np.abs(gap) < 1e-3
    limit = depth * (np.exp(-k * depth) + np.exp(-m * depth)) / 2 * (1 - gap**2 / 12)
    safe = np.where(near, 1.0, k - m)
    return np.where(near, limit, (np.exp(-m * depth) - np.exp(-k * depth)) / safe)


def _decay_sum(k: Floats, m: Floats, depth: Floats) -> Floats:
    """(1 - exp(-(k + m) L)) / (k + m) (J2 of Verhoef 2007)."""
    return -np.expm1(-(k + m) * depth) / (k + m)


def _hot_spot(g: _Geometry, depth: Floats, distance: Floats, size: Floats) -> tuple[Floats, Floats]:
    """Share of sunlit soil seen, and the depth-mean of sunlit leaf seen, with correlated gaps."""
    alpha = np.maximum(distance / size * 2 / (g.sun + g.view), 1e-9)
    nodes, weights = np.polynomial.legendre.leggauss(HOT_SPOT_NODES)
    # Nodes crowd near the top of the canopy, where the gaps seen and lit belong together.
    u = (nodes + 1) / 2
    x, weight = u**2, weights * u

    def gap(level: Floats) -> Floats:
        together = np.sqrt(g.sun * g.view) * -np.expm1(-alpha * level) / alpha
        return np.exp(depth * (together - (g.sun + g.view) * level))

    return gap(np.ones((1, 1))), (gap(x[None, :]) * weight).sum(axis=1, keepdims=True)


def canopy_reflectance(
    leaf_reflectance: Floats,
    leaf_transmittance: Floats,
    soil_reflectance: Floats,
    *,
    lai: Floats,
    mean_leaf_angle_deg: Floats,
    hot_spot: Floats,
    sun_zenith_deg: Floats,
    view_zenith_deg: Floats,
    relative_azimuth_deg: Floats,
) -> Floats:
    """Compute the bidirectional reflectance of canopies over soil, in each band.

    Parameters
    ----------
    leaf_reflectance, leaf_transmittance, soil_reflectance
        Shape (canopies, bands), 0 to 1.
    lai
        Leaf area index in m2 of one leaf side per m2 of ground, shape (canopies,) as all that follow.
    mean_leaf_angle_deg
        Mean inclination of the leaves from the horizontal.
    hot_spot
        Size of a leaf relative to the height of the canopy, above 0.
    sun_zenith_deg, view_zenith_deg
        Below 90.
    relative_azimuth_deg
        Between sun and satellite as seen from the ground; 0 looks along the sunlight.

    Returns
    -------
    numpy.ndarray
        Reflectance factor, shape (canopies, bands).

    Examples
    --------
    >>> one = lambda *values: np.array(values)
    >>> red_and_infrared = canopy_reflectance(
    ...     one([0.06, 0.45]),
    ...     one([0.03, 0.45]),
    ...     one([0.15, 0.25]),
    ...     lai=one(3.0),
    ...     mean_leaf_angle_deg=one(57.0),
    ...     hot_spot=one(0.1),
    ...     sun_zenith_deg=one(35.0),
    ...     view_zenith_deg=one(5.0),
    ...     relative_azimuth_deg=one(60.0),
    ... )
    >>> red_and_infrared.round(2)
    array([[0.03, 0.38]])
    """
    sun, view = np.deg2rad(sun_zenith_deg), np.deg2rad(view_zenith_deg)
    turn = np.abs((np.asarray(relative_azimuth_deg) + 180) % 360 - 180)
    psi = np.deg2rad(turn)
    g = _scattering_geometry(sun, view, psi, mean_leaf_angle_deg)
    distance = np.sqrt(
        np.maximum(
            np.tan(sun) ** 2 + np.tan(view) ** 2 - 2 * np.tan(sun) * np.tan(view) * np.cos(psi), 0
        )
    )[:, None]
    return _four_streams(
        leaf_reflectance,
        leaf_transmittance,
        soil_reflectance,
        g=g,
        depth=lai[:, None],
        hot=_hot_spot(g, lai[:, None], distance, hot_spot[:, None]),
    )


def _four_streams(
    rho: Floats,
    tau: Floats,
    soil: Floats,
    *,
    g: _Geometry,
    depth: Floats,
    hot: tuple[Floats, Floats],
) -> Floats:
    """Solve the four-stream equations (Verhoef et al. 2007, section II) above soil."""
    both_lit, sunlit_seen = hot

    def mixed(cosine: Floats | float) -> tuple[Floats, Floats]:
        """Scatter a stream of extinction `cosine` back and forward into diffuse light."""
        towards, away = (cosine + g.flat) / 2, (cosine - g.flat) / 2
        return towards * rho + away * tau, away * rho + towards * tau

    (sigma_b, sigma_f), (s_b, s_f), (v_b, v_f) = mixed(1.0), mixed(g.sun), mixed(g.view)
    lost = 1 - sigma_f
    m = np.sqrt(np.maximum(lost**2 - sigma_b**2, 1e-12))
    deep = (lost - m) / np.maximum(sigma_b, 1e-12)  # reflectance of an endless canopy
    e1 = np.exp(-m * depth)
    whole = 1 - (deep * e1) ** 2
    r_dd = deep * (1 - e1**2) / whole
    j1_s, j2_s = _decay_difference(g.sun, m, depth), _decay_sum(g.sun, m, depth)
    j1_v, j2_v = _decay_difference(g.view, m, depth), _decay_sum(g.view, m, depth)
    p_s, q_s = (s_f + s_b * deep) * j1_s, (s_f * deep + s_b) * j2_s
    p_v, q_v = (v_f + v_b * deep) * j1_v, (v_f * deep + v_b) * j2_v
    t_sd = (p_s - deep * e1 * q_s) / whole
    t_do, r_do = (p_v - deep * e1 * q_v) / whole, (q_v - deep * e1 * p_v) / whole
    t_ss, t_oo = np.exp(-g.sun * depth), np.exp(-g.view * depth)
    z = _decay_sum(g.sun, g.view, depth)
    up = (v_f * deep + v_b) * (z - j1_s * t_oo) / (g.view + m) * (s_f + s_b * deep)
    down = (v_f + v_b * deep) * (z - j1_v * t_ss) / (g.sun + m) * (s_f * deep + s_b)
    multiple = (up + down - (r_do * q_s + t_do * p_s) * deep) / (1 - deep**2)
    single = (g.back * rho + g.forward * tau) * depth * sunlit_seen
    through = ((t_ss + t_sd) * t_do + (t_sd + t_ss * soil * r_dd) * t_oo) * soil / (1 - soil * r_dd)
    seen: Floats = single + multiple + both_lit * soil + through
    return seen
