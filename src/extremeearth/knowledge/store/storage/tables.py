"""The tables of a store, and what a commit of quads says besides its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from extremeearth.knowledge.store.storage._log import TableKind, TableLog

__all__ = ["CREATED", "GEOMETRIES", "TERMS", "StorageTables", "created_graphs"]

TERMS = TableKind(
    name="terms",
    columns={
        "id": "long",
        "type": "string",
        "value": "string",
        "number": "double",
        "instant": "timestamp",
    },
    ranges=("id",),
)
GEOMETRIES = TableKind(
    name="geometries",
    columns={
        "id": "long", "wkb": "binary", "crs": "string",
        "xmin": "double", "ymin": "double", "xmax": "double", "ymax": "double",
    },
    ranges=("id",),
)  # fmt: skip
CREATED = "created"
"""Where a commit of quads tells which graphs were created, with triples or without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageTables:
    """The logs of the three tables."""

    terms: TableLog
    geometries: TableLog
    quads: TableLog


def created_graphs(facts: Mapping[str, Any]) -> frozenset[str]:
    """Give the graphs that were created, of what a commit says.

    Examples
    --------
    >>> sorted(created_graphs({"created": ["urn:g", 5]}))
    ['urn:g']
    """
    return frozenset(graph for graph in facts.get(CREATED, ()) if isinstance(graph, str))
