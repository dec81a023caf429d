"""The stores that the suites are run against."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from extremeearth.core.http import SafeClient
from extremeearth.knowledge.store import GraphStore
from extremeearth.knowledge.store.embedded import open_graph
from extremeearth.knowledge.store.graph import Graph

__all__ = ["DEFAULT", "STORES", "new_store"]

STORES: Mapping[str, Callable[[SafeClient], GraphStore]] = {
    "old": lambda _client: open_graph(),
    "new": lambda client: Graph.open(client=client),
}
DEFAULT = "old"
"""The store that the tests run against."""


def new_store(kind: str | None, client: SafeClient) -> GraphStore:
    """Open an empty store in memory, which asks other servers by a client."""
    return STORES[kind or DEFAULT](client)
