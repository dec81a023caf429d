"""Leaf and canopy model: against published code, physical laws, and at their limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.processing.preprocessing import (
    canopy_reflectance,
    leaf_angle_shares,
    leaf_constants,
    leaf_optics,
)

# N, Cab, Car, brown, Cw, Cm, LAI, mean leaf angle, hot spot, sun, view, relative azimuth, and the reflectance
# over dry soil that the published PROSAIL (PROSPECT-5, 4SAIL at 1 nm) gives, averaged over the bands.
PUBLISHED = [
    ((1.5, 40, 10, 0.0, 0.012, 0.006, 0.8, 57, 0.1, 35, 5, 60),
     (0.1446, 0.1433, 0.2061, 0.3607, 0.402, 0.4293, 0.3969, 0.2928)),
    ((1.8, 60, 12, 0.1, 0.02, 0.008, 3.5, 65, 0.2, 28, 7, 140),
     (0.0406, 0.0282, 0.0677, 0.2887, 0.3902, 0.4155, 0.1746, 0.0755)),
    ((1.3, 15, 4, 1.2, 0.008, 0.004, 2.0, 45, 0.3, 50, 2, 10),
     (0.066, 0.0537, 0.1367, 0.2487, 0.3176, 0.4261, 0.3535, 0.1835)),
    ((2.1, 80, 18, 0.0, 0.025, 0.01, 6.5, 60, 0.05, 60, 10, 170),
     (0.0208, 0.0089, 0.04, 0.2803, 0.418, 0.4185, 0.1264, 0.0403)),
]  # fmt: skip


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)


def leaf(*, n=1.5, cab=40.0, car=8.0, brown=0.0, water=0.012, dry=0.006):
    return leaf_optics(
        structure=column(n),
        chlorophyll_ug_cm2=column(cab),
        carotenoids_ug_cm2=column(car),
        brown=column(brown),
        water_cm=column(water),
        dry_matter_g_cm2=column(dry),
    )


def canopy(rho, tau, soil, *, lai=3.0, angle=60.0, hot=0.2, sun=35.0, view=5.0, azimuth=90.0):
    return canopy_reflectance(
        rho, tau, soil, lai=column(lai), mean_leaf_angle_deg=column(angle), hot_spot=column(hot),
        sun_zenith_deg=column(sun), view_zenith_deg=column(view), relative_azimuth_deg=column(azimuth),
    )  # fmt: skip


@pytest.mark.parametrize(("inputs", "published"), PUBLISHED)
def test_reflectance_is_that_of_the_published_model(inputs, published):
    n, cab, car, brown, water, dry, lai, angle, hot, sun, view, azimuth = inputs
    rho, tau = leaf(n=n, cab=cab, car=car, brown=brown, water=water, dry=dry)
    own = canopy(
        rho, tau, leaf_constants().soil_dry[None, :], lai=lai, angle=angle, hot=hot, sun=sun, view=view,
        azimuth=azimuth,
    )  # fmt: skip
    # Band means of the constants stand for the mean of the spectra.
    assert np.abs(own[0] - np.array(published)).max() < 0.012


def test_a_leaf_that_absorbs_nothing_gives_all_light_back():
    rho, tau = leaf(cab=0, car=0, brown=0, water=0, dry=0)
    assert rho + tau == pytest.approx(np.ones((1, 8)), abs=1e-5)


@given(
    cab=st.floats(0, 90),
    water=st.floats(0, 0.05),
    dry=st.floats(0, 0.02),
    n=st.floats(1, 3),
    brown=st.floats(0, 2),
)
@settings(max_examples=60, deadline=None)
def test_leaves_never_make_light(cab, water, dry, n, brown):
    rho, tau = leaf(n=n, cab=cab, car=cab / 4, brown=brown, water=water, dry=dry)
    assert (rho > 0).all()
    assert (tau >= 0).all()
    assert (rho + tau <= 1 + 1e-5).all()


def test_chlorophyll_darkens_red_and_leaves_infrared_alone():
    bands = leaf_constants().bands
    pale, green = leaf(cab=20)[0][0], leaf(cab=60)[0][0]
    assert green[bands.index("B05")] < pale[bands.index("B05")] - 0.05
    assert green[bands.index("B8A")] == pytest.approx(pale[bands.index("B8A")], abs=1e-3)


def test_without_leaves_one_sees_the_soil():
    rho, tau = leaf()
    soil = leaf_constants().soil_wet[None, :]
    assert canopy(rho, tau, soil, lai=1e-9) == pytest.approx(soil, abs=1e-6)


def test_a_deep_canopy_hides_the_soil():
    rho, tau = leaf()
    dark, bright = np.full((1, 8), 0.02), np.full((1, 8), 0.5)
    assert canopy(rho, tau, dark, lai=15) == pytest.approx(
        canopy(rho, tau, bright, lai=15), abs=0.02
    )


def test_black_leaves_leave_the_gaps_alone():
    """Without scattering, only the soil that is both lit and seen shines: exp of both extinctions."""
    black = np.zeros((1, 8))
    soil = np.full((1, 8), 0.3)
    seen = canopy(black, black, soil, lai=2.0, hot=1e-6, sun=40, view=8)
    middles, shares = leaf_angle_shares(column(60.0))
    gap = 1.0
    for zenith in np.deg2rad([40.0, 8.0]):
        azimuths = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
        tilt = np.deg2rad(middles)[:, None]
        facing = np.abs(
            np.cos(tilt) * np.cos(zenith) + np.sin(tilt) * np.sin(zenith) * np.cos(azimuths)
        )
        gap *= np.exp(-2.0 * (shares[0] * facing.mean(axis=1)).sum() / np.cos(zenith))
    assert seen == pytest.approx(soil * gap, rel=1e-3)


def test_in_the_hot_spot_lit_soil_is_seen_through_the_same_gaps():
    black, soil = np.zeros((1, 8)), np.full((1, 8), 0.3)
    same = canopy(black, black, soil, sun=30, view=30, azimuth=0)
    other = canopy(black, black, soil, sun=30, view=30, azimuth=180)
    assert (same > 1.2 * other).all()


@given(
    sun=st.floats(0, 75),
    view=st.floats(0, 60),
    azimuth=st.floats(-400, 400),
    lai=st.floats(0.01, 10),
    angle=st.floats(20, 80),
)
@settings(max_examples=60, deadline=None)
def test_sun_and_satellite_can_change_places(sun, view, azimuth, lai, angle):
    """Helmholtz's reciprocity."""
    rho, tau = leaf()
    soil = leaf_constants().soil_dry[None, :]
    there = canopy(rho, tau, soil, lai=lai, angle=angle, sun=sun, view=view, azimuth=azimuth)
    back = canopy(rho, tau, soil, lai=lai, angle=angle, sun=view, view=sun, azimuth=azimuth)
    assert there == pytest.approx(back, rel=1e-6)
    assert np.isfinite(there).all()
    assert (there > 0).all()
    assert (there < 1).all()


def test_leaf_angle_shares_sum_to_one_and_order_by_mean():
    angles, shares = leaf_angle_shares(np.linspace(20, 80, 13))
    assert shares.sum(axis=1) == pytest.approx(np.ones(13))
    means = shares @ angles
    assert (np.diff(means) > 0).all()
    assert means == pytest.approx(np.linspace(20, 80, 13), abs=0.05)
