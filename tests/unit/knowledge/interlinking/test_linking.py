from __future__ import annotations

import io

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyoxigraph as ox
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import wkt

from extremeearth.core.errors import CrsError, InputError
from extremeearth.infrastructure.engine import LocalEngine
from extremeearth.knowledge.interlinking import (
    choose_relations,
    count_by_relation,
    link,
    link_with_report,
    write_links,
)
from extremeearth.knowledge.rdf import GEO

SIMPLE = {
    "sfEquals": shapely.equals, "sfIntersects": shapely.intersects, "sfTouches": shapely.touches,
    "sfWithin": shapely.within, "sfContains": shapely.contains, "sfOverlaps": shapely.overlaps,
    "sfCrosses": shapely.crosses,
}  # fmt: skip
PATTERNS = {
    "ehEquals": ["TFFFTFFFT"], "ehMeet": ["FT*******", "F**T*****", "F***T****"], "ehOverlap": ["T*T***T**"],
    "ehCovers": ["T*TFT*FF*"], "ehCoveredBy": ["TFF*TFT**"], "ehInside": ["TFF*FFT**"], "ehContains": ["T*TFF*FF*"],
    "rcc8eq": ["TFFFTFFFT"], "rcc8ec": ["FFTFTTTTT"], "rcc8po": ["TTTTTTTTT"], "rcc8tppi": ["TTTFTTFFT"],
    "rcc8tpp": ["TFFTTFTTT"], "rcc8ntpp": ["TFFTFFTTT"], "rcc8ntppi": ["TTTFFTFFT"],
}  # fmt: skip


def brute_force(left, right, names) -> set[tuple[int, str, int]]:
    """Every pair, every relation, by GEOS' own predicates; no index, no codes."""
    found = set()
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            for name in names:
                if a is None or b is None or a.is_empty or b.is_empty:
                    continue
                if name in SIMPLE:
                    holds = SIMPLE[name](a, b)
                else:
                    holds = any(shapely.relate_pattern(a, b, p) for p in PATTERNS[name])
                if holds:
                    found.add((i, name, j))
    return found


def frame(shapes, crs=32632):
    shapes = list(shapes)
    return gpd.GeoDataFrame({"id": [str(i) for i in range(len(shapes))]}, geometry=shapes, crs=crs)


def linked(left, right, **options) -> set[tuple[int, str, int]]:
    links = link(
        frame(left),
        frame(right),
        left_id="id",
        right_id="id",
        left_prefix="urn:l:",
        right_prefix="urn:r:",
        **options,
    )
    return {
        (int(s.rpartition(":")[2]), r.removeprefix(str(GEO)), int(t.rpartition(":")[2]))
        for s, r, t in zip(
            *(links[c].to_pylist() for c in ("source", "relation", "target")), strict=True
        )
    }


ALL_SIMPLE = [*SIMPLE, "ehCovers", "ehCoveredBy"]
# Shapes on a small grid meet at corners and edges, lie in each other and are equal: every relation comes up.
grid = st.integers(0, 4)
point = st.builds(shapely.Point, grid, grid)
coordinates = st.lists(st.tuples(grid, grid), min_size=2, max_size=4, unique=True)
line = coordinates.map(shapely.LineString)
box = st.tuples(grid, grid, st.integers(1, 3), st.integers(1, 3)).map(
    lambda v: shapely.box(v[0], v[1], v[0] + v[2], v[1] + v[3])
)
holed = st.tuples(grid, grid).map(
    lambda v: shapely.box(v[0], v[1], v[0] + 3, v[1] + 3).difference(
        shapely.box(v[0] + 1, v[1] + 1, v[0] + 2, v[1] + 2)
    )
)
several = st.lists(point, min_size=1, max_size=3, unique_by=lambda p: p.wkt).map(shapely.MultiPoint)
islands = st.tuples(box, grid).map(
    lambda v: shapely.MultiPolygon([v[0], shapely.box(10 + v[1], 0, 11 + v[1], 1)])
)
shape = st.one_of(point, several, line, box, holed, islands).filter(lambda g: g.is_valid)
shapes = st.lists(shape, min_size=1, max_size=7)


@settings(max_examples=150, deadline=None)
@given(shapes, shapes)
def test_links_equal_brute_force_for_every_type(left, right):
    assert linked(left, right) == brute_force(left, right, ALL_SIMPLE)


@settings(max_examples=60, deadline=None)
@given(shapes, shapes)
def test_egenhofer_links_equal_the_patterns_of_the_standard(left, right):
    names = [n for n in PATTERNS if n.startswith("eh")]
    assert linked(left, right, vocabulary="eh") == brute_force(left, right, names)


areas = st.lists(st.one_of(box, holed, islands), min_size=1, max_size=7)


