"""Running a mapping: frames in, N-Triples or N-Quads out, nothing row by row."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.compute as pc

from extremeearth.core.errors import InputError, MappingError
from extremeearth.core.progress import SILENT, Progress, Task
from extremeearth.infrastructure.engine import Engine
from extremeearth.knowledge.mapping import document as doc
from extremeearth.knowledge.mapping._vocabulary import RML
from extremeearth.knowledge.mapping.databases import Database
from extremeearth.knowledge.mapping.frames import Frame
from extremeearth.knowledge.mapping.functions import GEOMETRY_FUNCTIONS, MapFunction
from extremeearth.knowledge.mapping.geometry_sources import GeometryOptions
from extremeearth.knowledge.mapping.joins import JoinIndex
from extremeearth.knowledge.mapping.outputs import (
    Sink,
    StatementTarget,
    check_target,
    open_target,
)
from extremeearth.knowledge.mapping.parallel import Done, PackedFrame, joined, needs_no_join
from extremeearth.knowledge.mapping.reader import read_mapping
from extremeearth.knowledge.mapping.sources import Source, SourceLike, open_source
from extremeearth.knowledge.mapping.sql_source import SqlSource, joint_sides
from extremeearth.knowledge.mapping.terms import Issues, OnError, TermMaker
from extremeearth.knowledge.rdf import (
    BASE,
    RDF,
    TEXT,
    check_iri,
    statement_lines,
    write_lines,
)

__all__ = ["BATCH_ROWS", "MappingReport", "map_to_rdf"]

BATCH_ROWS = 20_000
"""Rows in memory at a time, of each source."""

_RDF_TYPE = f"<{RDF['type']}>"
_DEFAULT_GRAPH = f"<{RML.defaultGraph}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingReport:
    """What came out of a run.

    `rows` counts each row once per triples map that reads it; `triples` the statements written, without repeats
    inside a batch; `skipped` the rows that made no statement, by reason; `geometries` those that were mended, left
    out or only found strange, by what was done.

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


