"""A mapping as a picture: sources on the left, a card for each triples map, arrows to the subjects it points at."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from extremeearth.knowledge.mapping.inspection.words import local_name, shown, shown_map
from extremeearth.knowledge.mapping.rules import document as doc
from extremeearth.knowledge.mapping.rules.reader import read_mapping

__all__ = ["Diagram", "mapping_diagram"]

MOST_ROWS = 40
"""Properties of a triples map that are drawn; the others are counted."""

_SOURCE, _CARD, _MARGIN, _GAP, _LINE = 220, 640, 20, 28, 20
_VALUE, _LANE, _HEAD = 240, 14, 46
_INK, _MUTED, _RULE, _ACCENT, _PAPER = "#1c2b33", "#5d6f79", "#dfe6ea", "#0f766e", "#ffffff"
_CHARACTER, _BOLD_CHARACTER = 7.4, 8.4
"""Width of a letter, in pixels; what is longer than its place is cut, and whole when the mouse is over it."""


@dataclass(frozen=True, slots=True)
class Diagram:
    """A drawing in SVG that stands by itself; a notebook shows it."""

    svg: str

    def _repr_svg_(self) -> str:
        """Show the drawing in a notebook."""
        return self.svg

    def save(self, path: Path) -> None:
        """Write the drawing to a file; it appears whole.

        Raises
        ------
        StorageError
            It cannot be written.
        """
        from extremeearth.core.files import write_atomic

        write_atomic(path, self.svg)


@dataclass(frozen=True, slots=True)
class _Row:
    """A property: what it says, what its value is made of, and the triples map it leads to."""

    predicate: str
    value: str
    leads_to: str | None = None


@dataclass(frozen=True, slots=True)
class _Card:
    name: str
    title: str
    subject: str
    rows: tuple[_Row, ...]
    hidden: int
    top: int

    @property
    def height(self) -> int:
        return _HEAD + _LINE * (len(self.rows) + bool(self.hidden)) + 8


def mapping_diagram(mapping: str | Path | doc.Mapping) -> Diagram:
    """Draw a mapping.

    Parameters
    ----------
    mapping
        Turtle text, the path of such a file, or what `read_mapping` made of it.

    Raises
    ------
    MappingError
        The mapping is broken.

    Examples
    --------
    >>> drawn = mapping_diagram('''
    ... @prefix rml: <http://w3id.org/rml/> .
    ... <urn:fields> rml:logicalSource [ rml:source [ rml:path "fields.csv" ] ] ;
    ...     rml:subjectMap [ rml:template "https://example.org/{id}" ] .
    ... ''')
    >>> "fields.csv" in drawn.svg, "https://example.org/{id}" in drawn.svg
    (True, True)
    """
    read = mapping if isinstance(mapping, doc.Mapping) else read_mapping(mapping)
    cards: dict[str, _Card] = {}
    top = _MARGIN
    for triples_map in read.triples_maps.values():
        card = _card(read, triples_map, top)
        cards[card.name] = card
        top += card.height + _GAP
    body = [*_source_boxes(read, cards), *(line for c in cards.values() for line in _drawn(c))]
    arrows = list(_arrows(cards))
    width = 2 * _MARGIN + _SOURCE + 60 + _CARD + _LANE * (len(arrows) + 1)
    return Diagram(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" width="{width}" height="{top}" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{_INK}">\n'
        f'<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        f'orient="auto"><path d="M0 0L8 4L0 8z" fill="{_ACCENT}"/></marker></defs>\n'
        f'<rect width="100%" height="100%" fill="{_PAPER}"/>\n' + "\n".join([*body, *arrows]) + "\n</svg>\n"
    )  # fmt: skip


def _card(read: doc.Mapping, triples_map: doc.TriplesMap, top: int) -> _Card:
    rows = []
    for said in triples_map.properties:
        predicates = ", ".join(local_name(shown_map(p)) for p in said.predicates)
        rows += [_Row(predicates, *_value(read, triples_map, o)) for o in said.objects]
    classes = ", ".join(local_name(shown_map(c)) for c in triples_map.classes)
    own = f"({local_name(triples_map.name)})"
    return _Card(
        triples_map.name, f"{classes} {own}" if classes else own, shown_map(triples_map.subject),
        tuple(rows[:MOST_ROWS]), max(len(rows) - MOST_ROWS, 0), top,
    )  # fmt: skip


def _value(
    read: doc.Mapping, triples_map: doc.TriplesMap, made: doc.TermMap | doc.ReferencingMap
) -> tuple[str, str | None]:
    """Say what an object is made of, and which triples map has it as its subject."""
    if isinstance(made, doc.ReferencingMap):
        on = " and ".join(f"{shown(j.child)} = {shown(j.parent)}" for j in made.joins)
        return (f"where {on}" if on else "of the same row"), made.parent
    for other in read.triples_maps.values():
        same = other.subject.expression == made.expression
        if same and made.term_type.is_iri and list(doc.references_of(made)):
            return shown_map(made), other.name
    kind = "" if made.datatype is None else f" : {local_name(shown_map(made.datatype))}"
    language = "" if made.language is None else f" @{shown_map(made.language)}"
    return f"{shown_map(made)}{kind}{language}", None


def _source_boxes(read: doc.Mapping, cards: dict[str, _Card]) -> list[str]:
    """Draw each source once, beside the first triples map that reads it, with a line to each."""
    first: dict[doc.LogicalSource, int] = {}
    drawn: list[str] = []
    for name, triples_map in read.triples_maps.items():
        source, card = triples_map.source, cards[name]
        if source not in first:
            first[source] = card.top
            drawn += _source_box(source, card.top)
        x0, x1 = _MARGIN + _SOURCE, _MARGIN + _SOURCE + 60
        y0, y1 = first[source] + 23, card.top + 23
        drawn.append(
            f'<path d="M{x0} {y0}C{x0 + 30} {y0} {x1 - 30} {y1} {x1 - 1} {y1}" fill="none" stroke="{_MUTED}"/>'
        )
    return drawn


def _source_box(source: doc.LogicalSource, top: int) -> list[str]:
    name = source.name or "the database"
    detail = source.iterator if source.iterator not in (None, name) else source.formulation
    return [
        f'<rect x="{_MARGIN}" y="{top}" width="{_SOURCE}" height="{_HEAD}" rx="8" fill="#eef5f4" '
        f'stroke="{_ACCENT}"/>',
        _text(_MARGIN + 12, top + 19, name, _SOURCE - 24, bold=True),
        _text(_MARGIN + 12, top + 36, detail or "", _SOURCE - 24, colour=_MUTED),
    ]


def _drawn(card: _Card) -> list[str]:
    left = _MARGIN + _SOURCE + 60
    lines = [
        f'<rect x="{left}" y="{card.top}" width="{_CARD}" height="{card.height}" rx="8" fill="none" '
        f'stroke="{_INK}"/>',
        _text(left + 12, card.top + 19, card.title, _CARD - 24, bold=True),
        _text(left + 12, card.top + 36, card.subject, _CARD - 24, colour=_MUTED),
        f'<path d="M{left} {card.top + _HEAD}h{_CARD}" stroke="{_RULE}"/>',
    ]
    for number, row in enumerate(card.rows):
        y = card.top + _HEAD + _LINE * number + 15
        lines.append(_text(left + 12, y, row.predicate, _VALUE - 20))
        colour = _MUTED if row.leads_to is None else _ACCENT
        lines.append(_text(left + _VALUE, y, row.value, _CARD - _VALUE - 12, colour=colour))
    if card.hidden:
        y = card.top + _HEAD + _LINE * len(card.rows) + 15
        lines.append(_text(left + 12, y, f"and {card.hidden} more", _VALUE, colour=_MUTED))
    return lines


def _arrows(cards: dict[str, _Card]) -> list[str]:
    """Draw what leads from a property to the subjects of a triples map, each in a lane of its own."""
    right = _MARGIN + _SOURCE + 60 + _CARD
    drawn: list[str] = []
    for card in cards.values():
        for number, row in enumerate(card.rows):
            if row.leads_to in cards:
                y0 = card.top + _HEAD + _LINE * number + 11
                y1, lane = cards[row.leads_to].top + 23, right + _LANE * (len(drawn) + 1)
                drawn.append(
                    f'<path d="M{right} {y0}H{lane}V{y1}H{right + 2}" fill="none" stroke="{_ACCENT}" '
                    f'marker-end="url(#tip)"/>'
                )
    return drawn


def _text(x: int, y: int, words: str, width: int, *, bold: bool = False, colour: str = _INK) -> str:
    room = int(width / (_BOLD_CHARACTER if bold else _CHARACTER))
    said = words if len(words) <= room else f"{words[: room - 1]}…"
    title = "" if said == words else f"<title>{escape(words)}</title>"
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x}" y="{y}" fill="{colour}"{weight}>{title}{escape(said)}</text>'
