"""One suite for the catalogue on SQLite and on PostgreSQL."""

from __future__ import annotations

import operator
import random
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pystac
import pytest
import shapely

from extremeearth.core.boxes import Box, as_box, as_crs
from extremeearth.core.database import Database
from extremeearth.core.errors import (
    ConflictError,
    FilterError,
    InputError,
    NotFoundError,
    ScopeError,
)
from extremeearth.core.security import ANONYMOUS, Principal, Scope
from extremeearth.core.times import as_time_range, format_instant
from extremeearth.data.catalogue import (
    And,
    Between,
    Catalogue,
    Compare,
    Constant,
    FilterNode,
    In,
    IsNull,
    ItemQuery,
    Like,
    Not,
    Or,
    Property,
    SortKey,
    parse_cql2,
    parse_sort,
    parse_stac_query,
)
from extremeearth.infrastructure.objects import open_store

ALICE = Principal(user_id="a", project_id="alice", key_id="ka", scopes=frozenset(Scope))
BOB = Principal(user_id="b", project_id="bob", key_id="kb", scopes=frozenset(Scope))
START = datetime(2018, 3, 1, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        made = Database(f"sqlite:///{tmp_path}/catalogue.sqlite")
    else:
        made = Database(request.getfixturevalue("postgres_url"))
    made.create_all()
    yield made
    made.close()


def collection(name: str) -> pystac.Collection:
    extent = pystac.Extent(
        pystac.SpatialExtent([[-180, -90, 180, 90]]), pystac.TemporalExtent([[None, None]])
    )
    return pystac.Collection(name, f"All {name}", extent, title=name)


@pytest.fixture
def catalogue(database: Database) -> Catalogue:
    made = Catalogue(database, open_store("memory:///"))
    for name in ("maps", "cubes"):
        made.add_collection(collection(name))
    return made


def item(
    name: str,
    *,
    shape: shapely.Geometry | None = None,
    when: datetime = START,
    until: datetime | None = None,
    into: str = "maps",
    bbox: list[float] | None = None,
    **properties: Any,
) -> pystac.Item:
    place = shapely.box(11.0, 48.0, 12.0, 49.0) if shape is None else shape
    return pystac.Item(
        name,
        None if place.is_empty else shapely.geometry.mapping(place),
        None if place.is_empty else bbox or list(place.bounds),
        when if until is None else None,
        properties,
        start_datetime=None if until is None else when,
        end_datetime=until,
        collection=into,
    )


def found(catalogue: Catalogue, viewer: Principal = ALICE, **query: Any) -> set[str]:
    page = catalogue.search(ItemQuery(limit=1000, **query), viewer=viewer)
    names = {one.id for one in page.items}
    assert page.matched == len(names) == len(page.bodies)
    return names


# --- what goes in comes out -----------------------------------------------------------------------


def test_an_item_comes_back_as_it_was(catalogue: Catalogue) -> None:
    given = item("a", crop="wheat", nested={"b": [1, {"c": None}]}, text="ü \U0001f33e")
    given.add_asset("map", pystac.Asset("object:maps/a/map.tif", title="Map", roles=["data"]))
    given.add_link(pystac.Link("derived_from", item("b", into="cubes")))
    given.add_link(pystac.Link("license", "https://example.org/licence"))
    assert catalogue.add([given], project_id="alice") == 1
    body = catalogue.get("maps", "a", viewer=ALICE).to_dict(transform_hrefs=False)
    assert body["properties"] == {
        "datetime": "2018-03-01T00:00:00Z",
        "crop": "wheat",
        "nested": {"b": [1, {"c": None}]},
        "text": "ü \U0001f33e",
    }
    assert body["assets"]["map"]["href"] == "object:maps/a/map.tif"
    links = {link["rel"]: link["href"] for link in body["links"]}
    assert links == {"derived_from": "stac:cubes/b", "license": "https://example.org/licence"}


def test_adding_again_replaces_and_keeps_one(catalogue: Catalogue) -> None:
    catalogue.add([item("a", crop="wheat")], project_id="alice")
    catalogue.add([item("a", crop="maize"), item("b", crop="maize")], project_id="alice")
    assert found(catalogue) == {"a", "b"}
    assert catalogue.get("maps", "a", viewer=ALICE).properties["crop"] == "maize"
    assert found(catalogue, filter=parse_cql2("crop = 'wheat'")) == set()


def test_a_batch_with_one_bad_item_changes_nothing(catalogue: Catalogue) -> None:
    catalogue.add([item("theirs")], project_id="bob")
    with pytest.raises(ConflictError, match="theirs"):
        catalogue.add([item(f"n{i}") for i in range(600)] + [item("theirs")], project_id="alice")
    assert found(catalogue) == set()


def test_the_last_of_two_items_of_one_name_stays(catalogue: Catalogue) -> None:
    catalogue.add([item("a", n=1), item("a", n=2)], project_id="alice")
    assert catalogue.get("maps", "a", viewer=ALICE).properties["n"] == 2


def test_public_is_kept_where_nothing_is_said(catalogue: Catalogue) -> None:
    catalogue.add([item("a")], project_id="alice", public=True)
    catalogue.add([item("a", n=2), item("b")], project_id="alice", public=None)
    assert catalogue.is_public("maps", "a", viewer=ALICE)
    assert not catalogue.is_public("maps", "b", viewer=ALICE)


def test_many_writers_lose_nothing(catalogue: Catalogue) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for i in range(10):
                catalogue.add([item(f"w{number}-{i}"), item("shared", n=i)], project_id="alice")
        except BaseException as err:
            failures.append(err)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(found(catalogue)) == 41


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda: item("a/b"), "cannot be named"),
        (lambda: item(".."), "cannot be named"),
        (lambda: item("a", number=float("nan")), "JSON"),
        (lambda: item("a", text="\x00"), "NUL"),
        (lambda: item("a", text="\ud800"), "JSON"),
        (lambda: item("a", into="nowhere"), "no collection 'nowhere'"),
        (lambda: item("a", shape=shapely.box(0, 80, 10, 100)), "latitude"),
    ],
)
def test_what_cannot_be_kept_is_refused(
    catalogue: Catalogue, broken: Callable[[], pystac.Item], said: str
) -> None:
    with pytest.raises((InputError, NotFoundError), match=said):
        catalogue.add([broken()], project_id="alice")
    assert found(catalogue) == set()


