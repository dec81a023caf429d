"""Processors: what a user of a thematic platform runs, and the contract they keep."""

from __future__ import annotations

from extremeearth.product.processors.contract import (
    InputDescription,
    OutputDescription,
    ProcessDescription,
    Processor,
    Services,
)
from extremeearth.product.processors.crop_type import CropTypeProcessor
from extremeearth.product.processors.leaf_area_index import LeafAreaIndexProcessor
from extremeearth.product.processors.water_availability import WaterAvailabilityProcessor

__all__ = [
    "CropTypeProcessor",
    "InputDescription",
    "LeafAreaIndexProcessor",
    "OutputDescription",
    "ProcessDescription",
    "Processor",
    "Services",
    "WaterAvailabilityProcessor",
]
