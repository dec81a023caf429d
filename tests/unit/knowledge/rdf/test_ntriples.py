from __future__ import annotations

import gzip
import io

import pyarrow as pa
import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extremeearth.core.errors import InputError
from extremeearth.knowledge.rdf import (
    TEXT,
    XSD,
    blank_terms,
    iri_terms,
    is_absolute_iri,
    language_terms,
    literal_terms,
    open_statements,
    percent_encode,
    statement_lines,
    write_lines,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
columns = st.lists(st.none() | texts, min_size=1, max_size=8)


def read(data: bytes) -> list[ox.Quad]:
    return list(ox.parse(data, format=ox.RdfFormat.N_TRIPLES))


def written(lines: pa.Array) -> bytes:
    out = io.BytesIO()
    assert write_lines(lines, out) == len(lines)
    return out.getvalue()


@given(columns)
def test_literals_read_back_as_they_were(values):
    lines = statement_lines("<urn:s>", "<urn:p>", literal_terms(pa.array(values, TEXT)))
    assert [q.object.value for q in read(written(lines))] == [v for v in values if v is not None]


@given(columns, st.integers(0, 5))
def test_slices_write_only_their_own_rows(values, start):
    lines = statement_lines("<urn:s>", "<urn:p>", literal_terms(pa.array(values, TEXT)))
    part = lines.slice(start)
    assert len(read(written(part))) == len(part)


@given(columns)
def test_blank_nodes_are_equal_exactly_where_values_are(values):
    terms = blank_terms(pa.array(values, TEXT)).to_pylist()
    for value, term in zip(values, terms, strict=True):
        if value is None:
            assert term is None
            continue
        node = read(f"{term} <urn:p> <urn:o> .".encode())[0].subject
        assert isinstance(node, ox.BlankNode)
        assert [t == term for t in terms] == [v == value for v in values]


@given(columns)
def test_percent_encoded_values_are_a_safe_part_of_an_iri(values):
    from urllib.parse import quote, unquote

    present = [v for v in values if v is not None]
    ascii_only = percent_encode(pa.array(present, TEXT), ascii_only=True).to_pylist()
    assert ascii_only == [quote(v, safe="") for v in present]
    kept = percent_encode(pa.array(present, TEXT)).to_pylist()
    assert [unquote(v) for v in kept] == present
    assert all(is_absolute_iri(f"urn:{v}") for v in kept)


def test_letters_of_all_scripts_stay_in_iri_safe_text_but_controls_do_not():
    assert percent_encode(pa.array(["成\x85\ue000"])).to_pylist() == ["成%C2%85%EE%80%80"]


def test_a_datatype_per_row_and_none_for_some():
    terms = literal_terms(pa.array(["1", "a"]), datatype=pa.array([XSD.integer, None], TEXT))
    assert terms.to_pylist() == [f'"1"^^<{XSD.integer}>', '"a"']


@pytest.mark.parametrize(
    "iri", ["no scheme", "urn:a b", "urn:<", 'urn:"', "urn:\n", "1a:b", "urn:a\\b", "urn:{x}"]
)
def test_a_broken_iri_is_named(iri):
    with pytest.raises(InputError, match="not an absolute IRI"):
        iri_terms(pa.array(["urn:ok", iri]))


def test_a_base_goes_before_relative_iris_only():
    terms = iri_terms(pa.array(["a/b", "urn:c", None]), base="https://example.org/")
    assert terms.to_pylist() == ["<https://example.org/a/b>", "<urn:c>", None]


@pytest.mark.parametrize("tag", ["", "a-english", "en_GB", "toolonglanguage", "en-"])
def test_a_broken_language_tag_is_refused(tag):
    with pytest.raises(InputError, match="language tag"):
        language_terms(pa.array(["x"]), language=tag)


def test_rows_with_a_missing_term_are_not_written():
    lines = statement_lines(
        pa.array(["<urn:a>", None], TEXT), "<urn:p>", pa.array([None, "<urn:o>"], TEXT)
    )
    assert len(lines) == 0
    assert written(lines) == b""


def test_a_packed_file_is_the_same_each_time_and_appears_whole(tmp_path):
    target = tmp_path / "a.nt.gz"
    contents = []
    for _ in range(2):
        with open_statements(target) as file:
            file.write(b"<urn:a> <urn:b> <urn:c> .\n")
            assert not contents or gzip.decompress(target.read_bytes())
        contents.append(target.read_bytes())
    assert contents[0] == contents[1]
    assert gzip.decompress(contents[0]) == b"<urn:a> <urn:b> <urn:c> .\n"


def test_an_error_leaves_no_file(tmp_path):
    def write_half() -> None:
        with open_statements(tmp_path / "a.nt") as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert list(tmp_path.iterdir()) == []
