"""All ``geof:`` functions by IRI, with the number of their arguments checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from extremeearth.core.errors import InputError
from extremeearth.knowledge.rdf import GEOF
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.expressions import ExpressionContext, Function
from extremeearth.knowledge.store.geosparql import _arguments as arguments
from extremeearth.knowledge.store.geosparql.accessors import ACCESSORS
from extremeearth.knowledge.store.geosparql.constructors import CONSTRUCTORS
from extremeearth.knowledge.store.geosparql.relations import RELATIONS, relate_columns

__all__ = ["FUNCTIONS"]

_ARITIES: dict[str, tuple[int, ...]] = {
    "relate": (3,), "distance": (3,), "buffer": (3,), "metricDistance": (2,), "metricBuffer": (2,), "area": (2,),
    "length": (2,), "perimeter": (2,), "intersection": (2,), "union": (2,), "difference": (2,), "symDifference": (2,),
    "geometryN": (2,), "transform": (2,), "asGML": (1, 2),
}  # fmt: skip
_ONE = (1,)


def _relation(iri: str) -> Function:
    def call(columns: Sequence[TermColumn], context: ExpressionContext) -> TermColumn:
        left, right = (arguments.geometry(column, context) for column in columns)
        truths = relate_columns(iri, left, right)
        return arguments.booleans(truths > 0, truths >= 0)

    return call


def _relate(columns: Sequence[TermColumn], context: ExpressionContext) -> TermColumn:
    """``geof:relate``: the pattern may differ from row to row, and is an error where it is none."""
    patterns, places = arguments.texts_once(columns[2], kinds=(types.STRING,))
    truths = np.full(len(columns[0]), -1, np.int8)
    for place, pattern in enumerate(patterns):
        rows = np.flatnonzero(places == place)
        if pattern is None or not len(rows):
            continue
        left, right = (arguments.geometry(column.take(rows), context) for column in columns[:2])
        try:
            truths[rows] = relate_columns(GEOF.relate, left, right, pattern=pattern)
        except InputError:
            continue
    return arguments.booleans(truths > 0, truths >= 0)


def _counted(function: Function, arities: tuple[int, ...]) -> Function:
    """Give no terms where a function is called with too few or too many arguments."""

    def call(columns: Sequence[TermColumn], context: ExpressionContext) -> TermColumn:
        if len(columns) not in arities:
            return TermColumn.empty(len(columns[0]) if columns else 1)
        return function(columns, context)

    return call


def _all() -> dict[str, Function]:
    relations: dict[str, Function] = {
        relation.name: _relation(iri) if relation.name != "relate" else _relate
        for iri, relation in RELATIONS.items()
    }
    named = {**relations, **ACCESSORS, **CONSTRUCTORS}
    two = {name: (2,) for name in relations if name != "relate"}
    return {
        GEOF[name]: _counted(function, _ARITIES.get(name, two.get(name, _ONE)))
        for name, function in named.items()
    }


FUNCTIONS: Mapping[str, Function] = _all()
"""Every function of GeoSPARQL by its IRI; ``geof:asDGGS`` is not among them, as no DGGS is known here."""
