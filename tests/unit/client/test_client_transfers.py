"""Downloads, search pages, SPARQL and inference of the client, against scripted servers."""

from __future__ import annotations

import json

import httpx
import numpy as np
import pytest

from extremeearth.client import Client
from extremeearth.core import errors
from extremeearth.core.errors import (
    InputError,
    KeyExpiredError,
    NotFoundError,
    QuerySyntaxError,
    RemoteError,
    UnavailableError,
)

CONTENT = bytes(range(256)) * 1000
KEY = "ee0123456789." + "A" * 43


class Files:
    """Serves one file with ranges; can break off after some bytes, and can change the file."""

    def __init__(self) -> None:
        self.content, self.etag = CONTENT, '"one"'
        self.break_after: int | None = None
        self.seen: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        start, status = 0, 200
        asked = request.headers.get("range")
        if asked and request.headers.get("if-range") == self.etag:
            start, status = int(asked.removeprefix("bytes=").rstrip("-")), 206
            if start >= len(self.content):
                return httpx.Response(416)
        body = self.content[start:]

        def pieces():
            sent = 0
            for at in range(0, len(body), 10_000):
                if self.break_after is not None and sent >= self.break_after:
                    raise httpx.ReadError("broken")
                yield body[at : at + 10_000]
                sent += 10_000

        headers = {"Content-Length": str(len(body)), "ETag": self.etag}
        return httpx.Response(status, headers=headers, content=pieces())


@pytest.fixture
def files() -> Files:
    return Files()


def _client(handler, key: str | None = KEY) -> Client:
    return Client("http://127.0.0.1:8000", key, transport=httpx.MockTransport(handler))


def test_a_download_is_whole_and_leaves_nothing_beside_it(files, tmp_path):
    target = _client(files).download("http://127.0.0.1:8000/download/a", tmp_path / "sub" / "a.bin")
    assert target.read_bytes() == CONTENT
    assert [p.name for p in target.parent.iterdir()] == ["a.bin"]


def test_a_broken_download_goes_on_where_it_stopped(files, tmp_path):
    files.break_after = 100_000
    target = tmp_path / "a.bin"
    with pytest.raises(UnavailableError):
        _client(files).download("download/a", target)
    assert not target.exists()
    got = (tmp_path / "a.bin.part").stat().st_size
    assert got >= 100_000
    files.break_after = None
    _client(files).download("download/a", target)
    assert target.read_bytes() == CONTENT
    assert files.seen[-1].headers["range"] == f"bytes={got}-"


