"""The embedded store: loading whole or not at all, limits, time, and the answers as tables and texts."""

from __future__ import annotations

import gzip
import io
import threading
import time
from pathlib import Path

import pytest

from extremeearth.core.errors import (
    AccessError,
    AddressRefusedError,
    ConflictError,
    DataBrokenError,
    DataMissingError,
    InputError,
    LimitError,
    QuerySyntaxError,
    TimeoutExceededError,
    UnavailableError,
)
from extremeearth.knowledge.store import EmbeddedGraph, Solutions, Triples
from extremeearth.knowledge.store.embedded import open_graph
from extremeearth.knowledge.store.workers import Deadline, Workers

NT = b'<urn:a> <urn:p> "x" .\n<urn:b> <urn:p> <urn:a> .\n'
DOCUMENTS = {
    "nt": NT,
    "nq": b'<urn:a> <urn:p> "x" <urn:g> .\n<urn:b> <urn:p> <urn:a> .\n',
    "ttl": b'<urn:a> <urn:p> "x" . <urn:b> <urn:p> <urn:a> .',
    "trig": b'GRAPH <urn:g> { <urn:a> <urn:p> "x" } <urn:b> <urn:p> <urn:a> .',
    "rdf": b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:u="urn:">'
    b'<rdf:Description rdf:about="urn:a"><u:p>x</u:p></rdf:Description>'
    b'<rdf:Description rdf:about="urn:b"><u:p rdf:resource="urn:a"/></rdf:Description></rdf:RDF>',
    "jsonld": b'[{"@id": "urn:a", "urn:p": "x"}, {"@id": "urn:b", "urn:p": {"@id": "urn:a"}}]',
}
SLOW = "SELECT (COUNT(*) AS ?n) { ?a <urn:p> ?b . ?c <urn:p> ?d . ?e <urn:p> ?f FILTER(?b < ?d && ?d < ?f) }"


def rows(graph: EmbeddedGraph, text: str) -> list[tuple[str, ...]]:
    answer = graph.query(text)
    assert isinstance(answer, Solutions)
    return sorted(tuple(map(str, row)) for row in answer)


@pytest.fixture
def crowded() -> EmbeddedGraph:
    graph = open_graph()
    graph.load(b"".join(b"<urn:s%d> <urn:p> %d .\n" % (i, i) for i in range(300)), "ttl")
    return graph


@pytest.mark.parametrize("form", DOCUMENTS)
@pytest.mark.parametrize("packed", [False, True])
def test_every_format_is_loaded_from_a_file(form: str, packed: bool, tmp_path: Path) -> None:
    file = tmp_path / f"data.{form}{'.gz' if packed else ''}"
    file.write_bytes(gzip.compress(DOCUMENTS[form]) if packed else DOCUMENTS[form])
    graph = open_graph()
    report = graph.load(file)
    assert (report.triples, len(graph)) == (2, 2)
    assert rows(
        graph, 'SELECT ?s { { ?s <urn:p> "x" } UNION { GRAPH ?g { ?s <urn:p> "x" } } }'
    ) == [("<urn:a>",)]
    assert graph.load(file).triples == 0


def test_sources_are_files_bytes_and_streams(tmp_path: Path) -> None:
    graph = open_graph()
    assert graph.load(NT, "application/n-triples", graph="urn:g").triples == 2
    assert graph.load(io.BytesIO(gzip.compress(NT)), "nt").triples == 2
    with (tmp_path / "a.nt").open("wb+") as file:
        file.write(NT)
        file.seek(0)
        assert graph.load(file, graph="urn:h").triples == 2
        assert not file.closed
    assert sorted(graph.graphs()) == ["urn:g", "urn:h"]


@pytest.mark.parametrize("packed", [False, True])
def test_a_broken_document_leaves_nothing(packed: bool, tmp_path: Path) -> None:
    graph = open_graph(tmp_path / "store")
    graph.load(NT, "nt")
    broken = b"".join(b"<urn:%d> <urn:p> <urn:x> .\n" % i for i in range(5000)) + b"<urn:a> oops\n"
    with pytest.raises(DataBrokenError, match="line 5001"):
        graph.load(gzip.compress(broken) if packed else broken, "nt")
    assert len(graph) == 2
    with pytest.raises(DataBrokenError):
        graph.load(gzip.compress(NT * 1000)[:-20], "nt")
    assert len(graph) == 2


