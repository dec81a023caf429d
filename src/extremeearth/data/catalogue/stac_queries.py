"""The object of the STAC ``query`` extension, read into the filter tree."""

from __future__ import annotations

from typing import Any

from extremeearth.core.errors import FilterError
from extremeearth.data.catalogue.filter_values import MOST_PARTS, plain_text, property_of, scalar_of
from extremeearth.data.catalogue.filters import (
    And,
    Compare,
    Constant,
    FilterNode,
    In,
    Like,
    Property,
)

__all__ = ["parse_stac_query"]

QUERY_OPERATORS = {"eq": "=", "neq": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


def parse_stac_query(query: Any) -> FilterNode:
    """Read the object of the STAC ``query`` extension.

    Raises
    ------
    FilterError
        It is no object of objects, or uses an operator that is not offered.

    Examples
    --------
    >>> parse_stac_query({"eo:cloud_cover": {"lt": 10}})
    Compare(left=Property(name='eo:cloud_cover'), operator='<', right=10.0)
    """
    parts: list[FilterNode] = []
    if not isinstance(query, dict) or not all(isinstance(v, dict) for v in query.values()):
        raise FilterError("'query' is no object of objects.", hint="Write {property: {op: value}}.")
    for name, operators in query.items():
        subject = property_of({"property": name})
        for operator, value in operators.items():
            parts.append(_comparison(subject, operator, value))
            if len(parts) > MOST_PARTS:
                raise FilterError("The query is too long.", hint=f"At most {MOST_PARTS} parts.")
    return parts[0] if len(parts) == 1 else And(tuple(parts)) if parts else Constant(True)


def _comparison(subject: Property, operator: Any, value: Any) -> FilterNode:
    """Read one operator of the ``query`` extension."""
    if operator in QUERY_OPERATORS:
        return Compare(subject, QUERY_OPERATORS[operator], scalar_of(value))
    if operator in {"startsWith", "endsWith", "contains"} and isinstance(value, str):
        return Like(subject, _affix(operator, value))
    if operator == "in" and isinstance(value, list) and value:
        return In(subject, tuple(scalar_of(v) for v in value))
    raise FilterError(
        f"The query operator '{str(operator)[:50]}' is not offered, or has a wrong value.",
        hint=f"Offered are {', '.join(QUERY_OPERATORS)}, startsWith, endsWith, contains, in.",
    )


def _affix(operator: str, text: str) -> str:
    plain_text(text, what="A text in the query", longest=200)
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    before = "%" if operator in {"endsWith", "contains"} else ""
    return before + escaped + ("%" if operator in {"startsWith", "contains"} else "")
