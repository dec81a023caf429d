"""Columns of terms as columns of text, one cell a term, in the spelling of each results format."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

import numpy as np

from extremeearth.knowledge.sparql.terms import XSD_STRING
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.types import TermType

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "CSV", "JSON", "JSONLD", "NTRIPLES", "PLAIN", "PROPERTY", "TSV", "XML", "Spelling", "cells",
]  # fmt: skip

Around = Callable[[TermType], tuple[str, str]]
Escape = Callable[[Any], Any]

_NUMBER = r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$"
_BARE = {
    types.INTEGER: r"^[+-]?[0-9]+$",
    types.DECIMAL: r"^[+-]?[0-9]*\.[0-9]+$",
    types.DOUBLE: r"^[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)[eE][+-]?[0-9]+$",
    types.BOOLEAN: r"^(?:true|false)$",
}
_JSON_BARE = {
    **dict.fromkeys((types.INTEGER, types.DECIMAL, types.FLOAT, types.DOUBLE), _NUMBER),
    **dict.fromkeys(range(types.KML + 1, types.KML + 1 + len(types.DERIVED_INTEGERS)), _NUMBER),
    types.BOOLEAN: _BARE[types.BOOLEAN],
}


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a format writes a term.

    Attributes
    ----------
    around
        What stands before and after the text of a term of some type.
    escape
        Makes the text of literals and blank nodes safe, a whole array at once.
    escape_iri
        The same for IRIs; that of literals by default.
    bare
        Regular expressions by type code: where the text matches, it stands alone.
    finish
        Looks at the finished cell, e.g. to quote it.
    """

    around: Around
    escape: Escape
    escape_iri: Escape | None = None
    bare: Mapping[int, str] = field(default_factory=dict)
    finish: Escape | None = None


