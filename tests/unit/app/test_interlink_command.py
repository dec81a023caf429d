"""``extremeearth interlink``: from two files to N-Triples."""

from __future__ import annotations

import gzip
import json

import pytest
from typer.testing import CliRunner

from extremeearth.app.command_line.main import gather

GEO = "http://www.opengis.net/ont/geosparql#"


@pytest.fixture(scope="module")
def run():
    application = gather()
    return lambda *arguments: CliRunner().invoke(application, ["interlink", *map(str, arguments)])


@pytest.fixture
def files(tmp_path):
    (tmp_path / "fields.csv").write_text(
        'nr,from,to,wkt\n1,2020-01-01,2020-12-31,"POLYGON ((1 1, 2 1, 2 2, 1 2, 1 1))"\n2,2021-01-01,,POINT (50 50)\n'
    )
    (tmp_path / "regions.csv").write_text(
        'id,day,wkt\nurn:r:a,2020-06-01,"POLYGON ((0 0, 9 0, 9 9, 0 9, 0 0))"\nurn:r:b,2020-06-01,POINT (50 50.001)\n'
    )
    return tmp_path


def arguments(files, *more, out="links.nt"):
    return (
        files / "fields.csv", files / "regions.csv", "-o", files / out, "--source-id", "nr",
        "--source-prefix", "urn:f:", "--crs", "EPSG:4326", *more,
    )  # fmt: skip


def test_links_and_a_report(run, files):
    result = run(*arguments(files, "--json", files / "report.json", "--within", 200))
    assert result.exit_code == 0, result.output
    assert (files / "links.nt").read_text().splitlines() == [
        f"<urn:f:1> <{GEO}sfIntersects> <urn:r:a> .",
        f"<urn:f:1> <{GEO}sfWithin> <urn:r:a> .",
        "<urn:f:1> <https://w3id.org/extremeearth/def/interlinking#withinDistance> <urn:r:a> .",
        "<urn:f:2> <https://w3id.org/extremeearth/def/interlinking#withinDistance> <urn:r:b> .",
    ]
    report = json.loads((files / "report.json").read_text())
    assert (report["candidates"], report["verified"]) == (1, 1)
    assert report["links"]["within"] == 1
    assert report["links"]["withinDistance"] == 2
    assert "4 links of 1 verified pairs" in result.stderr


def test_choices_reach_the_run(run, files):
    result = run(*arguments(files, "--relations", "contains,inside", "--vocabulary", "eh", "--filter", "radon",
                            "--on-invalid", "keep", "--workers", 1, out="l.nt.gz"))  # fmt: skip
    assert result.exit_code == 0, result.output
    text = gzip.decompress((files / "l.nt.gz").read_bytes()).decode()
    assert text == f"<urn:f:1> <{GEO}ehInside> <urn:r:a> .\n"
    result = run(*arguments(files, "--relations", "none", "--nearest", 1, "--source-times", "from,to",
                            "--target-times", "day", "--json", "-"))  # fmt: skip
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["links"] == {"nearest": 1}


def test_a_budget_and_a_state(run, files):
    result = run(*arguments(files, "--budget", "1", "--measure", "--weighting", "js*isp"))
    assert "precision 1.000, recall 1.000" in result.stderr
    for known in (0, 2):
        result = run(*arguments(files, "--state", files / "state.parquet", "--json", "-"))
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["reused"] == known


def test_a_budget_goes_on(run, files):
    with (files / "regions.csv").open("a") as file:
        file.write("urn:r:c,2020-06-01,POINT (1.5 1.5)\n")
    for told in (False, True):
        result = run(
            *arguments(
                files, "--state", files / "s.parquet", "--budget", 1, "--relations", "intersects"
            )
        )
        assert result.exit_code == 0, result.output
        assert ("went on after 1 pairs" in result.stderr) is told
    found = {line.split()[2] for line in (files / "links.nt").read_text().splitlines()}
    assert found == {"<urn:r:a>", "<urn:r:c>"}


def test_a_source_is_linked_with_itself(run, files):
    result = run(
        files / "regions.csv", "-o", files / "self.nt", "--crs", "4326", "--relations", "disjoint"
    )
    assert result.exit_code == 0, result.output
    assert (files / "self.nt").read_text().count("sfDisjoint") == 2


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (("--target-id", "nr"), 1, "regions.csv has no column 'nr'"),
        (("--relations", "near"), 1, "'near' is no relation"),
        (("--budget", "much"), 1, "is no budget"),
        (("--out", "links.ttl"), 2, "Name it"),
        (("--engine", "cloud"), 1, "'cloud' is no engine"),
    ],
)
def test_what_is_wrong_is_said_and_no_file_appears(run, files, more, code, message):
    result = run(*arguments(files, *more))
    assert result.exit_code == code
    assert message in " ".join(result.output.split())
    assert not (files / "links.nt").exists()


