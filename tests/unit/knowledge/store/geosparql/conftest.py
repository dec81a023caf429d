from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import strategies as st

from extremeearth.knowledge.rdf import GEO, GEOF
from extremeearth.knowledge.sparql.terms import XSD, Iri, Literal, Term
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.expressions import ExpressionContext
from extremeearth.knowledge.store.geosparql import AGGREGATES, FUNCTIONS, read_geometries

UOM = "http://www.opengis.net/def/uom/OGC/1.0/"


@pytest.fixture(scope="session")
def context() -> ExpressionContext:
    return ExpressionContext(now=datetime(2026, 1, 1, tzinfo=UTC), geometries=read_geometries)


def as_term(value: Any) -> Term | None:
    """Texts are WKT, but for those in angle brackets alone, which are IRIs, and quoted ones, which are strings."""
    if value is None or isinstance(value, Iri | Literal):
        return value
    for kind, name in ((bool, "boolean"), (int, "integer"), (float, "double")):
        if isinstance(value, kind):
            return Literal(str(value).lower(), Iri(f"{XSD}{name}"))
    if value.startswith(("uom:", "http")):
        return Iri(value.replace("uom:", UOM))
    return Literal(value.strip("'")) if value[:1] == "'" else Literal(value, Iri(GEO.wktLiteral))


def as_value(term: Term | None) -> Any:
    if not isinstance(term, Literal):
        return term
    kind = term.datatype.value.removeprefix(XSD)
    if kind == "boolean":
        return term.lexical == "true"
    if kind == "integer":
        return int(term.lexical)
    if kind == "double":
        return float(term.lexical)
    return term.lexical


@pytest.fixture(scope="session")
def geof(context) -> Callable[..., Any]:
    """Call a function on single values; the answer as a Python value, None for an error."""

    def call(name: str, *values: Any) -> Any:
        columns = [TermColumn.of([as_term(value)]) for value in values]
        return as_value(FUNCTIONS[GEOF[name]](columns, context).terms()[0])

    return call


@pytest.fixture(scope="session")
def geof_term(context) -> Callable[..., Any]:
    """Call a function on single values; the answer as a term."""

    def call(name: str, *values: Any) -> Any:
        columns = [TermColumn.of([as_term(value)]) for value in values]
        return FUNCTIONS[GEOF[name]](columns, context).terms()[0]

    return call


@pytest.fixture(scope="session")
def aggregated(context) -> Callable[..., list[Any]]:
    """Aggregate values by group numbers."""

    def call(
        name: str, values: list[Any], groups: list[int], count: int, *others: list[Any]
    ) -> list[Any]:
        columns = [
            TermColumn.of([as_term(value) for value in given]) for given in (values, *others)
        ]
        groups_of_rows = np.array(groups, np.int64)
        found = AGGREGATES[GEOF[name]](columns[0], groups_of_rows, count, context, *columns[1:])
        return [as_value(term) for term in found.terms()]

    return call


small = st.integers(0, 4).map(float)
points = st.tuples(small, small)


def _boxes() -> st.SearchStrategy[Any]:
    sides = st.tuples(small, small, st.integers(1, 3), st.integers(1, 3))
    return sides.map(lambda s: shapely.box(s[0], s[1], s[0] + s[2], s[1] + s[3]))


def _holed(box: Any) -> Any:
    west, south, east, north = box.bounds
    inner = shapely.box(
        west + (east - west) / 4, south + (north - south) / 4, east - (east - west) / 4, north - (north - south) / 4
    )  # fmt: skip
    return box.difference(inner)


def _lines() -> st.SearchStrategy[Any]:
    return st.lists(points, min_size=2, max_size=4, unique=True).map(shapely.LineString)


SIMPLE = st.one_of(
    points.map(shapely.Point), _lines(), _boxes(), _boxes().map(_holed),
    st.lists(points, min_size=1, max_size=3).map(shapely.MultiPoint),
    st.lists(_lines(), min_size=1, max_size=2).map(shapely.MultiLineString),
    st.sampled_from(["POINT", "LINESTRING", "POLYGON", "GEOMETRYCOLLECTION"]).map(
        lambda kind: shapely.from_wkt(f"{kind} EMPTY")
    ),
)  # fmt: skip


@pytest.fixture(scope="session")
def shapes_on_a_grid() -> st.SearchStrategy[Any]:
    """Geometries of all kinds that often meet, touch, cover or equal each other; empty ones too."""
    filled = SIMPLE.filter(lambda shape: not shape.is_empty)
    return st.one_of(SIMPLE, st.tuples(filled, filled).map(shapely.GeometryCollection))
