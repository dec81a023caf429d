"""Geometries in tables of text: a column of WKT (named, or found), or columns of x and y."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from odc.geo.crs import CRS

from extremeearth.core.boxes import as_crs
from extremeearth.core.errors import CrsError, MappingError
from extremeearth.knowledge.mapping.frames import Frame
from extremeearth.knowledge.mapping.functions.contract import Argument, code_of_crs, geometry_column
from extremeearth.knowledge.mapping.sources.column_files import GEOMETRY
from extremeearth.knowledge.mapping.sources.contract import (
    HOW_TO_GIVE_A_CRS,
    Source,
    check_columns,
    pieces_of,
)
from extremeearth.knowledge.mapping.sources.geometry_sources import GeometryOptions
from extremeearth.knowledge.rdf import (
    CRS84_CODE,
    NO_CRS,
    GeometryColumn,
    as_text,
    crs_of_code,
    in_system,
)

__all__ = ["TextGeometry", "TextGeometrySource", "find_text_geometry"]

_WKT_NAMES = (
    "wkt",
    "geometry",
    "geom",
    "the_geom",
    "wkt_geom",
    "wkb_geometry",
    "shape",
    "footprint",
)
_X_NAMES = ("x", "lon", "long", "longitude", "lng", "easting", "decimallongitude", "x_coord")
_Y_NAMES = ("y", "lat", "latitude", "northing", "decimallatitude", "y_coord")
_STARTS = (
    r"^\s*(?:<[^>]*>\s*|SRID=\d+;\s*)?(?:MULTI)?(?:POINT|LINESTRING|POLYGON|GEOMETRYCOLLECTION)\s*(?:Z|M|ZM)?\s*"
    r"(?:\(|EMPTY)"
)
_EWKT = r"^\s*SRID=(?P<code>\d+)\s*;\s*"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextGeometry:
    """Where a table of texts has its geometries: a column of WKT, or one of x and one of y.

    Examples
    --------
    >>> TextGeometry(wkt="shape").columns
    ('shape',)
    """

    wkt: str | None = None
    x: str | None = None
    y: str | None = None

    def __post_init__(self) -> None:
        if (self.wkt is None) == (self.x is None) or (self.x is None) != (self.y is None):
            raise MappingError(
                "A table's geometry is either a column of WKT, or one of x and one of y.",
                hint="Name the one or the two.",
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read for it."""
        return tuple(name for name in (self.wkt, self.x, self.y) if name is not None)


def find_text_geometry(names: list[str], sample: Any = None) -> TextGeometry | None:
    """Find the geometry of a table by the names of its columns, and by what stands in them.

    Parameters
    ----------
    names
        The columns.
    sample
        Some rows as an Arrow table. A column of any name counts as WKT where all its values begin like that; without
        a sample the name decides.

    Returns
    -------
    TextGeometry or None
        ``None`` where nothing was found, or several columns could be meant.

    Examples
    --------
    >>> find_text_geometry(["id", "Longitude", "Latitude"])
    TextGeometry(wkt=None, x='Longitude', y='Latitude')
    >>> find_text_geometry(["id", "outline"], pa.table({"id": ["1"], "outline": ["POINT (1 2)"]}))
    TextGeometry(wkt='outline', x=None, y=None)
    """
    folded = {name.casefold(): name for name in names}
    if sample is None:
        wkt = [folded[name] for name in _WKT_NAMES if name in folded]
    else:
        wkt = [name for name in names if _is_wkt(sample[name])]
        named = [name for name in wkt if name.casefold() in _WKT_NAMES]
        wkt = named if len(named) == 1 else wkt
    if len(wkt) == 1:
        return TextGeometry(wkt=wkt[0])
    xs, ys = ([folded[name] for name in known if name in folded] for known in (_X_NAMES, _Y_NAMES))
    if not wkt and len(xs) == 1 and len(ys) == 1:
        return TextGeometry(x=xs[0], y=ys[0])
    return None


def _is_wkt(column: Any) -> bool:
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return False
    present = column.drop_null()
    matched = pc.match_substring_regex(present, pattern=_STARTS, ignore_case=True)
    return len(present) > 0 and bool(pc.all(matched).as_py())


