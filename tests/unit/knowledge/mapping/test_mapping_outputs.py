"""Where statements go, and what is left when something goes wrong."""

from __future__ import annotations

import gc
import gzip
import io
import os
import re
import resource
from contextlib import contextmanager

import pyarrow as pa
import pyoxigraph as ox
import pytest

from extremeearth.core.errors import DataBrokenError, InputError, MappingError, StorageError
from extremeearth.infrastructure.engine import LocalEngine
from extremeearth.knowledge.mapping import Parts, map_to_rdf
from extremeearth.knowledge.mapping.running import turtle_lines
from extremeearth.knowledge.mapping.running.outputs import open_target

MAPPING = """@prefix rml: <http://w3id.org/rml/> . @prefix geo: <http://www.opengis.net/ont/geosparql#> .
@prefix ee: <https://w3id.org/extremeearth/def/function#> .
<urn:m> rml:logicalSource [ rml:source [ rml:path "t" ] ] ;
    rml:subjectMap [ rml:template "http://example.org/{id}" ; rml:class geo:Feature ] ;
    rml:predicateObjectMap [ rml:predicate <urn:name> ; rml:objectMap [ rml:reference "name" ] ] ;
    rml:predicateObjectMap [ rml:predicate <urn:next> ; rml:objectMap [ rml:parentTriplesMap <urn:n> ;
        rml:joinCondition [ rml:child "name" ; rml:parent "name" ] ] ] .
<urn:n> rml:logicalSource [ rml:source [ rml:path "t" ] ] ;
    rml:subjectMap [ rml:template "http://example.org/n/{name}" ] ;
    rml:predicateObjectMap [ rml:predicate <urn:note> ; rml:objectMap [ rml:termType rml:BlankNode ] ] ."""


@pytest.fixture
def table():
    names = [f'na"me {n % 7}\n' for n in range(500)]
    return pa.table({"id": range(500), "name": names})


def triples(data, form=ox.RdfFormat.N_TRIPLES):
    return {q.triple for q in ox.parse(data, format=form)}


@pytest.fixture
def expected(table):
    out = io.BytesIO()
    map_to_rdf(MAPPING, sources={"t": table}, target=out)
    return triples(out.getvalue())


@pytest.mark.parametrize(
    "name", ["a.nt", "a.nq", "a.nt.gz", "a.nt.zst", "a.ttl", "a.ttl.gz", "a.ttl.zst"]
)
def test_every_form_holds_the_same(tmp_path, table, expected, name, monkeypatch):
    monkeypatch.setattr(turtle_lines, "TURTLE_BYTES", 5_000)
    path = tmp_path / name
    map_to_rdf(MAPPING, sources={"t": table}, target=path)
    data = path.read_bytes()
    if name.endswith(".gz"):
        data = gzip.decompress(data)
    elif name.endswith(".zst"):
        data = pa.CompressedInputStream(pa.BufferReader(data), "zstd").read()
    form = ox.RdfFormat.TURTLE if ".ttl" in name else ox.RdfFormat.N_QUADS
    assert triples(data, form) == expected
    if ".ttl" in name:
        assert data.count(b"@prefix geo:") == 1
        assert b"a geo:Feature" in data or b"rdf:type geo:Feature" in data


def test_turtle_has_the_prefixes_of_the_mapping_and_only_those_it_needs(tmp_path, monkeypatch):
    monkeypatch.setattr(turtle_lines, "TURTLE_BYTES", 200)
    mapping = """@prefix rml: <http://w3id.org/rml/> . @prefix no: <urn:no#> . @prefix : <urn:own#> .
        @prefix g: <http://www.opengis.net/ont/geosparql#> .
        <urn:m> rml:logicalSource [ rml:source "t" ] ; rml:subjectMap [ rml:template "urn:own#{id}" ] ;
            rml:predicateObjectMap [ rml:predicate <urn:p> ; rml:objectMap [ rml:reference "name" ] ] ;
            rml:predicateObjectMap [ rml:predicate g:asWKT ; rml:objectMap [ rml:reference "late" ] ] ."""
    table = pa.table(
        {"id": list("abcdefgh"), "name": ["a skos<geo:> 1:2"] * 8, "late": [None] * 7 + ["x"]}
    )
    map_to_rdf(mapping, sources={"t": table}, target=tmp_path / "a.ttl", batch_rows=2)
    turtle = (tmp_path / "a.ttl").read_text()
    declared = re.findall(r"@prefix (\S*): <(.*)> \.", turtle)
    assert ("", "urn:own#") in declared
    assert ("g", "http://www.opengis.net/ont/geosparql#") in declared
    assert not {"geo", "skos", "xsd", "rml", "no"} & {name for name, _ in declared}
    assert len(set(declared)) == len(declared)
    assert turtle.index("@prefix g:") > turtle.index(":a <urn:p>"), "where it is needed first"
    assert len(triples(turtle.encode(), ox.RdfFormat.TURTLE)) == 9


