"""Links as a table with both shapes: CSV, GeoParquet or GeoJSON, for a spreadsheet, a notebook or a map."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from extremeearth.core.errors import InputError
from extremeearth.core.files import atomic_path
from extremeearth.knowledge.interlinking.results.shapes import in_lonlat, links_in, rows_of

if TYPE_CHECKING:
    from extremeearth.knowledge.interlinking.features import FeatureSet

__all__ = ["TABLE_ENDINGS", "write_link_table"]

ROWS = 20_000
"""Links in memory with their shapes at a time."""

Put = Callable[[Any, Any, Any], None]
"""Takes links, and the shapes of both sides."""


def write_link_table(links: Path, left: FeatureSet, right: FeatureSet | None, target: Path) -> int:
    """Write the links of a file as a table: one row for each, with the shapes of both features.

    Shapes are in longitude and latitude. CSV has them as WKT, GeoParquet as two geometry columns, GeoJSON as a
    collection of both in one feature. The file appears whole, and some thousand links are in memory at a time.

    Parameters
    ----------
    links
        N-Triples that a run wrote, also packed.
    left, right
        What was linked; `None` where one set was linked with itself.
    target
        File that ends in ``.csv``, ``.parquet`` or ``.geojson``.

    Returns
    -------
    int
        Links written.

    Raises
    ------
    InputError
        The name is that of no table, or a link names a feature that is not there.

    Examples
    --------
    >>> import tempfile
    >>> from geopandas import GeoDataFrame
    >>> from extremeearth.knowledge.interlinking import link, read_features, write_links
    >>> folder = Path(tempfile.mkdtemp())
    >>> points = read_features(
    ...     GeoDataFrame({"id": ["urn:a", "urn:b"]}, geometry=[shapely.Point(1, 1)] * 2, crs=4326)
    ... )
    >>> _ = write_links(link(points, None, relations=["equals"]), folder / "links.nt")
    >>> write_link_table(folder / "links.nt", points, None, folder / "links.csv")
    2
    >>> (folder / "links.csv").read_text().splitlines()[1]
    '"urn:a","http://www.opengis.net/ont/geosparql#sfEquals","urn:b","POINT (1 1)","POINT (1 1)"'
    """
    writer = TABLE_ENDINGS.get(target.suffix.lower())
    if writer is None:
        raise InputError(
            f"'{target.name}' is no table of links.", hint=f"Name it {', '.join(TABLE_ENDINGS)}."
        )
    other = left if right is None else right
    ours = in_lonlat(left)
    theirs = ours if right is None else in_lonlat(other)
    count = 0
    with atomic_path(target) as path, writer(path) as put:
        for found in links_in(links):
            for start in range(0, found.num_rows, ROWS):
                some = found.slice(start, ROWS).combine_chunks()
                put(
                    some, ours[rows_of(some["source"], left)],
                    theirs[rows_of(some["target"], other)],
                )  # fmt: skip
                count += some.num_rows
    return count


@contextmanager
def _csv(path: Path) -> Iterator[Put]:
    import pyarrow as pa
    from pyarrow import csv

    schema = pa.schema([(name, pa.large_string()) for name in _COLUMNS])
    with csv.CSVWriter(str(path), schema) as file:

        def put(links: Any, ours: Any, theirs: Any) -> None:
            words = [column.cast(pa.large_string()) for column in links.columns]
            shapes = [
                pa.array(shapely.to_wkt(side, rounding_precision=-1), pa.large_string())
                for side in (ours, theirs)
            ]
            file.write_table(pa.table([*words, *shapes], schema=schema))

        yield put


@contextmanager
def _parquet(path: Path) -> Iterator[Put]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    shapes = ("source_geometry", "target_geometry")
    columns = {name: {"encoding": "WKB", "geometry_types": []} for name in shapes}  # CRS84: no crs
    described = {"version": "1.1.0", "primary_column": shapes[0], "columns": columns}
    schema = pa.schema(
        [(name, pa.large_binary() if name in shapes else pa.large_string()) for name in _COLUMNS],
        metadata={"geo": json.dumps(described)},
    )
    with pq.ParquetWriter(path, schema, compression="zstd") as file:

        def put(links: Any, ours: Any, theirs: Any) -> None:
            words = [column.cast(pa.large_string()) for column in links.columns]
            made = [pa.array(shapely.to_wkb(side), pa.large_binary()) for side in (ours, theirs)]
            file.write_table(pa.table([*words, *made], schema=schema))

        yield put


@contextmanager
def _geojson(path: Path) -> Iterator[Put]:
    with path.open("w", encoding="utf-8") as file:
        file.write('{"type":"FeatureCollection","features":[')
        between = "\n"

        def put(links: Any, ours: Any, theirs: Any) -> None:
            nonlocal between
            both = shapely.geometrycollections(np.column_stack([ours, theirs]))
            words = links.to_pylist()
            for properties, shape in zip(words, shapely.to_geojson(both), strict=True):
                said = json.dumps(properties, ensure_ascii=False)
                file.write(f'{between}{{"type":"Feature","properties":{said},"geometry":{shape}}}')
                between = ",\n"

        yield put
        file.write("\n]}\n")


_COLUMNS = ("source", "relation", "target", "source_geometry", "target_geometry")
TABLE_ENDINGS = {".csv": _csv, ".parquet": _parquet, ".geojson": _geojson}
"""How a table of links is written, by the end of its name."""
