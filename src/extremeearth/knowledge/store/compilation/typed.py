"""Comparisons with a number or an instant as SQL over the typed columns of the dictionary.

Only what means the same in both languages is taken: an object that is not of the type has null there, and a
comparison with null is no match, as an error is none in a FILTER.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlglot import exp

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.terms import XSD, Literal, Variable
from extremeearth.knowledge.store.compilation import relations as r

__all__ = ["TypedCondition", "typed_condition"]

LARGEST_EXACT = 2.0**53
_NUMERIC = frozenset(
    XSD + name for name in ("integer", "decimal", "double", "float", "int", "long")
)
_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "="}
_OPERATORS = {"<": exp.LT, ">": exp.GT, "<=": exp.LTE, ">=": exp.GTE, "=": exp.EQ}


@dataclass(frozen=True, slots=True)
class TypedCondition:
    """A condition on typed columns.

    Attributes
    ----------
    sql
        Over the columns ``number`` and ``instant`` of table ``t``.
    kinds
        Which of them it reads.
    """

    sql: exp.Expr
    kinds: tuple[str, ...]


def typed_condition(condition: s.Expression, variable: str) -> TypedCondition | None:
    """Say a condition on one variable in SQL, or `None` where it may mean something else there.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import parse_query
    >>> query = parse_query("SELECT * { ?s ?p ?o FILTER(?o > 5 && 7.5 >= ?o) }")
    >>> found = typed_condition(query.where.elements[1].expression, "o")
    >>> found.sql.sql(), found.kinds
    ('t."number" > 5.0 AND t."number" <= 7.5', ('number',))
    """
    if isinstance(condition, s.Logical):
        parts = [typed_condition(part, variable) for part in condition.operands]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        combine = exp.and_ if condition.operator == "&&" else exp.or_
        kinds = tuple(dict.fromkeys(kind for part in known for kind in part.kinds))
        return TypedCondition(combine(*(part.sql for part in known)), kinds)
    if not isinstance(condition, s.Comparison) or condition.operator not in _OPERATORS:
        return None
    left, right, operator = condition.left, condition.right, condition.operator
    if isinstance(right, Variable):
        left, right, operator = right, left, _MIRRORED[operator]
    if not (isinstance(left, Variable) and left.name == variable and isinstance(right, Literal)):
        return None
    return _comparison(operator, right)


def _comparison(operator: str, literal: Literal) -> TypedCondition | None:
    datatype = literal.datatype.value
    if datatype in _NUMERIC:
        kind, value = "number", _number(literal, operator)
    elif datatype == XSD + "dateTime":
        kind, value = "instant", _instant(literal)
    else:
        return None
    if value is None:
        return None
    bound = exp.Literal.number(repr(value))
    compare = _OPERATORS[operator](this=r.column(kind, "t"), expression=bound)
    return TypedCondition(compare, (kind,))


def _number(literal: Literal, operator: str) -> float | None:
    try:
        value = float(literal.lexical)
    except ValueError:
        return None
    if not math.isfinite(value) or abs(value) >= LARGEST_EXACT:
        return None
    if operator == "=" and not value.is_integer():
        return None  # a decimal and a double may differ where their nearest doubles do not
    return value


def _instant(literal: Literal) -> int | None:
    try:
        moment = datetime.fromisoformat(literal.lexical.replace("Z", "+00:00"))
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
