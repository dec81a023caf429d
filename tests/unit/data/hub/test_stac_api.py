"""The STAC API as others' clients see it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_type_hints
from urllib.parse import quote

import httpx
import pystac_client
import pytest

COUNT = 230


@pytest.fixture(scope="module")
def client(hub: Any) -> Iterator[httpx.Client]:
    with hub.client() as opened:
        yield opened


@pytest.fixture(scope="module")
def alice(hub: Any) -> Iterator[httpx.Client]:
    with hub.client("alice.full") as opened:
        yield opened


@pytest.fixture(scope="module")
def catalog(hub: Any) -> pystac_client.Client:
    opened = pystac_client.Client.open(f"{hub.url}/stac")
    opened._stac_io.session.trust_env = False
    return opened


# --- a client that nobody here wrote -------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("limit", [1, 37, 100, 1000])
def test_pystac_client_reads_every_page_once(
    catalog: pystac_client.Client, method: str, limit: int
) -> None:
    if limit == 1:
        search = catalog.search(method=method, limit=1, ids=[f"m{n:03}" for n in range(12)])
        wanted = 12
    else:
        search = catalog.search(method=method, limit=limit, collections=["maps"])
        wanted = COUNT
    names = [item.id for item in search.items()]
    assert len(names) == len(set(names)) == wanted
    assert search.matched() == wanted


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_pystac_client_finds_by_place_time_and_property(
    catalog: pystac_client.Client, method: str
) -> None:
    def numbers(**query: Any) -> set[int]:
        search = catalog.search(method=method, limit=50, collections=["maps"], **query)
        return {item.properties["number"] for item in search.items()}

    assert numbers(bbox=[10.0, 48.0, 10.25, 48.05]) == {0, 1, 2}
    triangle = {
        "type": "Polygon",
        "coordinates": [[[10, 48], [10.195, 48], [10, 48.195], [10, 48]]],
    }
    assert numbers(intersects=triangle) == {0, 1, 20}
    assert numbers(datetime="2018-03-02") == {n for n in range(COUNT) if n % 30 == 1}
    assert numbers(datetime="2018-03-29/..") == {n for n in range(COUNT) if n % 30 >= 28}
    wheat = {n for n in range(COUNT) if n % 3 == 0}
    text = "crop = 'wheat' AND number > 100"
    assert numbers(filter=text) == {n for n in wheat if n > 100}
    tree = {"op": "<", "args": [{"property": "number"}, 10]}
    assert numbers(filter=tree) == set(range(10))
    assert numbers(query={"crop": {"eq": "wheat"}}) == wheat
    assert numbers(query={"number": {"gte": 225}}) == set(range(225, COUNT))


def test_pystac_client_sorts(catalog: pystac_client.Client) -> None:
    for method in ("GET", "POST"):
        search = catalog.search(method=method, sortby="-properties.number", limit=7, max_items=20)
        assert [i.properties["number"] for i in search.items()] == list(range(229, 209, -1))


def test_pystac_client_browses(catalog: pystac_client.Client, hub: Any) -> None:
    assert [c.id for c in catalog.get_collections()] == ["cubes", "maps", "uploads"]
    maps = catalog.get_collection("maps")
    item = maps.get_item("m007")
    assert item.get_self_href() == f"{hub.url}/stac/collections/maps/items/m007"
    assert len(list(maps.get_items())) == COUNT
    assert maps.get_queryables()["properties"]["number"] == {"type": "number"}
    assert item.get_collection().id == "maps"


def test_every_link_of_the_landing_page_answers(client: httpx.Client, hub: Any) -> None:
    links = client.get("/stac").json()["links"]
    assert {link["rel"] for link in links} >= {
        "self", "root", "conformance", "service-desc", "service-doc", "data", "search", "child",
    }  # fmt: skip
    assert {link.get("method") for link in links if link["rel"] == "search"} == {"GET", "POST"}
    for link in links:
        assert client.get(link["href"]).status_code == 200, link


def test_get_and_post_give_the_same_pages(client: httpx.Client) -> None:
    body = {
        "collections": ["maps"],
        "limit": 60,
        "filter-lang": "cql2-text",
        "filter": "number < 150",
    }
    page = client.post("/stac/search", json=body).json()
    text = client.get("/stac/search", params=body | {"collections": "maps"}).json()
    for _ in range(3):
        assert [f["id"] for f in page["features"]] == [f["id"] for f in text["features"]]
        assert page["numberMatched"] == text["numberMatched"] == 150
        assert page["numberReturned"] == len(page["features"])
        after = [next((x for x in p["links"] if x["rel"] == "next"), None) for p in (page, text)]
        if after[0] is None:
            break
        page = client.post(after[0]["href"], json=after[0]["body"]).json()
        text = client.get(after[1]["href"]).json()
    assert after == [None, None]


def test_item_assets_are_addresses_that_answer(alice: httpx.Client, hub: Any) -> None:
    item = alice.get("/stac/collections/maps/items/alice-own").json()
    href = item["assets"]["data"]["href"]
    assert href == f"{hub.url}/download/maps/alice-own/data.bin"
    assert len(alice.get(href).content) == 4096


# --- bad requests ----------------------------------------------------------------------------------

BAD: list[dict[str, Any]] = [
    {"bbox": "1,2,3"},
    {"bbox": "1,2,3,4,5"},
    {"bbox": "11,49,12,48"},
    {"bbox": "a,b,c,d"},
    {"bbox": "0,0,nan,1"},
    {"bbox": "0,0,1,91"},
    {"bbox": "0,0,1,1", "intersects": '{"type":"Point","coordinates":[0,0]}'},
    {"intersects": "{"},
    {"intersects": '{"type":"Point"}'},
    {"intersects": '{"type":"Polygon","coordinates":[[[0,0],[1,1]]]}'},
    {"intersects": '{"type":"Point","coordinates":[0,"x"]}'},
    *({"datetime": text} for text in (
        "", "/", "../..", "/..", "yesterday", "1985-13-12T23:20:50.52Z", "1985-12-12T23:20:50.52",
        "1985-12-01T25:20:50.52Z", "37-01-01T12:00:27.87Z", "1985-04-12", "1985-04-12T23:20:50,52Z",
        "1986-04-12T23:20:50.52Z/1985-04-12T23:20:50.52Z", "1937-01-01T12:00:27.87+0100",
        "1990-12-31T23:59:61Z", "a/b/c",
    )),
    {"limit": "0"},
    {"limit": "-1"},
    {"limit": "many"},
    {"sortby": "nothing"},
    {"sortby": "+"},
    {"sortby": ",".join(["id"] * 9)},
    {"filter": "crop ="},
    {"filter": "nothing = 1"},
    {"filter": "(" * 100 + "number = 1" + ")" * 100},
    {"filter": "crop = 'x'", "filter-lang": "sql"},
    {"filter": "crop = 'x'", "filter-crs": "EPSG:3857"},
    {"filter": "upper(crop) = 'X'"},
    {"filter": "x" * 20_000},
    {"query": '{"number": {"near": 1}}'},
    {"token": "x"},
    {"collections": "\x00"},
    {"wrong": "1"},
]  # fmt: skip


@pytest.mark.parametrize("parameters", BAD, ids=lambda p: str(p)[:60])
def test_bad_requests_are_400_and_say_why(client: httpx.Client, parameters: dict[str, Any]) -> None:
    for path in ("/stac/search", "/stac/collections/maps/items"):
        answer = client.get(path, params=parameters)
        assert answer.status_code == 400, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["title"]
        assert answer.json()["hint"]


BAD_BODIES: list[Any] = [
    [],
    1,
    {"bbox": 1},
    {"bbox": [1, 2, 3]},
    {"bbox": [10, 48, 11, "x"]},
    {"collections": "maps"},
    {"ids": [1]},
    {"limit": "10"},
    {"limit": True},
    {"limit": 0},
    {"datetime": 5},
    {"token": 5},
    {"intersects": []},
    {"intersects": {"type": "Point", "coordinates": [0, 1e999]}},
    {"filter": 5},
    {"filter": {}},
    {"filter": {"op": "and", "args": []}},
    {"filter": {"op": "=", "args": [{"property": "number"}, {"property": ""}]}},
    {"filter": {"op": "=", "args": [{"property": "number"}, 10**400]}},
    {"filter": {"op": "like", "args": [{"property": "crop"}, "%" * 50]}},
    {"filter": {"op": "in", "args": [{"property": "crop"}, []]}},
    {"filter": {"op": "s_intersects", "args": [{"property": "crop"}, {"type": "Point", "coordinates": [0, 0]}]}},
    {"filter": {"op": "t_after", "args": [{"property": "datetime"}, {"interval": ["x", "y"]}]}},
    {"query": []},
    {"sortby": [{"field": "id", "direction": "up"}]},
    {"sortby": [1]},
    {"unknown": 1},
]  # fmt: skip


@pytest.mark.parametrize("body", BAD_BODIES, ids=lambda b: str(b)[:60])
def test_bad_bodies_are_400(client: httpx.Client, body: Any) -> None:
    import json

    text = json.dumps(body).replace("Infinity", "1e999")
    answer = client.post("/stac/search", content=text, headers={"content-type": "application/json"})
    assert answer.status_code == 400, answer.text


def test_filters_that_nest_too_deep_are_400(client: httpx.Client) -> None:
    node: Any = {"op": "=", "args": [{"property": "number"}, 1]}
    for _ in range(40):
        node = {"op": "not", "args": [node]}
    assert client.post("/stac/search", json={"filter": node}).status_code == 400
    deep = '{"filter":' + '{"op":"not","args":[' * 50_000 + "1" + "]}" * 50_000 + "}"
    answer = client.post("/stac/search", content=deep, headers={"content-type": "application/json"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "text",
    [
        "1972-07-25T00:00:00.000Z", "1985-04-12T23:20:50.52Z", "1996-12-19T16:39:57-08:00",
        "../1985-04-12T23:20:50.52Z", "1985-04-12T23:20:50.52Z/..", "/1985-04-12T23:20:50.52Z",
        "1985-04-12T23:20:50.52Z/", "1985-04-12T23:20:50.52+01:00/1986-04-12T23:20:50.52+01:00",
        "1985-04-12t23:20:50.000z", "2020-07-23T00:00:00.0123456789Z",
    ],
)  # fmt: skip
def test_rfc3339_in_all_its_forms(client: httpx.Client, text: str) -> None:
    answer = client.get("/stac/search", params={"datetime": text, "collections": "maps"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["numberMatched"] == (COUNT if text.endswith(("/..", "Z/")) else 0)


def test_a_huge_limit_is_cut_and_not_refused(client: httpx.Client) -> None:
    page = client.get("/stac/search", params={"limit": 100_000, "collections": "maps"}).json()
    assert page["numberReturned"] == COUNT
    assert client.post("/stac/search", json={"limit": 10**30}).status_code == 200


def test_names_that_do_not_exist_are_404(client: httpx.Client) -> None:
    for path in (
        "x",
        "x/items",
        "x/items/y",
        "maps/items/x",
        "x/queryables",
        quote("../maps", safe=""),
    ):
        answer = client.get(f"/stac/collections/{path}")
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"


# --- who may see and write -------------------------------------------------------------------------


def test_another_projects_item_is_not_there(hub: Any, client: httpx.Client) -> None:
    with hub.client("bob.full") as bob, hub.client("alice.infer") as infer:
        for path in ("/stac/collections/maps/items/alice-own", "/download/maps/alice-own/data.bin"):
            for stranger in (client, bob, infer):
                assert stranger.get(path).status_code == 404
                assert stranger.head("/download/maps/alice-own/data.bin").status_code == 404
        for stranger in (client, bob, infer):
            found = stranger.get("/stac/search", params={"ids": "alice-own"}).json()
            assert (found["features"], found["numberMatched"]) == ([], 0)
    with hub.client("alice.read") as own:
        assert own.get("/stac/search", params={"ids": "alice-own"}).json()["numberMatched"] == 1


def test_a_wrong_key_is_401_and_not_anonymous(hub: Any) -> None:
    with hub.client("alice.wrong") as wrong:
        assert wrong.get("/stac/search").status_code == 401
        assert wrong.get("/download/maps/alice-own/data.bin").status_code == 401


def upload(name: str = "up", **more: Any) -> dict[str, Any]:
    return {
        "type": "Feature", "stac_version": "1.1.0", "id": name, "collection": "uploads",
        "geometry": {"type": "Point", "coordinates": [10, 48]}, "bbox": [10, 48, 10, 48],
        "properties": {"datetime": "2018-03-01T00:00:00Z"}, "links": [], "assets": {},
    } | more  # fmt: skip


ITEMS = "/stac/collections/uploads/items"


def test_writing_needs_a_key_with_the_scope(hub: Any, client: httpx.Client) -> None:
    with hub.client("alice.read") as reader:
        for caller, status in ((client, 401), (reader, 403)):
            assert caller.post(ITEMS, json=upload()).status_code == status
            assert caller.put(f"{ITEMS}/up", json=upload()).status_code == status
            assert caller.delete(f"{ITEMS}/up").status_code == status
            # the scope is checked before the body is looked at
            assert caller.post(ITEMS, json={"nonsense": 1}).status_code == status


def test_an_item_can_be_added_replaced_and_removed(hub: Any, alice: httpx.Client) -> None:
    with hub.client("bob.full") as bob:
        added = alice.post(ITEMS, json=upload("cycle"))
        assert added.status_code == 201
        where = added.headers["location"]
        assert alice.get(where).json()["id"] == "cycle"
        assert bob.get(where).status_code == 404
        assert bob.put(where, json=upload("cycle")).status_code == 404
        assert bob.delete(where).status_code == 404
        assert bob.post(ITEMS, json=upload("cycle")).status_code == 409
        changed = upload("cycle", properties={"datetime": "2018-03-02T00:00:00Z", "v": 2})
        assert alice.put(where, json=changed).json()["properties"]["v"] == 2
        assert alice.put(where, json=upload("other")).status_code == 400
        assert alice.delete(where).status_code == 204
        assert alice.get(where).status_code == 404
        assert alice.delete(where).status_code == 404


def test_several_items_are_added_at_once_or_not_at_all(alice: httpx.Client) -> None:
    many = {"type": "FeatureCollection", "features": [upload(f"many{n}") for n in range(5)]}
    assert alice.post(ITEMS, json=many).json()["added"] == [f"many{n}" for n in range(5)]
    many["features"] = [upload("fine"), upload("bad", geometry={"type": "Nothing"})]
    assert alice.post(ITEMS, json=many).status_code == 400
    assert alice.get(f"{ITEMS}/fine").status_code == 404
    for number in range(5):
        assert alice.delete(f"{ITEMS}/many{number}").status_code == 204


@pytest.mark.parametrize(
    "more",
    [
        {"assets": {"x": {"href": "https://example.org/a.tif"}}},
        {"assets": {"x": {"href": "file:///etc/passwd"}}},
        {"assets": {"x": {"href": "/etc/passwd"}}},
        {"assets": {"x": {"href": "object:maps/alice-own/data.bin"}}},
        {"assets": {"x": {"href": "object:uploads/up/../../maps/alice-own/data.bin"}}},
        {"assets": {"x": {"href": "object:uploads/up2/a"}}},
        {"assets": {"x": {}}},
        {"assets": {"x": None}},
        {"assets": [1]},
        {"links": [{"rel": "x", "href": "javascript:alert(1)"}]},
        {"links": [1]},
        {"links": "x"},
        {"type": "Nothing"},
        {"id": "a/b"},
        {"id": 5},
        {"id": ""},
        {"collection": "maps"},
        {"properties": {}},
        {"properties": {"datetime": "yesterday"}},
        {"properties": None},
        {"geometry": {"type": "Point", "coordinates": [10, 480]}},
        {"geometry": 5},
        {"bbox": "x"},
    ],
    ids=lambda m: str(m)[:60],
)
def test_uploads_that_point_elsewhere_or_are_broken_are_refused(
    alice: httpx.Client, more: dict[str, Any]
) -> None:
    answer = alice.post(ITEMS, json=upload(**more))
    assert answer.status_code == 400, answer.text
    assert alice.get("/stac/search", params={"collections": "uploads"}).json()["numberMatched"] == 0


def test_own_assets_go_in_and_out_by_either_name(hub: Any, alice: httpx.Client) -> None:
    for href in ("object:uploads/up/a.bin", f"{hub.url}/download/uploads/up/a.bin"):
        answer = alice.post(ITEMS, json=upload(assets={"a": {"href": href}}))
        assert answer.json()["assets"]["a"]["href"] == f"{hub.url}/download/uploads/up/a.bin"
        assert alice.delete(f"{ITEMS}/up").status_code == 204


def test_every_route_that_writes_names_its_scope(hub: Any) -> None:
    from fastapi import FastAPI
    from fastapi.routing import APIRoute

    from extremeearth.core.security import Scope
    from extremeearth.data.hub import hub_router

    app = FastAPI()
    app.include_router(hub_router(hub.catalogue, hub.store))
    writing = 0
    for route in _routes(app.router.routes):
        if not isinstance(route, APIRoute) or route.methods <= {"GET", "HEAD"}:
            continue
        if route.path.endswith("/search"):
            continue
        writing += 1
        hints = get_type_hints(route.endpoint, include_extras=True)
        guards = [d.dependency for h in hints.values() for d in getattr(h, "__metadata__", ())
                  if hasattr(d, "dependency")]  # fmt: skip
        scopes = {getattr(guard, "required_scope", None) for guard in guards}
        assert Scope.DATA_WRITE in scopes, route.path
    assert writing == 3


def _routes(routes: Any) -> Iterator[Any]:
    for route in routes:
        inner = getattr(route, "original_router", None) or getattr(route, "router", None)
        yield from _routes(inner.routes) if inner is not None else [route]
