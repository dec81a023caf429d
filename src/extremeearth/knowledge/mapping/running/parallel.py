"""Mapping on an engine: workers read pieces of a source, or are sent its rows; their lines stay in files, or come back.

Where the workers have the same files as this process, each reads its own part of the source and writes its lines into
the target, or to a file beside it, so that what goes between processes are places, names and hashes.
"""

from __future__ import annotations

import io
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import pyarrow as pa

from extremeearth.core.progress import Task
from extremeearth.core.threads import put_aside
from extremeearth.knowledge.mapping.rules.document import LogicalSource, numbers_rows
from extremeearth.knowledge.mapping.rules.overlaps import Circle
from extremeearth.knowledge.mapping.running.distinct import Distinct
from extremeearth.knowledge.mapping.running.line_files import SharedFile, Sink, StatementFile
from extremeearth.knowledge.mapping.running.lines import Run
from extremeearth.knowledge.mapping.running.outputs import Written
from extremeearth.knowledge.mapping.running.shared_file import Places, close_holes, other_length
from extremeearth.knowledge.mapping.running.workers import (
    Desk,
    Done,
    PackedFrame,
    SourcePiece,
    Work,
)
from extremeearth.knowledge.mapping.sources.contract import PIECE_BYTES, pieces_of
from extremeearth.knowledge.mapping.sources.geometry_options import GeometryOptions

if TYPE_CHECKING:
    from extremeearth.infrastructure.engine import Engine

__all__ = ["map_on_engine"]


def map_on_engine(
    run: Run,
    engine: Engine,
    names: tuple[str, ...],
    *,
    reading: tuple[LogicalSource, tuple[str, ...]],
    known: Mapping[Circle, Distinct],
    options: GeometryOptions,
    sink: Sink,
    task: Task,
) -> Written:
    """Write what some triples maps without joins say of one source, worked on by an engine.

    Parameters
    ----------
    reading
        The source and the references that are read of it.
    known
        What was written of the circles of these triples maps, in their order.
    options
        Those whose counts the source fills.
    """
    source, references = reading
    written = Written()
    found: dict[str, Counter[str]] = {}
    with ExitStack() as stack:
        desk = stack.enter_context(_desk_for(sink, engine))
        shelf = stack.enter_context(_shelf_for(sink, desk))
        items = None
        if engine.shares_files:
            size = sink.piece_bytes if isinstance(sink, StatementFile) else PIECE_BYTES
            items = _pieces(run, reading, options, piece_bytes=size)
        if items is None:
            items = map(PackedFrame.of, run.frames(source, references))
        work = Work(run.to_travel(), names, desk)

        def put(done: Done) -> None:
            written.triples += _take(done, tuple(known.values()), shelf)
            written.rows += done.rows
            run.issues.counts.update(done.skipped)
            for name, counts in done.found.items():
                found[name] = found.get(name, Counter()) + counts
            for reason, place in done.places.items():
                options.places.setdefault(reason, place)
            task.advance(done.rows)

        # in a thread of its own, so that workers never wait for new items
        put_aside(engine.map(work, items, label="mapping"), put, threads=2)
    for name, counts in found.items():
        options.note(name, counts)
    return written


@contextmanager
def _desk_for(sink: Sink, engine: Engine) -> Iterator[Desk]:
    if not (engine.shares_files and isinstance(sink, StatementFile)):
        yield Desk(None)
        return
    with tempfile.TemporaryDirectory(dir=sink.folder, prefix=".lines-") as name:
        folder = Path(name).absolute()
        places = None
        if isinstance(sink, SharedFile):
            places = Places.beside(sink.path, start=sink.tell(), folder=folder)
        yield Desk(folder, sink.packing, places)


def _pieces(
    run: Run,
    reading: tuple[LogicalSource, tuple[str, ...]],
    options: GeometryOptions,
    *,
    piece_bytes: int,
) -> Iterator[SourcePiece | PackedFrame] | None:
    """Cut a source that several workers can read; not where rows have names by their numbers."""
    if numbers_rows(run.mapping):
        return None
    source, references = reading
    pieces = pieces_of(run.sources[source], references, piece_bytes=piece_bytes)
    if pieces is None:
        return None
    return (
        SourcePiece(number, piece, references, run.batch_rows, options)
        for number, piece in enumerate(pieces)
    )


