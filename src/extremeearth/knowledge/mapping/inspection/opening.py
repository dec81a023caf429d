"""A mapping with its sources opened, of which only the first rows are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from extremeearth.core.errors import ExtremeEarthError
from extremeearth.knowledge.mapping.functions.known import MapFunction
from extremeearth.knowledge.mapping.rules import document as doc
from extremeearth.knowledge.mapping.running.lines import Run
from extremeearth.knowledge.mapping.running.terms import Issues
from extremeearth.knowledge.mapping.sources.geometry_options import GeometryOptions
from extremeearth.knowledge.mapping.sources.opening import SourceLike, open_source
from extremeearth.knowledge.mapping.sources.sql.databases import Database
from extremeearth.knowledge.rdf import BASE

if TYPE_CHECKING:
    from extremeearth.knowledge.mapping.frames import Frame

__all__ = ["Given", "first_frames", "groups_of", "opened_run"]

Failed = Callable[[str, ExtremeEarthError], None]
"""Is told of what cannot be opened, by the name of the source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a caller gives beside the mapping, as for `map_to_rdf`."""

    sources: Mapping[str, SourceLike] = field(default_factory=dict)
    database: Database | str | None = None
    base_iri: str = f"{BASE}id/"
    folder: Path | None = None
    functions: Mapping[str, MapFunction] = field(default_factory=dict)
    geometry: GeometryOptions | None = None

    def beside(self, mapping: str | Path) -> Path | None:
        """Give the folder in which a mapping's files are looked for."""
        if self.folder is None and isinstance(mapping, Path):
            return mapping.parent
        return self.folder


@contextmanager
def opened_run(
    read: doc.Mapping, given: Given, *, folder: Path | None, rows: int, failed: Failed | None
) -> Iterator[Run]:
    """Open every source of a mapping; what cannot be opened is told to `failed`, and raised where there is none."""
    run = Run(read, given.base_iri, given.functions, Issues(policy="skip"), batch_rows=rows)
    with ExitStack() as stack:
        database = given.database
        if isinstance(database, str):
            database = stack.enter_context(Database(database))
        for source in read.sources():
            try:
                run.sources[source] = open_source(
                    source, sources=given.sources, folder=folder, geometry=given.geometry, database=database
                )  # fmt: skip
            except ExtremeEarthError as err:
                if failed is None:
                    raise
                failed(source.name or source.iterator or "the database", err)
        yield run


def groups_of(read: doc.Mapping) -> dict[doc.LogicalSource, list[doc.TriplesMap]]:
    """Put together the triples maps of each source.

    Examples
    --------
    >>> groups_of(doc.Mapping(triples_maps={}))
    {}
    """
    groups: dict[doc.LogicalSource, list[doc.TriplesMap]] = {}
    for triples_map in read.triples_maps.values():
        groups.setdefault(triples_map.source, []).append(triples_map)
    return groups


def first_frames(
    run: Run, source: doc.LogicalSource, references: tuple[str, ...]
) -> Iterator[Frame]:
    """Read frames until they have as many rows as the run's batches; the rest of the source stays unread."""
    seen = 0
    frames = run.frames(source, references)
    with closing(cast(Any, frames)):
        for frame in frames:
            yield frame
            seen += frame.rows
            if seen >= run.batch_rows:
                return
