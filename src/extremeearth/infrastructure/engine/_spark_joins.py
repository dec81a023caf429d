"""Spatial joins on Spark: cells by data density, cogrouped, each joined like a small table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from extremeearth.core.boxes import LONLAT, as_crs
from extremeearth.core.errors import DataBrokenError
from extremeearth.core.geodesy import transform
from extremeearth.infrastructure.engine._spark_cells import Cells, cells_over
from extremeearth.infrastructure.engine._spark_tables import CHUNK_ROWS, frame_of
from extremeearth.infrastructure.engine._spatial import (
    MICROMETRE,
    PAIRS_AT_ONCE,
    Side,
    Sides,
    in_order,
    join_topology,
    windows_around,
)
from extremeearth.infrastructure.engine.geodesic import on_one_turn, pair_distances_m

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray
    from odc.geo.crs import CRS

SAMPLE = 20_000
SMALLEST_CELL = 1_000
BROKEN = -1
"""Number of the cell that carries what could not be read, with the reason in place of the geometry."""
_PLACED = "cell int, row bigint, wkb binary, boxes binary"
_FOUND = "left_index bigint, right_index bigint, problem string"


@dataclass(frozen=True, slots=True)
class Plan:
    """How two sides are joined; travels to the workers."""

    predicate: str
    crs: str
    distance_m: float | None
    cells: Cells


def plan_for(
    sides: Sides, predicate: str, distance_m: float | None, *, cell_rows: int, slots: int
) -> Plan:
    """Cut the plane by a sample of both sides.

    A cell gets at most `cell_rows` rows of both sides together, and fewer where that gives each slot two cells.
    """
    total = len(sides.left.wkb) + len(sides.right.wkb)
    spread = max(total / (2 * slots), SMALLEST_CELL)
    boxes, weights = [], []
    for side in (sides.left, sides.right):
        shapes = _sampled(side)
        if distance_m is not None:
            shapes = _in_degrees(shapes, sides.crs)
        boxes.append(shapely.bounds(shapes).reshape(-1, 4))
        weights.append(np.full(len(shapes), len(side.wkb) / max(1, len(shapes))))
    cells = cells_over(np.concatenate(boxes), np.concatenate(weights), most=min(cell_rows, spread))
    return Plan(predicate, sides.crs.to_wkt(), distance_m, cells)


def _sampled(side: Side) -> NDArray[Any]:
    """Read some shapes, evenly over the rows; those that cannot be read are told of by the workers."""
    rows = np.linspace(0, len(side.wkb) - 1, min(SAMPLE, len(side.wkb))).astype(np.int64)
    # one by one: views have no `take`, and the whole column would be copied otherwise
    wkb = np.array([side.wkb[int(row)].as_py() for row in rows], dtype=object)
    return np.asarray(shapely.from_wkb(wkb, on_invalid="ignore"), dtype=object)


def _in_degrees(shapes: NDArray[Any], crs: CRS) -> NDArray[Any]:
    """Bring shapes to longitude and latitude, those beyond longitude 180 to the other side."""
    degrees = transform(shapes, source=crs, target=LONLAT)
    return on_one_turn(np.asarray(degrees, dtype=object))


def run_join(session: Any, sides: Sides, plan: Plan, *, slots: int) -> pa.Table:
    """Join on the cluster; gives the sorted pairs."""
    left, right = (
        _sent(session, side, slots).mapInArrow(_Placing(plan, windows), _PLACED)
        for side, windows in ((sides.left, plan.distance_m is not None), (sides.right, False))
    )
    both = left.groupBy("cell").cogroup(right.groupBy("cell"))
    # a plain function: Spark counts `self` of a method as an argument
    found = both.applyInArrow(lambda a, b: _CellJoin(plan).join(a, b), _FOUND).toArrow()
    problems = found["problem"].drop_null()
    if len(problems):
        raise DataBrokenError(min(problems.to_pylist()), hint="Check that every one is valid WKB.")
    return in_order(found)


def _sent(session: Any, side: Side, slots: int) -> Any:
    """Give the numbered rows to the cluster: two partitions for each slot, if there are rows for them."""
    import pyarrow as pa

    count = len(side.wkb)
    table = pa.table({"row": np.arange(count), "wkb": side.wkb})
    rows = max(SMALLEST_CELL, min(CHUNK_ROWS, -(-count // (2 * slots))))
    return frame_of(session, table, rows=rows)


class _Placing:
    """Runs on the workers: puts each row into the cells that its boxes meet.

    The boxes travel along: all cells must see the very same numbers when they decide which of them has a pair.
    """

    def __init__(self, plan: Plan, windows: bool) -> None:
        self._plan, self._windows = plan, windows

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Place the rows of one partition."""
        import pyarrow as pa

        for batch in batches:
            try:
                wkb, boxes, owners = self._boxed(batch.column("wkb"))
            except DataBrokenError as err:
                reason = pa.array([err.message.encode()], pa.binary())
                columns = [np.array([BROKEN]), np.array([0]), reason, pa.array([b""], pa.binary())]
            else:
                found, cells = self._plan.cells.of_boxes(boxes)
                once = np.unique(np.column_stack([owners[found], cells]), axis=0)
                taken = pa.array(once[:, 0])
                columns = [once[:, 1], batch.column("row").take(taken), wkb.take(taken),
                           _boxes_written(boxes, owners, len(wkb)).take(taken)]  # fmt: skip
            columns[0] = columns[0].astype(np.int32)
            yield pa.RecordBatch.from_arrays(columns, names=["cell", "row", "wkb", "boxes"])

    def _boxed(self, wkb: pa.Array) -> tuple[pa.Array, NDArray[Any], NDArray[Any]]:
        """Give the geometries to compare, boxes, and the row of each box."""
        import pyarrow as pa

        plan, shapes = self._plan, Side(wkb, None).shapes()
        if plan.distance_m is not None:
            shapes = _in_degrees(shapes, as_crs(plan.crs))
            wkb = pa.array(shapely.to_wkb(shapes), pa.binary())
        if plan.distance_m is None or not self._windows:
            return wkb, shapely.bounds(shapes).reshape(-1, 4), np.arange(len(shapes))
        windows, owners = windows_around(shapes, plan.distance_m)
        order = np.argsort(owners, kind="stable")
        return wkb, shapely.bounds(windows[order]).reshape(-1, 4), owners[order]