def test_parts_hold_the_same_and_appear_together(tmp_path, table, expected):
    parts = Parts(folder=tmp_path / "out", form=".nt.gz", part_bytes=20_000)
    map_to_rdf(MAPPING, sources={"t": table}, target=parts, batch_rows=50)
    files = sorted(parts.folder.iterdir())
    assert len(files) > 2
    assert files[0].name == "part-00000.nt.gz"
    found = set().union(*(triples(gzip.decompress(f.read_bytes())) for f in files))
    assert found == expected
    with pytest.raises(InputError, match="already"):
        map_to_rdf(MAPPING, sources={"t": table}, target=parts)


@pytest.mark.parametrize("target", ["a.nt", "a.ttl", "parts"])
def test_nothing_is_left_of_a_run_that_fails(tmp_path, target):
    place = Parts(folder=tmp_path / "parts") if target == "parts" else tmp_path / target
    mapping = MAPPING.replace('"name" ] ]', '"name" ; rml:termType rml:IRI ] ]', 1)
    table = pa.table({"id": ["1", "2"], "name": ["a", "b c"]})
    with pytest.raises(DataBrokenError):
        map_to_rdf(mapping, sources={"t": table}, target=place, batch_rows=1)
    assert list(tmp_path.iterdir()) == []


@contextmanager
def small_files(size):
    """Let no file grow beyond a size, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("form", [".nt", ".nt.gz", ".nt.zst", ".ttl"])
@pytest.mark.parametrize("ends_well", [True, False])
def test_a_full_disk_is_told_of_parts_and_nothing_is_left(tmp_path, form, ends_well):
    def fill(sink):
        for number in range(4 if ends_well else 100):
            sink.write(b'<urn:s%d> <urn:p> "%s" .\n' % (number, os.urandom(1 << 16).hex().encode()))

    parts = Parts(folder=tmp_path / "parts", form=form)
    told = pytest.raises(StorageError, match="parts was not written: File too large")
    limit = 100_000 if ends_well else 1 << 20
    with small_files(limit), told, open_target(parts) as sink:
        fill(sink)
    gc.collect()  # what is closed late could still complain
    assert list(tmp_path.iterdir()) == []


def test_graphs_need_quads(tmp_path, table):
    mapping = MAPPING.replace("; rml:class", "; rml:graph <urn:g> ; rml:class")
    for target in (tmp_path / "a.ttl", Parts(folder=tmp_path / "p")):
        with pytest.raises(MappingError, match="named graphs"):
            map_to_rdf(mapping, sources={"t": table}, target=target)
    with pytest.raises(InputError, match="no bytes"):
        map_to_rdf(
            mapping,
            sources={"t": table},
            target=Parts(folder=tmp_path / "p", form=".nq", part_bytes=0),
        )
    map_to_rdf(mapping, sources={"t": table}, target=Parts(folder=tmp_path / "p", form=".nq"))


def test_workers_make_the_same_triples(table, expected, tmp_path):
    out = tmp_path / "a.nt"
    report = map_to_rdf(
        MAPPING, sources={"t": table}, target=out, engine=LocalEngine(workers=2), batch_rows=60
    )
    assert triples(out.read_bytes()) == expected
    assert report.rows == 1000
    here = io.BytesIO()
    map_to_rdf(
        MAPPING, sources={"t": table}, target=here, engine=LocalEngine(workers=1), batch_rows=60
    )
    assert triples(here.getvalue()) == expected


def test_threads_make_the_same_lines_in_the_same_order(table):
    made = []
    for threads in (1, 3):
        out = io.BytesIO()
        map_to_rdf(MAPPING, sources={"t": table}, target=out, threads=threads, batch_rows=30)
        made.append(out.getvalue())
    assert made[0] == made[1]
    with pytest.raises(InputError, match="threads"):
        map_to_rdf(MAPPING, sources={"t": table}, target=io.BytesIO(), threads=0)