def cells(column: TermColumn, spelling: Spelling) -> pa.LargeStringArray:
    r"""Write each term of a column; null where there is none.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import Iri, Literal
    >>> cells(
    ...     TermColumn.of([Iri("urn:a"), None, Literal("x\ty", language="en")]), NTRIPLES
    ... ).to_pylist()
    ['<urn:a>', None, '"x\\ty"@en']
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    present, back = np.unique(column.types, return_inverse=True)
    codes = present.tolist()
    pairs = [(None, None) if c < 0 else spelling.around(types.describe(c)) for c in codes]
    values = _escaped(column, spelling)
    before, after = (pa.array([pair[i] for pair in pairs], pa.large_string()) for i in (0, 1))
    if len(codes) == 1:
        first, last = before[0], after[0]
    else:
        first, last = before.take(pa.array(back)), after.take(pa.array(back))
    if all(pair == ("", "") for pair in pairs):
        made = values
    else:
        made = pc.binary_join_element_wise(first, values, last, pa.scalar("", pa.large_string()))
    for code, pattern in spelling.bare.items():
        if code in codes:
            alone = pc.and_(
                pa.array(column.types == code), pc.match_substring_regex(column.values, pattern)
            )
            made = pc.if_else(alone, column.values, made)
    if spelling.finish is not None:
        made = spelling.finish(made)
    return made


def _escaped(column: TermColumn, spelling: Spelling) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if spelling.escape_iri is None or not len(column):
        return spelling.escape(column.values)
    iris = column.types == types.IRI
    if iris.all():
        return spelling.escape_iri(column.values)
    texts = spelling.escape(column.values)
    if not iris.any():
        return texts
    return pc.if_else(pa.array(iris), spelling.escape_iri(column.values), texts)


def _escaper(
    common: Mapping[str, str], rare: str, replace: Callable[[re.Match[str]], str]
) -> Escape:
    """Make a function that replaces a few common signs all at once, and rare ones text by text."""
    anything = "[" + "".join(re.escape(sign) for sign in common) + "]|" + rare
    slow = re.compile(rare)

    def escape(values: Any) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc

        if not pc.any(pc.match_substring_regex(values, anything)).as_py():
            return values
        for sign, instead in common.items():
            values = pc.replace_substring(values, sign, instead)
        hits = pc.match_substring_regex(values, rare)
        if pc.any(hits).as_py():
            fixed = [slow.sub(replace, text) for text in values.filter(hits).to_pylist()]
            values = pc.replace_with_mask(values, hits, pa.array(fixed, pa.large_string()))
        return values

    return escape


def _unicode(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04X}"


_escape_json = _escaper(
    {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}, r"[\x00-\x1f]", _unicode
)
_escape_turtle = _escaper(
    {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}, r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", _unicode
)  # fmt: skip
_escape_iri = _escaper({"\\": "\\u005C"}, r'[\x00-\x20<>"{}|^`]', _unicode)
# A bare carriage return would be lost by XML parsers; other controls are not XML at all.
_escape_xml = _escaper(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"}, r"[\x00-\x08\x0b\x0c\x0e-\x1f]", lambda _: ""
)  # fmt: skip


def _same(values: Any) -> Any:
    return values


def _quote_csv(made: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    hits = pc.match_substring_regex(made, '[,"\r\n]')
    if not pc.any(hits).as_py():
        return made
    quote = pa.scalar('"', pa.large_string())
    doubled = pc.replace_substring(made, '"', '""')
    empty = pa.scalar("", pa.large_string())
    return pc.if_else(hits, pc.binary_join_element_wise(quote, doubled, quote, empty), made)


def _around_json(kind: TermType) -> tuple[str, str]:
    if kind.kind != "literal":
        return f'{{"type":"{"uri" if kind.kind == "iri" else "bnode"}","value":"', '"}'
    if kind.language:
        return '{"type":"literal","value":"', f'","xml:lang":{_json_text(kind.language)}}}'
    if kind.datatype == XSD_STRING.value:
        return '{"type":"literal","value":"', '"}'
    return '{"type":"literal","value":"', f'","datatype":{_json_text(kind.datatype)}}}'


def _around_jsonld(kind: TermType) -> tuple[str, str]:
    if kind.kind != "literal":
        return '{"@id":"' + ("_:" if kind.kind == "blank" else ""), '"}'
    if kind.language:
        return '{"@value":"', f'","@language":{_json_text(kind.language)}}}'
    if kind.datatype == XSD_STRING.value:
        return '{"@value":"', '"}'
    return '{"@value":"', f'","@type":{_json_text(kind.datatype)}}}'


def _json_text(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=False)


def _around_xml(kind: TermType) -> tuple[str, str]:
    if kind.kind != "literal":
        tag = "uri" if kind.kind == "iri" else "bnode"
        return f"<{tag}>", f"</{tag}>"
    if kind.language:
        return f"<literal xml:lang={quoteattr(kind.language)}>", "</literal>"
    if kind.datatype == XSD_STRING.value:
        return "<literal>", "</literal>"
    return f"<literal datatype={quoteattr(kind.datatype)}>", "</literal>"


def _around_plain(kind: TermType) -> tuple[str, str]:
    return ("_:", "") if kind.kind == "blank" else ("", "")


def _around_turtle(kind: TermType) -> tuple[str, str]:
    if kind.kind == "iri":
        return "<", ">"
    if kind.kind == "blank":
        return "_:", ""
    if kind.language:
        return '"', f'"@{kind.language}'
    return '"', '"' if kind.datatype == XSD_STRING.value else f'"^^<{kind.datatype}>'


def _around_property(kind: TermType) -> tuple[str, str]:
    return '"' + _around_plain(kind)[0], '"'


JSON = Spelling(_around_json, _escape_json)
"""A term in SPARQL 1.1 Query Results JSON."""
JSONLD = Spelling(_around_jsonld, _escape_json)
"""A term as a node or value of expanded JSON-LD."""
XML = Spelling(_around_xml, _escape_xml)
"""A term in the SPARQL Query Results XML Format."""
CSV = Spelling(_around_plain, _same, finish=_quote_csv)
"""The text of a term, quoted where RFC 4180 says so."""
PLAIN = Spelling(_around_plain, _same)
"""The text of a term alone."""
NTRIPLES = Spelling(_around_turtle, _escape_turtle, _escape_iri)
"""A term in N-Triples."""
TSV = Spelling(_around_turtle, _escape_turtle, _escape_iri, bare=_BARE)
"""A term in SPARQL 1.1 Query Results TSV: numbers and booleans in their short form."""
PROPERTY = Spelling(_around_property, _escape_json, bare=_JSON_BARE)
"""A term as a JSON value: numbers and booleans as such, the rest as text."""