def _boxes_written(boxes: NDArray[Any], owners: NDArray[Any], rows: int) -> pa.Array:
    """Write the boxes of each row, one after the other, as bytes; `owners` is sorted."""
    import pyarrow as pa

    ends = np.searchsorted(owners, np.arange(rows + 1)).astype(np.int32) * 32
    data = np.ascontiguousarray(boxes, dtype=np.float64)
    return pa.Array.from_buffers(
        pa.binary(), rows, [None, pa.py_buffer(ends), pa.py_buffer(data.tobytes())]
    )


def _boxes_read(table: pa.Table) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Read all boxes and the row of each."""
    texts = table["boxes"].to_pylist()
    boxes = np.frombuffer(b"".join(texts), dtype=np.float64).reshape(-1, 4)
    return boxes, np.repeat(np.arange(len(texts)), [len(text) // 32 for text in texts])


class _CellJoin:
    """Runs on the workers: joins what lies in one cell."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def join(self, left: pa.Table, right: pa.Table) -> pa.Table:
        """Give the pairs that this cell answers for, or the problem."""
        for side in (left, right):
            if side.num_rows and side["cell"][0].as_py() == BROKEN:
                return _answer(problem=side["wkb"][0].as_py().decode())
        if not left.num_rows or not right.num_rows:
            return _answer()
        try:
            join = self._topology if self._plan.distance_m is None else self._near
            i, j = join(left, right)
        except DataBrokenError as err:
            return _answer(problem=err.message)
        return _answer(left["row"].to_numpy()[i], right["row"].to_numpy()[j])

    def _topology(self, left: pa.Table, right: pa.Table) -> tuple[NDArray[Any], NDArray[Any]]:
        a, b = (Side(_one(side["wkb"]), None) for side in (left, right))
        pairs = join_topology(a, b, self._plan.predicate)
        i, j = (pairs[name].to_numpy() for name in ("left_index", "right_index"))
        own = self._answers_for(left, _boxes_read(left)[0][i], _boxes_read(right)[0][j])
        return i[own], j[own]

    def _near(self, left: pa.Table, right: pa.Table) -> tuple[NDArray[Any], NDArray[Any]]:
        assert self._plan.distance_m is not None
        a, b = (Side(_one(side["wkb"]), None).shapes() for side in (left, right))
        windows, owners = _boxes_read(left)
        boxes, _ = _boxes_read(right)
        tree, drawn = shapely.STRtree(b), shapely.box(*windows.T)
        window, j = tree.query(drawn)
        keys = owners[window] * len(b) + j
        # the first window of a row that meets the other box says which cell has the pair
        order = np.lexsort((window, keys))
        keys, first = np.unique(keys[order], return_index=True)
        window, j = window[order][first], j[order][first]
        near_window, near = tree.query(drawn, predicate="intersects")
        own = self._answers_for(left, windows[window], boxes[j])
        own &= np.isin(keys, owners[near_window] * len(b) + near)
        i, j = owners[window[own]], j[own]
        close = np.zeros(len(i), dtype=bool)
        for start in range(0, len(i), PAIRS_AT_ONCE):
            part = slice(start, start + PAIRS_AT_ONCE)
            limit = self._plan.distance_m + MICROMETRE
            close[part] = pair_distances_m(a, b, i[part], j[part], at_most=limit) <= limit
        return i[close], j[close]

    def _answers_for(
        self, table: pa.Table, left: NDArray[Any], right: NDArray[Any]
    ) -> NDArray[np.bool_]:
        """Tell for pairs of boxes whether their reference point lies in the cell of this table."""
        corners = np.maximum(left[:, :2], right[:, :2])
        return np.asarray(self._plan.cells.of_points(corners) == table["cell"][0].as_py())


def _one(column: pa.ChunkedArray) -> pa.Array:
    import pyarrow as pa

    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _answer(left: Any = (), right: Any = (), *, problem: str | None = None) -> pa.Table:
    import pyarrow as pa

    if problem is not None:
        left, right = [BROKEN], [BROKEN]
    texts = pa.array([problem], pa.string()) if problem else pa.nulls(len(left), pa.string())
    return pa.table(
        {"left_index": pa.array(left, pa.int64()), "right_index": pa.array(right, pa.int64()), "problem": texts}
    )  # fmt: skip
