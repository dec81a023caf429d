"""The benchmarks of the graph store run, and their rivals answer alike."""

from __future__ import annotations

import importlib

import pytest
from bench import runner


@pytest.mark.parametrize(
    ("name", "ours", "cases"),
    [
        ("graph_queries", "extremeearth", 2),
        ("graph_selection", "extremeearth", 6),
        ("graph_spatial_join", "extremeearth", 2),
        ("graph_concurrency", "extremeearth", 1),
    ],
)
def test_it_runs_and_its_rivals_agree(name: str, ours: str, cases: int) -> None:
    benchmark = importlib.import_module(f"bench.{name}").BENCHMARK
    result = runner.run_benchmark(benchmark, quick=True)
    assert len(result["cases"]) == cases
    for case in result["cases"]:
        assert case["ours"] == ours
        assert case["ratios"]
        assert all(ratio > 0 for ratio in case["ratios"].values())
