"""Plans to programs: steps of SQL and of work on columns, that every engine can run."""

from __future__ import annotations

from extremeearth.knowledge.store.compilation.compiler import compile_plan
from extremeearth.knowledge.store.compilation.steps import Program, Step

__all__ = ["Program", "Step", "compile_plan"]
