"""Which rows belong into which cell of a spatial join, and how they travel there: a bundle of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from extremeearth.core.boxes import LONLAT
from extremeearth.core.geodesy import transform
from extremeearth.infrastructure.engine._spatial import Side, windows_around
from extremeearth.infrastructure.engine.geodesic import on_one_turn

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray
    from odc.geo.crs import CRS

    from extremeearth.infrastructure.engine._spark_cells import Cells

BOX_BYTES = 32


@dataclass(frozen=True, slots=True)
class Boxed:
    """Geometries to compare, and boxes with the row of each; rows come in order, and one may have several boxes.

    The boxes travel along with the rows: all cells must see the very same numbers when they decide which of them
    has a pair.
    """

    wkb: pa.Array
    boxes: NDArray[np.float64]
    owners: NDArray[np.int64]

    def placed(self, cells: Cells, *, first: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Give each cell the rows whose boxes meet it: row (from `first`), wkb, boxes."""
        import pyarrow as pa

        found, nodes = cells.of_boxes(self.boxes)
        count = len(self.wkb)
        node, row = np.divmod(np.unique(nodes * np.int64(count) + self.owners[found]), count)
        written = self._written()
        ends = [*(np.flatnonzero(np.diff(node)) + 1), len(node)]
        for start, end in zip([0, *ends[:-1]], ends, strict=True):
            if end > start:
                taken = pa.array(row[start:end])
                columns = [
                    pa.array(row[start:end] + first),
                    self.wkb.take(taken),
                    written.take(taken),
                ]
                yield int(node[start]), pa.RecordBatch.from_arrays(columns, names=["row", "wkb", "boxes"])  # fmt: skip

    def _written(self) -> pa.Array:
        """Write the boxes of each row, one after the other, as bytes."""
        import pyarrow as pa

        rows = len(self.wkb)
        ends = np.searchsorted(self.owners, np.arange(rows + 1)).astype(np.int32) * BOX_BYTES
        data = np.ascontiguousarray(self.boxes, dtype=np.float64)
        return pa.Array.from_buffers(
            pa.binary(), rows, [None, pa.py_buffer(ends), pa.py_buffer(data.tobytes())]
        )


def boxed(wkb: pa.Array, crs: CRS, distance_m: float | None, *, windows: bool) -> Boxed:
    """Read geometries and give what is compared.

    With a distance they are brought to longitude and latitude; with `windows` the boxes are those around
    everything within it. `DataBrokenError` where a geometry cannot be read.
    """
    import pyarrow as pa

    shapes = Side(wkb, None).shapes()
    if distance_m is not None:
        shapes = in_degrees(shapes, crs)
        wkb = pa.array(shapely.to_wkb(shapes), pa.binary())
    elif pa.types.is_binary_view(wkb.type):
        wkb = wkb.cast(pa.binary())  # views cannot be taken from
    if distance_m is None or not windows:
        return Boxed(wkb, shapely.bounds(shapes).reshape(-1, 4), np.arange(len(shapes)))
    around, owners = windows_around(shapes, distance_m)
    order = np.argsort(owners, kind="stable")
    return Boxed(wkb, shapely.bounds(around[order]).reshape(-1, 4), owners[order])


def boxes_of(table: pa.Table) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Read all boxes and the row of each."""
    texts = table["boxes"].to_pylist()
    boxes = np.frombuffer(b"".join(texts), dtype=np.float64).reshape(-1, 4)
    return boxes, np.repeat(np.arange(len(texts)), [len(text) // BOX_BYTES for text in texts])


def in_degrees(shapes: NDArray[Any], crs: CRS) -> NDArray[Any]:
    """Bring shapes to longitude and latitude, those beyond longitude 180 to the other side."""
    degrees = transform(shapes, source=crs, target=LONLAT)
    return on_one_turn(np.asarray(degrees, dtype=object))