def test_a_missing_system_says_how_to_give_one(run, files):
    result = run(files / "regions.csv", files / "regions.csv", "-o", files / "links.nt")
    assert result.exit_code == 1
    assert "--crs EPSG:4326" in " ".join(result.stderr.split())
    assert "Traceback" not in result.output


def test_a_database_and_records_are_sources(run, files):
    import sqlite3

    with sqlite3.connect(files / "f.sqlite") as database:
        database.execute("CREATE TABLE fields (nr INTEGER, shape TEXT, day TEXT)")
        database.execute(
            "INSERT INTO fields VALUES (1, 'POLYGON ((1 1, 2 1, 2 2, 1 2, 1 1))', '2020-06-01')"
        )
    database.close()
    (files / "regions.json").write_text(
        '{"regions": [{"id": "urn:r:a", "wkt": "POLYGON ((0 0, 9 0, 9 9, 0 9, 0 0))"}]}'
    )
    for more in (("--source-layer", "fields"), ("--source-query", "SELECT nr, shape FROM fields")):
        result = run(f"sqlite:///{files}/f.sqlite", files / "regions.json", "-o", files / "l.nt", "--source-id", "nr",
                     "--source-prefix", "urn:f:", "--crs", "EPSG:4326", "--source-geometry", "shape",
                     "--target-layer", "$.regions[*]", "--relations", "within", *more)  # fmt: skip
        assert result.exit_code == 0, result.output
        assert (files / "l.nt").read_text() == f"<urn:f:1> <{GEO}sfWithin> <urn:r:a> .\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('id,wkt\nurn:r:a,"POLYGON ((0 0, 9 0, 9 100, 0 0))"\n', "poles"),
        ('id,wkt\nurn:r:a,"POLYGON ((170 0, 190 0, 190 9, 170 0))"\n', "antimeridian"),
    ],
)
def test_what_leaves_the_globe_is_told(text, message, run, files):
    (files / "regions.csv").write_text(text)
    result = run(*arguments(files))
    assert result.exit_code == 0, result.output
    assert f"1 of the target lie beyond the {message}" in result.stderr


def test_no_system_and_broken_features(run, files):
    (files / "broken.csv").write_text(
        'nr,wkt\n1,"POLYGON ((1 1, 2 1, 2 2, 1 2, 1 1))"\n2,POLYGON ((\n3,POINT (1 1)\n'
    )
    more = (
        files / "regions.csv",
        "-o",
        files / "l.nt",
        "--source-id",
        "nr",
        "--source-prefix",
        "urn:f:",
    )
    result = run(files / "broken.csv", *more)
    assert result.exit_code != 0
    assert "--crs EPSG:4326" in result.output + str(result.exception)
    assert not (files / "l.nt").exists()
    result = run(files / "broken.csv", *more, "--crs", "EPSG:4326", "--relations", "within")
    assert result.exit_code == 0, result.output
    assert "1 features of the source and 0 of the target are unreadable" in result.stderr
    assert len((files / "l.nt").read_text().splitlines()) == 2


def test_a_system_that_contradicts_the_source_is_refused(run, files):
    (files / "f.csv").write_text('id,wkt\nurn:f,"SRID=32632;POINT (500000 5300000)"\n')
    more = (
        files / "f.csv",
        files / "regions.csv",
        "-o",
        files / "l.nt",
        "--target-crs",
        "EPSG:4326",
    )
    result = run(*more, "--source-crs", "EPSG:4326")
    assert result.exit_code == 1
    assert "says that it is in EPSG:32632, not in EPSG:4326" in " ".join(result.output.split())
    assert not (files / "l.nt").exists()
    for options in (("--source-crs", "EPSG:32632"), ("--crs", "EPSG:4326"), ()):
        assert run(*more, *options).exit_code == 0


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--source-query", "SELECT 1"), "fields.csv is no database, endpoint, store or catalogue"),
        (("--target-layer", "all"), "regions.csv has no layers"),
        (("--target-prefix", "no iri "), "--target-prefix"),
        (("--source-prefix", ""), "Put a prefix before the ids"),
    ],
)
def test_what_a_source_has_not_is_not_ignored(run, files, more, message):
    result = run(*arguments(files, *more))
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())
    assert not (files / "links.nt").exists()


