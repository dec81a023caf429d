"""The store that the suites are run against."""

from __future__ import annotations

from extremeearth.knowledge.store import GraphStore, open_graph

__all__ = ["STORES", "new_store"]


def new_store(kind: str | None = None) -> GraphStore:
    """Open an empty store in memory; `kind` names another one than that of the project."""
    return STORES[kind or DEFAULT]()


STORES = {"old": open_graph}
DEFAULT = "old"
