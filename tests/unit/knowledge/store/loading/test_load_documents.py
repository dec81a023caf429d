"""Loading: every format and packing, all or nothing, and a report with the places of what is wrong."""

from __future__ import annotations

import gzip
import io
import os
import threading

import pyarrow as pa
import pyoxigraph as ox
import pytest

from extremeearth.core.errors import CancelledError, DataBrokenError, DataMissingError, InputError
from extremeearth.core.progress import CancelToken, EventProgress
from extremeearth.knowledge.rdf import GEO
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.loading import (
    ProblemList,
    insert_statements,
    load_documents,
    read_statements,
)
from extremeearth.knowledge.store.storage import open_storage

TURTLE = b"""@prefix e: <urn:e:> .
e:a e:p 1, 2.5, true, "x"@en, <rel> ;
    e:q [ e:r ( 1 _:b ) ] .
_:b e:p _:b .
"""
TRIG = TURTLE + b"e:g { e:a e:p e:b . _:b e:p 5 } _:h { e:a e:p e:c }\n"
XML = b"""<?xml version="1.0"?>
<!DOCTYPE rdf:RDF [<!ENTITY e "urn:e:">]>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="urn:e:">
  <rdf:Description rdf:about="&e;a"><e:p>x &amp; y</e:p><e:q rdf:resource="rel"/><e:r rdf:nodeID="b"/></rdf:Description>
</rdf:RDF>
"""
JSON = b"""{"@context": {"p": "urn:e:p"}, "@id": "urn:e:a", "p": [1, {"@value": "x", "@language": "en"}],
 "urn:e:q": {"@list": [{"@id": "rel"}, {"@id": "_:b"}]}}"""
NQUADS = b'<urn:a> <urn:p> "x" .\n<urn:a> <urn:p> _:b <urn:g> .\n_:b <urn:p> _:b _:h .\n'
NTRIPLES = b'<urn:a> <urn:p> "x" .\n<urn:a> <urn:p> _:b .\n_:b <urn:p> _:b .\n'

DOCUMENTS = {"ttl": TURTLE, "trig": TRIG, "rdf": XML, "jsonld": JSON, "nq": NQUADS, "nt": NTRIPLES}
FORMATS = {
    "ttl": ox.RdfFormat.TURTLE, "trig": ox.RdfFormat.TRIG, "rdf": ox.RdfFormat.RDF_XML,
    "jsonld": ox.RdfFormat.JSON_LD, "nq": ox.RdfFormat.N_QUADS, "nt": ox.RdfFormat.N_TRIPLES,
}  # fmt: skip


def zstd(data):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as out:
        out.write(data)
    return sink.getvalue().to_pybytes()


PACKINGS = {"": bytes, ".gz": gzip.compress, ".zst": zstd}


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("ending", DOCUMENTS)
def test_every_format_is_loaded_from_every_packing(stored, parsed, tmp_path, ending, packing):
    storage = open_storage(None)
    path = tmp_path / f"d.{ending}{packing}"
    path.write_bytes(PACKINGS[packing](DOCUMENTS[ending]))
    report = load_documents(storage, [path])
    expected = parsed(DOCUMENTS[ending], FORMATS[ending], base_iri=path.as_uri())
    assert stored(storage) == expected
    assert report.triples == report.statements == len(expected)
    assert report.format == FORMATS[ending].media_type


@pytest.mark.parametrize("ending", DOCUMENTS)
def test_bytes_streams_and_pipes_are_loaded_too(storage, stored, parsed, tmp_path, ending):
    expected = parsed(DOCUMENTS[ending], FORMATS[ending], base_iri="http://base/")
    options = {"format": FORMATS[ending].media_type, "base": "http://base/"}
    load_documents(storage, [DOCUMENTS[ending]], **options)
    assert stored(storage) == expected

    behind = io.BytesIO(b"skipped" + DOCUMENTS[ending])
    behind.seek(7)
    other = open_storage(None)
    load_documents(other, [behind], **options)
    assert stored(other) == expected

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(DOCUMENTS[ending]))
    writer.start()
    third = open_storage(None)
    load_documents(third, [pipe], **options)
    writer.join()
    assert stored(third) == expected


def test_triples_go_to_the_graph_that_is_named_and_quads_to_their_own(storage, stored):
    load_documents(
        storage,
        [
            b"<urn:a> <urn:p> <urn:b> .",
        ],
        format="nt",
        graph="urn:to",
    )
    load_documents(storage, [NQUADS], format="nq", graph="urn:to")
    graphs = {str(quad.graph_name) for quad in stored(storage) if quad.graph_name != ox.BlankNode}
    assert {"<urn:to>", "<urn:g>"} <= graphs
    assert "DEFAULT" not in graphs


