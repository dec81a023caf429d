"""The quads of a version: one entry a predicate, read from its files when it is first asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.store.storage._log import DataFile, TableKind, TableLog
from extremeearth.knowledge.store.storage._sorting import Columns, zeros
from extremeearth.knowledge.store.storage.quads import PredicateQuads

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "MIXED",
    "QUADS",
    "PredicateEntry",
    "QuadState",
    "changes_of",
    "changes_table",
    "split_by",
]

MIXED = 0
"""The part of files that hold rows of several predicates: what small commits write."""
QUADS = TableKind(
    name="quads",
    columns={"part": "long", "p": "long", "s": "long", "o": "long", "g": "long", "change": "byte"},
    partition="part",
    ranges=("p", "g", "change"),
)
READERS = 8

Changes = tuple[Columns, NDArray[np.int8]]


def changes_table(
    predicate: NDArray[np.int64], columns: Columns, change: NDArray[np.int8]
) -> pa.Table:
    """Make the rows of a data file of quads."""
    import pyarrow as pa

    s, o, g = columns
    arrays = [pa.array(array) for array in (predicate, s, o, g, change)]
    return pa.Table.from_arrays(arrays, ["p", "s", "o", "g", "change"])


def changes_of(table: pa.Table) -> Changes:
    """Read the rows of a data file of quads: columns, and +1 or -1 for each."""
    s, o, g = (table[name].to_numpy() for name in ("s", "o", "g"))
    return (s, o, g if g.any() else zeros(len(g))), table["change"].to_numpy()


def split_by(values: NDArray[np.int64]) -> list[tuple[int, NDArray[np.intp] | None]]:
    """Give each different value with its rows, in their order; `None` for all rows.

    Examples
    --------
    >>> [(value, rows.tolist()) for value, rows in split_by(np.array([7, 5, 7]))]
    [(5, [1]), (7, [0, 2])]
    """
    if len(values) == 0:
        return []
    low, high = int(values.min()), int(values.max())
    if low == high:
        return [(low, None)]
    different = np.unique(values)
    ranks = different.searchsorted(values)
    for width in (np.uint8, np.uint16):  # numpy sorts these by radix
        if len(different) <= np.iinfo(width).max:
            ranks = ranks.astype(width)
            break
    order = np.argsort(ranks, kind="stable")
    ends = np.cumsum(np.bincount(ranks))
    parts = np.split(order, ends[:-1])
    return list(zip(different.tolist(), parts, strict=True))


class PredicateEntry:
    """The quads of one predicate, in memory or still in files."""

    def __init__(
        self,
        predicate: int,
        log: TableLog | None = None,
        *,
        quads: PredicateQuads | None = None,
        files: tuple[DataFile, ...] = (),
        changes: tuple[Changes, ...] = (),
    ) -> None:
        self.predicate = predicate
        self._log = log
        self._lock = threading.Lock()
        self._base = quads
        self._files = files
        self._changes = changes

    def after(self, files: Sequence[DataFile], changes: Sequence[Changes]) -> PredicateEntry:
        """Give the entry with more files, and more rows out of mixed files."""
        with self._lock:
            return PredicateEntry(
                self.predicate,
                self._log,
                quads=self._base,
                files=(*self._files, *files),
                changes=(*self._changes, *changes),
            )

    @property
    def is_loaded(self) -> bool:
        """Whether all is in memory."""
        return not self._files and not self._changes

    @property
    def quads(self) -> PredicateQuads:
        """The quads; read now where nobody asked before."""
        if self.is_loaded and self._base is not None:  # in this order: the base is set first
            return self._base
        with self._lock:
            base = PredicateQuads.none(self.predicate) if self._base is None else self._base
            parts = [*self._changes]
            if self._files:
                assert self._log is not None
                log = self._log
                parts += [
                    changes_of(log.read(file, ["s", "o", "g", "change"])) for file in self._files
                ]
            if len(parts) == 1:
                base = base.changed(*parts[0])
            elif parts:
                together = [np.concatenate([part[0][i] for part in parts]) for i in range(3)]
                s, o, g = together
                base = base.changed((s, o, g), np.concatenate([part[1] for part in parts]))
            self._base, self._files, self._changes = base, (), ()
            return base

    def __len__(self) -> int:
        with self._lock:
            known = 0 if self._base is None else len(self._base)
            signs = [(f.low("change", 0), f.high("change", 0)) for f in self._files]
            if all(low == high != 0 for low, high in signs):
                known += sum(int(change.sum()) for _, change in self._changes)
                return known + sum(s * f.rows for (s, _), f in zip(signs, self._files, strict=True))
        return len(self.quads)

    @property
    def graphs(self) -> NDArray[np.int64]:
        """The graphs with quads, told by the log where that is enough."""
        with self._lock:
            files, plain = self._files, self._base is None and not self._changes
            ends = [(f.low("g", 0), f.high("g", 1)) for f in files]
            if (
                plain
                and all(low == high for low, high in ends)
                and all(f.low("change", -1) == 1 for f in files)
            ):
                return np.unique(np.array([low for low, _ in ends], np.int64))
        return self.quads.graphs


@dataclass(frozen=True, eq=False)
class QuadState:
    """All quads of a version."""

    entries: Mapping[int, PredicateEntry] = field(default_factory=dict)
    files: Mapping[str, DataFile] = field(default_factory=dict)
    mixed: frozenset[int] = frozenset()
    """Predicates that have rows in mixed files."""

    def advanced(self, log: TableLog, files: Mapping[str, DataFile]) -> QuadState:
        """Give the state with other files: what is known is kept, only new files are read."""
        if any(path not in files for path in self.files):
            return self._replaced(log, files)
        new = [file for path, file in files.items() if path not in self.files]
        own, mixed = _by_part(new), _read_mixed(log, [f for f in new if f.part == MIXED])
        entries = dict(self.entries)
        for predicate in {*own, *mixed}:
            before = entries.get(predicate) or PredicateEntry(predicate, log)
            entries[predicate] = before.after(own.get(predicate, ()), mixed.get(predicate, ()))
        return QuadState(entries, files, self.mixed | set(mixed))

    def _replaced(self, log: TableLog, files: Mapping[str, DataFile]) -> QuadState:
        """Start anew where files went, but keep the entries whose files are the same."""
        fresh = QuadState().advanced(log, files)
        before, now = _by_part(self.files.values()), _by_part(files.values())
        entries = dict(fresh.entries)
        for predicate, entry in self.entries.items():
            touched = predicate in self.mixed or predicate in fresh.mixed
            same = {f.path for f in before.get(predicate, ())} == {
                f.path for f in now.get(predicate, ())
            }
            if same and not touched and predicate in entries:
                entries[predicate] = entry
        return QuadState(entries, files, fresh.mixed)


def _by_part(files: Iterable[DataFile]) -> dict[int, list[DataFile]]:
    parts: dict[int, list[DataFile]] = {}
    for file in files:
        if file.part != MIXED:
            parts.setdefault(file.part, []).append(file)
    return parts


def _read_mixed(log: TableLog, files: Sequence[DataFile]) -> dict[int, list[Changes]]:
    """Read mixed files, and give each predicate its rows."""
    if not files:
        return {}
    if len(files) == 1:
        tables = [log.read(files[0])]
    else:
        with ThreadPoolExecutor(READERS) as pool:
            tables = list(pool.map(log.read, files))
    predicates = np.concatenate([table["p"].to_numpy() for table in tables])
    parts = [changes_of(table) for table in tables]
    s, o, g = (np.concatenate([columns[i] for columns, _ in parts]) for i in range(3))
    change = np.concatenate([c for _, c in parts])
    return {
        predicate: [
            ((s, o, g), change) if rows is None else ((s[rows], o[rows], g[rows]), change[rows])
        ]
        for predicate, rows in split_by(predicates)
    }