def test_an_asset_must_lie_below_its_item(catalogue: Catalogue) -> None:
    stray = item("a")
    stray.add_asset("x", pystac.Asset("object:maps/b/secret.tif"))
    with pytest.raises(InputError, match="maps/b/secret"):
        catalogue.add([stray], project_id="alice")


def test_collections_are_added_once_and_described_anew(catalogue: Catalogue) -> None:
    changed = collection("maps")
    changed.title = "Better maps"
    catalogue.add_collection(changed)
    assert [(c.id, c.title) for c in catalogue.collections()] == [
        ("cubes", "cubes"),
        ("maps", "Better maps"),
    ]
    with pytest.raises(NotFoundError):
        catalogue.collection("nowhere")


# --- who sees what --------------------------------------------------------------------------------


def test_a_project_sees_its_own_and_what_is_public(catalogue: Catalogue) -> None:
    catalogue.add([item("own", secret=1)], project_id="alice")
    catalogue.add([item("hidden", hidden=1)], project_id="bob")
    catalogue.add([item("open")], project_id="bob", public=True)
    assert found(catalogue, ALICE) == {"own", "open"}
    assert found(catalogue, BOB) == {"hidden", "open"}
    assert found(catalogue, ANONYMOUS) == {"open"}
    with pytest.raises(NotFoundError) as theirs:
        catalogue.get("maps", "hidden", viewer=ALICE)
    with pytest.raises(NotFoundError) as nothing:
        catalogue.get("maps", "absent", viewer=ALICE)
    assert str(theirs.value).replace("hidden", "absent") == str(nothing.value)
    assert "hidden" not in catalogue.queryables(viewer=ALICE)
    assert "secret" in catalogue.queryables("maps", viewer=ALICE)
    with pytest.raises(FilterError, match="hidden"):
        found(catalogue, ALICE, filter=parse_cql2("hidden = 1"))