def test_what_is_there_already_is_read_but_not_new(storage):
    text = b"<urn:a> <urn:p> <urn:b> .\n<urn:a> <urn:p> <urn:b> .\n"
    first = load_documents(storage, [text], format="nt")
    assert (first.triples, first.statements) == (1, 2)
    again = load_documents(storage, [text], format="nt")
    assert (again.triples, again.statements) == (0, 2)


def test_blank_nodes_of_two_documents_and_of_two_loads_never_meet(storage, tmp_path):
    text = b"_:b <urn:p> <urn:o> .\n"
    for ending in ("a.nt", "b.nt"):
        (tmp_path / ending).write_bytes(text)
    load_documents(storage, [tmp_path / "a.nt", tmp_path / "b.nt"])
    load_documents(storage, [text], format="ttl")
    assert len(storage.snapshot()) == 3


def test_blank_nodes_of_one_document_are_the_same_in_all_blocks_and_forms():
    text = b"_:b <urn:p> <urn:o> .\n_:b\t<urn:p> <urn:q> .\n" * 50
    labels = set()
    for batch in read_statements(text, "nt", block_bytes=64):
        blank = batch.terms.types == types.BLANK
        labels |= set(batch.terms.values.filter(pa.array(blank)).to_pylist())
    assert len(labels) == 1


def test_statements_are_inserted_within_a_transaction_of_somebody_else(storage):
    def change(writing):
        return insert_statements(writing, read_statements(NQUADS, "nq"), graph="urn:to")

    assert storage.transact(change) == 3
    assert len(storage.snapshot()) == 3


# --------------------------------------------------------------------------------------- what is wrong

BROKEN = {
    "nt": (b"<urn:a> <urn:p> <urn:b> .\n\n<urn:a> <urn:p> bad .\n", 3),
    "nq": (b"<urn:a> <urn:p> <urn:b> .\n<urn:a> <urn:p> <urn:b> <urn:g> <urn:h> .\n", 2),
    "ttl": (b"@prefix e: <urn:e:> .\ne:a e:b e:c .\n\ne:a e:b f:c .\n", 4),
    "trig": (b"@prefix e: <urn:e:> .\ne:g {\n e:a e:b e:c .\n e:a e:b <d e> }\n", 4),
    "rdf": (XML.replace(b'rdf:resource="rel"', b'\nrdf:resource="a b"'), 5),
    "jsonld": (b'[{"@id": "urn:a", "urn:p": 1},\n {"@id": "urn:b", "urn:p": }]', 2),
}  # fmt: skip


@pytest.mark.parametrize("ending", BROKEN)
def test_a_broken_document_is_an_error_with_file_and_line_and_changes_nothing(
    storage, tmp_path, ending
):
    text, line = BROKEN[ending]
    good, broken = tmp_path / "good.nt", tmp_path / f"broken.{ending}"
    good.write_bytes(NTRIPLES)
    broken.write_bytes(text)
    with pytest.raises(DataBrokenError, match=rf"broken\.{ending}, line {line}: "):
        load_documents(storage, [good, broken])
    assert len(storage.snapshot()) == 0
    assert len(storage.snapshot().terms) == 0


@pytest.mark.parametrize("ending", ["ttl", "trig", "rdf", "jsonld"])
def test_an_error_tells_how_far_the_reading_came(storage, ending):
    text, _ = BROKEN[ending]
    with pytest.raises(DataBrokenError, match=r"1 statements were read before it"):
        load_documents(storage, [text], format=ending)


def test_broken_lines_are_skipped_and_counted_with_their_places(storage, stored, tmp_path):
    path = tmp_path / "some.nt"
    path.write_bytes(NTRIPLES + b"bad\n" * 30 + b'<urn:a> <urn:p> "\xff" .\n' + NTRIPLES)
    report = load_documents(storage, [path], skip_bad=True)
    assert (report.triples, report.statements, report.skipped) == (3, 6, 31)
    assert len(report.examples) == 20
    assert str(report.examples[0]).startswith(f"{path}, line 4: ")
    assert report.examples[1].line == 5


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        ("ttl", b'<urn:a> <urn:p> <a b>, "x"@toolonglanguage, "kept" . <urn:a> <urn:p> <urn:c\\u003E> .'),
        ("ttl", b'<urn:a> <urn:p> <a b>, <{}>, "kept" . <urn:a> <urn:p> <x:a\\u003E%20.%0A\\u003Curn:g> .'),
        ("trig", b'<urn:g> {<urn:a> <urn:p> <a b>, <c d>, "kept"} <urn:h> {<urn:a> <urn:p> <e f>}'),
        ("rdf", XML.split(b"<rdf:Desc")[0].replace(b"&", b"") + b"""
           <rdf:Description rdf:about="urn:a"><e:p>kept</e:p><e:p rdf:resource="urn:a b"/>
           <e:p rdf:datatype="urn:c d">x</e:p><e:p rdf:resource="urn:e&lt;f"/></rdf:Description></rdf:RDF>"""),
    ],
)  # fmt: skip
def test_statements_with_broken_terms_are_skipped_in_other_formats(storage, stored, ending, text):
    report = load_documents(storage, [text], format=ending, skip_bad=True, base="http://base/")
    assert (report.triples, report.skipped) == (1, 3)
    assert [quad.object.value for quad in stored(storage)] == ["kept"]
    if ending == "trig":
        assert [str(quad.graph_name) for quad in stored(storage)] == ["<urn:g>"]


