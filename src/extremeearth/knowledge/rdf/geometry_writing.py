"""Columns of geometries as literals of GeoSPARQL 1.1, in one canonical spelling each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from extremeearth.core.errors import InputError
from extremeearth.knowledge.rdf.geometry import ROUND_TRIP_DECIMALS, is_y_first
from extremeearth.knowledge.rdf.geometry_column import (
    CRS84_CODE,
    NO_CRS,
    GeometryColumn,
    crs_of_code,
    iri_of_code,
)
from extremeearth.knowledge.rdf.geometry_order import swapped, swapped_text
from extremeearth.knowledge.rdf.geometry_systems import in_system
from extremeearth.knowledge.rdf.gml import GML_NAMESPACES, gml_text
from extremeearth.knowledge.rdf.kml import kml_text

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["write_geometries"]


def write_geometries(
    column: GeometryColumn,
    form: str,
    *,
    named: NDArray[np.bool_] | None = None,
    version: str = "3.2",
) -> pa.LargeStringArray:
    """Write geometries as the lexical forms of one datatype.

    Parameters
    ----------
    column
        Geometries; a row without one gives null.
    form
        ``wkt``, ``gml``, ``geojson`` or ``kml``. The last two are always in CRS84: other systems are transformed.
    named
        For WKT, rows that name CRS84 too, which goes without an IRI by default.
    version
        For GML, ``3.2`` or ``3.1``.

    Returns
    -------
    pyarrow.LargeStringArray
        Numbers are the shortest that read back the same. A shape that has no place in the target system is null.

    Raises
    ------
    InputError
        There is no such form or version.

    Examples
    --------
    >>> column = GeometryColumn(np.array([shapely.Point(11, 48)]), np.array([0], np.int32))
    >>> [write_geometries(column, form)[0].as_py() for form in ("wkt", "geojson")]
    ['POINT (11 48)', '{"type":"Point","coordinates":[11.0,48.0]}']
    """
    import pyarrow as pa

    texts: Any
    if form == "wkt":
        texts = _wkt(column, named)
    elif form == "gml":
        texts = _gml(column, version)
    elif form in ("geojson", "kml"):
        lonlat = in_system(column, CRS84_CODE)
        texts = _geojson(lonlat.shapes) if form == "geojson" else _each(lonlat.shapes, kml_text)
    else:
        raise InputError(f"'{form}' is no form of geometry literals.", hint="Ask for wkt or gml.")
    return pa.array(texts, pa.large_string())


def _each(shapes: NDArray[Any], write: Any) -> list[str | None]:
    return [None if shape is None else write(shape) for shape in shapes]


def _ordered(column: GeometryColumn) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Give the shapes in the order of the axes of their systems, and which were turned."""
    codes, back = np.unique(column.systems, return_inverse=True)
    y_first = np.array([c != NO_CRS and is_y_first(crs_of_code(int(c))) for c in codes], bool)
    turned = y_first[back.reshape(-1)] & ~shapely.is_missing(column.shapes)
    if not turned.any():
        return column.shapes, turned
    shapes: NDArray[Any] = column.shapes.copy()
    flat = turned & ~shapely.has_m(shapes)
    shapes[flat] = swapped(shapes[flat])
    return shapes, turned


def _wkt(column: GeometryColumn, named: NDArray[np.bool_] | None) -> NDArray[Any]:
    shapes, turned = _ordered(column)
    texts: NDArray[Any] = np.asarray(
        shapely.to_wkt(shapes, rounding_precision=ROUND_TRIP_DECIMALS, output_dimension=4),
        dtype=object,
    )
    for row in np.flatnonzero(turned & shapely.has_m(shapes)):
        texts[row] = swapped_text(texts[row])
    present = ~shapely.is_missing(shapes)
    for code in np.unique(column.systems[present]):
        rows = present & (column.systems == code)
        if code == CRS84_CODE:
            rows = rows & named if named is not None else np.zeros(len(column), bool)
        texts[rows] = f"<{iri_of_code(int(code))}> " + texts[rows]
    return texts


def _gml(column: GeometryColumn, version: str) -> list[str | None]:
    if version not in GML_NAMESPACES:
        raise InputError(
            f"GML {version} is not written.", hint=f"Ask for {' or '.join(GML_NAMESPACES)}."
        )
    shapes, turned = _ordered(column)
    for row in np.flatnonzero(turned & shapely.has_m(shapes)):  # GML has no place for m
        shapes[row] = swapped(shapes[row : row + 1])[0]
    return [
        None if shape is None else gml_text(shape, srs=iri_of_code(code), version=version)
        for shape, code in zip(shapes, column.systems.tolist(), strict=True)
    ]


def _geojson(shapes: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(shapely.to_geojson(shapes), dtype=object)
