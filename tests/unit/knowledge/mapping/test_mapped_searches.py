"""Searches of catalogues as sources of mappings: asked once, kept on disk, told apart from everything else."""

from __future__ import annotations

import gc
import json
import tempfile
from itertools import count, islice
from pathlib import Path

import httpx
import pyarrow as pa
import pytest

from extremeearth.core.errors import (
    AddressRefusedError,
    CancelledError,
    DataBrokenError,
    DataMissingError,
    InputError,
    LimitError,
    MappingError,
    RemoteError,
    StorageError,
)
from extremeearth.core.http import SafeClient
from extremeearth.core.progress import CancelToken, EventProgress
from extremeearth.infrastructure.engine import LocalEngine
from extremeearth.knowledge.mapping import CatalogueSearch, Search, describe_source, draft_mapping
from extremeearth.knowledge.mapping.sources import stored_items
from extremeearth.knowledge.mapping.sources.items import ItemSource, stored
from extremeearth.knowledge.mapping.sources.stored_items import StoredItems

ROOT = "https://hub.example/stac"
SIZE = 10


def item(name: int, **properties):
    return {
        "type": "Feature", "stac_version": "1.0.0", "id": f"m{name}", "collection": "maps", "links": [],
        "assets": {"map": {"href": f"{ROOT}/{name}.tif"}}, "bbox": [10, 48, 10, 48],
        "geometry": {"type": "Point", "coordinates": [10 + name / 1000, 48]},
        "properties": {"datetime": "2018-03-01T00:00:00Z", "number": name, **properties},
    }  # fmt: skip


class Hub:
    """A catalogue of `many` items, in pages that are made when they are asked for."""

    def __init__(self, many: int, make=item) -> None:
        self.many, self.make, self.asked = many, make, 0
        self.client = SafeClient(
            transport=httpx.MockTransport(self), resolve=lambda host, port: ["93.184.216.34"]
        )

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        start = int(request.url.params.get("start", 0))
        found = [self.make(n) for n in range(start, min(start + SIZE, self.many))]
        links = [{"rel": "next", "href": f"search?start={start + SIZE}"}]
        page = {"type": "FeatureCollection", "features": found, "links": links[: start + SIZE < self.many]}  # fmt: skip
        return httpx.Response(200, stream=httpx.ByteStream(json.dumps(page).encode()))

    def search(self, **words) -> CatalogueSearch:
        return CatalogueSearch(url=f"{ROOT}/search", search=Search(**words), client=self.client)


MAPPING = """
<urn:m> rml:logicalSource <urn:rows> ; rml:subjectMap [ rml:template "urn:{id}" ; rml:class ex:Map ] ;
    rml:predicateObjectMap [ rml:predicate ex:number ; rml:objectMap [ rml:reference "number" ] ] .
<urn:g> rml:logicalSource <urn:rows> ; rml:subjectMap [ rml:template "urn:{id}/geometry" ] ;
    rml:predicateObjectMap [ rml:predicate geo:asWKT ; rml:objectMap [ rml:functionExecution [
        rml:function ee:asWKT ; rml:input [ rml:parameter ee:geometry ;
            rml:inputValueMap [ rml:reference "geometry" ] ] ] ] ] .
<urn:j> rml:logicalSource <urn:rows> ; rml:subjectMap [ rml:template "urn:{id}" ] ;
    rml:predicateObjectMap [ rml:predicate ex:same ; rml:objectMap [ rml:parentTriplesMap <urn:m> ;
        rml:joinCondition [ rml:child "number" ; rml:parent "number" ] ] ] .
<urn:rows> rml:source [ rml:path "maps" ] .
"""


def left_over() -> list[Path]:
    gc.collect()
    return list(Path(tempfile.gettempdir()).glob("extremeearth-items-*"))


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.mark.parametrize(
    "options", [{}, {"threads": 2}, {"batch_rows": 7}, {"engine": LocalEngine(workers=1)}]
)
def test_a_search_is_asked_once_and_its_items_are_mapped(options, mapped):
    hub = Hub(25)
    found, report = mapped(MAPPING, sources={"maps": hub.search()}, **options)
    assert hub.asked == 3
    assert (report.rows, report.triples) == (75, 100)
    assert sum('"POINT (10.024 48)"' in said for said in found) == 1
    assert "<urn:m24> <https://example.org/same> <urn:m24>" in found
    assert left_over() == []


