"""Look at everything in a store, and tell what does not fit together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from extremeearth.core.errors import DataBrokenError
from extremeearth.knowledge.store.storage._log import TableLog
from extremeearth.knowledge.store.storage._sorting import net_changes
from extremeearth.knowledge.store.storage.state import MIXED, changes_of, split_by
from extremeearth.knowledge.store.storage.store import GraphStorage

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["CheckReport", "check"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What a check found.

    Attributes
    ----------
    version, time
        The last commit: the state that the store is in.
    quads, terms, geometries
        How many there are.
    problems
        What does not fit together; empty for a store that is whole.
    leftovers
        Data files that no commit names, of writers that were killed. They do no harm; `vacuum` deletes them.
    """

    version: int
    time: datetime
    quads: int
    terms: int
    geometries: int
    problems: tuple[str, ...]
    leftovers: int

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def check(storage: GraphStorage) -> CheckReport:
    """Read every data file of the newest version, and compare all with all.

    Examples
    --------
    >>> from extremeearth.knowledge.store.storage import open_storage
    >>> report = check(open_storage(None))
    >>> report.version, report.is_whole
    (0, True)
    """
    logs = storage.tables
    with storage.still():
        for log in (logs.terms, logs.geometries, logs.quads):
            log.refresh()
    problems: list[str] = []
    terms = _check_terms(logs.terms, problems)
    geometries = _check_geometries(logs.geometries, terms, problems)
    quads = _check_quads(logs.quads, terms, problems)
    leftovers = sum(len(log.leftovers()) for log in (logs.terms, logs.geometries, logs.quads))
    last = logs.quads.history()[-1]
    return CheckReport(
        version=last.version,
        time=last.time,
        quads=quads,
        terms=terms,
        geometries=geometries,
        problems=tuple(problems),
        leftovers=leftovers,
    )


def _tables(log: TableLog, problems: list[str]) -> Iterator[tuple[int, pa.Table]]:
    """Read files in order of their first number; what cannot be read is a problem."""
    for file in sorted(log.files().values(), key=lambda file: file.low("id", 0)):
        name = f"{log.kind.name}/{file.path}"
        try:
            table = log.read(file)
        except DataBrokenError as err:
            problems.append(err.message)
            continue
        if table.num_rows != file.rows or not log.exists(file):
            problems.append(f"The data file {name} is not as long as the log says.")
        yield file.part, table


def _check_terms(log: TableLog, problems: list[str]) -> int:
    ids = [table["id"].to_numpy() for _, table in _tables(log, problems)]
    every = np.concatenate(ids) if ids else np.zeros(0, np.int64)
    if not np.array_equal(every, np.arange(1, len(every) + 1)):
        problems.append("The numbers of terms are not 1, 2, 3 and so on.")
    return len(every)


def _check_geometries(log: TableLog, terms: int, problems: list[str]) -> int:
    ids = [table["id"].to_numpy() for _, table in _tables(log, problems)]
    every = np.unique(np.concatenate(ids)) if ids else np.zeros(0, np.int64)
    if len(every) and not 1 <= every[0] <= every[-1] <= terms:
        problems.append("There are geometries of terms that are not there.")
    return len(every)


def _check_quads(log: TableLog, terms: int, problems: list[str]) -> int:
    parts = []
    for part, table in _tables(log, problems):
        predicates = table["p"].to_numpy()
        if part != MIXED and (predicates != part).any():
            problems.append(f"A data file of predicate {part} has quads of others.")
        parts.append((predicates, *changes_of(table)))
    if not parts:
        return 0
    p = np.concatenate([predicates for predicates, _, _ in parts])
    s, o, g = (np.concatenate([columns[i] for _, columns, _ in parts]) for i in range(3))
    change = np.concatenate([c for _, _, c in parts])
    if min(s.min(), p.min(), o.min()) < 1 or g.min() < 0:
        problems.append("There are quads with numbers that are none.")
    if max(column.max() for column in (s, p, o, g)) > terms:
        problems.append("There are quads of terms that are not there.")
    count = 0
    for predicate, rows in split_by(p):
        here = slice(None) if rows is None else rows
        _, sums = net_changes((s[here], o[here], g[here]), change[here])
        if (sums != 1).any():
            problems.append(f"Quads of predicate {predicate} were added or removed twice.")
        count += int((sums > 0).sum())
    return count
