"""A statement that several triples maps make is written once, and maps that cannot meet do not pay for that."""

from __future__ import annotations

import gzip
import io
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.infrastructure.engine import LocalEngine
from extremeearth.knowledge.mapping import Parts, map_to_rdf, read_mapping
from extremeearth.knowledge.mapping.rules.overlaps import circles_of
from extremeearth.knowledge.mapping.rules.statements import Gap, may_match
from extremeearth.knowledge.mapping.running.distinct import HashSet

HEAD = """@prefix rml: <http://w3id.org/rml/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@base <https://example.org/> .
"""
BASE = "https://example.org/id/"
SUBJECTS = (
    'rml:template "https://example.org/id/{k}"',
    'rml:template "https://example.org/id/{k}/part"',
    'rml:template "{k}"',
    'rml:template "{k}/part"',
    'rml:template "id/{k}" ; rml:termType rml:BlankNode',
    'rml:template "id/{j}" ; rml:termType rml:BlankNode',
    "rml:termType rml:BlankNode",
    'rml:reference "k"',
    "rml:constant <https://example.org/id/1>",
)
PREDICATES = (
    "rml:predicate <p>", "rml:predicate <q>", 'rml:predicateMap [ rml:template "https://example.org/{w}" ]',
)  # fmt: skip
OBJECTS = (
    'rml:objectMap [ rml:reference "k" ]',
    'rml:objectMap [ rml:reference "w" ]',
    'rml:objectMap [ rml:reference "w" ; rml:datatype xsd:string ]',
    'rml:objectMap [ rml:template "{w}" ; rml:termType rml:Literal ]',
    'rml:objectMap [ rml:reference "w" ; rml:language "en" ]',
    'rml:objectMap [ rml:reference "w" ; rml:languageMap [ rml:reference "l" ] ]',
    'rml:objectMap [ rml:reference "k" ; rml:datatype xsd:string ]',
    'rml:objectMap [ rml:template "{k}" ; rml:termType rml:IRI ]',
    'rml:object "p"',
    'rml:object "p"@en',
    "rml:object <https://example.org/id/1>",
)
GRAPHS = ("", "", "rml:graph <g> ;", "rml:graph rml:defaultGraph ;", "rml:graph <g>, <h> ;")

triples_maps = st.tuples(
    st.sampled_from("tu"), st.sampled_from(SUBJECTS), st.booleans(), st.sampled_from(GRAPHS),
    st.lists(st.tuples(st.sampled_from(PREDICATES), st.sampled_from(OBJECTS)), max_size=3),
)  # fmt: skip
rows = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 2), st.sampled_from("pq"), st.sampled_from(["en", "de"])),
    min_size=1, max_size=6,
)  # fmt: skip


def text_of(number, said):
    source, subject, has_class, graph, properties = said
    class_ = "rml:class <C> ;" if has_class else ""
    more = "".join(f"; rml:predicateObjectMap [ {p} ; {o} ]" for p, o in properties)
    return f"""<urn:m{number}> rml:logicalSource [ rml:source "{source}" ] ;
        rml:subjectMap [ {subject} ; {class_} {graph} ] {more} ."""


def table_of(values):
    names = (("k", pa.int64()), ("j", pa.int64()), ("w", pa.string()), ("l", pa.string()))
    return pa.table({n: pa.array([v[i] for v in values], t) for i, (n, t) in enumerate(names)})


def lines_of(mapping, tables, **options):
    out = io.BytesIO()
    report = map_to_rdf(HEAD + mapping, sources=tables, target=out, base_iri=BASE, **options)
    return Counter(out.getvalue().decode().splitlines()), report


