"""N-Triples and N-Quads, whole columns at a time.

A *term column* is an Arrow ``large_string`` array whose values are terms as they stand in the file
(``<iri>``, ``"text"@en``, ``_:b1``); a null is a term that is not there, and a statement with one is not
written. Grammar and escapes: W3C RDF 1.1 N-Triples, sections 2 and 7.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from extremeearth.core.errors import InputError

__all__ = [
    "ABSOLUTE_IRI", "TEXT", "as_text", "blank_terms", "bytes_of", "check_iri", "iri_terms", "is_absolute_iri",
    "join_text", "language_terms", "literal_parts", "literal_terms", "percent_encode", "statement_lines",
]  # fmt: skip

TEXT = pa.large_string()
"""Arrow type of every term column: offsets of 64 bits, so that no batch of big geometries overflows."""

ABSOLUTE_IRI = r"^[A-Za-z][A-Za-z0-9+.\-]*:[^\x00-\x20<>\"{}|^`\\]*$"
"""An absolute IRI as N-Triples allows it: a scheme and no character that IRIREF excludes."""

# RFC 5646: a primary subtag has two letters or more, but for private use (x-) and grandfathered tags (i-).
LANGUAGE_TAG = r"^(?:[A-Za-z]{2,8}|[xiXI]-[A-Za-z0-9]{1,8})(?:-[A-Za-z0-9]{1,8})*$"
_ESCAPES = (("\\", r"\\"), ('"', r"\""), ("\n", r"\n"), ("\r", r"\r"))
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_LETTERS_DIGITS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
# RFC 3987 `ucschar`, as far as the Basic Multilingual Plane and plane 1 to 14 go.
_UCSCHAR = (
    r"\x{A0}-\x{D7FF}\x{F900}-\x{FDCF}\x{FDF0}-\x{FFEF}\x{10000}-\x{1FFFD}\x{20000}-\x{2FFFD}"
    r"\x{30000}-\x{3FFFD}\x{40000}-\x{4FFFD}\x{50000}-\x{5FFFD}\x{60000}-\x{6FFFD}\x{70000}-\x{7FFFD}"
    r"\x{80000}-\x{8FFFD}\x{90000}-\x{9FFFD}\x{A0000}-\x{AFFFD}\x{B0000}-\x{BFFFD}\x{C0000}-\x{CFFFD}"
    r"\x{D0000}-\x{DFFFD}\x{E1000}-\x{EFFFD}"
)


def as_text(values: Any) -> Any:
    """Give values as an Arrow ``large_string`` array; nulls and missing numbers stay null.

    Examples
    --------
    >>> as_text([1, None]).to_pylist()
    ['1', None]
    """
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if not isinstance(values, pa.Array):
        values = pa.array(values, from_pandas=True)
    return values if values.type == TEXT else pc.cast(values, TEXT)


def join_text(*parts: Any) -> Any:
    """Concatenate arrays and constants value by value; a null part makes a null.

    Examples
    --------
    >>> join_text("a", pa.array(["b", None], TEXT)).to_pylist()
    ['ab', None]
    """
    typed = [pa.scalar(part, TEXT) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*typed, pa.scalar("", TEXT), null_handling="emit_null")


def is_absolute_iri(text: str) -> bool:
    """Tell whether a text is an absolute IRI.

    Examples
    --------
    >>> is_absolute_iri("https://example.org/a"), is_absolute_iri("a b")
    (True, False)
    """
    return bool(pc.match_substring_regex(pa.scalar(text, TEXT), pattern=ABSOLUTE_IRI).as_py())


def check_iri(text: str) -> str:
    """Give back an absolute IRI, or raise.

    Raises
    ------
    InputError
        It has no scheme, or a character that an IRI cannot hold.

    Examples
    --------
    >>> check_iri("urn:a")
    'urn:a'
    """
    if not is_absolute_iri(text):
        raise InputError(
            f"'{text}' is not an absolute IRI.",
            hint="Write it as e.g. https://example.org/field/1.",
        )
    return text


def bytes_of(array: Any) -> bytes:
    """Give the characters of a ``large_string`` array in one piece (also those under nulls).

    Examples
    --------
    >>> bytes_of(pa.array(["a", "bc"], TEXT))
    b'abc'
    """
    data = array.buffers()[2]
    if data is None or len(array) == 0:
        return b""
    offsets = memoryview(cast(Any, array.buffers()[1])).cast("q")
    return bytes(memoryview(data)[offsets[array.offset] : offsets[array.offset + len(array)]])


def percent_encode(values: Any, *, ascii_only: bool = False) -> Any:
    """Make values safe as a part of an IRI.

    Parameters
    ----------
    values
        Arrow array of text.
    ascii_only
        ``False`` gives the IRI-safe version of R2RML section 7.3 (letters of all scripts stay), ``True`` the
        URI-safe one (everything but ASCII letters, digits and ``-._~`` is encoded as UTF-8).

    Examples
    --------
    >>> percent_encode(pa.array(["Zoë K/1"])).to_pylist()
    ['Zoë%20K%2F1']
    >>> percent_encode(pa.array(["Zoë K/1"]), ascii_only=True).to_pylist()
    ['Zo%C3%AB%20K%2F1']
    """
    return _coded(
        as_text(values), kept=bytes(_UNRESERVED), beyond="" if ascii_only else _UCSCHAR, sign="%"
    )


def _coded(text: Any, *, kept: bytes, beyond: str, sign: str) -> Any:
    """Write each byte of other characters than `kept`, and those `beyond` ASCII that are kept, as sign and number."""
    present = set(bytes_of(text).translate(None, kept))
    # the sign goes first: the codes that follow bring new ones
    unsafe = sorted((b for b in present if b < 0x80), key=lambda b: b != ord(sign))
    for byte in unsafe:
        text = pc.replace_substring(text, pattern=chr(byte), replacement=f"{sign}{byte:02X}")
    if any(b >= 0x80 for b in present):
        text = _coded_others(text, pattern=rf"[^\x00-\x7F{beyond}]", sign=sign)
    return text


def _coded_others(text: Any, *, pattern: str, sign: str) -> Any:
    """Code the characters that match `pattern`, over the distinct characters found."""
    hits = pc.match_substring_regex(text, pattern=pattern)
    if not pc.any(hits).as_py():
        return text
    allowed = pattern.replace("[^", "[", 1)
    found = set("".join(pc.replace_substring_regex(
        pc.filter(text, hits), pattern=allowed, replacement="").to_pylist()))  # fmt: skip
    for character in sorted(found):
        code = "".join(f"{sign}{byte:02X}" for byte in character.encode())
        text = pc.replace_substring(text, pattern=character, replacement=code)
    return text


def iri_terms(values: Any, *, base: str | None = None, checked: bool = True) -> Any:
    """Give IRIs as terms.

    Parameters
    ----------
    values
        Arrow array of IRIs; nulls stay null.
    base
        Put before those that are not absolute, as R2RML section 7.3 wants it (no path is resolved).
    checked
        ``False`` where the caller knows that all are absolute IRIs.

    Raises
    ------
    InputError
        A value is not an absolute IRI; the first one is named.

    Examples
    --------
    >>> iri_terms(pa.array(["urn:a", "b"]), base="http://example.org/").to_pylist()
    ['<urn:a>', '<http://example.org/b>']
    """
    text = as_text(values)
    if checked:
        good = pc.match_substring_regex(text, pattern=ABSOLUTE_IRI)
        if base is not None and not pc.all(good, min_count=0).as_py():
            text = pc.if_else(good, text, join_text(base, text))
            good = pc.match_substring_regex(text, pattern=ABSOLUTE_IRI)
        if not pc.all(good, min_count=0).as_py():
            check_iri(pc.filter(text, pc.invert(good))[0].as_py())
    return join_text("<", text, ">")


def _escaped(text: Any) -> Any:
    raw = bytes_of(text)
    for character, replacement in _ESCAPES:
        if character.encode() in raw:
            text = pc.replace_substring(text, pattern=character, replacement=replacement)
    return text


def literal_terms(values: Any, *, datatype: Any = None) -> Any:
    r"""Give texts as literals.

    Parameters
    ----------
    values
        Arrow array of lexical forms; nulls stay null.
    datatype
        IRI of the datatype, or an array of IRIs (a null there means ``xsd:string``); ``None`` for plain text.

    Examples
    --------
    >>> literal_terms(pa.array(['say "a"', None])).to_pylist()
    ['"say \\"a\\""', None]
    >>> literal_terms(
    ...     pa.array([1]), datatype="http://www.w3.org/2001/XMLSchema#integer"
    ... ).to_pylist()
    ['"1"^^<http://www.w3.org/2001/XMLSchema#integer>']
    """
    return join_text(*literal_parts(values, datatype=datatype))


def literal_parts(values: Any, *, datatype: Any = None) -> tuple[Any, ...]:
    """Give the pieces that `literal_terms` puts together; a line that is made of them needs no term in between.

    Examples
    --------
    >>> before, text, after = literal_parts(pa.array(["a"]))
    >>> before, text.to_pylist(), after
    ('"', ['a'], '"')
    """
    text = _escaped(as_text(values))
    if datatype is None:
        return '"', text, '"'
    if isinstance(datatype, str):
        return '"', text, f'"^^<{check_iri(datatype)}>'
    suffix = pc.fill_null(join_text('"^^', iri_terms(datatype)), pa.scalar('"', TEXT))
    return '"', text, suffix


def language_terms(values: Any, *, language: Any) -> Any:
    """Give texts as literals in a language, one tag for all or an array of tags.

    Raises
    ------
    InputError
        A tag is not one of BCP 47 (``en``, ``de-AT``).

    Examples
    --------
    >>> language_terms(pa.array(["pomme"]), language="fr").to_pylist()
    ['"pomme"@fr']
    """
    tags = pa.array([language], TEXT) if isinstance(language, str) else as_text(language)
    good = pc.match_substring_regex(tags, pattern=LANGUAGE_TAG)
    if not pc.all(good, min_count=0).as_py():
        bad = pc.filter(tags, pc.invert(good))[0].as_py()
        raise InputError(f"'{bad}' is not a language tag.", hint="Write it as e.g. en or de-AT.")
    text = _escaped(as_text(values))
    return join_text('"', text, '"@', language if isinstance(language, str) else tags)


def blank_terms(values: Any) -> Any:
    """Give blank nodes whose labels stand for the values: equal values, equal nodes.

    Examples
    --------
    >>> blank_terms(pa.array(["a b", "ab"])).to_pylist()
    ['_:ba-20b', '_:bab']
    """
    text = _coded(as_text(values), kept=bytes(_LETTERS_DIGITS), beyond="", sign="-")
    return join_text("_:b", text)


def statement_lines(subject: Any, predicate: Any, object_: Any, graph: Any = None) -> Any:
    r"""Put terms together to lines; each is a term column, one term as text, or a tuple of the pieces of terms.

    Rows with a missing term are left out, so the result has no nulls.

    Examples
    --------
    >>> statement_lines(pa.array(["<urn:a>", None], TEXT), "<urn:p>", '"1"').to_pylist()
    ['<urn:a> <urn:p> "1" .\n']
    """
    parts: list[Any] = [subject, " ", predicate, " ", object_]
    if graph is not None:
        parts += [" ", graph]
    merged: list[Any] = []
    for part in _pieces([*parts, " .\n"]):
        if merged and isinstance(part, str) and isinstance(merged[-1], str):
            merged[-1] += part
        else:
            merged.append(part)
    if len(merged) == 1:
        return pa.array(merged, TEXT)
    lines = join_text(*merged)
    return lines.drop_null() if lines.null_count else lines


def _pieces(parts: list[Any]) -> Iterator[Any]:
    for part in parts:
        if isinstance(part, tuple):
            yield from part
        else:
            yield part
