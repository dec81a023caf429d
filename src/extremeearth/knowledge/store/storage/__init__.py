"""Where quads, terms and geometries are kept: three Delta tables whose last commit is the transaction's."""

from extremeearth.knowledge.store.storage.checking import CheckReport, check
from extremeearth.knowledge.store.storage.contract import (
    DEFAULT_GRAPH,
    UNKNOWN,
    Geometries,
    PredicateStatistics,
    Snapshot,
    Statistics,
    Storage,
    Terms,
    Writing,
)
from extremeearth.knowledge.store.storage.maintenance import (
    CompactReport,
    compact,
    compact_scattered,
    count_scattered,
    vacuum,
)
from extremeearth.knowledge.store.storage.opening import open_storage
from extremeearth.knowledge.store.storage.quads import quads_table
from extremeearth.knowledge.store.storage.store import GraphStorage

__all__ = [
    "DEFAULT_GRAPH",
    "UNKNOWN",
    "CheckReport",
    "CompactReport",
    "Geometries",
    "GraphStorage",
    "PredicateStatistics",
    "Snapshot",
    "Statistics",
    "Storage",
    "Terms",
    "Writing",
    "check",
    "compact",
    "compact_scattered",
    "count_scattered",
    "open_storage",
    "quads_table",
    "vacuum",
]
