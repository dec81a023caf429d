"""Where statements go: one file, a folder of parts, or anything that takes bytes; N-Triples, N-Quads or Turtle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

from extremeearth.core.errors import InputError, MappingError, StorageError
from extremeearth.core.files import (
    atomic_path,
    bring_to_disk,
    unfinished_folder,
    written_behind,
)
from extremeearth.knowledge.mapping.running.line_files import (
    PackedFile,
    PlainFile,
    Sink,
    StatementFile,
)
from extremeearth.knowledge.mapping.running.turtle_lines import NO_PREFIXES, TurtleWriter
from extremeearth.knowledge.mapping.sources.contract import PIECE_BYTES
from extremeearth.knowledge.rdf import PACKINGS, open_statements

__all__ = ["PART_BYTES", "Parts", "StatementTarget", "Written", "check_target", "open_target"]

PART_BYTES = 256 << 20
"""Size of one part of a folder, before packing."""

LEAST_SHARE = 8
"""A worker's file of at least this share of a part's size becomes a part of its own."""
_FORMS = frozenset({".nt", ".nq", ".ttl"})
_NAMES = "Name it .nt, .nq or .ttl, and .gz or .zst after that to pack it."


@dataclass(slots=True)
class Written:
    """Rows worked on for each triples map, lines written, lines that came again; and rows of the sources."""

    rows: int = 0
    triples: int = 0
    repeated: int = 0
    source_rows: int = 0

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
def open_target(
    target: StatementTarget, *, prefixes: Mapping[str, str] = NO_PREFIXES
) -> Iterator[Sink]:
    r"""Open a target for lines of N-Triples or N-Quads; it appears whole at the end, or not at all.

    Parameters
    ----------
    prefixes
        Those of Turtle, beside and before the usual ones.

    Raises
    ------
    StorageError
        It cannot be written.
    InputError
        The folder for parts is there already.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with open_target(folder / "a.ttl") as sink:
    ...     _ = sink.write(b"<urn:s> <urn:p> <urn:o> .\n")
    >>> print((folder / "a.ttl").read_text().splitlines()[-1])
    <urn:s> <urn:p> <urn:o> .
    """
    if isinstance(target, Parts):
        with _open_parts(target, prefixes) as parts:
            yield parts
    elif isinstance(target, Path):
        with _open_file(target, prefixes) as sink:
            yield sink
    else:
        yield target


@contextmanager
def _open_file(target: Path, prefixes: Mapping[str, str]) -> Iterator[Sink]:
    if _suffix(target.name) == ".ttl":
        with open_statements(target) as file:
            turtle = TurtleWriter(file, prefixes=prefixes)
            yield turtle
            turtle.finish()
        return
    packing = target.suffix if target.suffix in PACKINGS else ""
    with (
        atomic_path(target) as path,
        path.open("r+b") as raw,
        written_behind(raw) as behind,
        PackedFile(behind, path, packing) if packing else PlainFile(behind, path) as lines,
    ):
        yield lines


class _PartWriter:
    """Begins a new file where one is full; lines are whole, as each write is."""

    def __init__(
        self, parts: Parts, folder: Path, prefixes: Mapping[str, str] = NO_PREFIXES
    ) -> None:
        self._parts, self._folder, self._prefixes = parts, folder, prefixes
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
            self._file = self._open.enter_context(_open_file(self._next_path(), self._prefixes))
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
def _open_parts(parts: Parts, prefixes: Mapping[str, str]) -> Iterator[Sink]:
    if parts.folder.exists():
        raise InputError(f"{parts.folder} is there already.", hint="Name a new folder.")
    with unfinished_folder(parts.folder) as folder:
        try:
            with ThreadPoolExecutor(1, thread_name_prefix="to-disk") as to_disk:
                is_turtle = _suffix(parts.name(0)) == ".ttl"
                writer = (
                    _PartWriter(parts, folder, prefixes)
                    if is_turtle
                    else _LinePartWriter(parts, folder, to_disk)
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
