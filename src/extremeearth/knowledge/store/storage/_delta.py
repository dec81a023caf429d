"""A table in Delta format in a folder or an object store.

Data files are written through `ObjectStore` (whole or not at all, flushed to the disk), then one commit of the Delta
log names them. A commit on top of an expected version fails where another writer made that version's successor:
this compare-and-swap is what transactions rest on.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extremeearth.core.errors import (
    DataBrokenError,
    DataMissingError,
    ExtremeEarthError,
    NotFoundError,
    SchemaVersionError,
    StorageError,
)
from extremeearth.knowledge.store.storage._actions import add_action, described, remove_action
from extremeearth.knowledge.store.storage._entries import (
    FACTS,
    HINT,
    commit_of,
    facts_of,
    first_line,
    translated,
)
from extremeearth.knowledge.store.storage._log import Commit, DataFile, LostRaceError, TableKind
from extremeearth.knowledge.store.storage._parquet import DICTIONARY, read_parquet, to_parquet
from extremeearth.knowledge.store.storage._ranges import ranges_of

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable

    from extremeearth.infrastructure.objects import ObjectStore

__all__ = ["DeltaLog"]

FORMAT = "extremeearth-graph-1"
"""Kept as the description of each table: who made it, and by which layout."""
BLIND_TRIES = 50
_HINT = (
    "Check that the disk is not full, that you may write there, and that the store can be reached."
)


class DeltaLog:
    """One Delta table.

    Parameters
    ----------
    kind
        Which table.
    url
        Where the table is, as deltalake takes it.
    objects
        The same place as object store.
    options
        Options of deltalake's own object store.
    folder
        The folder, where it is one.
    create
        Make the table where there is none.
    """

    def __init__(
        self,
        kind: TableKind,
        *,
        url: str,
        objects: ObjectStore,
        options: Mapping[str, str],
        folder: Path | None,
        create: bool,
    ) -> None:
        from deltalake import DeltaTable

        self.kind = kind
        self._url = url
        self._objects = objects
        self._options = dict(options)
        self._folder = folder
        self._lock = threading.RLock()
        self._known: tuple[int, Mapping[str, DataFile]] | None = None
        self._commits: list[Commit] = []
        with translated("opened", kind.name):
            if create and not DeltaTable.is_deltatable(url, self._options):
                self._create()
            self._delta: DeltaTable = DeltaTable(url, storage_options=self._options)
            made_by = self._delta.metadata().description
        if made_by != FORMAT:
            raise SchemaVersionError(
                f"The table '{kind.name}' was not made by this version of the graph store.",
                hint="Dump the graph with the version that made it, and load it into a new store.",
            )

    def _schema(self) -> Any:
        from deltalake.schema import Field, PrimitiveType, Schema

        return Schema(
            [Field(name, PrimitiveType(type_)) for name, type_ in self.kind.columns.items()]
        )

    def _create(self) -> None:
        from deltalake import DeltaTable

        DeltaTable.create(
            self._url,
            self._schema(),
            mode="ignore",
            partition_by=self._partition,
            name=self.kind.name,
            description=FORMAT,
            configuration={"delta.enableExpiredLogCleanup": "false"},
            storage_options=self._options,
        )

    @property
    def _partition(self) -> list[str]:
        return [] if self.kind.partition is None else [self.kind.partition]

    @property
    def version(self) -> int:
        """The newest version that is known here."""
        return self._delta.version()

    def refresh(self) -> int:
        """Look for newer versions; give the newest."""
        with self._lock, translated("looked at", self.kind.name):
            self._delta.update_incremental()
            return self._delta.version()

    def files(self, version: int | None = None) -> Mapping[str, DataFile]:
        """Give the data files, by path, of the version known here, or of an older one."""
        with self._lock, translated("looked at", self.kind.name):
            newest = self._delta.version()
            if version is None or version == newest:
                if self._known is None or self._known[0] != newest:
                    self._known = (newest, self._list(self._delta))
                return self._known[1]
            if not 0 <= version < newest:
                raise NotFoundError(
                    f"There is no version {version} of the store; the newest is {newest}.",
                    hint="Ask for the versions that there are.",
                )
        return self._list(self._open_at(version))

    def _open_at(self, version: int) -> DeltaTable:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        try:
            return DeltaTable(self._url, version=version, storage_options=self._options)
        except (DeltaError, OSError, ValueError) as err:
            raise NotFoundError(
                f"Version {version} of the store cannot be had any more: {first_line(err)}.",
                hint="Ask for the versions that there are.",
            ) from err

    def _list(self, table: DeltaTable) -> Mapping[str, DataFile]:
        """List the data files of a version; those that are known already are not looked at again."""
        import pyarrow as pa

        actions = pa.table(table.get_add_actions(flatten=True))
        known = {} if self._known is None else self._known[1]
        paths = actions["path"].to_pylist()
        new = [row for row, path in enumerate(paths) if path not in known]
        files = {path: known[path] for path in paths if path in known}
        if new:
            rows = actions if len(new) == len(paths) else actions.take(pa.array(new))
            files |= {file.path: file for file in described(rows.to_pydict(), self.kind)}
        return files

    def read(self, file: DataFile, columns: Sequence[str] | None = None) -> pa.Table:
        """Read a data file whole."""
        name = f"{self.kind.name}/{file.path}"
        few = sorted(DICTIONARY & set(self.kind.columns))
        try:
            source = self._objects.get(name) if self._folder is None else self._folder / file.path
            return read_parquet(source, name=name, columns=columns, of_few=few)
        except (FileNotFoundError, DataMissingError) as err:
            raise DataBrokenError(
                f"The data file {name} is not there, though a commit names it.",
                hint="Bring it back from a backup; versions older than a vacuum kept are gone for good.",
            ) from err

    def write(self, table: pa.Table, *, part: int = 0) -> DataFile:
        """Write a data file that belongs to the table once a commit names it."""
        path = f"{secrets.token_hex(12)}.parquet"
        content = to_parquet(table)
        self._objects.put(f"{self.kind.name}/{path}", content)
        return DataFile(
            path=path,
            rows=table.num_rows,
            size=len(content),
            part=part,
            ranges=ranges_of(table, self.kind.ranges),
        )

    def discard(self, files: Sequence[DataFile]) -> None:
        """Delete files that no commit names, as far as it goes: vacuum finds the rest."""
        for file in files:
            with suppress(ExtremeEarthError):
                self._objects.delete(f"{self.kind.name}/{file.path}")

    def commit(
        self,
        added: Sequence[DataFile],
        *,
        removed: Sequence[DataFile] = (),
        facts: Mapping[str, Any],
        expected: int | None = None,
    ) -> int:
        """Make a version; give its number. See `TableLog.commit`."""
        mark = secrets.token_hex(8)
        text = json.dumps({**facts, "commit": mark})
        with self._lock:
            for _ in range(BLIND_TRIES):
                before = self.version
                if expected is not None and before != expected:
                    raise LostRaceError
                if self._try(added, removed, text, mark):
                    return before + 1
                if expected is not None:
                    raise LostRaceError
        raise StorageError(
            f"The table '{self.kind.name}' could not be committed to: others are always first.",
            hint="Try again later.",
        )

    def _try(
        self, added: Sequence[DataFile], removed: Sequence[DataFile], text: str, mark: str
    ) -> bool:
        """Commit on top of the version known here; tell whether it was done, or somebody else was first."""
        from deltalake import CommitProperties
        from deltalake.exceptions import DeltaError

        now = int(time.time() * 1000)
        before = self.version
        changes = not removed  # whoever takes files away only folds them into others
        adding = [add_action(file, self.kind, now, changes) for file in added]
        try:
            self._delta.create_write_transaction(
                [*adding, *(remove_action(file, self.kind, now) for file in removed)],
                "append",
                self._schema(),
                self._partition,
                commit_properties=CommitProperties(
                    max_commit_retries=0, custom_metadata={FACTS: text}
                ),
            )
            failure: Exception | None = None
        except (DeltaError, OSError, ValueError) as err:
            failure = err
        # Also after a success: the table object does not see its own commit, and a store whose "put if absent"
        # looks first and writes then may have replaced ours by another.
        self.refresh()
        if self._mark_of(before + 1) == mark:
            self._flush_log(before + 1)
            return True
        if self.version == before and failure is not None:
            raise StorageError(
                f"The table '{self.kind.name}' could not be committed to: {first_line(failure)}.",
                hint=HINT,
            ) from failure
        return False

    def _mark_of(self, version: int) -> str | None:
        if version > self.version:
            return None
        with translated("looked at", self.kind.name):
            entries = self._delta.history(self.version - version + 1)
        wanted = next((e for e in entries if e["version"] == version), {})
        mark = facts_of(wanted).get("commit")
        return None if mark is None else str(mark)

    def _flush_log(self, version: int) -> None:
        """Make a commit in a folder survive a power cut; deltalake leaves that to the system."""
        if self._folder is None:
            return
        log = self._folder / "_delta_log"
        with suppress(OSError):  # it is committed, whatever the disk says now
            for path in (log / f"{version:020d}.json", log):
                handle = os.open(path, os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)

    def facts(self) -> Mapping[str, Any]:
        """Give what the writer of the newest version said; nothing for a version that is not ours."""
        with self._lock, translated("looked at", self.kind.name):
            entries = self._delta.history(1)
            return facts_of(entries[0]) if entries else {}

    def history(self) -> list[Commit]:
        """Give the commits, oldest first; those read once are remembered."""
        with self._lock, translated("looked at", self.kind.name):
            known = self._commits[-1].version if self._commits else -1
            missing = self.version - known
            if missing > 0:
                new = [commit_of(entry) for entry in self._delta.history(missing)]
                self._commits += sorted(new, key=lambda c: c.version)
            return list(self._commits)

    def _unnamed(self) -> list[str]:
        named = set(self.files())
        paths = (
            i.key.removeprefix(f"{self.kind.name}/") for i in self._objects.list(self.kind.name)
        )
        return [path for path in paths if not path.startswith("_") and path not in named]

    def leftovers(self) -> list[str]:
        """Name the files that no version names: what writers that were killed left."""
        with translated("looked at", self.kind.name):
            once = {
                action["path"]
                for version in range(self.version + 1)
                for action in self._actions(version)
            }
        return [path for path in self._unnamed() if path not in once]

    def _actions(self, version: int) -> Iterator[dict[str, Any]]:
        try:
            text = self._objects.get(f"{self.kind.name}/_delta_log/{version:020d}.json")
        except DataMissingError:
            return
        for line in text.splitlines():
            if line.startswith(b'{"add"'):
                yield json.loads(line)["add"]

    def vacuum(self, *, keep_days: float) -> int:
        """Delete what no version of the last days needs; give the number of files.

        Files that no commit ever named are kept for a day at least: a writer may be about to commit them.
        """
        with self._lock, translated("cleaned", self.kind.name):
            hours = max(int(keep_days * 24), 0)
            gone = set()
            for full, kept in ((False, hours), (True, max(hours, 24))):
                gone |= set(
                    self._delta.vacuum(
                        kept, dry_run=False, enforce_retention_duration=False, full=full
                    )
                )
            self._delta.update_incremental()
            return len(gone)

    def exists(self, file: DataFile) -> bool:
        """Tell whether a data file is there, with its full length."""
        try:
            return self._objects.head(f"{self.kind.name}/{file.path}").size == file.size
        except DataMissingError:
            return False
