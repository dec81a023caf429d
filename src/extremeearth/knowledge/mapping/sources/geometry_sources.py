"""What a source's geometries go through before they are mapped: their system, invalid rings, the edges of the globe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from odc.geo.crs import CRS

from extremeearth.knowledge.mapping.frames import Frame
from extremeearth.knowledge.mapping.sources.contract import Source, pieces_of
from extremeearth.knowledge.mapping.sources.geometry_options import GeometryOptions, InvalidPolicy
from extremeearth.knowledge.rdf import PlainShapes, plain_shapes

__all__ = [
    "CheckedSource",
    "GeometryOptions",
    "InvalidPolicy",
    "cut_at_antimeridian",
    "read_shapes",
]

UNREADABLE = "is a geometry that cannot be read"
NOT_FINITE = "has a coordinate that is no number"
_POLE, _HALF_TURN, _TURN = 90.0, 180.0, 360.0
_COLLECTION = 7
_WITH_RINGS = (3, 6, _COLLECTION)
"""Polygon, multipolygon, collection: lines and points have no rings to be invalid."""


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
            yield self._checked(frame, found) if frame.systems else frame
        self.options.note(self.name, found)

    def pieces(self, references: tuple[str, ...], *, piece_bytes: int) -> Iterator[Source] | None:
        """Cut the source; what is found in each piece is counted there."""
        pieces = pieces_of(self.inner, references, piece_bytes=piece_bytes)
        return None if pieces is None else (replace(self, inner=piece) for piece in pieces)

    def _checked(self, frame: Frame, found: Counter[str]) -> Frame:
        options = self.options
        columns = dict(frame.columns)
        memory = dict(frame.memory)
        for name, crs in frame.systems.items():
            column = columns.get(name)
            if column is None:
                continue
            if (plain := self._sound(column, crs)) is not None:
                memory[name] = {"plain": plain}
                continue
            given = column.to_numpy(zero_copy_only=False)
            shapes = read_shapes(given)
            broken = shapely.is_missing(shapes) & column.is_valid().to_numpy(zero_copy_only=False)
            endless = _not_finite(shapes)
            shapes[endless] = None
            for rows, reason in ((broken, UNREADABLE), (endless, NOT_FINITE)):
                if rows.any():
                    row = frame.first_row + int(np.flatnonzero(rows)[0])
                    place = f"{name} of row {row} of {self.name}"
                    options.broken(found, reason, place, int(rows.sum()))
            changed = broken | endless | _mend(shapes, options.invalid, found)
            changed |= _on_the_globe(shapes, crs, options.invalid, found)
            if changed.any():
                columns[name] = pa.array(shapely.to_wkb(shapes), pa.large_binary())
            memory[name] = {"shapes": shapes}
        found += Counter()  # drops the zeros
        return Frame(
            columns=columns, rows=frame.rows, systems=frame.systems, first_row=frame.first_row,
            row_numbers=frame.row_numbers, memory=memory,
        )  # fmt: skip

    def _sound(self, column: Any, crs: CRS) -> PlainShapes | None:
        """Give points or lines that nothing is to be done about, as none of their shapes need be made."""
        if self.options.invalid != "keep":
            return None
        plain = plain_shapes(column)
        if plain is None or not crs.proj.is_geographic or plain.within(_HALF_TURN, _POLE):
            return plain
        return None


def read_shapes(wkb: Any) -> Any:
    """Read shapes in WKB; what cannot be read, curves among it, is `None`.

    Examples
    --------
    >>> circular_string = bytes.fromhex("010800000000000000")
    >>> read_shapes(np.array([circular_string, None], dtype=object)).tolist()
    [None, None]
    """
    with np.errstate(invalid="ignore"):
        try:
            shapes = np.asarray(shapely.from_wkb(wkb, on_invalid="ignore"), dtype=object)
        except NotImplementedError:  # a curve, which stops the others too
            shapes = np.array([_read_one(value) for value in wkb], dtype=object)
    collections = np.flatnonzero(shapely.get_type_id(shapes) == _COLLECTION)
    curved = [row for row in collections if not _is_straight(shapes[row])]
    shapes[curved] = None
    return shapes


def _is_straight(collection: Any) -> bool:
    """Tell whether GEOS, which takes a curve into a collection without a word, can say where it is."""
    try:
        shapely.get_coordinates(collection)
    except shapely.errors.ShapelyError:
        return False
    return True


def _read_one(wkb: bytes | None) -> Any:
    try:
        return shapely.from_wkb(wkb, on_invalid="ignore")
    except NotImplementedError:  # a curve: Shapely knows none, and it is counted as unreadable
        return None


def _not_finite(shapes: Any) -> Any:
    """Tell which shapes have a coordinate that is no number, or endless: no text of a geometry can say it."""
    coordinates, owners = shapely.get_coordinates(shapes, return_index=True)
    found = np.zeros(len(shapes), bool)
    found[owners[~np.isfinite(coordinates).all(axis=1)]] = True
    return found


def _mend(shapes: Any, policy: InvalidPolicy, found: Counter[str]) -> Any:
    """Repair or leave out invalid shapes in place; tell which rows changed."""
    changed = np.zeros(len(shapes), bool)
    if policy == "keep":
        areal = shapes[np.isin(shapely.get_type_id(shapes), _WITH_RINGS)]
        found["invalid geometries kept"] += int((~shapely.is_valid(areal)).sum())
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
