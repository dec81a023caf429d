"""Objects over HTTP: ranges, conditions, and nothing that is not an asset."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pystac
import pytest
import shapely
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from extremeearth.core.times import as_instant
from extremeearth.data.hub.downloads import media_type_of, range_of
from extremeearth.data.products import cube_item, save_cube, simulate_field_archive

URL = "/download/maps/alice-own/data.bin"
CONTENT = bytes(range(256)) * 16


@pytest.fixture(scope="module")
def alice(hub: Any) -> Iterator[httpx.Client]:
    with hub.client("alice.read") as opened:
        yield opened


def test_the_whole_object(alice: httpx.Client) -> None:
    answer = alice.get(URL)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-length"] == "4096"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"].startswith("private")


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=4000-", 4000, 4096),
        ("bytes=-96", 4000, 4096),
        ("bytes=-99999", 0, 4096),
        ("bytes=4090-99999", 4090, 4096),
    ],
)
def test_ranges(alice: httpx.Client, header: str, start: int, stop: int) -> None:
    answer = alice.get(URL, headers={"Range": header})
    assert answer.status_code == 206
    assert answer.content == CONTENT[start:stop]
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/4096"
    assert answer.headers["content-length"] == str(stop - start)


@pytest.mark.parametrize("header", ["bytes=4096-", "bytes=9999-10000", "bytes=-0"])
def test_ranges_beyond_the_end(alice: httpx.Client, header: str) -> None:
    answer = alice.get(URL, headers={"Range": header})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */4096"


@pytest.mark.parametrize(
    "header", ["bytes=5-2", "bytes=", "bytes=-", "lines=1-2", "bytes=0-1,4-5", "x"]
)
def test_ranges_that_are_none_give_everything(alice: httpx.Client, header: str) -> None:
    answer = alice.get(URL, headers={"Range": header})
    assert (answer.status_code, len(answer.content)) == (200, 4096)


@given(st.binary(max_size=40), st.integers(0, 60), st.integers(0, 60))
def test_a_range_is_a_slice(content: bytes, first: int, last: int) -> None:
    found = range_of(f"bytes={first}-{last}", len(content))
    if last < first:
        assert found is None
    else:
        assert found is not None
        assert content[found[0] : found[1]] == content[first : last + 1]
    tail = range_of(f"bytes=-{last}", len(content))
    assert tail is not None
    assert content[tail[0] : tail[1]] == (content[-last:] if last else b"")


def test_conditions(alice: httpx.Client) -> None:
    first = alice.get(URL)
    tag, date = first.headers["etag"], first.headers["last-modified"]
    for headers in (
        {"If-None-Match": tag},
        {"If-None-Match": f'"x", W/{tag}'},
        {"If-None-Match": "*"},
        {"If-Modified-Since": date},
    ):
        answer = alice.get(URL, headers=headers)
        assert (answer.status_code, answer.content) == (304, b""), headers
        assert answer.headers["etag"] == tag
    for headers in (
        {"If-None-Match": '"x"'},
        {"If-None-Match": '"x"', "If-Modified-Since": date},
        {"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"If-Modified-Since": "yesterday"},
    ):
        assert alice.get(URL, headers=headers).status_code == 200, headers
    with_range = {"Range": "bytes=0-3"}
    assert alice.get(URL, headers=with_range | {"If-Range": tag}).status_code == 206
    assert alice.get(URL, headers=with_range | {"If-Range": '"old"'}).status_code == 200


def test_head_tells_the_same_without_the_body(alice: httpx.Client) -> None:
    head, whole = alice.head(URL), alice.get(URL)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "etag", "last-modified", "content-type", "accept-ranges"):
        assert head.headers[name] == whole.headers[name]


@pytest.mark.parametrize(
    "path",
    [
        "maps/alice-own/unlisted.bin",
        "maps/alice-own/data.bin/x",
        "maps/alice-own/",
        "maps/alice-own",
        "maps",
        "",
        "catalogue.sqlite",
        "../catalogue.sqlite",
        "maps/alice-own/../../../catalogue.sqlite",
        "maps/alice-own/data.bin/../../../../catalogue.sqlite",
        "%2e%2e/catalogue.sqlite",
        "maps/alice-own/%2e%2e%2f%2e%2e%2f%2e%2e%2fcatalogue.sqlite",
        "maps/alice-own/..%5c..%5ccatalogue.sqlite",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "maps/alice-own/data.bin%00",
        "maps%00/alice-own/data.bin",
        "maps/alice-own/data.bin%23",
        "maps/alice-own/%ff%fe",
    ],
)
def test_nothing_else_can_be_reached(hub: Any, path: str) -> None:
    # sent as it is: a client would tidy the path first
    where = urlsplit(hub.url)
    with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
        connection.sendall(
            f"GET /download/{path} HTTP/1.1\r\nHost: {where.netloc}\r\nConnection: close\r\n"
            "Authorization: ApiKey alice.full\r\n\r\n".encode("latin-1")
        )
        answer = b""
        while part := connection.recv(65536):
            answer += part
    status = int(answer.split(b" ", 2)[1])
    assert status in {400, 404}, answer[:500]
    assert b"SQLite format" not in answer
    assert b"root:" not in answer


def test_types_by_suffix() -> None:
    assert media_type_of("a/b.tif").startswith("image/tiff")
    assert media_type_of("a/b.GEOJSON") == "application/geo+json"
    for name in ("x.html", "x.svg", "x.js", "x", "x.xhtml"):
        assert media_type_of(name) == "application/octet-stream"


def test_a_cube_opens_over_http(hub: Any) -> None:
    series = simulate_field_archive(seed=2).field_series("Trial02")
    prefix = "cubes/trial02/cube"
    save_cube(series, store=hub.store, prefix=prefix)
    item = cube_item(series, item_id="trial02", collection="cubes", prefix=prefix, title="Trial02")
    hub.catalogue.add([item], project_id="alice", public=True)
    with hub.client() as client:
        href = client.get("/stac/collections/cubes/items/trial02").json()["assets"]["cube"]["href"]
    opened = xr.open_zarr(href, chunks=None, decode_coords="all").load()
    np.testing.assert_array_equal(opened.reflectance.values, series.reflectance.values)
    assert opened.odc.crs.epsg == 3857


def test_an_asset_that_is_gone_is_404(hub: Any) -> None:
    lost = pystac.Item(
        "lost", shapely.geometry.mapping(shapely.Point(10, 48)), [10, 48, 10, 48], as_instant("2018-03-01"),
        {}, collection="cubes",
    )  # fmt: skip
    lost.add_asset("a", pystac.Asset("object:cubes/lost/a.bin"))
    hub.catalogue.add([lost], project_id="alice", public=True)
    with hub.client() as client:
        assert client.get("/download/cubes/lost/a.bin").status_code == 404
