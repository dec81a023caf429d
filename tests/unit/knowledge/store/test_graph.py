"""The graph store as one object: versions, reports, limits, fetching, dumps, summaries."""

from __future__ import annotations

import io
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pyoxigraph as ox
import pytest

from extremeearth.core.errors import (
    AccessError,
    AddressRefusedError,
    CancelledError,
    ConflictError,
    DataBrokenError,
    DataMissingError,
    InputError,
    LimitError,
    NotFoundError,
    RemoteError,
    TimeoutExceededError,
)
from extremeearth.core.http import SafeClient
from extremeearth.core.progress import CancelToken
from extremeearth.core.settings import Settings
from extremeearth.knowledge.store import Graph, Solutions, Triples, open_graph

NT = b'<urn:a> <urn:p> "x" .\n<urn:b> <urn:p> <urn:a> .\n'
GEO = "PREFIX geo: <http://www.opengis.net/ont/geosparql#> PREFIX xsd: <http://www.w3.org/2001/XMLSchema#> "


def rows(graph: Graph, text: str, **options: Any) -> list[tuple[str, ...]]:
    answer = graph.query(text, **options)
    assert isinstance(answer, Solutions)
    return sorted(tuple(map(str, row)) for row in answer)


# --------------------------------------------------------------------------- opening, versions


def test_a_folder_keeps_what_was_loaded(tmp_path: Path) -> None:
    with Graph.open(tmp_path / "deep" / "store") as first:
        first.load(NT, "nt")
    with Graph.open(str(tmp_path / "deep" / "store"), read_only=True) as reader:
        assert len(reader) == 2
        for change in (
            lambda: reader.load(NT, "nt"),
            lambda: reader.update("CLEAR ALL"),
            lambda: reader.replace_graph(None, b"", "nt"),
            lambda: reader.drop_graph(None),
            reader.compact,
        ):
            with pytest.raises(AccessError):
                change()
    with pytest.raises(DataMissingError):
        Graph.open(tmp_path / "none", read_only=True)
    with pytest.raises(DataMissingError):
        Graph.open(tmp_path / "none", create=False)


def test_two_openings_of_a_folder_see_each_other(tmp_path: Path) -> None:
    with Graph.open(tmp_path / "store") as one, Graph.open(tmp_path / "store") as two:
        one.load(NT, "nt")
        two.update("INSERT DATA { <urn:c> <urn:p> 1 }")
        assert (len(one), len(two)) == (3, 3)


def test_older_versions_can_be_asked(tmp_path: Path) -> None:
    with Graph.open(tmp_path / "store") as graph:
        graph.load(NT, "nt")
        before = graph.find_version()
        time.sleep(0.01)
        moment = datetime.now(UTC)
        time.sleep(0.01)
        graph.update("DELETE WHERE { <urn:a> ?p ?o }")
        assert graph.query("ASK { <urn:a> ?p ?o }") is False
        assert graph.query("ASK { <urn:a> ?p ?o }", version=before) is True
        assert graph.query("ASK { <urn:a> ?p ?o }", as_of=moment) is True
        assert graph.find_version(as_of=moment) == before
        assert len(graph.read_graph(None, version=before)) == 2
        assert graph.summary(version=before).statements == 2
        changes = graph.versions().to_pylist()[-2:]
        assert [(c["inserted"], c["deleted"]) for c in changes] == [(2, 0), (0, 1)]
        with pytest.raises(NotFoundError):
            graph.query("ASK {}", as_of=datetime.now(UTC) - timedelta(days=9))
        with pytest.raises(InputError):
            graph.query("ASK {}", version=1, as_of=moment)


def test_a_query_that_runs_keeps_its_version() -> None:
    """Rows are decoded from the snapshot they were found in, though the store moves on."""
    graph = open_graph()
    graph.load(NT, "nt")
    answer = graph.query("SELECT ?s { ?s <urn:p> ?o } ORDER BY ?s")
    graph.update("CLEAR ALL ; INSERT DATA { <urn:z> <urn:z> <urn:z> }")
    assert isinstance(answer, Solutions)
    assert [str(row[0]) for row in answer.rows] == ["<urn:a>", "<urn:b>"]


# ------------------------------------------------------------------------------------- limits


