"""What a table with a log of commits offers, whether it lies in Delta format somewhere or in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Commit", "DataFile", "LostRaceError", "TableKind", "TableLog"]


class LostRaceError(Exception):
    """Another writer committed first. Never leaves this package: the transaction runs again, or ConflictError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableKind:
    """One of the tables of a store.

    Attributes
    ----------
    name
        Folder below the store.
    columns
        Column to Delta type, in order; the partition column first where there is one.
    partition
        Column whose value is that of a whole file; not in the file.
    ranges
        Columns whose least and largest value the log keeps for each file.
    """

    name: str
    columns: Mapping[str, str]
    partition: str | None = None
    ranges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """A data file that the log names.

    Attributes
    ----------
    path
        Below the folder of the table.
    rows, size
        How many rows and bytes.
    part
        Value of the partition column, 0 where the table has none.
    ranges
        Least and largest value by column; what the log does not tell is not in it.
    """

    path: str
    rows: int
    size: int
    part: int = 0
    ranges: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def low(self, column: str, otherwise: int) -> int:
        """Give the least value of a column."""
        return self.ranges.get(column, (otherwise, otherwise))[0]

    def high(self, column: str, otherwise: int) -> int:
        """Give the largest value of a column."""
        return self.ranges.get(column, (otherwise, otherwise))[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """An entry of a log: when, and what the writer said about it."""

    version: int
    time: datetime
    facts: Mapping[str, Any]


class TableLog(Protocol):
    """A table of which every commit makes a version. Errors are of the tree in `core.errors`."""

    kind: TableKind

    @property
    def version(self) -> int:
        """The newest version that is known here."""

    def refresh(self) -> int:
        """Look for newer versions; give the newest."""

    def files(self, version: int | None = None) -> Mapping[str, DataFile]:
        """Give the data files, by path, of the version known here, or of an older one."""

    def read(self, file: DataFile, columns: Sequence[str] | None = None) -> pa.Table:
        """Read a data file whole."""

    def write(self, table: pa.Table, *, part: int = 0) -> DataFile:
        """Write a data file, to the disk for sure, that belongs to the table once a commit names it."""

    def discard(self, files: Sequence[DataFile]) -> None:
        """Delete files that no commit names."""

    def commit(
        self,
        added: Sequence[DataFile],
        *,
        removed: Sequence[DataFile] = (),
        facts: Mapping[str, Any],
        expected: int | None = None,
    ) -> int:
        """Make a version; give its number.

        Raises
        ------
        LostRaceError
            The newest version is not `expected`.
        StorageError
            Nothing was committed.
        """

    def facts(self) -> Mapping[str, Any]:
        """Give what the writer of the newest version said; nothing for a version that is not ours."""

    def history(self) -> list[Commit]:
        """Give the commits, oldest first."""

    def leftovers(self) -> list[str]:
        """Name the files that no version names: what writers that were killed left."""

    def vacuum(self, *, keep_days: float) -> int:
        """Delete what no version of the last days needs; give the number of files."""

    def exists(self, file: DataFile) -> bool:
        """Tell whether a data file is there, with its full length."""
