"""`extremeearth graph`: what it writes where, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from extremeearth.app.command_line.main import gather

GEO = "http://www.opengis.net/ont/geosparql#"
POINT = f'<urn:a> <{GEO}asWKT> "POINT (11 48)"^^<{GEO}wktLiteral> .\n'
LINES = POINT + '<urn:a> <urn:p> "one, two" .\n<urn:b> <urn:p> 2 .\n'.replace(
    " 2 ", ' "2"^^<http://www.w3.org/2001/XMLSchema#integer> '
)


def run(*arguments: object, code: int = 0) -> Any:
    result = CliRunner().invoke(gather(), ["graph", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def store(tmp_path: Path) -> Path:
    file = tmp_path / "a.nt"
    file.write_text(LINES)
    run("load", tmp_path / "store", file)
    return tmp_path / "store"


def test_loading_tells_what_it_did(tmp_path: Path) -> None:
    file, other = tmp_path / "a.nt", tmp_path / "b.data"
    file.write_text(LINES)
    other.write_text("<urn:c> <urn:p> <urn:d> .\nnonsense\n")
    report = json.loads(run("load", tmp_path / "s", file, "--graph", "urn:g", "--json").stdout)
    assert (report["triples"], report["graph"], report["version"]) == (3, "urn:g", 1)
    said = run("load", tmp_path / "s", other, "--format", "nt", code=1).stderr
    assert "line 2" in said
    said = run("load", tmp_path / "s", other, "--format", "nt", "--skip-bad").stderr
    assert "1 new triples" in said
    assert "1 broken statements were left out" in said
    assert "There is no file" in run("load", tmp_path / "s", tmp_path / "none.nt", code=1).stderr


@pytest.mark.parametrize(
    ("form", "start"),
    [("csv", "s,v"), ("tsv", "?s\t?v"), ("json", '{"head"'), ("xml", "<?xml"),
     ("geojson", '{"type":"FeatureCollection"')],
)  # fmt: skip
def test_rows_are_written_in_every_format(store: Path, form: str, start: str) -> None:
    text = f"SELECT ?s ?v {{ ?s <{GEO}asWKT> ?v }}"
    assert run("query", store, text, "--format", form).stdout.startswith(start)


def test_tables_arrow_and_truth(store: Path) -> None:
    text = 'SELECT ?s ?o { ?s <urn:p> ?o FILTER(ISLITERAL(?o) && ?o = "one, two") }'
    shown = run("query", store, text, "--format", "table").stdout
    assert "one, two" in shown
    assert "urn:a" in shown
    table = pa.ipc.open_stream(run("query", store, text, "--format", "arrow").stdout_bytes)
    assert table.read_all()["o"].to_pylist() == ["one, two"]
    assert run("query", store, "ASK { <urn:a> ?p ?o }").stdout == "true\n"
    assert (
        json.loads(run("query", store, "ASK { <urn:a> ?p ?o }", "--json").stdout)["boolean"] is True
    )
    graph = run("query", store, "CONSTRUCT WHERE { <urn:b> ?p ?o }", "--format", "nt").stdout
    assert graph.startswith("<urn:b> <urn:p> ")


def test_wrong_formats_and_stores_are_told(store: Path, tmp_path: Path) -> None:
    run("query", store, "ASK {}", "--format", "pdf", code=2)
    run("query", store, "ASK {}", "--version", "-1", code=2)
    assert (
        "cannot be written" in run("query", store, "SELECT * {}", "--format", "ttl", code=1).stderr
    )
    assert "no graph store" in run("stats", tmp_path / "none", code=1).stderr
    assert not (tmp_path / "none").exists()
    assert "Line 1, column" in run("explain", store, "SELECT", code=1).stderr


def test_versions_updates_and_older_states(store: Path) -> None:
    report = json.loads(run("update", store, "DELETE WHERE { <urn:a> ?p ?o }", "--json").stdout)
    assert (report["inserted"], report["deleted"], report["version"]) == (0, 2, 2)
    assert run("query", store, "ASK { <urn:a> ?p ?o }").stdout == "false\n"
    assert run("query", store, "ASK { <urn:a> ?p ?o }", "--version", 1).stdout == "true\n"
    assert run("query", store, "ASK { <urn:a> ?p ?o }", "--version", 9, code=1).stdout == ""
    listed = json.loads(run("versions", store, "--json").stdout)
    assert [(v["version"], v["inserted"], v["deleted"]) for v in listed][-2:] == [
        (1, 3, 0),
        (2, 0, 2),
    ]
    assert "+3 -0" in run("versions", store).stdout


def test_stats_explain_compact_check_and_dump(store: Path, tmp_path: Path) -> None:
    found = json.loads(run("stats", store, "--json").stdout)
    assert (found["statements"], found["geometries"]) == (3, 1)
    assert found["extent"]["box"] == [11.0, 48.0, 11.0, 48.0]
    shown = run("stats", store).stdout
    assert "statements  3" in shown
    assert "urn:p" in shown
    assert "# Plan" in run("explain", store, "SELECT * { ?s <urn:p> ?o }", "--analyze").stdout
    told = json.loads(run("explain", store, "ASK { ?s ?p ?o }", "--json").stdout)
    assert "# Algebra" in told["explanation"]
    assert json.loads(run("compact", store, "--vacuum-days", 0, "--json").stdout)["after"] >= 1
    assert "whole" in run("check", store).stdout
    assert sorted(run("dump", store).stdout.splitlines()) == sorted(LINES.splitlines())
    done = json.loads(run("dump", store, tmp_path / "all.nq.gz", "--json").stdout)
    assert done["statements"] == 3
    run("load", tmp_path / "copy", tmp_path / "all.nq.gz")
    assert json.loads(run("stats", tmp_path / "copy", "--json").stdout)["statements"] == 3


def test_a_broken_store_is_told(store: Path) -> None:
    file = next((store / "terms").glob("**/*.parquet"))
    file.write_bytes(file.read_bytes()[:-20])
    assert run("check", store, code=1).output


def test_stats_tell_when_a_compaction_is_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "my store"
    monkeypatch.setenv("EXTREMEEARTH_GRAPH_COMPACT_FILES", "0")
    for number in range(3):
        run("update", store, f"INSERT DATA {{ <urn:s{number}> <urn:p> 1 }}")
    assert run("stats", store).stderr == ""  # as many as a change leaves where nothing is said
    monkeypatch.setenv("EXTREMEEARTH_GRAPH_COMPACT_FILES", "6")
    assert run("stats", store).stderr == ""
    monkeypatch.setenv("EXTREMEEARTH_GRAPH_COMPACT_FILES", "5")
    told = run("stats", store, "--json")
    assert json.loads(told.stdout)["scattered_files"] == 6
    assert f"extremeearth graph compact '{store}'" in told.stderr
    run("compact", store)
    told = run("stats", store, "--json")
    assert (json.loads(told.stdout)["scattered_files"], told.stderr) == (1, "")
