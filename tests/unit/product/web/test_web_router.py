"""The page is served as it was built: types, caching, safe headers, and nothing but its own files."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from extremeearth.core.errors import DataMissingError
from extremeearth.core.problems import install_problem_handlers
from extremeearth.product.web import BuiltPage, open_page, web_router


def _client(page: BuiltPage | None = None, **options: Any) -> TestClient:
    app = FastAPI()
    install_problem_handlers(app)
    app.include_router(web_router(page, **options))
    return TestClient(app)


@pytest.fixture(scope="module")
def client() -> TestClient:
    return _client()


NAMES = sorted(open_page().digests)


def test_the_page_is_html_that_is_asked_for_anew(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert '<div id="app">' in answer.text


@pytest.mark.parametrize("name", NAMES)
def test_every_file_arrives_whole(client: TestClient, name: str) -> None:
    path = "/" if name == "index.html" else f"/{name}"
    for encoding in ("identity", "gzip"):
        answer = client.get(path, headers={"Accept-Encoding": encoding})
        assert answer.status_code == 200
        assert hashlib.sha256(answer.content).hexdigest() == open_page().digests[name]
        assert answer.headers.get("content-encoding") == (
            None if encoding == "identity" else "gzip"
        )


@pytest.mark.parametrize(
    ("ending", "media_type"),
    [
        (".js", "text/javascript; charset=utf-8"),
        (".css", "text/css; charset=utf-8"),
        (".json", "application/json"),
        (".svg", "image/svg+xml"),
    ],
)
def test_files_have_the_right_type(client: TestClient, ending: str, media_type: str) -> None:
    found = [name for name in NAMES if name.endswith(ending) and name != "build.json"]
    assert found
    for name in found:
        assert client.get(f"/{name}").headers["content-type"] == media_type


def test_what_is_named_after_its_content_is_kept_for_ever(client: TestClient) -> None:
    lasting = [name for name in NAMES if name.startswith("assets/")]
    assert lasting
    for name in lasting:
        assert re.fullmatch(r"assets/[\w.-]+-[\w-]{8}\.\w+", name), "no hash in the name"
        assert "immutable" in client.get(f"/{name}").headers["cache-control"]


def test_a_browser_that_has_the_page_is_told_so(client: TestClient) -> None:
    first = client.get("/", headers={"Accept-Encoding": "gzip"})
    tag = first.headers["etag"]
    again = client.get("/", headers={"Accept-Encoding": "gzip", "If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    other = client.get("/", headers={"Accept-Encoding": "identity", "If-None-Match": tag})
    assert other.status_code == 200, "packed and plain bytes share a tag"
    assert "accept-encoding" in other.headers["vary"].lower()


@pytest.mark.parametrize("accepted", ["gzip;q=0", "br", ""])
def test_nothing_is_packed_for_who_cannot_unpack(client: TestClient, accepted: str) -> None:
    assert "content-encoding" not in client.get("/", headers={"Accept-Encoding": accepted}).headers


def test_head_tells_the_length_without_the_bytes(client: TestClient) -> None:
    whole = client.get("/", headers={"Accept-Encoding": "identity"})
    answer = client.head("/", headers={"Accept-Encoding": "identity"})
    assert answer.content == b""
    assert answer.headers["content-length"] == str(len(whole.content))


@pytest.mark.parametrize("path", ["/", "/favicon.svg"])
def test_the_page_is_shut_in(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_the_page_names_no_other_origin_and_no_inline_script(client: TestClient) -> None:
    html = client.get("/").text
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", html)
    assert not re.search(r"<script(?![^>]*\bsrc=)", html)
    assert not re.search(r"\s(style|on\w+)=", html)


@pytest.mark.parametrize(
    "path",
    [
        "/assets/none.js",
        "/assets/..%2fpage.py",
        "/assets/%2e%2e/build.json",
        "/assets/build.json",
        "/build.json",
        "/index.html",
        "/assets/",
        "/assets/a/b.js",
    ],
)
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_programs_get_the_landing_document_and_browsers_the_page() -> None:
    client = _client(landing=lambda base: {"base": base})
    assert client.get("/").json() == {"base": "http://testserver"}
    page = client.get("/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.headers["content-type"].startswith("text/html")
    assert "Accept" in page.headers["vary"].split(", "), "a cache would mix the two up"


def test_only_reading_is_allowed(client: TestClient) -> None:
    assert client.post("/").status_code == 405


def test_a_file_that_is_lost_is_explained(tmp_path: Path) -> None:
    page = BuiltPage(folder=tmp_path, digests={"index.html": "0"}, sources={})
    with pytest.raises(DataMissingError, match=r"index\.html"):
        page.file("index.html")
    assert _client(page).get("/").status_code == 404


def test_packing_is_the_same_every_time() -> None:
    file = open_page().file("index.html")
    assert gzip.decompress(file.packed) == file.content
    assert file.packed[4:8] == b"\0\0\0\0", "holds a time stamp"


def test_the_first_load_stays_small() -> None:
    """The scripts that the page asks for at once, gzipped, and what they import before anything is drawn."""
    page = open_page()
    wanted = re.findall(r'<script[^>]*src="\./([^"]+)"', page.file("index.html").content.decode())
    assert wanted
    seen: dict[str, int] = {}
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        file = page.file(name)
        seen[name] = len(file.packed)
        imports = re.findall(r'(?:from|import)\s*"\./([^"]+\.js)"', file.content.decode())
        wanted.extend(f"assets/{other}" for other in imports)
    assert sum(seen.values()) <= 180_000, json.dumps(seen)
