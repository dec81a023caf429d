"""Functions that a mapping can call on columns (RML-FNML), and how to add one.

Their IRIs start with ``https://w3id.org/extremeearth/def/function#``; parameters share that namespace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from extremeearth.core.errors import DataBrokenError
from extremeearth.knowledge.mapping.functions.contract import (
    Argument,
    MapFunction,
    argument_of,
    geometries_of,
    geometry_column,
)
from extremeearth.knowledge.mapping.functions.geometry import OTHER, geometry_functions
from extremeearth.knowledge.rdf import FUNCTIONS, TEXT, XSD

__all__ = [
    "GEOMETRY_FUNCTIONS", "Argument", "MapFunction", "argument_of", "geometries_of", "geometry_column",
]  # fmt: skip

_LEFT, _RIGHT = FUNCTIONS.left, FUNCTIONS.right


def _values(argument: Argument) -> Any:
    if isinstance(argument.values, str):
        return pa.array([argument.values] * argument.rows, TEXT)
    return argument.values


def _numbers(argument: Argument) -> Any:
    """Read numbers; texts of a CSV file too."""
    values = _values(argument)
    try:
        return pc.cast(values, pa.float64())
    except pa.ArrowInvalid as err:
        raise DataBrokenError(
            f"A value is not a number: {err}.", hint="Mend the source's column."
        ) from err


def _computed(compute: Callable[[Any, Any], Any]) -> Callable[[Mapping[str, Argument]], Any]:
    def call(given: Mapping[str, Argument]) -> Any:
        return compute(_numbers(given[_LEFT]), _numbers(given[_RIGHT]))

    return call


def _same(given: Mapping[str, Argument]) -> Any:
    left, right = (pc.cast(_values(given[name]), TEXT) for name in (_LEFT, _RIGHT))
    return pc.equal(left, right)


def _distance(given: Mapping[str, Argument]) -> Any:
    from extremeearth.infrastructure.engine import distance_m
    from extremeearth.knowledge.rdf import CRS84_CODE, NO_CRS, in_system

    sides = [
        in_system(geometry_column(given[name]), CRS84_CODE) for name in (FUNCTIONS.geometry, OTHER)
    ]
    missing = (sides[0].systems == NO_CRS) | (sides[1].systems == NO_CRS)
    values = np.full(len(missing), np.nan)
    values[~missing] = distance_m(sides[0].shapes[~missing], sides[1].shapes[~missing])
    return pa.array(values, mask=np.isnan(values))


def _scalar_functions() -> dict[str, MapFunction]:
    two: dict[str, Any] = {"parameters": (_LEFT, _RIGHT)}
    return {
        FUNCTIONS.add: MapFunction(call=_computed(pc.add), datatype=XSD.double, **two),
        FUNCTIONS.subtract: MapFunction(call=_computed(pc.subtract), datatype=XSD.double, **two),
        FUNCTIONS.greaterThan: MapFunction(call=_computed(pc.greater), datatype=XSD.boolean, **two),
        FUNCTIONS.equalTexts: MapFunction(call=_same, datatype=XSD.boolean, **two),
        FUNCTIONS.distanceM: MapFunction(
            call=_distance, parameters=(FUNCTIONS.geometry, OTHER), datatype=XSD.double
        ),
    }


GEOMETRY_FUNCTIONS: Mapping[str, MapFunction] = MappingProxyType(
    {**geometry_functions(), **_scalar_functions()}
)
"""What every mapping can call: serialisation, reprojection, accessors, relations, and measures in metres."""
