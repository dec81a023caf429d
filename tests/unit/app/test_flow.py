"""The flow of steps: kept, forgotten, stopped in the middle."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from extremeearth.app.demo.flow import Flow, Step, first_failure, print_table
from extremeearth.core.errors import CancelledError
from extremeearth.core.progress import SILENT


@pytest.fixture
def runs() -> list[str]:
    return []


def make(
    name: str, runs: list[str], *, keep: bool = True, result: dict | None = None, fail: bool = False
) -> Step:
    def run(_progress: object) -> dict:
        runs.append(name)
        if fail:
            raise CancelledError("Stopped because it was cancelled.")
        return dict(result or {"name": name})

    return Step(event=len(name), name=name, run=run, tell="{name}", keep=keep)


def test_second_run_skips_what_is_kept_and_repeats_what_is_not(
    tmp_path: Path, runs: list[str]
) -> None:
    steps = [make("access", runs, keep=False), make("ingest", runs)]
    Flow(tmp_path / "r.json", fingerprint="a").run(steps, SILENT)
    outcomes = Flow(tmp_path / "r.json", fingerprint="a").run(steps, SILENT)
    assert runs == ["access", "ingest", "access"]
    assert [o.kept for o in outcomes] == [False, True]
    assert outcomes[1].result == {"name": "ingest"}


def test_a_step_that_fails_is_repeated_and_those_before_it_are_kept(
    tmp_path: Path, runs: list[str]
) -> None:
    first, broken, mended = make("one", runs), make("two", runs, fail=True), make("two", runs)
    with pytest.raises(CancelledError):
        Flow(tmp_path / "r.json", fingerprint="a").run([first, broken], SILENT)
    Flow(tmp_path / "r.json", fingerprint="a").run([first, mended], SILENT)
    assert runs == ["one", "two", "two"]


def test_a_step_that_runs_again_makes_later_ones_run_again(tmp_path: Path, runs: list[str]) -> None:
    record = tmp_path / "r.json"
    Flow(record, fingerprint="a").run([make("one", runs), make("three", runs)], SILENT)
    stored = json.loads(record.read_text())
    stored["steps"] = [row for row in stored["steps"] if row["name"] != "one"]
    record.write_text(json.dumps(stored))
    Flow(record, fingerprint="a").run([make("one", runs), make("three", runs)], SILENT)
    assert runs == ["one", "three", "one", "three"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"fingerprint": "a"}', '{"fingerprint": "a", "steps": [1]}']
)
def test_a_record_that_cannot_be_read_is_forgotten(
    tmp_path: Path, runs: list[str], text: str
) -> None:
    record = tmp_path / "r.json"
    record.write_text(text)
    Flow(record, fingerprint="a").run([make("one", runs)], SILENT)
    assert runs == ["one"]


def test_a_result_that_is_not_ok_is_not_kept_and_is_told(tmp_path: Path, runs: list[str]) -> None:
    step = make("compare", runs, result={"ok": False, "name": "maps differ"})
    outcomes = Flow(tmp_path / "r.json", fingerprint="a").run([step], SILENT)
    failure = first_failure(outcomes)
    assert failure is not None
    assert "compare" in failure.message
    Flow(tmp_path / "r.json", fingerprint="a").run([step], SILENT)
    assert runs == ["compare", "compare"]


def test_the_table_shows_each_step_once(tmp_path: Path, runs: list[str]) -> None:
    steps = [make("one", runs), make("three", runs)]
    outcomes = Flow(tmp_path / "r.json", fingerprint="a").run(steps, SILENT)
    stream = io.StringIO()
    print_table(steps, outcomes, console=Console(file=stream, width=100), title="Steps")
    assert stream.getvalue().count("three") == 2  # its name, and what it tells
