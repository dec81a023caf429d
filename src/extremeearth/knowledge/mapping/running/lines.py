"""The lines of a triples map: statements of its rows, joins included, as N-Triples or N-Quads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from extremeearth.knowledge.mapping.frames import Frame
from extremeearth.knowledge.mapping.functions.known import GEOMETRY_FUNCTIONS, MapFunction
from extremeearth.knowledge.mapping.rules import document as doc
from extremeearth.knowledge.mapping.rules.overlaps import Circle, circles_of
from extremeearth.knowledge.mapping.rules.statements import DEFAULT_GRAPH, Statement, statements_of
from extremeearth.knowledge.mapping.running.distinct import each_once, hashes_of
from extremeearth.knowledge.mapping.running.joins import JoinIndex
from extremeearth.knowledge.mapping.running.terms import Issues, TermMaker
from extremeearth.knowledge.mapping.sources.contract import Source
from extremeearth.knowledge.mapping.sources.sql.source import SqlSource, joint_sides
from extremeearth.knowledge.rdf import TEXT, check_iri, statement_lines

__all__ = [
    "Lines", "Run", "build_indexes", "circle_joint_lines", "circle_lines", "frame_lines", "joint_lines",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows with one value in each column, their subjects, and the hashes of these in order, each once."""

    frame: Frame
    subject: Any
    hashes: Any
    distinct: bool
    missing: int

    @classmethod
    def of(cls, frame: Frame, subject: Any) -> _Rows:
        """Look at the subjects once: where all differ, no line can come twice."""
        if isinstance(subject, str):
            return cls(frame, subject, hashes_of(subject), False, 0)
        hashes = each_once(hashes_of(subject.drop_null() if subject.null_count else subject))
        return cls(frame, subject, hashes, len(hashes) == frame.rows, subject.null_count)


@dataclass(slots=True)
class Run:
    """What a run needs: the mapping, what the caller chose, and what was opened and looked up for it.

    `functions` are those of the caller, beside ours; `issues` is told of the terms that cannot be made.
    """

    mapping: doc.Mapping
    base_iri: str
    functions: Mapping[str, MapFunction]
    issues: Issues
    batch_rows: int
    threads: int = 1
    sources: dict[doc.LogicalSource, Source] = field(default_factory=dict)
    indexes: dict[doc.ReferencingMap, JoinIndex] = field(default_factory=dict)
    circles: Mapping[str, tuple[Circle, ...]] = field(default_factory=dict)
    makers: dict[str, TermMaker] = field(init=False)

    def __post_init__(self) -> None:
        """Give every triples map a maker of its terms, and every statement its circle."""
        self.circles = self.circles or circles_of(self.mapping, base_iri=self.base_iri)
        known = self.known_functions
        self.makers = {
            name: TermMaker(check_iri(m.base_iri or self.base_iri), known, self.issues, str(number))
            for number, (name, m) in enumerate(self.mapping.triples_maps.items())
        }

    @property
    def known_functions(self) -> Mapping[str, MapFunction]:
        """Functions by IRI that the mapping can call."""
        return {**GEOMETRY_FUNCTIONS, **self.functions}

    def circles_of(self, names: Iterable[str]) -> tuple[Circle, ...]:
        """List the circles that the statements of some triples maps are in, each once."""
        return tuple(dict.fromkeys(circle for name in names for circle in self.circles[name]))

    def with_own_issues(self) -> Run:
        """Give the same run that counts for itself what is wrong, for one frame among others at work."""
        return replace(self, issues=Issues(policy=self.issues.policy))

    def to_travel(self) -> Run:
        """Give the run without what is open or made here, to be sent to a worker."""
        bare = replace(self, sources={}, indexes={})
        bare.makers = {}
        return bare

    def frames(self, source: doc.LogicalSource, references: tuple[str, ...]) -> Iterator[Frame]:
        """Read a source once, only these of its columns."""
        return self.sources[source].frames(references, batch_rows=self.batch_rows)


@dataclass(frozen=True, slots=True)
class Lines:
    """What a triples map says of one frame: arrays of lines with their hashes, and the hashes of their subjects.

    The parts are made when they are asked for, so that one is written before the next takes up memory.
    """

    subjects: Any
    parts: Iterable[tuple[Any, Any]]

    def ready(self) -> Lines:
        """Give the same with all parts made."""
        return replace(self, parts=list(self.parts))


def frame_lines(run: Run, triples_map: doc.TriplesMap, frame: Frame) -> Lines:
    """Make the lines of every row of a frame, but those whose join the database makes."""
    subjects, said = _said(run, triples_map, frame)
    return Lines(subjects, _parts(run, run.makers[triples_map.name], [s for _, *s in said]))


def circle_lines(
    run: Run, triples_map: doc.TriplesMap, frame: Frame
) -> Iterator[tuple[Circle, Lines]]:
    """Make the same lines for each circle by itself, with all subjects."""
    subjects, said = _said(run, triples_map, frame)
    maker = run.makers[triples_map.name]
    for circle in run.circles_of([triples_map.name]):
        own = [s for its, *s in said if its == circle]
        yield circle, Lines(subjects, _parts(run, maker, own))


