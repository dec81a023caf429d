"""Running a mapping: frames in, N-Triples or N-Quads out, nothing row by row."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from extremeearth.core.errors import InputError, MappingError
from extremeearth.core.progress import SILENT, Progress, Task
from extremeearth.core.threads import in_order, put_aside
from extremeearth.knowledge.mapping.frames import Frame
from extremeearth.knowledge.mapping.functions.known import MapFunction
from extremeearth.knowledge.mapping.rules import document as doc
from extremeearth.knowledge.mapping.rules.overlaps import Circle
from extremeearth.knowledge.mapping.rules.reader import read_mapping
from extremeearth.knowledge.mapping.running.distinct import Distinct, Memories
from extremeearth.knowledge.mapping.running.line_files import Sink
from extremeearth.knowledge.mapping.running.lines import (
    Lines,
    Run,
    build_indexes,
    circle_joint_lines,
    circle_lines,
)
from extremeearth.knowledge.mapping.running.outputs import (
    StatementTarget,
    Written,
    check_target,
    open_target,
)
from extremeearth.knowledge.mapping.running.terms import Issues, OnError
from extremeearth.knowledge.mapping.sources.geometry_sources import GeometryOptions
from extremeearth.knowledge.mapping.sources.opening import SourceLike, open_source
from extremeearth.knowledge.mapping.sources.sql.databases import Database
from extremeearth.knowledge.rdf import (
    BASE,
    write_lines,
)

if TYPE_CHECKING:
    from extremeearth.infrastructure.engine import Engine

__all__ = ["BATCH_ROWS", "MappingReport", "map_to_rdf"]

BATCH_ROWS = 20_000
"""Rows in memory at a time, of each source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingReport:
    """What came out of a run.

    `rows` counts each row once per triples map that reads it, `source_rows` each row of a source once; `triples` the
    statements written, each once; `repeated` those left out because they were written before; `skipped` the rows that
    made no statement, by reason; `geometries` those that were mended, left out or only found strange, by what was done;
    `places` where the first of those is that could not be read.

    Examples
    --------
    >>> MappingReport(
    ...     rows=2, triples=4, skipped={"the subject has no value": 1}, seconds=0.1
    ... ).triples
    4
    """

    rows: int
    triples: int
    skipped: Mapping[str, int]
    seconds: float
    geometries: Mapping[str, int] = field(default_factory=dict)
    repeated: int = 0
    places: Mapping[str, str] = field(default_factory=dict)
    source_rows: int = 0

    def _repr_html_(self) -> str:
        """Show in a notebook what came out, and what was left out."""
        from extremeearth.core.html_tables import html_table

        caption = f"{self.triples:,} triples of {self.source_rows:,} rows, {self.seconds:.1f} s"
        counts: dict[str, int] = {
            "rows of the sources": self.source_rows,
            "rows, once for each triples map": self.rows,
            "triples": self.triples,
        }
        if self.repeated:
            counts["triples that came again"] = self.repeated
        rows: list[tuple[object, ...]] = list(counts.items())
        for reason, count in {**self.skipped, **self.geometries}.items():
            place = self.places.get(reason)
            rows.append((f"{reason} (the first: {place})" if place else reason, count))
        return html_table(caption, ("what", "count"), rows)