@dataclass(frozen=True)
class TextGeometrySource:
    """A table of texts that also has a column ``geometry``, made of the columns that hold it."""

    name: str
    inner: Source
    where: TextGeometry
    crs: CRS | None
    known: list[str]
    options: GeometryOptions
    found: Counter[str] = field(default_factory=Counter)

    def check(self, references: tuple[str, ...]) -> None:
        """Raise `MappingError` if a column is missing, `CrsError` if nothing names the reference system."""
        check_columns(self.name, [*self.known, GEOMETRY], references)
        check_columns(self.name, self.known, self.where.columns)
        if GEOMETRY in references and self.crs is None and self.where.wkt is None:
            raise self._no_system()

    def _no_system(self) -> CrsError:
        return CrsError(
            f"Nothing says in which reference system the geometries of '{self.name}' are.",
            hint=HOW_TO_GIVE_A_CRS,
        )

    def frames(self, references: tuple[str, ...], *, batch_rows: int) -> Iterator[Frame]:
        """Read the rows, and make their geometries if the mapping asks for them."""
        if GEOMETRY not in references:
            yield from self.inner.frames(references, batch_rows=batch_rows)
            return
        others = tuple(name for name in references if name != GEOMETRY)
        wanted = tuple(dict.fromkeys((*others, *self.where.columns)))
        crs = self.crs
        self.found.clear()
        for frame in self.inner.frames(wanted, batch_rows=batch_rows):
            column, crs = self._column(frame, crs)
            columns = {name: frame.columns[name] for name in others}
            columns[GEOMETRY] = pa.array(shapely.to_wkb(column.shapes), pa.large_binary())
            yield Frame(
                columns=columns, rows=frame.rows, systems={GEOMETRY: crs}, first_row=frame.first_row,
                row_numbers=frame.row_numbers,
            )  # fmt: skip
        self.options.note(self.name, self.found)

    def pieces(self, references: tuple[str, ...], *, piece_bytes: int) -> Iterator[Source] | None:
        """Cut the source, but where the first text with a reference system decides for all."""
        if GEOMETRY not in references:
            return pieces_of(self.inner, references, piece_bytes=piece_bytes)
        others = tuple(name for name in references if name != GEOMETRY)
        pieces = pieces_of(self.inner, others, piece_bytes=piece_bytes)
        if self.crs is None or pieces is None:
            return None
        return (replace(self, inner=piece) for piece in pieces)

    def _column(self, frame: Frame, crs: CRS | None) -> tuple[GeometryColumn, CRS]:
        if self.where.wkt is not None:
            return self._from_wkt(frame.values(self.where.wkt).text, crs)
        if crs is None:
            raise self._no_system()
        texts = [frame.values(name).text for name in self.where.columns]
        xy = [_numbers(text) for text in texts]
        missing = np.isnan(xy[0]) | np.isnan(xy[1])
        given = pc.and_(*(text.is_valid() for text in texts)).to_numpy(zero_copy_only=False)
        if (missing & given).any():
            row = int(np.flatnonzero(missing & given)[0])
            example = ", ".join(text[row].as_py() for text in texts)
            self._broken("is no pair of coordinates", example, int((missing & given).sum()))
        shapes = np.full(frame.rows, None, object)
        shapes[~missing] = shapely.points(xy[0][~missing], xy[1][~missing])
        return GeometryColumn(shapes, np.zeros(frame.rows, np.int32)), crs

    def _from_wkt(self, texts: Any, crs: CRS | None) -> tuple[GeometryColumn, CRS]:
        """Read WKT; the first system that a text names is that of the column where none was given."""
        texts, codes = _without_ewkt(as_text(texts))
        iris = pc.fill_null(pc.starts_with(texts, "<"), False).to_numpy(zero_copy_only=False)
        column = geometry_column(Argument(texts, len(texts), broken=self._broken))
        present = column.systems != NO_CRS
        codes = np.where(iris, column.systems, codes)
        unnamed = present & (codes == NO_CRS)
        if crs is None:
            if unnamed.any():
                raise self._no_system()
            crs = crs_of_code(int(codes[present][0]) if present.any() else CRS84_CODE)
        code = code_of_crs(crs)
        systems = np.where(present, np.where(unnamed, code, codes), NO_CRS).astype(np.int32)
        return in_system(GeometryColumn(column.shapes, systems), code), crs

    def _broken(self, reason: str, example: str, rows: int) -> None:
        self.options.broken(self.found, reason, example, rows)


def _without_ewkt(texts: Any) -> tuple[Any, Any]:
    """Take ``SRID=4326;`` of PostGIS away; give the codes of these systems, x first whatever they define."""
    codes = np.full(len(texts), NO_CRS, np.int32)
    hits = pc.fill_null(pc.match_substring_regex(texts, pattern=_EWKT), False)
    if not pc.any(hits, min_count=0).as_py():
        return texts, codes
    numbers = pc.struct_field(pc.extract_regex(texts, pattern=_EWKT), "code")
    for number in pc.unique(numbers.filter(hits)).to_pylist():
        rows = pc.fill_null(pc.equal(numbers, number), False).to_numpy(zero_copy_only=False)
        codes[rows] = code_of_crs(as_crs(int(number)))
    return pc.replace_substring_regex(texts, pattern=_EWKT, replacement=""), codes


def _numbers(texts: Any) -> Any:
    """Read numbers; what is none has no place."""
    good = pc.match_substring_regex(texts, pattern=r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$")
    kept = pc.if_else(good, pc.utf8_trim_whitespace(texts), pa.scalar(None, pa.large_string()))
    return pc.cast(kept, pa.float64()).to_numpy(zero_copy_only=False)
