"""What can be read of a damaged GeoPackage: its tables, row by row, around the pages that are lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from extremeearth.core.errors import DataBrokenError
from extremeearth.knowledge.mapping.sources.damage.mending import ENDS, Loss

__all__ = ["GeoPackageMender", "is_cut_off"]

_BROKEN_FEATURE = "is a feature that cannot be read"
_BROKEN_LAYER = "is a layer of which nothing can be read"
_SYSTEM_TABLES = (
    "gpkg_spatial_ref_sys", "gpkg_contents", "gpkg_geometry_columns", "gpkg_ogr_contents",
)  # fmt: skip
_CREATES = b"CREATE TABLE "
_MAGIC = b"SQLite format 3\0"
_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})
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
    if not head or head[: len(_MAGIC)] != _MAGIC[: len(head)]:
        return None
    if len(head) < 100:
        return f"it breaks off: only {len(head)} bytes are there"
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
            raise _nothing(path, err) from err


def _nothing(path: Path, err: sqlite3.DatabaseError) -> DataBrokenError:
    """Make the error that says that nothing can be read, and why."""
    if cut := is_cut_off(path):
        return DataBrokenError(
            f"{path.name} cannot be read, not even in part: {cut}, and what says where its features are is lost.",
            hint="Get the whole file again.",
        )
    return DataBrokenError(
        f"{path.name} is damaged where it says what it holds ({err}): nothing can be read of it.",
        hint="Restore the file, or try SQLite's .recover.",
    )


@dataclass(slots=True)
class _Gaps:
    """How many rows of a table were not read, the number of the first of them, and whether its end was found."""

    rows: int = 0
    first: int | None = None
    ended: bool = True


@dataclass(slots=True)
class _Copy:
    path: Path
    source: sqlite3.Connection
    made: sqlite3.Connection
    lost: int = 0
    first: int | None = None
    complete: bool = True
    lost_layers: list[str] = field(default_factory=list)

    def layer(self, wanted: str | None) -> list[Loss]:
        declared = self._declared()
        for pragma in ("application_id", "user_version"):
            (value,) = self.source.execute(f"PRAGMA {pragma}").fetchone()
            self.made.execute(f"PRAGMA {pragma}={int(value)}")
        for name in _SYSTEM_TABLES:
            if name in declared:
                self.made.execute(declared[name])
                self._whole_table(name)
        said = [n for n in self._layers() if wanted is None or n == wanted]
        names = [n for n in said if n in declared]
        self.lost_layers = [n for n in said if n not in declared]
        if not names:
            raise sqlite3.DatabaseError("no table of features is found")
        kept = ",".join("?" * len(names))
        self.made.execute(f"DELETE FROM gpkg_contents WHERE table_name NOT IN ({kept})", names)  # noqa: S608 - marks
        good = sum(self._table(name, declared[name]) for name in names)
        if not good:
            raise sqlite3.DatabaseError("not one feature can be read")
        return self._losses()

    def _declared(self) -> dict[str, str]:
        """Give the statements that make the tables, by name, as far as they can be read."""
        found: dict[str, str] = {}
        try:
            for kind, name, sql in self._each("sqlite_master", _Gaps(), columns="type, name, sql"):
                # any other statement is none that SQLite has put there
                if kind == b"table" and sql is not None and sql.startswith(_CREATES):
                    with suppress(UnicodeDecodeError):
                        found[name.decode()] = sql.decode()
        except (AttributeError, TypeError):  # not even texts
            pass
        return found

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
        if self.lost_layers:
            place = f"layer {self.lost_layers[0]} of {self.path.name}"
            said.append(Loss(count=len(self.lost_layers), reason=_BROKEN_LAYER, place=place))
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
        for row in self._each(_quoted(name), _Gaps()):
            self._insert(_quoted(name), row)

    def _rows(self, name: str, declared: int | None) -> int:
        """Copy the rows of a layer in the order of their numbers; give how many they are."""
        good, gaps = 0, _Gaps()
        for row in self._each(_quoted(name), gaps):
            self._insert(_quoted(name), row)
            good += 1
        if self.first is None:
            self.first = gaps.first
        self.complete = self.complete and (gaps.ended or declared is not None)
        self.lost += max(declared - good, 0) if declared is not None else gaps.rows
        return good

    def _each(self, table: str, gaps: _Gaps, *, columns: str = "*") -> Iterator[Sequence[Any]]:
        """Give the rows of a table that can be read, from one gap to the next."""
        start = _LOWEST
        while (last := (yield from self._up_to_a_gap(table, start, columns))) is not None:
            lowest = max(last + 1, 1)
            gaps.first = lowest if gaps.first is None else gaps.first
            following = self._behind_gap(table, last + 1)
            if following is None:
                gaps.ended = False
                return
            gaps.rows += following - lowest
            start = following

    def _up_to_a_gap(
        self, table: str, start: int, columns: str
    ) -> Generator[Sequence[Any], None, int | None]:
        """Give rows until one cannot be read; return the number of the last, `None` after all."""
        last = start - 1
        rows = f"SELECT rowid, {columns} FROM {table} WHERE rowid >= ? ORDER BY rowid"  # noqa: S608 - a quoted name
        try:
            for number, *row in self.source.execute(rows, (start,)):
                if number <= last:
                    return last  # pages that are mixed up
                yield row
                last = number
        except sqlite3.DatabaseError:
            # Python is one row ahead, and where that one is broken it does not give the one before
            before = self._at(table, last + 1, columns)
            if before is None:
                return last
            yield before[1:]
            return int(before[0])
        return None

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
        return int(found[0])

    def _at(self, table: str, number: int, columns: str = "*") -> Sequence[Any] | None:
        """Give the first row from a number on, after that number, if it can be read."""
        row = f"SELECT rowid, {columns} FROM {table} WHERE rowid >= ? ORDER BY rowid LIMIT 1"  # noqa: S608 - quoted
        try:
            found: Sequence[Any] | None = self.source.execute(row, (number,)).fetchone()
        except sqlite3.DatabaseError:
            return None
        return found

    def _insert(self, table: str, row: Sequence[Any]) -> None:
        marks = ",".join("CAST(? AS TEXT)" if isinstance(value, _Text) else "?" for value in row)
        insert = f"INSERT OR IGNORE INTO {table} VALUES ({marks})"  # noqa: S608 - a quoted name
        try:
            self.made.execute(insert, row)
        except sqlite3.OperationalError as err:
            if err.sqlite_errorcode & 0xFF in _FULL:
                raise OSError(str(err)) from err
            raise


class _Text(bytes):
    """A text as it is in a file, also where it is no UTF-8."""


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
