"""What people get wrong: one sentence of what happened, a hint, exit code 1, no traceback."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from extremeearth.app.command_line.main import gather
from extremeearth.app.demo.food_security.access import KEY_SCOPES, open_access
from extremeearth.app.demo.food_security.ingest import ingest
from extremeearth.app.demo.food_security.place import DemoPlace
from extremeearth.app.platform import Platform
from extremeearth.core.progress import SILENT
from extremeearth.core.settings import Settings

BOX = "bbox=[11.5,48.3,11.8,48.5]"
SEASON = "datetime=2018-03-01/2018-07-31"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A platform with one simulated season."""
    folder = tmp_path_factory.mktemp("platform")
    place = DemoPlace(out=folder, data=None, settings=Settings(home=folder))
    place.token, _ = open_access(place, SILENT)
    ingest(place, SILENT)
    place.close()
    return folder


@pytest.fixture(scope="module")
def key(home: Path) -> str:
    with Platform.open(Settings(home=home)) as platform:
        accounts = platform.accounts
        return accounts.create_key(
            user=accounts.find_user("demo"), project=accounts.find_project("food-security"), name="test",
            scopes=KEY_SCOPES, expires=None,
        ).token  # fmt: skip


def failure(*arguments: str) -> str:
    result = CliRunner().invoke(gather(), list(arguments))
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    said = result.stderr[result.stderr.index("Error: ") :]  # progress may stand before
    assert len(said.strip().splitlines()) >= 2 or "expected" in said, (
        "what happened, and what to do"
    )
    return said


@pytest.fixture
def refused(home: Path, key: str) -> Callable[..., str]:
    """Run a processor with inputs that it refuses, and give what it says."""

    def run(processor: str, *inputs: str) -> str:
        given = [part for text in inputs for part in ("-i", text)]
        return failure("run", processor, "--home", str(home), "--key", key, *given)

    return run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--bbox", "11.7,48,11.6,47"], "is empty"),
        (["--bbox", "300,1,301,2"], "leaves the range"),
        (["--bbox", "1,2,3"], "four numbers"),
        (["--datetime", "2018-13-45"], "is not a time"),
        (["--datetime", "2018-07-01/2018-03-01"], "ends"),
        (["--filter", "nonsense <<< 3"], "cannot be parsed"),
    ],
)
def test_searches(home: Path, arguments: list[str], words: str) -> None:
    assert words in failure("search", "--home", str(home), *arguments)


@pytest.mark.parametrize(
    ("processor", "inputs", "words"),
    [
        ("leaf-area-index", [BOX, "datetime=2031-01-01/2031-02-01"], "2031"),
        ("leaf-area-index", ["bbox=[1,1,2,2]", SEASON], "field-series"),
        ("crop-type", [BOX, SEASON, "model=unheard-of"], "unheard-of"),
        ("crop-type", ["bbox=[1,2]", SEASON], "bbox"),
        ("rain-dance", [], "crop-type"),
    ],
    ids=["a time frame without data", "a box without data", "an unknown model", "an input of the wrong kind",
         "an unknown processor names the known ones"],
)  # fmt: skip
def test_a_refused_run_says_why(
    refused: Callable[..., str], processor: str, inputs: list[str], words: str
) -> None:
    assert words in refused(processor, *inputs)


def test_a_wrong_key_is_told(home: Path) -> None:
    assert "key" in failure(
        "run", "crop-type", "--home", str(home), "--key", "ee0123456789.wrong", "-i", BOX
    )


def test_an_expired_key_is_told(home: Path) -> None:
    with Platform.open(Settings(home=home)) as platform:
        accounts = platform.accounts
        expired = accounts.create_key(
            user=accounts.find_user("demo"), project=accounts.find_project("food-security"), name="old",
            scopes=KEY_SCOPES, expires=datetime.now(UTC) + timedelta(seconds=1),
        )  # fmt: skip
        with platform.database.session() as session:
            from extremeearth.processing.accounts.tables import KeyRow

            row = session.get(KeyRow, expired.prefix)
            assert row is not None
            row.expires = datetime.now(UTC) - timedelta(days=1)
    assert "expired" in failure(
        "run", "crop-type", "--home", str(home), "--key", expired.token, "-i", BOX
    )


