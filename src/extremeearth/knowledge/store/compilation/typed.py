"""Comparisons with a number or an instant as SQL over typed columns.

Each comparison has a column of its own, in which every object that compares has a value on the right side of the
bound: that of the dictionary, but where that is rounded or missing and so may not tell (`execution.typed_columns`). An
object that does not compare has null there, and a comparison with null is no match, as an error is none in a FILTER.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlglot import exp

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.terms import XSD, Literal, Variable
from extremeearth.knowledge.store.compilation import relations as r
from extremeearth.knowledge.store.compilation.steps import Bound
from extremeearth.knowledge.store.plan import nodes as p
from extremeearth.knowledge.store.plan.conditions import conjoined

__all__ = ["TypedCondition", "typed_condition", "typed_part"]

_NUMERIC = frozenset(XSD + name for name in ("integer", "decimal", "double", "int", "long"))
"""Not ``xsd:float``: what is compared with one is rounded to single precision first (section 17.3)."""
MOST_TYPED = 8
"""Conditions on one scan that become columns of their own; more are asked of columns of terms."""
_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "="}
_OPERATORS = {"<": exp.LT, ">": exp.GT, "<=": exp.LTE, ">=": exp.GTE, "=": exp.EQ}


@dataclass(frozen=True, slots=True)
class TypedCondition:
    """A condition on typed columns of table ``t``, and the columns."""

    sql: exp.Expr
    bounds: tuple[Bound, ...]


def typed_condition(condition: s.Expression, variable: str) -> TypedCondition | None:
    """Say a condition on one variable in SQL, or `None` where it is more than comparisons with constants.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import parse_query
    >>> query = parse_query("SELECT * { ?s ?p ?o FILTER(?o > 5 && 7.5 >= ?o) }")
    >>> found = typed_condition(query.where.elements[1].expression, "o")
    >>> found.sql.sql(), [bound.column for bound in found.bounds]
    ('t."number0" > 5.0 AND t."number1" <= 7.5', ['number0', 'number1'])
    """
    bounds: list[Bound] = []
    sql = _sql(condition, variable, bounds)
    return None if sql is None else TypedCondition(sql, tuple(bounds))


def typed_part(
    conditions: Sequence[s.Expression], object_: p.Slot
) -> tuple[TypedCondition | None, list[s.Expression]]:
    """Say what can be said of conditions on the object of a scan in SQL; give the others as they are.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import parse_query
    >>> query = parse_query("SELECT * { ?s ?p ?o FILTER(?o > 5) FILTER(?o != 7) }")
    >>> typed, others = typed_part([part.expression for part in query.where.elements[1:]], "o")
    >>> typed.sql.sql(), [str(part) for part in others]
    ('t."number0" > 5.0', ['?o != 7'])
    """
    said: list[s.Expression] = []
    others: list[s.Expression] = []
    for condition in conditions if isinstance(object_, str) else ():
        fits = len(said) < MOST_TYPED and typed_condition(condition, str(object_)) is not None
        (said if fits else others).append(condition)
    if not said:
        return None, list(conditions)
    return typed_condition(conjoined(said), str(object_)), others


def _sql(condition: s.Expression, variable: str, bounds: list[Bound]) -> exp.Expr | None:
    if isinstance(condition, s.Logical):
        parts = [_sql(part, variable, bounds) for part in condition.operands]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        return (exp.and_ if condition.operator == "&&" else exp.or_)(*known)
    if not isinstance(condition, s.Comparison) or condition.operator not in _OPERATORS:
        return None
    left, right, operator = condition.left, condition.right, condition.operator
    if isinstance(right, Variable):
        left, right, operator = right, left, _MIRRORED[operator]
    if not (isinstance(left, Variable) and left.name == variable and isinstance(right, Literal)):
        return None
    bound = _bound(right, len(bounds))
    if bound is None:
        return None
    bounds.append(bound)
    value = exp.Literal.number(repr(bound.value))
    return _OPERATORS[operator](this=r.column(bound.column, "t"), expression=value)


def _bound(literal: Literal, number: int) -> Bound | None:
    datatype = literal.datatype.value
    if datatype in _NUMERIC:
        kind, value = "number", _number(literal)
    elif datatype == XSD + "dateTime":
        kind, value = "instant", _instant(literal)
    else:
        return None
    return None if value is None else Bound(f"{kind}{number}", kind, value, literal)


def _number(literal: Literal) -> float | None:
    try:
        value = float(literal.lexical)
    except ValueError:
        return None
    return value + 0.0 if math.isfinite(value) else None  # 0.0 for -0.0, which SQL would tell apart


def _instant(literal: Literal) -> int | None:
    try:
        moment = datetime.fromisoformat(literal.lexical.replace("Z", "+00:00"))
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
