"""Text of well-known binary without shapes: the same as GEOS writes, whatever stands in the column."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.core.errors import CrsError
from extremeearth.knowledge.rdf import (
    PlainShapes,
    geometry_binary,
    plain_shapes,
    wkb_literals,
    wkt_literals,
)

LONLAT, UTM, NORTHING_FIRST = 4326, 32632, 31468
POINT, LINE, POLYGON, POINTS, LINES, POLYGONS, COLLECTION = range(1, 8)
PARTS = {POINTS: POINT, LINES: LINE, POLYGONS: POLYGON}
Z, M, SRID = 0x80000000, 0x40000000, 0x20000000

numbers = st.one_of(
    st.integers(-180_000_000, 180_000_000).map(lambda n: n / 1e6),
    st.integers(-(10**9), 10**9).map(lambda n: n / 1e3),
    st.floats(-180, 180),
    st.floats(-1, 1),
    st.floats(),
    st.sampled_from(
        [0.0, -0.0, 1e15, 999999999999999.9, 1e16, 1e17, -1e17, 1e300, 1e-4, 9.999e-5, 1e-5, 0.1 + 0.2, 5e-324,
         1 / 3, 1e-12, 0.1234567890123, 123456789.12345679, 0.30000000000000004, math.nan, math.inf, -math.inf]
    ),
)  # fmt: skip


@st.composite
def binaries(draw: st.DrawFn, depth: int = 0, like: tuple[int, int] | None = None) -> bytes:
    """Write a geometry of any type, with any axes, in any order of bytes, by ISO or as PostGIS does."""
    kind, axes = like or (
        draw(st.sampled_from(range(POINT, COLLECTION + (depth < 2)))),
        draw(st.sampled_from([2, 2, 2, 3, 4, 5])),  # 4 is x, y, m
    )
    order = draw(st.sampled_from("<<<>"))
    number = order + "I"
    code, identifier = _code(kind, axes, extended=draw(st.booleans()), top=depth == 0, draw=draw)
    head = struct.pack(order + "B", order == "<") + struct.pack(number, code)
    if identifier:
        head += struct.pack(number, 4326)
    width = {2: 2, 3: 3, 4: 3, 5: 4}[axes]
    if kind == POINT:
        empty = draw(st.sampled_from([False, False, False, True]))
        return head + _positions(draw, width, 1, order, only_nan=empty)
    if kind == LINE:
        count = draw(st.sampled_from([0, 2, 3, 5]))
        return head + struct.pack(number, count) + _positions(draw, width, count, order)
    if kind == POLYGON:
        rings = [_ring(draw, width, order) for _ in range(draw(st.integers(0, 3)))]
        return head + struct.pack(number, len(rings)) + b"".join(rings)
    part = PARTS.get(kind)
    parts = draw(
        st.lists(
            binaries(depth + 1, None if part is None else (part, axes)), min_size=0, max_size=3
        )
    )
    return head + struct.pack(number, len(parts)) + b"".join(parts)


def _code(kind: int, axes: int, *, extended: bool, top: bool, draw: st.DrawFn) -> tuple[int, bool]:
    if not extended:
        return kind + {2: 0, 3: 1000, 4: 2000, 5: 3000}[axes], False
    identifier = top and draw(st.booleans())
    flags = {2: 0, 3: Z, 4: M, 5: Z | M}[axes]
    return kind | flags | (SRID if identifier else 0), identifier


def _positions(
    draw: st.DrawFn, width: int, count: int, order: str, *, only_nan: bool = False
) -> bytes:
    values = [math.nan if only_nan else draw(numbers) for _ in range(width * count)]
    return struct.pack(f"{order}{len(values)}d", *values)


def _ring(draw: st.DrawFn, width: int, order: str) -> bytes:
    count = draw(st.sampled_from([0, 3, 4]))
    inner = _positions(draw, width, count, order)
    closed = inner + inner[: 8 * width]
    return struct.pack(order + "I", count + (count > 0)) + closed


def shapes_of(column: Any) -> Any:
    with np.errstate(invalid="ignore"):
        return shapely.from_wkb(column.to_numpy(zero_copy_only=False), on_invalid="ignore")


def expected(column: Any, crs: Any = LONLAT) -> list[str | None]:
    return list(wkt_literals(shapes_of(column), crs=crs))


def both_ways(column: Any, crs: Any = LONLAT) -> list[list[str | None]]:
    """Write a column with its shapes, and without them where that can be."""
    ways: list[Any] = [shapes_of(column)]
    if (plain := plain_shapes(column)) is not None:
        ways.append(plain)
    return [wkb_literals(column, crs=crs, shapes=way).to_pylist() for way in ways]


def column_of(values: Sequence[bytes | None], *, wide: bool = False) -> Any:
    return pa.array(values, pa.large_binary() if wide else pa.binary())


@pytest.mark.parametrize("crs", [LONLAT, UTM, NORTHING_FIRST, "OGC:CRS84"])
@settings(max_examples=60, deadline=None)
@given(st.lists(st.none() | binaries(), max_size=6), st.booleans())
def test_the_text_is_that_of_geos_for_geometries_of_every_kind(
    crs: Any, values: list[bytes | None], wide: bool
) -> None:
    column = column_of(values, wide=wide)
    for made in both_ways(column, crs):
        assert made == expected(column, crs)


@pytest.mark.parametrize("crs", [LONLAT, UTM, NORTHING_FIRST])
@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from([POINT, LINE]), st.booleans())
def test_the_text_is_that_of_geos_for_points_and_lines_of_two_axes(
    crs: Any, data: st.DataObject, kind: int, wide: bool
) -> None:
    values = data.draw(st.lists(st.none() | binaries(1, (kind, 2)), max_size=8))
    column = column_of(values, wide=wide)
    for made in both_ways(column, crs):
        assert made == expected(column, crs)


@settings(max_examples=100, deadline=None)
@given(st.lists(numbers.filter(math.isfinite), min_size=2, max_size=40))
def test_every_number_reads_back_as_the_same(values: list[float]) -> None:
    values = values[: len(values) // 2 * 2]
    points = np.array(values).reshape(-1, 2)
    column = pa.array(shapely.to_wkb(shapely.points(points)))
    plain = plain_shapes(column)
    assert plain is not None
    texts = wkb_literals(column, crs=LONLAT, shapes=plain).to_pylist()
    back = [[float(n) for n in text[7:-1].split()] for text in texts]
    assert back == points.tolist()


def line(*positions: tuple[float, float], order: str = "<", code: int = LINE) -> bytes:
    head = struct.pack(order + "BII", order == "<", code, len(positions))
    return head + b"".join(struct.pack(order + "2d", *xy) for xy in positions)


GOOD = line((1, 2), (3.5, -4.25))


@pytest.mark.parametrize(
    "other",
    [
        line((1, 2), (3, 4), order=">"),
        line((1, 2)),
        line(),
        line((1, 2), (math.nan, 4)),
        line((1, 2), (math.inf, 4)),
        line((1, 2), (3, 4), code=LINE | SRID),
        line((1, 2), (3, 4)) + b"\0",
        line((1, 2), (3, 4))[:-1],
        line((1, 2), (3, 4))[:7],
        struct.pack("<BII", 1, LINE, 0xFFFFFFFF) + bytes(32),
        struct.pack("<BI2d", 1, POINT, 1, 2),
        b"",
    ],
    ids=[
        "other order", "one position", "none", "not a number", "infinite", "identifier", "too long", "too short",
        "no count", "count too large", "another type", "nothing",
    ],
)  # fmt: skip
@pytest.mark.parametrize("first", [True, False])
def test_what_is_not_plain_is_left_to_geos(other: bytes, first: bool) -> None:
    values = [other, GOOD] if first else [GOOD, other]
    assert plain_shapes(column_of(values)) is None
    assert plain_shapes(column_of([GOOD, GOOD])) is not None


def test_a_column_without_a_value_or_of_texts_is_not_plain() -> None:
    assert plain_shapes(column_of([])) is None
    assert plain_shapes(column_of([None, None])) is None
    assert plain_shapes(pa.array(["POINT (1 2)"])) is None


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("crs", [LONLAT, NORTHING_FIRST])
def test_a_part_of_a_column_with_nulls_is_written_like_the_whole(wide: bool, crs: int) -> None:
    values = [None, *(line((n, 0.1), (n + 1, 1e-7 if n == 4 else 2)) for n in range(9)), None]
    column = column_of(values, wide=wide)
    whole = expected(column, crs)
    for start in range(len(values)):
        part = column.slice(start, 4)
        for made in both_ways(part, crs):
            assert made == whole[start : start + 4]


def test_bytes_under_a_null_are_no_geometry() -> None:
    offsets = pa.py_buffer(np.arange(4, dtype=np.int32) * len(GOOD))
    column = pa.Array.from_buffers(
        pa.binary(), 3, [pa.py_buffer(b"\x05"), offsets, pa.py_buffer(GOOD * 3)]
    )
    plain = plain_shapes(column)
    assert plain is not None
    assert plain.counts.tolist() == [2, 2]
    assert both_ways(column) == [expected(column)] * 2
    assert expected(column)[1] is None


def test_plain_columns_are_written_without_a_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line((1, 2), (3.5, -4.25)), line((0.25, 0), (-1e14, 0.000125))]
    column = column_of(lines)
    plain = plain_shapes(column)
    monkeypatch.setattr(shapely, "from_wkb", None)
    monkeypatch.setattr(shapely, "to_wkt", None)
    assert isinstance(plain, PlainShapes)
    assert wkb_literals(column, crs=LONLAT, shapes=plain).to_pylist() == [
        "LINESTRING (1 2, 3.5 -4.25)",
        "LINESTRING (0.25 0, -100000000000000 0.000125)",
    ]
    assert wkb_literals(column, crs=NORTHING_FIRST, shapes=plain)[0].as_py() == (
        "<http://www.opengis.net/def/crs/EPSG/0/31468> LINESTRING (2 1, -4.25 3.5)"
    )


def test_only_rows_that_need_it_are_written_by_geos(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = shapely.from_wkt(
        ["POLYGON ((0 0, 1 0, 1 1, 0 0))", "MULTIPOINT ((1 2), (3 4))", "POLYGON ((0 0, 1 1e-9, 1 1, 0 0))",
         "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)))", "MULTILINESTRING ((0 0, 1 1))", "POINT (0.5 2)",
         "MULTIPOLYGON (EMPTY)"]
    )  # fmt: skip
    column = pa.array(shapely.to_wkb(shapes))
    wanted = expected(column)
    seen: list[int] = []

    def counted(given: Any, **said: Any) -> Any:
        seen.append(len(given))
        return wkt_literals(given, **said)

    monkeypatch.setattr(geometry_binary, "wkt_literals", counted)
    assert wkb_literals(column, crs=LONLAT, shapes=shapes).to_pylist() == wanted
    assert seen == [3]


def test_where_most_rows_are_odd_geos_writes_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    column = column_of([line((0.1 + 0.2, 1e-9), (1, 2))] * 3)
    monkeypatch.setattr(geometry_binary, "_writer", None)
    plain = plain_shapes(column)
    assert plain is not None
    assert wkb_literals(column, crs=LONLAT, shapes=plain).to_pylist() == expected(column)


def test_what_the_writer_refuses_is_written_by_geos(monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing() -> Any:
        def call(_: Any) -> Any:
            raise RuntimeError("too large")

        return call

    monkeypatch.setattr(geometry_binary, "_writer", refusing)
    column = column_of([GOOD, GOOD])
    assert both_ways(column) == [expected(column)] * 2


def test_a_part_with_heights_in_a_whole_without_is_left_to_geos() -> None:
    point = struct.pack("<BI3d", 1, 1001, 1, 2, 3)
    value = struct.pack("<BII", 1, LINES, 1) + struct.pack("<BII6d", 1, LINE + 1000, 2, *range(6))
    for odd in (value, struct.pack("<BII", 1, COLLECTION, 1) + point):
        column = column_of([odd, GOOD, GOOD])
        assert both_ways(column) == [expected(column)]


@pytest.mark.parametrize("xy", [(180.0, 90.0), (-180.0, -90.0)])
def test_the_edge_of_the_globe_is_within_it(xy: tuple[float, float]) -> None:
    plain = plain_shapes(column_of([line((0, 0), xy)]))
    assert plain is not None
    assert plain.within(180, 90)
    for axis in (0, 1):
        beyond = list(xy)
        beyond[axis] = math.nextafter(beyond[axis], math.copysign(math.inf, beyond[axis]))
        outside = plain_shapes(column_of([line((0, 0), (beyond[0], beyond[1]))]))
        assert outside is not None
        assert not outside.within(180, 90)


def test_a_system_without_a_name_is_an_error() -> None:
    column = column_of([GOOD])
    plain = plain_shapes(column)
    assert plain is not None
    with pytest.raises(CrsError, match="no EPSG code"):
        wkb_literals(column, crs="+proj=laea +lat_0=1 +lon_0=2", shapes=plain)


def test_a_shape_that_was_left_out_has_no_text_though_its_binary_is_there() -> None:
    column = column_of([shapely.box(n, 0, n + 1, 1).wkb for n in range(4)])
    shapes = shapely.from_wkb(column.to_numpy(zero_copy_only=False))
    shapes[2] = None
    texts = wkb_literals(column, crs=LONLAT, shapes=shapes).to_pylist()
    assert [text is None for text in texts] == [False, False, True, False]
