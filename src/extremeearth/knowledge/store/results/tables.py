"""Rows of a SELECT as Arrow, pandas and GeoPandas tables, with the types of their terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.core.errors import InputError
from extremeearth.knowledge.rdf import CRS84_CODE, GeometryColumn, crs_of_code, in_system
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.results.cells import PLAIN, cells
from extremeearth.knowledge.store.results.rows import Rows

if TYPE_CHECKING:
    import pyarrow as pa
    from geopandas import GeoDataFrame
    from pandas import DataFrame

__all__ = ["arrow_table", "geopandas_frame", "pandas_frame", "typed_array"]

_DATE_TIME = (
    r"^(?P<local>-?[0-9]{4,}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?)"
    r"(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?$"
)


def arrow_table(rows: Rows) -> pa.Table:
    """Give the rows as an Arrow table; see `Solutions.to_arrow`.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import Iri
    >>> arrow_table(Rows(("a",), [(Iri("urn:a"),), (None,)])).to_pydict()
    {'a': ['urn:a', None]}
    """
    import pyarrow as pa

    if not rows.variables:
        return pa.table({})
    arrays = [typed_array(rows.terms(name)) for name in rows.variables]
    return pa.table(dict(zip(rows.variables, arrays, strict=True)))


def pandas_frame(rows: Rows) -> DataFrame:
    """Give the rows as a pandas frame; numbers and booleans that have gaps become pandas' own nullable types.

    Examples
    --------
    >>> pandas_frame(Rows(("a",), [])).shape
    (0, 1)
    """
    import pandas as pd
    import pyarrow as pa

    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    table = arrow_table(rows)
    gaps = [n for n in table.column_names if table[n].null_count]
    frame: DataFrame = table.select([n for n in table.column_names if n not in gaps]).to_pandas()
    for name in gaps:
        chosen = nullable.get(table[name].type)
        series = table[name].to_pandas(types_mapper=None if chosen is None else nullable.get)
        frame[name] = series
    return (
        frame[list(table.column_names)] if rows.variables else pd.DataFrame(index=range(len(rows)))
    )


def geopandas_frame(rows: Rows, *, geometry: str | None, crs: Any) -> GeoDataFrame:
    """Give the rows as a GeoPandas frame; see `Solutions.to_geopandas`.

    Raises
    ------
    InputError
        No variable holds geometries.
    """
    import geopandas as gpd

    active = rows.geometry_variable(geometry)
    if active is None:
        raise InputError(
            "No variable of the answer holds geometries.",
            hint="Select a geometry literal, e.g. of geo:asWKT, or use to_pandas().",
        )
    shaped = {
        name: _geo_series(rows.read_geometries(rows.terms(name)), crs)
        for name in rows.variables
        if name == active or _all_geometries(rows.terms(name))
    }
    frame = pandas_frame(rows)
    for name, series in shaped.items():
        frame[name] = series
    return gpd.GeoDataFrame(frame, geometry=active)


def _all_geometries(column: TermColumn) -> bool:
    there = column.types[column.present]
    return bool(len(there)) and bool(types.flags(there, "geometry").all())


def _geo_series(column: GeometryColumn, crs: Any) -> Any:
    import geopandas as gpd

    from extremeearth.core.boxes import as_crs
    from extremeearth.core.geodesy import transform

    present = np.unique(column.systems[column.systems >= 0])
    if crs is None and len(present) == 1:
        system = crs_of_code(int(present[0]))
        return gpd.GeoSeries(np.array(column.shapes, dtype=object), crs=system.proj)
    if crs is None:
        return gpd.GeoSeries(in_system(column, CRS84_CODE).shapes, crs=crs_of_code(CRS84_CODE).proj)
    target = as_crs(crs)
    shapes = np.array(column.shapes, dtype=object)
    for code in present.tolist():
        chosen = column.systems == code
        shapes[chosen] = transform(shapes[chosen], source=crs_of_code(code), target=target)
    return gpd.GeoSeries(shapes, crs=target.proj)


def typed_array(column: TermColumn) -> pa.Array:
    """Give the terms of a column as an Arrow array of the type that fits all of them.

    Examples
    --------
    >>> typed_array(TermColumn.of_values(types.DOUBLE, ["1.5e0", "INF"])).to_pylist()
    [1.5, inf]
    """
    import pyarrow as pa

    there = column.present
    codes = column.types[there]
    if len(codes):
        for fits, make in _MAKERS:
            if fits(codes):
                try:
                    return make(column, there)
                except (ValueError, OverflowError):  # ArrowInvalid is a ValueError, too
                    break  # a text that its datatype does not allow, or a number too large: text keeps it
    return cells(column, PLAIN) if len(column) else pa.array([], pa.large_string())


def _kept(column: TermColumn, there: NDArray[np.bool_]) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    none = pa.scalar(None, pa.large_string())
    return column.values if there.all() else pc.if_else(pa.array(there), column.values, none)


def _integers(column: TermColumn, there: NDArray[np.bool_]) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.cast(pc.replace_substring_regex(_kept(column, there), r"^\+", ""), pa.int64())


def _floats(column: TermColumn, there: NDArray[np.bool_]) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.cast(pc.replace_substring_regex(_kept(column, there), r"^\+", ""), pa.float64())


def _booleans(column: TermColumn, there: NDArray[np.bool_]) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.cast(_kept(column, there), pa.bool_())


def _dates(column: TermColumn, there: NDArray[np.bool_]) -> Any:
    import pyarrow as pa

    texts = _kept(column, there).to_numpy(zero_copy_only=False)
    texts = np.where(there, texts, "NaT").astype("U")
    if (np.strings.str_len(texts[there]) != len("2020-01-01")).any():
        raise ValueError("a date with a time zone, or of another age")
    return pa.array(texts.astype("datetime64[D]"), mask=~there)


def _instants(column: TermColumn, there: NDArray[np.bool_]) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = pc.extract_regex(_kept(column, there), _DATE_TIME)
    if parts.filter(pa.array(there)).null_count:
        raise ValueError("not a date and time")
    local = parts.field("local").to_numpy(zero_copy_only=False)
    moments = np.where(there, local, "NaT").astype("U").astype("datetime64[us]")
    zones = parts.field("zone").filter(pa.array(there))
    named = pc.not_equal(zones, "")
    if not pc.any(named).as_py():
        return pa.array(moments, mask=~there)
    if not pc.all(named).as_py():
        raise ValueError("some have a time zone, some have none")
    encoded = zones.dictionary_encode()
    offsets = np.array([_offset_minutes(zone) for zone in encoded.dictionary.to_pylist()])
    shift = offsets[encoded.indices.to_numpy()].astype("timedelta64[m]")
    moments[there] = moments[there] - shift
    return pa.array(moments, pa.timestamp("us", tz="UTC"), mask=~there)


def _offset_minutes(zone: str) -> int:
    if zone == "Z":
        return 0
    sign = -1 if zone[0] == "-" else 1
    return sign * (int(zone[1:3]) * 60 + int(zone[4:6]))


def _only(code: int) -> Any:
    return lambda codes: bool((codes == code).all())


_MAKERS: tuple[tuple[Any, Any], ...] = (
    (lambda codes: types.flags(codes, "integer").all(), _integers),
    (lambda codes: types.flags(codes, "numeric").all(), _floats),
    (_only(types.BOOLEAN), _booleans),
    (_only(types.DATE), _dates),
    (_only(types.DATE_TIME), _instants),
)
