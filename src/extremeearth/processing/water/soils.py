"""Soils by what water they hold (FAO-56, table 19)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from extremeearth.core.errors import InputError

__all__ = ["SOILS", "Soil"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Soil:
    """A soil of one layer.

    Attributes
    ----------
    field_capacity, wilting_point
        Water content in m3/m3 that drained soil keeps, and that roots leave.
    evaporable_first_mm
        Water that evaporates before the surface slows it down (REW).
    evaporation_depth_m
        Depth of the layer that dries by evaporation.
    curve_number
        For runoff by the curve-number method (USDA, small grain in good state); `None` for no runoff.

    Raises
    ------
    InputError
        The water contents are not 0 < wilting point < field capacity < 1, or a depth is not positive.

    Examples
    --------
    >>> SOILS["loam"].available_mm_per_m
    130.0
    """

    name: str
    field_capacity: float
    wilting_point: float
    evaporable_first_mm: float
    evaporation_depth_m: float = 0.10
    curve_number: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.wilting_point < self.field_capacity < 1:
            raise InputError(
                f"The soil '{self.name}' holds {self.field_capacity} at field capacity and "
                f"{self.wilting_point} at the wilting point.",
                hint="Give 0 < wilting point < field capacity < 1.",
            )
        if not (self.evaporation_depth_m > 0 and self.evaporable_first_mm >= 0):
            raise InputError(
                f"The soil '{self.name}' has no evaporating layer.", hint="Give a positive depth."
            )
        if self.curve_number is not None and not 1 <= self.curve_number <= 100:
            raise InputError(
                f"A curve number of {self.curve_number} does not exist.", hint="Give 1 to 100."
            )

    @property
    def available_mm_per_m(self) -> float:
        """Water that roots can take from one metre of soil."""
        return round(1000 * (self.field_capacity - self.wilting_point), 6)

    @property
    def evaporable_mm(self) -> float:
        """Water that can evaporate from the surface layer (TEW, FAO-56 equation 73)."""
        return 1000 * (self.field_capacity - 0.5 * self.wilting_point) * self.evaporation_depth_m


def _presets() -> dict[str, Soil]:
    # Middles of the ranges of FAO-56, table 19; curve numbers of USDA NEH 630 chapter 9 for small grain
    # in straight rows, good state, hydrologic groups A (63), B (75), C (83) and D (87).
    table = {
        "sand": (0.12, 0.045, 4.5, 63.0),
        "loamy-sand": (0.15, 0.065, 6.0, 63.0),
        "sandy-loam": (0.23, 0.11, 8.0, 63.0),
        "loam": (0.25, 0.12, 9.0, 75.0),
        "silt-loam": (0.29, 0.15, 9.5, 75.0),
        "silt": (0.32, 0.17, 9.5, 75.0),
        "silty-clay-loam": (0.335, 0.205, 9.5, 87.0),
        "silty-clay": (0.36, 0.23, 10.0, 87.0),
        "clay": (0.36, 0.22, 10.0, 87.0),
    }
    return {
        name: Soil(
            name=name,
            field_capacity=capacity,
            wilting_point=wilting,
            evaporable_first_mm=first,
            curve_number=number,
        )
        for name, (capacity, wilting, first, number) in table.items()
    }


SOILS: Mapping[str, Soil] = MappingProxyType(_presets())
"""Soils by texture, from light to heavy."""
