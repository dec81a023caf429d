"""Everything that is wrong with a mapping, at once and before it runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

import pyarrow as pa
import pyarrow.compute as pc

from extremeearth.core.errors import ExtremeEarthError, InputError
from extremeearth.knowledge.mapping.drafting.description import columns_of
from extremeearth.knowledge.mapping.inspection.opening import (
    Given,
    first_frames,
    groups_of,
    opened_run,
)
from extremeearth.knowledge.mapping.inspection.words import shown_map
from extremeearth.knowledge.mapping.rules import document as doc
from extremeearth.knowledge.mapping.rules.reader import read_mapping
from extremeearth.knowledge.mapping.running.lines import Run, build_indexes, frame_lines

if TYPE_CHECKING:
    from extremeearth.knowledge.mapping.frames import Frame
    from extremeearth.knowledge.mapping.inspection.choices import Choices

__all__ = ["CheckedMap", "Finding", "MappingCheck", "check_mapping"]

SAMPLE_ROWS = 1_000
Level = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something to know about a mapping.

    An ``error`` stops a run, a ``warning`` says what is probably not meant, a ``note`` what is left out. `where` is a
    triples map or a source.
    """

    level: Level
    where: str
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedMap:
    """A triples map in short: what it reads, how it names its subjects, how many statements it makes of each row."""

    name: str
    source: str
    subject: str
    classes: tuple[str, ...]
    statements: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingCheck:
    """What was found.

    Attributes
    ----------
    maps
        The triples maps; none where the document cannot be read.
    findings
        Errors first, then warnings, then notes.
    rows
        Rows that were looked at, each once per source.

    Examples
    --------
    >>> MappingCheck(maps=(), findings=(), rows=0).ok
    True
    """

    maps: tuple[CheckedMap, ...]
    findings: tuple[Finding, ...]
    rows: int

    @property
    def ok(self) -> bool:
        """Whether it would run."""
        return not any(finding.level == "error" for finding in self.findings)

    def _repr_html_(self) -> str:
        """Show the findings in a notebook."""
        from extremeearth.core.html_tables import html_table

        state = "can run" if self.ok else "cannot run"
        rows = [(f.level, f.where, f.message, f.hint or "") for f in self.findings]
        return html_table(
            f"{len(self.maps)} triples maps, the mapping {state}", ("", "where", "what", "hint"), rows
        )  # fmt: skip


@dataclass(slots=True)
class _Findings:
    """What was found so far, each once."""

    found: dict[Finding, None] = field(default_factory=dict)

    def add(self, level: Level, where: str, message: str, hint: str | None = None) -> None:
        self.found[Finding(level=level, where=where, message=message, hint=hint)] = None

    def failed(self, where: str, err: ExtremeEarthError) -> None:
        self.add("error", where, err.message, err.hint)

    def ordered(self) -> tuple[Finding, ...]:
        order = ("error", "warning", "note")
        return tuple(sorted(self.found, key=lambda finding: order.index(finding.level)))


def check_mapping(
    mapping: str | Path, *, rows: int = SAMPLE_ROWS, **given: Unpack[Choices]
) -> MappingCheck:
    """Find what is wrong with a mapping and its sources, all of it; the first rows are tried, nothing is written.

    Parameters
    ----------
    mapping
        Turtle text, or the path of such a file.
    rows
        Rows of each source that are tried.
    **given
        ``sources``, ``database``, ``base_iri``, ``folder``, ``functions`` and ``geometry`` as for `map_to_rdf`.

    Examples
    --------
    >>> import pyarrow as pa
    >>> found = check_mapping(
    ...     '''
    ... @prefix rml: <http://w3id.org/rml/> .
    ... <urn:fields> rml:logicalSource [ rml:source [ rml:path "fields" ] ] ;
    ...     rml:subjectMap [ rml:template "https://example.org/{idd}" ] ;
    ...     rml:predicateObjectMap [ rml:predicate <urn:crop> ; rml:objectMap [ rml:reference "corp" ] ] .
    ... ''',
    ...     sources={"fields": pa.table({"id": ["a"], "crop": ["wheat"]})},
    ... )
    >>> for finding in found.findings[:2]:
    ...     print(finding.message, finding.hint)
    The mapping names the column 'idd', which 'fields' does not have. Did you mean 'id'? It has: id, crop.
    The mapping names the column 'corp', which 'fields' does not have. Did you mean 'crop'? It has: id, crop.
    """
    if rows < 1:
        raise InputError(f"{rows} rows show nothing.", hint="Try 1 or more.")
    findings = _Findings()
    try:
        read = read_mapping(mapping)
    except ExtremeEarthError as err:
        findings.failed("the mapping", err)
        return MappingCheck(maps=(), findings=findings.ordered(), rows=0)
    asked = Given(**given)
    tried = 0
    folder = asked.beside(mapping)
    with opened_run(read, asked, folder=folder, rows=rows, failed=findings.failed) as run:
        known = run.known_functions
        for triples_map in read.triples_maps.values():
            _check_functions(triples_map, known, findings)
        _check_references(run, findings)
        sound = findings.ordered() == ()
        for source, maps in groups_of(read).items():
            if source in run.sources:
                _unused(run, source, findings)
                tried += _try(run, source, maps, findings) if sound else 0
    return MappingCheck(
        maps=tuple(_in_short(m) for m in read.triples_maps.values()),
        findings=findings.ordered(), rows=tried,
    )  # fmt: skip


