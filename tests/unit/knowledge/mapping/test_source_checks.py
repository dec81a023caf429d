"""What is caught before the first row, and while a source is read."""

from __future__ import annotations

import os
from pathlib import Path

import geopandas as gpd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from extremeearth.core.errors import DataBrokenError, DataMissingError, MappingError
from extremeearth.knowledge.mapping import BATCH_ROWS, map_to_rdf, read_mapping
from extremeearth.knowledge.mapping.sources.contract import UnchangedSource, similar_to

MAPPING = """@prefix rml: <http://w3id.org/rml/> .
<urn:fields> rml:logicalSource [ rml:source "t.%s" %s ] ; rml:subjectMap [ rml:template "urn:{id}" ] ;
    rml:predicateObjectMap [ rml:predicate <urn:p> ; rml:objectMap [ rml:reference "%s" ] ] ."""


def test_a_file_that_is_not_there_is_named_as_it_was_given(tmp_path):
    with pytest.raises(DataMissingError, match=r"no file away/fields.csv, .* source 't.csv'"):
        map_to_rdf(
            MAPPING % ("csv", "", "crop"),
            sources={"t.csv": Path("away/fields.csv")},
            target=tmp_path / "o.nt",
        )
    assert not list(tmp_path.iterdir())


def test_a_missing_column_is_named_with_its_triples_map_before_anything_is_written(tmp_path):
    (tmp_path / "t.csv").write_text("id,crop_name\n1,rye\n")
    target = tmp_path / "o.nt"
    with pytest.raises(MappingError) as caught:
        map_to_rdf(MAPPING % ("csv", "", "cropname"), target=target, folder=tmp_path)
    assert "<urn:fields>" in caught.value.message
    assert "'cropname'" in caught.value.message
    assert "Did you mean 'crop_name'?" in (caught.value.hint or "")
    assert not target.exists()


@pytest.mark.parametrize("name", ["Name", "nme", "NAME"])
def test_similar_names_are_suggested_whatever_their_case(name):
    assert "Did you mean 'name'" in similar_to(name, ["id", "name", "zzz"])


@pytest.mark.parametrize("kind", ["csv", "parquet", "json", "xml"])
def test_a_source_that_changes_while_it_is_read_is_an_error(tmp_path, kind, monkeypatch):
    file = tmp_path / f"t.{kind}"
    text = {
        "csv": "id,v\n1,2\n",
        "json": '[{"id": 1, "v": 2}]',
        "xml": "<r><e><id>1</id><v>2</v></e></r>",
    }
    if kind == "parquet":
        pq.write_table(pa.table({"id": [1], "v": [2]}), file)
    else:
        file.write_text(text[kind])
    more = {
        "json": '; rml:iterator "$[*]" ; rml:referenceFormulation rml:JSONPath',
        "xml": '; rml:iterator "/r/e" ; rml:referenceFormulation rml:XPath',
    }
    mapping, target = MAPPING % (kind, more.get(kind, ""), "v"), tmp_path / "o.nt"
    assert map_to_rdf(mapping, target=target, folder=tmp_path).triples == 1
    target.unlink()
    real = UnchangedSource.frames

    def frames(self, references, *, batch_rows):
        os.utime(file, ns=(1, 1))
        yield from real(self, references, batch_rows=batch_rows)

    monkeypatch.setattr(UnchangedSource, "frames", frames)
    with pytest.raises(DataBrokenError, match="changed while it was read"):
        map_to_rdf(mapping, target=target, folder=tmp_path)
    assert not target.exists()


def test_rows_of_a_table_without_a_key_say_each_thing_once(mapped):
    table = pa.table({"id": [1] * 5 + [2], "v": [1, 1, 2, 2, 1, 1]})
    text = MAPPING.replace("t.%s", "t") % ("", "v")
    found, report = mapped(text, sources={"t": table}, batch_rows=2)
    assert len(found) == report.triples == 3
    assert report.rows == 6


@pytest.mark.parametrize("policy", ["raise", "skip"])
def test_a_broken_value_deep_in_a_source_is_told_or_counted(mapped, policy):
    rows = 2 * BATCH_ROWS + 5
    values = pa.array([f"urn:{n}" if n != BATCH_ROWS + 7 else "not an iri" for n in range(rows)])
    text = (MAPPING.replace("t.%s", "t") % ("", "v")).replace(
        'rml:reference "v"', 'rml:reference "v" ; rml:termType rml:IRI'
    )
    table = pa.table({"id": range(rows), "v": values})
    if policy == "raise":
        with pytest.raises(DataBrokenError, match="not an iri"):
            mapped(text, sources={"t": table})
        return
    found, report = mapped(text, sources={"t": table}, on_error="skip")
    assert len(found) == rows - 1
    assert report.skipped == {"is not an IRI": 1}


@pytest.mark.parametrize(
    ("object_map", "values", "reason"),
    [
        ("rml:datatype xsd:integer", [1.0, 2.5, None], "has a fraction, but is mapped to an integer"),
        ("rml:datatype xsd:decimal", [1.5, float("inf"), None], "is not finite, but is mapped to a decimal"),
        ('rml:languageMap [ rml:reference "tag" ]', ["a", "b", "c"], "is not a language tag"),
    ],
)  # fmt: skip
def test_values_that_fit_no_datatype_are_told_or_counted(mapped, object_map, values, reason):
    table = pa.table({"id": [1, 2, 3], "v": values, "tag": ["en", "no tag", None]})
    text = (MAPPING.replace("t.%s", "t") % ("", "v")).replace(
        'rml:reference "v"', f'rml:reference "v" ; {object_map}'
    )
    with pytest.raises(DataBrokenError, match=reason):
        mapped(text, sources={"t": table})
    found, report = mapped(text, sources={"t": table}, on_error="skip")
    assert len(found) == 1
    assert report.skipped == {reason: 1}


@pytest.mark.parametrize("part", [".shp", ".dbf"])
def test_a_shapefile_whose_part_changes_while_it_is_read_is_an_error(tmp_path, part, monkeypatch):
    points = [shapely.Point(1, 2), shapely.Point(3, 4)]
    frame = gpd.GeoDataFrame({"id": [1, 2], "v": [2, 3]}, geometry=points, crs=4326)
    frame.to_file(tmp_path / "t.shp")
    real = UnchangedSource.frames

    def frames(self, references, *, batch_rows):
        os.utime(tmp_path / f"t{part}", ns=(2**62, 2**62))
        yield from real(self, references, batch_rows=batch_rows)

    monkeypatch.setattr(UnchangedSource, "frames", frames)
    with pytest.raises(DataBrokenError, match=r"t\.shp changed while it was read"):
        map_to_rdf(MAPPING % ("shp", "", "v"), target=tmp_path / "o.nt", folder=tmp_path)


@pytest.mark.parametrize("word", ["logicalTarget", "viewOn"])
def test_what_of_rml_is_refused_says_what_to_do(word):
    where = "subjectMap" if word == "logicalTarget" else "logicalSource"
    text = (MAPPING % ("csv", "", "v")).replace(
        f"rml:{where} [", f"rml:{where} [ rml:{word} <urn:x> ;", 1
    )
    with pytest.raises(MappingError, match=f"rml:{word} of .* is not supported") as caught:
        read_mapping(text)
    assert caught.value.hint
