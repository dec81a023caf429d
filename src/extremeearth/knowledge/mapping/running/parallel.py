"""Mapping on an engine: workers read pieces of a source, or are sent its rows; their lines stay in files, or come back.

Where the workers have the same files as this process, each reads its own part of the source and writes a file beside
the target, so that what goes between processes are names and hashes.
"""

from __future__ import annotations

import io
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import pyarrow as pa

from extremeearth.core.progress import Task
from extremeearth.core.threads import put_aside
from extremeearth.knowledge.mapping.rules.document import LogicalSource, numbers_rows
from extremeearth.knowledge.mapping.running.distinct import Distinct
from extremeearth.knowledge.mapping.running.lines import Run
from extremeearth.knowledge.mapping.running.outputs import Sink, StatementFile, Written
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
    options: GeometryOptions,
    sink: Sink,
    task: Task,
) -> Written:
    """Write what some triples maps without joins say of one source, worked on by an engine.

    Parameters
    ----------
    reading
        The source and the references that are read of it.
    options
        Those whose counts the source fills.
    """
    source, references = reading
    written = Written()
    found: dict[str, Counter[str]] = {}
    with ExitStack() as stack:
        desk = stack.enter_context(_desk_for(sink, engine))
        known = [stack.enter_context(Distinct()) for _ in names]
        items = None
        if engine.shares_files:
            size = sink.piece_bytes if isinstance(sink, StatementFile) else PIECE_BYTES
            items = _pieces(run, reading, options, piece_bytes=size)
        if items is None:
            items = map(PackedFrame.of, run.frames(source, references))
        work = Work(run.to_travel(), names, desk)

        def put(done: Done) -> None:
            written.triples += _take(done, known, sink)
            written.rows += done.rows
            run.issues.counts.update(done.skipped)
            for name, counts in done.found.items():
                found[name] = found.get(name, Counter()) + counts
            for reason, place in done.places.items():
                options.places.setdefault(reason, place)
            task.advance(done.rows)

        # in a thread of its own, so that workers never wait for new items
        put_aside(engine.map(work, items, label="mapping"), put, threads=2)
        written.repeated = sum(distinct.repeated for distinct in known)
    for name, counts in found.items():
        options.note(name, counts)
    return written


@contextmanager
def _desk_for(sink: Sink, engine: Engine) -> Iterator[Desk]:
    if not (engine.shares_files and isinstance(sink, StatementFile)):
        yield Desk(None)
        return
    with tempfile.TemporaryDirectory(dir=sink.folder, prefix=".lines-") as folder:
        yield Desk(Path(folder).absolute(), sink.packing)


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


def _take(done: Done, known: list[Distinct], sink: Sink) -> int:
    """Write the lines of one item that no other had; give how many they are."""
    fresh = [
        distinct.unseen(subjects, hashes)
        for distinct, subjects, hashes in zip(known, done.subjects, done.hashes, strict=True)
    ]
    if isinstance(done.lines, Path) and all(mask is None for mask in fresh):
        cast(StatementFile, sink).append(done.lines, done.size)
    else:
        for lines in _kept(done, fresh):
            sink.write(lines)
    if isinstance(done.lines, Path):
        done.lines.unlink(missing_ok=True)  # it may have become a part
    return sum(
        len(hashes) if mask is None else int(mask.sum())
        for mask, hashes in zip(fresh, done.hashes, strict=True)
    )


def _kept(done: Done, fresh: list[Any]) -> Iterator[bytes]:
    """Give the lines that are wanted, stretch by stretch; `fresh` tells for each triples map which ones, or `None`."""
    at = [0] * len(fresh)
    with _unpacked(done.lines) as file:
        for stretch in done.stretches:
            data = file.read(stretch.size)
            mask = fresh[stretch.triples_map]
            if mask is None:
                yield data
                continue
            lines = data.splitlines(keepends=True)
            start = at[stretch.triples_map]
            at[stretch.triples_map] = start + len(lines)
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
