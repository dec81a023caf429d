"""``extremeearth rdf`` with a catalogue as a source: a hub that runs, and the platform's own."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pyoxigraph as ox
import pytest
from typer.testing import CliRunner

from extremeearth.app.command_line.main import gather
from extremeearth.knowledge.rdf import XSD

COUNT = 12


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("EXTREMEEARTH_ALLOW_HOSTS", '["127.0.0.1"]')
    monkeypatch.chdir(tmp_path)

    def call(*words, code=0):
        result = CliRunner().invoke(gather(), ["rdf", *map(str, words)])
        assert result.exit_code == code, result.output + result.stderr
        return result

    return call


def features(path):
    """Names of the features that were written."""
    kind = ox.NamedNode("http://www.opengis.net/ont/geosparql#Feature")
    quads = list(ox.parse(path.read_bytes(), format=ox.RdfFormat.N_TRIPLES))
    return {quad.subject.value.rpartition("/")[2] for quad in quads if quad.object == kind}, quads


@pytest.mark.parametrize(
    ("words", "name", "expected"),
    [
        ((), "items", range(COUNT)),
        (("--collection", "maps"), "maps", range(COUNT - 2)),
        (("--collection", "maps", "--collection", "cubes"), "items", range(COUNT)),
        (("--bbox", "10.25,48,10.55,49"), "items", (2, 3, 4, 5)),
        (("--datetime", "2018-03-02/2018-03-04", "--collection", "maps"), "maps", (1, 2, 3)),
        (("--query", "even = 0", "--bbox", "10.25,48,10.55,49"), "items", (2, 4)),
    ],
)  # fmt: skip
def test_what_a_mapping_was_made_of_is_what_it_maps(words, name, expected, place, run):
    told = run("mapping", place, *words, "-o", "m.ttl", "--ontology", "o.ttl").stderr
    said = shlex.split(told.partition("run the mapping with ")[2])
    assert said[0] == "--source"
    assert said[1].partition("=")[0] == name
    assert f'rml:path "{name}"' in Path("m.ttl").read_text()
    assert "owl:Class" in Path("o.ttl").read_text()
    report = json.loads(run("map", "m.ttl", "-o", "out.nt", *said, "--json").stdout)
    found, quads = features(Path("out.nt"))
    assert found == {f"m{number:02}" for number in expected}
    assert report["rows"] == 2 * len(expected)
    assert not report["skipped"]
    typed = {q.object.datatype.value for q in quads if isinstance(q.object, ox.Literal)}
    assert {XSD.integer, XSD.dateTime} <= typed
    assert sum("wktLiteral" in kind for kind in typed) == 1


def test_what_was_found_so_far_is_told(place, run):
    told = run("mapping", place, "-o", "m.ttl").stderr.splitlines()
    assert told[0] == "items found: 0 ..."
    assert f"items found: {COUNT} done" in told


def test_a_search_is_named_when_a_mapping_runs(place, run, tmp_path):
    run("mapping", place, "--collection", "maps", "-o", "m.ttl")
    for words, expected in (
        ("collections=maps&bbox=10.25,48,10.55,49", {"m02", "m03", "m04", "m05"}),
        ("collections=maps&datetime=2018-03-02/..&filter=even = 1", {"m01", "m03", "m05", "m07", "m09"}),
        ("collections=cubes", {"m10", "m11"}),
        ("collections=none", set()),
    ):  # fmt: skip
        run("map", "m.ttl", "-o", "out.nt", "--source", f"maps={place}?{words}", "--workers", 2)
        assert features(tmp_path / "out.nt")[0] == expected


def test_the_address_of_a_search_itself(hub, run, tmp_path):
    run("mapping", f"{hub}/search?collections=maps&limit=3", "-o", "m.ttl")
    run("map", "m.ttl", "-o", "out.nt", "--source", f"items={hub}/search?collections=maps&limit=3")
    assert len(features(tmp_path / "out.nt")[0]) == COUNT - 2
    # what the command says wins over the address
    place = f"{hub}/search?collections=none&bbox=10.25,48,10.55,49"
    told = run("mapping", place, "--collection", "maps", "-o", "m.ttl").stderr
    run("map", "m.ttl", "-o", "out.nt", *shlex.split(told.partition("mapping with ")[2]))
    assert features(tmp_path / "out.nt")[0] == {"m02", "m03", "m04", "m05"}


def test_items_of_several_collections_are_told_apart_by_both_names(place, run, tmp_path):
    run("mapping", place, "-o", "several.ttl")
    run("mapping", place, "--collection", "cubes", "-o", "one.ttl")
    assert "items/{collection}/{id}" in (tmp_path / "several.ttl").read_text()
    assert "cubes/{id}" in (tmp_path / "one.ttl").read_text()


def test_a_mapping_document_makes_nobody_call_an_address(place, run, tmp_path):
    run("mapping", place, "-o", "m.ttl")
    mapping = tmp_path / "m.ttl"
    asked = mapping.read_text().replace('rml:path "items"', f'rml:path "{place}"')
    assert place in asked
    mapping.write_text(asked)
    told = run("map", mapping, "-o", "out.nt", code=1)
    assert place in told.output + told.stderr
    assert not (tmp_path / "out.nt").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--bbox", "1,2,3"), "four numbers"),
        (("--datetime", "soon"), "'soon'"),
        (("--query", "even ="), "CQL2"),
        (("--collection", "none"), "no rows"),
        (("--layer", "maps"), "no layers"),
    ],
)
def test_what_cannot_be_searched_is_said(words, message, place, run):
    told = run("mapping", place, *words, code=1)
    assert message in " ".join((told.output + told.stderr).split())


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("items={place}?kind=maps", "word that is not known"),
        ("items={place}?bbox=1,2,3,4&bbox=1,2,3,4", "comes again"),
        ("items={place}?maps", "cannot be read"),
        ("items=catalogue:nowhere", "no folder nowhere"),
        ("items", "does not name a source"),
    ],
)
def test_a_source_that_cannot_be_asked(source, message, catalogue_home, run, tmp_path):
    place = f"catalogue:{catalogue_home}"
    run("mapping", place, "-o", "m.ttl")
    words = ("--source", source.format(place=place))
    told = run("map", "m.ttl", "-o", "out.nt", *words, code=1)
    assert message in " ".join((told.output + told.stderr).split())
    assert not (tmp_path / "out.nt").exists()


def test_only_a_catalogue_is_searched_and_only_where_it_is_allowed(hub, run, tmp_path, monkeypatch):
    (tmp_path / "f.csv").write_text("id\n1\n")
    for words in (
        ("f.csv", "--collection", "maps"),
        ("f", "--database", "sqlite://", "--query", "a"),
    ):
        assert "Only a catalogue" in run("mapping", *words, code=1).stderr
    monkeypatch.delenv("EXTREMEEARTH_ALLOW_HOSTS")
    assert "EXTREMEEARTH_ALLOW_HOSTS" in run("mapping", hub, code=1).stderr
