"""How rows are laid out in data files, and how files are read and written side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from extremeearth.knowledge.store.storage._log import DataFile, TableLog
from extremeearth.knowledge.store.storage._sorting import Columns
from extremeearth.knowledge.store.storage.quads import PredicateQuads
from extremeearth.knowledge.store.storage.state import MIXED, changes_table

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["MAX_FILE_ROWS", "OWN_FILE_ROWS", "quad_files", "read_all", "write_all"]

OWN_FILE_ROWS = 10_000
"""Rows of one predicate in one commit from which on they get a file of their own."""
MAX_FILE_ROWS = 4_000_000
WRITERS = 4


def read_all(
    log: TableLog, files: Sequence[DataFile], columns: Sequence[str] | None
) -> list[pa.Table]:
    """Read data files side by side, in the order of their first numbers."""
    ordered = sorted(files, key=lambda file: file.low("id", 0))
    if len(ordered) <= 1:
        return [log.read(file, columns) for file in ordered]
    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(lambda file: log.read(file, columns), ordered))


def write_all(jobs: Sequence[tuple[TableLog, pa.Table, int]]) -> list[tuple[TableLog, DataFile]]:
    """Write data files side by side; where one fails, the others are deleted again."""
    if len(jobs) == 1:
        log, table, part = jobs[0]
        return [(log, log.write(table, part=part))]
    with ThreadPoolExecutor(WRITERS) as pool:
        futures = [(log, pool.submit(log.write, table, part=part)) for log, table, part in jobs]
    failed = next((f.exception() for _, f in futures if f.exception() is not None), None)
    if failed is None:
        return [(log, future.result()) for log, future in futures]
    for log, future in futures:
        if future.exception() is None:
            log.discard([future.result()])
    raise failed


def quad_files(
    changes: Mapping[int, tuple[PredicateQuads, PredicateQuads]],
) -> list[tuple[pa.Table, int]]:
    """Lay out added and removed quads in files: large predicates have their own, the rest share one.

    Returns
    -------
    list of tuple
        The rows of each file and its part.
    """
    files: list[tuple[pa.Table, int]] = []
    mixed: list[tuple[int, Columns, int]] = []
    for predicate in sorted(changes):
        for quads, sign in zip(changes[predicate], (1, -1), strict=True):
            if len(quads) >= OWN_FILE_ROWS:
                for first in range(0, len(quads), MAX_FILE_ROWS):
                    s, o, g = (c[first : first + MAX_FILE_ROWS] for c in quads.columns)
                    files.append((_rows([(predicate, (s, o, g), sign)]), predicate))
            elif len(quads):
                mixed.append((predicate, quads.columns, sign))
    if mixed:
        files.append((_rows(mixed), MIXED))
    return files


def _rows(parts: Sequence[tuple[int, Columns, int]]) -> pa.Table:
    lengths = [len(columns[0]) for _, columns, _ in parts]
    predicate = np.repeat(np.array([p for p, _, _ in parts], np.int64), lengths)
    change = np.repeat(np.array([sign for _, _, sign in parts], np.int8), lengths)
    s, o, g = (np.concatenate([columns[i] for _, columns, _ in parts]) for i in range(3))
    return changes_table(predicate, (s, o, g), change)