def test_a_filter_does_not_reach_around_visibility(catalogue: Catalogue) -> None:
    catalogue.add([item("hidden", crop="x")], project_id="bob")
    catalogue.add([item("own", crop="x")], project_id="alice")
    for text in (
        "crop = 'y' OR true",
        "NOT (crop = 'y')",
        "s_intersects(geometry, BBOX(-180,-90,180,90))",
    ):
        assert found(catalogue, ALICE, filter=parse_cql2(text)) == {"own"}


def test_only_the_owner_removes_an_item_and_its_objects(database: Database) -> None:
    store = open_store("memory:///")
    catalogue = Catalogue(database, store)
    catalogue.add_collection(collection("maps"))
    store.put("maps/a/map.tif", b"1")
    store.put("maps/ab/map.tif", b"1")
    catalogue.add([item("a"), item("ab")], project_id="alice", public=True)
    with pytest.raises(ScopeError):
        catalogue.delete("maps", "a", viewer=BOB)
    with pytest.raises(ScopeError):
        catalogue.delete("maps", "a", viewer=ANONYMOUS)
    catalogue.delete("maps", "a", viewer=ALICE)
    assert found(catalogue) == {"ab"}
    assert [info.key for info in store.list()] == ["maps/ab/map.tif"]
    with pytest.raises(NotFoundError):
        catalogue.delete("maps", "a", viewer=ALICE)


def test_an_object_belongs_to_the_item_whose_asset_it_is(catalogue: Catalogue) -> None:
    one = item("a")
    one.add_asset("map", pystac.Asset("object:maps/a/map.tif"))
    one.add_asset(
        "cube", pystac.Asset("object:maps/a/cube", media_type="application/vnd.zarr; version=3")
    )
    catalogue.add([one], project_id="alice")

    def owner(key: str, viewer: Principal) -> str | None:
        found = catalogue.owner_of_object(key, viewer=viewer)
        return None if found is None else found.id

    assert owner("maps/a/map.tif", ALICE) == "a"
    assert owner("maps/a/cube/reflectance/c/0/0", ALICE) == "a"
    for key in (
        "maps/\x00/x",
        "maps/a/other",
        "maps/a/map.tif/x",
        "maps/a/cubes/x",
        "maps/a/map.tif2",
        "maps/b/map.tif",
        "x",
        "",
        "maps/a",
    ):
        assert owner(key, ALICE) is None
    assert owner("maps/a/map.tif", BOB) is None


# --- time -----------------------------------------------------------------------------------------


def test_frames_overlap_at_their_ends(catalogue: Catalogue) -> None:
    catalogue.add(
        [
            item("march", when=START, until=START + timedelta(days=30)),
            item("one", when=START + timedelta(days=60)),
            item("later", when=START + timedelta(days=90), until=START + timedelta(days=99)),
        ],
        project_id="alice",
    )
    frames = {
        "2018-03-31T00:00:00Z/2018-04-01T00:00:00Z": {"march"},
        "2018-03-31T00:00:00.000001Z/..": {"one", "later"},
        "../2018-02-28T23:59:59Z": set(),
        "2018-04-30T00:00:00Z": {"one"},
        "2018-06-03T00:00:00Z/2018-06-04T00:00:00Z": {"later"},
    }
    for frame, names in frames.items():
        assert found(catalogue, time=as_time_range(frame)) == names, frame


# --- place ----------------------------------------------------------------------------------------