def _parts(run: Run, maker: TermMaker, said: list[Any]) -> Iterator[tuple[Any, Any]]:
    for statement, rows in said:
        for lines in _statement_lines(run, maker, statement, rows):
            yield lines, hashes_of(lines)


def _said(
    run: Run, triples_map: doc.TriplesMap, frame: Frame
) -> tuple[Any, list[tuple[Circle, Statement, _Rows]]]:
    """Give the hashes of the subjects in a frame, and each statement with the rows that it is made of."""
    maker = run.makers[triples_map.name]
    known: dict[tuple[str, ...], _Rows] = {}
    said: list[tuple[Circle, Statement, _Rows]] = []
    own = list(doc.references_of(triples_map.subject))
    circles = run.circles[triples_map.name]
    for circle, statement in zip(circles, statements_of(triples_map), strict=True):
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
            said.append((circle, statement, known[lists]))
    subjects = [rows.hashes for rows in known.values()]
    return np.concatenate(subjects) if subjects else np.zeros(0, np.uint64), said


def _present(subjects: Any) -> Any:
    return subjects if isinstance(subjects, str) else subjects.drop_null()


def _statement_references(statement: Statement) -> Iterator[str]:
    for part in (statement.predicate, *statement.graphs):
        yield from doc.references_of(part)
    if isinstance(statement.object, doc.TermMap):
        yield from doc.references_of(statement.object)
    else:
        for join in statement.object.joins:
            yield from doc.references_of(join.child)


def _statement_lines(
    run: Run, maker: TermMaker, statement: Statement, rows: _Rows
) -> Iterator[Any]:
    frame, subject, distinct = rows.frame, rows.subject, rows.distinct
    predicate = maker.terms(statement.predicate, frame)
    graphs = [maker.terms(g, frame) for g in statement.graphs] or [None]
    if isinstance(statement.object, doc.TermMap):
        object_ = maker.pieces(statement.object, frame)
    elif not statement.object.joins:
        parent = run.mapping.triples_maps[statement.object.parent]
        object_ = run.makers[parent.name].terms(parent.subject, frame)
    else:
        matched, object_ = run.indexes[statement.object].match(maker, frame)
        subject, predicate = (_taken(part, matched) for part in (subject, predicate))
        graphs = [_taken(part, matched) for part in graphs]
        distinct = False
    for graph in graphs:
        lines = statement_lines(subject, predicate, object_, _named(graph))
        yield lines if distinct else lines.unique()


def _joint(
    run: Run, triples_map: doc.TriplesMap, statement: Statement
) -> tuple[SqlSource, SqlSource] | None:
    """Give both sides of a join that the database makes itself, or `None`."""
    joined = statement.object
    if isinstance(joined, doc.TermMap) or triples_map.source not in run.sources:
        return None
    parent = run.mapping.triples_maps[joined.parent]
    return joint_sides(run.sources[triples_map.source], run.sources[parent.source], joined)


def joint_lines(run: Run, triples_map: doc.TriplesMap) -> Iterator[Lines]:
    """Make the statements whose join is R2RML's joint query (section 8)."""
    for _, made in circle_joint_lines(run, triples_map):
        yield made


def circle_joint_lines(run: Run, triples_map: doc.TriplesMap) -> Iterator[tuple[Circle, Lines]]:
    """Make the same, and tell the circle of each statement."""
    maker = run.makers[triples_map.name]
    circles = run.circles[triples_map.name]
    for circle, statement in zip(circles, statements_of(triples_map), strict=True):
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
            graphs = [maker.terms(g, child) for g in statement.graphs] or [None]
            parts = [
                statement_lines(subject, predicate, object_, _named(graph)).unique()
                for graph in graphs
            ]
            hashed = [(lines, hashes_of(lines)) for lines in parts]
            yield circle, Lines(each_once(hashes_of(_present(subject))), hashed)


def _named(graph: Any) -> Any:
    """Give the graph's place in a line: none for the default graph, also where only some rows go there."""
    if graph is None or isinstance(graph, str):
        return None if graph == DEFAULT_GRAPH else graph
    return pc.if_else(pc.equal(graph, pa.scalar(DEFAULT_GRAPH, TEXT)), pa.scalar("", TEXT), graph)


def _taken(part: Any, rows: Any) -> Any:
    return part if part is None or isinstance(part, str) else part.take(rows)


def build_indexes(run: Run, maps: Iterable[doc.TriplesMap]) -> None:
    """Read the parents of all joins that are made here, once and before the first frame."""
    for triples_map in maps:
        for statement in statements_of(triples_map):
            joined = statement.object
            if isinstance(joined, doc.TermMap) or not joined.joins or joined in run.indexes:
                continue
            if _joint(run, triples_map, statement) is not None:
                continue
            parent = run.mapping.triples_maps[joined.parent]
            frames = run.frames(parent.source, run.mapping.joined_on(joined))
            run.indexes[joined] = JoinIndex.build(joined, parent, run.makers[parent.name], frames)
