"""Lines put together from pieces: whatever the way, the same terms; and nothing of the run stays behind."""

from __future__ import annotations

import gc

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.core.errors import DataBrokenError
from extremeearth.knowledge.mapping import map_to_rdf
from extremeearth.knowledge.mapping.frames import Frame
from extremeearth.knowledge.mapping.rules.document import TermMap, TermType
from extremeearth.knowledge.mapping.rules.templates import parse_template
from extremeearth.knowledge.mapping.running.terms import Issues, TermMaker

CSV = """@prefix rml: <http://w3id.org/rml/> .
<urn:m> rml:logicalSource [ rml:source [ rml:path "t.csv" ] ] ;
    rml:subjectMap [ rml:template "http://example.org/{id}" ] ;
    rml:predicateObjectMap [ rml:predicate <urn:name> ; rml:objectMap [ rml:reference "name" ] ] ."""


@settings(deadline=None)
@given(
    values=st.lists(st.none() | st.text(st.characters(exclude_categories=("Cs",))), min_size=1),
    kind=st.sampled_from([TermType.IRI, TermType.URI]),
)
def test_a_template_that_begins_with_a_scheme_makes_what_a_relative_one_makes(values, kind):
    frame = Frame(columns={"v": pa.array(values, pa.large_string())}, rows=len(values))
    maker = TermMaker("https://example.org/f/", {}, Issues(), "0")
    whole, relative = (
        maker.terms(TermMap(expression=parse_template(text), term_type=kind), frame)
        for text in ("https://example.org/f/a{v}b", "a{v}b")
    )
    assert whole.equals(relative)


def test_a_template_whose_own_text_is_no_iri_is_still_looked_at():
    frame = Frame(columns={"v": pa.array(["1"])}, rows=1)
    maker = TermMaker("https://example.org/", {}, Issues(), "0")
    broken = TermMap(
        expression=parse_template("https://example.org/a b{v}"), term_type=TermType.IRI
    )
    with pytest.raises(DataBrokenError, match="is not an IRI"):
        maker.terms(broken, frame)


def test_a_csv_file_that_is_not_utf_8_is_broken_and_leaves_no_file(tmp_path):
    rows = [f"{n},name {n}" for n in range(9_999)]
    latin = "\n".join(["id,name", *rows, "9999,Fr\xfch"]).encode("latin-1")
    (tmp_path / "t.csv").write_bytes(latin)
    with pytest.raises(DataBrokenError, match=r"t\.csv is not a CSV file in UTF-8: column 'name'"):
        map_to_rdf(CSV, target=tmp_path / "out.nt", folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_letters_of_all_scripts_pass(tmp_path):
    (tmp_path / "t.csv").write_text("id,name\n1,Früh 雪 🌾\n", encoding="utf-8")
    map_to_rdf(CSV, target=tmp_path / "out.nt", folder=tmp_path)
    assert (tmp_path / "out.nt").read_text(encoding="utf-8") == (
        '<http://example.org/1> <urn:name> "Früh 雪 🌾" .\n'
    )


def test_the_garbage_collector_is_as_it_was(tmp_path):
    (tmp_path / "t.csv").write_text("id,name\n1,a\n")
    map_to_rdf(CSV, target=tmp_path / "out.nt", folder=tmp_path)
    assert gc.get_freeze_count() == 0
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        map_to_rdf(CSV, target=tmp_path / "out.nt", folder=tmp_path)
        assert gc.get_freeze_count() >= frozen * 0.9
    finally:
        gc.unfreeze()
