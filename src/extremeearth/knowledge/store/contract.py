"""What a graph store offers; every implementation passes the same suite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from extremeearth.knowledge.store.results import Solutions, Triples

__all__ = ["GraphStore", "LoadReport", "Source"]

Source = Path | bytes | IO[bytes]
"""What can be loaded: a file, bytes, or an open binary file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """What a load did.

    Attributes
    ----------
    triples
        Statements that are new in the store; those that were there already are not counted again.
    seconds
        How long it took.
    format
        Media type of what was read.
    graph
        IRI of the graph that triples went to, `None` for the default graph.
    """

    triples: int
    seconds: float
    format: str
    graph: str | None = None


class GraphStore(Protocol):
    """A dataset of RDF graphs that answers GeoSPARQL."""

    def query(
        self,
        text: str,
        *,
        timeout_s: float = 60.0,
        row_limit: int | None = None,
        default_graphs: Sequence[str] | None = None,
        named_graphs: Sequence[str] | None = None,
        base: str | None = None,
    ) -> Solutions | bool | Triples:
        """Answer a query: rows of a SELECT, truth of an ASK, triples of a CONSTRUCT or DESCRIBE."""

    def update(
        self,
        text: str,
        *,
        timeout_s: float = 60.0,
        default_graphs: Sequence[str] | None = None,
        named_graphs: Sequence[str] | None = None,
        base: str | None = None,
    ) -> None:
        """Carry out an update: all of it, or nothing."""

    def load(
        self,
        source: Source,
        format: str | None = None,
        *,
        graph: str | None = None,
        base: str | None = None,
    ) -> LoadReport:
        """Add an RDF document: all of it, or nothing."""

    def graphs(self) -> Iterable[str]:
        """Give the IRIs of the named graphs."""

    def has_graph(self, graph: str) -> bool:
        """Tell whether a named graph exists."""

    def read_graph(self, graph: str | None) -> Triples:
        """Give all triples of a graph; of the default graph for `None`."""

    def replace_graph(
        self, graph: str | None, source: Source, format: str, *, base: str | None = None
    ) -> LoadReport:
        """Make a graph hold exactly a document, in one step."""

    def drop_graph(self, graph: str | None) -> None:
        """Remove a graph with its triples; empty the default graph for `None`."""

    def __len__(self) -> int:
        """Count the statements."""
