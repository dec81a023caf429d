"""Spatial folds: neighbours never stand on both sides."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.core.errors import InputError
from extremeearth.core.geodesy import transform
from extremeearth.data.products import simulate_field_archive
from extremeearth.processing.datasets import GUARD_M, make_crop_dataset, spatial_folds


def squares(seed: int, count: int) -> list[shapely.Geometry]:
    random = np.random.default_rng(seed)
    corners = random.uniform(0, 4000, (count, 2)) + np.array([500_000, 5_300_000])
    side = random.uniform(20, 250, count)
    return [shapely.box(x, y, x + s, y + s) for (x, y), s in zip(corners, side, strict=True)]


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(60, 140),
    block=st.sampled_from([150.0, 300.0, 500.0]),
)
def test_no_block_no_group_and_no_touching_pair_straddles_folds(
    seed: int, count: int, block: float
) -> None:
    shapes = squares(seed, count)
    labels = np.random.default_rng(seed).integers(0, 4, count)
    try:
        split = spatial_folds(shapes, labels, crs=32632, folds=3, block_m=block, seed=seed)
    except InputError:
        return
    for key in (split.blocks, split.groups):
        for value in np.unique(key):
            assert len(np.unique(split.folds[key == value])) == 1
    # brute force over all pairs: the reported distances are the true ones, and above the touching distance
    distance = shapely.distance(np.array(shapes)[:, None], np.array(shapes)[None, :])
    for a in range(3):
        for b in range(3):
            if a != b:
                true = distance[split.folds == a][:, split.folds == b].min()
                assert split.distance_m[a, b] == pytest.approx(true)
    assert split.min_distance_m > 1.0
    assert set(split.folds.tolist()) == {0, 1, 2}


def test_classes_are_balanced_over_folds() -> None:
    shapes = [
        shapely.box(x, y, x + 90, y + 90)
        for x in range(500_000, 503_000, 100)
        for y in range(0, 1000, 100)
    ]
    labels = np.random.default_rng(0).integers(0, 3, len(shapes))
    split = spatial_folds(shapes, labels, crs=32632, folds=5, block_m=200)
    counts = np.array(
        [[np.sum((split.folds == f) & (labels == c)) for c in range(3)] for f in range(5)]
    )
    assert (abs(counts - counts.mean(axis=0)) <= 0.25 * counts.mean(axis=0)).all()


def test_same_seed_same_folds_and_lonlat_is_measured_in_metres() -> None:
    metric = squares(3, 90)
    labels = [0, 1, 2] * 30
    one = spatial_folds(metric, labels, crs=32632, folds=3, block_m=300, seed=5)
    again = spatial_folds(metric, labels, crs=32632, folds=3, block_m=300, seed=5)
    assert (one.folds == again.folds).all()
    degrees = [shapely.box(11 + i * 0.01, 48, 11.004 + i * 0.01, 48.003) for i in range(30)]
    split = spatial_folds(degrees, [0, 1] * 15, crs=4326, folds=2, block_m=500)
    assert 400 < split.min_distance_m < 500  # 0.006 degrees of longitude at 48 north


@pytest.mark.parametrize(
    "wrong", [{"folds": 1}, {"block_m": 0.0}, {"touch_m": -1.0}, {"block_m": 1e9}]
)
def test_what_cannot_be_dealt_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError):
        spatial_folds(squares(1, 30), [0] * 30, crs=32632, **wrong)  # type: ignore[arg-type]  # wrong on purpose


def test_no_features_are_refused() -> None:
    with pytest.raises(InputError, match="no features"):
        spatial_folds([], [], crs=32632)


def test_no_training_parcel_is_near_a_tested_one() -> None:
    archive = simulate_field_archive()
    dataset = make_crop_dataset(archive.parcels, archive.parcel_series, archive.national_crops)
    shapes = shapely.from_wkb(list(dataset.geometries))
    metric = transform(shapes, source=4326, target=32632)
    left_out = 0
    for fold in range(5):
        rows = dataset.training_rows(fold)
        tested = np.flatnonzero(dataset.folds == fold)
        nearest = min(float(shapely.distance(metric[row], metric[tested]).min()) for row in rows)
        assert nearest > GUARD_M
        far_enough = dataset.training_rows(fold, guard_m=0.0)
        assert set(rows) <= set(far_enough) == set(np.flatnonzero(dataset.folds != fold))
        left_out += len(far_enough) - len(rows)
    assert left_out > 0
