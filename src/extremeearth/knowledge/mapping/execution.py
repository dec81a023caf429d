"""Running a mapping: frames in, N-Triples or N-Quads out, nothing row by row."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from extremeearth.core.errors import InputError, MappingError
from extremeearth.core.progress import SILENT, Progress, Task
from extremeearth.knowledge.mapping import document as doc
from extremeearth.knowledge.mapping._vocabulary import RML
from extremeearth.knowledge.mapping.frames import Frame
from extremeearth.knowledge.mapping.functions import GEOMETRY_FUNCTIONS, MapFunction
from extremeearth.knowledge.mapping.geometry_sources import GeometryOptions
from extremeearth.knowledge.mapping.joins import JoinIndex
from extremeearth.knowledge.mapping.reader import read_mapping
from extremeearth.knowledge.mapping.sources import Source, SourceLike, open_source
from extremeearth.knowledge.mapping.terms import Issues, OnError, TermMaker
from extremeearth.knowledge.rdf import (
    BASE,
    RDF,
    TEXT,
    check_iri,
    open_statements,
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
    mapping: doc.Mapping
    sources: Mapping[doc.LogicalSource, Source]
    makers: Mapping[str, TermMaker]
    batch_rows: int
    indexes: dict[doc.ReferencingMap, JoinIndex] = field(default_factory=dict)

    def frames(self, source: doc.LogicalSource, references: tuple[str, ...]) -> Iterator[Frame]:
        """Read a source once, only these of its columns."""
        return self.sources[source].frames(references, batch_rows=self.batch_rows)


def map_to_rdf(
    mapping: str | Path,
    *,
    sources: Mapping[str, SourceLike] | None = None,
    target: Path | BinaryIO,
    base_iri: str = f"{BASE}id/",
    folder: Path | None = None,
    functions: Mapping[str, MapFunction] | None = None,
    on_error: OnError = "raise",
    batch_rows: int = BATCH_ROWS,
    geometry: GeometryOptions | None = None,
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
    target
        File to write, ``.nt`` or ``.nq``, with ``.gz`` compressed; it appears whole or not at all. Or an open
        binary file, which stays open.
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
    _check_target(read, target)
    options = replace(geometry or GeometryOptions(), on_error=on_error, counts={})
    opened = {
        source: open_source(source, sources=sources or {}, folder=folder, geometry=options)
        for source in read.sources()
    }
    for source, names in read.sources().items():
        opened[source].check(names)
    issues = Issues(policy=on_error)
    makers = {
        name: TermMaker(check_iri(m.base_iri or base_iri), known, issues, str(number))
        for number, (name, m) in enumerate(read.triples_maps.items())
    }
    run = _Run(read, opened, makers, batch_rows)
    rows, triples = _write(run, target, progress)
    seconds = time.perf_counter() - started
    return MappingReport(
        rows=rows, triples=triples, skipped=dict(issues.counts), seconds=seconds, geometries=options.totals()
    )  # fmt: skip


def _write(run: _Run, target: Path | BinaryIO, progress: Progress) -> tuple[int, int]:
    """Write what every triples map says; give rows read and lines written."""
    rows = triples = 0
    with open_statements(target) as file, Task(progress, "rows to RDF") as task:
        for triples_map in run.mapping.triples_maps.values():
            for frame in run.frames(triples_map.source, run.mapping.reads(triples_map)):
                for lines in _lines(run, triples_map, frame):
                    triples += write_lines(lines, file)
                rows += frame.rows
                task.advance(frame.rows)
    return rows, triples


def _check_target(mapping: doc.Mapping, target: Path | BinaryIO) -> None:
    if not isinstance(target, Path):
        return
    suffix = Path(target.stem).suffix if target.suffix == ".gz" else target.suffix
    if suffix not in {".nt", ".nq"}:
        raise InputError(
            f"'{target.name}' is neither N-Triples nor N-Quads.",
            hint="Name it .nt, .nq, .nt.gz or .nq.gz.",
        )
    if suffix == ".nt" and mapping.has_graphs:
        raise MappingError(
            f"The mapping has named graphs, which '{target.name}' cannot hold.", hint="Name it .nq."
        )


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
