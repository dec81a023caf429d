"""Columns of several pieces as one array, and joins of them."""

from __future__ import annotations

import pyarrow as pa
import pytest
import shapely

from extremeearth.infrastructure.engine import LocalEngine, _batches
from extremeearth.infrastructure.engine._batches import one_array


def test_columns_become_one_array() -> None:
    column = pa.chunked_array([[b"a"], [b"b", None]], pa.binary())
    assert one_array(column).to_pylist() == [b"a", b"b", None]
    assert one_array(column.slice(0, 1)).to_pylist() == [b"a"]
    assert one_array(pa.chunked_array([], pa.binary())).type == pa.binary()


def test_bytes_beyond_the_usual_offsets_get_wide_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_batches, "NARROW_BYTES", 20)
    points = shapely.to_wkb(shapely.points([[0, 0], [1, 1], [2, 2]]))
    column = pa.chunked_array([pa.array(points[:2]), pa.array(points[2:])])
    assert one_array(column).type == pa.large_binary()
    table = pa.table({"geometry": column})
    found = LocalEngine().join_spatial(table, table, "equals")
    assert found.to_pydict() == {"left_index": [0, 1, 2], "right_index": [0, 1, 2]}
