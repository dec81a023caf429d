"""Processors: what a user of a thematic platform runs, and the contract they keep."""

from __future__ import annotations

from extremeearth.product.processors.contract import (
    InputDescription,
    OutputDescription,
    ProcessDescription,
    Processor,
    Services,
)

__all__ = [
    "InputDescription",
    "OutputDescription",
    "ProcessDescription",
    "Processor",
    "Services",
]
