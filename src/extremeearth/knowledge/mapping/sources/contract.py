"""What a kind of source is: how it is asked for, what it answers, and what all kinds share."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa
from odc.geo.crs import CRS

from extremeearth.core.errors import DataBrokenError, DataMissingError, MappingError
from extremeearth.core.progress import SILENT, Progress
from extremeearth.knowledge.mapping.frames import Frame
from extremeearth.knowledge.mapping.rules.document import LogicalSource
from extremeearth.knowledge.mapping.sources.geometry_options import GeometryOptions

__all__ = [
    "HOW_TO_GIVE_A_CRS", "PIECE_BYTES", "CutSource", "Opener", "Source", "SourceRequest", "UnchangedSource",
    "check_columns", "frames_of", "pieces_of", "similar_to",
]  # fmt: skip

HOW_TO_GIVE_A_CRS = (
    'Give it: GeometryOptions(crs="EPSG:4326") in Python, --crs EPSG:4326 on the command line, or ee:crs at the '
    "rml:source."
)
"""What to do where a source does not name its reference system."""


class Source(Protocol):
    """An opened source."""

    def check(self, references: tuple[str, ...]) -> None:
        """Raise `MappingError` if a reference leads nowhere, before any row is read."""

    def frames(self, references: tuple[str, ...], *, batch_rows: int) -> Iterator[Frame]:
        """Read the rows, batch by batch."""


PIECE_BYTES = (8 << 20) - (64 << 10)
"""Size of the pieces of a file that several workers read: with the rest of its last row, two blocks of a CSV file."""


@runtime_checkable
class CutSource(Source, Protocol):
    """A source whose rows can be read in several places at once."""

    def pieces(self, references: tuple[str, ...], *, piece_bytes: int) -> Iterator[Source] | None:
        """Give sources that travel and together have the same rows, in order; `None` where it cannot be cut.

        Their rows have other numbers than those of the whole, yet no number twice.
        """


def pieces_of(
    source: Source, references: tuple[str, ...], *, piece_bytes: int = PIECE_BYTES
) -> Iterator[Source] | None:
    """Cut a source to pieces of about this size, to be read in several places; `None` where that cannot be done."""
    if not isinstance(source, CutSource):
        return None
    return source.pieces(references, piece_bytes=piece_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRequest:
    """A source to be opened.

    `given` is what the caller put under the source's name, `None` if nothing; `path` is the file, where `given` is
    a path or the name leads to one below the mapping's folder; `crs` is the reference system of a source that names
    none itself, and `geometry` how geometries are read. `progress` is where the loading of what a search finds is told.
    """

    source: LogicalSource
    given: Any = None
    path: Path | None = None
    crs: CRS | None = None
    geometry: GeometryOptions = field(default_factory=GeometryOptions)
    progress: Progress = SILENT

    @property
    def suffix(self) -> str:
        """End of the file's name in lower case, such as ``.csv``; empty without a file."""
        return "" if self.path is None else self.path.suffix.lower()


Opener = Callable[[SourceRequest], Source | None]
"""Opens a source if it is of its kind, and gives `None` if it is of another."""


def similar_to(name: str, known: list[str]) -> str:
    """Say which names are meant perhaps, and which there are.

    Examples
    --------
    >>> similar_to("names", ["id", "name"])
    "Did you mean 'name'? It has: id, name."
    """
    folded = {k.casefold(): k for k in known}
    close = difflib.get_close_matches(name.casefold(), folded, n=2, cutoff=0.6)
    meant = " or ".join(f"'{folded[c]}'" for c in close)
    listed = f"It has: {', '.join(known)}."
    return f"Did you mean {meant}? {listed}" if meant else listed


def check_columns(name: str, known: list[str], references: tuple[str, ...]) -> None:
    """Raise `MappingError` for the first reference that is no column.

    Examples
    --------
    >>> check_columns("fields", ["id"], ("id",))
    """
    for reference in references:
        if reference not in known:
            raise MappingError(
                f"The mapping names the column '{reference}', which '{name}' does not have.",
                hint=similar_to(reference, known),
            )


def frames_of(
    batches: Any,
    references: tuple[str, ...],
    systems: Mapping[str, CRS],
    batch_rows: int,
    *,
    first: int = 0,
) -> Iterator[Frame]:
    """Cut Arrow batches of any size to frames of at most `batch_rows` rows; `first` is the number of the first row."""
    for whole in batches:
        for start in range(0, whole.num_rows, batch_rows):
            batch = whole.slice(start, batch_rows)
            columns = {name: _stored(batch.column(name)) for name in references}
            yield Frame(columns=columns, rows=batch.num_rows, systems=systems, first_row=first)
            first += batch.num_rows


def _stored(column: Any) -> Any:
    """Give the values of an extension type: which ones Arrow knows depends on what else was imported."""
    return column.storage if isinstance(column.type, pa.BaseExtensionType) else column


@dataclass(frozen=True)
class UnchangedSource:
    """A source over a file that must stay as it is from opening to the last row."""

    inner: Source
    path: Path
    seen: tuple[int, int, int]

    @classmethod
    def watch(cls, inner: Source, path: Path) -> UnchangedSource:
        """Remember the file as it is now."""
        return cls(inner, path, _state(path))

    def check(self, references: tuple[str, ...]) -> None:
        """Raise `MappingError` if a reference leads nowhere."""
        self.inner.check(references)

    def frames(self, references: tuple[str, ...], *, batch_rows: int) -> Iterator[Frame]:
        """Read the rows; raise `DataBrokenError` at the end if the file is not what it was.

        Raises
        ------
        DataMissingError
            The file is not there, as where a worker on another machine reads it.
        """
        if not self.path.exists():
            raise DataMissingError(
                f"{self.path} is not there.",
                hint="It was when the run began. On a cluster put it where all workers see it, or set "
                "EXTREMEEARTH_ENGINE_SHARES_FILES=false.",
            )
        try:
            yield from self.inner.frames(references, batch_rows=batch_rows)
        except DataBrokenError as err:
            if _state(self.path) != self.seen:
                raise self._changed() from err
            raise
        if _state(self.path) != self.seen:
            raise self._changed()

    def _changed(self) -> DataBrokenError:
        return DataBrokenError(
            f"{self.path.name} changed while it was read.", hint="Run the mapping again."
        )

    def pieces(self, references: tuple[str, ...], *, piece_bytes: int) -> Iterator[Source] | None:
        """Cut the source; each piece looks at the file after its last row."""
        pieces = pieces_of(self.inner, references, piece_bytes=piece_bytes)
        return None if pieces is None else (replace(self, inner=piece) for piece in pieces)


def _state(path: Path) -> tuple[int, int, int]:
    """Size, time of change and identity, of a shapefile those of its parts; a folder stands for its files."""
    parts = (
        [path]
        if path.suffix.lower() != ".shp"
        else [path.with_suffix(s) for s in (".shp", ".shx", ".dbf")]
    )
    try:
        states = [part.stat() for part in parts if part == path or part.exists()]
    except OSError:
        return (-1, -1, -1)
    return (
        sum(state.st_size for state in states),
        max(state.st_mtime_ns for state in states),
        sum(state.st_ino for state in states),
    )
