"""Arguments of functions as arrays, and arrays as columns of results; what does not fit is an error, no term."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from extremeearth.knowledge.rdf import NO_CRS, GeometryColumn
from extremeearth.knowledge.sparql.terms import XSD
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.geosparql.literals import geometry_literals, names_its_system

if TYPE_CHECKING:
    from extremeearth.knowledge.store.expressions import ExpressionContext

__all__ = [
    "booleans", "doubles", "geometry", "integers", "iris", "like_first", "numbers", "texts_once", "uris",
]  # fmt: skip

ANY_URI = types.datatype_code(f"{XSD}anyURI")


def geometry(column: TermColumn, context: ExpressionContext) -> GeometryColumn:
    """Read an argument that has to be a geometry literal."""
    return context.geometries(column)


def numbers(column: TermColumn) -> NDArray[np.float64]:
    """Read an argument that has to be a number; NaN where it is none."""
    from extremeearth.knowledge.store.expressions import read_numbers

    read = read_numbers(column)
    return np.where(read.present, read.doubles(), np.nan)


def texts_once(
    column: TermColumn, *, kinds: tuple[int, ...]
) -> tuple[list[str | None], NDArray[Any]]:
    """Give each different text of an argument, ``None`` where it is of no such type, and the row of each."""
    different, rows = column.unique()
    good = np.isin(different.types, kinds)
    texts = different.values.to_pylist()
    return [text if ok else None for text, ok in zip(texts, good.tolist(), strict=True)], rows


def iris(column: TermColumn) -> tuple[list[str | None], NDArray[Any]]:
    """Give each different IRI of an argument; ``xsd:anyURI`` and plain strings stand for one too."""
    return texts_once(column, kinds=(types.IRI, ANY_URI, types.STRING))


# ---------------------------------------------------------------------------------------- results


def doubles(values: NDArray[Any], present: NDArray[np.bool_]) -> TermColumn:
    """Give ``xsd:double``; what is not finite is an error."""
    from extremeearth.knowledge.store.expressions import Numbers

    floats = np.asarray(values, np.float64)
    good = present & np.isfinite(floats)
    return Numbers.of_doubles(np.where(good, floats, 0.0), good).column()


def integers(values: NDArray[Any], present: NDArray[np.bool_]) -> TermColumn:
    """Give ``xsd:integer``."""
    from extremeearth.knowledge.store.expressions import Numbers

    return Numbers.of_integers(np.where(present, values, 0).astype(np.int64), present).column()


def booleans(values: NDArray[Any], present: NDArray[np.bool_]) -> TermColumn:
    """Give ``xsd:boolean``."""
    import pyarrow as pa

    words = np.where(present, np.where(values, "true", "false"), "")
    codes = np.where(present, types.BOOLEAN, types.NONE).astype(np.int32)
    return TermColumn(codes, pa.array(words, pa.large_string()))


def uris(names: list[str], places: NDArray[Any], present: NDArray[np.bool_]) -> TermColumn:
    """Give ``xsd:anyURI`` by the place of each row's IRI in a list."""
    import pyarrow as pa

    indices = pa.array(np.where(present, places, 0), pa.int64(), mask=~present)
    texts = pa.array(names or [""], pa.large_string()).take(indices).fill_null("")
    return TermColumn(np.where(present, ANY_URI, types.NONE).astype(np.int32), texts)


def like_first(
    shapes: NDArray[Any], systems: NDArray[np.int32], first: TermColumn, *, normal: bool = True
) -> TermColumn:
    """Write new geometries in the datatype of the first argument (clause 8.7, function notes).

    Parameters
    ----------
    shapes, systems
        What was made; ``None`` is an error.
    first
        The first argument: its datatype, and whether it names CRS84, are followed.
    normal
        Bring shapes into normal form, so that equal results are equal texts: rings of polygons clockwise from
        their smallest vertex, holes the other way, parts from the smallest to the largest.
    """
    shapes = np.asarray(shapes, dtype=object)
    if normal:
        shapes = _ascending(np.asarray(shapely.normalize(shapes), dtype=object))
    there = ~shapely.is_missing(shapes)
    column = GeometryColumn(shapes, np.where(there, systems, NO_CRS).astype(np.int32))
    return geometry_literals(column, first.types, named=names_its_system(first))


_COLLECTIONS: dict[int, Any] = {
    4: shapely.multipoints, 5: shapely.multilinestrings, 6: shapely.multipolygons,
    7: shapely.geometrycollections,
}  # fmt: skip


def _ascending(shapes: NDArray[Any]) -> NDArray[Any]:
    """Turn the order of the parts round, which GEOS's normal form has from the largest down."""
    kinds = shapely.get_type_id(shapes)
    out: NDArray[Any] = shapes.copy()
    for kind, make in _COLLECTIONS.items():
        rows = np.flatnonzero((kinds == kind) & ~shapely.is_empty(shapes))
        if not len(rows):
            continue
        parts, owners = shapely.get_parts(shapes[rows], return_index=True)
        order = np.lexsort((-np.arange(len(parts)), owners))
        out[rows] = make(parts[order], indices=owners[order])
    return out
