"""Parquet and GeoParquet as streams of Arrow batches, and what all files in columns share."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from odc.geo.crs import CRS
from pyproj import CRS as ProjCrs

from extremeearth.core.errors import CrsError, MappingError
from extremeearth.knowledge.mapping.frames import Frame
from extremeearth.knowledge.mapping.sources.contract import (
    HOW_TO_GIVE_A_CRS,
    Source,
    SourceRequest,
    check_columns,
    frames_of,
)
from extremeearth.knowledge.mapping.sources.damage.parquet_losses import batches_of, why_no_parquet
from extremeearth.knowledge.mapping.sources.geometry_options import GeometryOptions

GEOMETRY = "geometry"
"""Name under which a vector file's shapes are always found, whatever the format calls them."""

READ_BYTES = 1 << 20
_AXES = 2
_HOW_TO_SAY_THE_ENCODING = (
    "Save it as UTF-8, or name a shapefile's encoding in a .cpg file beside it, such as ISO-8859-1"
)

Stream = tuple[Iterator[Any], dict[str, CRS]]


@dataclass(frozen=True)
class ParquetTable:
    """A Parquet file; geometry columns as GeoParquet 1.x describes them, in WKB. `groups` are those that are read."""

    path: Path
    crs: CRS | None = None
    options: GeometryOptions = field(default_factory=GeometryOptions)
    groups: range | None = None

    def pieces(self, piece_bytes: int) -> Iterator[tuple[ColumnFile, int]] | None:
        """Cut the file between row groups; give each piece with the number of its first row."""
        with self._open() as file:
            parts = [file.metadata.row_group(n) for n in range(file.metadata.num_row_groups)]
        sizes = [
            sum(part.column(c).total_compressed_size for c in range(part.num_columns))
            for part in parts
        ]
        return self._pieces(sizes, [part.num_rows for part in parts], piece_bytes)

    def _pieces(
        self, sizes: list[int], rows: list[int], piece_bytes: int
    ) -> Iterator[tuple[ColumnFile, int]]:
        start = first = size = 0
        for end, more in enumerate(sizes, 1):
            size += more
            if size >= piece_bytes or end == len(sizes):
                yield replace(self, groups=range(start, end)), first
                first += sum(rows[start:end])
                start, size = end, 0

    def columns(self) -> list[str]:
        """List the columns."""
        with self._open() as file:
            return list(file.schema_arrow.names)

    @contextmanager
    def _open(self) -> Iterator[Any]:
        import pyarrow.parquet as pq

        try:
            # in pieces: a column of a row group can be the whole file's
            with pq.ParquetFile(self.path, buffer_size=READ_BYTES) as file:
                yield file
        except (pa.ArrowInvalid, OSError) as err:
            raise why_no_parquet(self.path, err) from err

    @contextmanager
    def read(
        self, references: tuple[str, ...], *, batch_rows: int, found: Counter[str]
    ) -> Iterator[Stream]:
        """Stream the columns asked for, with the reference system of each geometry among them."""
        with self._open() as file:
            described = json.loads((file.schema_arrow.metadata or {}).get(b"geo", b"{}"))
            systems: dict[str, CRS] = {}
            for name, column in described.get("columns", {}).items():
                if name not in references:
                    continue
                if column.get("encoding", "WKB") != "WKB":
                    raise MappingError(
                        f"The geometry '{name}' of {self.path.name} is encoded as {column['encoding']}.",
                        hint="Write it as WKB.",
                    )
                # GeoParquet: no "crs" means CRS84, an explicit null means that nobody knows
                systems[name] = declared_crs(
                    column.get("crs", "OGC:CRS84"), self.path.name, self.crs
                )
            batches = batches_of(
                file, self.path, list(references),
                batch_rows=batch_rows, groups=self.groups, options=self.options, found=found,
            )  # fmt: skip
            yield batches, systems


