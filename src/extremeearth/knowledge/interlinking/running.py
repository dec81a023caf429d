"""A run: cells are filtered and verified one after the other, and links stream out as they are found."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from extremeearth.core.progress import SILENT, Progress, Task
from extremeearth.infrastructure.engine import Engine
from extremeearth.knowledge.interlinking.best_first import BestFirst
from extremeearth.knowledge.interlinking.cells import Found, found_in_cell, work
from extremeearth.knowledge.interlinking.closest import Closest, ClosestSearch
from extremeearth.knowledge.interlinking.crew import Crew
from extremeearth.knowledge.interlinking.disjoint import disjoint_pairs
from extremeearth.knowledge.interlinking.distances import Near, within_distance
from extremeearth.knowledge.interlinking.features import FeatureSet, OnInvalid, Side, align
from extremeearth.knowledge.interlinking.options import LinkOptions
from extremeearth.knowledge.interlinking.plane import Plane
from extremeearth.knowledge.interlinking.progressive import ProgressiveReport
from extremeearth.knowledge.interlinking.relations import ON_REQUEST

__all__ = ["Fresh", "LinkReport", "LinkRun"]

ROWS_PER_BATCH = 100_000

Triples = tuple[Any, Any, Any]
"""Positions of left features, of right features, and of properties."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkReport:
    """What a run did.

    Attributes
    ----------
    candidates
        Pairs whose boxes meet (and whose time spans do, where there are any).
    related
        Those that needed a full DE-9IM code.
    links
        How many links each relation has.
    features, repeated
        How many features each side has, and how many of them have the IRI of an earlier one.
    invalid, empty, unread
        On each side: shapes that were not valid, features without extent, features that could not be read.
    beyond_pole, beyond_antimeridian
        On each side: shapes with a latitude beyond 90, or a longitude beyond 180 degrees. They are related as they are;
        the former have no distance, the latter are measured where they are on the globe.
    verified, qualifying
        Pairs that were verified, and those of them that share a point.
    measured
        Pairs whose distance was measured.
    cells
        Parts of the plane.
    filters
        How many cells each filter worked on.
    seconds
        Wall-clock time.
    progressive
        How good the order was, of a run with a budget.
    reused
        Links that were known before, of a run that linked what is new.

    Examples
    --------
    >>> LinkReport(
    ...     candidates=3, related=1, links={"within": 2}, invalid=(0, 0), empty=(0, 1)
    ... ).links["within"]
    2
    """

    candidates: int
    related: int
    links: Mapping[str, int]
    invalid: tuple[int, int]
    empty: tuple[int, int]
    features: tuple[int, int] = (0, 0)
    repeated: tuple[int, int] = (0, 0)
    unread: tuple[int, int] = (0, 0)
    beyond_pole: tuple[int, int] = (0, 0)
    beyond_antimeridian: tuple[int, int] = (0, 0)
    verified: int = 0
    qualifying: int = 0
    measured: int = 0
    cells: int = 0
    filters: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    progressive: ProgressiveReport | None = None
    reused: int = 0

    def _repr_html_(self) -> str:
        """Show the links of each relation in a notebook."""
        from extremeearth.core.html_tables import html_table

        caption = (
            f"{sum(self.links.values()):,} links of {self.verified:,} verified pairs, {self.features[0]:,} and "
            f"{self.features[1]:,} features, {self.seconds:.1f} s"
        )
        return html_table(caption, ("relation", "links"), self.links.items())


@dataclass(frozen=True, slots=True)
class Fresh:
    """What is new since another run: rows of each side; and what was found of the nearest features of the others.

    `verified` says of a budget how many pairs were verified before, and how many of them share a point.
    """

    left: Any
    right: Any
    closest: Closest | None = None
    verified: tuple[int, int] = (0, 0)


