"""Conditions taken apart at their ``&&``, and put together again."""

from __future__ import annotations

from collections.abc import Sequence

from extremeearth.knowledge.sparql import syntax as s

__all__ = ["conjoined", "conjuncts"]


def conjuncts(condition: s.Expression) -> tuple[s.Expression, ...]:
    """Take a condition apart at its ``&&``.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import parse_query
    >>> query = parse_query("ASK { FILTER(?a > 1 && (?b && ?c)) }")
    >>> [str(part) for part in conjuncts(query.where.elements[0].expression)]
    ['?a > 1', '?b', '?c']
    """
    if isinstance(condition, s.Logical) and condition.operator == "&&":
        return tuple(part for operand in condition.operands for part in conjuncts(operand))
    return (condition,)


def conjoined(conditions: Sequence[s.Expression]) -> s.Expression:
    """Make one condition of several, at least one: it is true where all are.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql.terms import Variable
    >>> str(conjoined([Variable("a"), Variable("b")]))
    '?a && ?b'
    """
    return conditions[0] if len(conditions) == 1 else s.Logical("&&", tuple(conditions))