@dataclass(frozen=True, slots=True)
class _Statement:
    """One line per row: terms maps of its four places, or a join for the object."""

    predicate: doc.TermMap
    object: doc.TermMap | doc.ReferencingMap
    graphs: tuple[doc.TermMap, ...]


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows with one value in each column, and their subjects."""

    frame: Frame
    subject: Any
    distinct: bool
    missing: int

    @classmethod
    def of(cls, frame: Frame, subject: Any) -> _Rows:
        """Look at the subjects once: where all differ, no line can come twice."""
        if isinstance(subject, str):
            return cls(frame, subject, False, 0)
        distinct = pc.count_distinct(subject).as_py() == frame.rows
        return cls(frame, subject, distinct, subject.null_count)


@dataclass(slots=True)
class _Run:
    """What a run needs; without its sources and makers it can travel."""

    mapping: doc.Mapping
    sources: Mapping[doc.LogicalSource, Source]
    makers: Mapping[str, TermMaker]
    batch_rows: int
    base_iri: str
    functions: Mapping[str, MapFunction]
    issues: Issues
    indexes: dict[doc.ReferencingMap, JoinIndex] = field(default_factory=dict)

    def frames(self, source: doc.LogicalSource, references: tuple[str, ...]) -> Iterator[Frame]:
        """Read a source once, only these of its columns."""
        return self.sources[source].frames(references, batch_rows=self.batch_rows)


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
    progress: Progress = SILENT,
) -> MappingReport:
    """Turn tables and files into RDF as an RML mapping says.

    Parameters
    ----------
    mapping
        Turtle text in RML (``http://w3id.org/rml/`` or the older vocabulary), or the path of such a file.
    sources
        Tables (pyarrow, pandas, geopandas) or paths, by the names that the mapping uses as ``rml:path``. Geometry
        columns need a reference system.
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
    read = read_mapping(mapping)
    if folder is None and isinstance(mapping, Path):
        folder = mapping.parent
    if batch_rows < 1:
        raise InputError(f"A batch of {batch_rows} rows is empty.", hint="Give at least 1.")
    known = {**GEOMETRY_FUNCTIONS, **(functions or {})}
    _check_functions(read, known)
    check_target(target, has_graphs=read.has_graphs)
    options = replace(geometry or GeometryOptions(), on_error=on_error, counts={})
    issues = Issues(policy=on_error)
    makers = _makers(read, known, base_iri, issues)
    with ExitStack() as stack:
        if isinstance(database, str):
            database = stack.enter_context(Database(database))
        opened = {
            source: open_source(
                source, sources=sources or {}, folder=folder, geometry=options, database=database
            )
            for source in read.sources()
        }
        for source, names in read.sources().items():
            opened[source].check(names)
        run = _Run(read, opened, makers, batch_rows, base_iri, functions or {}, issues)
        sink = stack.enter_context(open_target(target))
        with Task(progress, "rows to RDF") as task:
            rows, triples = _write(run, sink, engine, task)
    seconds = time.perf_counter() - started
    return MappingReport(
        rows=rows, triples=triples, skipped=dict(issues.counts), seconds=seconds, geometries=options.totals()
    )  # fmt: skip


def _write(run: _Run, sink: Sink, engine: Engine | None, task: Task) -> tuple[int, int]:
    """Write what every triples map says; give rows worked on and lines written."""
    rows = triples = 0
    for source, names in _groups(run.mapping, apart=engine is not None):
        maps = [run.mapping.triples_maps[name] for name in names]
        references = tuple(dict.fromkeys(r for m in maps for r in run.mapping.reads(m)))
        frames = run.frames(source, references)
        if engine is not None and all(needs_no_join(m) for m in maps):
            done = _on_engine(run, engine, names, frames, sink=sink, task=task)
            rows, triples = rows + done[0], triples + done[1]
            continue
        for frame in frames:
            for triples_map in maps:
                for lines in _lines(run, triples_map, frame):
                    triples += write_lines(lines, cast(BinaryIO, sink))
            rows += frame.rows * len(maps)
            task.advance(frame.rows * len(maps))
        for triples_map in maps:
            for lines in _joint_lines(run, triples_map):
                triples += write_lines(lines, cast(BinaryIO, sink))
    return rows, triples


def _groups(
    mapping: doc.Mapping, *, apart: bool
) -> Iterator[tuple[doc.LogicalSource, tuple[str, ...]]]:
    """Put together the triples maps that read the same source, so that it is read once.

    `apart` keeps those with joins apart from the others, as only these can go to workers.
    """
    groups: dict[tuple[doc.LogicalSource, bool], list[str]] = {}
    for name, triples_map in mapping.triples_maps.items():
        key = (triples_map.source, apart and needs_no_join(triples_map))
        groups.setdefault(key, []).append(name)
    yield from ((source, tuple(names)) for (source, _), names in groups.items())


@dataclass(frozen=True)
class _Work:
    """Makes the lines of some triples maps; travels to the workers."""

    run: _Run
    names: tuple[str, ...]
    base_iri: str
    functions: Mapping[str, MapFunction]
    on_error: OnError

    def __call__(self, packed: PackedFrame) -> Done:
        """Do the work on one frame."""
        issues = Issues(policy=self.on_error)
        known = {**GEOMETRY_FUNCTIONS, **self.functions}
        makers = _makers(self.run.mapping, known, self.base_iri, issues)
        run = replace(self.run, makers=makers)
        frame = packed.frame()
        maps = [run.mapping.triples_maps[name] for name in self.names]
        made = (lines for m in maps for lines in _lines(run, m, frame))
        lines, triples = joined(made)
        return Done(lines, triples, frame.rows * len(maps), dict(issues.counts))


def _on_engine(
    run: _Run,
    engine: Engine,
    names: tuple[str, ...],
    frames: Iterator[Frame],
    sink: Sink,
    task: Task,
) -> tuple[int, int]:
    bare = replace(run, sources={}, makers={}, indexes={})
    work = _Work(bare, names, run.base_iri, run.functions, run.issues.policy)
    rows = triples = 0
    for done in engine.map(work, map(PackedFrame.of, frames), label="mapping"):
        sink.write(done.lines)
        rows, triples = rows + done.rows, triples + done.triples
        run.issues.counts.update(done.skipped)
        task.advance(done.rows)
    return rows, triples


def _makers(
    mapping: doc.Mapping, known: Mapping[str, MapFunction], base_iri: str, issues: Issues
) -> dict[str, TermMaker]:
    return {
        name: TermMaker(check_iri(m.base_iri or base_iri), known, issues, str(number))
        for number, (name, m) in enumerate(mapping.triples_maps.items())
    }


def _check_functions(mapping: doc.Mapping, known: Mapping[str, MapFunction]) -> None:
    for triples_map in mapping.triples_maps.values():
        for call in doc.calls_of(triples_map):
            if call.function not in known:
                raise MappingError(
                    f"The mapping calls {call.function}, which is not known.",
                    hint=f"Known are: {', '.join(known)}.",
                )
            known[call.function].check(call.function, tuple(iri for iri, _ in call.arguments))


def _statements(triples_map: doc.TriplesMap) -> Iterator[_Statement]:
    rdf_type = doc.TermMap(
        expression=doc.Constant(_RDF_TYPE, RDF["type"]), term_type=doc.TermType.IRI
    )
    for class_ in triples_map.classes:
        yield _Statement(rdf_type, class_, triples_map.graphs)
    for said in triples_map.properties:
        graphs = (*triples_map.graphs, *said.graphs)
        for predicate in said.predicates:
            for object_ in said.objects:
                yield _Statement(predicate, object_, graphs)


def _lines(run: _Run, triples_map: doc.TriplesMap, frame: Frame) -> Iterator[Any]:
    maker = run.makers[triples_map.name]
    known: dict[tuple[str, ...], _Rows] = {}
    own = list(doc.references_of(triples_map.subject))
    for statement in _statements(triples_map):
        if _joint(run, triples_map, statement) is not None:
            continue
        lists = frame.lists([*own, *_statement_references(statement)])
        if lists not in known:
            wide = frame.exploded(lists) if lists else frame
            rows = _Rows.of(wide, maker.terms(triples_map.subject, wide))
            if not known and rows.missing:
                maker.issues.counts["the subject has no value"] += rows.missing
            known[lists] = rows
        if known[lists].frame.rows:
            yield from _statement_lines(run, maker, statement, known[lists])


def _statement_references(statement: _Statement) -> Iterator[str]:
    for part in (statement.predicate, *statement.graphs):
        yield from doc.references_of(part)
    if isinstance(statement.object, doc.TermMap):
        yield from doc.references_of(statement.object)
    else:
        for join in statement.object.joins:
            yield from doc.references_of(join.child)


def _statement_lines(
    run: _Run, maker: TermMaker, statement: _Statement, rows: _Rows
) -> Iterator[Any]:
    frame, subject, distinct = rows.frame, rows.subject, rows.distinct
    predicate = maker.terms(statement.predicate, frame)
    graphs = [maker.terms(g, frame) for g in statement.graphs] or [None]
    if isinstance(statement.object, doc.TermMap):
        object_ = maker.terms(statement.object, frame)
    elif not statement.object.joins:
        parent = run.mapping.triples_maps[statement.object.parent]
        object_ = run.makers[parent.name].terms(parent.subject, frame)
    else:
        matched, object_ = _index(run, statement.object).match(maker, frame)
        subject, predicate = (_taken(part, matched) for part in (subject, predicate))
        graphs = [_taken(part, matched) for part in graphs]
        distinct = False
    for graph in graphs:
        lines = statement_lines(subject, predicate, object_, _named(graph))
        yield lines if distinct else lines.unique()


def _joint(
    run: _Run, triples_map: doc.TriplesMap, statement: _Statement
) -> tuple[SqlSource, SqlSource] | None:
    """Give both sides of a join that the database makes itself, or `None`."""
    joined = statement.object
    if isinstance(joined, doc.TermMap) or triples_map.source not in run.sources:
        return None
    parent = run.mapping.triples_maps[joined.parent]
    return joint_sides(run.sources[triples_map.source], run.sources[parent.source], joined)


def _joint_lines(run: _Run, triples_map: doc.TriplesMap) -> Iterator[Any]:
    """Make the statements whose join is R2RML's joint query (section 8)."""
    maker = run.makers[triples_map.name]
    for statement in _statements(triples_map):
        sides = _joint(run, triples_map, statement)
        if sides is None or isinstance(statement.object, doc.TermMap):
            continue
        parent = run.mapping.triples_maps[statement.object.parent]
        own = [*doc.references_of(triples_map.subject)]
        for part in (statement.predicate, *statement.graphs):
            own += doc.references_of(part)
        reads = (tuple(dict.fromkeys(own)), tuple(dict.fromkeys(doc.references_of(parent.subject))))
        pairs = sides[0].joined(
            sides[1], statement.object.joins, reads=reads, batch_rows=run.batch_rows
        )
        for child, other in pairs:
            subject = maker.terms(triples_map.subject, child)
            object_ = run.makers[parent.name].terms(parent.subject, other)
            predicate = maker.terms(statement.predicate, child)
            for graph in [maker.terms(g, child) for g in statement.graphs] or [None]:
                yield statement_lines(subject, predicate, object_, _named(graph)).unique()


def _named(graph: Any) -> Any:
    """Give the graph's place in a line: none for the default graph, also where only some rows go there."""
    if graph is None or isinstance(graph, str):
        return None if graph == _DEFAULT_GRAPH else graph
    return pc.if_else(pc.equal(graph, pa.scalar(_DEFAULT_GRAPH, TEXT)), pa.scalar("", TEXT), graph)


def _taken(part: Any, rows: Any) -> Any:
    return part if part is None or isinstance(part, str) else part.take(rows)


def _index(run: _Run, joined: doc.ReferencingMap) -> JoinIndex:
    """Give the parent's subjects by join value, read once."""
    if joined not in run.indexes:
        parent = run.mapping.triples_maps[joined.parent]
        frames = run.frames(parent.source, run.mapping.joined_on(joined))
        run.indexes[joined] = JoinIndex.build(joined, parent, run.makers[parent.name], frames)
    return run.indexes[joined]