def test_boxes_find_what_the_exact_shapes_touch(catalogue: Catalogue) -> None:
    rng = random.Random(4)
    shapes = {}
    for number in range(60):
        x, y = rng.uniform(-170, 160), rng.uniform(-85, 75)
        corners = [(x + rng.uniform(0, 9), y + rng.uniform(0, 9)) for _ in range(3)]
        shapes[f"n{number}"] = (
            shapely.box(x, y, x + 5, y + 5) if number % 3 == 0 else shapely.Polygon(corners)
        )
    catalogue.add([item(name, shape=shape) for name, shape in shapes.items()], project_id="alice")
    for _ in range(8):
        x, y = rng.uniform(-175, 120), rng.uniform(-85, 60)
        box = as_box([x, y, x + rng.uniform(1, 60), y + rng.uniform(1, 30)])
        wanted = {name for name, shape in shapes.items() if shape.intersects(box.polygon())}
        assert found(catalogue, box=box) == wanted
        triangle = shapely.Polygon([(x, y), (x + 40, y), (x, y + 25)])
        for relation in ("intersects", "within", "contains", "disjoint", "touches", "overlaps"):
            node = parse_cql2(
                {
                    "op": f"s_{relation}",
                    "args": [{"property": "geometry"}, shapely.geometry.mapping(triangle)],
                }
            )
            wanted = {name for name, shape in shapes.items() if getattr(shape, relation)(triangle)}
            assert found(catalogue, filter=node) == wanted
            assert found(catalogue, filter=Not(node)) == set(shapes) - wanted


def test_the_antimeridian_is_no_wall(catalogue: Catalogue) -> None:
    catalogue.add(
        [
            item(
                "cut",
                shape=shapely.MultiPolygon(
                    [shapely.box(178, 0, 180, 2), shapely.box(-180, 0, -178, 2)]
                ),
                bbox=[178, 0, -178, 2],
            ),
            item("running-on", shape=shapely.box(179, 0, 183, 2), bbox=[179, 0, -177, 2]),
            item("by-bbox", shape=shapely.box(-179, 0, 179, 2), bbox=[179, 0, -179, 2]),
            item("around", shape=shapely.box(-180, 10, 180, 20)),
            item("zero", shape=shapely.box(-1, 0, 1, 2)),
        ],
        project_id="alice",
    )
    crossing = {"cut", "running-on", "by-bbox"}
    assert found(catalogue, box=as_box([179.2, 0.5, -179.2, 1])) == crossing
    assert found(catalogue, box=as_box([179.2, 0.5, 179.8, 1])) == crossing
    assert found(catalogue, box=as_box([-179.9, 0.5, -179.5, 1])) == crossing
    assert found(catalogue, box=as_box([-5, 0.5, 5, 1])) == {"zero"}
    assert found(catalogue, box=as_box([-180, 0, 180, 90])) == crossing | {"around", "zero"}
    assert found(catalogue, intersects=shapely.box(179.2, 0.5, 180.8, 1)) == crossing


def test_poles_are_places_too(catalogue: Catalogue) -> None:
    catalogue.add(
        [
            item("cap", shape=shapely.box(-180, 85, 180, 90)),
            item("east", shape=shapely.box(80, 80, 100, 84)),
            item("south", shape=shapely.box(-180, -90, 180, -80)),
        ],
        project_id="alice",
    )
    around = Box(xmin=-3e5, ymin=-3e5, xmax=3e5, ymax=3e5, crs=as_crs(3413))
    assert found(catalogue, box=around) == {"cap"}
    assert found(catalogue, box=as_box([-10, 89.9, 10, 90])) == {"cap"}
    assert found(catalogue, box=as_box([-180, 83, 180, 90])) == {"cap", "east"}


def test_an_item_without_a_place_is_in_no_region(catalogue: Catalogue) -> None:
    catalogue.add([item("model", shape=shapely.Polygon())], project_id="alice")
    everywhere = as_box([-180, -90, 180, 90])
    assert found(catalogue) == {"model"}
    assert found(catalogue, box=everywhere) == set()
    disjoint = parse_cql2("s_disjoint(geometry, BBOX(0, 0, 1, 1))")
    assert found(catalogue, filter=disjoint) == set()


