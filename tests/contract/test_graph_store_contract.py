"""One suite for every graph store: loading, asking, changing, graphs, limits, readers beside a writer."""

from __future__ import annotations

import gzip
import io
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from extremeearth.core.errors import (
    AddressRefusedError,
    DataBrokenError,
    DataMissingError,
    ExtremeEarthError,
    InputError,
    LimitError,
    NotFoundError,
    QuerySyntaxError,
    TimeoutExceededError,
)
from extremeearth.knowledge.store import GraphStore, Solutions, Triples
from extremeearth.knowledge.store.graph import Graph

Open = Callable[[], GraphStore]
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


@pytest.fixture(params=["memory", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GraphStore]:
    with Graph.open(None if request.param == "memory" else tmp_path / "store") as graph:
        yield graph


def rows(graph: GraphStore, text: str, **options: Any) -> list[tuple[str, ...]]:
    answer = graph.query(text, **options)
    assert isinstance(answer, Solutions)
    return sorted(tuple(map(str, row)) for row in answer)


@pytest.fixture
def crowded(store: GraphStore) -> GraphStore:
    store.load(b"".join(b"<urn:s%d> <urn:p> %d .\n" % (i, i) for i in range(300)), "ttl")
    return store


# ---------------------------------------------------------------------------------- loading


@pytest.mark.parametrize("form", DOCUMENTS)
@pytest.mark.parametrize("packed", [False, True])
def test_every_format_is_loaded_from_a_file(
    store: GraphStore, form: str, packed: bool, tmp_path: Path
) -> None:
    file = tmp_path / f"data.{form}{'.gz' if packed else ''}"
    file.write_bytes(gzip.compress(DOCUMENTS[form]) if packed else DOCUMENTS[form])
    report = store.load(file)
    assert (report.triples, len(store)) == (2, 2)
    asked = 'SELECT ?s { { ?s <urn:p> "x" } UNION { GRAPH ?g { ?s <urn:p> "x" } } }'
    assert rows(store, asked) == [("<urn:a>",)]
    assert store.load(file).triples == 0


def test_sources_are_files_bytes_and_streams(store: GraphStore, tmp_path: Path) -> None:
    assert store.load(NT, "application/n-triples", graph="urn:g").triples == 2
    assert store.load(io.BytesIO(gzip.compress(NT)), "nt").triples == 2
    with (tmp_path / "a.nt").open("wb+") as file:
        file.write(NT)
        file.seek(0)
        assert store.load(file, graph="urn:h").triples == 2
        assert not file.closed
    assert sorted(store.graphs()) == ["urn:g", "urn:h"]


@pytest.mark.parametrize("packed", [False, True])
def test_a_broken_document_leaves_nothing(store: GraphStore, packed: bool) -> None:
    store.load(NT, "nt")
    broken = b"".join(b"<urn:%d> <urn:p> <urn:x> .\n" % i for i in range(5000)) + b"<urn:a> oops\n"
    with pytest.raises(DataBrokenError, match="line 5001"):
        store.load(gzip.compress(broken) if packed else broken, "nt")
    with pytest.raises(DataBrokenError):
        store.load(gzip.compress(NT * 1000)[:-20], "nt")
    with pytest.raises(DataBrokenError):
        store.load(b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">', "rdf")
    assert len(store) == 2


def test_what_cannot_be_loaded_is_told(store: GraphStore, tmp_path: Path) -> None:
    with pytest.raises(DataMissingError):
        store.load(tmp_path / "none.nt")
    with pytest.raises(InputError, match="no RDF format"):
        store.load(NT, "shapefile")
    with pytest.raises(InputError, match="no RDF format"):
        store.load(NT)


def test_blank_nodes_of_two_loads_are_not_the_same(store: GraphStore) -> None:
    for _ in range(2):
        store.load(b"_:b <urn:p> <urn:o> .", "nt")
    assert len(rows(store, "SELECT DISTINCT ?s { ?s <urn:p> <urn:o> }")) == 2


# ----------------------------------------------------------------------------------- graphs


def test_graphs_are_replaced_read_and_dropped(store: GraphStore) -> None:
    store.load(NT, "nt", graph="urn:g")
    report = store.replace_graph("urn:g", b"<urn:c> <urn:p> [ <urn:q> 1 ] .", "ttl")
    assert (report.triples, len(store)) == (2, 2)
    assert {str(s) for s, _, _ in store.read_graph("urn:g")} > {"<urn:c>"}
    with pytest.raises(DataBrokenError):
        store.replace_graph("urn:g", b"<urn:c> oops", "ttl")
    assert len(store.read_graph("urn:g")) == 2
    with pytest.raises(InputError):
        store.replace_graph("urn:g", b"<urn:a> <urn:b> <urn:c> <urn:d> .", "nq")
    store.replace_graph("urn:empty", b"", "ttl")
    assert store.has_graph("urn:empty")
    store.load(NT, "nt")
    store.replace_graph(None, b"<urn:z> <urn:p> 1 .", "ttl")
    assert len(store.read_graph(None)) == 1
    store.drop_graph("urn:g")
    assert not store.has_graph("urn:g")
    store.drop_graph(None)
    assert len(store) == 0


def test_a_graph_that_is_not_there_is_empty(store: GraphStore) -> None:
    assert not store.has_graph("urn:none")
    assert len(store.read_graph("urn:none")) == 0
    store.drop_graph("urn:none")


# ----------------------------------------------------------------------------------- asking


def test_the_four_forms_of_a_query(store: GraphStore) -> None:
    store.load(NT, "nt")
    assert rows(store, "SELECT ?s { ?s <urn:p> <urn:a> }") == [("<urn:b>",)]
    assert store.query("ASK { <urn:a> ?p ?o }") is True
    assert store.query("ASK { <urn:z> ?p ?o }") is False
    made = store.query("CONSTRUCT { ?s <urn:q> 1 } { ?s ?p ?o . ?x ?y ?z }")
    assert isinstance(made, Triples)
    assert sorted(str(s) for s, _, _ in made) == ["<urn:a>", "<urn:b>"]
    told = store.query("DESCRIBE <urn:b>")
    assert isinstance(told, Triples)
    assert [str(o) for _, _, o in told] == ["<urn:a>"]
    some = store.query("DESCRIBE ?s { ?s <urn:p> <urn:a> }")
    assert isinstance(some, Triples)
    assert len(some) == 1


def test_a_construct_makes_fresh_blank_nodes_and_no_bad_triples(store: GraphStore) -> None:
    store.load(NT, "nt")
    made = store.query(
        "CONSTRUCT { ?s <urn:q> _:n . _:n <urn:r> ?o . ?o <urn:t> 1 } { ?s <urn:p> ?o }"
    )
    assert isinstance(made, Triples)
    assert len({str(o) for _, p, o in made if str(p) == "<urn:q>"}) == 2
    assert [str(s) for s, p, _ in made if str(p) == "<urn:t>"] == ["<urn:a>"]


def test_protocol_graphs_replace_those_of_the_text(store: GraphStore) -> None:
    store.load(NT, "nt", graph="urn:g")
    assert store.query("ASK { <urn:a> ?p ?o }") is False
    assert store.query("ASK { <urn:a> ?p ?o }", default_graphs=["urn:g"]) is True
    asked = "ASK FROM <urn:h> { GRAPH ?g { <urn:a> ?p ?o } }"
    assert store.query(asked, named_graphs=["urn:g"]) is True
    assert store.query("ASK FROM <urn:g> { <urn:a> ?p ?o }") is True
    assert store.query("ASK FROM <http://127.0.0.1:1/> { ?a ?b ?c }") is False
    store.update("INSERT { <urn:n> <urn:p> ?s } WHERE { ?s ?p ?o }", default_graphs=["urn:g"])
    assert len(store.read_graph(None)) == 2
    with pytest.raises(InputError, match="both"):
        store.update(
            "WITH <urn:g> DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }", default_graphs=["urn:g"]
        )


def test_relative_iris_are_resolved(store: GraphStore) -> None:
    store.update("INSERT DATA { <a> <p> 1 }", base="http://e.org/")
    assert store.query("ASK { <http://e.org/a> <p> 1 }", base="http://e.org/") is True


def test_a_slow_query_is_stopped(crowded: GraphStore) -> None:
    started = time.monotonic()
    with pytest.raises(TimeoutExceededError, match=r"longer than 0\.2 s"):
        crowded.query(SLOW, timeout_s=0.2)
    assert time.monotonic() - started < 20
    assert crowded.query("ASK { <urn:s1> ?p ?o }") is True  # the store still answers


def test_a_long_answer_stops_at_its_limit(crowded: GraphStore) -> None:
    with pytest.raises(LimitError, match="more than 10 rows"):
        crowded.query("SELECT * { ?s ?p ?o }", row_limit=10)
    with pytest.raises(LimitError):
        crowded.query("CONSTRUCT WHERE { ?s ?p ?o }", row_limit=10)
    assert len(rows(crowded, "SELECT * { ?s ?p ?o } LIMIT 10", row_limit=10)) == 10
    assert len(rows(crowded, "SELECT * { ?s ?p ?o }", row_limit=300)) == 300


def test_giant_and_wrong_queries_are_refused(store: GraphStore) -> None:
    with pytest.raises(LimitError, match="triple patterns"):
        store.query("ASK { " + "?s ?p ?o . " * 1500 + "}")
    with pytest.raises(QuerySyntaxError, match="Line 2, column 5") as caught:
        store.query("ASK {\n ?s }")
    assert (caught.value.line, caught.value.column) == (2, 5)
    with pytest.raises(InputError):
        store.query("SELECT * { ?s ?p ?o } ORDER BY")


@pytest.mark.parametrize(
    "text",
    ["ASK { SERVICE <http://127.0.0.1/> { ?a ?b ?c } }",
     "ASK { FILTER EXISTS { { SELECT * { SERVICE SILENT <urn:x> { ?a ?b ?c } } } } }"],
)  # fmt: skip
def test_a_query_fetches_nothing(store: GraphStore, text: str) -> None:
    if "SILENT" in text:
        try:
            store.query(text)
        except AddressRefusedError:
            return
    else:
        with pytest.raises(AddressRefusedError):
            store.query(text)


# --------------------------------------------------------------------------------- changing


def test_an_update_is_all_or_nothing(store: GraphStore) -> None:
    store.update("INSERT DATA { <urn:a> <urn:p> 1 }")
    with pytest.raises(ExtremeEarthError):
        store.update(
            "INSERT DATA { <urn:b> <urn:p> 1 } ; CREATE GRAPH <urn:g> ; CREATE GRAPH <urn:g>"
        )
    with pytest.raises(QuerySyntaxError, match="Line 2"):
        store.update("INSERT DATA { <urn:b> <urn:p> 1 } ;\nINSERT oops")
    assert len(store) == 1


def test_later_operations_see_earlier_ones(store: GraphStore) -> None:
    store.update(
        "INSERT DATA { <urn:a> <urn:p> 1 } ; INSERT { ?s <urn:q> ?o } WHERE { ?s <urn:p> ?o } ; "
        "DELETE { ?s <urn:p> ?o } INSERT { ?s <urn:p> 2 } WHERE { ?s <urn:q> ?o ; <urn:p> ?o }"
    )
    assert rows(store, "SELECT ?p ?o { <urn:a> ?p ?o }") == [
        ("<urn:p>", '"2"^^<http://www.w3.org/2001/XMLSchema#integer>'),
        ("<urn:q>", '"1"^^<http://www.w3.org/2001/XMLSchema#integer>'),
    ]


def test_templates_make_fresh_blank_nodes_and_drop_what_is_no_rdf(store: GraphStore) -> None:
    store.load(NT, "nt")
    store.update(
        "INSERT { ?s <urn:q> _:n . ?o <urn:t> ?s . ?s ?o 1 . ?s <urn:u> ?none } WHERE { ?s <urn:p> ?o }"
    )
    assert len(rows(store, "SELECT DISTINCT ?n { ?s <urn:q> ?n }")) == 2
    assert rows(store, "SELECT ?s { ?s <urn:t> ?o }") == [("<urn:a>",)]
    assert rows(store, "SELECT ?s { ?s <urn:a> 1 }") == [("<urn:b>",)]
    assert rows(store, "SELECT ?s { ?s <urn:u> ?o }") == []


def test_computed_terms_are_stored(store: GraphStore) -> None:
    store.load(NT, "nt")
    store.update(
        'INSERT { ?s <urn:n> ?t } WHERE { ?s <urn:p> ?o BIND(CONCAT(STR(?s), "!") AS ?t) }'
    )
    assert rows(store, "SELECT ?t { ?s <urn:n> ?t }") == [('"urn:a!"',), ('"urn:b!"',)]


def test_graphs_are_cleared_copied_moved_and_added(store: GraphStore) -> None:
    store.load(NT, "nt", graph="urn:g")
    store.update("COPY <urn:g> TO DEFAULT")
    assert len(store.read_graph(None)) == 2
    store.update("INSERT DATA { <urn:c> <urn:p> 1 } ; ADD DEFAULT TO <urn:h>")
    assert len(store.read_graph("urn:h")) == 3
    store.update("MOVE <urn:h> TO <urn:g>")
    assert (len(store.read_graph("urn:h")), len(store.read_graph("urn:g"))) == (0, 3)
    store.update("COPY <urn:g> TO <urn:g>")
    assert len(store.read_graph("urn:g")) == 3
    store.update("CLEAR DEFAULT")
    assert len(store) == 3
    store.update("DELETE WHERE { GRAPH <urn:g> { <urn:c> ?p ?o } }")
    assert len(store) == 2
    store.update("COPY SILENT <urn:nowhere> TO <urn:g>")
    store.update("DROP ALL")
    assert len(store) == 0


def test_with_and_using_choose_graphs(store: GraphStore) -> None:
    store.load(NT, "nt", graph="urn:g")
    store.update("WITH <urn:g> INSERT { ?s <urn:q> 1 } WHERE { ?s <urn:p> <urn:a> }")
    assert len(store.read_graph("urn:g")) == 3
    store.update("INSERT { ?s <urn:r> 2 } USING <urn:g> WHERE { ?s <urn:q> 1 }")
    assert rows(store, "SELECT ?s { ?s <urn:r> 2 }") == [("<urn:b>",)]
    store.update(
        "WITH <urn:g> DELETE { ?s ?p ?o } INSERT { GRAPH <urn:h> { ?s ?p ?o } } "
        "WHERE { GRAPH ?g { ?s ?p ?o } }"
    )
    assert (len(store.read_graph("urn:g")), len(store.read_graph("urn:h"))) == (0, 3)


@pytest.mark.parametrize("text", ["LOAD <http://127.0.0.1/>"])
def test_an_update_fetches_nothing(store: GraphStore, text: str) -> None:
    with pytest.raises(AddressRefusedError):
        store.update(text)


def test_readers_and_a_writer_side_by_side(store: GraphStore) -> None:
    wrong: list[object] = []

    def read() -> None:
        try:
            for _ in range(20):
                found = rows(store, "SELECT ?a ?b { <urn:x> <urn:a> ?a ; <urn:b> ?b }")
                if len(found) not in (0, 1) or any(a != b for a, b in found):
                    wrong.append(found)
        except ExtremeEarthError as err:
            wrong.append(err)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for i in range(20):
        store.update(
            f"DELETE WHERE {{ <urn:x> ?p ?o }} ; INSERT DATA {{ <urn:x> <urn:a> {i} ; <urn:b> {i} }}"
        )
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_version_that_is_not_there_is_told(store: GraphStore) -> None:
    with pytest.raises(NotFoundError):
        store.find_version(version=10_000)
    with pytest.raises(NotFoundError):
        store.query("ASK {}", version=10_000)
