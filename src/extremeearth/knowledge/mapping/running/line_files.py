"""Files that take lines of N-Triples or N-Quads, and what a target can do that takes them."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Protocol, Self, cast, runtime_checkable

from extremeearth.core.files import WrittenBehind
from extremeearth.knowledge.mapping.sources.contract import PIECE_BYTES
from extremeearth.knowledge.rdf import packed_into

__all__ = ["PackedFile", "PlainFile", "SharedFile", "Sink", "StatementFile"]

COPY_BYTES = 1 << 20


class Sink(Protocol):
    """Takes whole lines of N-Triples or N-Quads."""

    def write(self, data: bytes | memoryview, /) -> int:
        """Take some lines."""


@runtime_checkable
class StatementFile(Sink, Protocol):
    """Takes whole files of lines too, that were written beside it and are packed as it is."""

    folder: Path
    packing: str
    piece_bytes: int
    """Size of the pieces of a source whose lines come in one file."""

    def append(self, part: Path, size: int) -> None:
        """Take the lines of a file, or the file itself; `size` are their bytes before packing."""


@runtime_checkable
class SharedFile(StatementFile, Protocol):
    """One file of plain lines, to which others may write behind what was written here."""

    path: Path

    def tell(self) -> int:
        """Give the end of what was written, all of which others can read now."""

    def grown(self, size: int) -> None:
        """Take note of lines that others wrote at the end."""

    def seek(self, end: int) -> None:
        """Go on from there."""


class PlainFile:
    """A file of plain lines."""

    packing = ""

    def __init__(self, file: WrittenBehind, path: Path) -> None:
        self.piece_bytes = PIECE_BYTES
        self.path, self.folder = path, path.parent
        self.write, self.tell, self.grown, self.seek = file.write, file.tell, file.grown, file.seek

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def append(self, part: Path, size: int) -> None:
        """Take the lines of a file."""
        del size  # one file is as long as it gets
        with part.open("rb") as file:
            while some := file.read(COPY_BYTES):
                self.write(some)


class PackedFile:
    """A packed file of lines: a member for what is written, and those of the files that are appended."""

    def __init__(self, file: WrittenBehind, path: Path, packing: str) -> None:
        self.folder, self.packing, self.piece_bytes = path.parent, packing, PIECE_BYTES
        self._file = cast(BinaryIO, file)
        self._member = ExitStack()
        self._target: BinaryIO | None = None
        self._is_empty = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self._is_empty:
            self.write(b"")  # a packed file of nothing is not empty
        self._end_member()

    def write(self, data: bytes | memoryview) -> int:
        """Take some lines."""
        if self._target is None:
            self._target = self._member.enter_context(packed_into(self._file, self.packing))
        self._is_empty = False
        return self._target.write(data)

    def append(self, part: Path, size: int) -> None:
        """Take the members of a file."""
        del size
        self._end_member()
        self._is_empty = False
        with part.open("rb") as file:
            shutil.copyfileobj(file, self._file, COPY_BYTES)

    def _end_member(self) -> None:
        self._member.close()
        self._target = None