def test_a_data_folder_that_is_named_and_not_there_is_never_simulated(tmp_path: Path) -> None:
    said = failure(
        "demo", "food-security", "--data", str(tmp_path / "none"), "--out", str(tmp_path / "out")
    )
    assert "has no bavaria-fields" in said
    assert not (tmp_path / "out" / "report.html").exists()


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        (
            "bavaria-fields/lpis_test_area_2018.gpkg",
            lambda p: p.write_bytes(p.read_bytes()[:5000]),
            "cannot be read",
        ),
        ("bavaria-fields/daily_weather_2018.parquet", lambda p: p.unlink(), "is missing"),
        (
            "bavaria-fields/s2_l2a_chips/D2.nc",
            lambda p: p.write_bytes(b"nonsense"),
            "cannot be read",
        ),
        ("hcat-crop-taxonomy/HCAT3.csv", lambda p: p.write_text("a,b\n1,2\n"), "HCAT3.csv"),
    ],
)
def test_a_missing_or_broken_file_is_named(
    data_folder: Path, tmp_path: Path, file: str, change: Callable[[Path], object], words: str
) -> None:
    data = tmp_path / "data"
    for name in ("bavaria-fields", "hcat-crop-taxonomy", "admin-boundaries"):
        shutil.copytree(data_folder / name, data / name, copy_function=shutil.copyfile)
    change(data / file)
    said = failure("demo", "food-security", "--data", str(data), "--out", str(tmp_path / "out"))
    assert words in said
    assert Path(file).name in said


def test_a_graph_that_is_open_elsewhere_can_be_written(tmp_path: Path) -> None:
    from extremeearth.knowledge.store import open_graph

    store = tmp_path / "graph"
    held = open_graph(store)
    file = tmp_path / "a.nt"
    file.write_text("<urn:a> <urn:b> <urn:c> .\n")
    assert CliRunner().invoke(gather(), ["graph", "load", str(store), str(file)]).exit_code == 0
    assert len(held) == 1
    held.close()


def test_a_folder_with_something_else_is_no_graph(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear all,")
    file = tmp_path / "a.nt"
    file.write_text("<urn:a> <urn:b> <urn:c> .\n")
    assert "holds something else" in failure("graph", "load", str(tmp_path), str(file))


def test_broken_rdf_names_the_line_and_loads_nothing(tmp_path: Path) -> None:
    file, store = tmp_path / "a.nt", tmp_path / "graph"
    file.write_text("<urn:a> <urn:b> <urn:c> .\nnonsense\n")
    assert "line 2" in failure("graph", "load", str(store), str(file))
    answer = CliRunner().invoke(
        gather(), ["graph", "query", str(store), "SELECT * {?s ?p ?o}", "--format", "json"]
    )
    assert json.loads(answer.stdout)["results"]["bindings"] == []


def test_a_query_with_an_error_names_the_place(tmp_path: Path) -> None:
    store = tmp_path / "graph"
    file = tmp_path / "a.nt"
    file.write_text("<urn:a> <urn:b> <urn:c> .\n")
    CliRunner().invoke(gather(), ["graph", "load", str(store), str(file)])
    assert "Line 1, column 24" in failure("graph", "query", str(store), "SELECT * WHERE { ?s ?p }")


def test_what_a_message_quotes_cannot_steer_a_terminal() -> None:
    wrong = ["rdf", "map", "no\x1b[2J\u009b5Amap.ttl", "-o", "out.nt"]
    result = CliRunner().invoke(gather(), wrong, color=True)
    assert (result.exit_code, "map.ttl" in result.stderr) == (1, True)
    assert "\x1b[2J" not in result.stderr
    assert "\u009b" not in result.stderr
