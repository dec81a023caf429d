"""Spatial joins on Spark: cells by data density, each joined like a small table.

What is small is cut into cells here and sent at once. What is large is cut by the workers, and cogrouped. In both
cases rows travel in bundles, as Arrow IPC: Spark would write each row three times on its way to Python otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from extremeearth.core.boxes import as_crs
from extremeearth.core.errors import DataBrokenError
from extremeearth.infrastructure.engine import _spark_tables
from extremeearth.infrastructure.engine._batches import one_array
from extremeearth.infrastructure.engine._spark_cells import Cells, cells_over
from extremeearth.infrastructure.engine._spark_parcels import pack, unpack
from extremeearth.infrastructure.engine._spark_placing import (
    Boxed,
    boxed,
    boxes_of,
    in_degrees,
)
from extremeearth.infrastructure.engine._spark_python import settle
from extremeearth.infrastructure.engine._spark_tables import CHUNK_BYTES, frame_of
from extremeearth.infrastructure.engine._spatial import (
    MICROMETRE,
    PAIRS_AT_ONCE,
    Side,
    Sides,
    in_order,
    join_topology,
)
from extremeearth.infrastructure.engine.geodesic import pair_distances_m

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray
    from odc.geo.crs import CRS

SAMPLE = 20_000
SMALLEST_CELL = 1_000
CHUNK_ROWS = 50_000
"""Most rows of a bundle that a worker cuts into cells."""
ROW_BYTES = 2**10
BROKEN = -1
"""Number of the cell that carries what could not be read, with the reason in place of the rows."""
_PLACED = "cell int, bundle binary"
_FOUND = "left_index bigint, right_index bigint, problem string"


@dataclass(frozen=True, slots=True)
class Plan:
    """How two sides are joined; travels to the workers."""

    predicate: str
    crs: str
    distance_m: float | None
    cells: Cells

    def boxed(self, wkb: pa.Array, *, left: bool) -> Boxed:
        """Read the geometries of one side; those on the left get windows where there is a distance."""
        return boxed(wkb, as_crs(self.crs), self.distance_m, windows=left)


@dataclass(frozen=True, slots=True)
class JoinOnSpark:
    """A join to be run: what, and on how many cells.

    Parameters
    ----------
    cell_rows
        Most rows of both sides together in a cell; fewer where that gives each slot two cells.
    slots
        Tasks that the cluster runs at once.
    """

    sides: Sides
    predicate: str
    distance_m: float | None
    cell_rows: int
    slots: int

    def run(self, session: Any) -> pa.Table:
        """Join on the cluster; gives the sorted pairs."""
        found = self._small(session)
        if found is None:
            found = self._large(session)
        problems = found["problem"].drop_null()
        if len(problems):
            raise DataBrokenError(
                min(problems.to_pylist()), hint="Check that every one is valid WKB."
            )
        return in_order(found)

    def plan(self, samples: Sequence[_Sample]) -> Plan:
        """Cut the plane by a sample of both sides; a row of several KiB counts as that many."""
        sizes = len(self.sides.left.wkb), len(self.sides.right.wkb)
        weights = np.concatenate(
            [
                np.maximum(1, some.sizes / ROW_BYTES) * (size / max(1, len(some.sizes)))
                for some, size in zip(samples, sizes, strict=True)
            ]
        )
        spread = max(weights.sum() / (2 * self.slots), SMALLEST_CELL)
        boxes = np.concatenate([some.boxes for some in samples])
        cells = cells_over(boxes, weights, most=min(self.cell_rows, spread))
        return Plan(self.predicate, self.sides.crs.to_wkt(), self.distance_m, cells)

    def _small(self, session: Any) -> pa.Table | None:
        """Join what the driver may hold anyway: a cell is a task, and nothing is shuffled; none where it is large."""
        import pyarrow as pa

        most = _spark_tables.PIECE_BYTES
        wkb = self.sides.left.wkb, self.sides.right.wkb
        if max(side.nbytes for side in wkb) > most:
            return None
        crs = self.sides.crs
        both = [boxed(side, crs, self.distance_m, windows=not k) for k, side in enumerate(wkb)]
        plan = self.plan([_Sample.of(side) for side in both])
        left, right = (dict(side.placed(plan.cells, first=0)) for side in both)
        shared = sorted(left.keys() & right.keys(), key=lambda c: -left[c].nbytes - right[c].nbytes)
        sizes = [left[cell].nbytes + right[cell].nbytes for cell in shared]
        if max(sizes, default=0) > 4 * CHUNK_BYTES or sum(sizes) > 3 * most:
            return None  # shapes that lie in many cells
        if not shared:
            return _answer()
        rows = [pa.record_batch({"cell": pa.array([cell], pa.int32()), "left": [pack(left[cell])],
                                 "right": [pack(right[cell])]}) for cell in shared]  # fmt: skip
        frame = session.createDataFrame(pa.Table.from_batches(rows))
        return frame.mapInArrow(_Cells(plan), _FOUND).toArrow()

    def _large(self, session: Any) -> pa.Table:
        crs = None if self.distance_m is None else self.sides.crs
        plan = self.plan([_Sample.read(side, crs) for side in (self.sides.left, self.sides.right)])
        # more partitions than cells: numbers of cells are hashed, and some partitions get none
        parts = min(4 * self.slots, 2 * plan.cells.count + 1)
        session.conf.set("spark.sql.shuffle.partitions", str(parts))
        left, right = (
            self._sent(session, side).mapInArrow(_Placing(plan, left=k == 0), _PLACED)
            for k, side in enumerate((self.sides.left, self.sides.right))
        )
        both = left.groupBy("cell").cogroup(right.groupBy("cell"))
        # a plain function: Spark counts `self` of a method as an argument
        return both.applyInArrow(lambda a, b: _CellJoin(plan).of_groups(a, b), _FOUND).toArrow()

    def _sent(self, session: Any, side: Side) -> Any:
        """Give the numbered rows to the cluster: two bundles for each slot, if there are rows for them."""
        import pyarrow as pa

        count = len(side.wkb)
        rows = max(SMALLEST_CELL, min(CHUNK_ROWS, -(-count // (2 * self.slots))))
        table = pa.table({"row": np.arange(count), "wkb": side.wkb})
        return frame_of(session, table, rows=rows, packed=True)


@dataclass(frozen=True, slots=True)
class _Sample:
    """Boxes, and the bytes of their geometries."""

    boxes: NDArray[np.float64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, side: Boxed) -> _Sample:
        """Take some boxes of what was read."""
        import pyarrow.compute as pc

        some = _evenly(len(side.boxes))
        sizes = np.asarray(pc.binary_length(side.wkb).fill_null(0), dtype=np.int64)
        return cls(side.boxes[some], sizes[side.owners[some]])

    @classmethod
    def read(cls, side: Side, crs: CRS | None) -> _Sample:
        """Read some geometries, and bring them to degrees if a reference system is given.

        Those that cannot be read are told of by the workers.
        """
        # one by one: views have no `take`, and the whole column would be copied otherwise
        wkb = [side.wkb[int(row)].as_py() or b"" for row in _evenly(len(side.wkb))]
        sizes = np.array([len(text) for text in wkb], dtype=np.int64)
        shapes = np.asarray(
            shapely.from_wkb(np.array(wkb, dtype=object), on_invalid="ignore"), dtype=object
        )
        if crs is not None:
            shapes = in_degrees(shapes, crs)
        return cls(shapely.bounds(shapes).reshape(-1, 4), sizes)


def _evenly(count: int) -> NDArray[np.int64]:
    return np.linspace(0, count - 1, min(SAMPLE, count)).astype(np.int64)


class _Placing:
    """Runs on the workers: puts the rows of a bundle into the cells that their boxes meet."""

    def __init__(self, plan: Plan, *, left: bool) -> None:
        self._plan, self._left = plan, left

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Place the rows of one partition: a row for each cell that got some."""
        import pyarrow as pa

        settle()
        for batch in batches:
            for bundle in batch.column("part"):
                for cell, content in self._placed(unpack(bundle.as_buffer())):
                    columns = [pa.array([cell], pa.int32()), pa.array([content], pa.binary())]
                    yield pa.RecordBatch.from_arrays(columns, names=["cell", "bundle"])

    def _placed(self, rows: pa.Table) -> Iterator[tuple[int, bytes]]:
        try:
            found = self._plan.boxed(one_array(rows["wkb"]), left=self._left)
        except DataBrokenError as err:
            yield BROKEN, err.message.encode()
            return
        for cell, part in found.placed(self._plan.cells, first=rows["row"][0].as_py()):
            yield cell, pack(part)


