"""Which of the plans below a node is compiled first."""

from __future__ import annotations

from extremeearth.knowledge.store.plan import nodes as p

__all__ = ["first_below", "limited_order"]


def first_below(node: p.Plan) -> p.Plan | None:
    """Give the plan that compiling a node compiles first, if any.

    Examples
    --------
    >>> rows = p.Values(("a",), ())
    >>> first_below(p.Distinct(p.Project(rows, ("a",))))
    Project(...)
    >>> first_below(rows) is None
    True
    """
    if isinstance(node, p.JoinGraph):
        return None  # becomes joins and filters first
    if isinstance(node, p.Filter) and isinstance(node.pattern, p.Scan) and not node.flags:
        return None  # becomes one step
    if isinstance(node, p.Slice):
        order = limited_order(node)
        return node.pattern if order is None else order.pattern
    return next(p.children(node), None)


def limited_order(node: p.Slice) -> p.Order | None:
    """Give the order of which only the first rows are wanted."""
    if node.limit is None or node.within:
        return None
    pattern = node.pattern
    below = pattern.pattern if isinstance(pattern, p.Project) else pattern
    return below if isinstance(below, p.Order) else None
