r"""What a term of N-Triples may look like: W3C RDF 1.1 N-Triples, section 7, as regular expressions and checks.

The expressions are meant for terms that were made unique before, a whole column at a time. They say "surely right";
what they do not know goes to pyoxigraph one by one, which knows every rule of RFC 3987 and BCP 47.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyoxigraph as ox

from extremeearth.knowledge.rdf.vocabulary import RDF, XSD

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "ESCAPED_TEXT", "IRI_WITH_ESCAPES", "NOTHING_STATED", "STATEMENT", "STRING_TYPE", "are_iris", "are_labels",
    "coded_labels", "is_iri", "type_of_tail", "unescape",
]  # fmt: skip

STRING_TYPE = f"{XSD}string"
_LANG_STRING = f"{RDF}langString"
_DIR_LANG_STRING = f"{RDF}dirLangString"

_UCHAR = r"\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}"
_IRIREF = rf'<(?:[^\x00-\x20<>"{{}}|^`\\]|{_UCHAR})*>'
# PN_CHARS_BASE, without the letters of ASCII
_LETTERS = (
    r"\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{2FF}\x{370}-\x{37D}\x{37F}-\x{1FFF}\x{200C}-\x{200D}\x{2070}-\x{218F}"
    r"\x{2C00}-\x{2FEF}\x{3001}-\x{D7FF}\x{F900}-\x{FDCF}\x{FDF0}-\x{FFFD}\x{10000}-\x{EFFFF}"
)
_START = rf"A-Za-z{_LETTERS}_:0-9"
_INNER = rf"{_START}\-\x{{B7}}\x{{300}}-\x{{36F}}\x{{203F}}-\x{{2040}}"
_LABEL = rf"[{_START}](?:[{_INNER}.]*[{_INNER}])?"
_TEXT = rf'(?:[^"\\\n\r]|\\[tbnrf"\'\\]|{_UCHAR})*'
_LITERAL = rf'"{_TEXT}"(?:@[a-zA-Z]+(?:-[a-zA-Z0-9]+)*|\^\^{_IRIREF})?'
_NODE = rf"{_IRIREF}|_:{_LABEL}"

STATEMENT = (
    rf"^[ \t]*({_NODE})[ \t]*({_IRIREF})[ \t]*({_NODE}|{_LITERAL})[ \t]*({_NODE})?[ \t]*\."
    r"[ \t]*(?:#[^\r\n]*)?\r?$"
)
"""One line: subject, predicate, object, and a graph if there is one."""
NOTHING_STATED = r"^[ \t]*(?:#[^\r\n]*)?\r?$"
"""A blank line or a comment."""
ESCAPED_TEXT = rf"^{_TEXT}$"
"""What may stand between the quotes of a literal."""
IRI_WITH_ESCAPES = rf'^(?:[^\x00-\x20<>"{{}}|^`\\]|{_UCHAR})*$'
"""What may stand between the angle brackets of an IRI."""

_ASCII_LABEL = r"^[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*[A-Za-z0-9_\-])?$"
_ANY_LABEL = rf"^{_LABEL}$"


def _iri_pattern(letters: str) -> str:
    """RFC 3987 without address literals in brackets and user names, which are rare: those ask pyoxigraph."""
    plain = rf"[A-Za-z0-9\-._~!$&'()*+,;=:@{letters}]|%[0-9A-Fa-f]{{2}}"
    first = rf"(?:/(?:{plain})|{plain})(?:/|{plain})*"
    return (
        rf"^[A-Za-z][A-Za-z0-9+.\-]*:(?://[A-Za-z0-9._~\-{letters}]*(?::[0-9]*)?(?:/(?:/|{plain})*)?|(?:{first}|/)?)"
        rf"(?:\?(?:[/?]|{plain})*)?(?:#(?:[/?]|{plain})*)?$"
    )


# `ucschar` of RFC 3987
_UCSCHAR = r"\x{A0}-\x{D7FF}\x{F900}-\x{FDCF}\x{FDF0}-\x{FFEF}" + "".join(
    rf"\x{{{plane:X}0000}}-\x{{{plane:X}FFFD}}" for plane in range(1, 0xE)
)
_ASCII_IRI = _iri_pattern("")
_ANY_IRI = _iri_pattern(_UCSCHAR)

_SIMPLE_ESCAPES = {
    "\\\\": "\\", '\\"': '"', "\\'": "'", "\\t": "\t", "\\b": "\b", "\\n": "\n", "\\r": "\r", "\\f": "\f",
}  # fmt: skip
_LANGUAGE = re.compile(r"@[a-zA-Z]+(?:-[a-zA-Z0-9]+)*")


def are_iris(texts: pl.Series) -> pl.Series:
    """Tell which texts are absolute IRIs (RFC 3987).

    Examples
    --------
    >>> import polars as pl
    >>> are_iris(
    ...     pl.Series(["http://a/b?c#d", "urn:é", "a", "http://a/[b]", "http://[::1]/"])
    ... ).to_list()
    [True, True, False, False, True]
    """
    return _in_stages(texts, (_ASCII_IRI, _ANY_IRI), is_iri)


def is_iri(text: str) -> bool:
    """Ask pyoxigraph whether a text is an absolute IRI."""
    try:
        ox.NamedNode(text)
    except ValueError:
        return False
    return True


def are_labels(labels: pl.Series) -> pl.Series:
    """Tell which texts are labels of blank nodes.

    Examples
    --------
    >>> import polars as pl
    >>> are_labels(pl.Series(["a.b", "1é", "a.", "-a", "a:b"])).to_list()
    [True, True, False, False, True]
    """
    return _in_stages(labels, (_ASCII_LABEL, _ANY_LABEL), None)


def coded_labels(labels: pl.Series) -> pl.Series:
    """Write the colon, which only RDF 1.1 allows in a label, in a way that meets no other label.

    Examples
    --------
    >>> import polars as pl
    >>> coded_labels(pl.Series(["a", "a:b", "a_x"])).to_list()
    ['_a', 'x613A62', '_a_x']
    """
    import polars as pl

    odd = labels.str.contains(":", literal=True)
    plain = "_" + labels
    if not odd.any():
        return plain
    coded = "x" + labels.cast(pl.Binary).bin.encode("hex").str.to_uppercase()
    return pl.select(pl.when(odd).then(coded).otherwise(plain)).to_series()


def _in_stages(texts: pl.Series, patterns: tuple[str, ...], ask: Any) -> pl.Series:
    """Try one expression after the other on what is left, then a function."""
    import polars as pl

    good = texts.str.contains(patterns[0])
    for pattern in (*patterns[1:], None):
        if good.all():
            break
        rows = (~good).arg_true()
        left = texts.gather(rows)
        if pattern is not None:
            answer = left.str.contains(pattern)
        elif ask is not None:
            answer = pl.Series([ask(text) for text in left.to_list()], dtype=pl.Boolean)
        else:
            break
        good = good.scatter(rows, answer)
    return good


def type_of_tail(tail: str) -> str | None:
    """Give the type that stands behind the closing quote: an IRI or ``@language``; `None` where it is broken.

    Examples
    --------
    >>> type_of_tail("@en-GB"), type_of_tail("^^<urn:t>"), type_of_tail("@"), type_of_tail("^^<t>")
    ('@en-gb', 'urn:t', None, None)
    """
    if not tail:
        return STRING_TYPE
    if tail.startswith("@"):
        return tail.lower() if _LANGUAGE.fullmatch(tail) and _is_language(tail[1:]) else None
    if not (tail.startswith("^^<") and tail.endswith(">")):
        return None
    iri = tail[3:-1]
    if "\\" in iri:
        if not re.fullmatch(IRI_WITH_ESCAPES[1:-1], iri):
            return None
        iri = re.sub(_UCHAR, _character, iri)
    return iri if iri not in {_LANG_STRING, _DIR_LANG_STRING} and is_iri(iri) else None


def _is_language(tag: str) -> bool:
    try:
        ox.Literal("", language=tag)
    except ValueError:
        return False
    return True


def _character(match: re.Match[str]) -> str:
    code = int(match.group()[2:], 16)
    # what is no character stays as it is, and is no IRI then
    return match.group() if code > 0x10FFFF or 0xD800 <= code < 0xE000 else chr(code)


def unescape(texts: pl.Series) -> tuple[pl.Series, pl.Series]:
    r"""Replace the escapes in texts that are well-formed; tell too where one names no character.

    Examples
    --------
    >>> import polars as pl
    >>> [series.to_list() for series in unescape(pl.Series([r"\\n\t\u00e9", r"\ud800"]))]
    [['\\n\té', '\\ud800'], [True, False]]
    """
    import polars as pl

    coded = texts.filter(texts.str.contains(r"\\[uU]"))
    found = coded.str.extract_all(_UCHAR).explode().drop_nulls().unique().to_list()
    replaced = {code: re.sub(_UCHAR, _character, code) for code in found}
    # The leftmost escape goes first, so that a doubled backslash never lends its second half to what follows.
    patterns = {**_SIMPLE_ESCAPES, **replaced}
    result = texts.str.replace_many(list(patterns), list(patterns.values()))
    nothing = [code for code, character in replaced.items() if code == character]
    if not nothing:
        return result, pl.repeat(True, len(texts), dtype=pl.Boolean, eager=True)
    return result, ~texts.str.contains_any(nothing)
