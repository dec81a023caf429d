"""Python on the workers, between two tasks."""

from __future__ import annotations

import gc
import sys

_known = {"modules": 0}


def settle() -> None:
    """Take what earlier tasks loaded out of Python's search for garbage; to be called where a task begins.

    After each task Spark has all objects searched, and the next task waits for that: tens of milliseconds where
    many modules are loaded, for nothing. Those modules stay as long as the worker does.
    """
    from pyspark import TaskContext

    if len(sys.modules) > _known["modules"] and TaskContext.get() is not None:
        _known["modules"] = len(sys.modules)
        gc.freeze()