@contextmanager
def _shelf_for(sink: Sink, desk: Desk) -> Iterator[_Shelf | _SharedShelf]:
    if desk.places is None:
        yield _Shelf(sink)
        return
    shelf = _SharedShelf(cast(SharedFile, sink), desk.places)
    yield shelf
    shelf.close_holes()


@dataclass(slots=True)
class _Shelf:
    """Puts lines of workers to the target."""

    sink: Sink

    def put(self, done: Done, fresh: list[Any]) -> None:
        """Put the lines of one item; `fresh` tells for each circle which ones, or `None` for all."""
        assert not isinstance(done.lines, int)
        if isinstance(done.lines, Path) and all(mask is None for mask in fresh):
            cast(StatementFile, self.sink).append(done.lines, done.size)
        else:
            for lines in _kept(done, fresh):
                self.sink.write(lines)
        if isinstance(done.lines, Path):
            done.lines.unlink(missing_ok=True)  # it may have become a part


class _SharedShelf(_Shelf):
    """The same where workers have written to the target: looks after the order, and after lines that came again."""

    sink: SharedFile

    def __init__(self, sink: SharedFile, places: Places) -> None:
        super().__init__(sink)
        self._places = places
        self._taken = 0
        self._holes: list[tuple[int, int]] = []

    def put(self, done: Done, fresh: list[Any]) -> None:
        if not isinstance(done.lines, int):
            known = self._places.end(self._taken)  # of one that was placed, lost and made elsewhere
            super().put(done, fresh)
            self._end_at(known)
        elif done.lines != self.sink.tell():
            raise other_length(self._taken)
        elif all(mask is None for mask in fresh):
            self.sink.grown(done.size)
        else:
            self.sink.write(b"".join(_kept(done, fresh, self._places.target)))
            self._end_at(done.lines + done.size)
        self._taken += 1

    def _end_at(self, known: int | None) -> None:
        """End a piece that was written here; where its end is known, as what is behind it is placed, leave a hole."""
        at = self.sink.tell()
        if known is None:
            self._places.settle(self._taken, at)
        elif at > known:
            raise other_length(self._taken)
        elif at < known:
            self._holes.append((at, known - at))
            self.sink.grown(known - at)

    def close_holes(self) -> None:
        """Leave no place between lines."""
        if not self._holes:
            return
        end = self.sink.tell()
        with self._places.target.open("r+b") as file:
            end = close_holes(file, self._holes, end=end)
        self.sink.seek(end)


def _take(done: Done, known: tuple[Distinct, ...], shelf: _Shelf) -> int:
    """Write the lines of one item that no other had; give how many they are."""
    fresh = [
        distinct.unseen(subjects, hashes)
        for distinct, subjects, hashes in zip(known, done.subjects, done.hashes, strict=True)
    ]
    shelf.put(done, fresh)
    return sum(
        len(hashes) if mask is None else int(mask.sum())
        for mask, hashes in zip(fresh, done.hashes, strict=True)
    )


def _kept(done: Done, fresh: list[Any], target: Path | None = None) -> Iterator[bytes]:
    """Give the lines that are wanted, stretch by stretch; `fresh` tells for each circle which ones, or `None`.

    `target` is where lines are that were placed.
    """
    at = [0] * len(fresh)
    with ExitStack() as stack:
        if isinstance(done.lines, int):
            assert target is not None
            file = cast(BinaryIO, stack.enter_context(target.open("rb")))
            file.seek(done.lines)
        else:
            file = stack.enter_context(_unpacked(done.lines))
        for stretch in done.stretches:
            data = file.read(stretch.size)
            mask = fresh[stretch.circle]
            if mask is None:
                yield data
                continue
            lines = data.splitlines(keepends=True)
            start = at[stretch.circle]
            at[stretch.circle] = start + len(lines)
            yield b"".join(compress(lines, mask[start : start + len(lines)].tolist()))


@contextmanager
def _unpacked(lines: Path | bytes) -> Iterator[BinaryIO]:
    if isinstance(lines, bytes):
        yield io.BytesIO(lines)
        return
    with lines.open("rb") as file:
        start = file.read(2)
    packing = {b"\x1f\x8b": "gzip", b"\x28\xb5": "zstd"}.get(start)
    with pa.input_stream(str(lines), compression=packing) as stream:
        yield stream
