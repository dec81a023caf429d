"""One suite for every engine; results are compared with shapely, pair by pair, and with geodesics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Geod
from sqlglot import exp, select

from extremeearth.core.errors import (
    CancelledError,
    CrsMismatchError,
    DataBrokenError,
    DataMissingError,
    ExtremeEarthError,
    InputError,
)
from extremeearth.core.progress import CancelToken, EventProgress, ProgressEvent
from extremeearth.infrastructure.engine import PREDICATES, Engine, LocalEngine

WGS84 = Geod(ellps="WGS84")
SHAPELY_NAMES = {"coveredby": "covered_by"}
TOPOLOGY = [name for name in PREDICATES if name != "dwithin"]


@pytest.fixture(scope="module", params=["one process", "two workers", "spark"])
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "spark":
        return request.getfixturevalue("spark_engine")
    return LocalEngine(workers={"one process": 1, "two workers": 2}[request.param])


@pytest.fixture(scope="module", params=["local", "spark"])
def joiner(request: pytest.FixtureRequest) -> Engine:
    """One engine of each kind, for what does not depend on the number of workers."""
    return request.getfixturevalue("spark_engine") if request.param == "spark" else LocalEngine()


def table(shapes: Any) -> pa.Table:
    return pa.table(
        {"geometry": pa.array(shapely.to_wkb(np.asarray(shapes, dtype=object)), pa.binary())}
    )


def pairs(joined: pa.Table) -> list[tuple[int, int]]:
    assert joined.schema == pa.schema([("left_index", pa.int64()), ("right_index", pa.int64())])
    return list(
        zip(joined["left_index"].to_pylist(), joined["right_index"].to_pylist(), strict=True)
    )


def brute(left: Any, right: Any, relation: Callable[[Any, Any], Any]) -> list[tuple[int, int]]:
    a, b = np.asarray(left, dtype=object), np.asarray(right, dtype=object)
    known = ~shapely.is_empty(a)[:, None] & ~shapely.is_empty(b)[None, :]
    return [(int(i), int(j)) for i, j in np.argwhere(relation(a[:, None], b[None, :]) & known)]


# map


def test_map_keeps_the_order(engine: Engine) -> None:
    assert list(engine.map(abs, [-3, 2, -1, 0], label="numbers")) == [3, 2, 1, 0]
    assert list(engine.map(abs, [], label="numbers")) == []


def test_map_takes_only_a_few_items_ahead(engine: Engine) -> None:
    taken = []

    def endless() -> Iterator[int]:
        number = 0
        while True:
            taken.append(number)
            yield number
            number += 1

    results = engine.map(abs, endless(), label="numbers")
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    assert len(taken) <= 3 + 8
    results.close()  # type: ignore[attr-defined]  # every engine gives a generator


def test_map_counts_what_is_done(engine: Engine) -> None:
    events: list[ProgressEvent] = []
    list(engine.map(abs, [1, 2, 3], label="scenes", progress=EventProgress(events.append)))
    assert {event.label for event in events} == {"scenes"}
    assert [event.done for event in events] == [0, 1, 2, 3, 3]
    assert all(event.total == 3 for event in events)
    assert events[-1].finished


def test_map_stops_when_cancelled(engine: Engine) -> None:
    token = CancelToken()
    results = engine.map(
        abs,
        iter(range(1000)),
        label="numbers",
        progress=EventProgress(lambda _event: None, token=token),
    )
    assert next(results) == 0
    token.cancel()
    with pytest.raises(CancelledError):
        list(results)


def test_a_failure_names_the_work_the_item_and_the_cause(engine: Engine) -> None:
    with pytest.raises(ExtremeEarthError, match=r"parse, item 1 \('x'\): ValueError") as failed:
        list(engine.map(int, ["1", "x", "2"], label="parse"))
    assert isinstance(failed.value.__cause__, ValueError)


def test_our_errors_keep_their_kind(engine: Engine) -> None:
    with pytest.raises(DataMissingError, match=r"scenes, item 0 .*: There is no object") as failed:
        list(engine.map(_missing, ["a"], label="scenes"))
    assert failed.value.hint


def _missing(key: str) -> None:
    from extremeearth.infrastructure.objects import open_store

    open_store("memory:///").get(key)


def test_map_refuses_nonsense(engine: Engine) -> None:
    with pytest.raises(InputError):
        engine.map(abs, [1], label="x", retries=-1)


# map_batches and sql


def test_map_batches_puts_pieces_together_in_order(engine: Engine) -> None:
    numbers = pa.table({"n": np.arange(150_000)})
    result = engine.map_batches(numbers, _double, pa.schema([("twice", pa.int64())]))
    np.testing.assert_array_equal(result["twice"].to_numpy(), np.arange(150_000) * 2)


def _double(batch: pa.RecordBatch) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"twice": batch["n"].to_numpy() * 2})


def test_map_batches_holds_the_function_to_its_schema(engine: Engine) -> None:
    with pytest.raises(InputError, match=r"twice int64.*once int64"):
        engine.map_batches(pa.table({"n": [1]}), _double, pa.schema([("once", pa.int64())]))


def test_map_batches_of_nothing_has_the_columns(engine: Engine) -> None:
    schema = pa.schema([("twice", pa.int64())])
    assert (
        engine.map_batches(pa.table({"n": pa.array([], pa.int64())}), _double, schema).schema
        == schema
    )


def test_sql_answers_text_and_trees(joiner: Engine) -> None:
    fields = pa.table({"name": ["a", "b"], "area": [1.0, 2.5]})
    tree = select(exp.func("SUM", exp.column("area")).as_("total")).from_("fields")
    assert joiner.sql(tree, fields=fields).to_pylist() == [{"total": 3.5}]
    assert joiner.sql("SELECT name FROM fields WHERE area > 2", fields=fields).to_pylist() == [
        {"name": "b"}
    ]


def test_sql_knows_space(joiner: Engine) -> None:
    found = joiner.sql(
        "SELECT ST_AsText(ST_Intersection(ST_GeomFromWKB(a.geometry), ST_GeomFromWKB(b.geometry))) AS w FROM a, b",
        a=table([shapely.box(0, 0, 2, 2)]),
        b=table([shapely.box(1, 1, 3, 3)]),
    )
    assert shapely.from_wkt(found["w"][0].as_py()).equals(shapely.box(1, 1, 2, 2))


@pytest.mark.parametrize(
    "statement", ["", "DROP TABLE t", "COPY (SELECT 1) TO 'x.csv'", "CREATE TABLE x AS SELECT 1", "SET a = 1",
                  "SELECT 1; SELECT 2", "SELECT nothing FROM t", "EXPLAIN ANALYZE SELECT 1"],
)  # fmt: skip
def test_sql_refuses_what_is_no_query(joiner: Engine, statement: str) -> None:
    with pytest.raises(InputError):
        joiner.sql(statement, t=pa.table({"n": [1]}))


def test_tables_of_one_query_are_unknown_to_the_next(joiner: Engine) -> None:
    joiner.sql("SELECT * FROM mine", mine=pa.table({"n": [1]}))
    with pytest.raises(InputError):
        joiner.sql("SELECT * FROM mine")


# join_spatial


def _shapes(seed: int) -> list[Any]:
    """Small integer coordinates, so that touching, equal and nested shapes are frequent."""
    generator = np.random.default_rng(seed)
    corners, sizes = generator.integers(0, 8, (60, 2)), generator.integers(1, 4, (60, 2))
    boxes = shapely.box(*corners.T, *(corners + sizes).T)
    lines = shapely.linestrings(generator.integers(0, 10, (40, 2, 2)).astype(float))
    points = shapely.points(generator.integers(0, 10, (20, 2)).astype(float))
    odd = ["POINT EMPTY", "POLYGON EMPTY", "MULTIPOINT(1 1,5 5)",
           "POLYGON((0 0,9 0,9 9,0 9,0 0),(2 2,6 2,6 6,2 6,2 2))",
           "MULTIPOLYGON(((0 0,1 0,1 1,0 1,0 0)),((3 3,4 3,4 4,3 4,3 3)))"]  # fmt: skip
    lines = lines[shapely.length(lines) > 0]
    return [*boxes, *lines, *points, *shapely.from_wkt(odd), None]


@pytest.mark.parametrize(
    ("joiner", "seed"), [("local", 1), ("local", 2), ("spark", 1)], indirect=["joiner"]
)
@pytest.mark.parametrize("predicate", TOPOLOGY)
def test_joins_equal_brute_force(joiner: Engine, predicate: str, seed: int) -> None:
    left, right = _shapes(seed), _shapes(seed + 10)
    expected = brute(left, right, getattr(shapely, SHAPELY_NAMES.get(predicate, predicate)))
    assert expected
    assert pairs(joiner.join_spatial(table(left), table(right), predicate)) == expected


@pytest.mark.parametrize("predicate", TOPOLOGY)
def test_joins_take_collections(joiner: Engine, predicate: str) -> None:
    mixed = [
        *shapely.from_wkt(["GEOMETRYCOLLECTION(POINT(1 1),POLYGON((0 0,3 0,3 3,0 0)))"]),
        *_shapes(3)[:20],
    ]
    relation = getattr(shapely, SHAPELY_NAMES.get(predicate, predicate))
    left, right = mixed, [*_shapes(4), mixed[0]]  # a collection on both sides
    expected = brute(left, right, relation)
    assert expected
    assert pairs(joiner.join_spatial(table(left), table(right), predicate)) == expected


coordinates = st.integers(0, 6).map(float)
boxes = st.tuples(coordinates, coordinates, st.integers(1, 3), st.integers(1, 3)).map(
    lambda b: shapely.box(b[0], b[1], b[0] + b[2], b[1] + b[3])
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(boxes, max_size=6), st.lists(boxes, max_size=6), st.sampled_from(TOPOLOGY))
def test_any_boxes_join_as_shapely_says(left: list[Any], right: list[Any], predicate: str) -> None:
    relation = getattr(shapely, SHAPELY_NAMES.get(predicate, predicate))
    expected = brute(left, right, relation) if left and right else []
    assert pairs(LocalEngine().join_spatial(table(left), table(right), predicate)) == expected


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view()])
def test_every_kind_of_binary_column_is_read(joiner: Engine, kind: pa.DataType) -> None:
    wkb = shapely.to_wkb(shapely.box(0, 0, 1, 1))
    left = pa.table({"where": pa.chunked_array([pa.array([None], kind), pa.array([wkb], kind)])})
    joined = joiner.join_spatial(
        left, table([shapely.Point(0.5, 0.5)]), "contains", left_geometry="where"
    )
    assert pairs(joined) == [(1, 0)]


def test_empty_tables_join_to_nothing(joiner: Engine) -> None:
    some = table([shapely.Point(0, 0)])
    for left, right in ((table([]), some), (some, table([])), (table([None]), some)):
        assert pairs(joiner.join_spatial(left, right, "intersects")) == []
        assert pairs(joiner.join_spatial(left, right, "dwithin", distance_m=5.0)) == []


def _with_crs(shapes: Any, crs: str) -> pa.Table:
    metadata = {
        "ARROW:extension:name": "geoarrow.wkb",
        "ARROW:extension:metadata": f'{{"crs": "{crs}"}}',
    }
    field = pa.field("geometry", pa.binary(), metadata=metadata)
    return table(shapes).cast(pa.schema([field]))


def test_reference_systems_must_agree(joiner: Engine) -> None:
    utm, lonlat = (
        _with_crs([shapely.Point(0, 0)], "EPSG:32632"),
        _with_crs([shapely.Point(0, 0)], "EPSG:4326"),
    )
    with pytest.raises(CrsMismatchError, match="EPSG:32632"):
        joiner.join_spatial(utm, lonlat, "intersects")
    assert pairs(
        joiner.join_spatial(lonlat, _with_crs([shapely.Point(0, 0)], "OGC:CRS84"), "intersects")
    ) == [(0, 0)]


def test_projected_shapes_are_measured_on_the_ellipsoid(joiner: Engine) -> None:
    left = _with_crs([shapely.Point(500_000, 5_400_000)], "EPSG:32632")
    right = _with_crs(
        [shapely.Point(500_100, 5_400_000)], "EPSG:32632"
    )  # 100 m on the map, 100.04 on the ground
    assert pairs(joiner.join_spatial(left, right, "dwithin", distance_m=100.0)) == []
    assert pairs(joiner.join_spatial(left, right, "dwithin", distance_m=100.1)) == [(0, 0)]


@pytest.mark.parametrize(
    ("joiner", "lon", "lat"),
    [("local", lon, lat) for lon in (15.0, 179.99) for lat in (0.0, 48.0, -70.0, 80.0, 89.9)]
    + [("spark", 15.0, 80.0), ("spark", 179.99, -70.0), ("spark", 179.99, 89.9)],
    indirect=["joiner"],
)
def test_distances_are_geodesic_everywhere(joiner: Engine, lon: float, lat: float) -> None:
    """Points around a place, compared with geodesics pair by pair."""
    generator = np.random.default_rng(7)
    azimuths, reach = generator.uniform(0, 360, 60), generator.uniform(0, 5000, 60)
    lons, lats, _ = WGS84.fwd(np.full(60, lon), np.full(60, lat), azimuths, reach)
    points = shapely.points(lons, lats)
    joined = joiner.join_spatial(
        table(points[:30]), table(points[30:]), "dwithin", distance_m=2000.0
    )
    i, j = (grid.ravel() for grid in np.meshgrid(np.arange(30), np.arange(30), indexing="ij"))
    metres = WGS84.inv(lons[i], lats[i], lons[30 + j], lats[30 + j])[2]
    assert pairs(joined) == [
        (int(a), int(b)) for a, b in zip(i[metres <= 2000], j[metres <= 2000], strict=True)
    ]
    assert 0 < joined.num_rows < 900


def test_a_degree_is_no_metre(joiner: Engine) -> None:
    """At 80 degrees north 0.01 degrees of longitude are 194 m, of latitude 1117 m."""
    left = table([shapely.Point(15, 80)])
    right = table(shapely.points([[15.01, 80.0], [15.0, 80.01]]))
    assert pairs(joiner.join_spatial(left, right, "dwithin", distance_m=200.0)) == [(0, 0)]
    assert pairs(joiner.join_spatial(left, right, "dwithin", distance_m=190.0)) == []
    assert pairs(joiner.join_spatial(left, right, "dwithin", distance_m=1120.0)) == [(0, 0), (0, 1)]


def test_shapes_beyond_180_degrees_are_where_they_are(joiner: Engine) -> None:
    """-179.5 and 180.5 are one meridian, whichever side writes it so."""
    inside, beyond = shapely.points([[-179.5, 10], [-170, 10]]), shapely.points([[180.5, 10]])
    wide = np.array([shapely.box(175, 9, 189.99, 11)])
    for near, limit in ((beyond, 1.0), (wide, 1500.0)):
        found = joiner.join_spatial(table(inside), table(near), "dwithin", distance_m=limit)
        expected = [(0, 0)] if near is beyond else [(0, 0), (1, 0)]
        assert pairs(found) == expected
        turned = joiner.join_spatial(table(near), table(inside), "dwithin", distance_m=limit)
        assert pairs(turned) == [(b, a) for a, b in expected]


def test_shapes_on_both_sides_of_the_antimeridian_and_around_the_pole_are_near(
    joiner: Engine,
) -> None:
    east, west = shapely.box(179, 70, 179.999, 71), shapely.box(-179.999, 70, -179, 71)
    cap, beyond = shapely.box(-180, 89.9, 180, 90), shapely.Point(-100, 89.85)
    assert pairs(
        joiner.join_spatial(table([east]), table([west]), "dwithin", distance_m=100.0)
    ) == [(0, 0)]
    assert (
        pairs(joiner.join_spatial(table([east]), table([west]), "dwithin", distance_m=60.0)) == []
    )
    assert pairs(
        joiner.join_spatial(table([beyond]), table([cap]), "dwithin", distance_m=5600.0)
    ) == [(0, 0)]
    assert (
        pairs(joiner.join_spatial(table([beyond]), table([cap]), "dwithin", distance_m=5500.0))
        == []
    )


def test_distance_zero_means_touching(joiner: Engine) -> None:
    shapes = table([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1), shapely.box(3, 0, 4, 1)])
    assert pairs(joiner.join_spatial(shapes, shapes, "dwithin", distance_m=0.0)) == [
        (0, 0), (0, 1), (1, 0), (1, 1), (2, 2)
    ]  # fmt: skip


def test_the_whole_globe_is_within_half_its_girth(joiner: Engine) -> None:
    shapes = table([shapely.Point(0, 0), shapely.box(170, -80, 179, 80), shapely.Point(-179, -89)])
    assert joiner.join_spatial(shapes, shapes, "dwithin", distance_m=20_100_000.0).num_rows == 9


@pytest.mark.parametrize(
    ("predicate", "options"),
    [
        ("near", {}),
        ("ST_Intersects", {}),
        ("dwithin", {}),
        ("intersects", {"distance_m": 1.0}),
        ("dwithin", {"distance_m": -1.0}),
        ("dwithin", {"distance_m": float("nan")}),
        ("intersects", {"left_geometry": "absent"}),
        ("intersects", {"right_geometry": "name"}),
    ],
)
def test_wrong_joins_are_refused(joiner: Engine, predicate: str, options: dict[str, Any]) -> None:
    some = table([shapely.Point(0, 0)]).append_column("name", pa.array(["a"]))
    with pytest.raises(InputError):
        joiner.join_spatial(some, some, predicate, **options)


@pytest.mark.parametrize("predicate", ["intersects", "contains", "dwithin"])
@pytest.mark.parametrize("wkb", [b"", b"not wkb", shapely.to_wkb(shapely.Point(1, 1))[:-3]])
def test_broken_geometries_are_told(joiner: Engine, predicate: str, wkb: bytes) -> None:
    broken = pa.table({"geometry": [wkb]})
    distance = {"distance_m": 1.0} if predicate == "dwithin" else {}
    with pytest.raises(DataBrokenError):
        joiner.join_spatial(broken, table([shapely.Point(0, 0)]), predicate, **distance)
