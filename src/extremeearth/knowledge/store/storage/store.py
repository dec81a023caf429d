"""The storage: three tables with logs, the newest snapshot of them, and transactions on top of each other."""

from __future__ import annotations

import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from extremeearth.core.errors import (
    AccessError,
    ConflictError,
    DataBrokenError,
    InputError,
    NotFoundError,
)
from extremeearth.knowledge.store.storage._files import quad_files, read_all, write_all
from extremeearth.knowledge.store.storage._log import (
    Commit,
    DataFile,
    LostRaceError,
    TableLog,
)
from extremeearth.knowledge.store.storage.dictionary import (
    StoredTerms,
    file_of_terms,
    terms_of_file,
)
from extremeearth.knowledge.store.storage.geometries import (
    StoredGeometries,
    file_of_geometries,
    geometries_of_file,
)
from extremeearth.knowledge.store.storage.snapshot import StoredSnapshot
from extremeearth.knowledge.store.storage.state import MIXED, QuadState
from extremeearth.knowledge.store.storage.tables import (
    CREATED,
    StorageTables,
    created_graphs,
)
from extremeearth.knowledge.store.storage.transaction import Transaction

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TRIES", "GraphStorage", "wait"]

TRIES = 40
FIRST_WAIT_S = 0.005
LONGEST_WAIT_S = 1.0
OLD_SNAPSHOTS = 4
Done = TypeVar("Done")


