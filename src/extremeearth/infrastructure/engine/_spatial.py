"""Spatial joins in SedonaDB, with distances refined on the ellipsoid."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from extremeearth.core.boxes import LONLAT, as_crs
from extremeearth.core.errors import CrsMismatchError, DataBrokenError, InputError
from extremeearth.core.geodesy import transform
from extremeearth.infrastructure.engine._batches import one_array
from extremeearth.infrastructure.engine.contract import PREDICATES
from extremeearth.infrastructure.engine.geodesic import on_one_turn, pair_distances_m

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray
    from odc.geo.crs import CRS

_FUNCTIONS = {name: f"ST_{name}" for name in PREDICATES if name != "dwithin"}
_SHAPELY_NAMES = {"coveredby": "covered_by"}
_REFINED = {"crosses", "overlaps", "touches"}
"""Wrong in the spatial join of SedonaDB 0.5 (lines on one line "touch"); shapely decides among what intersects."""
_CONTAINMENT = {"contains", "coveredby", "covers", "within"}
"""Refused by the spatial join of SedonaDB 0.5 where parts of a collection interact; then shapely decides too."""
_COLLECTION = 7
SMALLEST_RADIUS_M = 6_335_439.0
"""Smallest radius of curvature of WGS 84 (of the meridian at the equator): makes search windows large enough."""
MARGIN = 1.01
MICROMETRE = 1e-6
PAIRS_AT_ONCE = 200_000


@dataclass(frozen=True, slots=True)
class Side:
    """One input: WKB and, where the column says so, its reference system."""

    wkb: pa.Array
    crs: CRS | None

    def shapes(self) -> NDArray[Any]:
        """Read the geometries; `DataBrokenError` where one cannot be read."""
        try:
            return np.asarray(shapely.from_wkb(self.wkb.to_numpy(zero_copy_only=False)))
        except shapely.errors.GEOSException as err:
            raise _broken(err) from err


@dataclass(frozen=True, slots=True)
class Sides:
    """Both inputs of a join and the reference system that they share."""

    left: Side
    right: Side
    crs: CRS


def join_rows(
    left: pa.Table,
    right: pa.Table,
    predicate: str,
    *,
    left_geometry: str,
    right_geometry: str,
    distance_m: float | None,
) -> pa.Table:
    """Do what `LocalEngine.join_spatial` says."""
    sides = sides_of(
        left, right, predicate, left_geometry=left_geometry, right_geometry=right_geometry, distance_m=distance_m
    )  # fmt: skip
    if distance_m is not None:
        return _join_distance(sides.left, sides.right, sides.crs, distance_m)
    return join_topology(sides.left, sides.right, predicate)


def sides_of(
    left: pa.Table,
    right: pa.Table,
    predicate: str,
    *,
    left_geometry: str,
    right_geometry: str,
    distance_m: float | None,
) -> Sides:
    """Check what is to be joined, and take the geometries out of it."""
    if predicate not in PREDICATES:
        raise InputError(
            f"'{predicate}' is no spatial predicate.", hint=f"Use one of {', '.join(PREDICATES)}."
        )
    if (predicate == "dwithin") != (distance_m is not None):
        raise InputError(
            f"'{predicate}' and a distance of {distance_m} do not go together.",
            hint="Give distance_m with 'dwithin', and only with it.",
        )
    if distance_m is not None and not (math.isfinite(distance_m) and distance_m >= 0):
        raise InputError(f"A distance of {distance_m} m is not possible.", hint="Give 0 or more.")
    sides = _side(left, left_geometry), _side(right, right_geometry)
    return Sides(*sides, _common_crs(*sides))


def _side(table: pa.Table, column: str) -> Side:
    import pyarrow as pa

    if column not in table.column_names:
        raise InputError(
            f"The table has no column '{column}'.",
            hint=f"It has {', '.join(table.column_names) or 'none'}.",
        )
    field = table.schema.field(column)
    values = table[column]
    if isinstance(field.type, pa.BaseExtensionType):
        values = values.cast(field.type.storage_type)
    values = one_array(values)
    if pa.types.is_null(values.type):
        values = values.cast(pa.binary())
    if not (
        pa.types.is_binary(values.type)
        or pa.types.is_large_binary(values.type)
        or pa.types.is_binary_view(values.type)
    ):
        raise InputError(
            f"The column '{column}' holds {field.type}, not geometries.", hint="Write them as WKB."
        )
    return Side(values, _crs_of(field))


def _crs_of(field: pa.Field) -> CRS | None:
    """Read the reference system of a ``geoarrow.wkb`` column, registered as extension type or not."""
    import pyarrow as pa

    if isinstance(field.type, pa.BaseExtensionType):
        text = field.type.__arrow_ext_serialize__()
    else:
        text = (field.metadata or {}).get(b"ARROW:extension:metadata", b"")
    try:
        crs = json.loads(text or b"{}").get("crs")
    except (ValueError, AttributeError) as err:
        raise InputError(
            f"The metadata of the column '{field.name}' cannot be read.", hint="Write geoarrow.wkb."
        ) from err
    if crs is None:
        return None
    return as_crs(json.dumps(crs) if isinstance(crs, dict) else crs)


def _common_crs(left: Side, right: Side) -> CRS:
    if (
        left.crs is not None
        and right.crs is not None
        and not left.crs.proj.equals(right.crs.proj, ignore_axis_order=True)
    ):
        raise CrsMismatchError(
            f"The geometries are in {left.crs} and {right.crs}.",
            hint="Transform one of them first.",
        )
    return left.crs or right.crs or LONLAT


def join_topology(left: Side, right: Side, predicate: str) -> pa.Table:
    """Find the pairs for which a predicate holds in the plane, sorted."""
    suspects = None
    if predicate in _REFINED or predicate in _CONTAINMENT:
        suspects = left.shapes(), right.shapes()
    if suspects is None or (predicate in _CONTAINMENT and not _has_collections(*suspects)):
        return _pairs(_column(left.wkb), _column(right.wkb), _FUNCTIONS[predicate])
    candidates = _pairs(_column(left.wkb), _column(right.wkb), "ST_Intersects")
    compare = getattr(shapely, _SHAPELY_NAMES.get(predicate, predicate))
    i, j = _indices(candidates)
    return candidates.filter(np.asarray(compare(suspects[0][i], suspects[1][j]), dtype=bool))


def _has_collections(*sides: NDArray[Any]) -> bool:
    return any(bool((shapely.get_type_id(side) == _COLLECTION).any()) for side in sides)


def _join_distance(left: Side, right: Side, crs: CRS, limit_m: float) -> pa.Table:
    import pyarrow as pa

    a, b = (
        on_one_turn(np.asarray(transform(side.shapes(), source=crs, target=LONLAT), dtype=object))
        for side in (left, right)
    )
    windows, owners = windows_around(a, limit_m)
    candidates = _pairs(
        _column(pa.array(shapely.to_wkb(windows), pa.binary()), owners),
        _column(pa.array(shapely.to_wkb(b), pa.binary())),
        "ST_Intersects",
        distinct=True,
    )
    i, j = _indices(candidates)
    near = np.zeros(len(i), dtype=bool)
    for first in range(0, len(i), PAIRS_AT_ONCE):
        part = slice(first, first + PAIRS_AT_ONCE)
        metres = pair_distances_m(a, b, i[part], j[part], at_most=limit_m + MICROMETRE)
        near[part] = metres <= limit_m + MICROMETRE
    return candidates.filter(near)


def windows_around(
    shapes: NDArray[Any], distance_m: float
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Boxes in longitude and latitude that hold everything within `distance_m` of each shape.

    A box that leaves the globe at the antimeridian comes in again on the other side; one that holds a pole goes
    all the way round. The half-width is that of a spherical cap: asin(sin d / cos latitude).

    Returns
    -------
    boxes, rows
        The boxes, and for each the row of its shape; missing and empty shapes have none.
    """
    bounds = shapely.bounds(shapes)
    rows = np.flatnonzero(~np.isnan(bounds[:, 0]))
    xmin, ymin, xmax, ymax = bounds[rows].T
    angle = min(distance_m * MARGIN / SMALLEST_RADIUS_M, math.pi) + 1e-9
    reach = np.degrees(angle)
    steepest = np.radians(np.maximum(np.abs(ymin), np.abs(ymax)))
    polar = steepest + angle >= math.pi / 2 - 1e-6
    sine = np.sin(min(angle, math.pi / 2)) / np.cos(np.where(polar, 0.0, steepest))
    widen = np.where(polar, 360.0, np.degrees(np.arcsin(np.minimum(sine, 1.0))))
    low, high = np.maximum(ymin - reach, -90.0), np.minimum(ymax + reach, 90.0)
    west, east = xmin - widen, xmax + widen
    around = east - west >= 360.0
    west, east = np.where(around, -180.0, west), np.where(around, 180.0, east)
    boxes, owners = [shapely.box(np.maximum(west, -180), low, np.minimum(east, 180), high)], [rows]
    for over, left, right in (
        (west < -180.0, west + 360.0, np.full_like(west, 180.0)),
        (east > 180.0, np.full_like(east, -180.0), east - 360.0),
    ):
        boxes.append(shapely.box(left[over], low[over], right[over], high[over]))
        owners.append(rows[over])
    return np.concatenate(boxes), np.concatenate(owners).astype(np.int64)