def test_a_cancelled_query_stops() -> None:
    graph = open_graph()
    graph.load(b"".join(b"<urn:s%d> <urn:p> %d .\n" % (i, i) for i in range(300)), "ttl")
    token = CancelToken()
    threading.Timer(0.3, token.cancel).start()
    four = "?a <urn:p> ?b . ?c <urn:p> ?d . ?e <urn:p> ?f . ?g <urn:p> ?h"
    slow = f"SELECT (COUNT(*) AS ?n) {{ {four} FILTER(?b + ?d < ?f + ?h) }}"
    with pytest.raises(CancelledError):
        graph.query(slow, token=token)
    with pytest.raises(TimeoutExceededError):
        graph.query(slow, timeout_s=0.2)
    with pytest.raises(InputError):
        graph.query("ASK {}", timeout_s=0)


def test_a_query_that_needs_too_much_memory_is_stopped() -> None:
    graph = Graph.open(settings=Settings(query_memory_bytes=1024**2))
    graph.load(b"".join(b"<urn:s%d> <urn:p> %d .\n" % (i, i) for i in range(700)), "ttl")
    with pytest.raises(LimitError):
        graph.query("SELECT * { ?a <urn:p> ?b . ?c <urn:p> ?d }")


def test_a_late_update_changes_nothing() -> None:
    graph = open_graph()
    graph.load(b"".join(b"<urn:s%d> <urn:p> %d .\n" % (i, i) for i in range(300)), "ttl")
    with pytest.raises(TimeoutExceededError):
        graph.update(
            "INSERT DATA { <urn:new> <urn:p> 1 } ; INSERT { ?a <urn:q> ?d } WHERE { ?a <urn:p> ?b . "
            "?c <urn:p> ?d . ?e <urn:p> ?f FILTER(?b + ?d < ?f) }",
            timeout_s=0.2,
        )
    assert len(graph) == 300


# ----------------------------------------------------------------------------------- changing


def test_an_update_tells_what_it_did() -> None:
    graph = open_graph()
    report = graph.update(
        "INSERT DATA { <urn:a> <urn:p> 1, 2 } ; DELETE DATA { <urn:a> <urn:p> 2 ; <urn:q> 3 }"
    )
    assert (report.inserted, report.deleted) == (1, 0)
    version = graph.find_version()
    assert graph.update("DELETE DATA { <urn:nobody> <urn:p> 2 }").deleted == 0
    assert graph.find_version() == version


def test_graphs_that_were_created_are_remembered_until_they_are_dropped() -> None:
    graph = open_graph()
    graph.update("CREATE GRAPH <urn:g>")
    assert graph.has_graph("urn:g")
    assert list(graph.graphs()) == ["urn:g"]
    with pytest.raises(ConflictError, match="exists already"):
        graph.update("CREATE GRAPH <urn:g>")
    graph.update("CREATE SILENT GRAPH <urn:g>")
    graph.update("DROP GRAPH <urn:g>")
    assert not graph.has_graph("urn:g")
    with pytest.raises(ConflictError):
        graph.update("CREATE GRAPH <urn:h> ; CREATE GRAPH <urn:h>")
    assert not graph.has_graph("urn:h")


def test_created_graphs_are_kept_in_the_store(tmp_path: Path) -> None:
    with Graph.open(tmp_path / "store") as graph:
        graph.update("CREATE GRAPH <urn:g> ; CREATE GRAPH <urn:h>")
        version = graph.find_version()
        graph.update("CREATE SILENT GRAPH <urn:g>")
        assert graph.find_version() == version
        graph.load(b"", "nt", graph="urn:empty")
        graph.replace_graph("urn:put", b"", "nt")
        for number in range(3):
            graph.update(f"INSERT DATA {{ GRAPH <urn:g> {{ <urn:a> <urn:p> {number} }} }}")
        graph.update("DELETE WHERE { GRAPH <urn:g> { ?s ?p ?o } } ; DROP GRAPH <urn:h>")
        graph.compact()
    other = Graph.open(tmp_path / "store", read_only=True)
    assert list(other.graphs()) == ["urn:empty", "urn:g", "urn:put"]
    assert other.has_graph("urn:g")
    assert not other.has_graph("urn:h")
    with Graph.open(tmp_path / "store") as graph:
        with pytest.raises(ConflictError, match="exists already"):
            graph.update("CREATE GRAPH <urn:empty>")
        graph.update("DROP ALL")
    assert list(other.graphs()) == []


