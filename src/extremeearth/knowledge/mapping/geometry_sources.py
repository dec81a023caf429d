"""What a source's geometries go through before they are mapped: their system, invalid rings, the edges of the globe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import shapely
from odc.geo.crs import CRS

from extremeearth.core.boxes import CrsLike, as_crs
from extremeearth.core.errors import DataBrokenError, InputError
from extremeearth.knowledge.mapping.contract import Source
from extremeearth.knowledge.mapping.frames import Frame

__all__ = ["CheckedSource", "GeometryOptions", "InvalidPolicy", "cut_at_antimeridian"]

InvalidPolicy = Literal["keep", "repair", "reject"]
"""What happens to a geometry that breaks the rules of its type, such as a ring that crosses itself."""

_POLE, _HALF_TURN, _TURN = 90.0, 180.0, 360.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GeometryOptions:
    """How geometries of sources are read.

    Attributes
    ----------
    crs
        Reference system of sources that name none; one that is named in a source always wins.
    invalid
        ``keep`` leaves geometries as they are, ``repair`` makes them valid (structure method of GEOS), ``reject``
        leaves those out that are not. Beyond longitude 180, ``repair`` cuts and shifts as RFC 7946 (3.1.9) says.
    on_error
        Whether a geometry that cannot be read stops everything, or is counted and left out.
    counts
        What was found, by source and reason; filled while sources are read.

    Examples
    --------
    >>> GeometryOptions(crs="EPSG:32632").invalid
    'keep'
    """

    crs: CrsLike | None = None
    invalid: InvalidPolicy = "keep"
    on_error: Literal["raise", "skip"] = "raise"
    counts: dict[str, Counter[str]] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        if self.invalid not in get_args(InvalidPolicy):
            raise InputError(
                f"'{self.invalid}' is no policy for invalid geometries.",
                hint=f"Use {', '.join(get_args(InvalidPolicy))}.",
            )

    def system(self) -> CRS | None:
        """Give the reference system of sources that name none."""
        return None if self.crs is None else as_crs(self.crs)

    def broken(self, found: Counter[str], reason: str, example: str, rows: int) -> None:
        """Count values that are no geometry, or raise `DataBrokenError` if the options say so."""
        if self.on_error == "raise":
            raise DataBrokenError(
                f"'{example}' {reason}.",
                hint="Mend the source, or skip such rows with on_error='skip'.",
            )
        found[reason] += rows

    def note(self, name: str, found: Counter[str]) -> None:
        """Keep what one reading of a source found; a second reading finds the same and is not added."""
        self.counts[name] = self.counts.get(name, Counter()) | found

    def totals(self) -> dict[str, int]:
        """Add up what was found in all sources, by reason."""
        return dict(sum(self.counts.values(), Counter()))


@dataclass(frozen=True)
class CheckedSource:
    """A source whose geometries are looked at, and mended or left out as the options say."""

    name: str
    inner: Source
    options: GeometryOptions

    def check(self, references: tuple[str, ...]) -> None:
        """Raise `MappingError` if a reference leads nowhere."""
        self.inner.check(references)

    def frames(self, references: tuple[str, ...], *, batch_rows: int) -> Iterator[Frame]:
        """Read the rows; shapes stay with each frame, so that functions need not read them again."""
        found: Counter[str] = Counter()
        for frame in self.inner.frames(references, batch_rows=batch_rows):
            yield _checked(frame, self.options, found) if frame.systems else frame
        self.options.note(self.name, found)


def _checked(frame: Frame, options: GeometryOptions, found: Counter[str]) -> Frame:
    columns = dict(frame.columns)
    memory = dict(frame.memory)
    for name, crs in frame.systems.items():
        column = columns.get(name)
        if column is None:
            continue
        given = column.to_numpy(zero_copy_only=False)
        shapes = np.asarray(shapely.from_wkb(given, on_invalid="ignore"), dtype=object)
        broken = shapely.is_missing(shapes) & column.is_valid().to_numpy(zero_copy_only=False)
        if broken.any():
            place = f"{name} of row {frame.first_row + int(np.flatnonzero(broken)[0])}"
            options.broken(found, "is a geometry that cannot be read", place, int(broken.sum()))
        changed = broken | _mend(shapes, options.invalid, found)
        changed |= _on_the_globe(shapes, crs, options.invalid, found)
        if changed.any():
            columns[name] = pa.array(shapely.to_wkb(shapes), pa.large_binary())
        memory[name] = {"shapes": shapes}
    found += Counter()  # drops the zeros
    return Frame(
        columns=columns, rows=frame.rows, systems=frame.systems, first_row=frame.first_row,
        row_numbers=frame.row_numbers, memory=memory,
    )  # fmt: skip


def _mend(shapes: Any, policy: InvalidPolicy, found: Counter[str]) -> Any:
    """Repair or leave out invalid shapes in place; tell which rows changed."""
    changed = np.zeros(len(shapes), bool)
    if policy == "keep":
        return changed
    rows = np.flatnonzero(~shapely.is_valid(shapes) & ~shapely.is_missing(shapes))
    changed[rows] = True
    if policy == "reject":
        shapes[rows] = None
        found["invalid geometries left out"] += len(rows)
        return changed
    before = shapely.get_dimensions(shapes[rows])
    mended = shapely.make_valid(shapes[rows], method="structure", keep_collapsed=False)
    collapsed = (shapely.get_dimensions(mended) < before) | shapely.is_empty(mended)
    mended[collapsed] = None
    shapes[rows] = mended
    found["invalid geometries repaired"] += int((~collapsed).sum())
    found["invalid geometries left out, as nothing remains of them"] += int(collapsed.sum())
    return changed


def _on_the_globe(shapes: Any, crs: CRS, policy: InvalidPolicy, found: Counter[str]) -> Any:
    """Count what lies beyond the poles or the antimeridian, and treat it as the policy says."""
    changed = np.zeros(len(shapes), bool)
    if not crs.proj.is_geographic:
        return changed
    west, south, east, north = shapely.bounds(shapes).T
    with np.errstate(invalid="ignore"):
        polar = (south < -_POLE) | (north > _POLE)
        across = ~polar & ((west < -_HALF_TURN) | (east > _HALF_TURN))
        far = (np.abs(west) > _TURN) | (np.abs(east) > _TURN)
    what = "left out" if policy != "keep" else "kept"
    found[f"geometries beyond a pole {what}"] += int(polar.sum())
    if policy != "keep":
        shapes[polar] = None
        changed |= polar
    if policy == "repair":
        rows = np.flatnonzero(across & ~far)
        shapes[rows] = [cut_at_antimeridian(shape) for shape in shapes[rows]]
        found["geometries across the antimeridian cut"] += len(rows)
        changed[rows] = True
        across &= far
    found[f"geometries beyond longitude 180 {what}"] += int(across.sum())
    if policy != "keep":
        shapes[across] = None
        changed |= across
    return changed


def cut_at_antimeridian(shape: Any) -> Any:
    """Cut a shape that runs over longitude 180 and shift what is beyond to the other side (RFC 7946, 3.1.9).

    Examples
    --------
    >>> cut = cut_at_antimeridian(shapely.box(179, 0, 181, 1))
    >>> cut.geom_type, cut.bounds
    ('MultiPolygon', (-180.0, 0.0, 180.0, 1.0))
    """
    _, south, _, north = shapely.bounds(shape)
    pieces = []
    for shift in (-_TURN, 0.0, _TURN):
        window = shapely.box(shift - _HALF_TURN, south - 1, shift + _HALF_TURN, north + 1)
        piece = shapely.intersection(shape, window)
        if not piece.is_empty and piece.has_z == shape.has_z:
            pieces.append(shapely.transform(piece, _shifted(shift)))
    highest = max((shapely.get_dimensions(piece) for piece in pieces), default=0)
    kept = [piece for piece in pieces if shapely.get_dimensions(piece) == highest]
    if len(kept) == 1:
        return kept[0]
    parts = np.concatenate([shapely.get_parts(piece) for piece in kept])
    makers = (shapely.multipoints, shapely.multilinestrings, shapely.multipolygons)
    if len({int(kind) for kind in shapely.get_type_id(parts)}) > 1:
        return shapely.geometrycollections(parts)
    return makers[highest](parts)


def _shifted(shift: float) -> Callable[[Any], Any]:
    return lambda xy: xy - (shift, 0.0)
