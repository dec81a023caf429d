"""Where work runs: many items side by side, Arrow tables through SQL, and spatial joins."""

from __future__ import annotations

from extremeearth.infrastructure.engine._spatial import windows_around
from extremeearth.infrastructure.engine.contract import PREDICATES, Engine
from extremeearth.infrastructure.engine.geodesic import (
    distance_m,
    on_earth,
    on_one_turn,
    pair_distances_m,
)
from extremeearth.infrastructure.engine.local import LocalEngine
from extremeearth.infrastructure.engine.opening import open_engine
from extremeearth.infrastructure.engine.spark import SparkEngine

__all__ = [
    "PREDICATES", "Engine", "LocalEngine", "SparkEngine", "distance_m", "on_earth", "on_one_turn", "open_engine",
    "pair_distances_m", "windows_around",
]  # fmt: skip
