"""What every layer uses: errors, settings, time, boxes and grids with their CRS, progress, database, security.

Its names are found when they are first asked for: who only wants the errors does not wait for the HTTP client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from extremeearth.core.boxes import Box, as_box, grid_over, local_crs
    from extremeearth.core.geodesy import area_m2, length_m, transform
    from extremeearth.core.http import SafeClient
    from extremeearth.core.progress import SILENT, CancelToken, Progress, Task, progress_for
    from extremeearth.core.reference_systems import LONLAT, as_crs
    from extremeearth.core.settings import Settings
    from extremeearth.core.times import TimeRange, as_instant, as_time_range, format_instant

__all__ = [
    "LONLAT",
    "SILENT",
    "Box",
    "CancelToken",
    "Progress",
    "SafeClient",
    "Settings",
    "Task",
    "TimeRange",
    "area_m2",
    "as_box",
    "as_crs",
    "as_instant",
    "as_time_range",
    "format_instant",
    "grid_over",
    "length_m",
    "local_crs",
    "progress_for",
    "transform",
]

_NAMES = {
    "boxes": ("Box", "as_box", "grid_over", "local_crs"),
    "geodesy": ("area_m2", "length_m", "transform"),
    "http": ("SafeClient",),
    "progress": ("SILENT", "CancelToken", "Progress", "Task", "progress_for"),
    "reference_systems": ("LONLAT", "as_crs"),
    "settings": ("Settings",),
    "times": ("TimeRange", "as_instant", "as_time_range", "format_instant"),
}
_HOMES = {name: f"{__name__}.{module}" for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
