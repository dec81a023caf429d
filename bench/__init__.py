"""Benchmarks: every speed or accuracy claim of the project, measured against rivals in the same run."""

from __future__ import annotations

from bench.form import Benchmark, Case, Outcome, Skip

__all__ = ["Benchmark", "Case", "Outcome", "Skip"]
