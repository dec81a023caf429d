"""The logical plan of a query, made from the algebra and improved by rules."""

from __future__ import annotations

from extremeearth.knowledge.store.plan.build import Shape, build
from extremeearth.knowledge.store.plan.text import plan_text

__all__ = ["Shape", "build", "plan_text"]
