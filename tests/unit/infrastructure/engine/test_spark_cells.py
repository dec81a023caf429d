"""Cells: every pair of boxes that meet is found in exactly one of the cells that both are in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extremeearth.infrastructure.engine._spark_cells import Cells, cells_over

numbers = st.integers(-4, 12).map(float)
boxes = st.lists(
    st.tuples(numbers, numbers, st.integers(0, 9), st.integers(0, 9)).map(
        lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
    ),
    min_size=1,
    max_size=30,
).map(lambda rows: np.array(rows, dtype=float))


@given(boxes, boxes, boxes)
def test_each_pair_has_one_cell(sample: np.ndarray, left: np.ndarray, right: np.ndarray) -> None:
    cells = cells_over(sample, np.ones(len(sample)), most=3)
    found = []
    a, b = _members(cells, left), _members(cells, right)
    for cell in a.keys() & b.keys():
        for i in a[cell]:
            for j in b[cell]:
                corner = np.maximum(left[i, :2], right[j, :2])[None, :]
                meets = (left[i, :2] <= right[j, 2:]).all() and (right[j, :2] <= left[i, 2:]).all()
                if meets and cells.of_points(corner)[0] == cell:
                    found.append((i, j))
    expected = [
        (i, j)
        for i in range(len(left))
        for j in range(len(right))
        if (left[i, :2] <= right[j, 2:]).all() and (right[j, :2] <= left[i, 2:]).all()
    ]
    assert sorted(found) == expected


def _members(cells: Cells, rows: np.ndarray) -> dict[int, list[int]]:
    members: dict[int, list[int]] = {}
    for row, cell in zip(*cells.of_boxes(rows), strict=True):
        members.setdefault(int(cell), []).append(int(row))
    return members


def test_cells_follow_the_density() -> None:
    generator = np.random.default_rng(1)
    dense, thin = generator.uniform(0, 1, (900, 2)), generator.uniform(0, 100, (100, 2))
    points = np.concatenate([dense, thin])
    cells = cells_over(np.hstack([points, points]), np.ones(1000), most=100)
    counts = np.bincount(cells.of_points(points))
    assert counts.max() <= 101
    inside = np.unique(cells.of_points(dense))
    assert len(inside) >= 8


@pytest.mark.parametrize("count", [1, 1000])
def test_what_cannot_be_cut_is_one_cell(count: int) -> None:
    same = np.tile([1.0, 1.0, 2.0, 2.0], (count, 1))
    assert cells_over(same, np.ones(count), most=10).count == 1


def test_nothing_is_one_cell_and_unknown_boxes_are_in_none() -> None:
    cells = cells_over(np.full((3, 4), np.nan), np.ones(3), most=1)
    assert cells.count == 1
    assert len(cells.of_boxes(np.full((2, 4), np.nan))[0]) == 0