@settings(max_examples=60, deadline=None)
@given(areas, areas)
def test_region_connection_links_equal_the_patterns_of_the_standard(left, right):
    names = [n for n in PATTERNS if n.startswith("rcc8")]
    assert linked(left, right, vocabulary="rcc8") == brute_force(left, right, names)


def test_collections_are_related_too():
    mixed = [
        wkt.loads("GEOMETRYCOLLECTION (POINT (5 5), LINESTRING (0 0, 1 1))"),
        wkt.loads(
            "GEOMETRYCOLLECTION (POLYGON ((0 0, 2 0, 2 2, 0 2, 0 0)), LINESTRING (3 3, 4 4))"
        ),
    ]
    others = [shapely.Point(5, 5), shapely.box(-1, -1, 6, 6), shapely.LineString([(0, 0), (2, 2)])]
    assert linked(mixed, others) == brute_force(mixed, others, ALL_SIMPLE)


@pytest.fixture(scope="module")
def clustered():
    rng = np.random.default_rng(7)
    centres = rng.uniform(0, 1000, (400, 2))
    polygons = shapely.buffer(shapely.points(centres), rng.uniform(5, 40, 400), quad_segs=3)
    starts = centres[rng.integers(0, 400, 300)] + rng.normal(0, 20, (300, 2))
    lines = [
        shapely.LineString(np.cumsum(np.vstack([s, rng.normal(0, 15, (4, 2))]), axis=0))
        for s in starts
    ]
    return polygons, lines


def test_the_engine_finds_the_same_links(clustered):
    polygons, lines = clustered
    expected = linked(polygons, lines)
    assert expected
    assert linked(polygons, lines, engine=LocalEngine()) == expected


def test_the_order_of_the_sides_only_turns_the_relations_round(clustered):
    polygons, lines = clustered
    turned = {
        "sfWithin": "sfContains",
        "sfContains": "sfWithin",
        "ehCovers": "ehCoveredBy",
        "ehCoveredBy": "ehCovers",
    }
    forth, back = linked(polygons, lines), linked(lines, polygons)
    assert {(j, turned.get(r, r), i) for i, r, j in forth} == back


def test_pieces_of_the_pairs_make_the_same_links(clustered, monkeypatch):
    from extremeearth.knowledge.interlinking import cells, filtering

    polygons, lines = clustered
    expected = linked(polygons, lines)
    for module in (cells, filtering):
        monkeypatch.setattr(module, "PAIRS_AT_ONCE", 37)
    assert linked(polygons, lines) == expected


def test_only_pairs_that_need_it_are_related_in_full():
    small = frame(shapely.box(x, 1, x + 1, 2) for x in range(10, 20))
    _, report = link_with_report(small, frame([shapely.box(0, 0, 100, 100)]), left_id="id", right_id="id",
                                 left_prefix="urn:", right_prefix="urn:")  # fmt: skip
    assert (report.candidates, report.related) == (10, 0)
    assert report.links["within"] == 10


def test_real_parcels_fields_and_countries_equal_brute_force(data_folder):
    parcels = gpd.read_file(data_folder / "bavaria-fields" / "lpis_test_area_2018.gpkg").head(120)
    farm = gpd.read_file(data_folder / "bavaria-fields" / "farm_field_polygons_2017.gpkg")
    countries = gpd.read_file(
        data_folder / "admin-boundaries" / "ne_50m_admin_0_countries.shp"
    ).iloc[::6]
    shifted = parcels.geometry.translate(0.0004, 0.0002)
    for left, right in (
        (parcels.geometry, shifted),
        (farm.geometry, parcels.geometry),
        (countries.geometry,) * 2,
    ):
        names = ALL_SIMPLE
        near = shapely.STRtree(right.to_numpy()).query(left.to_numpy())
        expected = {
            (int(i), name, int(j))
            for i, j in near.T
            for name in names
            if (0, name, 0) in brute_force([left.iloc[i]], [right.iloc[j]], [name])
        }
        assert linked(left, right) == expected
        assert expected


def test_every_parcel_lies_within_germany(data_folder):
    parcels = gpd.read_file(data_folder / "bavaria-fields" / "lpis_test_area_2018.gpkg")
    countries = gpd.read_file(data_folder / "admin-boundaries" / "ne_50m_admin_0_countries.shp")
    links = link(parcels.to_crs(32632), countries, left_id="field_id", right_id="NAME", relations=["within"],
                 left_prefix="urn:parcel:", right_prefix="urn:country:")  # fmt: skip
    assert set(links["target"].to_pylist()) == {"urn:country:Germany"}
    assert links.num_rows == len(parcels)