def _in_short(triples_map: doc.TriplesMap) -> CheckedMap:
    return CheckedMap(
        name=triples_map.name, source=triples_map.source.name or triples_map.source.iterator or "",
        subject=shown_map(triples_map.subject),
        classes=tuple(shown_map(class_) for class_ in triples_map.classes),
        statements=len(triples_map.classes)
        + sum(len(said.predicates) * len(said.objects) for said in triples_map.properties),
    )  # fmt: skip


def _check_functions(triples_map: doc.TriplesMap, known: Any, findings: _Findings) -> None:
    import difflib

    for call in doc.calls_of(triples_map):
        if call.function not in known:
            close = difflib.get_close_matches(call.function, list(known), n=1)
            findings.add(
                "error", triples_map.name, f"The mapping calls {call.function}, which is not known.",
                f"Did you mean {close[0]}?" if close else f"Known are: {', '.join(known)}.",
            )  # fmt: skip
            continue
        try:
            known[call.function].check(call.function, tuple(iri for iri, _ in call.arguments))
        except ExtremeEarthError as err:
            findings.failed(triples_map.name, err)


def _check_references(run: Run, findings: _Findings) -> None:
    """Look for every reference by itself, so that all are told that lead nowhere."""
    for name, triples_map in run.mapping.triples_maps.items():
        needed = [(triples_map.source, run.mapping.reads(triples_map))]
        for joined in doc.joins_of(triples_map):
            parent = run.mapping.triples_maps[joined.parent].source
            needed.append((parent, run.mapping.joined_on(joined)))
        for source, references in needed:
            for reference in references if source in run.sources else ():
                try:
                    run.sources[source].check((reference,))
                except ExtremeEarthError as err:
                    findings.failed(name, err)


def _unused(run: Run, source: doc.LogicalSource, findings: _Findings) -> None:
    read = run.mapping.sources()[source]
    quoted = {name.strip('"').casefold() for name in read}
    left = [n for n in columns_of(run.sources[source]) if n.casefold() not in quoted]
    if left:
        findings.add("note", source.name, f"Not mapped: {', '.join(left)}.")


def _try(
    run: Run, source: doc.LogicalSource, maps: list[doc.TriplesMap], findings: _Findings
) -> int:
    """Make the statements of the first rows, and say what is strange about them."""
    references = tuple(dict.fromkeys(r for m in maps for r in run.mapping.reads(m)))
    frames: list[Frame] = []
    try:
        run.sources[source].check(references)
        build_indexes(run, maps)
        for frame in first_frames(run, source, references):
            frames.append(frame)
            for triples_map in maps:
                _try_frame(run, triples_map, frame, findings)
    except ExtremeEarthError as err:
        findings.failed(source.name, err)
        return sum(frame.rows for frame in frames)
    rows = sum(frame.rows for frame in frames)
    if not rows:
        findings.add("warning", source.name, "The source has no rows.")
        return 0
    empty = [r for r in references if all(_is_empty(frame, r) for frame in frames)]
    for reference in empty:
        findings.add(
            "warning", source.name, f"'{reference}' has no value in the first {rows} rows."
        )
    for triples_map in maps:
        _repeated(run, triples_map, frames, findings)
    return rows


def _try_frame(run: Run, triples_map: doc.TriplesMap, frame: Frame, findings: _Findings) -> None:
    own = run.with_own_issues()
    for _ in frame_lines(own, triples_map, frame).parts:
        pass
    for reason, count in own.issues.counts.items():
        findings.add(
            "warning", triples_map.name, f"{reason}: {count} of the first {frame.rows} rows.",
            "With --skip-bad (on_error='skip') such rows are left out and counted.",
        )  # fmt: skip


def _is_empty(frame: Frame, reference: str) -> bool:
    column = frame.columns.get(reference)
    return column is not None and column.null_count == len(column)


def _repeated(
    run: Run, triples_map: doc.TriplesMap, frames: list[Frame], findings: _Findings
) -> None:
    """Say where a subject that is made of columns comes again: perhaps its key is none."""
    if not list(doc.references_of(triples_map.subject)):
        return
    maker = run.makers[triples_map.name]
    counted: Counter[str] = Counter()
    for frame in frames:
        if frame.lists(doc.references_of(triples_map.subject)):
            return
        subjects = maker.terms(triples_map.subject, frame)
        if isinstance(subjects, pa.Array | pa.ChunkedArray):
            for one in pc.value_counts(subjects.drop_null()).to_pylist():
                counted[one["values"]] += one["counts"]
    again = sum(count for count in counted.values() if count > 1)
    if again:
        example = counted.most_common(1)[0]
        findings.add(
            "warning", triples_map.name,
            f"{again} rows share a subject with another row: {example[0]} stands for {example[1]}.",
            "If each row is a thing of its own, name it by a column that tells rows apart.",
        )  # fmt: skip