def test_commits_name_created_graphs_only_where_they_were_empty(tmp_path: Path) -> None:
    graph = Graph.open(tmp_path / "store")
    graph.replace_graph("urn:g", b"<urn:a> <urn:p> 1 .", "ttl")
    assert graph.storage.snapshot().created == frozenset()
    assert graph.has_graph("urn:g")
    graph.replace_graph("urn:g", b"", "ttl")
    assert graph.storage.snapshot().created == {"urn:g"}
    assert graph.has_graph("urn:g")
    graph.replace_graph("urn:g", b"<urn:a> <urn:p> 1 .", "ttl")
    graph.update("CLEAR GRAPH <urn:g>")
    assert list(graph.graphs()) == ["urn:g"]


def test_what_is_not_there_cannot_be_copied() -> None:
    graph = open_graph()
    for verb in ("COPY", "MOVE", "ADD"):
        with pytest.raises(NotFoundError, match="urn:none"):
            graph.update(f"{verb} <urn:none> TO <urn:g>")
    graph.update("CREATE GRAPH <urn:none> ; COPY <urn:none> TO <urn:g>")


def test_an_iri_that_is_none_is_refused() -> None:
    graph = open_graph()
    for change in (
        lambda: graph.load(NT, "nt", graph="no iri"),
        lambda: graph.replace_graph("no iri", NT, "nt"),
        lambda: graph.drop_graph("urn:a> ; CLEAR ALL #"),
    ):
        with pytest.raises(InputError):
            change()
    assert len(graph) == 0


# ----------------------------------------------------------------------------------- fetching


def web(status: int, content: bytes = b"", kind: str = "") -> SafeClient:
    def answer(_: httpx.Request) -> httpx.Response:
        stream = httpx.ByteStream(content)
        return httpx.Response(status, headers={"content-type": kind}, stream=stream)

    return SafeClient(transport=httpx.MockTransport(answer), resolve=lambda *_: ["93.184.216.34"])


def test_documents_are_loaded_from_the_web_through_the_safe_client() -> None:
    graph = Graph.open(client=web(200, NT, "text/turtle"))
    assert graph.update("LOAD <https://e.org/data> INTO GRAPH <urn:g>").inserted == 2
    assert len(graph.read_graph("urn:g")) == 2
    graph.update("LOAD <https://e.org/data> ; DELETE WHERE { <urn:a> ?p ?o }")
    assert len(graph.read_graph(None)) == 1
    by_name = web(200, NT, "application/octet-stream")
    assert Graph.open(client=by_name).update("LOAD <https://e.org/a.nt>").inserted == 2


@pytest.mark.parametrize(
    ("client", "error"),
    [
        (web(404), RemoteError),
        (web(200, b"<html>", "text/html"), InputError),
        (web(200, b"oops", "text/turtle"), DataBrokenError),
    ],
)
def test_what_cannot_be_loaded_is_an_error_unless_silent(
    client: SafeClient, error: type[Exception]
) -> None:
    graph = Graph.open(client=client)
    with pytest.raises(error):
        graph.update("INSERT DATA { <urn:a> <urn:p> 1 } ; LOAD <https://e.org/data>")
    assert len(graph) == 0
    graph.update("INSERT DATA { <urn:a> <urn:p> 1 } ; LOAD SILENT <https://e.org/data>")
    assert len(graph) == 1


def test_a_store_that_fetches_nothing_passes_over_a_silent_load() -> None:
    graph = open_graph()
    graph.update("INSERT DATA { <urn:a> <urn:p> 1 } ; LOAD SILENT <https://e.org/data>")
    with pytest.raises(AddressRefusedError):
        graph.update("INSERT DATA { <urn:a> <urn:p> 2 } ; LOAD <https://e.org/data>")
    assert len(graph) == 1


def test_addresses_that_must_not_be_contacted_are_refused() -> None:
    graph = Graph.open(client=SafeClient())
    for url in ("http://169.254.169.254/latest", "file:///etc/passwd"):
        with pytest.raises(AddressRefusedError):
            graph.update(f"LOAD <{url}>")


# ------------------------------------------------------------------------------------ tending


