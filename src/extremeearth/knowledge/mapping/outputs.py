"""Where statements go: one file, a folder of parts, or anything that takes bytes; N-Triples, N-Quads or Turtle."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, cast

import pyoxigraph as ox

from extremeearth.core.errors import InputError, MappingError, StorageError
from extremeearth.knowledge.rdf import open_statements, prefixes

__all__ = ["PART_BYTES", "Parts", "StatementTarget", "TurtleWriter", "check_target", "open_target"]

PART_BYTES = 256 << 20
"""Size of one part of a folder, before packing."""

TURTLE_BYTES = 8 << 20
_FORMS = frozenset({".nt", ".nq", ".ttl"})
_PACKINGS = frozenset({".gz", ".zst"})
_NAMES = "Name it .nt, .nq or .ttl, and .gz or .zst after that to pack it."


class Sink(Protocol):
    """Takes whole lines of N-Triples or N-Quads."""

    def write(self, data: bytes | memoryview, /) -> int:
        """Take some lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A folder of files of about the same size: ``part-00000.nt``, ``part-00001.nt`` ...

    The folder appears whole or not at all, and must not be there already. `form` is the end of the files' names.

    Examples
    --------
    >>> Parts(folder=Path("out"), form=".nt.gz").name(3)
    'part-00003.nt.gz'
    """

    folder: Path
    form: str = ".nt"
    part_bytes: int = PART_BYTES

    def name(self, number: int) -> str:
        """Give the name of one part."""
        return f"part-{number:05d}{self.form}"


StatementTarget = Path | Parts | BinaryIO | Sink
"""What statements can be written to."""


def _suffix(name: str) -> str:
    path = Path(name)
    return (Path(path.stem).suffix if path.suffix in _PACKINGS else path.suffix).lower()


def check_target(target: StatementTarget, *, has_graphs: bool) -> None:
    """Raise where a target cannot hold what a mapping makes.

    Raises
    ------
    InputError
        The name is that of no format.
    MappingError
        There are named graphs, and the format has none.

    Examples
    --------
    >>> check_target(Path("fields.nq.zst"), has_graphs=True)
    """
    if isinstance(target, Parts):
        name = target.name(0)
        if target.part_bytes < 1:
            raise InputError("A part of no bytes holds nothing.", hint="Give at least 1.")
    elif isinstance(target, Path):
        name = target.name
    else:
        return
    suffix = _suffix(name)
    if suffix not in _FORMS:
        raise InputError(f"'{name}' is neither N-Triples, N-Quads nor Turtle.", hint=_NAMES)
    if has_graphs and suffix != ".nq":
        raise MappingError(
            f"The mapping has named graphs, which '{name}' cannot hold.", hint="Name it .nq."
        )


@contextmanager
def open_target(target: StatementTarget) -> Iterator[Sink]:
    r"""Open a target for lines of N-Triples or N-Quads; it appears whole at the end, or not at all.

    Raises
    ------
    StorageError
        It cannot be written.
    InputError
        The folder for parts is there already.

    Examples
    --------
    >>> folder = Path(tempfile.mkdtemp())
    >>> with open_target(folder / "a.ttl") as sink:
    ...     _ = sink.write(b"<urn:s> <urn:p> <urn:o> .\n")
    >>> print((folder / "a.ttl").read_text().splitlines()[-1])
    <urn:s> <urn:p> <urn:o> .
    """
    if isinstance(target, Parts):
        with _open_parts(target) as parts:
            yield parts
    elif isinstance(target, Path):
        with _open_file(target) as sink:
            yield sink
    else:
        yield target


@contextmanager
def _open_file(target: Path) -> Iterator[Sink]:
    with open_statements(target) as file:
        if _suffix(target.name) != ".ttl":
            yield file
            return
        turtle = TurtleWriter(file)
        yield turtle
        turtle.finish()


class TurtleWriter:
    r"""Writes lines of N-Triples as Turtle: with prefixes, and what is near together by subject.

    Examples
    --------
    >>> import io
    >>> out = io.BytesIO()
    >>> turtle = TurtleWriter(out)
    >>> _ = turtle.write(b"<urn:s> <urn:p> <urn:o> .\n<urn:s> <urn:q> <urn:o> .\n")
    >>> turtle.finish()
    >>> print(out.getvalue().decode().partition("\n\n")[2], end="")
    <urn:s> <urn:p> <urn:o> ;
        <urn:q> <urn:o> .
    """

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._prefixes = prefixes()
        self._kept: list[bytes] = []
        self._size = 0
        head = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in self._prefixes.items())
        target.write(f"{head}\n".encode())

    def write(self, data: bytes | memoryview) -> int:
        """Take some lines."""
        kept = bytes(data)
        self._kept.append(kept)
        self._size += len(kept)
        if self._size >= TURTLE_BYTES:
            self.finish()
        return len(kept)

    def finish(self) -> None:
        """Write what was taken."""
        lines = b"".join(self._kept).splitlines(keepends=True)
        self._kept, self._size = [], 0
        if not lines:
            return
        lines.sort(key=lambda line: line[: line.index(b" ")])
        quads = ox.parse(b"".join(lines), format=ox.RdfFormat.N_TRIPLES)
        triples = (ox.Triple(quad.subject, quad.predicate, quad.object) for quad in quads)
        written = cast(
            bytes, ox.serialize(triples, format=ox.RdfFormat.TURTLE, prefixes=self._prefixes)
        )
        while written.startswith(b"@prefix "):  # these stand at the head of the file
            written = written.partition(b"\n")[2]
        self._target.write(written)


class _PartWriter:
    """Begins a new file where one is full; lines are whole, as each write is."""

    def __init__(self, parts: Parts, folder: Path) -> None:
        self._parts, self._folder = parts, folder
        self._number = self._size = 0
        self._open = ExitStack()
        self._file: Sink | None = None

    def write(self, data: bytes | memoryview) -> int:
        if self._file is None or self._size >= self._parts.part_bytes:
            self.close()
            path = self._folder / self._parts.name(self._number)
            self._file = self._open.enter_context(_open_file(path))
            self._number += 1
        size = len(data)
        self._file.write(data)
        self._size += size
        return size

    def close(self) -> None:
        self._open.close()
        self._file, self._size = None, 0


@contextmanager
def _open_parts(parts: Parts) -> Iterator[Sink]:
    if parts.folder.exists():
        raise InputError(f"{parts.folder} is there already.", hint="Name a new folder.")
    try:
        parts.folder.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=parts.folder.parent, prefix=f".{parts.folder.name}-"))
    except OSError as err:
        raise StorageError(
            f"{parts.folder} cannot be written: {err.strerror}.",
            hint="Check the disk and your rights.",
        ) from err
    try:
        writer = _PartWriter(parts, folder)
        yield writer
        writer.close()
        folder.chmod(0o755)
        folder.rename(parts.folder)
    except OSError as err:
        raise StorageError(
            f"{parts.folder} was not written: {err.strerror or err}.",
            hint="Check the disk and your rights.",
        ) from err
    finally:
        shutil.rmtree(folder, ignore_errors=True)