# --- filters against a plain evaluation in Python ----------------------------------------------------

OPERATORS = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge,
}  # fmt: skip


def truth(node: FilterNode, properties: dict[str, Any]) -> bool | None:  # noqa: PLR0911  # one return per kind of node
    """Evaluate a filter with SQL's three values."""
    match node:
        case Constant(value):
            return value
        case And(parts):
            values = [truth(part, properties) for part in parts]
            return False if False in values else None if None in values else True
        case Or(parts):
            values = [truth(part, properties) for part in parts]
            return True if True in values else None if None in values else False
        case Not(part):
            value = truth(part, properties)
            return None if value is None else not value
        case Compare(left, sign, right):
            value = properties.get(left.name)
            other = properties.get(right.name) if isinstance(right, Property) else right
            alike = isinstance(value, bool) == isinstance(other, bool) and (
                isinstance(value, str) == isinstance(other, str)
            )
            return (
                None
                if value is None or other is None or not alike
                else OPERATORS[sign](value, other)
            )
        case Between(subject, low, high):
            return truth(
                And((Compare(subject, ">=", low), Compare(subject, "<=", high))), properties
            )
        case In(subject, values):
            return truth(Or(tuple(Compare(subject, "=", v) for v in values)), properties)
        case IsNull(subject):
            return properties.get(subject.name) is None
        case Like(subject, pattern):
            value = properties.get(subject.name)
            return like(value, pattern) if isinstance(value, str) else None
    raise AssertionError(node)


