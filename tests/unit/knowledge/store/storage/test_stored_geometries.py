"""Boxes, Hilbert order, and the geometries of a store, against brute force."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.core.geodesy import transform
from extremeearth.knowledge.rdf.geometry_column import GeometryColumn, crs_code, crs_of_code
from extremeearth.knowledge.store.storage import geometries as geometries_module
from extremeearth.knowledge.store.storage.boxes import hilbert_order, lonlat_boxes
from extremeearth.knowledge.store.storage.geometries import (
    StoredGeometries,
    file_of_geometries,
    geometries_of_file,
    in_one,
)

EPSG = "http://www.opengis.net/def/crs/EPSG/0/"


def squares(count: int, *, seed: int, size: float = 2.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    x, y = random.uniform(-170, 170, count), random.uniform(-80, 80, count)
    half = random.uniform(0, size, count) / 2
    return np.asarray(shapely.box(x - half, y - half, x + half, y + half), object)


def column(shapes: np.ndarray, code: int = 0) -> GeometryColumn:
    return GeometryColumn(shapes, np.full(len(shapes), code, np.int32))


def stored(shapes: np.ndarray, *, pieces: int = 3) -> tuple[StoredGeometries, np.ndarray]:
    ids = np.random.default_rng(1).permutation(np.arange(1, len(shapes) + 1))
    found = StoredGeometries()
    for rows in np.array_split(np.arange(len(shapes)), pieces):
        found = found.extended(ids[rows], column(shapes[rows]))
    return found, ids


def test_boxes_find_what_brute_force_finds() -> None:
    shapes = squares(5000, seed=3)
    shapes[::97] = shapely.Point()
    found, ids = stored(shapes)
    bounds = shapely.bounds(shapes)
    random = np.random.default_rng(5)
    for _ in range(100):
        x, y = random.uniform(-180, 180), random.uniform(-90, 90)
        box = (x, y, x + random.exponential(10), y + random.exponential(10))
        inside = (
            (bounds[:, 0] <= box[2])
            & (bounds[:, 2] >= box[0])
            & (bounds[:, 1] <= box[3])
            & (bounds[:, 3] >= box[1])
        )
        assert sorted(found.in_box(*box).tolist()) == sorted(ids[inside].tolist())
        strictly = (bounds[:, :2] > box[:2]).all(axis=1) & (bounds[:, 2:] < box[2:]).all(axis=1)
        assert sorted(found.inside_box(*box).tolist()) == sorted(ids[strictly].tolist())
    everywhere = found.in_box(-180, -90, 180, 90)
    assert len(everywhere) == (~np.isnan(bounds[:, 0])).sum()
    west, east = found.in_box(-180, -90, -160, 90), found.in_box(160, -90, 180, 90)
    assert sorted(found.in_box(160, -90, -160, 90).tolist()) == sorted(
        {*west.tolist(), *east.tolist()}
    )


def test_shapes_are_given_by_number() -> None:
    shapes = squares(1000, seed=4)
    found, ids = stored(shapes)
    asked = np.array([*ids[::-1], *ids[:10], 0, 5000, -1])
    given_ = found.column(asked)
    assert shapely.equals(given_.shapes[:1000], shapes[::-1]).all()
    assert shapely.equals(given_.shapes[1000:1010], shapes[:10]).all()
    assert given_.shapes[1010:].tolist() == [None] * 3
    assert given_.systems.tolist() == [0] * 1010 + [-1] * 3


def test_shapes_read_from_files_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometries_module, "CACHE_BYTES", 20_000)
    shapes = np.array(
        [
            *squares(300, seed=6), shapely.Point(), shapely.Point(1, 2, 3),
            shapely.from_wkt("LINESTRING M (0 0 5, 1 1 6)"), shapely.from_wkt("GEOMETRYCOLLECTION EMPTY"),
        ],
        object,
    )  # fmt: skip
    codes = np.resize([0, crs_code(f"{EPSG}4326"), crs_code(f"{EPSG}3035")], len(shapes)).astype(
        np.int32
    )
    ids = np.arange(10, 10 + len(shapes))
    first = StoredGeometries().extended(ids, GeometryColumn(shapes, codes))
    read = StoredGeometries().with_chunk(
        geometries_of_file(file_of_geometries(in_one(first.chunks)))
    )
    for _ in range(3):
        for asked in (ids, ids[:100], ids[200:]):
            again = read.column(asked)
            assert shapely.to_wkt(again.shapes, output_dimension=4).tolist() == (
                shapely.to_wkt(shapes[asked - 10], output_dimension=4).tolist()
            )
            assert again.systems.tolist() == codes[asked - 10].tolist()
    assert read.table()["crs"].to_pylist() == first.table()["crs"].to_pylist()


def test_a_geometry_stored_twice_is_there_once() -> None:
    shapes = squares(10, seed=7)
    first = StoredGeometries().extended(np.arange(1, 11), column(shapes))
    twice = first.extended(np.array([5, 5, 11, 11]), column(shapes[[4, 4, 0, 0]]))
    assert len(first) == 10
    assert len(twice) == 11
    assert len(twice.in_box(-180, -90, 180, 90)) == 11


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.sampled_from([32632, 3035, 3413, 3031, 3857, 4258, 5041]))
def test_a_box_in_longitude_and_latitude_holds_its_geometry(seed: int, epsg: int) -> None:
    """Also around poles and across the antimeridian."""
    random = np.random.default_rng(seed)
    code = crs_code(f"{EPSG}{epsg}")
    size = 30.0 if epsg == 4258 else 3e6
    x, y = random.uniform(-size, size, 2)
    half = size * 10 ** random.uniform(-4, -0.5)
    ring = random.normal(0, half / 3, (20, 2)).clip(-half, half) + np.array([x, y])
    shape = shapely.convex_hull(shapely.multipoints(ring))
    ((xmin, ymin, xmax, ymax),) = lonlat_boxes(column(np.array([shape], object), code))
    dense = shapely.segmentize(shape, half / 50)
    inner = shapely.points(random.uniform([x - half, y - half], [x + half, y + half], (200, 2)))
    inner = inner[shapely.contains(shape, inner)]
    for part in (dense, *inner):
        lonlat = shapely.get_coordinates(
            transform(part, source=crs_of_code(code), target="OGC:CRS84")
        )
        lonlat = lonlat[np.isfinite(lonlat).all(1)]
        near = 1e-9
        assert (lonlat[:, 1] >= ymin - near).all()
        assert (lonlat[:, 1] <= ymax + near).all()
        assert (lonlat[:, 0] >= xmin - near).all()
        assert (lonlat[:, 0] <= xmax + near).all()


def test_boxes_around_poles_reach_around_the_world() -> None:
    polar = column(np.array([shapely.box(-1e5, -1e5, 1e5, 1e5)], object), crs_code(f"{EPSG}3413"))
    ((xmin, ymin, xmax, ymax),) = lonlat_boxes(polar)
    assert (xmin, xmax, ymax) == (-180, 180, 90)
    assert 85 < ymin < 90
    nowhere = column(np.array([shapely.Point(1e30, 1e30)], object), crs_code(f"{EPSG}32632"))
    assert lonlat_boxes(nowhere).tolist() == [[-180, -90, 180, 90]]


def test_the_hilbert_order_steps_from_neighbour_to_neighbour() -> None:
    side = 16
    cells = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2).astype(float)
    order = hilbert_order(np.hstack([cells, cells]))
    steps = np.abs(np.diff(cells[order], axis=0)).sum(1)
    assert sorted(order.tolist()) == list(range(side * side))
    assert (steps == 1).all()
    empty = np.full((3, 4), np.nan)
    assert hilbert_order(empty).tolist() == [0, 1, 2]


def test_the_histogram_estimates_fractions() -> None:
    shapes = squares(20_000, seed=8, size=0.5)
    found, _ = stored(shapes)
    for box in ((0, 0, 20, 20), (-180, -90, 180, 90), (-50, 10, -45, 60), (170, -90, -170, 90)):
        true = len(found.in_box(*box)) / len(shapes)
        assert found.box_fraction(*box) == pytest.approx(true, rel=0.15, abs=0.002)
    assert found.box_fraction(0, 85, 10, 90) == pytest.approx(0, abs=0.001)
    one = StoredGeometries().extended(
        np.array([1]), column(np.array([shapely.Point(3, 4)], object))
    )
    assert one.box_fraction(2, 3, 4, 5) == pytest.approx(1)
    assert one.box_fraction(20, 3, 40, 5) == 0
