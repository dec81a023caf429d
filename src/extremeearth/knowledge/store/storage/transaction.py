"""A transaction under way: new terms, geometries and quads in memory, until it is committed or forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

from extremeearth.core.errors import InputError
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.storage._literals import read_literals
from extremeearth.knowledge.store.storage._sorting import Columns, sorted_unique, zeros
from extremeearth.knowledge.store.storage.contract import UNKNOWN
from extremeearth.knowledge.store.storage.dictionary import StoredTerms, hash_terms
from extremeearth.knowledge.store.storage.geometries import (
    GeometryChunk,
    StoredGeometries,
    in_one,
    make_chunk,
)
from extremeearth.knowledge.store.storage.quads import PredicateQuads
from extremeearth.knowledge.store.storage.snapshot import StoredSnapshot
from extremeearth.knowledge.store.storage.state import PredicateEntry, QuadState, split_by

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["StagedQuads", "Transaction"]

INLINE = 200
"""Up to so many geometry literals are read at once; more beside whatever the caller does next."""

_Read = tuple[GeometryChunk | None, dict[int, str]]


@dataclass(slots=True)
class StagedQuads:
    """What a transaction adds to and takes from one predicate, compared with the state it started from."""

    now: PredicateQuads
    added: PredicateQuads
    removed: PredicateQuads

    def insert(self, columns: Columns) -> None:
        """Add sorted rows."""
        self.now, new = self.now.plus(columns)
        self.removed, back = self.removed.minus(new)
        self.added, _ = self.added.plus(_without(new, back))

    def delete(self, columns: Columns) -> None:
        """Take sorted rows away."""
        self.now, gone = self.now.minus(columns)
        self.added, back = self.added.minus(gone)
        self.removed, _ = self.removed.plus(_without(gone, back))


def _without(columns: Columns, others: Columns) -> Columns:
    if len(others[0]) == 0:
        return columns
    return PredicateQuads(0, columns).minus(others)[0].columns


@dataclass(slots=True)
class _Geometries:
    """Geometry literals that are being read, and what came of it."""

    known: StoredGeometries
    reading: list[Future[_Read]] = field(default_factory=list)
    tried: list[NDArray[np.int64]] = field(default_factory=list)
    new: list[GeometryChunk] = field(default_factory=list)
    unseen: list[GeometryChunk] = field(default_factory=list)
    problems: dict[int, str] = field(default_factory=dict)
    pool: ThreadPoolExecutor | None = None

    def submit(self, ids: NDArray[np.int64], column: TermColumn) -> None:
        self.tried.append(ids)
        if len(ids) <= INLINE:
            done: Future[_Read] = Future()
            done.set_result(_read(ids, column))
            self.reading.append(done)
            return
        if self.pool is None:
            self.pool = ThreadPoolExecutor(1, thread_name_prefix="geometry-literals")
        self.reading.append(self.pool.submit(_read, ids, column))


def _read(ids: NDArray[np.int64], column: TermColumn) -> _Read:
    shapes, problems = read_literals(column)
    there = np.flatnonzero(~shapely.is_missing(shapes.shapes))
    said = {int(ids[row]): why for row, why in problems.items()}
    if len(there) == 0:
        return None, said
    kept = type(shapes)(shapes.shapes[there], shapes.systems[there])
    return make_chunk(ids[there], kept), said


class Transaction:
    """See `contract.Writing`.

    Parameters
    ----------
    base
        The state it starts from.
    terms_version
        The version of the table of terms that `base` knows: its successor must be this transaction's.

    Attributes
    ----------
    created
        IRIs of graphs that exist though they may be empty; may be changed.
    """

    def __init__(self, base: StoredSnapshot, *, terms_version: int = 0) -> None:
        self.base = base
        self.terms_version = terms_version
        self.created = base.created
        self._terms = base.terms
        self._geometries = _Geometries(base.geometries)
        self._pending: list[pa.Table] = []
        self._staged: dict[int, StagedQuads] = {}
        self._seen: StoredSnapshot | None = None

    @property
    def terms(self) -> StoredTerms:
        """The dictionary with the terms of the transaction."""
        return self._terms

    @property
    def staged(self) -> Mapping[int, StagedQuads]:
        """What changes, by predicate."""
        self._resolve()
        return self._staged

    @property
    def new_geometries(self) -> GeometryChunk | None:
        """All geometries that are new."""
        self._collect()
        shapes = self._geometries
        if len(shapes.new) > 1:
            shapes.new = [in_one(shapes.new)]
        return shapes.new[0] if shapes.new else None

    def number(self, column: TermColumn) -> NDArray[np.int64]:
        """Give numbers for terms, new ones where they are new; `UNKNOWN` where there is no term."""
        hashes = hash_terms(column)
        found = self._terms.find_hashed(column, hashes)
        missing = np.flatnonzero((found == UNKNOWN) & (column.types >= 0))
        before = len(self._terms)
        if len(missing):
            first, back = _first_of_each(column, hashes, missing)
            found[missing] = before + 1 + back
            every = len(first) == len(column)
            new = column if every else column.take(first)
            self._terms = self._terms.extended(new, hashes if every else hashes[first])
            self._seen = None
        self._read_geometries(column, found, before)
        return found

    def _read_geometries(self, column: TermColumn, ids: NDArray[np.int64], before: int) -> None:
        """Start to read geometry literals that have no geometry: new ones, and what a killed writer left."""
        rows = np.flatnonzero(types.flags(column.types, "geometry"))
        if len(rows) == 0:
            return
        rows = rows[np.unique(ids[rows], return_index=True)[1]]
        wanted = ids[rows]
        known = wanted <= before
        if known.any():
            old = wanted[known]
            there = self._geometries.known.contain(old)
            for tried in self._geometries.tried:
                there |= np.isin(old, tried)
            known[known] = there
            rows = rows[~known]
        if len(rows):
            self._geometries.submit(ids[rows], column.take(rows))
            self._seen = None

    def _collect(self) -> None:
        """Wait for the geometries that are being read."""
        shapes = self._geometries
        reading, shapes.reading = shapes.reading, []
        for future in reading:
            chunk, problems = future.result()
            shapes.problems |= problems
            if chunk is not None:
                shapes.new.append(chunk)
                shapes.unseen.append(chunk)

    @property
    def geometries(self) -> StoredGeometries:
        """The geometries with those of the transaction."""
        self._collect()
        shapes = self._geometries
        if shapes.unseen:
            shapes.known = shapes.known.with_chunk(in_one(shapes.unseen))
            shapes.unseen = []
        return shapes.known

    @property
    def problems(self) -> Mapping[int, str]:
        """Why geometry literals cannot be read, by number; they stay as literals."""
        self._collect()
        return self._geometries.problems

    def insert(self, quads: pa.Table) -> None:
        """Add quads (``s p o g``); those that are there already change nothing."""
        if quads.num_rows:
            self._pending.append(self._checked(quads))
            self._seen = None

    def delete(self, quads: pa.Table) -> None:
        """Remove quads; those that are not there change nothing."""
        if quads.num_rows == 0:
            return
        self._resolve()
        self._seen = None
        for predicate, columns in _by_predicate([self._checked(quads)]):
            self._stage(predicate).delete(sorted_unique(columns))

    def _checked(self, quads: pa.Table) -> pa.Table:
        import pyarrow.compute as pc

        for name, least in (("s", 1), ("p", 1), ("o", 1), ("g", 0)):
            ends = pc.min_max(quads[name])
            low, high = ends["min"].as_py(), ends["max"].as_py()
            if quads[name].null_count or low < least or high > len(self._terms):
                raise InputError(
                    f"Column '{name}' of the quads has numbers from {low} to {high}, which are not all terms.",
                    hint="Give numbers that the transaction's `number` gave, and 0 for the default graph.",
                )
        return quads

    def _stage(self, predicate: int) -> StagedQuads:
        found = self._staged.get(predicate)
        if found is None:
            entry = self.base.quads.entries.get(predicate)
            none = PredicateQuads.none(predicate)
            found = StagedQuads(none if entry is None else entry.quads, none, none)
            self._staged[predicate] = found
        return found

    def _resolve(self) -> None:
        """Apply what was inserted since the last look."""
        pending, self._pending = self._pending, []
        for predicate, columns in _by_predicate(pending):
            self._stage(predicate).insert(sorted_unique(columns))

    @property
    def snapshot(self) -> StoredSnapshot:
        """What the transaction sees."""
        if self._seen is None:
            staged = {
                predicate: PredicateEntry(predicate, quads=s.now)
                for predicate, s in self.staged.items()
            }
            base = self.base.quads
            quads = QuadState({**base.entries, **staged}, base.files, base.mixed)
            self._seen = StoredSnapshot(self.base.version, self._terms, self.geometries, quads)
        return self._seen

    @property
    def inserted(self) -> int:
        """Quads that are new, compared with the state the transaction started from."""
        return sum(len(staged.added) for staged in self.staged.values())

    @property
    def deleted(self) -> int:
        """Quads that were there and go."""
        return sum(len(staged.removed) for staged in self.staged.values())

    def close(self) -> None:
        """Stop what still runs."""
        if self._geometries.pool is not None:
            self._geometries.pool.shutdown(wait=True, cancel_futures=True)


def _by_predicate(tables: list[pa.Table]) -> list[tuple[int, Columns]]:
    if not tables:
        return []
    import pyarrow as pa

    together = pa.concat_tables([table.select(list("spog")) for table in tables])
    s, p, o, g = (np.asarray(together[name].to_numpy(), np.int64) for name in "spog")
    plain = not g.any()
    found = []
    for predicate, rows in split_by(p):
        if rows is None:
            found.append((predicate, (s, o, zeros(len(s)) if plain else g)))
        else:
            found.append((predicate, (s[rows], o[rows], zeros(len(rows)) if plain else g[rows])))
    return found


def _first_of_each(
    column: TermColumn, hashes: NDArray[np.uint64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the first row of each different term among `rows`, and for each of `rows` which term it has."""
    ordered = np.sort(hashes[rows])
    if not (ordered[1:] == ordered[:-1]).any():
        return rows, np.arange(len(rows))
    _, which = column.take(rows).unique()
    _, first, back = np.unique(which, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rows[first[order]], rank[back]