def _column(wkb: pa.Array, rows: NDArray[np.int64] | None = None) -> pa.Table:
    """Give geometries numbers, and the extension type that spares SedonaDB a look at each before it joins."""
    import pyarrow as pa

    geometry = pa.field("g", wkb.type, metadata={"ARROW:extension:name": "geoarrow.wkb"})
    schema = pa.schema([pa.field("row", pa.int64()), geometry])
    numbers = np.arange(len(wkb), dtype=np.int64) if rows is None else rows
    return pa.Table.from_arrays([pa.array(numbers), wkb], schema=schema)


def _pairs(left: pa.Table, right: pa.Table, function: str, *, distinct: bool = False) -> pa.Table:
    """Join two tables (row, g) by a predicate of SedonaDB."""
    import sedonadb

    session = sedonadb.connect()
    try:
        session.create_data_frame(left).to_view("l")
        session.create_data_frame(right).to_view("r")
        # the function's name comes from a constant of this module
        pairs = session.sql(
            f"SELECT {'DISTINCT' if distinct else ''} l.row AS left_index, r.row AS right_index "  # noqa: S608
            f"FROM l JOIN r ON {function}(l.g, r.g)"
        ).to_arrow_table()
    except Exception as err:  # SedonaDB raises one bare class for all causes
        raise _broken(err) from err
    return in_order(pairs)


def in_order(pairs: pa.Table) -> pa.Table:
    """Sort pairs by both numbers, as one number each: several times quicker than by two columns."""
    import pyarrow as pa

    left, right = _indices(pairs)
    wide = int(right.max(initial=0)) + 1
    both = left * wide + right
    both.sort()
    left, right = np.divmod(both, wide)
    return pa.table({"left_index": left, "right_index": right})


def _indices(pairs: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return pairs["left_index"].to_numpy(), pairs["right_index"].to_numpy()


def _broken(error: Exception) -> DataBrokenError:
    text = str(error)
    return DataBrokenError(
        f"The geometries cannot be joined: {text.splitlines()[0] if text else type(error).__name__}.",
        hint="Check that every one is valid WKB.",
    )