def like(text: str, pattern: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(like(text[i:], pattern[1:]) for i in range(len(text) + 1))
    if pattern[0] == "\\" and len(pattern) > 1:
        return text[:1] == pattern[1] and like(text[1:], pattern[2:])
    return bool(text) and pattern[0] in {"_", text[0]} and like(text[1:], pattern[1:])


TEXTS = ["wheat", "Wheat", "w%", "a*b", "a?b", "[x]", "é", "Z", "", "w_", "a\\b", "zebra"]
PATTERNS = ["w%", "%e%", "_", "w\\%", "a*b", "a?_", "[x]", "%", "", "W%t", "a\\\\b", "w\\_"]


def random_filter(rng: random.Random, depth: int) -> FilterNode:  # noqa: PLR0911  # one return per kind of node
    kinds = ["compare", "between", "in", "null", "like", "two"]
    kind = rng.choice(kinds + (["and", "or", "not"] * 3 if depth else []))
    name = Property(rng.choice(["n", "t", "mixed", "flag", "deep.er"]))
    literal: Any = rng.choice([float(rng.randint(0, 4)), rng.choice(TEXTS), 2.5])
    match kind:
        case "and" | "or":
            parts = tuple(random_filter(rng, depth - 1) for _ in range(2))
            return And(parts) if kind == "and" else Or(parts)
        case "not":
            return Not(random_filter(rng, depth - 1))
        case "between":
            return Between(name, 1.0, float(rng.randint(1, 4)))
        case "in":
            return In(name, (literal, rng.choice(TEXTS)))
        case "null":
            return IsNull(name)
        case "like":
            return Like(name, rng.choice(PATTERNS))
        case "two":
            return Compare(Property("n"), rng.choice(list(OPERATORS)), Property("mixed"))
    if name.name == "flag":
        return Compare(name, rng.choice(["=", "<>"]), rng.random() < 0.5)
    return Compare(name, rng.choice(list(OPERATORS)), literal)


def random_properties(rng: random.Random) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if rng.random() < 0.8:
        given["n"] = rng.choice([rng.randint(0, 4), 2.5])
    if rng.random() < 0.8:
        given["t"] = rng.choice(TEXTS)
    if rng.random() < 0.8:
        given["mixed"] = rng.choice([rng.randint(0, 4), rng.choice(TEXTS), rng.random() < 0.5])
    if rng.random() < 0.7:
        given["flag"] = rng.random() < 0.5
    if rng.random() < 0.7:
        given["deep"] = {"er": rng.choice([rng.randint(0, 4), "wheat"])}
    return given


def flat(properties: dict[str, Any]) -> dict[str, Any]:
    return properties | {"deep.er": properties.get("deep", {}).get("er")}


@pytest.fixture
def various(catalogue: Catalogue) -> tuple[Catalogue, dict[str, dict[str, Any]]]:
    rng = random.Random(11)
    given = {f"i{n}": random_properties(rng) for n in range(70)}
    catalogue.add(
        [item(name, **properties) for name, properties in given.items()], project_id="alice"
    )
    return catalogue, {name: flat(properties) for name, properties in given.items()}


def test_filters_find_what_a_plain_evaluation_finds(
    various: tuple[Catalogue, dict[str, dict[str, Any]]],
) -> None:
    catalogue, given = various
    rng = random.Random(5)
    sizes = set()
    for _ in range(80):
        node = random_filter(rng, 3)
        wanted = {name for name, properties in given.items() if truth(node, properties) is True}
        assert found(catalogue, filter=node) == wanted, node
        sizes.add(len(wanted))
    assert len(sizes) > 12


def test_the_stac_query_object_is_the_same_tree(catalogue: Catalogue) -> None:
    catalogue.add(
        [item("a", n=1, t="x%y"), item("b", n=2, t="xzy"), item("c", n=3)], project_id="alice"
    )
    cases: list[tuple[dict[str, Any], set[str]]] = [
        ({"n": {"gte": 2}}, {"b", "c"}),
        ({"n": {"gt": 1, "lt": 3}}, {"b"}),
        ({"t": {"startsWith": "x%"}}, {"a"}),
        ({"t": {"contains": "z"}}, {"b"}),
        ({"t": {"endsWith": "y"}}, {"a", "b"}),
        ({"n": {"in": [1, 3]}}, {"a", "c"}),
        ({}, {"a", "b", "c"}),
    ]
    for query, names in cases:
        assert found(catalogue, filter=parse_stac_query(query)) == names, query


def test_times_in_properties_compare_as_times(catalogue: Catalogue) -> None:
    catalogue.add(
        [
            item("a", created="2018-03-01T01:00:00+02:00"),
            item("b", created="2018-02-28T23:30:00Z"),
            item("c", created="2018-02-28T23:30:00.5Z"),
            item("d", created="no time"),
        ],
        project_id="alice",
    )
    cut = parse_cql2("created >= TIMESTAMP('2018-02-28T23:30:00Z')")
    assert found(catalogue, filter=cut) == {"b", "c"}
    inside = parse_cql2(
        "t_during(created, INTERVAL('2018-02-28T22:00:00Z', '2018-02-28T23:30:00Z'))"
    )
    assert found(catalogue, filter=inside) == {"a"}


def test_allen_relations_against_their_definition(catalogue: Catalogue) -> None:
    def at(hour: int) -> datetime:
        return START + timedelta(hours=hour)

    frames = {f"f{a}-{b}": (a, b) for a in range(6) for b in range(a + 1, 6)}
    catalogue.add(
        [item(name, when=at(a), until=at(b)) for name, (a, b) in frames.items()], project_id="alice"
    )
    relations: dict[str, Callable[[int, int, int, int], bool]] = {
        "after": lambda s, e, a, b: s > b,
        "before": lambda s, e, a, b: e < a,
        "contains": lambda s, e, a, b: s < a and b < e,
        "disjoint": lambda s, e, a, b: e < a or s > b,
        "during": lambda s, e, a, b: a < s and e < b,
        "equals": lambda s, e, a, b: (s, e) == (a, b),
        "finishedBy": lambda s, e, a, b: s < a and e == b,
        "finishes": lambda s, e, a, b: s > a and e == b,
        "intersects": lambda s, e, a, b: not (e < a or s > b),
        "meets": lambda s, e, a, b: e == a,
        "metBy": lambda s, e, a, b: s == b,
        "overlappedBy": lambda s, e, a, b: a < s < b < e,
        "overlaps": lambda s, e, a, b: s < a < e < b,
        "startedBy": lambda s, e, a, b: s == a and e > b,
        "starts": lambda s, e, a, b: s == a and e < b,
    }
    a, b = 2, 4
    for name, holds in relations.items():
        interval = f"INTERVAL('{format_instant(at(a))}', '{format_instant(at(b))}')"
        wanted = {n for n, (s, e) in frames.items() if holds(s, e, a, b)}
        assert found(catalogue, filter=parse_cql2(f"t_{name}(datetime, {interval})")) == wanted
        # the item's frame written out, and on the other side of the interval
        swapped = {n for n, (s, e) in frames.items() if holds(a, b, s, e)}
        text = f"t_{name}({interval}, INTERVAL(start_datetime, end_datetime))"
        assert found(catalogue, filter=parse_cql2(text)) == swapped, name


@pytest.mark.parametrize(
    "text",
    [
        "nothing = 1",
        "n = 1 AND nothing IS NULL",
        "datetime = true",
        "datetime > 'yesterday'",
        "datetime > n",
    ],
)
def test_filters_that_make_no_sense_are_errors(catalogue: Catalogue, text: str) -> None:
    catalogue.add([item("a", n=1)], project_id="alice")
    with pytest.raises(FilterError):
        found(catalogue, filter=parse_cql2(text))


def test_texts_stay_values(catalogue: Catalogue) -> None:
    nasty = "'; DROP TABLE catalogue_items; --"
    catalogue.add([item("a", t=nasty, **{"o'dd name; --": 1})], project_id="alice")
    assert found(catalogue, filter=Compare(Property("t"), "=", nasty)) == {"a"}
    assert found(catalogue, filter=Compare(Property("o'dd name; --"), "=", 1.0)) == {"a"}
    assert found(catalogue, ids=(nasty,)) == set()
    assert found(catalogue, sort=(SortKey(name="o'dd name; --"),)) == {"a"}


# --- pages ------------------------------------------------------------------------------------------


def pages(catalogue: Catalogue, query: ItemQuery) -> Iterator[list[str]]:
    from dataclasses import replace

    for _ in range(500):
        page = catalogue.search(query, viewer=ALICE)
        yield [one.id for one in page.items]
        if page.next_token is None:
            return
        query = replace(query, token=page.next_token)
    raise AssertionError("the pages never end")


ORDERS = [
    "",
    "-datetime,+id",
    "id",
    "-id",
    "n",
    "-n,+id",
    "t",
    "-mixed",
    "mixed,-t,n",
    "collection,-datetime",
]


@pytest.mark.parametrize("order", ORDERS)
def test_pages_lose_and_repeat_nothing_under_ties(catalogue: Catalogue, order: str) -> None:
    rng = random.Random(3)
    given = [
        item(
            f"i{n:02}",
            when=START + timedelta(days=rng.randint(0, 3)),
            into=rng.choice(["maps", "cubes"]),
            **random_properties(rng),
        )
        for n in range(60)
    ]
    catalogue.add(given, project_id="alice")
    sort = parse_sort(order) if order else ()
    whole = [
        one.id for one in catalogue.search(ItemQuery(sort=sort, limit=1000), viewer=ALICE).items
    ]
    assert sorted(whole) == sorted(one.id for one in given)
    for limit in (1, 7, 60, 61):
        cut = list(pages(catalogue, ItemQuery(sort=sort, limit=limit)))
        assert [name for page in cut for name in page] == whole
        assert all(len(page) == limit for page in cut[:-1])
        assert cut[-1]
    if sort:
        assert whole == [one.id for one in expected_order(given, sort)]


def expected_order(given: list[pystac.Item], sort: tuple[SortKey, ...]) -> list[pystac.Item]:
    ordered = list(given)
    for key in reversed(sort):

        def value(one: pystac.Item, name: str = key.name) -> Any:
            if name == "datetime":
                return (0, one.datetime)
            if name in {"id", "collection"}:
                return (0, one.id if name == "id" else one.collection_id)
            found = one.properties.get(name)
            if isinstance(found, bool) or found is None:
                return (2, 0)
            return (1, found) if isinstance(found, str) else (0, float(found))

        ranks = {0: [], 1: [], 2: []}  # type: dict[int, list[pystac.Item]]
        for one in ordered:
            ranks[value(one)[0]].append(one)
        ordered = [
            one
            for rank in range(3)
            for one in (
                sorted(ranks[rank], key=lambda o: value(o)[1], reverse=key.descending)
                if rank < 2
                else ranks[rank]
            )
        ]
    return ordered


def test_what_is_added_or_removed_meanwhile_disturbs_no_page(catalogue: Catalogue) -> None:
    catalogue.add([item(f"i{n:02}") for n in range(20)], project_id="alice")
    first = catalogue.search(ItemQuery(limit=5, sort=parse_sort("id")), viewer=ALICE)
    catalogue.delete("maps", "i04", viewer=ALICE)  # the item that the token points at
    catalogue.add([item("i00a"), item("i10a"), item("i12", n=2)], project_id="alice")
    rest = ItemQuery(limit=100, sort=parse_sort("id"), token=first.next_token)
    names = [one.id for one in catalogue.search(rest, viewer=ALICE).items]
    assert names == sorted({f"i{n:02}" for n in range(5, 20)} | {"i10a"})


def test_a_token_fits_its_own_search_only(catalogue: Catalogue) -> None:
    catalogue.add([item(f"i{n}", n=n) for n in range(9)], project_id="alice")
    token = catalogue.search(ItemQuery(limit=2), viewer=ALICE).next_token
    assert token is not None
    others = [
        ItemQuery(limit=2, token=token, sort=parse_sort("id")),
        ItemQuery(limit=2, token=token, filter=parse_cql2("n > 3")),
        ItemQuery(limit=2, token=token, box=as_box([0, 0, 1, 1])),
        *(
            ItemQuery(token=bad)
            for bad in ("", "x", token[:-2], token + "AA", "é", "A" * 100_000, "W10", "bnVsbA")
        ),
    ]
    for query in others:
        with pytest.raises(InputError, match="token"):
            catalogue.search(query, viewer=ALICE)
    # another page size is fine
    assert len(catalogue.search(ItemQuery(limit=100, token=token), viewer=ALICE).items) == 7


def test_forged_token_values_are_refused(catalogue: Catalogue) -> None:
    import base64
    import json

    from extremeearth.data.catalogue.paging import fingerprint

    catalogue.add([item("a", n=1), item("b", n=1)], project_id="alice")
    query = ItemQuery(limit=1, sort=parse_sort("n,id"))
    for values in (
        [0, 1.0, "", "a", 2**40],
        [0, 1.0, "", "a", 1.5],
        [0, "1", "", "a", 1],
        [0, 1.0, "\x00", "a", 1],
        [0, 10**400, "", "a", 1],
        [True, 1.0, "", "a", 1],
        [0, 1.0, "", "a"],
        {},
    ):
        text = json.dumps([fingerprint(query), values])
        token = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
        with pytest.raises(InputError, match="token"):
            catalogue.search(ItemQuery(limit=1, sort=query.sort, token=token), viewer=ALICE)


def test_a_page_is_never_larger_than_the_server_wants(catalogue: Catalogue) -> None:
    catalogue.add((item(f"i{n}") for n in range(1005)), project_id="alice")
    page = catalogue.search(ItemQuery(limit=100_000), viewer=ALICE)
    assert (len(page.items), page.matched, page.next_token is None) == (1000, 1005, False)
    assert len({one.id for one in catalogue.items(ItemQuery(limit=400), viewer=ALICE)}) == 1005
