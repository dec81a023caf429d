"""Well-known binary to well-known text in one step, where that gives the very text that GEOS writes.

geoarrow-c takes half the time of GEOS, and no shape is made. Its numbers are the shortest that read back the same, as
those of GEOS, but never have an exponent nor more than 16 decimals; and it leaves out the brackets around each point
of a multipoint. What it would write otherwise than GEOS is left to GEOS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from extremeearth.core.boxes import LONLAT, CrsLike, as_crs
from extremeearth.knowledge.rdf.geometry import CRS84, crs_iri, is_y_first, wkt_literals
from extremeearth.knowledge.rdf.ntriples import TEXT, bytes_of, join_text

__all__ = ["PlainShapes", "plain_shapes", "wkb_literals"]

_POINT, _LINE = b"\x01\x01\x00\x00\x00", b"\x01\x02\x00\x00\x00"
"""How points and lines of two axes begin: least byte first, and the code of the type."""
_TYPE_BYTES, _COUNT_BYTES, _POSITION_BYTES = 5, 4, 16
_LEAST = 2
"""Positions of a line."""
_SAME_TYPES = (1, 2, 3, 5, 6)
"""Points, lines, polygons, and several lines or polygons: types that both write in the same way."""
_LARGEST, _SMALLEST = 1e15, 1e-4
"""Between these numbers GEOS writes no exponents."""
_DECIMALS = 1e12
_MOST_BYTES = 1 << 29
"""So much binary gives less text than the 2 GiB that an array of geoarrow-c holds."""
_GEOARROW_WKB = {"ARROW:extension:name": "geoarrow.wkb", "ARROW:extension:metadata": "{}"}

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PlainShapes:
    """A column of points, or of lines, of two axes as their positions; none is empty, and GEOS would read them all.

    Attributes
    ----------
    wkb
        The column; a null has no position.
    xy
        float64 array of shape (positions, 2), all finite.
    counts
        How many positions each row has that is no null.
    """

    wkb: Any
    xy: Floats
    counts: NDArray[np.int64]

    def within(self, x: float, y: float) -> bool:
        """Tell whether no position is farther from 0 than `x` and `y`.

        Examples
        --------
        >>> plain = plain_shapes(pa.array([shapely.Point(181, 48).wkb]))
        >>> plain.within(180, 90), plain.within(360, 90)
        (False, True)
        """
        # one column after the other: numpy is slow at the minimum of each of two columns
        return all(
            bool(-most <= numbers.min() and numbers.max() <= most)
            for numbers, most in zip(self.xy.T, (x, y), strict=True)
        )

    def swapped(self) -> PlainShapes:
        """Exchange x and y.

        Examples
        --------
        >>> turned = plain_shapes(pa.array([shapely.Point(11, 48).wkb])).swapped()
        >>> shapely.from_wkb(turned.wkb[0].as_py())
        <POINT (48 11)>
        """
        xy = np.ascontiguousarray(self.xy[:, ::-1])
        head = _TYPE_BYTES + (_COUNT_BYTES if _kind(self.wkb) == _LINE else 0)
        sizes = np.zeros(len(self.wkb) + 1, np.int64)
        sizes[1:][_present(self.wkb)] = self.counts * _POSITION_BYTES
        ends = pa.py_buffer(np.cumsum(sizes))
        tails = pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), len(self.wkb), [None, ends, pa.py_buffer(xy)]
        )
        heads = pc.cast(pc.binary_slice(self.wkb, 0, head), pa.large_binary())
        wkb = pc.binary_join_element_wise(heads, tails, pa.scalar(b"", pa.large_binary()))
        return PlainShapes(wkb, xy, self.counts)


def plain_shapes(wkb: Any) -> PlainShapes | None:
    """Read a WKB column of points alone, or of lines alone, without making shapes.

    Parameters
    ----------
    wkb
        Arrow array of binary values.

    Returns
    -------
    PlainShapes or None
        ``None`` where anything else is among them: another type or axis, an identifier of a system, the other order of
        bytes, nothing at all, a line of one position, a number that is not finite, bytes too few or too many.

    Examples
    --------
    >>> lines = shapely.to_wkb(shapely.linestrings([[[1, 2], [3, 4]]]))
    >>> plain_shapes(pa.array(lines)).xy.tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    >>> plain_shapes(pa.array([shapely.box(0, 0, 1, 1).wkb])) is None
    True
    """
    rows = len(wkb) - wkb.null_count
    if not _is_binary(wkb) or not rows:
        return None
    kind = _kind(wkb)
    if kind not in (_POINT, _LINE):
        return None
    head = _TYPE_BYTES + (_COUNT_BYTES if kind == _LINE else 0)
    heads = _data(pc.binary_slice(wkb, 0, head))
    if len(heads) != rows * head:
        return None
    counts = _counts(heads.reshape(rows, head), kind)
    sizes = pc.binary_length(wkb).drop_null().to_numpy()
    if counts is None or not (sizes == head + counts * _POSITION_BYTES).all():
        return None
    xy = _data(pc.binary_slice(wkb, head, int(sizes.max()))).view("<f8").reshape(-1, 2)
    return PlainShapes(wkb, xy, counts) if np.isfinite(xy).all() else None


def _counts(heads: NDArray[np.uint8], kind: bytes) -> NDArray[np.int64] | None:
    """Read how many positions each row has; `None` where a row is of another kind, or a line has less than two."""
    if not (heads[:, :_TYPE_BYTES] == np.frombuffer(kind, np.uint8)).all():
        return None
    if kind == _POINT:
        return np.ones(len(heads), np.int64)
    counts = heads[:, _TYPE_BYTES:].copy().view("<u4").ravel().astype(np.int64)
    return counts if counts.min() >= _LEAST else None


def _is_binary(wkb: Any) -> bool:
    return bool(pa.types.is_binary(wkb.type) or pa.types.is_large_binary(wkb.type))


def _kind(wkb: Any) -> bytes:
    """Give the beginning of the first value that is there."""
    first = wkb[0] if wkb[0].is_valid else wkb[int(np.argmax(_present(wkb)))]
    return bytes(memoryview(first.as_buffer())[:_TYPE_BYTES])


def _present(wkb: Any) -> NDArray[np.bool_]:
    return np.asarray(wkb.is_valid())


def _data(array: Any) -> NDArray[np.uint8]:
    """Give the bytes of an array whose nulls have none, one value after the other."""
    _, ends, data = array.buffers()
    wide = pa.types.is_large_binary(array.type)
    offsets = np.frombuffer(ends, np.int64 if wide else np.int32)
    first, last = offsets[array.offset], offsets[array.offset + len(array)]
    return np.frombuffer(b"" if data is None else data, np.uint8)[first:last]


def wkb_literals(wkb: Any, *, crs: CrsLike, shapes: PlainShapes | NDArray[Any]) -> Any:
    """Write a WKB column as the lexical form of ``geo:wktLiteral``, as :func:`wkt_literals` does with its shapes.

    Parameters
    ----------
    wkb
        Arrow array of binary values, x then y in `crs`.
    crs
        Reference system.
    shapes
        What was read of the column: :func:`plain_shapes`, or the shapely geometries.

    Returns
    -------
    pyarrow.LargeStringArray
        Texts, the same as those that GEOS would write; null where there is no geometry.

    Raises
    ------
    CrsError
        The system has no IRI.

    Examples
    --------
    >>> column = pa.array([shapely.Point(500000, 0.5).wkb, None])
    >>> wkb_literals(column, crs=32632, shapes=plain_shapes(column)).to_pylist()
    ['<http://www.opengis.net/def/crs/EPSG/0/32632> POINT (500000 0.5)', None]
    """
    system = as_crs(crs)
    iri = CRS84 if system == LONLAT else crs_iri(system)
    texts = None
    if isinstance(shapes, PlainShapes):
        turned = iri != CRS84 and is_y_first(system)
        texts = _plain_texts(shapes.swapped() if turned else shapes)
    elif iri == CRS84 or not is_y_first(system):
        texts = _same_texts(wkb, shapes)
    if texts is None:
        made = shapely.from_wkb(_objects(wkb)) if isinstance(shapes, PlainShapes) else shapes
        return pa.array(wkt_literals(made, crs=system), TEXT)
    return texts if iri == CRS84 else join_text(f"<{iri}> ", texts)


def _plain_texts(plain: PlainShapes) -> Any:
    odd = _odd(plain.xy)
    rows = np.flatnonzero(_present(plain.wkb))
    at = np.unique(np.searchsorted(np.cumsum(plain.counts), odd, side="right"))
    return _texts(
        plain.wkb,
        rows[at],
        lambda those: shapely.from_wkb(_objects(plain.wkb.take(those))),
        maybe_empty=False,
    )


def _same_texts(wkb: Any, shapes: NDArray[Any]) -> Any:
    """Write a column whose shapes were read; `None` where nothing is won."""
    if not _is_binary(wkb):
        return None
    valid = _present(wkb)
    heads = _data(pc.binary_slice(wkb, 0, _TYPE_BYTES))
    if len(heads) != int(valid.sum()) * _TYPE_BYTES:
        return None
    heads = heads.reshape(-1, _TYPE_BYTES)
    types = heads[:, 1:].copy().view("<u4").ravel()
    same = ~valid
    same[valid] = (heads[:, 0] == 1) & np.isin(types, _SAME_TYPES)
    # where the whole has two axes, its parts can still have three
    same &= ~(shapely.has_z(shapes) | shapely.has_m(shapes)) & (valid != shapely.is_missing(shapes))
    xy, owners = shapely.get_coordinates(shapes, return_index=True)
    same[owners[_odd(xy)]] = False
    return _texts(wkb, np.flatnonzero(~same), lambda rows: shapes[rows], maybe_empty=True)


def _odd(xy: Floats) -> NDArray[np.intp]:
    """Find the positions with a number that GEOS writes otherwise: with an exponent, or with more than 16 decimals.

    A number of up to 12 decimals is found by making a whole number of it and dividing again, which gives the number
    that its decimals are read as.
    """
    sizes = np.abs(xy).ravel()
    large = np.empty(0, np.intp) if _all_below(sizes) else np.flatnonzero(~(sizes < _LARGEST))
    small = np.flatnonzero(sizes < 1)
    values = sizes[small]
    short = (values >= _SMALLEST) & (np.rint(values * _DECIMALS) / _DECIMALS == values)
    return np.unique(np.concatenate([large, small[~(short | (values == 0))]]) // 2)


def _all_below(sizes: Floats) -> bool:
    return len(sizes) == 0 or bool(sizes.max() < _LARGEST)


def _texts(
    wkb: Any, odd: NDArray[np.intp], shapes: Callable[[Any], Any], *, maybe_empty: bool
) -> Any:
    """Write text; the odd rows, whose shapes are asked for, are left to GEOS. `None` where they are too many."""
    if wkb.nbytes > _MOST_BYTES or 2 * len(odd) > len(wkb):
        return None
    try:
        written = pa.array(_writer()(_Tagged(wkb)))
    except (RuntimeError, pa.ArrowException):  # what is wrong with the bytes is told by GEOS
        return None
    plain = written.storage if isinstance(written.type, pa.BaseExtensionType) else written
    texts = pc.cast(plain, TEXT)
    # a ring of no position is an empty one to geoarrow-c, and its polygon is none without positions
    hits = np.zeros(len(texts), bool)
    if maybe_empty and b"EMPTY" in bytes_of(texts):
        hits |= np.asarray(pc.fill_null(pc.match_substring(texts, "EMPTY"), False))
    hits[odd] = True
    if not hits.any():
        return texts
    made = wkt_literals(shapes(np.flatnonzero(hits)), crs=LONLAT)
    return pc.replace_with_mask(texts, pa.array(hits), pa.array(made, TEXT))


def _objects(wkb: Any) -> NDArray[Any]:
    objects: NDArray[Any] = wkb.to_numpy(zero_copy_only=False)
    return objects


@cache
def _writer() -> Any:
    from geoarrow.c import ScalarFunction

    return ScalarFunction("format_wkt", precision=16)


@dataclass(frozen=True, slots=True)
class _Tagged:
    """A binary array that says that it is WKB, without an extension type that all of pyarrow would know."""

    array: Any

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        """Export the array."""
        field = pa.field("", self.array.type, metadata=_GEOARROW_WKB)
        return field.__arrow_c_schema__(), self.array.__arrow_c_array__()[1]
