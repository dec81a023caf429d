"""XML sources: XPath, streaming, and documents that are not to be trusted."""

from __future__ import annotations

import pyarrow as pa
import pytest

from extremeearth.core.errors import DataBrokenError, LimitError, MappingError
from extremeearth.knowledge.mapping.sources import xml_records
from extremeearth.knowledge.mapping.sources.xml_records import XmlSource

HOLDING = """<?xml version="1.0"?>
<holding xmlns:c="urn:crops" name="Dürnast">
  <field id="1"><c:crop>wheat</c:crop><crop>oat</crop><crop>rye</crop><area>2.5</area></field>
  <field id="2"><crop/><area>-</area><note>wet <b>and</b> cold</note></field>
  <yard><field id="3"/></yard>
</holding>"""


@pytest.fixture
def holding(tmp_path):
    file = tmp_path / "holding.xml"
    file.write_text(HOLDING, encoding="utf-8")

    def source(iterator, *, nulls=(), namespaces=None):
        return XmlSource("holding.xml", file, iterator, namespaces or {}, frozenset(nulls))

    return source


def columns(source, *references, batch_rows=100):
    frames = list(source.frames(references, batch_rows=batch_rows))
    return {
        name: [value for frame in frames for value in frame.columns[name].to_pylist()]
        for name in references
    }


def test_values_of_elements_attributes_and_functions(holding):
    found = columns(
        holding("/holding/field"), "@id", "c:crop", "note", "count(crop)", "crop[1]/text()"
    )
    assert found == {
        "@id": ["1", "2"],
        "c:crop": ["wheat", None],
        "note": [None, "wet and cold"],
        "count(crop)": ["2", "1"],
        "crop[1]/text()": ["oat", None],
    }


def test_several_values_make_a_list_and_nulls_none(holding):
    source = holding("/holding/field", nulls=["", "-"])
    (frame,) = source.frames(("crop", "area"), batch_rows=9)
    assert frame.columns["crop"].to_pylist() == [["oat", "rye"], []]
    assert frame.columns["area"].to_pylist() == ["2.5", None]


@pytest.mark.parametrize(
    ("iterator", "ids"),
    [("/holding/field", ["1", "2"]), ("//field", ["1", "2", "3"]), ("/*/yard/field", ["3"]), ("/field", []),
     ("//yard/field", ["3"]), ("/holding/field[@id > 1]", ["2"])],
)  # fmt: skip
@pytest.mark.parametrize("reference", ["@id", "../*/@id | @id"])
def test_streamed_and_whole_documents_give_the_same_records(holding, iterator, ids, reference):
    # the second reference looks outside of its element, so the document is parsed whole
    (frames,) = (list(holding(iterator).frames(("@id", reference), batch_rows=1)),)
    assert [frame.columns["@id"][0].as_py() for frame in frames] == ids
    assert [frame.first_row for frame in frames] == list(range(len(ids)))


def test_nested_records_keep_what_is_in_them(tmp_path):
    file = tmp_path / "n.xml"
    file.write_text("<r><a n='1'><a n='2'/><b>x</b></a></r>")
    found = columns(XmlSource("n", file, "//a", {}, frozenset()), "@n", "a/@n", "b")
    assert found == {"@n": ["2", "1"], "a/@n": [None, "2"], "b": [None, "x"]}


def test_namespaces_of_the_mapping(mapped, tmp_path):
    (tmp_path / "f.xml").write_text('<f xmlns="urn:holding"><x n="1">a</x></f>')
    found, _ = mapped(
        """<urn:m> rml:logicalSource [ rml:source "f.xml" ; rml:iterator "/w:f/w:x" ; rml:referenceFormulation
            [ rml:namespace [ rml:namespacePrefix "w" ; rml:namespaceURL <urn:holding> ] ] ] ;
        rml:subjectMap [ rml:template "urn:x:{@n}" ] ;
        rml:predicateObjectMap [ rml:predicate ex:p ; rml:objectMap [ rml:reference "." ] ] .""",
        folder=tmp_path,
    )
    assert found == {'<urn:x:1> <https://example.org/p> "a"'}


def test_memory_holds_one_batch_of_a_long_document(tmp_path):
    file = tmp_path / "long.xml"
    with file.open("w") as out:
        out.write(
            "<r>" + "".join(f"<e i='{i}'><v>{'x' * 50}</v></e>" for i in range(5000)) + "</r>"
        )
    source = XmlSource("long", file, "/r/e", {}, frozenset())
    elements = source._streamed(["r", "e"], anywhere=False)
    most = 0
    for count, element in enumerate(elements):
        most = max(most, len(element.getparent()))
        assert element.get("i") == str(count)
    assert count == 4999
    assert most < 1000  # what one block of the file holds, not the document
    sizes = [frame.rows for frame in source.frames(("v",), batch_rows=512)]
    assert sizes == [512] * 9 + [392]


@pytest.mark.parametrize("path", ["field[", "nope:crop", "//"])
def test_a_broken_xpath_is_named_before_the_first_row(holding, path):
    with pytest.raises(MappingError, match="cannot be read"):
        holding("/holding/field").check((path,))


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE r [<!ENTITY a "aaaa">]><r><e>&a;</e></r>',
        '<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><r><e>&a;</e></r>',
        '<!DOCTYPE r SYSTEM "http://127.0.0.1:1/r.dtd"><r><e/></r>',
        "<r><e></r>",
        "",
    ],
)
@pytest.mark.parametrize("iterator", ["/r/e", "/r/e[1]"])
def test_documents_with_a_dtd_or_broken_ones_are_refused(tmp_path, text, iterator):
    file = tmp_path / "t.xml"
    file.write_text(text)
    source = XmlSource("t", file, iterator, {}, frozenset())
    with pytest.raises(DataBrokenError):
        list(source.frames((".",), batch_rows=9))


def test_iterators_that_lead_to_no_element_and_big_documents(holding, monkeypatch):
    with pytest.raises(MappingError, match="no elements"):
        list(holding("/holding/@name").frames((".",), batch_rows=9))
    monkeypatch.setattr(xml_records, "MAX_XML_BYTES", 10)
    with pytest.raises(LimitError):
        list(holding("/holding/field[1]").frames((".",), batch_rows=9))
    assert columns(holding("/holding/field"), "@id") == {"@id": ["1", "2"]}


def test_types_are_texts(holding):
    (frame,) = holding("/holding/field").frames(("@id",), batch_rows=9)
    assert frame.columns["@id"].type == pa.large_string()


def test_the_older_vocabulary_of_xpath(mapped, tmp_path):
    (tmp_path / "f.xml").write_text("<f><x n='1'>a</x></f>")
    found, _ = mapped(
        """@prefix old: <http://semweb.mmlab.be/ns/rml#> . @prefix ql: <http://semweb.mmlab.be/ns/ql#> .
        @prefix rr: <http://www.w3.org/ns/r2rml#> .
        <urn:m> old:logicalSource [ old:source "f.xml" ; old:iterator "/f/x" ; old:referenceFormulation ql:XPath ] ;
            rr:subjectMap [ rr:template "urn:x:{@n}" ; rr:class ex:X ] .""",
        folder=tmp_path,
    )
    assert len(found) == 1