def declared_crs(described: Any, name: str, given: CRS | None) -> CRS:
    """Give the reference system that a file declares, or else the one that the caller gave.

    Of a system with heights it is the one of the two other axes; the heights stay in the coordinates.

    Raises
    ------
    CrsError
        There is neither.
    """
    if described is None and given is not None:
        return given
    if described is None:
        raise CrsError(
            f"The geometries of {name} have no reference system.",
            hint=HOW_TO_GIVE_A_CRS,
        )
    declared = ProjCrs.from_user_input(described)
    if len(declared.axis_info) > _AXES and not declared.is_geocentric:
        declared = declared.to_2d()
    return CRS(declared)


class ColumnFile(Protocol):
    """A file in columns."""

    def columns(self) -> list[str]:
        """List the columns."""

    def read(
        self, references: tuple[str, ...], *, batch_rows: int, found: Counter[str]
    ) -> AbstractContextManager[Stream]:
        """Stream the columns asked for; what is left out is counted in `found`."""


@runtime_checkable
class CutFile(ColumnFile, Protocol):
    """A file in columns that several workers can read."""

    def pieces(self, piece_bytes: int) -> Iterator[tuple[ColumnFile, int]] | None:
        """Cut the file; give each piece with the number of its first row."""


@dataclass(frozen=True)
class FileSource:
    """A Parquet file, or anything that GDAL reads; `first_row` is the number of its first row in the whole."""

    name: str
    file: ColumnFile
    options: GeometryOptions
    first_row: int = 0

    def check(self, references: tuple[str, ...]) -> None:
        """Raise `MappingError` if a column is missing."""
        check_columns(self.name, self.file.columns(), references)

    def frames(self, references: tuple[str, ...], *, batch_rows: int) -> Iterator[Frame]:
        """Stream the file."""
        found: Counter[str] = Counter()
        reading = self.file.read(references, batch_rows=batch_rows, found=found)
        with reading as (batches, systems):
            for frame in frames_of(batches, references, systems, batch_rows, first=self.first_row):
                yield self._readable(frame, found)
        self.options.note(self.name, found)

    def pieces(self, references: tuple[str, ...], *, piece_bytes: int) -> Iterator[Source] | None:
        """Cut the file where its format lets it be cut."""
        pieces = self.file.pieces(piece_bytes) if isinstance(self.file, CutFile) else None
        if pieces is None:
            return None
        return (replace(self, file=piece, first_row=first) for piece, first in pieces)

    def _readable(self, frame: Frame, found: Counter[str]) -> Frame:
        """Leave out texts that are no UTF-8: they would be no RDF."""
        columns = dict(frame.columns)
        for name, column in frame.columns.items():
            if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
                continue
            try:
                column.validate(full=True)
            except pa.ArrowInvalid:
                broken = _not_utf8(column)
                place = f"{name} of row {frame.first_row + broken[0]} of {self.name}"
                self.options.broken(
                    found, "is not UTF-8", place, len(broken), mend=_HOW_TO_SAY_THE_ENCODING
                )
                good = np.ones(len(column), bool)
                good[broken] = False
                columns[name] = _where(good, column)
        return replace(frame, columns=columns)


def _bytes(column: Any) -> Any:
    wide = pa.types.is_large_string(column.type)
    return column.view(pa.large_binary() if wide else pa.binary())


def _not_utf8(column: Any) -> list[int]:
    broken = []
    for row, value in enumerate(_bytes(column).to_pylist()):
        try:
            (value or b"").decode()
        except UnicodeDecodeError:
            broken.append(row)
    return broken


def _where(good: Any, column: Any) -> Any:
    kept = pc.if_else(pa.array(good), _bytes(column), pa.scalar(None, _bytes(column).type))
    return kept.cast(column.type)


def open_parquet(request: SourceRequest) -> Source | None:
    """Open a Parquet or GeoParquet file."""
    if request.path is None or request.source.formulation is not None:
        return None
    if request.suffix not in {".parquet", ".geoparquet"}:
        return None
    table = ParquetTable(request.path, request.crs, request.geometry)
    return FileSource(request.source.name, table, request.geometry)