def map_to_rdf(
    mapping: str | Path,
    *,
    sources: Mapping[str, SourceLike] | None = None,
    database: Database | str | None = None,
    target: StatementTarget,
    base_iri: str = f"{BASE}id/",
    folder: Path | None = None,
    functions: Mapping[str, MapFunction] | None = None,
    on_error: OnError = "raise",
    batch_rows: int = BATCH_ROWS,
    geometry: GeometryOptions | None = None,
    engine: Engine | None = None,
    threads: int = 1,
    progress: Progress = SILENT,
) -> MappingReport:
    """Turn tables and files into RDF as an RML mapping says.

    Parameters
    ----------
    mapping
        Turtle text in RML (``http://w3id.org/rml/`` or the older vocabulary), or the path of such a file.
    sources
        Tables (pyarrow, pandas, geopandas), paths, or searches such as :class:`CatalogueSearch`, by the names that the
        mapping uses as ``rml:path``. Geometry columns need a reference system.
    database
        What the tables and queries of R2RML are read from, as a :class:`Database` or the URL of one. Several are
        given in `sources` by the name that the mapping has as ``rml:source``.
    target
        File to write: ``.nt``, ``.nq`` or ``.ttl``, packed with ``.gz`` or ``.zst``; it appears whole or not at all. Or
        :class:`Parts` for a folder of files, or an open binary file, which stays open and gets whole lines.
    base_iri
        Put before IRIs that are not absolute, where a triples map has no ``rml:baseIRI`` of its own.
    folder
        Where files that the mapping names are looked for; by default the folder of the mapping's file. A mapping
        given as text reads no files without it.
    functions
        Further functions by IRI, beside :data:`GEOMETRY_FUNCTIONS`.
    on_error
        ``"raise"`` stops at the first broken term, ``"skip"`` counts such rows and goes on.
    batch_rows
        Rows in memory at a time.
    geometry
        How geometries of sources are read: the reference system of sources that name none, and what happens to
        invalid rings.
    engine
        Where batches are worked on, for example `LocalEngine(workers=2)`; in this process by default. Sources are read
        and the target is written here. Functions of your own must be importable by name then.
    threads
        How many batches are worked on at once in this process, where there is no engine; twice as many batches are in
        memory.
    progress
        Where progress is told to, in rows; looked at for cancellation between batches.

    Returns
    -------
    MappingReport
        Rows read, triples written, rows skipped by reason, seconds.

    Raises
    ------
    MappingError
        The mapping is broken, or names a column that a source does not have; raised before the first row.
    DataMissingError, DataBrokenError, CrsError
        A source is not there, cannot be read, or has no reference system.
    StorageError
        The target cannot be written.

    Examples
    --------
    >>> import io
    >>> import pyarrow as pa
    >>> fields = pa.table({"id": [1], "crop": ["winter wheat"]})
    >>> out = io.BytesIO()
    >>> report = map_to_rdf(
    ...     '''
    ... @prefix rml: <http://w3id.org/rml/> .
    ... <urn:fields> rml:logicalSource [ rml:source [ rml:path "fields" ] ] ;
    ...     rml:subjectMap [ rml:template "https://example.org/field/{id}" ] ;
    ...     rml:predicateObjectMap [ rml:predicate <urn:crop> ; rml:objectMap [ rml:reference "crop" ] ] .
    ... ''',
    ...     sources={"fields": fields},
    ...     target=out,
    ... )
    >>> print(out.getvalue().decode(), end="")
    <https://example.org/field/1> <urn:crop> "winter wheat" .
    >>> report.rows, report.triples
    (1, 1)
    """
    started = time.perf_counter()
    _check_sizes(batch_rows, threads)
    read = read_mapping(mapping)
    if folder is None and isinstance(mapping, Path):
        folder = mapping.parent
    check_target(target, has_graphs=read.has_graphs)
    options = replace(geometry or GeometryOptions(), on_error=on_error, counts={}, places={})
    issues = Issues(policy=on_error)
    run = Run(read, base_iri, functions or {}, issues, batch_rows=batch_rows, threads=threads)
    _check_functions(run)
    with ExitStack() as stack:
        if isinstance(database, str):
            database = stack.enter_context(Database(database))
        for source in read.sources():
            run.sources[source] = open_source(
                source, sources=sources or {}, folder=folder, geometry=options, database=database,
                progress=progress,
            )  # fmt: skip
        _check_references(run)
        stack.enter_context(_old_objects_left_alone())
        sink = stack.enter_context(open_target(target, prefixes=read.prefixes))
        with Task(progress, "rows to RDF") as task:
            written = _write(run, sink, engine, options=options, task=task)
    seconds = time.perf_counter() - started
    return MappingReport(
        rows=written.rows, source_rows=written.source_rows, triples=written.triples, repeated=written.repeated,
        seconds=seconds,
        skipped=dict(issues.counts), geometries=options.totals(), places=dict(options.places),
    )  # fmt: skip


@contextmanager
def _old_objects_left_alone() -> Iterator[None]:
    """Let Python's garbage collector look only at what comes from here on.

    Each geometry is an object to it, so that it runs often; all modules and tables of the process would be gone
    through each time.
    """
    if gc.get_freeze_count():  # somebody else's, to be kept
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _check_sizes(batch_rows: int, threads: int) -> None:
    if batch_rows < 1:
        raise InputError(f"A batch of {batch_rows} rows is empty.", hint="Give at least 1.")
    if threads < 1:
        raise InputError(f"{threads} threads can do nothing.", hint="Give at least 1.")


