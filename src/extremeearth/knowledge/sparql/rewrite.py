"""Expressions rebuilt with some of their parts replaced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from extremeearth.knowledge.sparql import syntax as s

__all__ = ["rewrite"]


def rewrite(  # noqa: PLR0911 - one branch for each kind of node
    expression: s.Expression, change: Callable[[s.Expression], s.Expression | None]
) -> s.Expression:
    """Give an expression with parts replaced, from the outside in.

    Parameters
    ----------
    expression
        What to rebuild; the pattern of an EXISTS is left as it is.
    change
        Gives the replacement of a part, or `None` to look inside it.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import Variable, parse_query
    >>> query = parse_query("SELECT (SUM(?a) + 1 AS ?b) { ?x <urn:p> ?a }")
    >>> sums = lambda e: Variable("total") if isinstance(e, s.Aggregate) else None
    >>> print(rewrite(query.projection[0].expression, sums))
    ?total + 1
    """
    changed = change(expression)
    if changed is not None:
        return changed
    e = expression
    if isinstance(e, s.Logical):
        return replace(e, operands=_all(e.operands, change))
    if isinstance(e, s.Comparison):
        return replace(e, left=rewrite(e.left, change), right=rewrite(e.right, change))
    if isinstance(e, s.Membership):
        return replace(e, operand=rewrite(e.operand, change), items=_all(e.items, change))
    if isinstance(e, s.Arithmetic):
        rest = tuple((operator, rewrite(operand, change)) for operator, operand in e.rest)
        return replace(e, first=rewrite(e.first, change), rest=rest)
    if isinstance(e, s.Negation):
        return replace(e, operand=rewrite(e.operand, change))
    if isinstance(e, s.BuiltIn | s.FunctionCall):
        return replace(e, arguments=_all(e.arguments, change))
    if isinstance(e, s.Aggregate) and e.operand is not None:
        return replace(e, operand=rewrite(e.operand, change))
    return e


def _all(
    expressions: tuple[s.Expression, ...], change: Callable[[s.Expression], s.Expression | None]
) -> tuple[s.Expression, ...]:
    return tuple(rewrite(e, change) for e in expressions)
