"""CQL2 into the filter tree, and nothing else into it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from extremeearth.core.errors import FilterError, InputError
from extremeearth.core.times import as_instant, as_time_range
from extremeearth.data.catalogue import (
    And,
    Between,
    Compare,
    Constant,
    In,
    IsNull,
    ItemQuery,
    Like,
    Not,
    Or,
    Property,
    SortKey,
    Spatial,
    Temporal,
    parse_cql2,
    parse_sort,
)

A = Property("a")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a = 1", Compare(A, "=", 1.0)),
        ("1 < a", Compare(A, ">", 1.0)),
        ("a <> 'x'", Compare(A, "<>", "x")),
        ("a = true", Compare(A, "=", True)),
        ("a = b", Compare(A, "=", Property("b"))),
        ("properties.a >= 1", Compare(A, ">=", 1.0)),
        ('"eo:cloud_cover" <= 10', Compare(Property("eo:cloud_cover"), "<=", 10.0)),
        ("a = DATE('2018-01-02')", Compare(A, "=", as_instant("2018-01-02"))),
        ("a = 1 AND a = 2 AND a = 3", And(tuple(Compare(A, "=", float(n)) for n in (1, 2, 3)))),
        ("a = 1 OR NOT a = 2", Or((Compare(A, "=", 1.0), Not(Compare(A, "=", 2.0))))),
        ("a BETWEEN 1 AND 2", Between(A, 1.0, 2.0)),
        ("a IN ('x', 'y')", In(A, ("x", "y"))),
        ("a NOT IN (1)", Not(In(A, (1.0,)))),
        ("a LIKE 'x%'", Like(A, "x%")),
        ("a IS NOT NULL", Not(IsNull(A))),
        ("true", Constant(True)),
        (
            "s_intersects(geometry, POINT(1 2))",
            Spatial("intersects", shapely.Point(1, 2)),
        ),
        ("s_within(POINT(1 2), geometry)", Spatial("contains", shapely.Point(1, 2))),
        (
            "t_after(datetime, TIMESTAMP('2018-01-01T00:00:00Z'))",
            Temporal(
                "after",
                Property("datetime"),
                as_time_range(("2018-01-01T00:00:00Z", "2018-01-01T00:00:00Z")),
            ),
        ),
        (
            "t_during(datetime, INTERVAL('2018-01-01', '..'))",
            Temporal("during", Property("datetime"), as_time_range("2018-01-01/..")),
        ),
    ],
)
def test_text_and_json_give_one_tree(text: str, tree: Any) -> None:
    import cql2

    assert parse_cql2(text) == tree
    as_json = cql2.parse_text(text).to_json()
    assert parse_cql2(as_json) == tree
    assert parse_cql2(json.dumps(as_json)) == tree or not isinstance(as_json, dict)


@pytest.mark.parametrize(
    "source",
    [
        "", " ", "a", "a =", "= 1", "a = 1 AND", "a ~ 1", "a = 1; DROP TABLE x", "a = 'x", "casei(a) = 'x'",
        "a = 1 + 2", "a = NULL", "s_intersects(a, POINT(1 2))", "s_intersects(geometry, 1)",
        "s_near(geometry, POINT(1 2))", "t_after(datetime, 5)", "t_after(datetime, true)", "a LIKE b",
        "a LIKE 5", "a BETWEEN 1", "s_intersects(geometry, BBOX(1,2,3))", "s_intersects(geometry, BBOX(1,9,3,4))",
        "s_intersects(geometry, POINT(1 200))", "a = TIMESTAMP('yesterday')", "a = '\x00'", "{", "[]", "{}",
        '{"op": 5, "args": []}', '{"op": "=", "args": {}}', '{"op": "=", "args": [1, 2]}', '{"op": "="}',
        '{"op": "=", "args": [{"property": 5}, 2]}', '{"op": "=", "args": [{"property": "a"}, [1]]}',
        '{"op": "=", "args": [{"property": "a"}, 1e999]}', '{"op": "=", "args": [{"property": "a"}, NaN]}',
        '{"op": "not", "args": []}', '{"op": "and", "args": [true]}', '{"op": "isNull", "args": [1]}',
        '{"op": "in", "args": [{"property": "a"}, "x"]}', '{"op": "=", "args": [{"property": "a"}, "\\ud800"]}',
        '{"op": "t_before", "args": [{"interval": [{"property": "x"}, ".."]}, {"date": "2018-01-01"}]}',
        '{"op": "s_within", "args": [{"property": "geometry"}, {"type": "Polygon", "coordinates": []}]}',
        '{"op": "s_within", "args": [{"property": "geometry"}, {"type": "Polygon", "coordinates": "x"}]}',
    ],
)  # fmt: skip
def test_what_is_no_filter_is_a_filter_error(source: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_cql2(source)
    assert caught.value.hint


def test_limits() -> None:
    with pytest.raises(FilterError, match="nests"):
        parse_cql2("(" * 3_000 + "a = 1" + ")" * 3_000)
    with pytest.raises(FilterError, match="large"):
        parse_cql2("NOT " * 900 + "a = 1")
    with pytest.raises(FilterError, match="longer"):
        parse_cql2("a = '" + "x" * 100_000 + "'")
    many = {"op": "or", "args": [{"op": "isNull", "args": [{"property": "a"}]}] * 2_000}
    with pytest.raises(FilterError, match="large"):
        parse_cql2(many)
    ring = [[float(x % 100), float(x // 100 % 80)] for x in range(20_000)]
    line = {"type": "LineString", "coordinates": ring}
    with pytest.raises(FilterError, match="points"):
        parse_cql2({"op": "s_intersects", "args": [{"property": "geometry"}, line]})


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_a_filter_error(text: str) -> None:
    with contextlib.suppress(FilterError):
        parse_cql2(text)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["and", "not", "=", "in", "like", "s_intersects", "t_after", "Point", "bbox"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["op", "args", "property", "type", "coordinates", "bbox", "interval", "date"]),
        inner,
        max_size=3,
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.fixed_dictionaries({"op": st.sampled_from(
    ["and", "or", "not", "=", "<", "between", "in", "like", "isNull", "s_within", "t_during", "x"]
), "args": st.lists(values, max_size=3)}))  # fmt: skip
def test_any_json_is_a_filter_or_a_filter_error(source: dict[str, Any]) -> None:
    with contextlib.suppress(FilterError):
        parse_cql2(source)


@pytest.mark.parametrize("interval", [False, 0, "datetime", {"property": "datetime"}])
def test_an_interval_that_is_no_list_is_a_filter_error(interval: object) -> None:
    with pytest.raises(FilterError, match="interval"):
        parse_cql2({"op": "t_during", "args": [{"date": "2018-03-01"}, {"interval": interval}]})


def test_sort_orders() -> None:
    assert parse_sort("-properties.datetime, +id,n") == (
        SortKey(name="datetime", descending=True),
        SortKey(name="id"),
        SortKey(name="n"),
    )
    for bad in ("", ",", "a,", "+", "--a", "a b"):
        with pytest.raises(InputError):
            parse_sort(bad)


def test_a_query_takes_one_region() -> None:
    from extremeearth.core.boxes import as_box

    with pytest.raises(InputError, match="not both"):
        ItemQuery(box=as_box([0, 0, 1, 1]), intersects=shapely.Point(0, 0))


RING = [[0, 0], [1, 0], [1, 1], [0, 0]]
HOLLOW = {"type": "Polygon", "coordinates": [RING, []]}
READ_AND_ASK = """
import json, sys, shapely
from extremeearth.data.catalogue import parse_cql2, read_shape
shape = read_shape(json.loads(sys.argv[1]))
parse_cql2({"op": "s_intersects", "args": [{"property": "geometry"}, json.loads(sys.argv[1])]})
print(shape.intersects(shapely.box(0, 0, 1, 1)), shape.distance(shapely.box(0, 0, 1, 1)), shape.area)
"""


@pytest.mark.parametrize(
    "shape",
    [
        HOLLOW,
        {"type": "MultiPolygon", "coordinates": [[], [RING, [], []], [[]]]},
        {
            "type": "GeometryCollection",
            "geometries": [{"type": "Point", "coordinates": []}, HOLLOW],
        },
    ],
)
def test_empty_holes_and_parts_do_not_end_the_process(shape: dict[str, Any]) -> None:
    command = [sys.executable, "-c", READ_AND_ASK, json.dumps(shape)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["True", "0.0", "0.5"]), done.stderr