@settings(deadline=None, max_examples=150)
@given(
    st.lists(triples_maps, min_size=2, max_size=3), rows, rows, st.integers(1, 4),
    st.sampled_from([{}, {"threads": 2}, {"engine": LocalEngine()}]),
)  # fmt: skip
def test_a_run_says_what_its_maps_say_each_statement_once(said, first, second, batch_rows, how):
    tables = {"t": table_of(first), "u": table_of(second)}
    texts = [text_of(number, s) for number, s in enumerate(said)]
    lines, report = lines_of("\n".join(texts), tables, batch_rows=batch_rows, **how)
    assert set(lines.values()) <= {1}
    assert report.triples == len(lines)
    alone = [lines_of(text, tables)[0] for text in texts]
    # blank nodes of rows are named by their triples map, which is the first one where it is alone
    expected = {
        line.replace("_:r0x", f"_:r{number}x") for number, its in enumerate(alone) for line in its
    }
    assert set(lines) == expected


def circles(*maps):
    mapping = read_mapping(HEAD + "\n".join(text_of(n, m) for n, m in enumerate(maps)))
    return circles_of(mapping, base_iri=BASE)


FEATURE, PART = SUBJECTS[0], SUBJECTS[1]
P, Q, ANY = PREDICATES
NUMBER, WORD, _, WRITTEN, ENGLISH, *_ = OBJECTS


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("t", FEATURE, False, "", [(P, WORD)]), ("t", FEATURE, False, "", [(Q, WORD)])),
        (("t", FEATURE, True, "", []), ("t", PART, True, "", [])),
        (("t", SUBJECTS[2], True, "", []), ("t", PART, True, "", [])),
        (("t", FEATURE, False, "", [(P, WORD)]), ("t", FEATURE, False, "", [(P, ENGLISH)])),
        (("t", FEATURE, False, "", [(P, WRITTEN)]), ("t", FEATURE, False, "", [(P, ENGLISH)])),
        (("t", FEATURE, False, "", [(P, NUMBER)]), ("t", FEATURE, False, "", [(P, OBJECTS[7])])),
        (("t", FEATURE, True, "", []), ("t", FEATURE, True, "rml:graph <g> ;", [])),
        (("t", FEATURE, True, "", []), ("t", SUBJECTS[4], True, "", [])),
        (("t", SUBJECTS[6], True, "", []), ("t", SUBJECTS[6], True, "", [])),
        (("t", SUBJECTS[8], False, "", [(P, OBJECTS[8])]), ("t", SUBJECTS[8], False, "", [(P, OBJECTS[9])])),
    ],
)  # fmt: skip
def test_maps_that_cannot_say_the_same_have_circles_of_their_own(one, other):
    assert all(len(circle.maps) == 1 for its in circles(one, other).values() for circle in its)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("t", FEATURE, True, "", []), ("u", FEATURE, True, "", [])),
        (("t", FEATURE, True, "", []), ("u", SUBJECTS[2], True, "", [])),
        (("t", FEATURE, True, "", []), ("u", SUBJECTS[7], True, "", [])),
        (("t", FEATURE, False, "", [(P, WORD)]), ("t", FEATURE, False, "", [(ANY, WRITTEN)])),
        (("t", FEATURE, False, "", [(P, ENGLISH)]), ("t", FEATURE, False, "", [(P, OBJECTS[5])])),
        (("t", FEATURE, True, "", []), ("t", FEATURE, True, "rml:graph rml:defaultGraph ;", [])),
    ],
)
def test_maps_that_may_say_the_same_share_a_circle(one, other):
    its = circles(one, other)
    assert (
        {c.maps for c in its["<urn:m0>"]}
        == {("<urn:m0>", "<urn:m1>")}
        == {c.maps for c in its["<urn:m1>"]}
    )


def test_only_the_statements_that_may_be_the_same_are_in_a_shared_circle():
    its = circles(
        ("t", FEATURE, True, "", [(P, WORD)]), ("t", FEATURE, True, "", [(Q, WORD), (Q, NUMBER)])
    )
    assert [len(circle.maps) for circle in its["<urn:m0>"]] == [2, 1]
    assert [circle.in_a_row for circle in its["<urn:m1>"]] == [False, True, True]


