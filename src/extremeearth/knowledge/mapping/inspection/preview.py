"""What a mapping makes of the first rows, as Turtle that people can read."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, cast

import pyoxigraph as ox

from extremeearth.core.errors import InputError
from extremeearth.knowledge.mapping.inspection.opening import (
    Given,
    first_frames,
    groups_of,
    opened_run,
)
from extremeearth.knowledge.mapping.rules.reader import read_mapping
from extremeearth.knowledge.mapping.running.lines import (
    Lines,
    Run,
    build_indexes,
    frame_lines,
    joint_lines,
)
from extremeearth.knowledge.rdf import RDF, prefixes, write_lines

if TYPE_CHECKING:
    from extremeearth.knowledge.mapping.inspection.choices import Choices

__all__ = ["Preview", "preview_mapping"]

_TYPE = f" <{RDF['type']}> ".encode()  # Turtle has a word of its own for it
_PLAIN_NAME = re.compile(r"[\w-]*")
LONGEST = 120
"""Characters of a literal that are shown; a coastline has a hundred thousand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What the first rows become.

    Attributes
    ----------
    turtle
        The statements, with the mapping's own prefixes; TriG where there are named graphs. Long literals are cut.
    triples, rows
        Statements, and rows that were read for them, each once per source.
    skipped
        Rows that made no statement, by reason.
    """

    turtle: str
    triples: int
    rows: int
    skipped: Mapping[str, int]

    def __str__(self) -> str:
        return self.turtle

    def _repr_html_(self) -> str:
        """Show the statements in a notebook."""
        return f"<pre>{html.escape(self.turtle)}</pre>"


def preview_mapping(
    mapping: str | Path, *, rows: int = 5, longest: int | None = LONGEST, **given: Unpack[Choices]
) -> Preview:
    """Show what a mapping makes of the first rows of each source; nothing is written, and no more than these is read.

    Parameters
    ----------
    mapping
        Turtle text, or the path of such a file.
    rows
        Rows of each source; sources that come in smaller batches may show some more. Parents of joins are read whole.
    longest
        Literals longer than so many characters are cut, which they say; `None` leaves them whole.
    **given
        ``sources``, ``database``, ``base_iri``, ``folder``, ``functions`` and ``geometry`` as for `map_to_rdf`.

    Raises
    ------
    MappingError, DataMissingError, DataBrokenError, CrsError
        As `map_to_rdf` does.

    Examples
    --------
    >>> import pyarrow as pa
    >>> print(
    ...     preview_mapping(
    ...         '''
    ... @prefix rml: <http://w3id.org/rml/> .
    ... @prefix ex: <https://example.org/> .
    ... <urn:fields> rml:logicalSource [ rml:source [ rml:path "fields" ] ] ;
    ...     rml:subjectMap [ rml:template "https://example.org/{id}" ; rml:class ex:Field ] ;
    ...     rml:predicateObjectMap [ rml:predicate ex:crop ; rml:objectMap [ rml:reference "crop" ] ] .
    ... ''',
    ...         rows=1,
    ...         sources={"fields": pa.table({"id": ["a", "b"], "crop": ["wheat", "maize"]})},
    ...     )
    ... )
    @prefix ex: <https://example.org/> .
    <BLANKLINE>
    ex:a a ex:Field ;
        ex:crop "wheat" .
    <BLANKLINE>
    """
    if rows < 1:
        raise InputError(f"{rows} rows show nothing.", hint="Ask for 1 or more.")
    read = read_mapping(mapping)
    asked = Given(**given)
    buffer = io.BytesIO()
    count = 0
    with opened_run(read, asked, folder=asked.beside(mapping), rows=rows, failed=None) as run:
        for source, references in read.sources().items():
            run.sources[source].check(references)
        for source, maps in groups_of(read).items():
            build_indexes(run, maps)
            references = tuple(dict.fromkeys(r for m in maps for r in read.reads(m)))
            for frame in first_frames(run, source, references):
                count += frame.rows
                for triples_map in maps:
                    _write(frame_lines(run, triples_map, frame), buffer)
            for triples_map in maps:
                for made in _first_joint(run, triples_map):
                    _write(made, buffer)
    text = _text_of(mapping)
    quads = list(dict.fromkeys(ox.parse(buffer.getvalue(), format=ox.RdfFormat.N_QUADS)))
    turtle = _turtle(quads, _known_prefixes(text), graphs=read.has_graphs, longest=longest)
    return Preview(turtle=turtle, triples=len(quads), rows=count, skipped=dict(run.issues.counts))


def _write(made: Lines, buffer: io.BytesIO) -> None:
    for lines, _ in made.parts:
        write_lines(lines, buffer)


def _first_joint(run: Run, triples_map: Any) -> Iterator[Lines]:
    """Give the first lines whose join the database makes."""
    lines = joint_lines(run, triples_map)
    with closing(cast(Any, lines)):
        yield from islice(lines, 1)


def _text_of(mapping: str | Path) -> str:
    return mapping.read_text(encoding="utf-8") if isinstance(mapping, Path) else mapping


def _known_prefixes(text: str) -> dict[str, str]:
    """Give the prefixes of the mapping, and those that everybody knows."""
    parser = ox.parse(text, format=ox.RdfFormat.TURTLE, base_iri="http://mapping.invalid/")
    for _ in parser:
        pass
    own = parser.prefixes
    taken = set(own.values())
    return own | {n: iri for n, iri in prefixes().items() if n not in own and iri not in taken}


def _turtle(
    quads: list[Any], known: Mapping[str, str], *, graphs: bool, longest: int | None
) -> str:
    ordered = [_cut(quad, longest) for quad in _by_subject(quads)]
    said = (ox.serialize(ordered, format=ox.RdfFormat.N_QUADS) or b"").replace(_TYPE, b" a ")
    used = {name: iri for name, iri in known.items() if f"<{iri}".encode() in said}
    form = ox.RdfFormat.TRIG if graphs else ox.RdfFormat.TURTLE
    whole = _Whole(tuple(used.values()), {})
    kept = [whole.quad(quad) for quad in ordered]
    text = (
        ox.serialize(kept if graphs else [quad.triple for quad in kept], format=form, prefixes=used)
        or b""
    ).decode()
    for iri, stand_in in whole.known.items():
        text = text.replace(f"<{stand_in}>", f"<{iri}>")
    lines = text.replace("\t", "    ").splitlines()
    return "".join(f"{line}\n" for line in _spaced(lines))


@dataclass(frozen=True, slots=True)
class _Whole:
    """Stand-ins for IRIs that begin like a prefix, but have a slash or the like behind that."""

    prefixes: tuple[str, ...]
    known: dict[str, str]

    def quad(self, quad: Any) -> Any:
        subject, object_ = self._term(quad.subject), self._term(quad.object)
        return ox.Quad(subject, quad.predicate, object_, quad.graph_name)

    def _term(self, term: Any) -> Any:
        if not isinstance(term, ox.NamedNode):
            return term
        iri = term.value
        start = max((p for p in self.prefixes if iri.startswith(p)), key=len, default=None)
        if start is None or _PLAIN_NAME.fullmatch(iri[len(start) :]):
            return term
        return ox.NamedNode(self.known.setdefault(iri, f"urn:x-stand-in:{len(self.known)}:"))


def _spaced(lines: Iterable[str]) -> Iterator[str]:
    """Put an empty line before each subject."""
    before = ""
    for line in lines:
        if line[:1] not in {"", " ", "@", "}"} and before and not before.endswith("{"):
            yield ""
        yield line
        before = line


def _by_subject(quads: list[Any]) -> list[Any]:
    """Order by subjects as they come first, the class of each before all else."""
    place: dict[Any, int] = {}
    for quad in quads:
        place.setdefault((quad.graph_name, quad.subject), len(place))
    rdf_type = RDF["type"]
    return sorted(
        quads,
        key=lambda q: (place[q.graph_name, q.subject], q.predicate.value != rdf_type),
    )


def _cut(quad: Any, longest: int | None) -> Any:
    value = quad.object
    if longest is None or not isinstance(value, ox.Literal) or len(value.value) <= longest:
        return quad
    text = f"{value.value[:longest].rstrip()} ... and {len(value.value) - longest} characters more"
    kind = {"language": value.language} if value.language else {"datatype": value.datatype}
    return ox.Quad(quad.subject, quad.predicate, ox.Literal(text, **kind), quad.graph_name)