class _Cells:
    """Runs on the workers: joins whole cells, a row each."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Join the cells of one partition."""
        import pyarrow as pa

        settle()
        join = _CellJoin(self._plan)
        for batch in batches:
            for row in range(batch.num_rows):
                left, right = (
                    pa.Table.from_batches([unpack(batch.column(name)[row].as_buffer())])
                    for name in ("left", "right")
                )
                yield from join.join(batch.column("cell")[row].as_py(), left, right).to_batches()


class _CellJoin:
    """Runs on the workers: joins what lies in one cell."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def of_groups(self, left: pa.Table, right: pa.Table) -> pa.Table:
        """Join the bundles of one cell, or tell of what could not be read."""
        settle()
        for side in (left, right):
            if side.num_rows and side["cell"][0].as_py() == BROKEN:
                return _answer(problem=side["bundle"][0].as_py().decode())
        if not left.num_rows or not right.num_rows:
            return _answer()
        return self.join(left["cell"][0].as_py(), _opened(left), _opened(right))

    def join(self, cell: int, left: pa.Table, right: pa.Table) -> pa.Table:
        """Give the pairs that this cell answers for, or the problem."""
        try:
            join = self._topology if self._plan.distance_m is None else self._near
            i, j = join(cell, left, right)
        except DataBrokenError as err:
            return _answer(problem=err.message)
        return _answer(left["row"].to_numpy()[i], right["row"].to_numpy()[j])

    def _topology(
        self, cell: int, left: pa.Table, right: pa.Table
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        a, b = (Side(one_array(side["wkb"]), None) for side in (left, right))
        pairs = join_topology(a, b, self._plan.predicate)
        i, j = (pairs[name].to_numpy() for name in ("left_index", "right_index"))
        own = self._answers_for(cell, boxes_of(left)[0][i], boxes_of(right)[0][j])
        return i[own], j[own]

    def _near(
        self, cell: int, left: pa.Table, right: pa.Table
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        assert self._plan.distance_m is not None
        a, b = (Side(one_array(side["wkb"]), None).shapes() for side in (left, right))
        windows, owners = boxes_of(left)
        boxes, _ = boxes_of(right)
        tree, drawn = shapely.STRtree(b), shapely.box(*windows.T)
        window, j = tree.query(drawn)
        keys = owners[window] * len(b) + j
        # the first window of a row that meets the other box says which cell has the pair
        order = np.lexsort((window, keys))
        keys, first = np.unique(keys[order], return_index=True)
        window, j = window[order][first], j[order][first]
        near_window, near = tree.query(drawn, predicate="intersects")
        own = self._answers_for(cell, windows[window], boxes[j])
        own &= np.isin(keys, owners[near_window] * len(b) + near)
        i, j = owners[window[own]], j[own]
        close = np.zeros(len(i), dtype=bool)
        for start in range(0, len(i), PAIRS_AT_ONCE):
            part = slice(start, start + PAIRS_AT_ONCE)
            limit = self._plan.distance_m + MICROMETRE
            close[part] = pair_distances_m(a, b, i[part], j[part], at_most=limit) <= limit
        return i[close], j[close]

    def _answers_for(self, cell: int, left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.bool_]:
        """Tell for pairs of boxes whether their reference point lies in this cell."""
        corners = np.maximum(left[:, :2], right[:, :2])
        return np.asarray(self._plan.cells.of_points(corners) == cell)


def _opened(bundles: pa.Table) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_batches(
        [unpack(bundle.as_buffer()) for bundle in one_array(bundles["bundle"])]
    )


def _answer(left: Any = (), right: Any = (), *, problem: str | None = None) -> pa.Table:
    import pyarrow as pa

    if problem is not None:
        left, right = [BROKEN], [BROKEN]
    texts = pa.array([problem], pa.string()) if problem else pa.nulls(len(left), pa.string())
    return pa.table(
        {"left_index": pa.array(left, pa.int64()), "right_index": pa.array(right, pa.int64()), "problem": texts}
    )  # fmt: skip
