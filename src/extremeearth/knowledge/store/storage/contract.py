"""What the rooms above know of the storage: terms by number, scans of quads, geometries, and transactions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.rdf.geometry_column import GeometryColumn
from extremeearth.knowledge.store.columns import TermColumn

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "DEFAULT_GRAPH", "UNKNOWN", "Geometries", "PredicateStatistics", "Snapshot", "Statistics", "Storage", "Terms",
    "Writing",
]  # fmt: skip

DEFAULT_GRAPH = 0
"""The number that stands for the default graph; terms are numbered from 1."""
UNKNOWN = -1
"""The number of a term that the dictionary does not have."""

Done = TypeVar("Done")


class Terms(Protocol):
    """The dictionary as one snapshot sees it: numbers to terms and back. Numbers are dense, from 1."""

    def __len__(self) -> int:
        """Count the terms; the largest number is the same."""

    def find(self, column: TermColumn) -> NDArray[np.int64]:
        """Give the number of each term, `UNKNOWN` where there is none. One term takes microseconds."""

    def take(self, ids: NDArray[np.int64]) -> TermColumn:
        """Give the terms of numbers; a number below 1 gives no term."""

    def types(self, ids: NDArray[np.int64]) -> NDArray[np.int32]:
        """Give the type codes of numbers alone; -1 for a number below 1."""

    def numbers(self, ids: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give the numeric value of numeric literals (NaN where there is none, or it is not a number)."""

    def instants(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give microseconds since 1970 in UTC of ``xsd:dateTime`` with a time zone and of ``xsd:date`` (midnight UTC).

        The smallest int64 where there is none.
        """


class Geometries(Protocol):
    """The stored geometries as one snapshot sees them."""

    def __len__(self) -> int:
        """Count the geometries."""

    def column(self, ids: NDArray[np.int64]) -> GeometryColumn:
        """Give the shapes of terms by number; none where the term is no geometry literal or cannot be read."""

    def encoded(self, ids: NDArray[np.int64]) -> tuple[pa.Array, GeometryColumn]:
        """Give the WKB of terms by number (own system, x then y), null where a term has none; and their systems.

        The column has the systems alone, no shapes.
        """

    def boxes(self, ids: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give the boxes of terms by number, rows of ``xmin ymin xmax ymax`` in longitude and latitude, else NaN."""

    def table(self) -> pa.Table:
        """Give all: ``id`` int64, ``wkb`` (own system, x then y), ``crs`` int32 code, ``xmin ymin xmax ymax`` float64.

        The boxes are in longitude and latitude; NaN for empty shapes. Rows are in Hilbert order file by file.
        """

    def in_box(self, xmin: float, ymin: float, xmax: float, ymax: float) -> NDArray[np.int64]:
        """Give the numbers of the geometries whose box in longitude and latitude meets a box. Sublinear in practice."""

    def empty(self) -> NDArray[np.int64]:
        """Give the numbers of the geometries that are empty, which no box finds."""

    def inside_box(self, xmin: float, ymin: float, xmax: float, ymax: float) -> NDArray[np.int64]:
        """Give the numbers of the geometries in CRS84 whose box lies inside a box, without touching its border."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredicateStatistics:
    """Counts of one predicate, over all graphs."""

    triples: int
    subjects: int
    objects: int


class Statistics(Protocol):
    """Counts for the order of joins."""

    @property
    def triples(self) -> int:
        """How many quads there are."""

    def predicate(self, predicate: int) -> PredicateStatistics:
        """Give the counts of a predicate; zeros where it is unknown."""

    def box_fraction(self, xmin: float, ymin: float, xmax: float, ymax: float) -> float:
        """Estimate which part of the geometries meets a box, from a spatial histogram."""


class Snapshot(Protocol):
    """The whole store as it was after one commit; never changes."""

    @property
    def version(self) -> int:
        """Number of the commit."""

    @property
    def terms(self) -> Terms:
        """The dictionary."""

    @property
    def geometries(self) -> Geometries:
        """The geometries of its terms."""

    @property
    def statistics(self) -> Statistics:
        """Counts for the order of joins."""

    def __len__(self) -> int:
        """Count the quads."""

    def predicates(self) -> NDArray[np.int64]:
        """Give the predicates that have quads."""

    def graphs(self) -> NDArray[np.int64]:
        """Give the named graphs that have quads."""

    def scan(
        self,
        *,
        subject: int | None = None,
        predicate: int | None = None,
        object: int | None = None,
        graphs: Sequence[int] | None = None,
    ) -> pa.Table:
        """Give quads that match, as columns ``s p o g`` of int64, each quad once.

        Parameters
        ----------
        subject, predicate, object
            Numbers, `None` for any. One that is `UNKNOWN` matches nothing.
        graphs
            Graphs to look in (`DEFAULT_GRAPH` for the default one), `None` for every graph, the default one too.

        A constant subject or object is found by binary search in tables kept in memory and sorted; a result that is
        a slice is not copied.
        """

    def scan_among(
        self,
        predicate: int,
        place: str,
        values: NDArray[np.int64],
        *,
        graphs: Sequence[int] | None = None,
    ) -> pa.Table:
        """Give the quads of a predicate whose subject or object is among some numbers, by binary search.

        Parameters
        ----------
        place
            ``s`` or ``o``.
        values
            Different numbers.
        """


class Writing(Protocol):
    """A transaction under way: what is added to it is seen by nobody until it is committed.

    Attributes
    ----------
    created
        IRIs of graphs that exist though they may be empty; may be changed.
    """

    created: frozenset[str]

    @property
    def snapshot(self) -> Snapshot:
        """What the transaction sees: the state it started from with its own changes, new terms included."""

    def number(self, column: TermColumn) -> NDArray[np.int64]:
        """Give numbers for terms, new ones where they are new; geometry literals get their geometries too."""

    def insert(self, quads: pa.Table) -> None:
        """Add quads (``s p o g``); those that are there already change nothing. Order of insert and delete counts."""

    def delete(self, quads: pa.Table) -> None:
        """Remove quads; those that are not there change nothing."""

    @property
    def inserted(self) -> int:
        """Quads that are new, so far."""

    @property
    def deleted(self) -> int:
        """Quads that were there and go, so far."""

    @property
    def problems(self) -> Mapping[int, str]:
        """What is wrong with each geometry literal numbered here that cannot be read, by its number.

        They are read beside everything else; this waits until all were tried.
        """


class Storage(Protocol):
    """Where quads, terms and geometries are kept."""

    def snapshot(self, *, version: int | None = None, as_of: datetime | None = None) -> Snapshot:
        """Give the newest state, or an older one. Cheap when nothing changed; loads only what is new otherwise."""

    def transact(
        self, change: Callable[[Writing], Done], *, note: Mapping[str, Any] | None = None
    ) -> Done:
        """Run `change` and commit what it did: all or nothing.

        Where another writer was first, `change` runs again on the new state. Nothing is committed where it raises,
        and no commit is made where it changed nothing.
        """

    def versions(self) -> pa.Table:
        """Give the history: ``version``, ``time``, ``inserted``, ``deleted``."""
