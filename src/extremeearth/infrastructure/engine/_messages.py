"""What goes between this process and its workers: pickled, with large arrays beside the pickle, so that none is copied.

``Connection.send`` puts everything in one piece of memory first, and its socket takes 200 KiB at a time.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle  # between this process and those that it started, nobody else
import struct
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any, Self

import numpy as np

__all__ = ["Channel", "Message", "packed"]

PIPE_BYTES = 1 << 20
"""What a pipe takes before its reader has to come; more is for privileged users."""
_HEAD = struct.Struct("<cQ")
_HAS_FILES = os.name == "posix"
"""Whether pipes are files, so that arrays are written and read where they are."""


@dataclass(frozen=True, slots=True)
class Message:
    """A value on its way: its pickle, and the memory of its arrays.

    Examples
    --------
    >>> sent = packed({"days": np.arange(3)})
    >>> len(sent.arrays), sent.value()
    (1, {'days': array([0, 1, 2])})
    """

    pickled: Any
    arrays: tuple[Any, ...]
    kind: bytes = b" "

    def value(self) -> Any:
        """Make the value; its arrays are those of the message."""
        return ForkingPickler.loads(self.pickled, buffers=self.arrays)


def packed(value: Any, kind: bytes = b" ") -> Message:
    """Pack a value; what its own code raises is raised."""
    file = io.BytesIO()
    arrays: list[pickle.PickleBuffer] = []
    pickler = pickle.Pickler(file, protocol=5, buffer_callback=arrays.append)
    pickler.dispatch_table = ForkingPickler(io.BytesIO()).dispatch_table
    pickler.dump(value)
    return Message(file.getbuffer(), tuple(array.raw() for array in arrays), kind)


class Channel:
    """One end of two pipes.

    Examples
    --------
    >>> import multiprocessing
    >>> (here, there), (other, way) = (multiprocessing.Pipe(duplex=False) for _ in range(2))
    >>> ours, theirs = Channel(here, way), Channel(other, there)
    >>> theirs.send(packed(["a", np.zeros(2)], kind=b"x"))
    >>> found = ours.receive()
    >>> found.kind, found.value()
    (b'x', ['a', array([0., 0.])])
    """

    def __init__(self, incoming: Connection, outgoing: Connection) -> None:
        self.incoming, self.outgoing = incoming, outgoing

    @classmethod
    def pair(cls, context: Any) -> tuple[Self, Self]:
        """Make both ends."""
        here, there = context.Pipe(duplex=False)
        other, way = context.Pipe(duplex=False)
        for pipe in (there, way):
            _widen(pipe)
        return cls(here, way), cls(other, there)

    def send(self, message: Message) -> None:
        """Send a message, and wait until the other side takes what the pipe does not."""
        sizes = [array.nbytes for array in message.arrays]
        head = _HEAD.pack(message.kind, message.pickled.nbytes)
        self.outgoing.send_bytes(head + struct.pack(f"<{len(sizes)}Q", *sizes))
        for memory in (message.pickled, *message.arrays):
            if _HAS_FILES:
                _write(self.outgoing.fileno(), memory)
            elif memory.nbytes:
                self.outgoing.send_bytes(memory)

    def receive(self) -> Message:
        """Wait for a message and take it.

        Raises
        ------
        EOFError, OSError
            The other side is gone.
        """
        head = self.incoming.recv_bytes()
        kind, length = _HEAD.unpack_from(head)
        sizes = struct.unpack(f"<{(len(head) - _HEAD.size) // 8}Q", head[_HEAD.size :])
        pickled = self._taken(length)
        return Message(pickled, tuple(self._taken(size) for size in sizes), kind)

    def _taken(self, size: int) -> Any:
        memory = np.empty(size, np.uint8)
        if _HAS_FILES:
            _read(self.incoming.fileno(), memory)
        elif size:
            self.incoming.recv_bytes_into(memory)
        return memory

    def close(self) -> None:
        """Close this end."""
        self.incoming.close()
        self.outgoing.close()


def _write(pipe: int, memory: Any) -> None:
    view = memoryview(memory)
    while view.nbytes:
        view = view[os.write(pipe, view) :]


def _read(pipe: int, memory: Any) -> None:
    view = memoryview(memory)
    while view.nbytes:
        if not (taken := os.readv(pipe, [view])):
            raise EOFError
        view = view[taken:]


def _widen(pipe: Connection) -> None:
    """Let a pipe take more at once, where the system has a way."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):  # this user has large pipes enough
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
