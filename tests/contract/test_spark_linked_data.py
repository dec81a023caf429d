"""The commands that map and interlink on a Spark cluster write what they write in this process."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import shapely
from tests.servers.spark import SparkCluster
from typer.testing import CliRunner, Result

from extremeearth.app.command_line.main import gather

if TYPE_CHECKING:
    from extremeearth.infrastructure.engine import SparkEngine

MAPPING = """
@prefix rr: <http://www.w3.org/ns/r2rml#> .
@prefix rml: <http://semweb.mmlab.be/ns/rml#> .
@prefix ql: <http://semweb.mmlab.be/ns/ql#> .
@prefix geo: <http://www.opengis.net/ont/geosparql#> .
@prefix ex: <http://example.org/> .
<#fields> a rr:TriplesMap ;
  rml:logicalSource [ rml:source "fields.csv"; rml:referenceFormulation ql:CSV ] ;
  rr:subjectMap [ rr:template "http://example.org/field/{id}"; rr:class ex:Field ] ;
  rr:predicateObjectMap [ rr:predicate ex:crop; rr:objectMap [ rml:reference "crop" ] ] ;
  rr:predicateObjectMap [ rr:predicate geo:asWKT;
    rr:objectMap [ rml:reference "wkt"; rr:datatype geo:wktLiteral ] ] .
"""


@pytest.fixture
def run(spark_engine: SparkEngine) -> Callable[..., Result]:
    """Run a command in this process, which is in the cluster already: another would wait for free cores."""
    assert spark_engine.slots
    application = gather()
    return lambda *arguments: CliRunner().invoke(application, [*map(str, arguments)])


def test_the_mapping_command_writes_the_same_triples(
    run: Callable[..., Result], spark_cluster: SparkCluster, tmp_path: Path
) -> None:
    (tmp_path / "mapping.ttl").write_text(MAPPING)
    rows = [f"{n},crop {n % 7},POINT ({n} {n % 90})\n" for n in range(500)]
    (tmp_path / "fields.csv").write_text("id,crop,wkt\n" + "".join(rows))
    lines, reports = {}, {}
    for name, engine in (("here", ()), ("spark", ("--engine", spark_cluster.url))):
        out = tmp_path / f"{name}.nt"
        done = run("rdf", "map", tmp_path / "mapping.ttl", "-o", out, "--json", *engine)
        assert done.exit_code == 0, done.output
        lines[name] = sorted(out.read_text().splitlines())
        reports[name] = json.loads(done.stdout)
    assert len(lines["here"]) == 1500
    assert lines["spark"] == lines["here"]
    assert reports["spark"]["triples"] == reports["here"]["triples"] == 1500


def test_workers_that_see_our_files_read_and_write_them(
    run: Callable[..., Result], spark_cluster: SparkCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr("extremeearth.knowledge.mapping.running.outputs.PIECE_BYTES", 2000)
    monkeypatch.setenv("EXTREMEEARTH_ENGINE_SHARES_FILES", "true")
    (tmp_path / "mapping.ttl").write_text(MAPPING)
    rows = [f'{n},"crop\n{n % 7}",POINT ({n} {n % 90})\n' for n in range(500)]
    (tmp_path / "fields.csv").write_text("id,crop,wkt\n" + "".join(rows))
    assert run("rdf", "map", tmp_path / "mapping.ttl", "-o", tmp_path / "here.nt").exit_code == 0
    folder = tmp_path / "parts"
    done = run("rdf", "map", tmp_path / "mapping.ttl", "-o", folder, "--part-mb", "1", "--form", ".nt.gz",
               "--engine", spark_cluster.url)  # fmt: skip
    assert done.exit_code == 0, done.output
    lines = [
        line
        for part in folder.iterdir()
        for line in gzip.decompress(part.read_bytes()).splitlines()
    ]
    expected = (tmp_path / "here.nt").read_bytes().splitlines()
    assert len(expected) == 1500
    assert sorted(lines) == sorted(expected)


def test_the_interlinking_command_writes_the_same_links(
    run: Callable[..., Result], spark_cluster: SparkCluster, tmp_path: Path
) -> None:
    generator = np.random.default_rng(11)
    for name in "ab":
        corners, sizes = generator.integers(0, 30, (120, 2)), generator.integers(1, 6, (120, 2))
        texts = shapely.to_wkt(shapely.box(*corners.T, *(corners + sizes).T))
        rows = [f'urn:{name}{n},"{text}"\n' for n, text in enumerate(texts)]
        (tmp_path / f"{name}.csv").write_text("id,wkt\n" + "".join(rows))
    lines, reports = {}, {}
    for name, engine in (("here", ()), ("spark", ("--engine", spark_cluster.url))):
        out, report = tmp_path / f"{name}.nt", tmp_path / f"{name}.json"
        done = run("interlink", tmp_path / "a.csv", tmp_path / "b.csv", "-o", out, "--source-id", "id",
                   "--target-id", "id", "--crs", "EPSG:4326", "--json", report, *engine)  # fmt: skip
        assert done.exit_code == 0, done.output
        lines[name] = sorted(out.read_text().splitlines())
        reports[name] = json.loads(report.read_text())
    assert len(lines["here"]) > 200
    assert lines["spark"] == lines["here"]
    assert {r["qualifying"] for r in reports.values()} == {reports["here"]["qualifying"]}


def test_a_mapping_that_fails_on_a_worker_leaves_no_file(
    run: Callable[..., Result], spark_cluster: SparkCluster, tmp_path: Path
) -> None:
    as_iri = MAPPING.replace(
        '[ rml:reference "crop" ]', '[ rml:reference "crop"; rr:termType rr:IRI ]'
    )
    (tmp_path / "mapping.ttl").write_text(as_iri)
    rows = [f"{n},crop,POINT (0 0)\n" for n in range(50)]
    (tmp_path / "fields.csv").write_text(
        "id,crop,wkt\n" + "".join(rows) + "50,no iri,POINT (0 0)\n"
    )
    done = run("rdf", "map", tmp_path / "mapping.ttl", "-o", tmp_path / "out.nt",
               "--engine", spark_cluster.url)  # fmt: skip
    assert done.exit_code == 1
    said = " ".join(done.stderr.split())
    assert "mapping, item 0 (rows 0 to 50): 'http" in said
    assert "/no iri' is not an IRI" in said
    assert not list(tmp_path.glob("out.nt*"))
