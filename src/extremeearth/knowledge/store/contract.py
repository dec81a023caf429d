"""What a graph store offers; every implementation passes the same suite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Protocol

from extremeearth.core.progress import CancelToken
from extremeearth.knowledge.store.results.solutions import Solutions, Triples
from extremeearth.knowledge.store.summary import Summary

__all__ = ["DocumentProblem", "GraphStore", "LoadReport", "Source", "UpdateReport"]

Source = Path | bytes | IO[bytes]
"""What can be loaded: a file, bytes, or an open binary file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentProblem:
    """What is wrong at one place of a document.

    Attributes
    ----------
    document
        Name of the file, or what the document is called otherwise.
    line
        From 1; `None` where it is not known.
    message
        What is wrong.

    Examples
    --------
    >>> print(DocumentProblem(document="a.nt", line=7, message="It is not UTF-8."))
    a.nt, line 7: It is not UTF-8.
    """

    document: str
    line: int | None
    message: str

    def __str__(self) -> str:
        where = self.document if self.line is None else f"{self.document}, line {self.line}"
        return f"{where}: {self.message}"


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
    statements
        Statements read, those that were in the store already too.
    skipped
        Lines or statements that were broken and left out.
    geometry_problems
        Geometry literals that cannot be read: they are in the store as literals, but have no shape.
    examples
        The first of what was skipped.
    geometry_examples
        The first of the geometry literals that cannot be read.
    """

    triples: int
    seconds: float
    format: str
    graph: str | None = None
    statements: int = 0
    skipped: int = 0
    geometry_problems: int = 0
    examples: tuple[DocumentProblem, ...] = ()
    geometry_examples: tuple[DocumentProblem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateReport:
    """What an update did.

    Attributes
    ----------
    inserted
        Statements that are new in the store.
    deleted
        Statements that are gone.
    seconds
        How long it took.
    """

    inserted: int
    deleted: int
    seconds: float


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
        version: int | None = None,
        as_of: datetime | None = None,
        token: CancelToken | None = None,
    ) -> Solutions | bool | Triples:
        """Answer a query: rows of a SELECT, truth of an ASK, triples of a CONSTRUCT or DESCRIBE.

        It is asked of the newest state, of that with a number, or of that at a time; `token` stops it.
        """

    def update(
        self,
        text: str,
        *,
        timeout_s: float = 60.0,
        default_graphs: Sequence[str] | None = None,
        named_graphs: Sequence[str] | None = None,
        base: str | None = None,
    ) -> UpdateReport | None:
        """Carry out an update: all of it, or nothing."""

    def load(
        self,
        source: Source | Sequence[Source],
        format: str | None = None,
        *,
        graph: str | None = None,
        base: str | None = None,
    ) -> LoadReport:
        """Add an RDF document: all of it, or nothing."""

    def find_version(
        self, *, version: int | None = None, as_of: datetime | None = None
    ) -> int | None:
        """Give the number of the newest state, of the one with a number, or of the one at a time.

        `None` where the store does not number its states.

        Raises
        ------
        NotFoundError
            There is no such state.
        """

    def graphs(self) -> Iterable[str]:
        """Give the IRIs of the named graphs."""

    def has_graph(self, graph: str) -> bool:
        """Tell whether a named graph exists."""

    def read_graph(
        self, graph: str | None, *, version: int | None = None, as_of: datetime | None = None
    ) -> Triples:
        """Give all triples of a graph; of the default graph for `None`."""

    def replace_graph(
        self,
        graph: str | None,
        source: Source | Sequence[Source],
        format: str,
        *,
        base: str | None = None,
    ) -> LoadReport:
        """Make a graph hold exactly what documents say, in one step."""

    def drop_graph(self, graph: str | None) -> None:
        """Remove a graph with its triples; empty the default graph for `None`."""

    def summary(self, *, version: int | None = None) -> Summary:
        """Count what is in the store by predicate and class, with its extent in space and time."""

    def __len__(self) -> int:
        """Count the statements."""
