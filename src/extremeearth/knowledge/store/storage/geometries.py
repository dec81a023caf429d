"""The stored geometries in memory: found by number, and by box in longitude and latitude."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from extremeearth.knowledge.rdf.geometry_column import (
    CRS84_CODE,
    NO_CRS,
    GeometryColumn,
    crs_code,
    iri_of_code,
)
from extremeearth.knowledge.store.storage._arrow import coded, single
from extremeearth.knowledge.store.storage.boxes import (
    FARTHEST,
    Boxes,
    box_centres,
    hilbert_order,
    lonlat_boxes,
)

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "BOX_COLUMNS", "GeometryChunk", "StoredGeometries", "file_of_geometries", "geometries_of_file", "in_one",
    "make_chunk",
]  # fmt: skip

BOX_COLUMNS = ("xmin", "ymin", "xmax", "ymax")
BLOCK = 256
"""Geometries that lie near each other and are looked at together."""
CACHE_BYTES = 512 * 1024**2
SHAPE_OVERHEAD = 200
"""Bytes that a parsed shape takes beyond its coordinates, about."""
MERGE_ROWS = 1 << 19
KEPT_BYTES = 128 * 1024**2
CELLS = 64


@dataclass(frozen=True, eq=False)
class GeometryChunk:
    """Geometries of one file, or of a few, in Hilbert order file by file."""

    ids: NDArray[np.int64]
    wkb: pa.LargeBinaryArray
    systems: NDArray[np.int32]
    boxes: Boxes

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def by_id(self) -> NDArray[np.intp]:
        """Rows in order of their numbers."""
        return np.argsort(self.ids, kind="stable")

    @cached_property
    def blocks(self) -> Boxes:
        """The box of each `BLOCK` rows."""
        starts = np.arange(0, len(self), BLOCK)
        low = np.fmin.reduceat(self.boxes[:, :2], starts, axis=0)
        high = np.fmax.reduceat(self.boxes[:, 2:], starts, axis=0)
        return np.hstack([low, high])

    @cached_property
    def shapes(self) -> NDArray[Any]:
        """Parsed shapes, `None` where nobody asked so far."""
        return np.full(len(self), None, object)

    def rows_of(self, ids: NDArray[np.int64]) -> NDArray[np.intp]:
        """Give the row of each number, -1 where it is not here."""
        places = self.ids.searchsorted(ids, sorter=self.by_id)
        rows = self.by_id[np.minimum(places, len(self) - 1)]
        return np.where(self.ids[rows] == ids, rows, -1)

    def in_box(self, box: tuple[float, float, float, float]) -> NDArray[np.int64]:
        """Give the numbers of the geometries whose boxes meet a box."""
        rows = self._near(box)
        found: NDArray[np.int64] = self.ids[rows[_meet(self.boxes[rows], box)]]
        return found

    def inside_box(self, box: tuple[float, float, float, float]) -> NDArray[np.int64]:
        """Give the numbers of the geometries in CRS84 whose boxes lie in a box and do not touch its border."""
        rows = self._near(box)
        boxes = self.boxes[rows]
        inside = (boxes[:, :2] > box[:2]).all(axis=1) & (boxes[:, 2:] < box[2:]).all(axis=1)
        found: NDArray[np.int64] = self.ids[rows[inside & (self.systems[rows] == CRS84_CODE)]]
        return found

    def _near(self, box: tuple[float, float, float, float]) -> NDArray[np.intp]:
        """Give the rows of the blocks that meet a box."""
        near = np.flatnonzero(_meet(self.blocks, box))
        rows = (near[:, None] * BLOCK + np.arange(BLOCK)[None, :]).ravel()
        return rows[rows < len(self)]


def _meet(boxes: Boxes, box: tuple[float, float, float, float]) -> NDArray[np.bool_]:
    xmin, ymin, xmax, ymax = box
    met: NDArray[np.bool_] = (boxes[:, 1] <= ymax) & (boxes[:, 3] >= ymin)
    if xmin <= xmax:
        met &= (boxes[:, 0] <= xmax) & (boxes[:, 2] >= xmin)
    else:  # across the antimeridian
        met &= (boxes[:, 2] >= xmin) | (boxes[:, 0] <= xmax)
    return met


class _ShapeCache:
    """Counts the bytes of parsed shapes, about; one for all snapshots of a store."""

    def __init__(self) -> None:
        self.used = 0

    def is_full(self, more: int) -> bool:
        """Add to the count; where it is too much, start anew and tell that all must be forgotten."""
        full = self.used + more > CACHE_BYTES
        self.used = more if full else self.used + more
        return full


class StoredGeometries:
    """Geometries as one snapshot sees them; never changes.

    Examples
    --------
    >>> shapes = np.array([shapely.Point(1, 2), shapely.Point(8, 9)], object)
    >>> column = GeometryColumn(shapes, np.zeros(2, np.int32))
    >>> stored = StoredGeometries().extended(np.array([5, 6]), column)
    >>> stored.in_box(0, 0, 3, 3).tolist(), stored.column(np.array([6, 7])).shapes.tolist()
    ([5], [<POINT (8 9)>, None])
    """

    def __init__(
        self, chunks: tuple[GeometryChunk, ...] = (), cache: _ShapeCache | None = None
    ) -> None:
        self.chunks = chunks
        self._length = sum(map(len, chunks))
        self._cache = _ShapeCache() if cache is None else cache

    def __len__(self) -> int:
        return self._length

    def extended(self, ids: NDArray[np.int64], column: GeometryColumn) -> StoredGeometries:
        """Give the geometries with more of them, in Hilbert order."""
        return self if len(ids) == 0 else self.with_chunk(make_chunk(ids, column))

    def with_chunk(self, chunk: GeometryChunk) -> StoredGeometries:
        """Give the geometries with those of a file; numbers that are here already stay as they are."""
        new = ~self.contain(chunk.ids)
        first = np.zeros(len(chunk), bool)
        first[np.unique(chunk.ids, return_index=True)[1]] = True
        new &= first
        if not new.any():
            return self
        if not new.all():
            chunk = _chosen(chunk, np.flatnonzero(new))
        return StoredGeometries(_merged((*self.chunks, chunk)), self._cache)

    def contain(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which numbers have a geometry."""
        found = np.zeros(len(ids), bool)
        for chunk in self.chunks:
            found |= chunk.rows_of(ids) >= 0
        return found

    def column(self, ids: NDArray[np.int64]) -> GeometryColumn:
        """Give the shapes of terms by number, none where a term has none."""
        ids = np.asarray(ids, np.int64)
        shapes = np.full(len(ids), None, object)
        systems = np.full(len(ids), NO_CRS, np.int32)
        for chunk in self.chunks:
            rows = chunk.rows_of(ids)
            here = rows >= 0
            if here.any():
                shapes[here] = self._shapes(chunk, rows[here])
                systems[here] = chunk.systems[rows[here]]
        return GeometryColumn(shapes, systems)

    def _shapes(self, chunk: GeometryChunk, rows: NDArray[np.intp]) -> NDArray[Any]:
        import pyarrow as pa

        found = chunk.shapes[rows]
        missing = np.unique(rows[shapely.is_missing(found)])
        if len(missing) == 0:
            return found
        wkb = chunk.wkb.take(pa.array(missing))
        parsed = shapely.from_wkb(wkb.to_numpy(zero_copy_only=False))
        if self._cache.is_full(wkb.nbytes + SHAPE_OVERHEAD * len(missing)):
            for other in self.chunks:
                other.shapes[:] = None
        chunk.shapes[missing] = parsed
        holes = shapely.is_missing(found)
        found[holes] = parsed[missing.searchsorted(rows[holes])]
        return found

    def encoded(self, ids: NDArray[np.int64]) -> tuple[pa.Array, GeometryColumn]:
        """Give the WKB of terms by number, null where a term has none; and their systems, without shapes."""
        import pyarrow as pa

        systems = np.full(len(ids), NO_CRS, np.int32)
        places = np.full(len(ids), -1, np.int64)
        before = 0
        for chunk in self.chunks:
            rows = chunk.rows_of(ids)
            here = rows >= 0
            systems[here] = chunk.systems[rows[here]]
            places[here] = rows[here] + before
            before += len(chunk)
        known = pa.chunked_array([chunk.wkb for chunk in self.chunks], pa.large_binary())
        taken = known.take(pa.array(places, mask=places < 0)).combine_chunks()
        if isinstance(taken, pa.ChunkedArray):
            taken = (
                pa.concat_arrays(taken.chunks)
                if taken.num_chunks
                else pa.array([], pa.large_binary())
            )
        return taken, GeometryColumn(np.full(len(ids), None, object), systems)

    def boxes(self, ids: NDArray[np.int64]) -> Boxes:
        """Give the boxes in longitude and latitude of terms by number, NaN where a term has none."""
        found = np.full((len(ids), 4), np.nan)
        for chunk in self.chunks:
            rows = chunk.rows_of(ids)
            here = rows >= 0
            found[here] = chunk.boxes[rows[here]]
        return found

    def table(self) -> pa.Table:
        """Give all: ``id``, ``wkb``, ``crs`` (code), and boxes in longitude and latitude."""
        import pyarrow as pa

        schema = pa.schema(
            [("id", pa.int64()), ("wkb", pa.large_binary()), ("crs", pa.int32())]
            + [(name, pa.float64()) for name in BOX_COLUMNS]
        )
        if not self.chunks:
            return schema.empty_table()
        return pa.concat_tables(
            pa.Table.from_arrays(
                [pa.array(c.ids), c.wkb, pa.array(c.systems), *_box_arrays(c.boxes)], schema=schema
            )
            for c in self.chunks
        )

    def in_box(self, xmin: float, ymin: float, xmax: float, ymax: float) -> NDArray[np.int64]:
        """Give the numbers of the geometries whose box meets a box; ``xmin > xmax`` crosses the antimeridian."""
        found = [chunk.in_box((xmin, ymin, xmax, ymax)) for chunk in self.chunks]
        return np.concatenate(found) if found else np.zeros(0, np.int64)

    def empty(self) -> NDArray[np.int64]:
        """Give the numbers of the geometries that are empty."""
        found = [chunk.ids[np.isnan(chunk.boxes[:, 0])] for chunk in self.chunks]
        return np.concatenate(found) if found else np.zeros(0, np.int64)

    def inside_box(self, xmin: float, ymin: float, xmax: float, ymax: float) -> NDArray[np.int64]:
        """Give the numbers of the geometries in CRS84 whose boxes lie inside a box, without touching its border."""
        found = [chunk.inside_box((xmin, ymin, xmax, ymax)) for chunk in self.chunks]
        return np.concatenate(found) if found else np.zeros(0, np.int64)

    def box_fraction(self, xmin: float, ymin: float, xmax: float, ymax: float) -> float:
        """Estimate which part of the geometries meets a box."""
        if xmin > xmax:
            east = self.box_fraction(xmin, ymin, max(xmin, 180.0), ymax)
            return min(1.0, east + self.box_fraction(min(-180.0, xmax), ymin, xmax, ymax))
        if self._histogram is None:
            return 0.0
        low, step, half, sums = self._histogram
        ends = [
            np.clip((np.array([a - h, b + h]) - o) / s, 0.0, CELLS)
            for a, b, h, o, s in zip((xmin, ymin), (xmax, ymax), half, low, step, strict=True)
        ]
        (x0, x1), (y0, y1) = ends
        corners = [_interpolated(sums, x, y) for x, y in ((x1, y1), (x0, y1), (x1, y0), (x0, y0))]
        count = corners[0] - corners[1] - corners[2] + corners[3]
        return float(np.clip(count / sums[-1, -1], 0.0, 1.0))

    @cached_property
    def _histogram(self) -> tuple[Any, Any, Any, NDArray[np.float64]] | None:
        """Count centres of boxes in cells, summed up from the lower left, beside cell size and mean half box."""
        boxes = [chunk.boxes[~np.isnan(chunk.boxes[:, 0])] for chunk in self.chunks]
        all_ = np.concatenate(boxes) if boxes else np.zeros((0, 4))
        if len(all_) == 0:
            return None
        centres = box_centres(all_)
        half = (centres - np.clip(all_[:, :2], -FARTHEST, FARTHEST)).mean(0)
        low, high = centres.min(0), centres.max(0)
        step = np.maximum((high - low) / CELLS, 1e-9)
        x, y = np.minimum(((centres - low) / step).astype(np.int64), CELLS - 1).T
        counts = np.bincount(x * CELLS + y, minlength=CELLS * CELLS).reshape(CELLS, CELLS)
        sums = np.zeros((CELLS + 1, CELLS + 1))
        sums[1:, 1:] = counts.cumsum(0).cumsum(1)
        return low, step, half, sums


