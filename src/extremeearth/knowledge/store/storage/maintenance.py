"""Keep a store small and sure: fold files together, delete what is old, check that all fits together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from extremeearth.core.errors import ConflictError, ExtremeEarthError, InputError
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.storage._files import MAX_FILE_ROWS, quad_files, write_all
from extremeearth.knowledge.store.storage._log import DataFile, LostRaceError, TableLog
from extremeearth.knowledge.store.storage.dictionary import file_of_terms, terms_of_file
from extremeearth.knowledge.store.storage.geometries import (
    StoredGeometries,
    file_of_geometries,
    geometries_of_file,
    in_one,
)
from extremeearth.knowledge.store.storage.quads import PredicateQuads
from extremeearth.knowledge.store.storage.snapshot import StoredSnapshot
from extremeearth.knowledge.store.storage.state import MIXED, QuadState
from extremeearth.knowledge.store.storage.store import TRIES, GraphStorage, wait
from extremeearth.knowledge.store.storage.tables import CREATED

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["CompactReport", "compact", "compact_scattered", "count_scattered", "vacuum"]

logger = logging.getLogger("extremeearth.graph")

SMALL_FILE_BYTES = 32 * 1024**2
"""Files of terms and geometries smaller than this are put together."""
MOST_AT_ONCE = 512 * 1024**2
"""Bytes of files that are put together into one."""

MOST_ROWS_AT_ONCE = 2_000_000
"""Quads that are written anew without being asked to: a second or two."""
MOST_BYTES_AT_ONCE = 64 * 1024**2
"""Bytes of files of terms and geometries that are put together without being asked to."""

_Fold = tuple[list[DataFile], "list[tuple[pa.Table, int]]"]
"""Files to take away, and the rows and part of those that take their place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactReport:
    """What a compaction did.

    Attributes
    ----------
    version
        The version it made, or found where there was nothing to fold.
    before, after
        How many data files the three tables had, and have.
    """

    version: int
    before: int
    after: int


def compact(storage: GraphStorage) -> CompactReport:
    """Fold added and removed quads, and small files, into few sorted ones.

    Readers see the same quads before and after. Older versions can still be asked for, until a vacuum. A writer that
    commits meanwhile is not disturbed for long: the folded files replace only those that they were made of.

    Raises
    ------
    ConflictError
        Another compaction was always first.

    Examples
    --------
    >>> from extremeearth.knowledge.store.storage import open_storage
    >>> compact(open_storage(None)).after
    0
    """
    storage.need_writable()
    logs = (storage.tables.terms, storage.tables.geometries, storage.tables.quads)
    with storage.still():
        for log in logs:
            log.refresh()
    before = sum(len(log.files()) for log in logs)
    _replace(storage, logs[0], lambda: _folded_terms(logs[0]))
    _replace(storage, logs[1], lambda: _folded_geometries(logs[1]))
    _replace(storage, logs[2], lambda: _folded_quads(storage.snapshot()))
    after = sum(len(log.files()) for log in logs)
    return CompactReport(version=storage.snapshot().version, before=before, after=after)


def compact_scattered(storage: GraphStorage, *, most_files: int) -> CompactReport | None:
    """Compact a store that many small commits have scattered, as long as that is done soon.

    Parameters
    ----------
    storage
        The store.
    most_files
        Files of small commits that it may have; 0 for any number.

    Returns
    -------
    CompactReport or None
        `None` where it has no more, where too much would be written anew (`MOST_ROWS_AT_ONCE`, `MOST_BYTES_AT_ONCE`),
        or where it failed, as when another compaction is at work.

    Examples
    --------
    >>> from extremeearth.knowledge.store.storage import open_storage
    >>> compact_scattered(open_storage(None), most_files=100) is None
    True
    """
    if not most_files or count_scattered(storage) <= most_files:
        return None
    try:
        return compact(storage) if _is_done_soon(storage) else None
    except ExtremeEarthError as err:  # what was committed stays; the next commit tries again
        logger.warning("the store %s could not be compacted: %s", storage.url, err)
        return None


def _is_done_soon(storage: GraphStorage) -> bool:
    _, quads = _scattered_quads(storage.snapshot().quads)
    few = sum(file.rows for file in quads) <= MOST_ROWS_AT_ONCE
    return few and all(
        sum(file.size for run in _small_runs(table.files().values()) for file in run)
        <= MOST_BYTES_AT_ONCE
        for table in (storage.tables.terms, storage.tables.geometries)
    )


def count_scattered(storage: GraphStorage) -> int:
    """Count the files of small commits, which a compaction puts together, as far as is known here.

    Examples
    --------
    >>> from extremeearth.knowledge.store.storage import open_storage
    >>> count_scattered(open_storage(None))
    0
    """
    tables = storage.tables
    count = sum(file.part == MIXED for file in tables.quads.files().values())
    for table in (tables.terms, tables.geometries):
        count += sum(map(len, _small_runs(table.files().values())))
    return count