def test_a_thing_described_by_two_maps_with_other_predicates_is_not_looked_up(monkeypatch):
    asked = []
    real = HashSet.contains
    monkeypatch.setattr(
        HashSet, "contains", lambda self, h: (asked.append(len(h)), real(self, h))[1]
    )
    table = table_of([(k, 0, "p", "en") for k in range(10)])
    said = [("t", FEATURE, True, "", [(P, NUMBER)]), ("t", FEATURE, False, "", [(Q, NUMBER)])]
    mapping = "\n".join(text_of(n, s) for n, s in enumerate(said))
    lines, report = lines_of(mapping, {"t": table}, batch_rows=5)
    assert len(lines) == 30 == report.triples
    assert asked == [5] * 4  # the subjects of two batches, for each map


def test_what_joins_say_is_written_once():
    join = """rml:objectMap [ rml:parentTriplesMap <urn:m1> ;
        rml:joinCondition [ rml:child "j" ; rml:parent "k" ] ]"""
    said = [("t", FEATURE, False, "", [(P, join)]), ("u", FEATURE, True, "", []), ("u", FEATURE, False, "", [
        (P, 'rml:objectMap [ rml:template "https://example.org/id/{j}" ]'),
    ])]  # fmt: skip
    tables = {
        "t": table_of([(1, 2, "p", "en")]),
        "u": table_of([(2, 0, "p", "en"), (1, 2, "p", "en")]),
    }
    lines, report = lines_of("\n".join(text_of(n, s) for n, s in enumerate(said)), tables)
    assert lines == dict.fromkeys(lines, 1)
    assert (len(lines), report.triples, report.repeated) == (4, 4, 1)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", ["out.nt", "out.nt.gz", "parts"])
def test_workers_of_several_files_write_a_statement_once(tmp_path, monkeypatch, name, workers):
    """Pieces of both files have the same subjects, and each worker writes what it makes."""
    for file in ("outputs", "line_files", "parallel"):
        monkeypatch.setattr(f"extremeearth.knowledge.mapping.running.{file}.PIECE_BYTES", 100)
    for file, first in (("t", 0), ("u", 30)):
        numbers = range(first, first + 60)
        (tmp_path / f"{file}.csv").write_text("k,w\n" + "".join(f"{n},{n % 7}\n" for n in numbers))
    said = [
        ("t.csv", FEATURE, True, "", [(P, WORD)]),
        ("u.csv", FEATURE, True, "", [(P, WORD), (Q, WORD)]),
        ("t.csv", FEATURE, True, "", []),
    ]
    target = tmp_path / name if "." in name else Parts(folder=tmp_path / name, form=".nt")
    mapping = HEAD + "\n".join(text_of(n, s) for n, s in enumerate(said))
    report = map_to_rdf(
        mapping, folder=tmp_path, target=target, base_iri=BASE, engine=LocalEngine(workers=workers)
    )
    files = [tmp_path / name] if "." in name else sorted((tmp_path / name).iterdir())
    data = b"".join(file.read_bytes() for file in files)
    lines = (gzip.decompress(data) if name.endswith(".gz") else data).decode().splitlines()
    assert len(set(lines)) == len(lines) == report.triples == 90 + 90 + 60
    assert report.source_rows == 120


@settings(deadline=None)
@given(
    *[st.lists(st.sampled_from(["a", "b", "/", Gap.ANY, Gap.IRI_PART]), max_size=4).map(tuple)] * 2
)
def test_patterns_meet_where_texts_do(one, other):
    """Against all short texts that each pattern can make."""

    def texts(pattern):
        made = {""}
        for part in pattern:
            fillings = [part] if isinstance(part, str) else [
                "", *(a + b for a in "ab/" for b in ("", "a", "b", "/") if all(map(part.takes, a + b)))
            ]  # fmt: skip
            made = {text + filling for text in made for filling in fillings}
        return made

    if texts(one) & texts(other):
        assert may_match(one, other)
