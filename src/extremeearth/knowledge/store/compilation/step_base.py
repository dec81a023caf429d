"""What all steps share: how they name what they read, and how they are shown."""

from __future__ import annotations

from typing import Any

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.store.plan import nodes as p

__all__ = ["UNIT", "Flags", "OnTable", "shown", "shown_slot"]

UNIT = ".unit"
"""Column of tables whose rows have no variables: only their number counts."""

Flags = tuple[tuple[s.Exists, str], ...]


class OnTable:
    """Reads one table, `input`."""

    __slots__ = ()
    input: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """Give the tables that it reads."""
        return (self.input,)


def shown_slot(slot: p.Slot) -> str:
    """Show what stands in a place of a pattern."""
    return f"?{slot}" if isinstance(slot, str) else str(slot)


def shown(value: Any, most: int = 160) -> str:
    """Show something in one line that is not too long."""
    text = " ".join(str(value).split())
    return text if len(text) <= most else f"{text[: most - 1]}…"