def _replace(storage: GraphStorage, log: TableLog, fold: Callable[[], _Fold]) -> None:
    """Put folded files in the place of others, also on top of what other writers commit meanwhile."""
    for _ in range(TRIES):
        with storage.still():
            log.refresh()
        old, tables = fold()
        if not old:
            return
        new = [file for _, file in write_all([(log, table, part) for table, part in tables])]
        if _commit(storage, log, old, new):
            return
        log.discard(new)
    raise ConflictError(
        "The store could not be compacted: another compaction was always first.",
        hint="Run one compaction at a time.",
    )


def _commit(
    storage: GraphStorage, log: TableLog, old: Sequence[DataFile], new: Sequence[DataFile]
) -> bool:
    """Commit as long as the old files are there: what they hold does not depend on newer commits."""
    for attempt in range(TRIES):
        try:
            with storage.still():
                version = log.refresh()
                if not all(file.path in log.files() for file in old):
                    return False
                facts = {**_lasting(log.facts()), "kind": "compaction"}
                log.commit(new, removed=old, facts=facts, expected=version)
        except LostRaceError:
            wait(attempt)
        else:
            return True
    return False


def _lasting(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in facts.items() if name.endswith("_version") or name == CREATED
    }


def _small_runs(files: Iterable[DataFile]) -> list[list[DataFile]]:
    """Give runs of small files that follow each other, each to be put together."""
    runs: list[list[DataFile]] = [[]]
    for file in sorted(files, key=lambda file: file.low("id", 0)):
        full = sum(f.size for f in runs[-1]) + file.size > MOST_AT_ONCE
        if file.size >= SMALL_FILE_BYTES or full:
            runs.append([])
        if file.size < SMALL_FILE_BYTES:
            runs[-1].append(file)
    return [run for run in runs if len(run) > 1]


def _folded_terms(log: TableLog) -> _Fold:
    runs = _small_runs(log.files().values())
    tables = []
    for run in runs:
        parts = [terms_of_file(log.read(file, ["id", "type", "value"])) for file in run]
        column = TermColumn.concat([part for _, part in parts])
        tables.append((file_of_terms(column, int(parts[0][0][0])), MIXED))
    return [file for run in runs for file in run], tables


def _folded_geometries(log: TableLog) -> _Fold:
    runs = _small_runs(log.files().values())
    tables = []
    for run in runs:
        together = StoredGeometries()
        for file in run:
            together = together.with_chunk(geometries_of_file(log.read(file)))
        tables.append((file_of_geometries(in_one(together.chunks)), MIXED))
    return [file for run in runs for file in run], tables


def _scattered_quads(quads: QuadState) -> tuple[set[int], list[DataFile]]:
    """Choose the predicates that do not lie in as few files as they could, and the files they lie in."""
    files = quads.files.values()
    mixed = [file for file in files if file.part == MIXED]
    own: dict[int, list[DataFile]] = {}
    for file in files:
        if file.part != MIXED:
            own.setdefault(file.part, []).append(file)
    scattered = len(mixed) > 1 or any(_takes_away(file) for file in mixed)
    if scattered or quads.mixed & set(own):
        chosen, old = set(quads.mixed), mixed
    else:
        chosen, old = set(), []
    for predicate, parts in own.items():
        few = -(-sum(file.rows for file in parts) // MAX_FILE_ROWS)
        if predicate in chosen or len(parts) > few or any(map(_takes_away, parts)):
            chosen.add(predicate)
            old = [*old, *parts]
    return chosen, old


def _folded_quads(snapshot: StoredSnapshot) -> _Fold:
    """Lay the predicates that do not lie in as few files as they could out anew."""
    chosen, old = _scattered_quads(snapshot.quads)
    none = PredicateQuads.none(0)
    entries = snapshot.quads.entries
    changes = {p: (entries[p].quads, none) for p in chosen if p in entries}
    return old, quad_files(changes)


def _takes_away(file: DataFile) -> bool:
    return file.low("change", -1) < 0


def vacuum(storage: GraphStorage, *, keep_days: float = 7.0) -> int:
    """Delete data files that only versions older than some days need; give how many.

    Versions that lost files cannot be asked for any more. A reader that holds a snapshot for longer than `keep_days`
    can find its files gone. Files that no commit names are left alone for a day: a writer may be at work.

    Parameters
    ----------
    storage
        The store.
    keep_days
        How far back versions can still be asked for.

    Raises
    ------
    InputError
        `keep_days` is negative.

    Examples
    --------
    >>> from extremeearth.knowledge.store.storage import open_storage
    >>> vacuum(open_storage(None))
    0
    """
    if not keep_days >= 0:
        raise InputError(f"{keep_days} days cannot be kept.", hint="Give 0 or more.")
    storage.need_writable()
    logs = (storage.tables.terms, storage.tables.geometries, storage.tables.quads)
    for log in logs:
        log.refresh()
    return sum(log.vacuum(keep_days=keep_days) for log in logs)