def test_what_is_kept_in_memory_does_not_grow_with_the_items(mapped, monkeypatch):
    at_once = []
    parse = json.loads

    class Watched(dict):
        alive = 0

        def __init__(self, *given):
            super().__init__(*given)
            Watched.alive += 1
            at_once.append(Watched.alive)

        def __del__(self):
            Watched.alive -= 1

    monkeypatch.setattr(stored_items.json, "loads", lambda line: Watched(parse(line)))
    monkeypatch.setattr("extremeearth.knowledge.mapping.sources.items.MOST_ITEMS", 20)
    _, report = mapped(MAPPING, sources={"maps": Hub(400).search()})
    assert report.rows == 1200
    assert len(at_once) >= 800
    assert max(at_once) <= 45  # a batch, and what is made of the next


def test_a_draft_knows_the_properties_of_all_items(mapped):
    def odd(number):
        late = {"late": 2.5, "whole": number} if number == 24 else {"mixed": number, "whole": 1.5}
        return item(number, **late, **({"mixed": "a"} if number == 24 else {}))

    hub = Hub(25, odd)
    described = describe_source(hub.search(), name="maps")
    assert hub.asked == 3
    kinds = {column.name: column.datatype.rpartition("#")[2] for column in described.columns}
    assert described.key == ("id",)
    assert [kinds[n] for n in ("late", "mixed", "whole", "number", "datetime")] == [
        "double", "string", "double", "integer", "dateTime"
    ]  # fmt: skip
    draft = draft_mapping(described, base_iri="https://example.org/")
    found, _ = mapped(draft.mapping, sources={"maps": hub.search()})
    assert sum("def#late" in said for said in found) == 1


def test_ids_of_several_collections_may_be_the_same(mapped):
    def twice(number):
        return item(number // 2) | {"collection": "ab"[number % 2]}

    hub = Hub(6, twice)
    described = describe_source(hub.search(), name="maps")
    assert described.key == ("collection", "id")
    draft = draft_mapping(described, base_iri="https://example.org/").mapping
    found, _ = mapped(draft, sources={"maps": hub.search()})
    assert sum("geosparql#Feature" in said for said in found) == 6


def test_a_column_that_no_item_has_is_told_before_the_first_row(mapped):
    hub = Hub(25)
    with pytest.raises(MappingError, match="'numbers'"):
        mapped(MAPPING.replace('"number"', '"numbers"'), sources={"maps": hub.search()})
    assert mapped(MAPPING, sources={"maps": Hub(0).search()})[0] == set()


def test_a_mapping_alone_asks_nobody(mapped, tmp_path):
    for name in (f"{ROOT}/search", "catalogue:", "catalogue:?collections=maps"):
        with pytest.raises((MappingError, DataMissingError)) as caught:
            mapped(MAPPING.replace('"maps"', json.dumps(name)), folder=tmp_path)
        assert name in str(caught.value)
        with pytest.raises(MappingError, match="is a str"):
            mapped(MAPPING, sources={"maps": name})


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda number: item(number) | ({"properties": []} if number == 24 else {}), RemoteError, "no STAC item"),
        (lambda number: item(number, number="\ud800"), DataBrokenError, "no Unicode"),
    ],
)  # fmt: skip
def test_items_that_are_none_leave_nothing_behind(make, error, message, mapped):
    with pytest.raises(error, match=message):
        mapped(MAPPING, sources={"maps": Hub(25, make).search()})
    assert left_over() == []


