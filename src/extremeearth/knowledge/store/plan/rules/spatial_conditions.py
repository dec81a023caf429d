"""What a condition says about space: a relation or a distance between two geometries."""

from __future__ import annotations

import math
from dataclasses import dataclass

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.terms import Iri, Literal, Variable
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.expressions import read_numbers
from extremeearth.knowledge.store.geosparql import RELATIONS, unit_of
from extremeearth.knowledge.store.plan import nodes as p

__all__ = ["SpatialCondition", "distance_to", "spatial_condition"]

GEOF = "http://www.opengis.net/def/function/geosparql/"
_DISJOINT = frozenset(GEOF + name for name in ("sfDisjoint", "ehDisjoint", "rcc8dc", "relate"))
"""Relations of geometries that need not meet: no index finds them."""


@dataclass(frozen=True, slots=True)
class SpatialCondition:
    """Two geometries and how they stand; `exact` says that nothing of the condition is left to check."""

    left: Variable | Literal
    right: Variable | Literal
    relation: p.SpatialRelation
    exact: bool


def spatial_condition(condition: s.Expression) -> SpatialCondition | None:
    """Read a condition, or `None` where it is no relation that an index can find.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import parse_query
    >>> text = "PREFIX geof: <http://www.opengis.net/def/function/geosparql/> ASK { FILTER(geof:sfWithin(?a, ?b)) }"
    >>> found = spatial_condition(parse_query(text).where.elements[0].expression)
    >>> str(found.left), str(found.relation)
    ('?a', 'sfWithin')
    """
    if isinstance(condition, s.FunctionCall) and len(condition.arguments) == 2:
        name = condition.function.value
        if name not in RELATIONS or name in _DISJOINT:
            return None
        return _between(condition.arguments, p.SpatialRelation(name), exact=True)
    if isinstance(condition, s.Comparison):
        return _distance(condition)
    return None


def _between(
    arguments: tuple[s.Expression, ...], relation: p.SpatialRelation, *, exact: bool
) -> SpatialCondition | None:
    left, right = arguments[:2]
    if isinstance(left, Variable | Literal) and isinstance(right, Variable | Literal):
        return SpatialCondition(left, right, relation, exact)
    return None


def _distance(condition: s.Comparison) -> SpatialCondition | None:
    left, right, operator = condition.left, condition.right, condition.operator
    if operator in {">", ">="}:
        left, right, operator = right, left, operator.replace(">", "<")
    if operator not in {"<", "<="} or not isinstance(right, Literal):
        return None
    ends = distance_to(left)
    if ends is None:
        return None
    read = read_numbers(TermColumn.of([right]))  # what is no number makes the comparison an error
    limit = float(read.doubles()[0]) if read.present[0] else math.nan
    if not math.isfinite(limit) or limit < 0:
        return None
    relation = p.SpatialRelation(GEOF + "distance", distance_m=limit * ends[1])
    return _between(ends[0], relation, exact=operator == "<=" and ends[1] == 1.0)


def distance_to(expression: s.Expression) -> tuple[tuple[s.Expression, ...], float] | None:
    """Read a distance in a unit of length, by either function: its ends, and the metres of its unit."""
    if not isinstance(expression, s.FunctionCall):
        return None
    name, arguments = expression.function.value, expression.arguments
    if name == GEOF + "metricDistance" and len(arguments) == 2:
        return arguments, 1.0
    if name == GEOF + "distance" and len(arguments) == 3 and isinstance(arguments[2], Iri):
        unit = unit_of(arguments[2].value)
        return None if unit is None or unit.kind != "length" else (arguments[:2], unit.size)
    return None
