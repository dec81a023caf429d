"""CSV and TSV with WKT, WKB in hexadecimal, or x and y, read in blocks."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import shapely

from extremeearth.core.boxes import as_crs
from extremeearth.core.errors import CrsError, DataBrokenError, InputError

if TYPE_CHECKING:
    from odc.geo.crs import CRS

__all__ = [
    "WKT_NAMES", "XY_NAMES", "Systems", "TextTable", "flat", "points_of", "read_text_table", "shapes_of_text",
    "shapes_of_wkt",
]  # fmt: skip

BLOCK_BYTES = 4 << 20
"""Read at a time; what a block leaves behind in the allocators counts as much as the shapes themselves."""
WKT_NAMES = ("wkt", "geometry", "geom", "the_geom", "shape", "wkt_geometry", "wkb")
XY_NAMES = (("x", "y"), ("lon", "lat"), ("longitude", "latitude"), ("easting", "northing"))
_WKT = r"^\s*(?i:SRID=\d+;\s*)?(?i:POINT|LINESTRING|LINEARRING|POLYGON|MULTI|GEOMETRYCOLLECTION)"
_SYSTEM = r"(?is)^\s*SRID=(?P<srid>\d+);(?P<wkt>.*)$"
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
LONGEST_LINE = 512 << 20
"""Read at a time where one line is longer than a block."""


@dataclass(slots=True)
class Systems:
    """The codes of reference systems that texts name, as PostGIS writes them; 0 where they name none."""

    codes: set[int] = field(default_factory=set)

    def crs(self, name: str) -> CRS | None:
        """Give the one system, if any is named.

        Raises
        ------
        CrsError
            There are several, or only some texts name one, or it is not known.
        """
        if self.codes <= {0}:
            return None
        if len(self.codes) > 1:
            which = (
                "are in different reference systems"
                if 0 not in self.codes
                else "do not all name a system"
            )
            raise CrsError(
                f"The geometries of {name} {which}.",
                hint="Transform them to one, e.g. with ST_Transform in a query.",
            )
        return as_crs(f"EPSG:{next(iter(self.codes))}")


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table of text: its columns, shapes, which of these are valid, how many could not be read, and their system."""

    columns: Any
    shapes: Any
    valid: Any
    unread: int
    crs: CRS | None


def read_text_table(path: Path, delimiter: str, geometry: str | None) -> TextTable:
    """Read a table."""
    try:
        return _read(path, delimiter, geometry, block=BLOCK_BYTES)
    except DataBrokenError as err:
        if "straddling" not in err.message:
            raise
    return _read(path, delimiter, geometry, block=LONGEST_LINE)


def _read(path: Path, delimiter: str, geometry: str | None, *, block: int) -> TextTable:
    others: list[Any] = []
    shapes: list[Any] = [np.empty(0, dtype=object)]
    valid: list[Any] = [np.empty(0, dtype=bool)]
    missing = 0
    names: tuple[str, ...] = ()
    systems = Systems()
    try:
        for batch in _batches(path, delimiter, block):
            if not names:
                names = _geometry_columns(batch, geometry, path.name)
            if len(names) == 1:
                found, good = shapes_of_text(batch.column(names[0]), systems)
                missing += batch.column(names[0]).null_count
                others.append(batch.drop_columns(list(names)))
            else:
                found, empty = _points(batch, names)
                good = ~shapely.is_missing(found)
                missing += empty
                others.append(batch)
            pa.default_memory_pool().release_unused()
            shapes.append(found)
            valid.append(good)
        table = pa.Table.from_batches(others) if others else _without_rows(path, delimiter)
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as err:
        raise DataBrokenError(
            f"{path.name} cannot be read: {err}.",
            hint="Check its separators, quotes and encoding (UTF-8).",
        ) from err
    every = np.concatenate(shapes)
    unread = int(shapely.is_missing(every).sum()) - missing
    return TextTable(table, every, np.concatenate(valid), unread, systems.crs(path.name))


def _without_rows(path: Path, delimiter: str) -> Any:
    names = _header(path, delimiter)
    return pa.table({name: pa.array([], pa.large_string()) for name in names})


def _batches(path: Path, delimiter: str, block: int) -> Any:
    names = _header(path, delimiter)
    if not names:
        raise DataBrokenError(f"{path.name} is empty.", hint="Its first line names the columns.")
    options = {
        "read_options": pcsv.ReadOptions(block_size=block),
        "parse_options": pcsv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        # texts stay texts: a type found in the first block may not hold in the next
        "convert_options": pcsv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.large_string()),
            strings_can_be_null=True, null_values=[""], quoted_strings_can_be_null=False,
        ),
    }  # fmt: skip
    with pa.input_stream(str(path), compression="detect") as stream:
        try:
            reader = pcsv.open_csv(stream, **options)
        except pa.ArrowInvalid as err:
            if "Empty CSV" in str(err):  # a header that no newline ends
                return
            raise
        with reader:
            yield from reader


def _header(path: Path, delimiter: str) -> list[str]:
    import csv
    import io

    with pa.input_stream(str(path), compression="detect") as stream:
        start = stream.read(1 << 20).partition(b"\n")[0].decode("utf-8-sig")
    return next(csv.reader(io.StringIO(start), delimiter=delimiter), [])


