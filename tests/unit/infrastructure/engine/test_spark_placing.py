"""Rows on their way into the cells of a spatial join; without a cluster."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import shapely

from extremeearth.core.boxes import LONLAT
from extremeearth.core.errors import DataBrokenError
from extremeearth.infrastructure.engine import _spark_tables
from extremeearth.infrastructure.engine._spark_cells import cells_over
from extremeearth.infrastructure.engine._spark_joins import JoinOnSpark, _Sample
from extremeearth.infrastructure.engine._spark_placing import boxed, boxes_of
from extremeearth.infrastructure.engine._spatial import Side, Sides


def _wkb(count: int, seed: int) -> pa.Array:
    corners = np.random.default_rng(seed).uniform(0, 10, (count, 2))
    return pa.array(shapely.to_wkb(shapely.box(*corners.T, *(corners + 1).T)), pa.binary())


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view()])
def test_a_row_is_in_every_cell_that_its_box_meets(kind: pa.DataType) -> None:
    wkb = _wkb(300, 1).cast(kind)
    found = boxed(wkb, LONLAT, None, windows=False)
    cells = cells_over(found.boxes, np.ones(300), most=50)
    placed = {cell: part for cell, part in found.placed(cells, first=1000)}
    rows, numbers = cells.of_boxes(found.boxes)
    expected = {(int(cell), int(row) + 1000) for row, cell in zip(rows, numbers, strict=True)}
    assert {(c, r) for c, part in placed.items() for r in part["row"].to_pylist()} == expected
    assert len(placed) > 4
    for part in placed.values():
        boxes, owners = boxes_of(pa.Table.from_batches([part]))
        assert owners.tolist() == list(range(part.num_rows))
        np.testing.assert_array_equal(boxes, found.boxes[part["row"].to_numpy() - 1000])


def test_windows_over_the_antimeridian_belong_to_one_row() -> None:
    wkb = pa.array(shapely.to_wkb([shapely.Point(179.99, 0), shapely.Point(0, 0)]), pa.binary())
    found = boxed(wkb, LONLAT, 50_000.0, windows=True)
    assert found.owners.tolist() == [0, 0, 1]
    cells = cells_over(found.boxes, np.ones(3), most=10)
    ((_, part),) = found.placed(cells, first=0)
    assert part["row"].to_pylist() == [0, 1]
    assert boxes_of(pa.Table.from_batches([part]))[1].tolist() == [0, 0, 1]


def test_broken_and_missing_geometries() -> None:
    with pytest.raises(DataBrokenError):
        boxed(pa.array([b"\x01\x02"], pa.binary()), LONLAT, None, windows=False)
    missing = pa.array([None, shapely.to_wkb(shapely.Point(1, 1))], pa.binary())
    found = boxed(missing, LONLAT, None, windows=False)
    cells = cells_over(found.boxes, np.ones(2), most=10)
    assert [part["row"].to_pylist() for _, part in found.placed(cells, first=0)] == [[1]]


def test_heavy_rows_make_more_cells() -> None:
    """A cell goes to one worker in one piece, which may not reach 2 GiB."""

    def cells(points: int) -> int:
        x = np.arange(2000.0)
        shapes = shapely.segmentize(shapely.box(x, 0, x + 0.5, 1), 3 / points)
        side = Side(pa.array(shapely.to_wkb(shapes), pa.binary()), None)
        join = JoinOnSpark(Sides(side, side, LONLAT), "intersects", None, cell_rows=2000, slots=1)
        sample = _Sample.of(boxed(side.wkb, LONLAT, None, windows=False))
        read = _Sample.read(side, None)
        np.testing.assert_array_equal(sample.boxes, read.boxes)
        np.testing.assert_array_equal(sample.sizes, read.sizes)
        return join.plan([sample, read]).cells.count

    assert cells(4) < cells(1000)


def test_shapes_in_many_cells_do_not_pile_up_in_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small as they are, their copies are not: they go the way of large sides, and nothing is sent before."""
    x, y = np.random.default_rng(3).uniform(0, 10, (2, 4000))
    wide = shapely.box(x, y, x + 4, y + 4)
    side = Side(pa.array(shapely.to_wkb(wide), pa.binary()), None)
    join = JoinOnSpark(Sides(side, side, LONLAT), "intersects", None, cell_rows=1000, slots=8)
    monkeypatch.setattr(_spark_tables, "PIECE_BYTES", side.wkb.nbytes)
    assert join._small(session=None) is None