def _interpolated(sums: NDArray[np.float64], x: float, y: float) -> float:
    i, j = min(int(x), CELLS - 1), min(int(y), CELLS - 1)
    u, v = x - i, y - j
    lower = sums[i, j] * (1 - u) + sums[i + 1, j] * u
    upper = sums[i, j + 1] * (1 - u) + sums[i + 1, j + 1] * u
    return float(lower * (1 - v) + upper * v)


def _box_arrays(boxes: Boxes) -> list[pa.Array]:
    import pyarrow as pa

    return [pa.array(np.ascontiguousarray(boxes[:, i])) for i in range(4)]


def make_chunk(ids: NDArray[np.int64], column: GeometryColumn) -> GeometryChunk:
    """Make a chunk in Hilbert order of new geometries."""
    import pyarrow as pa

    boxes = lonlat_boxes(column)
    order = hilbert_order(boxes)
    shapes = column.shapes[order]
    wkb = pa.array(shapely.to_wkb(shapes, output_dimension=4, flavor="iso"), pa.large_binary())
    chunk = GeometryChunk(ids[order], wkb, column.systems[order], boxes[order])
    if wkb.nbytes < KEPT_BYTES:  # a bulk load must not hold all its shapes
        chunk.shapes[:] = shapes
    return chunk


