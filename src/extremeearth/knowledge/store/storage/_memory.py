"""A table that ends with the process: the same log, without files."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from extremeearth.core.errors import NotFoundError
from extremeearth.knowledge.store.storage._log import Commit, DataFile, LostRaceError, TableKind
from extremeearth.knowledge.store.storage._ranges import ranges_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["MemoryLog"]


class MemoryLog:
    """A table in memory with its log."""

    def __init__(self, kind: TableKind) -> None:
        self.kind = kind
        self._lock = threading.Lock()
        self._tables: dict[str, pa.Table] = {}
        self._versions: dict[int, Mapping[str, DataFile]] = {0: {}}
        self._commits = [Commit(version=0, time=datetime.now(UTC), facts={})]

    @property
    def version(self) -> int:
        """The newest version."""
        return self._commits[-1].version

    def refresh(self) -> int:
        """Give the newest version."""
        return self.version

    def files(self, version: int | None = None) -> Mapping[str, DataFile]:
        """Give the tables of a version."""
        with self._lock:
            found = self._versions.get(self.version if version is None else version)
        if found is None:
            raise NotFoundError(
                f"There is no version {version} of the store any more, or yet.",
                hint="Ask for the versions that there are.",
            )
        return found

    def read(self, file: DataFile, columns: Sequence[str] | None = None) -> pa.Table:
        """Give a table."""
        table = self._tables[file.path]
        return table if columns is None else table.select(list(columns))

    def write(self, table: pa.Table, *, part: int = 0) -> DataFile:
        """Keep a table until a commit names it."""
        path = secrets.token_hex(8)
        self._tables[path] = table
        return DataFile(
            path=path,
            rows=table.num_rows,
            size=table.nbytes,
            part=part,
            ranges=ranges_of(table, self.kind.ranges),
        )

    def discard(self, files: Sequence[DataFile]) -> None:
        """Forget tables that no commit names."""
        for file in files:
            self._tables.pop(file.path, None)

    def commit(
        self,
        added: Sequence[DataFile],
        *,
        removed: Sequence[DataFile] = (),
        facts: Mapping[str, Any],
        expected: int | None = None,
    ) -> int:
        """Make a version."""
        with self._lock:
            if expected is not None and expected != self.version:
                raise LostRaceError
            gone = {file.path for file in removed}
            newest = self._versions[self.version]
            kept = {path: file for path, file in newest.items() if path not in gone}
            version = self.version + 1
            self._versions[version] = kept | {file.path: file for file in added}
            self._commits.append(Commit(version=version, time=datetime.now(UTC), facts=dict(facts)))
            return version

    def facts(self) -> Mapping[str, Any]:
        """Give what the writer of the newest version said."""
        return self._commits[-1].facts

    def history(self) -> list[Commit]:
        """Give the commits, oldest first."""
        return list(self._commits)

    def leftovers(self) -> list[str]:
        """Name the tables that no version names."""
        with self._lock:
            named = {path for files in self._versions.values() for path in files}
            return sorted(set(self._tables) - named)

    def vacuum(self, *, keep_days: float) -> int:
        """Forget versions that ended before the last days, and the tables that only they need."""
        now = datetime.now(UTC)
        with self._lock:
            ends = zip(self._commits, self._commits[1:], strict=False)
            for commit, following in ends:
                if (now - following.time).total_seconds() >= keep_days * 86400:
                    self._versions.pop(commit.version, None)
            named = {path for files in self._versions.values() for path in files}
            gone = [path for path in self._tables if path not in named]
            for path in gone:
                del self._tables[path]
            return len(gone)

    def exists(self, file: DataFile) -> bool:
        """Tell whether a table is there."""
        return file.path in self._tables
