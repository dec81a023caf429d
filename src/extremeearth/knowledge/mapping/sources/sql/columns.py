"""Columns of a database: their kinds, and their values as Arrow arrays (R2RML section 10.2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from odc.geo.crs import CRS

from extremeearth.core.boxes import as_crs
from extremeearth.core.errors import CrsError
from extremeearth.knowledge.mapping.frames import JSON_VALUE
from extremeearth.knowledge.mapping.sources.contract import HOW_TO_GIVE_A_CRS
from extremeearth.knowledge.rdf import TEXT, XSD

__all__ = [
    "Column",
    "ColumnValues",
    "Kind",
    "are_curved",
    "declared_kind",
    "double_values",
    "geometry_values",
    "mixed_values",
    "text_values",
]


class Kind(Enum):
    """What a column holds, as far as RDF tells it apart."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    INSTANT = "timestamp with a zone"
    BINARY = "binary"
    GEOMETRY = "geometry"
    UNKNOWN = "unknown"

    @property
    def datatype(self) -> str | None:
        """Natural datatype of values that come as texts."""
        return _DATATYPES.get(self)


_CURVED = (8, 9, 10, 11, 12, 13, 14)
"""Types of WKB: circular strings, compound curves, curve polygons, multicurves, multisurfaces, curves, surfaces."""
_HAS_SRID, _KIND, _ISO_DIMENSIONS = 0x20000000, 0x0FFFFFFF, 1000
_DATATYPES = {
    Kind.DECIMAL: XSD.decimal, Kind.DATE: XSD.date, Kind.TIME: XSD.time, Kind.TIMESTAMP: XSD.dateTime,
    Kind.INSTANT: XSD.dateTime, Kind.BINARY: XSD.hexBinary,
}  # fmt: skip