class GraphStorage:
    """Quads, terms and geometries of one store; made by `open_storage`. See `contract.Storage`.

    Many threads may read and write; writers of one process wait for each other, those of several processes run again
    where another was first.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql.terms import Iri
    >>> from extremeearth.knowledge.store.columns import TermColumn
    >>> from extremeearth.knowledge.store.storage import open_storage, quads_table
    >>> storage = open_storage(None)
    >>> def add(writing):
    ...     s, p, o = writing.number(TermColumn.of([Iri("urn:s"), Iri("urn:p"), Iri("urn:o")]))
    ...     writing.insert(quads_table(*(np.array([n]) for n in (s, p, o, 0))))
    >>> storage.transact(add)
    >>> len(storage.snapshot()), storage.snapshot().version
    (1, 1)
    """

    def __init__(self, url: str, tables: StorageTables, *, read_only: bool = False) -> None:
        self.url = url
        self.tables = tables
        self.read_only = read_only
        self._reading = threading.RLock()
        self._writing = threading.Lock()
        self._terms = StoredTerms()
        self._geometries = StoredGeometries()
        self._geometry_files: set[str] = set()
        self._current: StoredSnapshot | None = None
        self._old: OrderedDict[int, StoredSnapshot] = OrderedDict()

    def __repr__(self) -> str:
        return f"GraphStorage({self.url!r})"

    @contextmanager
    def still(self) -> Iterator[None]:
        """Let nobody else here look for newer versions of the tables: a state is made of three that fit together."""
        with self._reading:
            yield

    def snapshot(
        self, *, version: int | None = None, as_of: datetime | None = None
    ) -> StoredSnapshot:
        """Give the newest state, or an older one.

        Parameters
        ----------
        version
            Number of a commit.
        as_of
            The state at this moment; UTC where it has no time zone.

        Raises
        ------
        NotFoundError
            There is no such version, or a vacuum deleted what it needs.
        InputError
            Both a version and a moment are given.
        """
        if version is not None and as_of is not None:
            raise InputError(
                "Both a version and a moment were asked for.", hint="Give one of them."
            )
        if as_of is not None:
            version = self._version_at(as_of)
        with self._reading:
            newest = self._newest()
            if version is None or version == newest.version:
                return newest
            return self._older(version)

    def _newest(self) -> StoredSnapshot:
        version = self.tables.quads.refresh()
        current = self._current
        if current is not None and current.version == version:
            return current
        facts = self.tables.quads.facts()
        self._load_dictionary(facts)
        before = QuadState() if current is None else current.quads
        quads = before.advanced(self.tables.quads, self.tables.quads.files())
        self._current = StoredSnapshot(
            version, self._terms, self._geometries, quads, created=created_graphs(facts)
        )
        return self._current

    def _load_dictionary(self, facts: Mapping[str, Any]) -> None:
        """Bring terms and geometries up to what a commit of quads rests on; all of them where it does not tell."""
        terms, geometries = self.tables.terms, self.tables.geometries
        if terms.version < facts.get("terms_version", terms.version + 1):
            terms.refresh()
        if geometries.version < facts.get("geometries_version", geometries.version + 1):
            geometries.refresh()
        self._load_terms()
        self._load_geometries()

    def _load_terms(self) -> None:
        known = len(self._terms)
        files = [f for f in self.tables.terms.files().values() if f.high("id", known + 1) > known]
        for table in read_all(self.tables.terms, files, ["id", "type", "value"]):
            ids, column = terms_of_file(table)
            first = int(np.searchsorted(ids, len(self._terms) + 1))
            if first == len(ids):
                continue
            if ids[first] != len(self._terms) + 1 or ids[-1] - ids[first] != len(ids) - 1 - first:
                raise DataBrokenError(
                    f"The dictionary of the store has a gap after term {len(self._terms)}.",
                    hint="A data file of the table 'terms' is missing. Bring it back from a backup.",
                )
            self._terms = self._terms.extended(column if first == 0 else _rest(column, first))

    def _load_geometries(self) -> None:
        files = self.tables.geometries.files()
        new = [file for path, file in files.items() if path not in self._geometry_files]
        for table in read_all(self.tables.geometries, new, None):
            self._geometries = self._geometries.with_chunk(geometries_of_file(table))
        self._geometry_files = set(files)

    def _older(self, version: int) -> StoredSnapshot:
        if version in self._old:
            self._old.move_to_end(version)
            return self._old[version]
        log = self.tables.quads
        files = log.files(version)
        now = log.files()
        if not all(path in now or log.exists(file) for path, file in files.items()):
            raise NotFoundError(
                f"Version {version} of the store was vacuumed.",
                hint="Ask for a newer version; `vacuum` keeps as many days as it is told.",
            )
        quads = QuadState().advanced(log, files)
        found = StoredSnapshot(version, self._terms, self._geometries, quads)
        self._old[version] = found
        while len(self._old) > OLD_SNAPSHOTS:
            self._old.popitem(last=False)
        return found

    def _version_at(self, moment: datetime) -> int:
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        commits = self._history()
        found = [commit.version for commit in commits if commit.time <= aware]
        if not found:
            raise NotFoundError(
                f"The store did not exist yet at {aware.isoformat()}.",
                hint=f"Its first version is of {commits[0].time.isoformat()}."
                if commits
                else "Ask for the versions that there are.",
            )
        return max(found)

    def transact(
        self, change: Callable[[Transaction], Done], *, note: Mapping[str, Any] | None = None
    ) -> Done:
        """Run `change` and commit what it did: all or nothing.

        Parameters
        ----------
        change
            Gets the transaction. It runs again where another writer was first, so it must do nothing else that lasts.
        note
            What to keep with the commit, as JSON.

        Raises
        ------
        ConflictError
            Others were always first.
        AccessError
            The store was opened for reading only.
        StorageError
            The commit could not be written; the store is as it was.
        """
        self.need_writable()
        with self._writing:
            for attempt in range(TRIES):
                writing = self._begin()
                try:
                    done = change(writing)
                    self._commit(writing, note or {})
                except LostRaceError:
                    wait(attempt)
                else:
                    return done
                finally:
                    writing.close()
        raise ConflictError(
            f"The change was tried {TRIES} times, and another writer was always first.",
            hint="Try again when the store is less busy, or send fewer and larger changes.",
        )

    def _begin(self) -> Transaction:
        """Start from the newest of all three tables: terms that no quad uses yet have numbers too."""
        logs = self.tables
        with self._reading:
            newest = self._newest()
            logs.terms.refresh()
            logs.geometries.refresh()
            self._load_terms()
            self._load_geometries()
            base = StoredSnapshot(
                newest.version, self._terms, self._geometries, newest.quads, created=newest.created
            )
            return Transaction(base, terms_version=logs.terms.version)

    def need_writable(self) -> None:
        """Refuse where the store was opened for reading only.

        Raises
        ------
        AccessError
            It was.
        """
        if self.read_only:
            raise AccessError(
                "The store was opened for reading only.", hint="Open it without read_only."
            )

    def _commit(self, writing: Transaction, note: Mapping[str, Any]) -> None:
        inserted, deleted = writing.inserted, writing.deleted
        if not inserted and not deleted and writing.created == writing.base.created:
            return
        logs = self.tables
        known = len(writing.base.terms)
        new_terms = writing.terms.after(known)
        new_geometries = writing.new_geometries
        jobs: list[tuple[TableLog, pa.Table, int]] = []
        if len(new_terms):
            jobs.append((logs.terms, file_of_terms(new_terms, known + 1), MIXED))
        if new_geometries is not None:
            jobs.append((logs.geometries, file_of_geometries(new_geometries), MIXED))
        changes = {p: (s.added, s.removed) for p, s in writing.staged.items()}
        jobs += [(logs.quads, table, part) for table, part in quad_files(changes)]
        files = write_all(jobs)
        facts: dict[str, Any] = {"inserted": inserted, "deleted": deleted, "note": dict(note)}
        if writing.created:
            facts[CREATED] = sorted(writing.created)
        try:
            self._commit_files(writing, files, facts)
        except LostRaceError:
            # Only here it is sure that no commit names them; what else goes wrong may have gone right on the way.
            for log, file in files:
                if file.path not in log.files():
                    log.discard([file])
            raise

    def _commit_files(
        self,
        writing: Transaction,
        files: Sequence[tuple[TableLog, DataFile]],
        facts: dict[str, Any],
    ) -> None:
        """Make the three commits: terms, geometries, and last the quads, whose commit is the transaction's."""
        logs = self.tables
        terms, geometries, quads = (
            [file for owner, file in files if owner is log]
            for log in (logs.terms, logs.geometries, logs.quads)
        )
        with self._reading:
            if terms:
                logs.terms.commit(terms, facts={}, expected=writing.terms_version)
                self._terms = writing.terms
            new_geometries = writing.new_geometries
            if new_geometries is not None:
                logs.geometries.commit(geometries, facts={})
                self._geometries = self._geometries.with_chunk(new_geometries)
                self._geometry_files |= {file.path for file in geometries}
            facts |= {
                "terms_version": logs.terms.version,
                "geometries_version": logs.geometries.version,
            }
            version = logs.quads.commit(quads, facts=facts, expected=writing.base.version)
            if logs.quads.version == version:  # else the next look finds ours and what came after
                self._current = self._after(writing, quads, version)

    def _after(
        self, writing: Transaction, added: Sequence[DataFile], version: int
    ) -> StoredSnapshot:
        """Give the state after a commit, without reading what was just written."""
        seen = writing.snapshot.quads
        scattered = any(file.part == MIXED for file in added)
        mixed = seen.mixed | (frozenset(writing.staged) if scattered else frozenset())
        quads = QuadState(seen.entries, self.tables.quads.files(), mixed)
        return StoredSnapshot(
            version, self._terms, self._geometries, quads, created=writing.created
        )

    def _history(self) -> list[Commit]:
        with self.still():
            self.tables.quads.refresh()
            return self.tables.quads.history()

    def versions(self) -> pa.Table:
        """Give the history: ``version``, ``time``, ``inserted``, ``deleted``, oldest first."""
        import pyarrow as pa

        commits = self._history()
        return pa.table(
            {
                "version": pa.array([c.version for c in commits], pa.int64()),
                "time": pa.array([c.time for c in commits], pa.timestamp("us", "UTC")),
                "inserted": pa.array(
                    [int(c.facts.get("inserted", 0)) for c in commits], pa.int64()
                ),
                "deleted": pa.array([int(c.facts.get("deleted", 0)) for c in commits], pa.int64()),
            }
        )


def _rest(column: Any, first: int) -> Any:
    return column.take(np.arange(first, len(column)))


def wait(attempt: int) -> None:
    """Wait for a random while that grows with the attempts, so that two writers do not meet again."""
    longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**attempt)
    time.sleep(random.uniform(0, longest))  # noqa: S311 - no secret