def test_a_dump_is_loaded_back(tmp_path: Path) -> None:
    graph = open_graph()
    graph.load(NT, "nt")
    graph.load(b"_:x <urn:p> _:x .", "nt", graph="urn:g")
    for name in ("all.nq", "all.trig", "all.nq.gz"):
        assert graph.dump(tmp_path / name) == 3
        back = open_graph()
        back.load(tmp_path / name)
        assert (len(back), len(back.read_graph("urn:g"))) == (3, 1)
    out = io.BytesIO()
    assert graph.dump(out, graph="urn:g", format="nt") == 1
    assert out.getvalue().count(b"\n") == 1
    with pytest.raises(InputError):
        graph.dump(tmp_path / "all.nt")
    with pytest.raises(NotFoundError):
        graph.dump(io.BytesIO(), graph="urn:none")


def test_compacting_changes_no_answer(tmp_path: Path) -> None:
    with Graph.open(tmp_path / "store") as graph:
        for i in range(5):
            graph.update(f"INSERT DATA {{ <urn:s{i}> <urn:p> {i} }}")
        graph.update("DELETE DATA { <urn:s0> <urn:p> 0 }")
        before = rows(graph, "SELECT * { ?s ?p ?o }")
        report = graph.compact()
        assert report.after < report.before
        assert rows(graph, "SELECT * { ?s ?p ?o }") == before
        assert graph.check().is_whole
        graph.vacuum(keep_days=0)
        assert rows(graph, "SELECT * { ?s ?p ?o }") == before


def test_a_summary_counts_predicates_classes_and_extents() -> None:
    graph = open_graph()
    graph.update(
        GEO
        + 'INSERT DATA { <urn:f> a <urn:Field> ; geo:hasGeometry <urn:g> ; <urn:sown> "2018-03-01"^^xsd:date , '
        '"2018-05-01T12:00:00+02:00"^^xsd:dateTime . <urn:g> geo:asWKT "LINESTRING (11 48, 12 49)"^^geo:wktLiteral . '
        "GRAPH <urn:more> { <urn:f> a <urn:Field> . <urn:h> a <urn:Field> } }"
    )
    found = graph.summary()
    assert (found.statements, found.geometries, found.graphs) == (7, 1, ("urn:more",))
    assert [(c.name, c.instances) for c in found.classes] == [("urn:Field", 2)]
    by_name = {p.predicate: p for p in found.predicates}
    assert by_name["urn:sown"].extent.start == datetime(2018, 3, 1, tzinfo=UTC)
    assert by_name["urn:sown"].extent.end == datetime(2018, 5, 1, 10, tzinfo=UTC)
    shape = by_name["http://www.opengis.net/ont/geosparql#asWKT"]
    assert shape.extent.box == (11.0, 48.0, 12.0, 49.0)
    assert found.extent.box == (11.0, 48.0, 12.0, 49.0)
    assert (shape.triples, shape.subjects, shape.objects) == (1, 1, 1)
    assert graph.summary() is found
    graph.update("CLEAR ALL")
    assert graph.summary().statements == 0


def test_an_explanation_shows_algebra_plan_and_steps() -> None:
    graph = open_graph()
    graph.load(NT, "nt")
    text = "SELECT ?o { ?s <urn:p> ?o FILTER(ISIRI(?o)) }"
    told, ran = graph.explain(text), graph.explain(text, analyze=True)
    for part in ("# Algebra", "Bgp ?s <urn:p> ?o", "# Plan", "Scan ?s <urn:p> ?o", "# Steps"):
        assert part in told
        assert part in ran
    assert " ms" in ran
    assert " ms" not in told


def test_a_describe_follows_blank_nodes() -> None:
    graph = open_graph()
    graph.load(b"<urn:a> <urn:p> [ <urn:q> [ <urn:r> <urn:b> ] ] . <urn:b> <urn:s> 1 .", "ttl")
    told = graph.query("DESCRIBE <urn:a>")
    assert isinstance(told, Triples)
    assert {q.predicate.value for q in ox.parse(input=told.serialize("nt"), format=ox.RdfFormat.N_TRIPLES)} == {
        "urn:p", "urn:q", "urn:r"
    }  # fmt: skip
    found = graph.query("DESCRIBE *  { ?s <urn:s> ?o }")
    assert isinstance(found, Triples)
    assert len(found) == 1