def _geometry_columns(batch: Any, geometry: str | None, name: str) -> tuple[str, ...]:
    columns = list(batch.schema.names)
    if geometry is not None:
        if geometry not in columns:
            raise InputError(
                f"{name} has no column '{geometry}'.", hint=f"There are: {', '.join(columns)}."
            )
        return (geometry,)
    lower = {column.lower(): column for column in columns}
    for known in WKT_NAMES:
        if known in lower:
            return (lower[known],)
    looks = [c for c in columns if _all_wkt(batch.column(c).slice(0, 100))]
    if len(looks) == 1:
        return (looks[0],)
    for x, y in XY_NAMES:
        if not looks and x in lower and y in lower:
            return lower[x], lower[y]
    what = (
        f"several columns with WKT: {', '.join(looks)}"
        if looks
        else "no column with WKT, and no x and y"
    )
    raise InputError(f"{name} has {what}.", hint="Name the column with the geometries.")


def _all_wkt(values: Any) -> bool:
    known = values.drop_null()
    return bool(len(known)) and bool(pc.all(pc.match_substring_regex(known, _WKT)).as_py())


def _points(batch: Any, names: tuple[str, ...]) -> tuple[Any, int]:
    return points_of(*(batch.column(name) for name in names))


def points_of(x: Any, y: Any) -> tuple[Any, int]:
    """Make points of two columns, and count those without one.

    Examples
    --------
    >>> points_of(pa.array(["1", None]), pa.array(["2", "3"]))
    (array([<POINT (1 2)>, None], dtype=object), 1)
    """
    x, y = (pc.cast(side, pa.float64()).to_numpy(zero_copy_only=False) for side in (x, y))
    points = shapely.points(x, y)
    known = np.isfinite(x) & np.isfinite(y)
    points[~known] = None
    return points, int((~known).sum())


def shapes_of_text(texts: Any, systems: Systems) -> tuple[Any, Any]:
    """Parse WKT or WKB in hexadecimal, also with the reference system that PostGIS puts in; note it in `systems`.

    Examples
    --------
    >>> systems = Systems()
    >>> shapes_of_text(pa.array(["SRID=4258;POINT (1 2)"]), systems)[0].tolist(), systems.codes
    ([<POINT (1 2)>], {4258})
    """
    known = texts.drop_null()
    if not len(known):
        return shapes_of_wkt(texts)
    if _HEX.fullmatch(known[0].as_py()):
        shapes = _straight_ones(shapely.from_wkb, texts)
        here = ~shapely.is_missing(shapes)
        systems.codes.update(np.unique(shapely.get_srid(shapes[here])).tolist())
        return flat(shapes), shapely.is_valid(shapes)
    named = pc.match_substring_regex(known, r"^\s*(?i:SRID)=")
    if not pc.any(named).as_py():
        systems.codes.add(0)
        return shapes_of_wkt(texts)
    systems.codes |= set() if pc.all(named).as_py() else {0}
    parts = pc.extract_regex(texts, _SYSTEM)
    wkt = pc.if_else(parts.is_valid(), pc.struct_field(parts, "wkt"), texts)
    systems.codes.update(
        int(code) for code in pc.unique(pc.struct_field(parts, "srid")).drop_null().to_pylist()
    )
    return shapes_of_wkt(wkt)


def shapes_of_wkt(texts: Any) -> tuple[Any, Any]:
    """Parse WKT in two dimensions, and tell what is valid; what cannot be parsed, and what is missing, is `None`.

    SedonaDB's reader does it on all cores; where a text is broken, GEOS reads that block, text by text.

    Examples
    --------
    >>> shapes, valid = shapes_of_wkt(pa.array(["POINT (1 2)", "POINT (", None]))
    >>> shapes.tolist(), valid.tolist()
    ([<POINT (1 2)>, None, None], [True, False, False])
    """
    import sedonadb

    table = pa.table({"row": np.arange(len(texts), dtype=np.int64), "wkt": texts})
    session = sedonadb.connect()
    session.create_data_frame(table).to_view("texts")
    try:
        found = session.sql(
            "SELECT row, ST_AsBinary(shape) AS wkb, ST_IsValid(shape) AS valid "
            "FROM (SELECT row, ST_GeomFromWKT(wkt) AS shape FROM texts)"
        ).to_arrow_table()
    except (
        Exception
    ):  # SedonaDB raises one bare class for all causes; GEOS tells which text is broken
        read = flat(_straight_ones(shapely.from_wkt, texts))
        return read, shapely.is_valid(read)
    shapes = np.empty(len(texts), dtype=object)
    valid = np.zeros(len(texts), dtype=bool)
    rows = found["row"].to_numpy()
    shapes[rows] = shapely.from_wkb(found["wkb"].to_numpy(zero_copy_only=False))
    valid[rows] = pc.fill_null(found["valid"], False).to_numpy()
    return flat(shapes), valid


def _straight_ones(read: Any, texts: Any) -> Any:
    """Read the shapes that can be read; a curve stops the others too, so that they are read one by one then."""
    values = texts.to_numpy(zero_copy_only=False)
    try:
        return np.asarray(read(values, on_invalid="ignore"), dtype=object)
    except NotImplementedError:  # a curve: Shapely knows none, and stops at the first
        shapes = np.empty(len(values), dtype=object)
        for row, value in enumerate(values):
            with suppress(NotImplementedError):  # the curve itself stays missing, and is counted
                shapes[row] = read(value, on_invalid="ignore")
        return shapes


def flat(shapes: Any) -> Any:
    """Leave heights out, where there are any: relations are those of the plane."""
    return shapely.force_2d(shapes) if shapely.has_z(shapes).any() else shapes