def test_odd_members_of_a_file_are_no_reason_to_stop():
    odd = item(1, number=2**70) | {
        "links": ["a", {"rel": "self", "href": "urn:1"}],
        "assets": {"a": None},
    }
    source = ItemSource("maps", [odd, item(2) | {"properties": None, "assets": [], "links": None}])
    (frame,) = source.frames(("self", "asset_hrefs", "number"), batch_rows=10)
    assert frame.columns["self"].to_pylist() == ["urn:1", None]
    assert frame.columns["asset_hrefs"].to_pylist() == [[], []]
    assert frame.columns["number"].to_pylist() == [str(2**70), None]


def test_what_cannot_be_kept_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(stored_items, "MAX_BYTES", 1000)
    endless = ({"id": number} for number in count())
    with pytest.raises(LimitError, match="1000 bytes"):
        StoredItems.of(endless)
    assert len(list(islice(endless, 1))) == 1  # it was not read to its end
    assert left_over() == []

    class Full:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def write(self, _):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(pa, "output_stream", lambda *_, **__: Full())
    with pytest.raises(StorageError, match="No space left"):
        StoredItems.of([{"id": 1}])
    assert left_over() == []
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(StorageError, match="cannot be kept"):
        StoredItems.of([{"id": 1}])


def test_by_default_no_private_address_is_asked(mapped):
    search = CatalogueSearch(url="https://127.0.0.1:1/stac")
    with pytest.raises(AddressRefusedError):
        mapped(MAPPING, sources={"maps": search})


@pytest.mark.parametrize(
    ("url", "words", "address"),
    [
        (ROOT, {}, ROOT),
        (f"{ROOT}/search?collections=a&limit=7", {"collections": ("b", "c")},
         f"{ROOT}/search?collections=b,c&limit=7"),
        (ROOT, {"condition": "a = 'b c'"}, f"{ROOT}?filter=a+%3D+%27b+c%27&filter-lang=cql2-text"),
    ],
)  # fmt: skip
def test_a_search_has_one_address(url, words, address):
    found = CatalogueSearch(url=url, search=Search(**words)).address
    assert found == address
    if words:
        assert Search.of_address(found.partition("?")[2].replace("&limit=7", "")) == Search(**words)


@pytest.mark.parametrize(
    "text", ["a", "a=1", "bbox=1,2,3,4&bbox=1,2,3,4", "filter=a&filter-lang=cql2-json", "bbox="]
)
def test_addresses_that_say_something_else(text):
    with pytest.raises(InputError):
        Search.of_address(text)


def test_what_is_said_wins_over_the_address():
    said = Search.of_address("collections=a,b&bbox=1,2,3,4&datetime=2018-03-01/..")
    both = Search(collections=("c",), condition="x = 1").over(said)
    assert both == Search(collections=("c",), condition="x = 1", box=said.box, time=said.time)
    assert not Search()
    assert Search(condition="x = 1")


def test_how_many_items_were_found_is_told_while_they_come():
    events: list[tuple[str, float, bool]] = []
    hub = Hub(25)
    asked_at = []

    def listen(event):
        events.append((event.label, event.done, event.finished))
        asked_at.append(hub.asked)

    described = describe_source(hub.search(), name="maps", progress=EventProgress(listen))
    assert "number" in {column.name for column in described.columns}
    assert events[0] == ("items found", 0, False)
    assert events[-1] == ("items found", 25, True)
    assert asked_at[0] == 0, "before the first page is asked for"
    assert len(set(asked_at)) == 4, "between the pages"


def test_a_search_can_be_cancelled_while_its_items_come():
    token = CancelToken()
    hub = Hub(1_000)

    def listen(event):
        if event.done == 15:
            token.cancel()

    before = left_over()
    with pytest.raises(CancelledError):
        describe_source(hub.search(), name="maps", progress=EventProgress(listen, token=token))
    assert hub.asked == 2
    assert left_over() == before


def test_items_are_read_once_to_know_what_they_have(monkeypatch):
    opened = stored("maps", Hub(25).search().find_items())
    monkeypatch.setattr(StoredItems, "__iter__", None)
    assert {"id", "geometry", "number"} <= set(opened.columns())
    assert opened.types()["number"] == pa.int64()
    assert opened.key() == ("id",)