class LinkRun:
    """One run over two sets of features, or over one with itself; made by `link_batches`.

    Iterate over it once: it yields Arrow record batches ``source, relation, target``. After that, `report` is complete.
    """

    def __init__(
        self, left: FeatureSet, right: FeatureSet | None, *, options: LinkOptions,
        on_invalid: OnInvalid = "repair", engine: Engine | None = None, progress: Progress = SILENT,
        fresh: Fresh | None = None,
    ) -> None:  # fmt: skip
        self.options, self.progress = options, progress
        self._crew = Crew.of(engine, options.threads)
        self._began = time.monotonic()
        self.self_join = right is None
        self.left, self.right = align(
            left, left if right is None else right, on_invalid=on_invalid, threads=options.threads
        )
        self._fresh = fresh
        self.reach: Any = None
        """How far the farthest of the nearest features of each left one is, in metres, where these were looked for."""
        self._relations = tuple(r for r in options.chosen() if r.name not in ON_REQUEST)
        self._disjoint = tuple(r for r in options.chosen() if r.name in ON_REQUEST)
        extra = (
            [("withinDistance", options.within_property)] * (options.within_m is not None)
            + [("nearest", options.nearest_property)] * (options.nearest is not None)
        )  # fmt: skip
        self.properties = [(r.name, r.iri) for r in (*self._relations, *self._disjoint)] + extra
        self._links: Counter[str] = Counter({name: 0 for name, _ in self.properties})
        self._counts: Counter[str] = Counter()
        self._filters: Counter[str] = Counter()
        self._quality: ProgressiveReport | None = None

    def __iter__(self) -> Iterator[Any]:
        import pyarrow as pa

        names = pa.array([iri for _, iri in self.properties], pa.large_string())
        ours, theirs = self.left.iris, self.right.iris
        for triples in self.triples():
            yield from self.table(triples, ours, names, theirs).to_batches(ROWS_PER_BATCH)

    def collect(self) -> Any:
        """Find all links and give them as one Arrow table, ordered by the features' positions."""
        import pyarrow as pa

        # a link is one number, and numbers are sorted faster than rows of three; so many features that they
        # would not fit into 63 bits fit into no memory
        wide, kinds = max(len(self.right.shapes), 1), max(len(self.properties), 1)
        found = [(rows * wide + columns) * kinds + kind for rows, columns, kind in self.triples()]
        pairs, kind = np.divmod(
            np.sort(np.concatenate([np.empty(0, dtype=np.int64), *found])), kinds
        )
        names = pa.array([iri for _, iri in self.properties], pa.large_string())
        triples = *np.divmod(pairs, wide), kind.astype(np.uint8)
        return self.table(triples, self.left.iris, names, self.right.iris)

    def table(self, triples: Triples, ours: Any, names: Any, theirs: Any) -> Any:
        """Put positions into words."""
        import pyarrow as pa

        rows, columns, kinds = triples
        return pa.table(
            {
                "source": ours.take(pa.array(rows)),
                "relation": names.take(pa.array(kinds)),
                "target": theirs.take(pa.array(columns)),
            }
        )

    def write(self, target: Path | BinaryIO) -> int:
        """Write the links as N-Triples while they are found; the file appears whole or not at all."""
        import pyarrow as pa

        from extremeearth.knowledge.rdf import (
            iri_terms,
            open_statements,
            statement_lines,
            write_lines,
        )

        ours, theirs = (iri_terms(side.iris, checked=False) for side in (self.left, self.right))
        names = iri_terms(pa.array([iri for _, iri in self.properties], pa.large_string()))
        written = 0
        with open_statements(target) as file:
            for triples in self.triples():
                words = self.table(triples, ours, names, theirs)
                for batch in words.to_batches(ROWS_PER_BATCH):
                    written += write_lines(statement_lines(*batch.columns), file)
        return written

    @property
    def report(self) -> LinkReport:
        """What was done so far."""
        count = self._counts
        return LinkReport(
            candidates=count["candidates"], related=count["related"], links=dict(self._links),
            features=(len(self.left.shapes), len(self.right.shapes)),
            repeated=(self.left.repeated, self.right.repeated),
            invalid=(self.left.invalid, self.right.invalid), empty=(self.left.empty, self.right.empty),
            unread=(self.left.unread, self.right.unread),
            beyond_pole=(self.left.polar, self.right.polar),
            beyond_antimeridian=(self.left.across, self.right.across), verified=count["verified"],
            qualifying=count["qualifying"], measured=count["measured"], reused=count["reused"],
            cells=count["cells"], filters=dict(self._filters),
            seconds=time.monotonic() - self._began, progressive=self._quality,
        )  # fmt: skip

    def triples(self) -> Iterator[Triples]:
        """Yield links as positions, as they are found."""
        meets: list[tuple[Any, Any]] = []
        whole = [(self.left, self.right)]
        for left, right in self._parts() if self.options.budget is None else whole:
            if self._relations or self._disjoint:
                found = (
                    self._cells(left, right)
                    if self.options.budget is None
                    else self._best(left, right)
                )
                for piece in found:
                    if piece.meets is not None:
                        meets.append(piece.meets)
                    yield self._counted((piece.rows, piece.columns, piece.kinds))
        for left, right in self._parts():
            for pairs in self._others(left, right, meets):
                yield self._counted(pairs)
        if self.options.nearest is not None:
            search = ClosestSearch(
                self.left, self.right, self.options.nearest, self._crew, self_join=self.self_join,
                since=None if self._fresh is None else self._fresh.closest,
            )  # fmt: skip
            for closest in search.pairs():
                yield self._counted(self._of_kind(closest, len(self.properties) - 1))
            self.reach = search.reach
            self._counts["measured"] += search.measured
            self._counts["reused"] += search.reused

    def _counted(self, triples: Triples) -> Triples:
        for kind, count in enumerate(np.bincount(triples[2], minlength=len(self.properties))):
            self._links[self.properties[kind][0]] += int(count)
        return triples

    def _parts(self) -> Iterable[tuple[Side, Side]]:
        """Give what is to be joined: all with all, or only pairs with something new."""
        if self._fresh is None:
            return [(self.left, self.right)]
        new_left, new_right = self._fresh.left, self._fresh.right
        old_left = np.setdiff1d(self.left.rows, new_left)
        return [
            (self.left.only(new_left), self.right),
            (self.left.only(old_left), self.right.only(new_right)),
        ]

    def _plane(self, left: Side, right: Side) -> Plane:
        return Plane(
            left=left, right=right, options=self.options, crew=self._crew, self_join=self.self_join,
            relations=self._relations, keep_meets=bool(self._disjoint),
        )  # fmt: skip

    def _cells(self, left: Side, right: Side) -> Iterator[Found]:
        plane = self._plane(left, right)
        cells: Iterator[Iterable[Found]] = (
            plane.over(found_in_cell)  # block by block
            if self._crew.alone
            else ((found,) for found in plane.over(work))
        )
        with Task(self.progress, "pairs related") as task:
            for blocks in cells:
                self._counts["cells"] += 1
                for place, piece in enumerate(blocks):
                    self._note(piece)
                    self._filters[piece.filter] += place == 0
                    self._counts["candidates"] += piece.candidates
                    task.advance(piece.candidates)
                    yield piece

    def _note(self, piece: Found) -> None:
        self._counts["related"] += piece.related
        self._counts["verified"] += piece.candidates
        self._counts["qualifying"] += int(np.count_nonzero(piece.hits))

    def _best(self, left: Side, right: Side) -> Iterator[Found]:
        """Weigh all candidates, and verify the best until the budget is used up."""
        before = (0, 0) if self._fresh is None else self._fresh.verified
        best = BestFirst.weigh(self._plane(left, right), before=before)
        self._counts["candidates"] += best.seen
        self._counts["cells"] += best.cells
        hits: list[Any] = []
        with Task(self.progress, "pairs related", total=len(best.rows)) as task:
            for piece in best.verify(since=self._began):
                self._note(piece)
                hits.append(piece.hits)
                task.advance(piece.candidates)
                yield piece
        self._quality = best.judge(hits)

    def _others(self, left: Side, right: Side, meets: list[Any]) -> Iterator[Triples]:
        """Links that need more than pairs whose boxes meet."""
        kind = len(self._relations)
        for relation in self._disjoint:
            for pairs in disjoint_pairs(left, right, meets, relation, self_join=self.self_join):
                yield self._of_kind(pairs, kind)
            kind += 1
        if self.options.within_m is not None:
            near = Near.of(left, right, self_join=self.self_join)
            for pairs in within_distance(near, self.options.within_m, self._crew):
                yield self._of_kind(pairs, kind)
            self._counts["measured"] += near.measured

    @staticmethod
    def _of_kind(pairs: tuple[Any, Any], kind: int) -> Triples:
        return *pairs, np.full(len(pairs[0]), kind, dtype=np.uint8)
