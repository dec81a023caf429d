"""What every node of a plan has, and tells of itself.

It is worked out once, for nodes never change and are asked again and again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from inspect import getattr_static
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = ["Plan", "kept"]

Node = TypeVar("Node", bound="Plan")
KEPT = ("variables", "certain")
_MISSING = object()


@dataclass(frozen=True)
class Plan:
    """A node of a plan with all that is below it.

    It has room for what `kept` keeps, and fills it when it is made: what is below has, so nothing is walked twice.
    """

    __slots__ = ("_certain", "_hash", "_variables")

    if TYPE_CHECKING:  # some have them as fields, for which what stands here would be the default

        @property
        def variables(self) -> tuple[str, ...]:
            """Give the columns."""

        @property
        def certain(self) -> frozenset[str]:
            """Give the columns that are bound in every row."""

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
    ... class Leaf(Plan):
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
