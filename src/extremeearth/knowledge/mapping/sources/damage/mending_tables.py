"""What can be read of a damaged GeoPackage: its tables, row by row, around the pages that are lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extremeearth.core.errors import DataBrokenError
from extremeearth.knowledge.mapping.sources.damage.mending import ENDS, Loss

__all__ = ["GeoPackageMender", "is_cut_off"]

_BROKEN_FEATURE = "is a feature that cannot be read"
_SYSTEM_TABLES = (
    "gpkg_spatial_ref_sys", "gpkg_contents", "gpkg_geometry_columns", "gpkg_ogr_contents",
)  # fmt: skip
_CREATES = b"CREATE TABLE "
_LOWEST = -(1 << 62)
_FARTHEST = 1 << 40
"""So far behind a gap a row is looked for."""


def is_cut_off(path: Path) -> str | None:
    """Say how much of an SQLite file is there, where its head says that there should be more.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "t.gpkg"
    >>> with closing(sqlite3.connect(path)) as made:
    ...     _ = made.execute("CREATE TABLE t (a)")
    >>> _ = path.write_bytes(path.read_bytes()[:5000])
    >>> is_cut_off(path)
    'it breaks off: 5000 of 8192 bytes are there'
    """
    with path.open("rb") as file:
        head = file.read(100)
    if len(head) < 100 or not head.startswith(b"SQLite format 3\0"):
        return None
    page = int.from_bytes(head[16:18], "big")
    whole = (65536 if page == 1 else page) * int.from_bytes(head[28:32], "big")
    size = path.stat().st_size
    return f"it breaks off: {size} of {whole} bytes are there" if size < whole else None


@dataclass(frozen=True, slots=True)
class GeoPackageMender:
    """Copies the rows that can be read of one layer, or of all where none is named."""

    layer: str | None = None

    def __call__(self, path: Path, target: Path) -> list[Loss]:
        """Write the copy; tell what is not in it.

        Raises
        ------
        DataBrokenError
            The list of tables, or that of the layers, is lost, or not one row can be read.
        """
        uri = f"{path.resolve().as_uri()}?mode=ro"
        try:
            with (
                closing(sqlite3.connect(uri, uri=True)) as source,
                closing(sqlite3.connect(target, isolation_level=None)) as made,
            ):
                source.execute("PRAGMA writable_schema=ON")  # goes on where the schema is broken
                source.text_factory = _Text
                made.execute("PRAGMA journal_mode=OFF")
                made.execute("PRAGMA synchronous=OFF")
                return _Copy(path, source, made).layer(self.layer)
        except sqlite3.DatabaseError as err:
            raise DataBrokenError(
                f"{path.name} is damaged where it says what it holds ({err}): nothing can be read of it.",
                hint="Restore the file, or try SQLite's .recover.",
            ) from err


@dataclass(slots=True)
class _Copy:
    path: Path
    source: sqlite3.Connection
    made: sqlite3.Connection
    lost: int = 0
    first: int | None = None
    complete: bool = True

    def layer(self, wanted: str | None) -> list[Loss]:
        declared: dict[str, str] = {}
        try:
            rows = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql IS NOT NULL"
            for name, sql in self.source.execute(rows):
                if sql.startswith(
                    _CREATES
                ):  # any other statement is none that SQLite has put there
                    declared[name.decode()] = sql.decode()
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            pass  # what comes after is lost
        for pragma in ("application_id", "user_version"):
            (value,) = self.source.execute(f"PRAGMA {pragma}").fetchone()
            self.made.execute(f"PRAGMA {pragma}={int(value)}")
        for name in _SYSTEM_TABLES:
            if name in declared:
                self.made.execute(declared[name])
                self._whole_table(name)
        names = [n for n in self._layers() if n in declared and (wanted is None or n == wanted)]
        if not names:
            raise sqlite3.DatabaseError("no table of features is found")
        kept = ",".join("?" * len(names))
        self.made.execute(f"DELETE FROM gpkg_contents WHERE table_name NOT IN ({kept})", names)  # noqa: S608 - marks
        good = sum(self._table(name, declared[name]) for name in names)
        if not good:
            raise sqlite3.DatabaseError("not one feature can be read")
        return self._losses()

    def _table(self, name: str, sql: str) -> int:
        self.made.execute(sql)
        declared = self._declared_rows(name)
        self.made.execute("BEGIN")
        good = self._rows(name, declared)
        self.made.execute("COMMIT")
        if declared is not None:  # GDAL reads rows twice where it is told of more than there are
            count = "UPDATE gpkg_ogr_contents SET feature_count = ? WHERE table_name = ?"
            self.made.execute(count, (good, name))
        return good

    def _losses(self) -> list[Loss]:
        said = []
        if self.lost:
            place = f"feature with number {self.first} of {self.path.name}"
            said.append(Loss(count=self.lost, reason=_BROKEN_FEATURE, place=place))
        if not self.complete:
            place = f"end of {self.path.name}"
            said.append(Loss(count=1, reason=ENDS, place=place))
        return said

    def _layers(self) -> list[str]:
        return [str(n) for (n,) in self.made.execute("SELECT table_name FROM gpkg_contents")]

    def _declared_rows(self, name: str) -> int | None:
        """Give the number of rows that GDAL wrote down."""
        try:
            count = "SELECT feature_count FROM gpkg_ogr_contents WHERE table_name = ?"
            found = self.made.execute(count, (name,)).fetchone()
        except sqlite3.DatabaseError:
            return None
        return None if found is None or found[0] is None else int(found[0])

    def _whole_table(self, name: str) -> None:
        try:
            for row in self.source.execute(f"SELECT * FROM {_quoted(name)}"):  # noqa: S608 - a quoted name
                self._insert(_quoted(name), row)
        except sqlite3.DatabaseError:
            return

    def _rows(self, name: str, declared: int | None) -> int:
        """Copy the rows of a layer in the order of their numbers, from one gap to the next."""
        table = _quoted(name)
        good, gaps, start = 0, 0, _LOWEST
        while True:
            last, count = self._run(table, start)
            good += count
            if last is None:
                break
            if self.first is None:
                self.first = max(last + 1, 1)
            start_again = self._behind_gap(table, last + 1)
            if start_again is None:
                self.complete = self.complete and declared is not None
                break
            gaps += start_again - max(last + 1, 1)
            start = start_again
        self.lost += max(declared - good, 0) if declared is not None else gaps
        return good

    def _run(self, table: str, start: int) -> tuple[int | None, int]:
        """Copy rows until one cannot be read; give the number of the last, `None` after all, and how many."""
        last, count = start - 1, 0
        rows = f"SELECT rowid, * FROM {table} WHERE rowid >= ? ORDER BY rowid"  # noqa: S608 - a quoted name
        try:
            for number, *row in self.source.execute(rows, (start,)):
                if number <= last:
                    return last, count  # pages that are mixed up
                self._insert(table, row)
                last, count = number, count + 1
        except sqlite3.DatabaseError:
            return last, count
        return None, count

    def _behind_gap(self, table: str, start: int) -> int | None:
        """Find the number of the next row that can be read: by steps that double, then by halves."""
        low, step = max(start, 1), 1
        while (found := self._at(table, low + step)) is None:
            step *= 2
            if step > _FARTHEST:
                return None
        high = low + step
        while high - low > 1:
            middle = (low + high) // 2
            at = self._at(table, middle)
            if at is None:
                low = middle
            else:
                high, found = middle, at
        return found

    def _at(self, table: str, number: int) -> int | None:
        """Give the first row from a number on, if it can be read."""
        row = f"SELECT rowid, * FROM {table} WHERE rowid >= ? ORDER BY rowid LIMIT 1"  # noqa: S608 - a quoted name
        try:
            found = self.source.execute(row, (number,)).fetchone()
        except sqlite3.DatabaseError:
            return None
        return None if found is None else int(found[0])

    def _insert(self, table: str, row: Sequence[Any]) -> None:
        marks = ",".join("CAST(? AS TEXT)" if isinstance(value, _Text) else "?" for value in row)
        insert = f"INSERT OR IGNORE INTO {table} VALUES ({marks})"  # noqa: S608 - a quoted name
        self.made.execute(insert, row)


class _Text(bytes):
    """A text as it is in a file, also where it is no UTF-8."""


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