def test_names_may_have_spaces_between_and_repeated_ids_are_told(run, files):
    with (files / "regions.csv").open("a") as file:
        file.write("urn:r:b,2020-06-01,POINT (7 7)\n")
    result = run(*arguments(files, "--relations", "within, contains", "--json", "-"))
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert set(report["links"]) == {"within", "contains"}
    assert (report["features"], report["repeated"]) == ([2, 3], [0, 1])
    assert "0 features of the source and 1 of the target have the id of another" in result.stderr


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_stopping_leaves_nothing_half_written(files, name, code):
    import os
    import random
    import signal
    import subprocess
    import sys
    import time

    draw = random.Random(1)
    rows = [f"{n},POINT ({draw.random()} {draw.random()})" for n in range(200_000)]
    (files / "many.csv").write_text("id,wkt\n" + "\n".join(rows) + "\n")
    before = sorted(path.name for path in files.iterdir())
    command = [
        sys.executable, "-m", "extremeearth", "interlink", "many.csv", "-o", "links.nt", "--crs", "EPSG:4326",
        "--source-prefix", "urn:", "--relations", "disjoint",
    ]  # fmt: skip
    # a group of its own, as a terminal stops it
    started = subprocess.Popen(
        command, cwd=files, stderr=subprocess.PIPE, env=dict(os.environ), start_new_session=True
    )
    try:
        until = time.monotonic() + 120
        while not any(files.glob(".links.nt-unfinished-*/*")):  # until it writes
            assert time.monotonic() < until
            assert started.poll() is None
            time.sleep(0.05)
        started.send_signal(getattr(signal, name))
        told = started.communicate(timeout=60)[1].decode()
    finally:
        started.kill()
        started.wait()
    assert started.returncode == code
    assert "Stopped." in told
    assert "Traceback" not in told
    assert sorted(path.name for path in files.iterdir()) == before


def test_options_of_a_target_need_one(run, files):
    result = run(
        files / "regions.csv", "-o", files / "l.nt", "--crs", 4326, "--target-bbox", "1,2,3,4"
    )
    assert result.exit_code == 2
    assert "no TARGET" in result.output
    assert not (files / "l.nt").exists()


def test_links_can_be_looked_at(run, files):
    result = run(*arguments(files, "--table", files / "l.csv", "--picture", files / "l.html"))
    assert result.exit_code == 0, result.output
    assert (files / "l.csv").read_text().count("urn:f:1") == 2
    assert "<svg" in (files / "l.html").read_text()
    assert f"the picture is {files / 'l.html'}" in result.stderr.replace("\n", "")


@pytest.mark.parametrize(("option", "name"), [("--table", "l.xlsx"), ("--picture", "l.gif")])
def test_names_of_no_format_are_told_before_anything_is_read(run, files, option, name):
    result = run(files / "nowhere.csv", "-o", files / "links.nt", option, files / name)
    assert result.exit_code == 2
    assert option in result.stderr
    result = run(files / "nowhere.csv", "-o", files / "links.csv")
    assert result.exit_code == 2
    assert "--table" in result.stderr


def test_all_that_is_missing_is_told_at_once(run, files):
    (files / "bare.csv").write_text("crop,wkt\na,POINT (1 2)\na,POINT (1 3)\n")
    result = run(files / "bare.csv", files / "nowhere.gpkg", "-o", files / "links.nt")
    assert result.exit_code == 1
    told = " ".join(result.stderr.split())
    for words in (
        "bare.csv names the features",
        "Name one of crop",
        "--source-prefix",
        "--crs EPSG:4326",
        "nowhere",
    ):
        assert words in told
    assert not (files / "links.nt").exists()


def test_what_names_the_features_is_found_and_told(run, files):
    result = run(files / "fields.csv", files / "regions.csv", "-o", files / "l.nt", "--crs", "EPSG:4326",
                 "--relations", "within", "--base", "https://my.org/")  # fmt: skip
    assert result.exit_code == 0, result.output
    told = "fields.csv: features are named by nr, the first is https://my.org/fields/1"
    assert told in result.stderr.replace("\n", " ")
    assert "regions.csv: " not in result.stderr  # its ids are IRIs
    assert (
        files / "l.nt"
    ).read_text() == f"<https://my.org/fields/1> <{GEO}sfWithin> <urn:r:a> .\n"


def test_one_source_and_words_of_the_mapping_commands_do(run, files):
    result = run(
        files / "fields.csv",
        "-o",
        files / "l.nt",
        "--crs",
        4326,
        "--id",
        "nr",
        "--invalid",
        "reject",
    )
    assert result.exit_code == 0, result.output
