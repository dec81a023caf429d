"""What a node of a plan tells of itself, worked out once: nodes never change, and are asked again and again."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import getattr_static
from typing import Any, TypeVar

__all__ = ["Kept", "kept"]

Node = TypeVar("Node", bound="Kept")
KEPT = ("variables", "certain")
_MISSING = object()


class Kept:
    """Has room for what `kept` keeps, and fills it when it is made: what is below has, so nothing is walked twice."""

    __slots__ = ("_certain", "_hash", "_variables")

    def __post_init__(self) -> None:
        """Ask for all that is kept."""
        hash(self)
        for name in KEPT:
            getattr(self, name)


def kept(node: type[Node]) -> type[Node]:
    """Keep the columns and the hash of each node of a class, which ask those of all nodes below.

    Goes above ``@dataclass(frozen=True, slots=True)``, for the hash is made by that.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> asked = []
    >>> @kept
    ... @dataclass(frozen=True, slots=True)
    ... class Leaf(Kept):
    ...     name: str
    ...
    ...     @property
    ...     def variables(self) -> tuple[str, ...]:
    ...         asked.append(self.name)
    ...         return (self.name,)
    ...
    ...     @property
    ...     def certain(self) -> frozenset[str]:
    ...         return frozenset({self.name})
    >>> leaf = Leaf("a")
    >>> leaf.variables + leaf.variables, asked
    (('a', 'a'), ['a'])
    >>> Leaf("b").variables
    ('b',)
    """
    for name in KEPT:
        told = getattr_static(node, name, None)
        if isinstance(told, property) and told.fget is not None:
            setattr(node, name, property(_once(told.fget, f"_{name}"), doc=told.__doc__))
    setattr(node, "__hash__", _once(node.__hash__, "_hash"))  # noqa: B010 - mypy knows no other hash for a class
    return node


def _once(tell: Callable[[Any], Any], slot: str) -> Callable[[Any], Any]:
    @wraps(tell)
    def told(node: Any) -> Any:
        found = getattr(node, slot, _MISSING)
        if found is _MISSING:
            found = tell(node)
            object.__setattr__(node, slot, found)  # frozen for all others
        return found

    return told