def test_what_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    graph = open_graph()
    with pytest.raises(DataMissingError):
        graph.load(tmp_path / "none.nt")
    with pytest.raises(InputError, match="no RDF format"):
        graph.load(NT, "shapefile")
    with pytest.raises(InputError, match="no RDF format"):
        graph.load(NT)
    with pytest.raises(DataBrokenError):
        graph.load(b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">', "rdf")


def test_a_folder_keeps_what_was_loaded_and_has_one_writer(tmp_path: Path) -> None:
    first = open_graph(tmp_path / "deep" / "store")
    first.load(NT, "nt")
    with pytest.raises(ConflictError, match="open elsewhere"):
        open_graph(tmp_path / "deep" / "store")
    first.close()
    second = open_graph(tmp_path / "deep" / "store")
    assert len(second) == 2
    second.close()
    reader = open_graph(tmp_path / "deep" / "store", read_only=True)
    assert len(reader) == 2
    with pytest.raises(AccessError):
        reader.load(NT, "nt")
    with pytest.raises(AccessError):
        reader.update("CLEAR ALL")
    with pytest.raises(DataMissingError):
        open_graph(tmp_path / "none", read_only=True)


def test_graphs_are_replaced_read_and_dropped() -> None:
    graph = open_graph()
    graph.load(NT, "nt", graph="urn:g")
    report = graph.replace_graph("urn:g", b"<urn:c> <urn:p> [ <urn:q> 1 ] .", "ttl")
    assert (report.triples, len(graph)) == (2, 2)
    assert {str(s) for s, _, _ in graph.read_graph("urn:g")} > {"<urn:c>"}
    with pytest.raises(DataBrokenError):
        graph.replace_graph("urn:g", b"<urn:c> oops", "ttl")
    assert len(graph.read_graph("urn:g")) == 2
    with pytest.raises(InputError):
        graph.replace_graph("urn:g", b"", "nq")
    graph.replace_graph("urn:empty", b"", "ttl")
    assert graph.has_graph("urn:empty")
    graph.load(NT, "nt")
    graph.replace_graph(None, b"<urn:z> <urn:p> 1 .", "ttl")
    assert len(graph.read_graph(None)) == 1
    graph.drop_graph("urn:g")
    assert not graph.has_graph("urn:g")
    graph.drop_graph(None)
    assert len(graph) == 0


def test_an_update_is_all_or_nothing() -> None:
    graph = open_graph()
    graph.update("INSERT DATA { <urn:a> <urn:p> 1 }")
    with pytest.raises((InputError, QuerySyntaxError)):
        graph.update(
            "INSERT DATA { <urn:b> <urn:p> 1 } ; CREATE GRAPH <urn:g> ; CREATE GRAPH <urn:g>"
        )
    with pytest.raises(QuerySyntaxError, match="Line 2"):
        graph.update("INSERT DATA { <urn:b> <urn:p> 1 } ;\nINSERT oops")
    assert len(graph) == 1


@pytest.mark.parametrize(
    "text",
    ["LOAD <http://127.0.0.1/>", "INSERT { ?a ?b ?c } WHERE { SERVICE <urn:x> { ?a ?b ?c } }"],
)
def test_an_update_fetches_nothing(text: str) -> None:
    with pytest.raises(AddressRefusedError):
        open_graph().update(text)


def test_a_query_fetches_nothing() -> None:
    for text in ("ASK { SERVICE <http://127.0.0.1/> { ?a ?b ?c } }",
                 "ASK { FILTER EXISTS { { SELECT * { SERVICE SILENT ?x { ?a ?b ?c } } } } }",
                 "SELECT (EXISTS { SERVICE <urn:x> {} } AS ?e) {}"):  # fmt: skip
        with pytest.raises(AddressRefusedError):
            open_graph().query(text)
    assert open_graph().query("ASK FROM <http://127.0.0.1:1/> { ?a ?b ?c }") is False


def test_protocol_graphs_replace_those_of_the_text() -> None:
    graph = open_graph()
    graph.load(NT, "nt", graph="urn:g")
    assert graph.query("ASK { <urn:a> ?p ?o }") is False
    assert graph.query("ASK { <urn:a> ?p ?o }", default_graphs=["urn:g"]) is True
    assert (
        graph.query("ASK FROM <urn:h> { GRAPH ?g { <urn:a> ?p ?o } }", named_graphs=["urn:g"])
        is True
    )
    graph.update("INSERT { <urn:n> <urn:p> ?s } WHERE { ?s ?p ?o }", default_graphs=["urn:g"])
    assert len(graph.read_graph(None)) == 2
    with pytest.raises(InputError, match="both"):
        graph.update(
            "WITH <urn:g> DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }", default_graphs=["urn:g"]
        )


def test_a_slow_query_is_given_up(crowded: EmbeddedGraph) -> None:
    started = time.monotonic()
    with pytest.raises(TimeoutExceededError, match=r"longer than 0\.2 s"):
        crowded.query(SLOW, timeout_s=0.2)
    assert time.monotonic() - started < 20
    assert crowded.query("ASK { <urn:s1> ?p ?o }") is True  # the store still answers


def test_a_long_answer_stops_at_its_limits(crowded: EmbeddedGraph) -> None:
    with pytest.raises(LimitError, match="more than 10 rows"):
        crowded.query("SELECT * { ?s ?p ?o }", row_limit=10)
    with pytest.raises(LimitError):
        crowded.query("CONSTRUCT WHERE { ?s ?p ?o }", row_limit=10)
    assert len(crowded.query("SELECT * { ?s ?p ?o } LIMIT 10", row_limit=10)) == 10  # type: ignore[arg-type]
    with pytest.raises(TimeoutExceededError):
        crowded.query("SELECT * { ?s ?p ?o . ?x ?y ?z . ?q ?r ?t }", timeout_s=0.3)


def test_giant_queries_are_refused_before_they_harm() -> None:
    with pytest.raises(LimitError, match="triple patterns"):
        open_graph().query("ASK { " + "?s ?p ?o . " * 1500 + "}")


def test_too_many_abandoned_workers_close_the_door() -> None:
    workers, stop = Workers(most_abandoned=2), threading.Event()
    for _ in range(2):
        with pytest.raises(TimeoutExceededError):
            workers.run(stop.wait, deadline=Deadline(0.05))
    with pytest.raises(UnavailableError):
        workers.run(lambda: 1, deadline=Deadline(5))
    stop.set()
    for _ in range(500):
        if workers._abandoned == 0:
            break
        time.sleep(0.01)
    assert workers.run(lambda: 1, deadline=Deadline(5)) == 1


def test_errors_of_a_worker_reach_the_caller() -> None:
    def fail() -> None:
        raise InputError("no")

    with pytest.raises(InputError, match="no"):
        Workers().run(fail, deadline=Deadline(5))


def test_unknown_functions_are_an_error() -> None:
    with pytest.raises(InputError, match="not supported"):
        open_graph().query("SELECT (<urn:f>(1) AS ?x) {}")


def test_readers_and_a_writer_side_by_side() -> None:
    graph, wrong = open_graph(), []

    def read() -> None:
        for _ in range(30):
            answer = graph.query("SELECT ?b { <urn:x> <urn:a> ?a ; <urn:b> ?b }")
            if len(answer) not in (0, 1):  # type: ignore[arg-type]
                wrong.append(answer)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for i in range(30):
        graph.update(
            f"DELETE WHERE {{ <urn:x> ?p ?o }} ; INSERT DATA {{ <urn:x> <urn:a> {i} ; <urn:b> {i} }}"
        )
    for thread in threads:
        thread.join()
    assert not wrong


def test_triples_are_written_and_unique() -> None:
    graph = open_graph()
    graph.load(NT, "nt")
    answer = graph.query("CONSTRUCT { ?s <urn:q> 1 } { ?s ?p ?o . ?x ?y ?z }")
    assert isinstance(answer, Triples)
    assert len(answer) == 2
    for form in ("nt", "ttl", "rdf", "jsonld"):
        back = open_graph()
        assert back.load(answer.serialize(form), form).triples == 2