@pytest.mark.parametrize("ending", ["ttl", "trig", "rdf", "jsonld"])
def test_broken_syntax_cannot_be_skipped_where_the_next_statement_would_be_a_guess(storage, ending):
    text = {
        "ttl": b"<urn:a> <urn:p> <urn:b> . <urn:a> <urn:p> bad . <urn:c> <urn:d> <urn:e> .",
        "trig": b"<urn:g> { <urn:a> <urn:p> bad . <urn:a> <urn:p> <urn:b> }",
        "rdf": XML.replace(b"</e:p>", b"</e:q>"),
        "jsonld": BROKEN["jsonld"][0],
    }[ending]
    with pytest.raises(DataBrokenError, match=r"Only N-Triples and N-Quads|JSON|line"):
        load_documents(storage, [text], format=ending, skip_bad=True)
    assert len(storage.snapshot()) == 0


@pytest.mark.parametrize("packing", [".gz", ".zst"])
@pytest.mark.parametrize("ending", DOCUMENTS)
@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_cut_archive_is_an_error(storage, tmp_path, packing, ending, skip_bad):
    whole = PACKINGS[packing](DOCUMENTS[ending] + os.urandom(5000).hex().join("#\n").encode())
    path = tmp_path / f"cut.{ending}{packing}"
    path.write_bytes(whole[:-2000])
    with pytest.raises(DataBrokenError, match=r"ends in the middle|not well-formed|line"):
        load_documents(storage, [path], skip_bad=skip_bad)
    path.write_bytes(PACKINGS[packing](DOCUMENTS[ending])[:-3])
    with pytest.raises(DataBrokenError, match="ends in the middle"):
        load_documents(storage, [path], skip_bad=skip_bad)
    assert len(storage.snapshot()) == 0


def test_a_cut_xml_document_is_an_error(storage):
    with pytest.raises(DataBrokenError, match=r"line 5: The XML is not well-formed"):
        load_documents(storage, [XML.rsplit(b"</rdf:RDF>")[0]], format="rdf", base="http://b/")


@pytest.mark.parametrize(
    "entity",
    [
        b'<!ENTITY a "b"><!ENTITY c "&a;&a;">',
        b'<!ENTITY a SYSTEM "file:///etc/hostname">',
        b'<!ENTITY % a SYSTEM "http://127.0.0.1/x"> %a;',
        b'<!ENTITY a "' + b"b" * 5000 + b'">',
        b"".join(b'<!ENTITY a%d "b">' % i for i in range(1001)),
    ],
)
def test_entities_that_can_do_harm_are_refused(storage, entity):
    text = XML.replace(b'<!ENTITY e "urn:e:">', b'<!ENTITY e "urn:e:">' + entity)
    with pytest.raises(DataBrokenError, match="entity"):
        load_documents(storage, [text], format="rdf")


def test_a_context_elsewhere_is_not_fetched(storage):
    text = b'{"@context": "http://127.0.0.1:9/c", "@id": "urn:a", "p": 1}'
    with pytest.raises(DataBrokenError, match="nothing is fetched"):
        load_documents(storage, [text], format="jsonld")


@pytest.mark.parametrize("text", [
    b"<urn:a> <urn:p> <<( <urn:a> <urn:p> <urn:b> )>> .",
    b'VERSION "1.2" <urn:a> <urn:p> "x"@en--ltr .',
])  # fmt: skip
def test_what_rdf_11_does_not_know_is_refused(storage, text):
    with pytest.raises(DataBrokenError, match=r"RDF 1\.1"):
        load_documents(storage, [text], format="ttl")


