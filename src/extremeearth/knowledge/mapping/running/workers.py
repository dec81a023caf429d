"""What a worker does with rows that it reads or is sent: lines in a file, or in its answer."""

from __future__ import annotations

import copy
import io
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pandas as pd  # noqa: F401 -- Arrow imports it with its first list; workers are forked from where this is done
import polars as pl  # noqa: F401 -- what is called here imports it: done once before workers are forked
import pyarrow as pa
from odc.geo.crs import CRS

from extremeearth.core.errors import StorageError
from extremeearth.knowledge.mapping.frames import Frame
from extremeearth.knowledge.mapping.running.distinct import Distinct, each_once
from extremeearth.knowledge.mapping.running.lines import Run, circle_lines
from extremeearth.knowledge.mapping.running.shared_file import Held, Places
from extremeearth.knowledge.mapping.sources.contract import Source
from extremeearth.knowledge.mapping.sources.geometry_options import GeometryOptions
from extremeearth.knowledge.rdf import packed_into, write_lines

__all__ = ["Desk", "Done", "PackedFrame", "SourcePiece", "Stretch", "Work"]


@dataclass(frozen=True, slots=True)
class PackedFrame:
    """A frame as bytes: its columns as an Arrow stream, the rest as it is."""

    columns: bytes
    rows: int
    first_row: int
    systems: tuple[tuple[str, str], ...]

    def __repr__(self) -> str:
        return f"rows {self.first_row} to {self.first_row + self.rows - 1}"

    @classmethod
    def of(cls, frame: Frame) -> PackedFrame:
        """Pack a frame.

        Examples
        --------
        >>> packed = PackedFrame.of(Frame(columns={"a": pa.array([1, 2])}, rows=2))
        >>> packed, packed.frame().columns["a"].to_pylist()
        (rows 0 to 1, [1, 2])
        """
        batch = pa.table(dict(frame.columns))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_table(batch)
        systems = tuple((name, crs.to_wkt()) for name, crs in frame.systems.items())
        return cls(sink.getvalue().to_pybytes(), frame.rows, frame.first_row, systems)

    def frames(self) -> Iterator[Frame]:
        """Unpack it."""
        yield self.frame()

    def frame(self) -> Frame:
        """Unpack it."""
        with pa.ipc.open_stream(pa.py_buffer(self.columns)) as reader:
            table = reader.read_all()
        columns = {name: _whole(table[name]) for name in table.column_names}
        systems = {name: _system(wkt) for name, wkt in self.systems}
        return Frame(columns=columns, rows=self.rows, systems=systems, first_row=self.first_row)


def _whole(column: Any) -> Any:
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


@lru_cache(maxsize=16)
def _system(wkt: str) -> CRS:
    return CRS(wkt)


