"""One file of lines that several workers write to side by side, each piece behind the one before it.

How long a piece is, is known when it is made. The worker whose turn it is takes so many bytes and writes them where
they stay, so that nobody copies them. Where the pieces end stands in a small file beside, and a piece has its turn as
soon as the one before it has an end there. Only who makes a piece writes its end; who makes it again, because a worker
was lost, writes the same.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from extremeearth.core.errors import InputError
from extremeearth.core.files import this_machine

__all__ = ["Held", "Places", "close_holes", "other_length"]

PATIENCE_S = 0.2
"""So long a worker waits for its turn; then it writes a file of its own and goes on."""
POLL_S = 0.001
END_BYTES = 8
MOVED_BYTES = 8 << 20


class Held:
    """Takes lines and keeps them, without a copy, until there is a place for them."""

    def __init__(self) -> None:
        self.pieces: list[memoryview] = []

    def write(self, data: bytes | memoryview) -> int:
        """Keep some lines."""
        self.pieces.append(memoryview(data))
        return len(data)

    @property
    def size(self) -> int:
        """How many bytes they are."""
        return sum(piece.nbytes for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the pieces of a run stand in a file.

    Attributes
    ----------
    target
        The file with the lines.
    ends
        The small file: for each piece one more than its end, 0 where it has none yet.
    start
        Where the first piece begins.
    machine
        Where they are written. Elsewhere the file is a copy in parts: two writers of one page of it, on two machines
        with one network file system, take each other's lines away.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> places = Places.beside(folder / "lines.nt", start=0)
    >>> for number, text in ((1, b"two"), (0, b"one, "), (1, b"two")):
    ...     held = Held()
    ...     _ = held.write(text)
    ...     print(places.put(number, held, patience_s=0))
    None
    0
    5
    >>> (folder / "lines.nt").read_bytes()
    b'one, two'
    """

    target: Path
    ends: Path
    start: int
    machine: str

    @classmethod
    def beside(cls, target: Path, *, start: int, folder: Path | None = None) -> Places:
        """Begin with no piece placed; the small file is in `folder`, or beside the target."""
        ends = (folder or target.parent) / "ends"
        ends.write_bytes(b"")
        target.touch()
        return cls(target.absolute(), ends.absolute(), start, this_machine())

    def put(self, number: int, held: Held, *, patience_s: float = PATIENCE_S) -> int | None:
        """Write a piece at its place and tell where that is; `None` where its turn has not come in time.

        Raises
        ------
        InputError
            The piece was placed before and was not as long.
        """
        if self.machine != this_machine():
            return None
        start = self._awaited(number, patience_s)
        if start is None:
            return None
        known = self.end(number)
        if known not in {None, start + held.size}:
            raise other_length(number)
        # opened first: by then the next process may have a file of this name
        with self.target.open("r+b") as file:
            self.settle(number, start + held.size)
            file.seek(start)
            for piece in held.pieces:
                file.write(piece)
        return start

    def settle(self, number: int, end: int) -> None:
        """Tell where a piece ends, so that the next one has its turn."""
        with self.ends.open("r+b", buffering=0) as file:
            file.seek(number * END_BYTES)
            file.write((end + 1).to_bytes(END_BYTES, "little"))

    def end(self, number: int) -> int | None:
        """Tell where a piece ends; `None` where it has no place yet."""
        with self.ends.open("rb", buffering=0) as file:
            file.seek(number * END_BYTES)
            found = int.from_bytes(file.read(END_BYTES), "little")
        return found - 1 if found else None

    def _awaited(self, number: int, patience_s: float) -> int | None:
        if number == 0:
            return self.start
        until = time.monotonic() + patience_s
        while (end := self.end(number - 1)) is None and time.monotonic() < until:
            time.sleep(POLL_S)
        return end


def other_length(number: int) -> InputError:
    """Make the error for a piece that does not fit its place."""
    return InputError(
        f"Piece {number} of the source came out with another length when it was mapped again.",
        hint="Functions must give the same for the same row.",
    )


def close_holes(file: BinaryIO, holes: Iterable[tuple[int, int]], *, end: int) -> int:
    """Move what stands behind holes to the front, and give the new end of the file.

    Parameters
    ----------
    holes
        First byte and size of each, in order.
    end
        Where the file ends.

    Examples
    --------
    >>> import io
    >>> file = io.BytesIO(b"one--two---three")
    >>> close_holes(file, [(3, 2), (8, 3)], end=16)
    11
    >>> file.getvalue()
    b'onetwothree'
    """
    holes = list(holes)
    stops = [start for start, _ in holes[1:]] + [end]
    written = holes[0][0] if holes else end
    for (start, size), stop in zip(holes, stops, strict=True) if holes else ():
        for at in range(start + size, stop, MOVED_BYTES):
            file.seek(at)
            moved = file.read(min(MOVED_BYTES, stop - at))
            file.seek(written)
            written += file.write(moved)
    file.truncate(written)
    file.seek(0, os.SEEK_END)
    return written
