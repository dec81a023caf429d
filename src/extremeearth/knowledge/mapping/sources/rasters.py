"""Classified rasters as a source: connected areas of one class become polygons."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from odc.geo.crs import CRS

from extremeearth.core.boxes import CrsLike, as_crs
from extremeearth.core.errors import CrsError, DataBrokenError, InputError, LimitError
from extremeearth.core.geodesy import area_m2
from extremeearth.knowledge.mapping.frames import Frame
from extremeearth.knowledge.mapping.sources.column_files import GEOMETRY
from extremeearth.knowledge.mapping.sources.contract import (
    HOW_TO_GIVE_A_CRS,
    Source,
    SourceRequest,
    check_columns,
)
from extremeearth.knowledge.mapping.sources.pointers import refuse_pointer

__all__ = ["RASTER_COLUMNS", "ClassifiedRaster", "RasterSource", "class_polygons", "open_raster"]

RASTER_COLUMNS = ("id", "value", "label", "area_m2", GEOMETRY)
"""What each area has: a number, the class, its name where the raster tells one, and its outline."""

MAX_PIXELS = 400_000_000
MAX_CLASSES = 256
"""Class codes are 8 or 16 bits wide; a raster with more different values is no map of classes."""
_SUFFIXES = frozenset({".tif", ".tiff", ".cog"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifiedRaster:
    """A raster of class codes, and how its polygons are made.

    Attributes
    ----------
    path
        A GeoTIFF or whatever GDAL reads.
    band
        From 1.
    smallest_m2
        Minimum mapping unit: smaller areas go to the neighbour around them (GDAL's sieve, in pixels of the
        middle of the raster).
    tolerance_m
        How far simplification may move a border; shared borders stay shared. 0 keeps the pixels' edges.
    labels
        Names of the classes by code.
    skip
        Codes that are no area, beside the raster's own nodata value.
    diagonal
        Whether pixels that touch at a corner are one area.

    Examples
    --------
    >>> ClassifiedRaster(path=Path("map.tif"), smallest_m2=10_000).band
    1
    """

    path: Path
    band: int = 1
    smallest_m2: float = 0.0
    tolerance_m: float = 0.0
    labels: tuple[tuple[int, str], ...] = ()
    skip: tuple[int, ...] = ()
    diagonal: bool = False


@dataclass(frozen=True)
class RasterSource:
    """The areas of a classified raster."""

    name: str
    raster: ClassifiedRaster
    crs: CRS | None

    def columns(self) -> list[str]:
        """List the columns."""
        return list(RASTER_COLUMNS)

    def check(self, references: tuple[str, ...]) -> None:
        """Raise `MappingError` if a column is missing, `CrsError` if the raster has no reference system."""
        check_columns(self.name, list(RASTER_COLUMNS), references)
        with _opened(self.raster.path) as file:
            _system(file, self.raster.path, self.crs)

    def frames(self, references: tuple[str, ...], *, batch_rows: int) -> Iterator[Frame]:
        """Give the areas in batches."""
        values, shapes, crs = _areas(self.raster, self.crs)
        labels = dict(self.raster.labels)
        for start in range(0, len(values), batch_rows):
            part = slice(start, start + batch_rows)
            made: dict[str, Any] = {
                "id": lambda p=part, s=start: pa.array(np.arange(s, s + len(values[p]))),
                "value": lambda p=part: pa.array(values[p]),
                "label": lambda p=part: pa.array(
                    [labels.get(int(v)) for v in values[p]], pa.large_string()
                ),
                "area_m2": lambda p=part: pa.array(np.asarray(area_m2(shapes[p], crs=crs))),
                GEOMETRY: lambda p=part: pa.array(shapely.to_wkb(shapes[p]), pa.large_binary()),
            }
            columns = {name: made[name]() for name in references}
            systems = {GEOMETRY: crs} if GEOMETRY in references else {}
            yield Frame(columns=columns, rows=len(values[part]), systems=systems, first_row=start)


def open_raster(request: SourceRequest) -> Source | None:
    """Open a classified raster: a `ClassifiedRaster` that is given, or a GeoTIFF with the usual choices."""
    if isinstance(request.given, ClassifiedRaster):
        return RasterSource(request.source.name, request.given, request.crs)
    if request.path is None or request.suffix not in _SUFFIXES or request.source.formulation:
        return None
    return RasterSource(request.source.name, ClassifiedRaster(path=request.path), request.crs)


def class_polygons(raster: ClassifiedRaster, *, crs: CrsLike | None = None) -> tuple[Any, Any, CRS]:
    """Turn a classified raster into polygons.

    Returns
    -------
    tuple
        The class of each polygon, the polygons (x then y), and their reference system.

    Raises
    ------
    CrsError
        The raster names no reference system and none was given.
    DataBrokenError
        It cannot be read, or holds no classes.
    LimitError
        It is too large to be looked at in one piece.
    """
    return _areas(raster, None if crs is None else as_crs(crs))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import rasterio

    refuse_pointer(path)
    try:
        with rasterio.open(path) as file:
            yield file
    except rasterio.errors.RasterioIOError as err:
        raise DataBrokenError(
            f"{path.name} cannot be read as a raster: {err}.", hint="Check the file."
        ) from err


def _system(file: Any, path: Path, given: CRS | None) -> CRS:
    if file.crs is None and given is None:
        raise CrsError(
            f"The raster {path.name} has no reference system.",
            hint=HOW_TO_GIVE_A_CRS,
        )
    return given if file.crs is None and given is not None else CRS(file.crs.to_wkt())


def _areas(raster: ClassifiedRaster, given: CRS | None) -> tuple[Any, Any, CRS]:
    from rasterio import features

    with _opened(raster.path) as file:
        crs = _system(file, raster.path, given)
        codes, wanted = _codes(file, raster)
        transform = file.transform
    connectivity = 8 if raster.diagonal else 4
    pixel_m2 = _pixel_m2(transform, codes.shape, crs)
    if raster.smallest_m2 > pixel_m2:
        size = int(np.ceil(raster.smallest_m2 / pixel_m2))
        codes = features.sieve(codes, size, mask=wanted, connectivity=connectivity)
    values, shapes = [], []
    for shape, value in features.shapes(codes, mask=wanted, connectivity=connectivity):
        rings = shape["coordinates"]
        values.append(int(value))
        shapes.append(shapely.Polygon(rings[0], rings[1:]))
    outlines = np.array(shapes, dtype=object)
    if raster.tolerance_m > 0 and len(outlines):
        outlines = _simplified(outlines, raster.tolerance_m / pixel_m2**0.5)
    matrix = np.array([[transform.a, transform.d], [transform.b, transform.e]])
    placed = shapely.transform(outlines, lambda xy: xy @ matrix + (transform.c, transform.f))
    return np.array(values, dtype=np.int64), np.asarray(placed, dtype=object), crs


def _codes(file: Any, raster: ClassifiedRaster) -> tuple[Any, Any]:
    if not 1 <= raster.band <= file.count:
        raise InputError(
            f"{raster.path.name} has no band {raster.band}.", hint=f"It has {file.count}."
        )
    if file.width * file.height > MAX_PIXELS:
        raise LimitError(
            f"{raster.path.name} has more than {MAX_PIXELS} pixels.",
            hint="Cut it into tiles first.",
        )
    codes = file.read(raster.band)
    wanted = file.read_masks(raster.band) != 0
    if codes.dtype.kind == "f":
        whole = np.where(np.isfinite(codes) & wanted, codes, 0)
        if not (whole == np.round(whole)).all():
            raise DataBrokenError(
                f"{raster.path.name} holds measurements, not class codes.",
                hint="Classify it first, for example with thresholds.",
            )
        wanted &= np.isfinite(codes)
        codes = whole.astype(np.int32)
    if codes.dtype not in (np.uint8, np.int16, np.uint16, np.int32):
        codes = codes.astype(np.int32)
    wanted &= ~np.isin(codes, raster.skip)
    if len(np.unique(codes[wanted])) > MAX_CLASSES:
        raise DataBrokenError(
            f"{raster.path.name} has more than {MAX_CLASSES} different values, so it is no map of classes.",
            hint="Classify it first.",
        )
    return codes, wanted


def _pixel_m2(transform: Any, shape: tuple[int, int], crs: CRS) -> float:
    """Give the area on the ground of the pixel in the middle."""
    row, column = shape[0] // 2, shape[1] // 2
    corners = [transform * (column + i, row + j) for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))]
    return float(area_m2(shapely.Polygon(corners), crs=crs))


def _simplified(shapes: Any, tolerance: float) -> Any:
    """Simplify a coverage in pixels: an edge of two areas moves for both (Visvalingam-Whyatt).

    Edges get a vertex at every pixel's corner first, so that where one area has a vertex its neighbour has one too.
    """
    simple = shapely.coverage_simplify(shapely.segmentize(shapes, 1.0), tolerance=tolerance)
    kept: Any = np.where(shapely.is_empty(simple), shapes, simple)
    return kept
