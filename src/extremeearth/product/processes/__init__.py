"""OGC API - Processes: what can be run, the jobs that run it, and what came out."""

from __future__ import annotations

from extremeearth.product.processes.documents import landing_document
from extremeearth.product.processes.execution import execute, run_processor
from extremeearth.product.processes.inputs import check_inputs
from extremeearth.product.processes.routes import processes_router

__all__ = [
    "check_inputs",
    "execute",
    "landing_document",
    "processes_router",
    "run_processor",
]
