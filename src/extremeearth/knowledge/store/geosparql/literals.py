"""Geometry literals as columns of terms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.rdf import (
    FORMS,
    NO_CRS,
    GeometryColumn,
    parse_geometries,
    write_geometries,
)
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn

__all__ = ["forms_of", "geometry_literals", "names_its_system", "read_geometries"]

_SAMPLE, _ALIKE = 32, 16


def forms_of(codes: NDArray[np.int32]) -> NDArray[np.int8]:
    """Give the form of each term's literal as a place in `FORMS`, -1 where it is no geometry literal.

    Examples
    --------
    >>> forms_of(np.array([types.WKT, types.KML, types.STRING], np.int32)).tolist()
    [0, 3, -1]
    """
    geometry = (codes >= types.WKT) & (codes <= types.KML)
    return np.where(geometry, codes - types.WKT, -1).astype(np.int8)


def once_each(column: TermColumn, work: Callable[[TermColumn], Any]) -> tuple[Any, Any]:
    """Do some work on each different term where terms repeat much; give its result and the row of each."""
    if len(column) > _SAMPLE:
        first = zip(
            column.types[:_SAMPLE].tolist(), column.values[:_SAMPLE].to_pylist(), strict=True
        )
        if len(set(first)) <= _ALIKE:
            different, rows = column.unique()
            return work(different), rows
    return work(column), slice(None)


def read_geometries(column: TermColumn) -> GeometryColumn:
    """Read geometry literals; what is none, or cannot be read, gives no geometry.

    Examples
    --------
    >>> column = TermColumn.of_values(types.WKT, ["POINT (1 2)", "POINT (1"])
    >>> [str(shape) for shape in read_geometries(column).shapes]
    ['POINT (1 2)', 'None']
    """

    def read(terms: TermColumn) -> GeometryColumn:
        return parse_geometries(forms_of(terms.types), terms.values).column

    found, rows = once_each(column, read)
    return GeometryColumn(found.shapes[rows], found.systems[rows])


def geometry_literals(
    column: GeometryColumn,
    codes: int | NDArray[np.int32],
    *,
    named: NDArray[np.bool_] | None = None,
) -> TermColumn:
    """Write geometries as literals.

    Parameters
    ----------
    column
        Geometries; rows without one give no term.
    codes
        Type of the literals, one of ``types.WKT``, ``GML``, ``GEOJSON``, ``KML``, for all rows or each. GeoJSON and
        KML have no place for other systems than CRS84: a geometry in another becomes WKT.
    named
        WKT literals that name CRS84 too, which goes without an IRI by default.

    Examples
    --------
    >>> import shapely
    >>> column = GeometryColumn(np.array([shapely.Point(1, 2), None]), np.array([0, -1], np.int32))
    >>> geometry_literals(column, types.WKT).values.to_pylist()
    ['POINT (1 2)', '']
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = np.broadcast_to(np.asarray(codes, np.int32), (len(column),))
    lonlat_only = (wanted == types.GEOJSON) | (wanted == types.KML)
    wanted = np.where(lonlat_only & (column.systems > 0), types.WKT, wanted)
    wanted = np.where(column.systems == NO_CRS, types.NONE, wanted).astype(np.int32)
    present = np.unique(wanted[wanted >= 0])
    texts = pa.nulls(len(column), pa.large_string())
    for code in present.tolist():
        rows = wanted == code
        form = FORMS[code - types.WKT]
        if rows.all():
            texts = write_geometries(column, form, named=named)
            continue
        part = GeometryColumn(column.shapes[rows], column.systems[rows])
        written = write_geometries(part, form, named=None if named is None else named[rows])
        texts = pc.replace_with_mask(texts, pa.array(rows), written)
    present_rows = np.asarray(texts.is_valid().to_numpy(zero_copy_only=False))
    return TermColumn(
        np.where(present_rows, wanted, types.NONE).astype(np.int32), texts.fill_null("")
    )


def names_its_system(column: TermColumn) -> NDArray[np.bool_]:
    """Tell which literals begin with the IRI of their system."""
    import pyarrow.compute as pc

    trimmed = pc.ascii_ltrim_whitespace(column.values)
    found: NDArray[np.bool_] = pc.starts_with(trimmed, "<").to_numpy(zero_copy_only=False)
    return np.asarray(found & (column.types == types.WKT))