def test_the_right_side_is_brought_to_the_left_ones_system():
    left = frame([shapely.box(0, 0, 1, 1)], crs=4326)
    right = frame([shapely.box(0.2, 0.2, 0.4, 0.4)], crs=4326).to_crs(3857)
    assert count_by_relation(link(left, right, left_id="id", right_id="id", left_prefix="urn:l",
                                  right_prefix="urn:r"))[GEO.sfContains] == 1  # fmt: skip


def test_a_missing_system_is_an_error():
    left = frame([shapely.Point(0, 0)])
    nowhere = gpd.GeoDataFrame({"id": ["urn:a"]}, geometry=[shapely.Point(0, 0)])
    for sides in ((left, nowhere), (nowhere, left)):
        with pytest.raises(CrsError, match="no reference system"):
            link(*sides, left_id="id", right_id="id", left_prefix="urn:")


def test_invalid_shapes_are_repaired_skipped_or_kept_and_counted():
    bow = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    left, points = (
        frame([bow, None, shapely.Polygon()]),
        frame([shapely.Point(0.2, 1), shapely.Point(1, 0.2)]),
    )
    ids = {"left_id": "id", "right_id": "id", "left_prefix": "urn:l", "right_prefix": "urn:r"}
    links, report = link_with_report(left, points, relations="contains", **ids)
    assert report.invalid == (1, 0)
    assert report.empty == (2, 0)
    assert links["target"].to_pylist() == ["urn:r0"]
    skipped, report = link_with_report(left, points, on_invalid="skip", **ids)
    assert skipped.num_rows == 0
    assert report.invalid == (1, 0)
    assert link_with_report(left, points, on_invalid="keep", **ids)[1].candidates == 2


def test_features_that_a_projection_cannot_reach_are_an_error():
    ids = {"left_id": "id", "right_id": "id", "left_prefix": "urn:l", "right_prefix": "urn:r"}
    utm = frame([shapely.Point(5e5, 5e6)])
    # 90 degrees from a UTM zone's meridian its projection has no value
    beyond = frame([shapely.Point(99, 0)], crs=4326)
    assert link(utm, beyond, **ids).num_rows == 0
    with pytest.raises(CrsError, match="lie outside"):
        link(utm, beyond.to_crs(3857), **ids)


def test_iris_are_kept_and_ids_are_made_safe():
    left = gpd.GeoDataFrame({"iri": ["urn:a"]}, geometry=[shapely.Point(0, 0)], crs=4326)
    right = gpd.GeoDataFrame({"name": ["Süd Hof/1"]}, geometry=[shapely.Point(0, 0)], crs=4326)
    links = link(
        left,
        right,
        left_id="iri",
        right_id="name",
        right_prefix="https://e.org/",
        relations="equals",
    )
    assert links.to_pylist() == [
        {
            "source": "urn:a",
            "relation": GEO.sfEquals,
            "target": "https://e.org/S%C3%BCd%20Hof%2F1".replace("%C3%BC", "ü"),
        }
    ]


def test_written_links_read_back(clustered):
    polygons, lines = clustered
    links = link(
        frame(polygons),
        frame(lines),
        left_id="id",
        right_id="id",
        left_prefix="urn:l:",
        right_prefix="urn:r:",
    )
    out = io.BytesIO()
    assert write_links(links, out) == links.num_rows
    quads = list(ox.parse(out.getvalue(), format=ox.RdfFormat.N_TRIPLES))
    assert [q.object.value for q in quads] == links["target"].to_pylist()


def test_links_without_any_pair():
    links = link(frame([shapely.Point(0, 0)]), frame([shapely.Point(9, 9)]), left_id="id", right_id="id",
                 left_prefix="urn:", right_prefix="urn:")  # fmt: skip
    assert links.num_rows == 0
    assert links.schema.names == ["source", "relation", "target"]
    assert write_links(links, io.BytesIO()) == 0


def test_bad_input_is_named():
    good = frame([shapely.Point(0, 0)])
    with pytest.raises(InputError, match="no column 'name'"):
        link(good, good, left_id="name", right_id="id")
    with pytest.raises(InputError, match="not an absolute IRI"):
        link(good, good, left_id="id", right_id="id")
    with pytest.raises(InputError, match="have no 'id'"):
        link(good.assign(id=None), good, left_id="id", right_id="id")
    with pytest.raises(InputError, match="no relation"):
        choose_relations(["near"], vocabulary="sf")
    with pytest.raises(InputError, match="no family"):
        choose_relations("all", vocabulary="de9im")


def test_a_broken_target_iri_is_not_written():
    links = pa.table({"source": ["urn:a"], "relation": [GEO.sfEquals], "target": ["a b"]})
    with pytest.raises(InputError, match="a b"):
        write_links(links, io.BytesIO())