def test_a_missing_file_an_unknown_format_and_a_bad_graph_are_told(storage, tmp_path):
    with pytest.raises(DataMissingError, match=r"no file .*none\.nt"):
        load_documents(storage, [tmp_path / "none.nt"])
    (tmp_path / "a.doc").write_bytes(b"x")
    with pytest.raises(InputError, match="no RDF format"):
        load_documents(storage, [tmp_path / "a.doc"])
    with pytest.raises(InputError, match="not an absolute IRI"):
        load_documents(storage, [NTRIPLES], format="nt", graph="g")
    with pytest.raises(InputError, match="nothing to load"):
        load_documents(storage, [])
    with pytest.raises(DataBrokenError):
        load_documents(storage, [tmp_path], format="nt")


# --------------------------------------------------------------------------------------- geometry

WKT = f"^^<{GEO}wktLiteral>"
BAD_SHAPES = f"""<urn:a> <urn:p> "POINT (1 2)"{WKT} .
<urn:a> <urn:p> "POINT (1 two)"{WKT} .
<urn:b> <urn:p> "<http://www.opengis.net/def/crs/EPSG/0/999999> POINT (1 2)"{WKT} .
<urn:c> <urn:p> "POINT (1 two)"{WKT} .
""".encode()


def test_a_geometry_that_cannot_be_read_is_an_error_with_its_line(storage, tmp_path):
    path = tmp_path / "shapes.nt"
    path.write_bytes(BAD_SHAPES)
    with pytest.raises(DataBrokenError, match=r"shapes\.nt, line 2: "):
        load_documents(storage, [path])
    assert len(storage.snapshot()) == 0


def test_a_geometry_that_cannot_be_read_stays_as_a_literal_and_is_counted(storage, tmp_path):
    path = tmp_path / "shapes.nt"
    path.write_bytes(BAD_SHAPES)
    report = load_documents(storage, [path], skip_bad=True)
    assert (report.triples, report.skipped, report.geometry_problems) == (4, 0, 2)
    assert [problem.line for problem in report.geometry_examples] == [2, 3]
    assert len(storage.snapshot().geometries) == 1


@pytest.mark.parametrize("ending", ["ttl", "rdf"])
def test_the_line_of_a_geometry_is_found_where_the_parser_does_not_tell_it(
    storage, tmp_path, ending
):
    path = tmp_path / f"shapes.{ending}"
    if ending == "ttl":
        path.write_bytes(b"# shapes\n\n" + BAD_SHAPES)
    else:
        shape = f'\n<e:p rdf:datatype="{GEO}wktLiteral">POINT (1 two)</e:p>'.encode()
        path.write_bytes(XML.replace(b"</rdf:Description>", shape + b"</rdf:Description>"))
    line = {"ttl": 4, "rdf": 5}[ending]
    with pytest.raises(DataBrokenError, match=rf"shapes\.{ending}, line {line}: "):
        load_documents(storage, [path])


# --------------------------------------------------------------------------------------- progress


def test_progress_counts_the_bytes_of_the_files(storage, tmp_path):
    path = tmp_path / "a.nt.gz"
    path.write_bytes(gzip.compress(NTRIPLES * 1000))
    events = []
    load_documents(storage, [path, NTRIPLES], format="nt", progress=EventProgress(events.append))
    size = path.stat().st_size + len(NTRIPLES)
    assert events[0].total == size
    assert events[-1].finished
    assert events[-1].done == size


def test_a_load_can_be_cancelled_and_leaves_nothing(storage):
    token = CancelToken()

    def listen(event):
        if event.done:
            token.cancel()

    with pytest.raises(CancelledError):
        load_documents(
            storage, [NTRIPLES] * 3, format="nt", progress=EventProgress(listen, token=token)
        )
    assert len(storage.snapshot()) == 0
    assert not [thread for thread in threading.enumerate() if thread.name == "reading"]


def test_a_load_runs_again_where_another_writer_was_first():
    """The change is called twice, as where a commit meets a conflict; a stream is read from its beginning again."""

    class Twice:
        def __init__(self, storage):
            self.storage = storage

        def transact(self, change, *, note=None):
            def both(writing):
                change(writing)
                return change(writing)

            return self.storage.transact(both, note=note)

    class Once(io.BytesIO):
        def seekable(self):
            return False

        def seek(self, *_):
            raise OSError("no")

    for source in (NTRIPLES, io.BytesIO(NTRIPLES), Once(NTRIPLES)):
        storage = open_storage(None)
        report = load_documents(Twice(storage), [source], format="nt")
        assert report.statements == 3


def test_problems_are_counted_beyond_the_examples():
    problems = ProblemList(skip_bad=True)
    for line in range(50):
        problems.add("d", line, "It is bad.")
    assert (problems.count, len(problems.examples)) == (50, 20)
