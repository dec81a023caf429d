"""Items of a catalogue on the web: pages, addresses that are refused, servers that misbehave."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from extremeearth.core.errors import (
    AddressRefusedError,
    BoxError,
    InputError,
    LimitError,
    NoDataError,
    RemoteError,
    TimeRangeError,
)
from extremeearth.core.http import SafeClient
from extremeearth.knowledge.interlinking import read_features
from extremeearth.knowledge.mapping import Search
from extremeearth.knowledge.mapping.sources import searches
from extremeearth.knowledge.mapping.sources.searches import search_items

ROOT = "https://hub.example/stac"


def item(name: str, **changes):
    return {
        "type": "Feature", "stac_version": "1.0.0", "id": name, "collection": "maps", "links": [], "assets": {},
        "geometry": {"type": "Point", "coordinates": [10, 48]}, "bbox": [10, 48, 10, 48],
        "properties": {"datetime": "2018-03-01T00:00:00Z"}, **changes,
    }  # fmt: skip


def page(*names: str, **link):
    links = [{"rel": "next", **link}] if link else []
    return {"type": "FeatureCollection", "features": [item(name) for name in names], "links": links}


def landing(**search):
    links = [
        {"rel": "search", "method": "POST", "href": f"{ROOT}/other"},
        None,
        {"rel": "search", **search},
    ]
    return {"stac_version": "1.0.0", "type": "Catalog", "links": links}  # fmt: skip


class Server:
    """Answers by path and page; notes what it was asked."""

    def __init__(self, **answers) -> None:
        self.answers = answers
        self.asked: list[httpx.Request] = []
        self.client = SafeClient(
            transport=httpx.MockTransport(self), resolve=lambda host, port: ["93.184.216.34"]
        )

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        name = parse_qs(request.url.query.decode()).get("page", [request.url.path.rsplit("/")[-1]])
        answer = self.answers.get(name[0])
        if answer is None:
            return httpx.Response(404, stream=httpx.ByteStream(b""))
        text = answer if isinstance(answer, str) else json.dumps(answer)
        return httpx.Response(200, stream=httpx.ByteStream(text.encode()))

    def found(self, url: str = ROOT, search: Search | None = None, **options) -> list[str]:
        items = search_items(url, search or Search(), client=self.client, **options)
        return [one.id for one in items]


def test_pages_are_followed_by_get_and_by_post():
    server = Server(
        stac=landing(href="stac/search"), search=page("a", "b", href="search?page=2"),
        **{"2": page("c", href=f"{ROOT}/search?page=3", method="POST", body={"token": "t"}), "3": page("d")},
    )  # fmt: skip
    search = Search.read(
        ["maps", "cubes"], bbox="170,-1,-170,1", datetime="2018-03-01/..", condition="crop = 'wheat'"
    )  # fmt: skip
    assert server.found(search=search) == ["a", "b", "c", "d"]
    asked = dict(httpx.QueryParams(server.asked[1].url.query.decode()))
    assert asked == {
        "limit": "500", "collections": "maps,cubes", "bbox": "170.0,-1.0,-170.0,1.0",
        "datetime": "2018-03-01T00:00:00Z/..", "filter": "crop = 'wheat'", "filter-lang": "cql2-text",
    }  # fmt: skip
    assert [request.method for request in server.asked] == ["GET", "GET", "GET", "POST"]
    assert json.loads(server.asked[3].content) == {"token": "t"}


def test_a_search_can_be_an_address_and_a_collection_can_be_searched():
    server = Server(search=page("a"), items=page("b"), maps={
        "stac_version": "1.0.0", "type": "Collection", "links": [{"rel": "items", "href": "maps/items"}],
    })  # fmt: skip
    assert server.found(f"{ROOT}/search?collections=maps&limit=7") == ["a"]
    assert dict(httpx.QueryParams(server.asked[0].url.query.decode()))["limit"] == "7"
    assert server.found(f"{ROOT}/collections/maps", Search.read(["maps"], bbox="1,2,3,4")) == ["b"]
    assert urlsplit(str(server.asked[-1].url)).query == "limit=500&bbox=1.0,2.0,3.0,4.0"
    # a page that is there already, of a server with addresses of its own
    assert server.found("https://hub.example/some", page=page("c")) == ["c"]


@pytest.mark.parametrize(
    ("answers", "error", "message"),
    [
        ({"stac": "<html>"}, NoDataError, "no STAC API"),
        ({"stac": "[1]"}, NoDataError, "no STAC API"),
        ({"stac": {"stac_version": "1.0.0", "links": "none"}}, NoDataError, "without a search"),
        ({"stac": landing(href=f"{ROOT}/search"), "search": "[]"}, RemoteError, "not answer with items"),
        ({"stac": landing(href=f"{ROOT}/search"), "search": {"features": [{"id": 1}]}}, RemoteError, "no STAC item"),
        ({"stac": landing(href=f"{ROOT}/search"), "search": page("a", href="search")}, RemoteError, "again and again"),
        ({"stac": landing(href=f"{ROOT}/gone")}, RemoteError, "status 404"),
        ({"stac": landing(href="http://169.254.169.254/search")}, AddressRefusedError, "must not be contacted"),
        ({"stac": landing(href=f"{ROOT}/search"), "search": page("a", href="http://hub.example/search")},
         AddressRefusedError, "must not be contacted"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_server_is_said(answers, error, message):
    with pytest.raises(error, match=message):
        Server(**answers).found()


def test_a_search_that_finds_too_much_ends(monkeypatch):
    monkeypatch.setattr(searches, "MAX_ITEMS", 2)
    server = Server(search=page("a", "b", "c"))
    with pytest.raises(LimitError, match="more than 2 items"):
        server.found(f"{ROOT}/search")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ({"collections": [" "]}, InputError),
        ({"collections": ["a,b"]}, InputError),
        ({"bbox": "1,2,3"}, BoxError),
        ({"datetime": "soon"}, TimeRangeError),
    ],
)
def test_words_of_a_search_that_cannot_be_read(words, error):
    with pytest.raises(error):
        Search.read(**words)


def test_what_answers_tells_a_catalogue_from_an_endpoint(tmp_path):
    when = {
        "datetime": None,
        "start_datetime": "2018-03-01T00:00:00Z",
        "end_datetime": "2018-03-02T00:00:00Z",
    }
    whole = page("a")
    whole["features"].append(item("b", properties=when))
    catalogue = Server(stac=landing(href=f"{ROOT}/search"), search=whole)
    for times in ("datetime", ("start_datetime", "end_datetime")):
        found = read_features(ROOT, prefix="urn:m:", client=catalogue.client, times=times)
        assert found.iris.to_pylist() == ["urn:m:a", "urn:m:b"]
        assert (found.spans - 1519862400.0).tolist() == [[0, 0], [0, 86400]]
    empty = Server(search=page())
    found = read_features(
        ROOT, prefix="urn:m:", client=Server(stac=landing(href="/search"), search=page()).client
    )
    assert len(found) == 0
    assert found.crs.epsg == 4326
    endpoint = Server(sparql={"results": {"bindings": []}})
    with pytest.raises(NoDataError, match="no features"):
        read_features("https://hub.example/sparql", client=endpoint.client)
    assert [request.method for request in endpoint.asked] == ["GET", "POST"]
    with pytest.raises(NoDataError, match="no STAC API"):
        read_features(
            "https://hub.example/sparql", client=endpoint.client, search=Search.read(["maps"])
        )
    with pytest.raises(InputError, match="Only a catalogue"):
        read_features(tmp_path / "f.csv", search=Search.read(["maps"]))
    assert empty.asked == []
