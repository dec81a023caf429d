"""The benchmark runner: rivals take turns, medians are compared, differing answers stop it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from bench import __main__ as command_line
from bench import report, runner
from bench.form import Benchmark, Case, Outcome, Skip


def case(**options: Any) -> tuple[list[str], Case]:
    """Two rivals whose scores are known; the list tells who ran when."""
    ran: list[str] = []
    scores = {"ours": iter([9.0, 1.0, 5.0, 3.0]), "theirs": iter([8.0, 2.0, 2.0, 2.0])}

    def rival(name: str) -> Outcome:
        ran.append(name)
        return Outcome(answer=42, metrics={"score": next(scores[name])})

    rivals = {name: (lambda name=name: rival(name)) for name in scores}
    defaults: dict[str, Any] = {
        "label": "c",
        "data": "none",
        "ours": "ours",
        "metric": "score",
        "rounds": 3,
    }
    return ran, Case(rivals=rivals, **defaults | options)


def test_rivals_take_turns_and_the_warm_up_does_not_count() -> None:
    ran, task = case(higher_is_better=True)
    result = runner.measure(task)
    assert sorted(ran[:2]) == sorted(ran[2:4]) == ["ours", "theirs"]
    assert ran[2] != ran[4]
    assert result["rivals"]["ours"]["runs"] == [1.0, 5.0, 3.0]
    assert result["rivals"]["ours"]["median"] == 3.0
    assert result["ratios"] == {"theirs": 1.5}
    assert result["rivals"]["ours"]["metrics"]["seconds"] > 0


def test_where_less_is_better_the_ratio_turns_round() -> None:
    _, task = case()
    assert runner.measure(task)["ratios"] == {"theirs": pytest.approx(2 / 3)}


def test_seconds_are_measured_without_being_asked_for() -> None:
    _, task = case(metric="seconds", rounds=1, warm_up=False)
    result = runner.measure(task)
    assert result["rivals"]["theirs"]["median"] == result["rivals"]["theirs"]["metrics"]["seconds"]


def test_answers_are_compared_in_every_round() -> None:
    seen: list[Mapping[str, Any]] = []

    def differ(answers: Mapping[str, Any]) -> None:
        seen.append(dict(answers))
        if len(seen) == 2:
            raise AssertionError("differ")

    _, task = case(check=differ)
    with pytest.raises(AssertionError, match="differ"):
        runner.measure(task)
    assert seen == [{"ours": 42, "theirs": 42}] * 2


def test_every_module_of_the_package_is_a_benchmark() -> None:
    found = runner.find_benchmarks()
    assert "spatial_join" in found
    assert all(name == benchmark.name for name, benchmark in found.items())


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    def impossible(_quick: bool) -> list[Case]:
        raise Skip("no such machine")

    known = {
        "small": Benchmark(
            name="small",
            title="A small one",
            cases=lambda quick: [case(rounds=1 if quick else 2)[1]],
        ),
        "impossible": Benchmark(name="impossible", title="None", cases=impossible),
    }
    monkeypatch.setattr(command_line, "find_benchmarks", lambda: known)
    for name in ("write_result", "write_page"):
        writer = getattr(report, name)
        monkeypatch.setattr(
            command_line, name, lambda *given, writer=writer: writer(*given, tmp_path)
        )
    return tmp_path


def test_the_command_writes_json_and_a_page(
    benchmarks: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    everything = tmp_path / "out" / "all.json"
    everything.parent.mkdir()
    assert command_line.main(["--json", str(everything)]) == 0
    told = capsys.readouterr()
    assert "A small one" in told.out
    assert "impossible: skipped, no such machine" in told.err
    one = json.loads((benchmarks / "small.json").read_text())
    assert json.loads(everything.read_text()) == {"results": [one]}
    assert "| c | ours (ours) |" in (benchmarks / "README.md").read_text()
    assert not (benchmarks / "impossible.json").exists()


def test_a_quick_look_keeps_nothing(benchmarks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["small", "--quick"]) == 0
    assert list(benchmarks.iterdir()) == []
    assert "A small one" in capsys.readouterr().out


def test_listing_and_unknown_names(benchmarks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["--list"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "small\tA small one"
    with pytest.raises(SystemExit) as wrong:
        command_line.main(["nothing"])
    assert wrong.value.code == 2
    assert "no benchmark nothing; there are small, impossible" in capsys.readouterr().err
    assert list(benchmarks.iterdir()) == []


def test_the_spatial_join_runs_and_counts_alike() -> None:
    from bench.spatial_join import BENCHMARK

    result = runner.run_benchmark(BENCHMARK, quick=True)
    assert [one["case"] for one in result["cases"]] == ["polygons x points", "polygons x polygons"]
    assert all(one["ratios"]["geopandas sjoin"] > 0 for one in result["cases"])
