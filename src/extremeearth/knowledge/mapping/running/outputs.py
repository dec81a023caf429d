"""Where statements go: one file, a folder of parts, or anything that takes bytes; N-Triples, N-Quads or Turtle."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, Self, cast, runtime_checkable

import pyoxigraph as ox

from extremeearth.core.errors import InputError, MappingError, StorageError
from extremeearth.core.files import atomic_path, bring_to_disk, written_behind
from extremeearth.knowledge.mapping.sources.contract import PIECE_BYTES
from extremeearth.knowledge.rdf import PACKINGS, open_statements, packed_into, prefixes

__all__ = [
    "PART_BYTES", "Parts", "Sink", "StatementFile", "StatementTarget", "TurtleWriter", "Written", "check_target",
    "open_target",
]  # fmt: skip

PART_BYTES = 256 << 20
"""Size of one part of a folder, before packing."""

TURTLE_BYTES = 8 << 20
COPY_BYTES = 1 << 20
LEAST_SHARE = 8
"""A worker's file of at least this share of a part's size becomes a part of its own."""
_FORMS = frozenset({".nt", ".nq", ".ttl"})
_NAMES = "Name it .nt, .nq or .ttl, and .gz or .zst after that to pack it."


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


@dataclass(slots=True)
class Written:
    """Rows worked on, lines written, lines that came again."""

    rows: int = 0
    triples: int = 0
    repeated: int = 0

    def add(self, other: Written) -> None:
        """Add what was written besides."""
        self.rows += other.rows
        self.triples += other.triples
        self.repeated += other.repeated


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
    return (Path(path.stem).suffix if path.suffix in PACKINGS else path.suffix).lower()


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
    if _suffix(target.name) == ".ttl":
        with open_statements(target) as file:
            turtle = TurtleWriter(file)
            yield turtle
            turtle.finish()
        return
    packing = target.suffix if target.suffix in PACKINGS else ""
    with (
        atomic_path(target) as path,
        path.open("r+b") as raw,
        written_behind(raw) as behind,
        _Lines(behind, target.parent, packing) as lines,
    ):
        yield lines


class _Lines:
    """A file of lines; where it is packed, a member for what is written, and those of the files that are appended."""

    def __init__(self, file: BinaryIO, folder: Path, packing: str) -> None:
        self.folder, self.packing, self.piece_bytes = folder, packing, PIECE_BYTES
        self._file = file
        self._member = ExitStack()
        self._target: BinaryIO | None = None if packing else file
        self._is_empty = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self._is_empty:
            self.write(b"")  # a packed file of nothing is not empty
        self._end_member()

    def write(self, data: bytes | memoryview) -> int:
        if self._target is None:
            self._target = self._member.enter_context(packed_into(self._file, self.packing))
        self._is_empty = False
        return self._target.write(data)

    def append(self, part: Path, size: int) -> None:
        del size  # one file is as long as it gets
        self._end_member()
        self._is_empty = False
        with part.open("rb") as file:
            shutil.copyfileobj(file, self._file, COPY_BYTES)

    def _end_member(self) -> None:
        if self.packing:
            self._member.close()
            self._target = None


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
        size = len(data)
        self._part().write(data)
        self._size += size
        return size

    def _part(self) -> Sink:
        """Give the file under way, or the next one."""
        if self._file is None or self._size >= self._parts.part_bytes:
            self._end_file()
            self._file = self._open.enter_context(_open_file(self._next_path()))
        return self._file

    def _next_path(self) -> Path:
        path = self._folder / self._parts.name(self._number)
        self._number += 1
        return path

    def _end_file(self) -> None:
        try:
            self._open.close()
        except StorageError as err:  # it names a file of a folder that nobody has seen yet
            raise err.__cause__ or err from None
        self._file, self._size = None, 0

    def close(self) -> None:
        """End what is under way; raise what went wrong."""
        self._end_file()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *more: Any) -> None:
        if kind is None:
            self.close()
            return
        with suppress(OSError, StorageError):  # ending a file on a full disk says no more
            self._open.__exit__(kind, *more)


class _LinePartWriter(_PartWriter):
    """The same for parts that are N-Triples or N-Quads: files of some size become parts, small ones go to one."""

    def __init__(self, parts: Parts, folder: Path, to_disk: ThreadPoolExecutor) -> None:
        super().__init__(parts, folder)
        self.folder = folder
        self.packing = suffix if (suffix := Path(parts.name(0)).suffix) in PACKINGS else ""
        self.piece_bytes = max(PIECE_BYTES, parts.part_bytes // LEAST_SHARE)
        self._to_disk = to_disk
        self._under_way: list[Future[None]] = []

    def append(self, part: Path, size: int) -> None:
        if size * LEAST_SHARE < self._parts.part_bytes:
            file = self._part()
            assert isinstance(file, StatementFile)
            file.append(part, size)
            self._size += size
            return
        place = self._next_path()
        part.rename(place)
        place.chmod(0o644)
        self._under_way.append(self._to_disk.submit(bring_to_disk, place))

    def close(self) -> None:
        super().close()
        while self._under_way:
            self._under_way.pop().result()


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
        with ThreadPoolExecutor(1, thread_name_prefix="to-disk") as to_disk:
            is_turtle = _suffix(parts.name(0)) == ".ttl"
            writer = (
                _PartWriter(parts, folder) if is_turtle else _LinePartWriter(parts, folder, to_disk)
            )
            with writer:
                yield writer
        folder.chmod(0o755)
        folder.rename(parts.folder)
    except OSError as err:
        raise StorageError(
            f"{parts.folder} was not written: {err.strerror or err}.",
            hint="Check the disk and your rights.",
        ) from err
    finally:
        shutil.rmtree(folder, ignore_errors=True)