_DECLARED = (
    (r"BOOL", Kind.BOOLEAN),
    (r"INT|SERIAL", Kind.INTEGER),
    (r"CHAR|CLOB|TEXT", Kind.TEXT),
    (r"BLOB|BINARY|BYTEA", Kind.BINARY),
    (r"REAL|FLOA|DOUBLE", Kind.DOUBLE),
    (r"DEC|NUMERIC", Kind.DECIMAL),
    (r"TIMESTAMP|DATETIME", Kind.TIMESTAMP),
    (r"^DATE", Kind.DATE),
    (r"^TIME", Kind.TIME),
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table or a query; `width` is that of CHAR(n), whose values are padded with spaces."""

    name: str
    kind: Kind
    regular: bool = False
    width: int | None = None


@dataclass(frozen=True, slots=True)
class ColumnValues:
    """A batch of a column: Arrow array, and the reference system of shapes."""

    array: Any
    crs: CRS | None = None


def typed(text: Any, datatype: str) -> ColumnValues:
    """Give texts their natural datatype."""
    text = pc.cast(text, TEXT)
    if isinstance(text, pa.ChunkedArray):
        text = text.combine_chunks()
    return ColumnValues(
        pa.StructArray.from_arrays(
            [text, pa.repeat(pa.scalar(datatype, TEXT), len(text))],
            fields=[JSON_VALUE.field(0), JSON_VALUE.field(1)],
            mask=text.is_null(),
        )
    )


def double_values(numbers: Any) -> ColumnValues:
    """Write doubles in the canonical form of XSD: one digit before the point, at least one after it, an exponent.

    Examples
    --------
    >>> double_values(pa.array([80.25, 30.0, 1e-20])).array.field(0).to_pylist()
    ['8.025E1', '3.0E1', '1.0E-20']
    """
    written = pc.cast(numbers, TEXT)
    parts = pc.extract_regex(
        written, r"^(?P<sign>-?)(?P<whole>\d+)\.?(?P<rest>\d*)(?:e(?P<power>[+-]?\d+))?$"
    )
    sign, whole, rest, power = (pc.struct_field(parts, [i]) for i in range(4))
    digits = pc.binary_join_element_wise(whole, rest, pa.scalar("", TEXT))
    kept = pc.utf8_ltrim(digits, characters="0")
    zeros = pc.subtract(pc.utf8_length(digits), pc.utf8_length(kept))
    own = pc.cast(
        pc.replace_substring_regex(power, pattern=r"^(\+|$)", replacement="0"), pa.int64()
    )
    exponent = pc.subtract(pc.subtract(pc.add(own, pc.utf8_length(whole)), zeros), 1)
    zero = pc.equal(kept, "")
    kept = pc.utf8_rtrim(kept, characters="0")
    first = pc.if_else(zero, "0", pc.utf8_slice_codeunits(kept, 0, 1))
    after = pc.utf8_slice_codeunits(kept, 1)
    text = pc.binary_join_element_wise(
        sign, first, pa.scalar(".", TEXT), pc.if_else(pc.equal(after, ""), "0", after), pa.scalar("E", TEXT),
        pc.cast(pc.if_else(zero, 0, exponent), TEXT), pa.scalar("", TEXT),
    )  # fmt: skip
    for printed, lexical in (("inf", "INF"), ("-inf", "-INF"), ("nan", "NaN")):
        text = pc.if_else(pc.equal(written, printed), lexical, text)
    return typed(text, XSD.double)


def declared_kind(declared: str | None) -> tuple[Kind, int | None]:
    """Read a declared type as SQL and SQLite's rules of affinity have it; the width is that of ``CHAR(n)``.

    Examples
    --------
    >>> declared_kind("CHARACTER(15)")
    (<Kind.TEXT: 'text'>, 15)
    """
    text = (declared or "").upper().strip()
    padded = re.match(r"(?:CHAR|CHARACTER|BPCHAR|NCHAR)\s*\((\d+)\)", text)
    for pattern, kind in _DECLARED:
        if re.search(pattern, text):
            return kind, int(padded[1]) if padded else None
    return Kind.UNKNOWN, None


def text_values(kind: Kind, values: Any) -> ColumnValues:
    """Bring texts of a kind to the lexical form of their datatype.

    Examples
    --------
    >>> text_values(Kind.TIMESTAMP, pa.array(["2009-10-10 12:12:22"])).array[0]["text"].as_py()
    '2009-10-10T12:12:22'
    """
    text = pc.cast(values, TEXT)
    if kind is Kind.DECIMAL:
        text = pc.replace_substring_regex(text, pattern=r"^(-?\d+\.\d*?)0+$", replacement=r"\1")
        text = pc.utf8_rtrim(text, characters=".")
    elif kind in {Kind.TIMESTAMP, Kind.INSTANT}:
        text = pc.replace_substring(text, pattern=" ", replacement="T", max_replacements=1)
        if kind is Kind.INSTANT:
            text = pc.binary_join_element_wise(text, pa.scalar("Z", TEXT), pa.scalar("", TEXT))
    return ColumnValues(text) if kind.datatype is None else typed(text, kind.datatype)


def geometry_values(
    values: Sequence[bytes | None], *, name: str, crs: CRS | None = None
) -> ColumnValues:
    """Take shapes in extended WKB, which names their reference system; only their heads are looked at.

    Parameters
    ----------
    values
        The shapes.
    name
        What messages call the column.
    crs
        Reference system of shapes that name none (SRID 0).

    Raises
    ------
    CrsError
        The shapes have none, or not all the same.

    Examples
    --------
    >>> import shapely
    >>> wkb = shapely.to_wkb(shapely.Point(1, 2))
    >>> geometry_values([wkb, None], name="g", crs=as_crs(4326)).crs.epsg
    4326
    """
    kinds, numbers = _heads(values)
    systems = set(np.unique(numbers[kinds > 0]).tolist())
    named = {as_crs(f"EPSG:{number}") for number in systems - {0}}
    if 0 in systems and crs is None:
        raise CrsError(
            f"The geometries of the column '{name}' have no reference system (SRID 0).",
            hint=f"{HOW_TO_GIVE_A_CRS} Or set it in the database, e.g. with ST_SetSRID(geometry, 4326).",
        )
    if 0 in systems and crs is not None and not any(_same(crs, other) for other in named):
        named.add(crs)
    if len(named) > 1:
        raise CrsError(
            f"The geometries of the column '{name}' have different reference systems.",
            hint="Bring them into one, e.g. with ST_Transform(geometry, 4326) in a query.",
        )
    # a batch without any shape has no use for a system, but a geometry column has one
    known = next(iter(named), crs or as_crs("OGC:CRS84"))
    return ColumnValues(pa.array(list(values), pa.large_binary()), crs=known)


def are_curved(values: Sequence[bytes | None]) -> Any:
    """Tell which shapes in WKB are of a type with curves: they cannot be read.

    Examples
    --------
    >>> are_curved([bytes.fromhex("010800000000000000"), None]).tolist()
    [True, False]
    """
    return np.isin(_heads(values)[0], _CURVED)


def _same(one: CRS, other: CRS) -> bool:
    return bool(one.proj.equals(other.proj, ignore_axis_order=True))


def _heads(values: Sequence[bytes | None]) -> tuple[Any, Any]:
    """Give types and SRIDs of shapes in WKB as PostGIS and as ISO write it; 0 where there is no shape."""
    heads = np.frombuffer(
        b"".join(bytes(9) if v is None else bytes(v[:9]).ljust(9, b"\0") for v in values), np.uint8
    ).reshape(-1, 9)
    little = heads[:, 0] == 1

    def numbers(start: int) -> Any:
        four = np.ascontiguousarray(heads[:, start : start + 4])
        return np.where(little, four.view("<u4")[:, 0], four.view(">u4")[:, 0])

    kinds = numbers(1)
    return (kinds & _KIND) % _ISO_DIMENSIONS, np.where(kinds & _HAS_SRID, numbers(5), 0)


def mixed_values(values: Sequence[Any]) -> ColumnValues:
    """Take values whose type only they themselves tell, as SQLite has them.

    Examples
    --------
    >>> mixed_values([1, None]).array.type
    DataType(int64)
    >>> mixed_values([1, "a"]).array.to_pylist()[1]
    {'text': 'a', 'datatype': None}
    """
    types = {type(value) for value in values} - {type(None)}
    if types <= {int}:
        return ColumnValues(pa.array(values, pa.int64()))
    if types == {float}:
        return double_values(pa.array(values, pa.float64()))
    if types == {str}:
        return ColumnValues(pa.array(values, TEXT))
    if types == {bytes}:
        return typed(pa.array([_hex(v) for v in values], TEXT), XSD.hexBinary)
    return ColumnValues(pa.array([_told(v) for v in values], JSON_VALUE))


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex().upper()


def _told(value: Any) -> dict[str, str | None] | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        return {"text": _hex(value), "datatype": XSD.hexBinary}
    if isinstance(value, int):
        return {"text": str(value), "datatype": XSD.integer}
    if isinstance(value, float):
        return double_values(pa.array([value])).array[0].as_py()  # type: ignore[no-any-return]  # pyarrow has no types
    return {"text": str(value), "datatype": None}
