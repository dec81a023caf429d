"""Runs compiled queries over a snapshot."""

from __future__ import annotations

from extremeearth.knowledge.store.execution.evaluator import Evaluator, Measured, PlanCache, Rows
from extremeearth.knowledge.store.execution.query_terms import QueryTerms
from extremeearth.knowledge.store.execution.run import Dataset

__all__ = ["Dataset", "Evaluator", "Measured", "PlanCache", "QueryTerms", "Rows"]
