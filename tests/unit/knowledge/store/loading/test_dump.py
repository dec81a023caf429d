"""What is written from a store and loaded into another is the same."""

from __future__ import annotations

import gzip
import io

import pyarrow as pa
import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.core.errors import InputError, NotFoundError
from extremeearth.knowledge.store.loading import dump, load_documents, write_nquads
from extremeearth.knowledge.store.storage import open_storage

DATA = b"""<urn:a> <urn:p> "a \\"b\\" \\\\ \\n \\r \\t \xc3\xa9"@en <urn:g> .
<urn:a> <urn:p> "1"^^<http://www.w3.org/2001/XMLSchema#integer> .
<urn:a> <urn:p> _:b <urn:g> .
_:b <urn:p> "x" .
<urn:a> <urn:q> <urn:b> _:h .
"""


def filled(data=DATA):
    storage = open_storage(None)
    load_documents(storage, [data], format="nq")
    return storage


@pytest.mark.parametrize("ending", ["nq", "nq.gz", "nq.zst", "trig", "jsonld"])
def test_a_dump_is_loaded_back(stored, tmp_path, ending):
    storage = filled()
    path = tmp_path / f"d.{ending}"
    assert dump(storage.snapshot(), path) == 5
    other = open_storage(None)
    load_documents(other, [path])
    assert stored(other) == stored(storage)


@pytest.mark.parametrize("format", ["nt", "ttl", "rdf", "nq", "trig", "jsonld"])
def test_one_graph_is_dumped(parsed, format):
    out = io.BytesIO()
    storage = filled()
    assert dump(storage.snapshot(), out, format=format, graphs=["urn:g"]) == 2
    media = {"nt": ox.RdfFormat.N_TRIPLES, "ttl": ox.RdfFormat.TURTLE, "rdf": ox.RdfFormat.RDF_XML,
             "nq": ox.RdfFormat.N_QUADS, "trig": ox.RdfFormat.TRIG, "jsonld": ox.RdfFormat.JSON_LD}[format]  # fmt: skip
    found = parsed(out.getvalue(), media)
    assert {str(quad.subject) for quad in found} == {"<urn:a>"}
    assert len(found) == 2
    graphs = {str(quad.graph_name) for quad in found}
    assert graphs == ({"<urn:g>"} if format in {"nq", "trig", "jsonld"} else {"DEFAULT"})


def test_the_default_graph_alone_is_dumped():
    out = io.BytesIO()
    assert dump(filled().snapshot(), out, format="nt", graphs=[None]) == 2
    assert out.getvalue().count(b" .\n") == 2


def test_graphs_are_not_lost_silently(tmp_path):
    snapshot = filled().snapshot()
    with pytest.raises(InputError, match="has no graphs"):
        dump(snapshot, tmp_path / "d.ttl")
    with pytest.raises(InputError, match="has no graphs"):
        dump(snapshot, tmp_path / "d.nt", graphs=[None, "urn:g"])
    with pytest.raises(NotFoundError, match="no graph <urn:none>"):
        dump(snapshot, tmp_path / "d.nq", graphs=["urn:none"])
    assert not list(tmp_path.iterdir())


def test_an_empty_store_gives_an_empty_document(tmp_path):
    path = tmp_path / "d.nq.gz"
    assert dump(open_storage(None).snapshot(), path) == 0
    assert gzip.decompress(path.read_bytes()) == b""


def test_the_pieces_of_a_dump_change_nothing(monkeypatch, stored):
    storage = filled()
    whole = stored(storage)
    monkeypatch.setattr("extremeearth.knowledge.store.loading.dumping.ROWS", 2)
    assert stored(storage) == whole


texts = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\\n\r\t'), max_size=8)
nodes = st.sampled_from([ox.NamedNode("urn:a"), ox.NamedNode("http://é/ü#x"), ox.BlankNode("b")])
objects = (
    nodes
    | st.builds(ox.Literal, texts)
    | st.builds(lambda text: ox.Literal(text, language="de-at"), texts)
    | st.builds(lambda text: ox.Literal(text, datatype=ox.NamedNode("urn:t")), texts)
)
quads = st.builds(
    ox.Quad, nodes, st.just(ox.NamedNode("urn:p")), objects, nodes | st.just(ox.DefaultGraph())
)


@given(st.lists(quads, max_size=12))
@settings(max_examples=60, deadline=None)
def test_any_statements_are_loaded_and_dumped_as_they_are(given_quads):
    storage = filled(ox.serialize(given_quads, format=ox.RdfFormat.N_QUADS))
    out = io.BytesIO()
    write_nquads(storage.snapshot(), out)
    found = ox.Dataset(ox.parse(out.getvalue(), format=ox.RdfFormat.N_QUADS))
    expected = ox.Dataset(given_quads)
    for dataset in (found, expected):
        dataset.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
    assert found == expected


def test_a_written_column_is_arrow_text():
    out = io.BytesIO()
    storage = filled()
    assert write_nquads(storage.snapshot(), out, named=False) == 5
    assert pa.array([out.getvalue().decode()])[0].as_py().count("<urn:g>") == 0