def in_one(chunks: Sequence[GeometryChunk]) -> GeometryChunk:
    """Put chunks together, in Hilbert order again."""
    if len(chunks) == 1:
        return chunks[0]
    whole = _joined(chunks)
    return _chosen(whole, hilbert_order(whole.boxes))


def _chosen(chunk: GeometryChunk, rows: NDArray[np.intp]) -> GeometryChunk:
    import pyarrow as pa

    part = GeometryChunk(
        chunk.ids[rows], chunk.wkb.take(pa.array(rows)), chunk.systems[rows], chunk.boxes[rows]
    )
    part.shapes[:] = chunk.shapes[rows]
    return part


def _joined(chunks: Sequence[GeometryChunk]) -> GeometryChunk:
    import pyarrow as pa

    both = GeometryChunk(
        np.concatenate([chunk.ids for chunk in chunks]),
        pa.concat_arrays([chunk.wkb for chunk in chunks]),
        np.concatenate([chunk.systems for chunk in chunks]),
        np.concatenate([chunk.boxes for chunk in chunks]),
    )
    both.shapes[:] = np.concatenate([chunk.shapes for chunk in chunks])
    return both


def _merged(chunks: tuple[GeometryChunk, ...]) -> tuple[GeometryChunk, ...]:
    while len(chunks) > 1 and len(chunks[-2]) < min(2 * len(chunks[-1]), MERGE_ROWS):
        chunks = (*chunks[:-2], _joined(chunks[-2:]))
    return chunks


def file_of_geometries(chunk: GeometryChunk) -> pa.Table:
    """Make the table that is kept: reference systems by their IRIs."""
    import pyarrow as pa

    codes, back = np.unique(chunk.systems, return_inverse=True)
    iris = pa.array([iri_of_code(code) for code in codes.tolist()], pa.string())
    crs = pa.DictionaryArray.from_arrays(pa.array(back.astype(np.int32)), iris)
    columns = [pa.array(chunk.ids), chunk.wkb, crs, *_box_arrays(chunk.boxes)]
    return pa.Table.from_arrays(columns, ["id", "wkb", "crs", *BOX_COLUMNS])


def geometries_of_file(table: pa.Table) -> GeometryChunk:
    """Read such a table back."""
    texts, which = coded(table["crs"])
    codes = np.array([crs_code(iri) for iri in texts], np.int32)
    boxes = np.column_stack([table[name].to_numpy() for name in BOX_COLUMNS])
    systems = codes[which] if len(codes) else np.zeros(0, np.int32)
    wkb = single(table["wkb"], pa_type="large_binary")
    return GeometryChunk(table["id"].to_numpy(), wkb, systems, boxes)