def _write(
    run: Run, sink: Sink, engine: Engine | None, *, options: GeometryOptions, task: Task
) -> Written:
    """Write what every triples map says, each statement once."""
    total = Written()
    read: dict[doc.LogicalSource, int] = {}
    with Memories() as memories:
        for source, names in _groups(run.mapping, apart=engine is not None):
            maps = [run.mapping.triples_maps[name] for name in names]
            references = tuple(dict.fromkeys(r for m in maps for r in run.mapping.reads(m)))
            with memories.of(run.circles_of(names)) as known:
                if engine is not None and all(doc.needs_no_join(m) for m in maps):
                    from extremeearth.knowledge.mapping.running.parallel import map_on_engine

                    done = map_on_engine(
                        run, engine, names, reading=(source, references), known=known, options=options, sink=sink,
                        task=task,
                    )  # fmt: skip
                else:
                    frames = run.frames(source, references)
                    done = _here(run, maps, frames, known=known, sink=sink, task=task)
            total.add(done)
            read[source] = done.rows // len(names)  # each of them has had them all
        total.repeated = memories.repeated
    total.source_rows = sum(read.values())
    return total


@dataclass(frozen=True, slots=True)
class _Made:
    """What one triples map says of one frame, circle by circle, and what was wrong."""

    rows: int
    said: Iterable[tuple[Circle, Lines]]
    issues: Issues


def _here(
    run: Run, maps: list[doc.TriplesMap], frames: Iterator[Frame], *, known: Mapping[Circle, Distinct], sink: Sink,
    task: Task,
) -> Written:  # fmt: skip
    """Write what some triples maps say of frames, worked on by the threads of this process."""
    written = Written()

    def make(piece: tuple[doc.TriplesMap, Frame]) -> _Made:
        triples_map, frame = piece
        own = run.with_own_issues()
        said = circle_lines(own, triples_map, frame)
        if run.threads > 1:
            said = iter([(circle, lines.ready()) for circle, lines in said])
        return _Made(frame.rows, said, own.issues)

    def put(made: _Made) -> None:
        add(made.said)
        run.issues.counts.update(made.issues.counts)
        written.rows += made.rows
        task.advance(made.rows)

    def add(said: Iterable[tuple[Circle, Lines]]) -> None:
        for circle, made in said:
            for lines, _ in known[circle].new(made.subjects, made.parts):
                written.triples += write_lines(lines, cast(BinaryIO, sink))

    build_indexes(run, maps)
    # each triples map by itself: less is left for one thread at the end
    pieces = ((triples_map, frame) for frame in frames for triples_map in maps)
    put_aside(in_order(make, pieces, threads=run.threads), put, threads=run.threads)
    for triples_map in maps:
        add(circle_joint_lines(run, triples_map))
    return written


def _groups(
    mapping: doc.Mapping, *, apart: bool
) -> Iterator[tuple[doc.LogicalSource, tuple[str, ...]]]:
    """Put together the triples maps that read the same source, so that it is read once.

    `apart` keeps those with joins apart from the others, as only these can go to workers.
    """
    groups: dict[tuple[doc.LogicalSource, bool], list[str]] = {}
    for name, triples_map in mapping.triples_maps.items():
        key = (triples_map.source, apart and doc.needs_no_join(triples_map))
        groups.setdefault(key, []).append(name)
    yield from ((source, tuple(names)) for (source, _), names in groups.items())


def _check_references(run: Run) -> None:
    """Find the references that lead nowhere, before the first row, and say whose they are."""
    mapping = run.mapping
    for name, triples_map in mapping.triples_maps.items():
        needed = {triples_map.source: mapping.reads(triples_map)}
        for joined in doc.joins_of(triples_map):
            parent = mapping.triples_maps[joined.parent].source
            needed[parent] = (*needed.get(parent, ()), *mapping.joined_on(joined))
        for source, references in needed.items():
            try:
                run.sources[source].check(references)
            except MappingError as err:
                raise MappingError(
                    f"The triples map {name} cannot run: {err.message}", hint=err.hint
                ) from err


def _check_functions(run: Run) -> None:
    known = run.known_functions
    for triples_map in run.mapping.triples_maps.values():
        for call in doc.calls_of(triples_map):
            if call.function not in known:
                raise MappingError(
                    f"The mapping calls {call.function}, which is not known.",
                    hint=f"Known are: {', '.join(known)}.",
                )
            known[call.function].check(call.function, tuple(iri for iri, _ in call.arguments))
