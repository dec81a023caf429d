"""Functions that a mapping can call on columns (RML-FNML), and how to add one.

Their IRIs start with ``https://w3id.org/extremeearth/def/function#``; parameters share that namespace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from odc.geo.crs import CRS

from extremeearth.core.boxes import as_crs
from extremeearth.core.errors import MappingError
from extremeearth.core.geodesy import area_m2, length_m
from extremeearth.knowledge.mapping.frames import Frame, read_wkb
from extremeearth.knowledge.rdf import (
    CRS84,
    FUNCTIONS,
    GEO,
    TEXT,
    XSD,
    crs_from_iri,
    geojson_literals,
    parse_wkt_literal,
    wkt_literals,
)

__all__ = ["GEOMETRY_FUNCTIONS", "Argument", "MapFunction", "geometries_of"]


@dataclass(frozen=True, slots=True)
class Argument:
    """What a function gets: an Arrow array of `rows` values, or one text for all; `crs` for geometries.

    Examples
    --------
    >>> Argument(pa.array(["a", "b"]), rows=2).crs is None
    True
    """

    values: Any
    rows: int
    crs: CRS | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MapFunction:
    """A function over whole columns.

    `call` takes the arguments by parameter IRI and returns an Arrow array of as many values; `datatype` is the
    natural datatype of the result, `None` for plain text.

    Examples
    --------
    >>> import pyarrow.compute as pc
    >>> upper = MapFunction(
    ...     call=lambda given: pc.utf8_upper(given["urn:text"].values), parameters=("urn:text",)
    ... )
    >>> upper.call({"urn:text": Argument(pa.array(["a"]), rows=1)}).to_pylist()
    ['A']
    """

    call: Callable[[Mapping[str, Argument]], Any]
    parameters: tuple[str, ...]
    optional: tuple[str, ...] = ()
    datatype: str | None = None

    def check(self, iri: str, given: tuple[str, ...]) -> None:
        """Raise `MappingError` if a parameter is missing or unknown."""
        missing = [p for p in self.parameters if p not in given]
        unknown = [p for p in given if p not in (*self.parameters, *self.optional)]
        if missing or unknown:
            what = (
                f"lacks the parameter {missing[0]}" if missing else f"has no parameter {unknown[0]}"
            )
            raise MappingError(
                f"The function {iri} {what}.",
                hint=f"It takes: {', '.join((*self.parameters, *self.optional))}.",
            )


_GEOMETRY = FUNCTIONS.geometry
_CRS = FUNCTIONS.crs


def geometries_of(argument: Argument) -> tuple[Any, CRS]:
    """Give an argument's shapes and their reference system: WKB columns, or texts of ``geo:wktLiteral``.

    Raises
    ------
    MappingError
        The texts of one batch name different systems.

    Examples
    --------
    >>> shapes, crs = geometries_of(Argument(pa.array(["POINT (11 48)"]), 1))
    >>> shapes[0].x
    11.0
    """
    values = argument.values
    if isinstance(values, str):
        values = pa.array([values] * argument.rows, TEXT)
    if argument.crs is not None:
        return read_wkb(values), argument.crs
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        raise MappingError(
            f"A column of type {values.type} holds no geometry.",
            hint="Use a geometry column or WKT texts.",
        )
    shapes, systems = parse_wkt_literal(values.to_pylist())
    used = {crs for shape, crs in zip(shapes, systems, strict=True) if shape is not None}
    if len(used) > 1:
        raise MappingError(
            "The geometries of one column are in different reference systems.",
            hint="Transform them to one.",
        )
    return shapes, next(iter(used), crs_from_iri(CRS84))


def _one_crs(arguments: Mapping[str, Argument]) -> CRS | None:
    given = arguments.get(_CRS)
    if given is None:
        return None
    if not isinstance(given.values, str):
        raise MappingError("The parameter crs is not a constant.", hint='Write e.g. "EPSG:32632".')
    text = given.values
    return crs_from_iri(text) if text.startswith(("http", "urn:")) else as_crs(text)


def _as_wkt(arguments: Mapping[str, Argument]) -> Any:
    shapes, crs = geometries_of(arguments[_GEOMETRY])
    return pa.array(wkt_literals(shapes, crs=crs, target=_one_crs(arguments)), TEXT)


def _as_geojson(arguments: Mapping[str, Argument]) -> Any:
    shapes, crs = geometries_of(arguments[_GEOMETRY])
    return pa.array(geojson_literals(shapes, crs=crs), TEXT)


def _centroid(arguments: Mapping[str, Argument]) -> Any:
    shapes, crs = geometries_of(arguments[_GEOMETRY])
    centres = shapely.centroid(shapes)
    return pa.array(wkt_literals(centres, crs=crs, target=_one_crs(arguments)), TEXT)


def _measure(measure: Callable[..., Any]) -> Callable[[Mapping[str, Argument]], Any]:
    def call(arguments: Mapping[str, Argument]) -> Any:
        shapes, crs = geometries_of(arguments[_GEOMETRY])
        return pa.array(np.asarray(measure(shapes, crs=crs)), mask=shapely.is_missing(shapes))

    return call


def _is_empty(arguments: Mapping[str, Argument]) -> Any:
    shapes, _ = geometries_of(arguments[_GEOMETRY])
    return pa.array(shapely.is_empty(shapes), mask=shapely.is_missing(shapes))


GEOMETRY_FUNCTIONS: Mapping[str, MapFunction] = {
    FUNCTIONS.asWKT: MapFunction(
        call=_as_wkt, parameters=(_GEOMETRY,), optional=(_CRS,), datatype=GEO.wktLiteral
    ),
    FUNCTIONS.asGeoJSON: MapFunction(
        call=_as_geojson, parameters=(_GEOMETRY,), datatype=GEO.geoJSONLiteral
    ),
    FUNCTIONS.centroid: MapFunction(
        call=_centroid, parameters=(_GEOMETRY,), optional=(_CRS,), datatype=GEO.wktLiteral
    ),
    FUNCTIONS.areaM2: MapFunction(
        call=_measure(area_m2), parameters=(_GEOMETRY,), datatype=XSD.double
    ),
    FUNCTIONS.lengthM: MapFunction(
        call=_measure(length_m), parameters=(_GEOMETRY,), datatype=XSD.double
    ),
    FUNCTIONS.isEmpty: MapFunction(call=_is_empty, parameters=(_GEOMETRY,), datatype=XSD.boolean),
}
"""What every mapping can call: serialisation, centroid, and measures on the ellipsoid in metres."""


def argument_of(frame: Frame, name: str) -> Argument:
    """Give a column of a frame as an argument."""
    column = frame.column(name)
    if name in frame.systems:
        return Argument(column, frame.rows, frame.systems[name])
    if pa.types.is_struct(column.type):
        return Argument(frame.values(name).text, frame.rows)
    return Argument(column, frame.rows)
