"""Runs benchmarks: rivals in turns, medians, ratios."""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import bench
from bench.form import SECONDS, Benchmark, Case, Outcome

__all__ = ["find_benchmarks", "measure", "run_benchmark"]

NOT_BENCHMARKS = {"__main__", "form", "report", "runner"}
PACKAGES = ("geopandas", "numpy", "pyarrow", "sedonadb", "shapely")


def find_benchmarks() -> dict[str, Benchmark]:
    """Import every module of this package that has a `BENCHMARK`."""
    found: dict[str, Benchmark] = {}
    for module in pkgutil.iter_modules(bench.__path__):
        if module.name in NOT_BENCHMARKS or module.name.startswith("_"):
            continue
        benchmark = importlib.import_module(f"bench.{module.name}").BENCHMARK
        if benchmark.name != module.name:
            raise ValueError(f"bench/{module.name}.py calls its benchmark '{benchmark.name}'")
        found[benchmark.name] = benchmark
    return found


def run_benchmark(
    benchmark: Benchmark, *, quick: bool, tell: Callable[[str], None] = lambda _text: None
) -> dict[str, Any]:
    """Run all cases and give what goes into the JSON file."""
    cases = []
    for case in benchmark.cases(quick):
        tell(f"{benchmark.name}: {case.label}")
        cases.append(measure(case, quick=quick))
    command = f"python -m bench {benchmark.name}{' --quick' if quick else ''}"
    return {
        "benchmark": benchmark.name,
        "title": benchmark.title,
        "command": command,
        "machine": _machine(),
        "cases": cases,
    }


def measure(case: Case, *, quick: bool = False) -> dict[str, Any]:
    """Let the rivals of one case take turns, and compare medians.

    A ratio says how many times better ours is than the rival; below 1 it is worse.
    """
    values: dict[str, list[float]] = {name: [] for name in case.rivals}
    others: dict[str, dict[str, list[float]]] = {name: {} for name in case.rivals}
    rounds = 1 if quick else case.rounds
    for turn in range(-1 if case.warm_up else 0, rounds):
        answers = {}
        for name in _turn(list(case.rivals), turn):
            seconds, outcome = _once(case.rivals[name])
            answers[name] = outcome.answer
            if turn < 0:
                continue
            metrics = {SECONDS: seconds} | dict(outcome.metrics)
            values[name].append(metrics[case.metric])
            for metric, value in metrics.items():
                others[name].setdefault(metric, []).append(value)
        if case.check is not None:
            case.check(answers)
    medians = {name: statistics.median(runs) for name, runs in values.items()}
    return {
        "case": case.label,
        "data": case.data,
        "metric": case.metric,
        "higher_is_better": case.higher_is_better,
        "ours": case.ours,
        "rivals": {
            name: {
                "median": medians[name],
                "runs": values[name],
                "metrics": {key: statistics.median(runs) for key, runs in others[name].items()},
            }
            for name in case.rivals
        },
        "ratios": {
            name: _ratio(medians[case.ours], medians[name], case.higher_is_better)
            for name in case.rivals
            if name != case.ours
        },
    }


def _turn(names: list[str], turn: int) -> Iterator[str]:
    """Begin with another rival each time, so that none always runs on a warm cache."""
    shift = turn % len(names)
    yield from names[shift:] + names[:shift]


def _once(rival: Callable[[], Outcome]) -> tuple[float, Outcome]:
    gc.collect()
    start = time.perf_counter()
    outcome = rival()
    return time.perf_counter() - start, outcome


def _ratio(ours: float, theirs: float, higher_is_better: bool) -> float | None:
    above, below = (ours, theirs) if higher_is_better else (theirs, ours)
    return above / below if below else None


def _machine() -> dict[str, Any]:
    return {
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }
