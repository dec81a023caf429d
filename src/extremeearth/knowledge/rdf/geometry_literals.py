"""Columns of geometry literals of GeoSPARQL 1.1 (OGC 22-047r1, clause 8.5), read and written all at once.

Four forms: ``geo:wktLiteral``, ``geo:gmlLiteral``, ``geo:geoJSONLiteral`` and ``geo:kmlLiteral``. A literal that cannot
be read is reported with its row and its reason and gives no geometry; it never stops the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from extremeearth.core.errors import CrsError, DataBrokenError, ExtremeEarthError
from extremeearth.knowledge.rdf._literal_texts import (
    from_wkt,
    geojson_error,
    geojson_reason,
    is_null_geometry,
    wkt_reason,
)
from extremeearth.knowledge.rdf.geometry import CRS84, is_y_first
from extremeearth.knowledge.rdf.geometry_column import (
    CRS84_CODE,
    NO_CRS,
    GeometryColumn,
    crs_code,
    crs_of_code,
)
from extremeearth.knowledge.rdf.geometry_order import swapped, swapped_text, without_empty_parts
from extremeearth.knowledge.rdf.gml import gml_to_wkt
from extremeearth.knowledge.rdf.kml import kml_to_wkt

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FORMS", "LiteralLimits", "ParsedGeometries", "parse_geometries"]

FORMS = ("wkt", "gml", "geojson", "kml")
"""The forms of geometry literals; where an array is asked for, a form is its place in here, -1 for none."""
_WKT, _GML, _GEOJSON, _KML = range(4)

EMPTY = "GEOMETRYCOLLECTION EMPTY"
"""What an empty literal means (requirements on empty literals of all four forms)."""
_BYTES_A_VERTEX = 100
_SUSPECT = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteralLimits:
    """How much one literal may ask for; what is more is a problem, as any broken literal is.

    Attributes
    ----------
    vertices
        Coordinates of one literal.
    depth
        How deep its brackets or elements may be nested.
    """

    vertices: int = 5_000_000
    depth: int = 64


@dataclass(frozen=True, slots=True)
class ParsedGeometries:
    """What came of a column of literals.

    Attributes
    ----------
    column
        A geometry for every row that could be read.
    problems
        Why the other rows could not be: row to reason. Rows without a form are no problem.
    """

    column: GeometryColumn
    problems: Mapping[int, str]


def parse_geometries(
    forms: str | NDArray[Any],
    values: pa.LargeStringArray,
    *,
    limits: LiteralLimits | None = None,
) -> ParsedGeometries:
    """Read a column of geometry literals.

    Parameters
    ----------
    forms
        One of `FORMS` for all rows, or for each row the place of its form in `FORMS` (-1: no geometry literal).
    values
        Lexical forms. Without an IRI, a WKT literal and a GML literal without ``srsName`` are in CRS84; GeoJSON and
        KML always are.
    limits
        What one literal may ask for.

    Returns
    -------
    ParsedGeometries
        Shapes x then y, whatever the order of the axes in the literal. Unknown reference systems, those with
        heights, curves, numbers that are not finite and everything else that cannot be read are problems.

    Examples
    --------
    >>> import pyarrow as pa
    >>> epsg = "<http://www.opengis.net/def/crs/EPSG/0/4326> POINT (48 11)"
    >>> read = parse_geometries("wkt", pa.array([epsg, "POINT (1"], pa.large_string()))
    >>> read.column.shapes[0].x, read.problems[1][:33]
    (11.0, 'Not well-known text: ParseExcepti')
    """
    reading = _Reading(values, limits or LiteralLimits())
    one = isinstance(forms, str)
    codes = np.full(len(values), FORMS.index(forms), np.int8) if one else np.asarray(forms)
    for form, read in (
        (_WKT, reading.wkt),
        (_GML, reading.gml),
        (_KML, reading.kml),
        (_GEOJSON, reading.geojson),
    ):
        rows = np.flatnonzero(codes == form)
        if len(rows):
            read(reading.within_limits(rows, form))
    return reading.finished()


class _Reading:
    """The state of one call: shapes and systems as they are found, and what went wrong."""

    def __init__(self, values: pa.LargeStringArray, limits: LiteralLimits) -> None:
        self.values = values
        self.limits = limits
        self.shapes: NDArray[Any] = np.full(len(values), None, object)
        self.systems = np.full(len(values), NO_CRS, np.int32)
        self.problems: dict[int, str] = {}

    def texts(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Give the lexical forms of some rows as Python texts."""
        import pyarrow as pa

        chosen = self.values if len(rows) == len(self.values) else self.values.take(pa.array(rows))
        texts: NDArray[Any] = np.asarray(chosen.to_numpy(zero_copy_only=False), dtype=object)
        return texts

    def refuse(self, row: int, reason: object) -> None:
        """Note why a row has no geometry."""
        self.problems[int(row)] = " ".join(str(reason).split())
        self.shapes[row] = None
        self.systems[row] = NO_CRS

    def within_limits(self, rows: NDArray[Any], form: int) -> NDArray[Any]:
        """Leave out literals that are too long or too deep, before a parser sees them."""
        import pyarrow as pa
        import pyarrow.compute as pc

        chosen = self.values if len(rows) == len(self.values) else self.values.take(pa.array(rows))
        keep = np.ones(len(rows), bool)
        lengths = pc.binary_length(chosen).to_numpy(zero_copy_only=False)
        for place in np.flatnonzero(lengths > self.limits.vertices * _BYTES_A_VERTEX):
            self.refuse(rows[place], f"Longer than {self.limits.vertices} vertices can be.")
            keep[place] = False
        for place in np.flatnonzero(
            pc.match_substring(chosen, "\0").to_numpy(zero_copy_only=False) & keep
        ):
            self.refuse(rows[place], "A null character in the text.")
            keep[place] = False
        if form in (_WKT, _GEOJSON):
            brackets = "(" if form == _WKT else "["
            deep = pc.count_substring(chosen, brackets).to_numpy(zero_copy_only=False) > _SUSPECT
            if form == _GEOJSON:
                braces = pc.count_substring(chosen, "{").to_numpy(zero_copy_only=False)
                deep |= braces > _SUSPECT
            for place in np.flatnonzero(deep & keep):
                if _depth(chosen[int(place)].as_py()) > self.limits.depth:
                    self.refuse(rows[place], f"Nested more than {self.limits.depth} deep.")
                    keep[place] = False
        return rows[keep]

    # ------------------------------------------------------------------------------------ forms

    def wkt(self, rows: NDArray[Any]) -> None:
        """Read ``geo:wktLiteral``: an IRI in angle brackets may stand before the text."""
        import pyarrow as pa
        import pyarrow.compute as pc

        chosen = self.values if len(rows) == len(self.values) else self.values.take(pa.array(rows))
        trimmed = pc.ascii_trim_whitespace(chosen)
        named = pc.starts_with(trimmed, "<").to_numpy(zero_copy_only=False)
        plain = np.flatnonzero(~named)
        if len(plain):
            self.settle(
                rows[plain],
                trimmed.take(pa.array(plain)).to_numpy(zero_copy_only=False),
                np.full(len(plain), CRS84_CODE, np.int32),
            )
        if named.any():
            self._named_wkt(rows[named], trimmed.filter(pa.array(named)))

    def _named_wkt(self, rows: NDArray[Any], texts: Any) -> None:
        import pyarrow.compute as pc

        halves = pc.split_pattern(texts, ">", max_splits=1)
        whole = pc.list_value_length(halves).to_numpy(zero_copy_only=False) == 2
        for row in rows[~whole]:
            self.refuse(row, "The IRI of the reference system has no end.")
        halves, rows = halves.filter(whole), rows[whole]
        iris = pc.utf8_slice_codeunits(pc.list_element(halves, 0), 1).dictionary_encode()
        codes = self._codes(iris.dictionary.to_pylist())[
            iris.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        ]
        inner = pc.ascii_trim_whitespace(pc.list_element(halves, 1))
        self._settle_known(
            rows, inner.to_numpy(zero_copy_only=False), codes, iris.to_numpy(zero_copy_only=False)
        )

    def gml(self, rows: NDArray[Any]) -> None:
        """Read ``geo:gmlLiteral``."""
        self._converted(rows, gml_to_wkt)

    def kml(self, rows: NDArray[Any]) -> None:
        """Read ``geo:kmlLiteral``."""
        self._converted(rows, lambda text, *, depth: (kml_to_wkt(text, depth=depth), ()))

    def _converted(self, rows: NDArray[Any], convert: Any) -> None:
        done: list[int] = []
        texts: list[str] = []
        names: list[str] = []
        for row, text in zip(rows.tolist(), self.texts(rows), strict=True):
            try:
                wkt, iris = convert(text, depth=self.limits.depth) if text.strip() else (EMPTY, ())
                if len({crs_code(iri) for iri in iris}) > 1:
                    raise DataBrokenError(
                        f"The geometry mixes the systems {', '.join(iris)}.", hint="Name one."
                    )
            except ExtremeEarthError as err:
                self.refuse(row, err)
                continue
            done.append(row)
            texts.append(wkt)
            names.append(iris[0] if iris else CRS84)
        codes = np.array([crs_code(name) for name in names], np.int32)
        self.settle(np.array(done, np.int64), np.array(texts, dtype=object), codes)

    def geojson(self, rows: NDArray[Any]) -> None:
        """Read ``geo:geoJSONLiteral``: a geometry object of RFC 7946, or nothing."""
        texts = self.texts(rows)
        keep = np.ones(len(rows), bool)
        for place, text in enumerate(texts):
            if reason := geojson_reason(text):
                self.refuse(rows[place], reason)
                keep[place] = False
        rows, texts = rows[keep], texts[keep]
        with np.errstate(all="ignore"):
            shapes = np.asarray(shapely.from_geojson(texts, on_invalid="ignore"), dtype=object)
        for place in np.flatnonzero(shapely.is_missing(shapes)).tolist():
            text = texts[place]
            if not text.strip() or is_null_geometry(text):
                shapes[place] = shapely.GeometryCollection()
            else:
                self.refuse(rows[place], f"Not a GeoJSON geometry: {geojson_error(text)}")
        self._kept(rows, shapes, np.full(len(rows), CRS84_CODE, np.int32))

    # ------------------------------------------------------------------------------------ texts

    def _codes(self, iris: list[str]) -> NDArray[np.int32]:
        return np.array([_code_or_none(iri) for iri in iris], np.int32)

    def _settle_known(
        self, rows: NDArray[Any], texts: Any, codes: NDArray[np.int32], iris: Any
    ) -> None:
        known = codes != NO_CRS
        for place in np.flatnonzero(~known):
            try:
                crs_code(iris[place])
            except CrsError as err:
                self.refuse(rows[place], err)
        self.settle(rows[known], texts[known], codes[known])

    def settle(self, rows: NDArray[Any], texts: Any, codes: NDArray[np.int32]) -> None:
        """Read well-known text, all of it in one call; the broken ones are looked at one by one."""
        if not len(rows):
            return
        texts = np.where(texts == "", EMPTY, texts)
        shapes = from_wkt(texts)
        for place in np.flatnonzero(shapely.is_missing(shapes)):
            self.refuse(rows[place], wkt_reason(texts[place]))
        y_first = np.array([is_y_first(crs_of_code(int(c))) for c in np.unique(codes)], bool)
        turned = y_first[np.searchsorted(np.unique(codes), codes)]
        if turned.any():
            measured = turned & shapely.has_m(shapes)
            shapes[turned & ~measured] = swapped(shapes[turned & ~measured])
            if measured.any():
                shapes[measured] = from_wkt(
                    np.array([swapped_text(t) for t in texts[measured]], dtype=object)
                )
        self._kept(rows, shapes, codes)

    def _kept(self, rows: NDArray[Any], shapes: Any, codes: NDArray[np.int32]) -> None:
        """Take shapes over, but for those with numbers that are not finite or too many of them."""
        good = ~shapely.is_missing(shapes)
        shapes = without_empty_parts(shapes)
        self.shapes[rows[good]] = shapes[good]
        self.systems[rows[good]] = codes[good]
        bounds = shapely.bounds(shapes)
        odd = good & ~shapely.is_empty(shapes) & ~np.isfinite(bounds).all(axis=1)
        points = shapely.get_num_coordinates(shapes)
        for place in np.flatnonzero(good & ~odd & (points > self.limits.vertices)):
            self.refuse(rows[place], f"More than {self.limits.vertices} vertices.")
        mixed = good & ~odd & (points > 0)
        if mixed.any():
            coordinates, owners = shapely.get_coordinates(shapes[mixed], return_index=True)
            broken = np.unique(owners[~np.isfinite(coordinates).all(axis=1)])
            odd[np.flatnonzero(mixed)[broken]] = True
        for place in np.flatnonzero(odd):
            self.refuse(rows[place], "A coordinate is not a finite number.")

    def finished(self) -> ParsedGeometries:
        """Give what was read."""
        column = GeometryColumn(self.shapes, self.systems)
        return ParsedGeometries(column, dict(sorted(self.problems.items())))


def _code_or_none(iri: str) -> int:
    try:
        return crs_code(iri)
    except CrsError:
        return NO_CRS


def _depth(text: str) -> int:
    data = np.frombuffer(text.encode(), np.uint8)
    opens = (data == ord("(")) | (data == ord("[")) | (data == ord("{"))
    closes = (data == ord(")")) | (data == ord("]")) | (data == ord("}"))
    steps = opens.astype(np.int64) - closes.astype(np.int64)
    return int(np.cumsum(steps).max(initial=0))