def test_parts_of_two_versions_are_never_put_together(files, tmp_path):
    files.break_after = 100_000
    with pytest.raises(UnavailableError):
        _client(files).download("download/a", tmp_path / "a.bin")
    files.break_after, files.etag, files.content = None, '"two"', CONTENT[::-1]
    _client(files).download("download/a", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT[::-1]


def test_a_part_that_is_longer_than_the_file_starts_again(files, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(b"x" * (len(CONTENT) + 1))
    (tmp_path / "a.bin.part.etag").write_text(files.etag)
    _client(files).download("download/a", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_part_without_a_tag_is_not_trusted(files, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(b"x" * 100)
    _client(files).download("download/a", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_an_old_file_stays_until_the_new_one_is_whole(files, tmp_path):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    files.break_after = 0
    with pytest.raises(UnavailableError):
        _client(files).download("download/a", target)
    assert target.read_bytes() == b"old"


def test_the_key_goes_to_the_platform_alone(files, tmp_path):
    client = _client(files)
    client.download("http://127.0.0.1:8000/download/a", tmp_path / "a")
    client.download("http://127.0.0.1:9000/download/a", tmp_path / "b")
    client.download("http://evil.example/a", tmp_path / "c")
    assert [r.headers.get("authorization") for r in files.seen] == [f"ApiKey {KEY}", None, None]


def test_a_redirect_is_not_followed(tmp_path):
    client = _client(
        lambda request: httpx.Response(302, headers={"Location": "http://evil.example/"})
    )
    with pytest.raises(RemoteError):
        client.download("download/a", tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_errors_are_those_of_the_platform(tmp_path):
    problem = {
        "code": "auth.expired-key",
        "title": "The API key was revoked.",
        "hint": "Ask for a new one.",
    }
    client = _client(lambda request: httpx.Response(401, json=problem))
    with pytest.raises(KeyExpiredError, match=r"revoked\. Ask for a new one\."):
        client.processes()
    with pytest.raises(KeyExpiredError):
        client.download("download/a", tmp_path / "a")


@pytest.mark.parametrize(
    "kind", [errors.NoDataError, errors.BoxError, errors.ConflictError, errors.LimitError]
)
def test_each_code_comes_back_as_its_error(kind):
    client = _client(lambda request: httpx.Response(400, json={"code": kind.code, "title": "T."}))
    with pytest.raises(kind):
        client.process("x")


@pytest.mark.parametrize("content", [b"", b"<html>", b"[1]", b'"x"'])
def test_an_answer_that_is_no_problem_document_is_told_by_status(content):
    client = _client(lambda request: httpx.Response(502, content=content))
    with pytest.raises(RemoteError, match="502"):
        client.jobs()


def test_nobody_there():
    def refuse(request):
        raise httpx.ConnectError("refused")

    with pytest.raises(UnavailableError, match=r"http://127\.0\.0\.1:8000 cannot be reached"):
        _client(refuse).processes()


@pytest.mark.parametrize("url", ["", "x", "ftp://h", "file:///etc/passwd", "http://"])
def test_what_is_no_platform(url):
    with pytest.raises(InputError):
        Client(url)


def test_names_cannot_leave_their_place():
    seen = []

    def handler(request):
        seen.append(request.url.raw_path.decode())
        return httpx.Response(404, json={"code": "resource.not-found", "title": "No."})

    client = _client(handler)
    for call in (client.process, client.job):
        with pytest.raises(NotFoundError):
            call("../keys?x=1")
    assert seen == ["/processes/..%2Fkeys%3Fx%3D1", "/jobs/..%2Fkeys%3Fx%3D1"]


def _search_server(pages: int, *, merge: bool, stuck: bool = False):
    def handler(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        n = int(body.get("token", 0))
        assert n == 0 or not merge or body["collections"] == ["maps"]
        links = []
        if n + 1 < pages:
            step = {"token": str(1 if stuck else n + 1)} | (
                {} if merge else {"collections": ["maps"]}
            )
            links = [{"rel": "next", "method": "POST", "merge": merge, "body": step,
                      "href": "http://127.0.0.1:8000/stac/search"}]  # fmt: skip
        return httpx.Response(200, json={"features": [{"id": f"item-{n}"}], "links": links})

    return handler


@pytest.mark.parametrize("merge", [True, False])
def test_search_reads_every_page_once(merge):
    found = _client(_search_server(4, merge=merge)).search(collections=["maps"])
    assert [item["id"] for item in found] == [f"item-{n}" for n in range(4)]


def test_pages_without_end_are_told():
    with pytest.raises(RemoteError, match="same next page"):
        list(_client(_search_server(9, merge=True, stuck=True)).search(collections=["maps"]))


def test_what_search_sends():
    sent = {}

    def handler(request):
        sent.update(json.loads(request.content))
        return httpx.Response(200, json={"features": [], "links": []})

    client = _client(handler)
    list(
        client.search(
            box=[11, 48, 12, 49], time="2018-03-01/..", filter="area > 3", ids=["a"], page_size=7
        )
    )
    assert sent == {
        "limit": 7, "ids": ["a"], "bbox": [11, 48, 12, 49], "datetime": "2018-03-01T00:00:00Z/..",
        "filter": "area > 3", "filter-lang": "cql2-text",
    }  # fmt: skip


def test_sparql_answers_of_each_kind():
    def handler(request: httpx.Request) -> httpx.Response:
        query = request.content.decode()
        assert request.headers["content-type"] == "application/sparql-query"
        if query.startswith("ASK"):
            return _results({"head": {}, "boolean": True})
        if query.startswith("SELECT"):
            rows = [{"x": {"type": "literal", "value": "3"}}]
            return _results({"head": {"vars": ["x"]}, "results": {"bindings": rows}})
        if query.startswith("CONSTRUCT"):
            return httpx.Response(
                200, text="<a:a> <a:b> <a:c> .\n", headers={"Content-Type": "application/n-triples"}
            )
        return httpx.Response(400, json={"code": "sparql.syntax", "title": "Line 1."})

    def _results(document):
        return httpx.Response(
            200, json=document, headers={"Content-Type": "application/sparql-results+json"}
        )

    client = _client(handler)
    assert client.sparql("ASK {}") is True
    assert client.sparql("SELECT ?x {}") == [{"x": {"type": "literal", "value": "3"}}]
    assert client.sparql("CONSTRUCT {} {}") == "<a:a> <a:b> <a:c> .\n"
    with pytest.raises(QuerySyntaxError):
        client.sparql("NONSENSE")


def test_tensors_go_and_come_back_exactly():
    def double(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v2/models/crop-type/versions/2/infer"
        outputs = [
            tensor | {"name": f"{tensor['name']}2", "data": [2 * v for v in tensor["data"]]}
            for tensor in json.loads(request.content)["inputs"]
        ]
        return httpx.Response(200, json={"model_name": "crop-type", "outputs": outputs})

    rng = np.random.default_rng(0)
    inputs = {
        "a": rng.normal(size=(3, 4, 5)).astype(np.float32),
        "b": rng.integers(-9, 9, (2, 2)),
        "c": rng.normal(size=7).astype(np.float16),
    }
    outputs = _client(double).infer("crop-type", inputs, version="2")
    for name, array in inputs.items():
        back = outputs[f"{name}2"]
        assert back.dtype == array.dtype
        np.testing.assert_array_equal(back, array * 2)


@pytest.mark.parametrize(
    "array", [np.array([np.nan], np.float32), np.array([np.inf]), np.array(["x"]), np.array([1j])]
)
def test_what_cannot_be_sent_is_told(array):
    with pytest.raises(InputError):
        _client(lambda request: httpx.Response(200)).infer("m", {"x": array})


@pytest.mark.parametrize(
    "outputs",
    [None, [{}], [{"name": "y", "datatype": "FP99", "shape": [1], "data": [1]}],
     [{"name": "y", "datatype": "FP32", "shape": [3], "data": [1]}]],
)  # fmt: skip
def test_an_answer_that_is_no_tensor_is_told(outputs):
    client = _client(lambda request: httpx.Response(200, json={"outputs": outputs}))
    with pytest.raises(RemoteError):
        client.infer("m", {"x": np.zeros(1, np.float32)})
