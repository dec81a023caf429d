"""How XML is parsed that nobody trusts."""

from __future__ import annotations

from typing import Any

__all__ = ["SAFE"]

SAFE: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
}
"""Options of lxml: nothing is fetched, nothing grows."""
