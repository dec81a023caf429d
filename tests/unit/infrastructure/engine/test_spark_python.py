"""Python on Spark's workers, between two tasks."""

from __future__ import annotations

import gc
import sys
from types import ModuleType

import pytest

from extremeearth.infrastructure.engine import _spark_python
from extremeearth.infrastructure.engine._spark_python import settle

pyspark = pytest.importorskip(
    "pyspark", reason="PySpark is not installed: pip install 'extremeearth[spark]'"
)


def test_what_was_loaded_is_set_aside_once_and_on_workers_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[int] = []
    monkeypatch.setattr(gc, "freeze", lambda: done.append(1))
    monkeypatch.setattr(_spark_python, "_known", {"modules": 0})
    settle()
    assert not done  # here no task runs
    monkeypatch.setattr(pyspark.TaskContext, "get", staticmethod(object))
    settle()
    settle()
    assert done == [1]
    monkeypatch.setitem(sys.modules, "loaded_by_a_task", ModuleType("loaded_by_a_task"))
    settle()
    assert done == [1, 1]
