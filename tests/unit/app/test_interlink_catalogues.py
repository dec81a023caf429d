"""``extremeearth interlink`` with a catalogue as a source: a hub that runs, and the platform's own."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from extremeearth.app.command_line.main import gather
from extremeearth.knowledge.rdf import GEO

COUNT = 12


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("EXTREMEEARTH_ALLOW_HOSTS", '["127.0.0.1"]')
    monkeypatch.chdir(tmp_path)
    (tmp_path / "region.csv").write_text(
        'id,day,wkt\nurn:r,2018-03-03,"POLYGON ((10 47, 12 47, 12 49, 10 49, 10 47))"\n'
    )

    def run(*arguments):
        result = CliRunner().invoke(
            gather(), ["interlink", *arguments, "-o", "links.nt", "--json", "report.json", "--relations", "within"]
        )  # fmt: skip
        if result.exit_code:
            return result
        lines = (tmp_path / "links.nt").read_text().splitlines()
        report = json.loads((tmp_path / "report.json").read_text())
        return {line.split("> <")[0].rsplit("/", 1)[-1].rsplit(":", 1)[-1] for line in lines}, report  # fmt: skip

    return run


ITEMS = ("region.csv", "--source-prefix", "urn:m:", "--target-crs", "EPSG:4326")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), range(COUNT)),
        (("--source-collection", "maps"), range(COUNT - 2)),
        (("--source-collection", "maps", "--source-collection", "cubes"), range(COUNT)),
        (("--source-bbox", "10.25,48,10.55,49"), (2, 3, 4, 5)),
        (("--source-datetime", "2018-03-02/2018-03-04"), (1, 2, 3)),
        (("--source-query", "even = 0", "--source-bbox", "10.25,48,10.55,49"), (2, 4)),
        (("--source-times", "datetime", "--target-times", "day"), (2,)),
        (("--source-collection", "none"), ()),
    ],
)  # fmt: skip
def test_a_catalogue_is_searched(words, expected, place, run):
    found, report = run(place, *ITEMS, *words)
    assert found == {f"m{number:02}" for number in expected}
    assert report["features"][1] == 1
    assert report["features"][0] >= len(found)


def test_what_was_found_so_far_is_told(place, run):
    words = ["interlink", place, *ITEMS, "--relations", "within", "-o", "links.nt"]
    told = CliRunner().invoke(gather(), words).stderr.splitlines()
    assert told[0] == "items found: 0 ..."
    assert f"items found: {COUNT} done" in told


def test_items_have_their_address_as_iri_and_can_be_the_target(hub, run, tmp_path):
    _, report = run("region.csv", hub, "--target-id", "self", "--source-crs", "EPSG:4326",
                    "--target-collection", "maps", "--target-bbox", "10,48,10.05,48.05",
                    "--target-datetime", "2018-03-01")  # fmt: skip
    assert report["features"] == [1, 1]
    assert report["links"] == {"within": 0}
    run(
        hub, "region.csv", "--source-id", "self", "--crs", "EPSG:4326", "--source-datetime", "2018-03-02",
    )  # fmt: skip
    line = f"<{hub}/collections/maps/items/m01> <{GEO.sfWithin}> <urn:r> .\n"
    assert (tmp_path / "links.nt").read_text() == line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*ITEMS, "--source-bbox", "1,2,3"), "four numbers"),
        ((*ITEMS, "--source-datetime", "soon"), "'soon'"),
        ((*ITEMS, "--source-query", "even ="), "CQL2"),
        ((*ITEMS, "--target-collection", "maps"), "Only a catalogue"),
    ],
)
def test_what_cannot_be_searched_is_said(arguments, message, place, run, tmp_path):
    result = run(place, *arguments)
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())
    assert not (tmp_path / "links.nt").exists()


def test_a_hub_that_is_not_allowed_or_not_there(hub, run, monkeypatch):
    assert "no folder" in run("catalogue:nowhere", *ITEMS).output
    monkeypatch.delenv("EXTREMEEARTH_ALLOW_HOSTS")
    assert "EXTREMEEARTH_ALLOW_HOSTS" in run(hub, *ITEMS).output