@dataclass(frozen=True, slots=True)
class SourcePiece:
    """A piece of a source, read where it arrives; `options` are those that its reading counts in."""

    number: int
    source: Source
    references: tuple[str, ...]
    batch_rows: int
    options: GeometryOptions

    def __repr__(self) -> str:
        return f"piece {self.number} of the source"

    def here(self) -> SourcePiece:
        """Give the same with counts of its own, also where nothing has travelled."""
        piece = copy.deepcopy(self)
        piece.options.counts.clear()
        piece.options.places.clear()
        return piece

    def frames(self) -> Iterator[Frame]:
        """Read it."""
        yield from self.source.frames(self.references, batch_rows=self.batch_rows)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some lines of one circle that stand together: the number of the circle, their bytes."""

    circle: int
    size: int


@dataclass(frozen=True, slots=True)
class Done:
    """What came of one item: its lines in a file, as bytes or placed in the target, and what was left out.

    `lines` is the first byte of those that stand in the target already; `subjects` and `hashes` are, for each circle,
    the hashes of all subjects and those of the lines in their order; `found` is what was found in the geometries,
    by source and reason, and `places` where the first of each was.
    """

    lines: Path | bytes | int
    stretches: tuple[Stretch, ...]
    subjects: tuple[Any, ...]
    hashes: tuple[Any, ...]
    rows: int
    skipped: Mapping[str, int] = field(default_factory=dict)
    found: Mapping[str, Counter[str]] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of the lines, before packing."""
        return sum(stretch.size for stretch in self.stretches)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a worker puts its lines: the target, files of a folder that are packed as the target is, or its answer.

    Only pieces have places in the target.
    """

    folder: Path | None
    packing: str = ""
    places: Places | None = None

    @contextmanager
    def opened(self, item: SourcePiece | PackedFrame) -> Iterator[_Sheet]:
        """Open what takes the lines of an item; when that ends, its `lines` tell where they are."""
        with _beside_the_target():
            if self.folder is None:
                sheet = _Sheet(io.BytesIO())
                yield sheet
                sheet.lines = cast(io.BytesIO, sheet.file).getvalue()
            elif self.places is not None and isinstance(item, SourcePiece):
                sheet = _Sheet(held := Held())
                yield sheet
                placed = self.places.put(item.number, held)
                sheet.lines = self._new_file(held.pieces) if placed is None else placed
            else:
                with self._file() as file:
                    sheet = _Sheet(file, Path(file.name))
                    if not self.packing:
                        yield sheet
                        return
                    with packed_into(file, self.packing) as sheet.file:
                        yield sheet

    def _new_file(self, pieces: Iterable[memoryview]) -> Path:
        with self._file() as file:
            file.writelines(pieces)
            return Path(file.name)

    def _file(self) -> AbstractContextManager[BinaryIO]:
        return cast(
            AbstractContextManager[BinaryIO],
            tempfile.NamedTemporaryFile(dir=self.folder, delete=False),
        )


@dataclass(slots=True)
class _Sheet:
    """What lines are written to, and where they are in the end."""

    file: Held | BinaryIO
    lines: Path | bytes | int = b""


@contextmanager
def _beside_the_target() -> Iterator[None]:
    try:
        yield
    except OSError as err:
        raise StorageError(
            f"A worker cannot write beside the target: {err.strerror or err}.",
            hint="Check the disk and your rights; on a cluster the target must be where all workers see it.",
        ) from err


@dataclass(frozen=True)
class Work:
    """Makes the lines of some triples maps; travels to the workers."""

    run: Run
    names: tuple[str, ...]
    desk: Desk

    def __call__(self, item: SourcePiece | PackedFrame) -> Done:
        """Do the work on one item; each statement is in the lines once."""
        item, options = _counted(item)
        run = self.run.with_own_issues()
        maps = [run.mapping.triples_maps[name] for name in self.names]
        circles = {circle: number for number, circle in enumerate(run.circles_of(self.names))}
        made = [_Made() for _ in circles]
        stretches: list[Stretch] = []
        rows = 0
        with ExitStack() as stack:
            known = [stack.enter_context(Distinct(overlapping=c.in_a_row)) for c in circles]
            sheet = stack.enter_context(self.desk.opened(item))
            for frame in item.frames():
                for triples_map in maps:
                    for circle, said in circle_lines(run, triples_map, frame):
                        number = circles[circle]
                        made[number].subjects.append(said.subjects)
                        new = known[number].new(said.subjects, said.parts)
                        stretches.append(Stretch(number, made[number].write(new, sheet.file)))
                rows += frame.rows * len(maps)
        return Done(
            sheet.lines, tuple(stretches), tuple(m.all_subjects() for m in made), tuple(m.all_hashes() for m in made),
            rows, dict(run.issues.counts), options.counts, options.places,
        )  # fmt: skip


def _counted(item: SourcePiece | PackedFrame) -> tuple[SourcePiece | PackedFrame, GeometryOptions]:
    """Give an item, and the options that count what is found while it is read."""
    if isinstance(item, PackedFrame):  # read and counted where it was packed
        return item, GeometryOptions()
    piece = item.here()
    return piece, piece.options


@dataclass(slots=True)
class _Made:
    """Hashes of what was made of one circle."""

    subjects: list[Any] = field(default_factory=list)
    hashes: list[Any] = field(default_factory=list)

    def write(self, new: Iterable[tuple[Any, Any]], file: Held | BinaryIO) -> int:
        """Write lines, remember their hashes, give how many bytes they are."""
        size = 0
        for lines, hashes in new:
            write_lines(lines, cast(BinaryIO, file))
            size += _size(lines)
            self.hashes.append(hashes)
        return size

    def all_subjects(self) -> Any:
        return each_once(_together(self.subjects))

    def all_hashes(self) -> Any:
        return _together(self.hashes)


def _together(hashes: list[Any]) -> Any:
    return np.concatenate(hashes) if hashes else np.zeros(0, np.uint64)


def _size(lines: Any) -> int:
    if not len(lines):
        return 0
    offsets = memoryview(lines.buffers()[1]).cast("q")
    return int(offsets[lines.offset + len(lines)] - offsets[lines.offset])
