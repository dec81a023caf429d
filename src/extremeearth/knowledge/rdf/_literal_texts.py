"""Well-known text and GeoJSON read as they stand, and why one of them cannot be."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from extremeearth.core.errors import CrsError
from extremeearth.knowledge.rdf.geometry_column import CRS84_CODE, crs_code

__all__ = ["from_wkt", "geojson_error", "geojson_reason", "is_null_geometry", "wkt_reason"]

_CURVED = re.compile(
    r"\b(CIRCULARSTRING|COMPOUNDCURVE|CURVEPOLYGON|MULTICURVE|MULTISURFACE|TIN|TRIANGLE|POLYHEDRALSURFACE|CURVE"
    r"|SURFACE|CIRCLE|GEODESICSTRING|ELLIPTICALCURVE|NURBSCURVE|CLOTHOID|SPIRALCURVE)\b",
    re.IGNORECASE,
)
_TELLING_JSON = re.compile(r'"Feature|"crs"')


def from_wkt(texts: Any) -> NDArray[Any]:
    """Read well-known text, none where it cannot be read.

    One call for all; where there are curves, which raise whatever is asked for, one for the others.
    """
    with np.errstate(all="ignore"):  # a number too large for a float64 is told as not finite
        try:
            return np.asarray(shapely.from_wkt(texts, on_invalid="ignore"), dtype=object)
        except NotImplementedError:  # a curve: Shapely knows none, and stops at the first
            straight = np.array([not _CURVED.search(t) for t in texts], bool)
            shapes: NDArray[Any] = np.full(len(texts), None, object)
            shapes[straight] = shapely.from_wkt(texts[straight], on_invalid="ignore")
            return shapes


def wkt_reason(text: str) -> str:
    """Say why a text is no well-known text."""
    if found := _CURVED.search(text[:1000]) or _CURVED.search(text):
        return f"{found[0].upper()} is not supported: points, straight lines and polygons are."
    try:
        with np.errstate(all="ignore"):
            shapely.from_wkt(text)
    except (
        shapely.errors.ShapelyError,
        NotImplementedError,
    ) as err:  # the latter of curves named otherwise
        return f"Not well-known text: {err}"
    except UnicodeDecodeError:
        pass  # GEOS cut its message in the middle of a letter
    return "Not well-known text."


def geojson_error(text: str) -> str:
    """Say why a text is no GeoJSON geometry."""
    try:
        with np.errstate(all="ignore"):
            shapely.from_geojson(text)
    except shapely.errors.ShapelyError as err:
        return str(err)
    except UnicodeDecodeError:
        pass  # GEOS cut its message in the middle of a letter
    return "it cannot be read"


def _json_object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def geojson_reason(text: str) -> str | None:
    """Say what GeoJSON holds that a literal may not: features, another reference system than CRS84.

    Examples
    --------
    >>> geojson_reason('{"type":"Feature"}')
    'A Feature is not a GeoJSON geometry.'
    """
    if not _TELLING_JSON.search(text):
        return None
    found = _json_object(text)
    if str(found.get("type", "")).startswith("Feature"):
        return f"A {found['type']} is not a GeoJSON geometry."
    crs = found.get("crs")
    if crs is not None:
        said = crs.get("properties") if isinstance(crs, dict) else {"name": crs}
        name = str(said.get("name") if isinstance(said, dict) else said)
        if not _is_crs84(name):
            return f"GeoJSON is always in CRS84, this literal names '{name}'."
    return None


def is_null_geometry(text: str) -> bool:
    """Tell whether a text is an object whose geometry is null."""
    found = _json_object(text)
    return "geometry" in found and found["geometry"] is None


def _is_crs84(name: str) -> bool:
    try:
        return crs_code(name) == CRS84_CODE
    except CrsError:
        return False
