"""Kinds of RDF terms as small numbers, so that a million terms can be asked for their type at once.

A code stands for one kind of term: IRI, blank node, literals of one datatype, or literals of one language. Codes
mean something inside this process only; tables on disk hold the texts.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.core.errors import LimitError
from extremeearth.knowledge.rdf import GEO
from extremeearth.knowledge.sparql.terms import RDF_LANG_STRING, XSD

__all__ = [
    "BLANK",
    "BOOLEAN",
    "DATE",
    "DATE_TIME",
    "DAY_TIME_DURATION",
    "DECIMAL",
    "DOUBLE",
    "DURATION",
    "FLOAT",
    "GEOJSON",
    "GML",
    "INTEGER",
    "IRI",
    "KML",
    "NONE",
    "STRING",
    "TIME",
    "WKT",
    "YEAR_MONTH_DURATION",
    "TermType",
    "code_of_text",
    "datatype_code",
    "describe",
    "flags",
    "language_code",
]

NONE = -1
"""No term: unbound, or the error of an expression."""
IRI, BLANK, STRING, BOOLEAN, INTEGER, DECIMAL, FLOAT, DOUBLE = range(8)
DATE_TIME, DATE, TIME, DURATION, DAY_TIME_DURATION, YEAR_MONTH_DURATION = range(8, 14)
WKT, GML, GEOJSON, KML = range(14, 18)

MOST_TYPES = 200_000
"""Most kinds of terms that a process tells apart."""
DERIVED_INTEGERS = (
    "long", "int", "short", "byte", "nonNegativeInteger", "positiveInteger", "nonPositiveInteger",
    "negativeInteger", "unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TermType:
    """What a code stands for.

    Attributes
    ----------
    kind
        ``iri``, ``blank`` or ``literal``.
    datatype
        IRI of a literal's datatype, else ``""``.
    language
        Language tag in small letters, else ``""``.
    """

    kind: str
    datatype: str = ""
    language: str = ""

    @property
    def text(self) -> str:
        """The form kept on disk: ``iri``, ``blank``, ``@de``, or the IRI of the datatype."""
        if self.kind != "literal":
            return self.kind
        return f"@{self.language}" if self.language else self.datatype


def _fixed() -> list[TermType]:
    names = (
        "string", "boolean", "integer", "decimal", "float", "double", "dateTime", "date", "time", "duration",
        "dayTimeDuration", "yearMonthDuration",
    )  # fmt: skip
    geometry = ("wktLiteral", "gmlLiteral", "geoJSONLiteral", "kmlLiteral")
    return [
        TermType("iri"),
        TermType("blank"),
        *(TermType("literal", XSD + name) for name in names),
        *(TermType("literal", f"{GEO}{name}") for name in geometry),
        *(TermType("literal", XSD + name) for name in DERIVED_INTEGERS),
    ]


_lock = threading.Lock()
_types: list[TermType] = _fixed()
_codes: dict[str, int] = {kind.text: code for code, kind in enumerate(_types)}


def code_of_text(text: str) -> int:
    """Give the code of a type by its text, a new one where it was never seen.

    Raises
    ------
    LimitError
        There are too many; codes are never forgotten while the process lives.

    Examples
    --------
    >>> code_of_text("iri") == IRI, describe(code_of_text("@DE")).language
    (True, 'de')
    """
    found = _codes.get(text)
    if found is not None:
        return found
    if len(_types) >= MOST_TYPES:
        raise LimitError(
            f"More than {MOST_TYPES} datatypes and languages are in use.",
            hint="Put what differs from value to value into the value, not into its datatype.",
        )
    if text.startswith("@"):
        kind = TermType("literal", RDF_LANG_STRING.value, text[1:].lower())
    else:
        kind = TermType("literal", text)
    with _lock:
        if kind.text not in _codes:
            _types.append(kind)
            _codes[kind.text] = len(_types) - 1
        return _codes[kind.text]


def datatype_code(datatype: str) -> int:
    """Give the code of literals of a datatype."""
    return code_of_text(datatype)


def language_code(language: str) -> int:
    """Give the code of literals in a language."""
    return code_of_text(f"@{language.lower()}")


def describe(code: int) -> TermType:
    """Tell what a code stands for."""
    return _types[code]


_NUMERIC = frozenset(
    {INTEGER, DECIMAL, FLOAT, DOUBLE, *range(KML + 1, KML + 1 + len(DERIVED_INTEGERS))}
)
_INTEGERS = _NUMERIC - {DECIMAL, FLOAT, DOUBLE}
_GEOMETRIES = frozenset({WKT, GML, GEOJSON, KML})
_TESTS = {
    "numeric": lambda code, kind: code in _NUMERIC,
    "integer": lambda code, kind: code in _INTEGERS,
    "geometry": lambda code, kind: code in _GEOMETRIES,
    "literal": lambda code, kind: kind.kind == "literal",
    "language": lambda code, kind: bool(kind.language),
    "stringlike": lambda code, kind: code == STRING or bool(kind.language),
}


def flags(codes: NDArray[np.int32], test: str) -> NDArray[np.bool_]:
    """Ask every code of an array one question; no term is never anything.

    Parameters
    ----------
    codes
        Codes, -1 for no term.
    test
        ``numeric``, ``integer`` (derived types too), ``geometry``, ``literal``, ``language`` (has one) or
        ``stringlike`` (a string, with a language or without).

    Examples
    --------
    >>> flags(np.array([INTEGER, STRING, NONE], np.int32), "numeric").tolist()
    [True, False, False]
    """
    ask: Any = _TESTS[test]
    present, back = np.unique(codes, return_inverse=True)
    answers = np.array([c >= 0 and bool(ask(int(c), _types[c])) for c in present], dtype=bool)
    return answers[back.reshape(codes.shape)] if len(present) else np.zeros(codes.shape, bool)
