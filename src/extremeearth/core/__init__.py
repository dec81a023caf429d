"""What every layer uses: errors, settings, time, boxes and grids with their CRS, progress, database, security."""

from extremeearth.core.boxes import LONLAT, Box, as_box, as_crs, grid_over, local_crs
from extremeearth.core.geodesy import area_m2, length_m, transform
from extremeearth.core.http import SafeClient
from extremeearth.core.progress import SILENT, CancelToken, Progress, Task, progress_for
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
