"""The tokens of SPARQL 1.1, found by one compiled regular expression (grammar, section 19.8)."""

from __future__ import annotations

import re
from typing import NoReturn

from extremeearth.core.errors import QuerySyntaxError

__all__ = ["Tokens", "tokenize"]

_BASE = (
    "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c-\u200d\u2070-\u218f"
    "\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_U = _BASE + "_"
_CHARS = _U + "0-9\u00b7\u0300-\u036f\u203f-\u2040\\-"
_PLX = r"%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?#@%]"
_PREFIX = f"[{_BASE}][{_CHARS}]*(?:\\.+[{_CHARS}]+)*"
_LOCAL = f"(?:[{_U}:0-9]|{_PLX})(?:[{_CHARS}:]|{_PLX})*(?:\\.+(?:[{_CHARS}:]|{_PLX})+)*"
_ECHAR = r"\\[tbnrf\\\"']"

_TOKEN = re.compile(
    rf"""
    (?P<skip>(?:[ \t\r\n]+|\#[^\r\n]*)+)
    |(?P<iri><[^<>"{{}}|^`\\\x00-\x20]*>)
    |(?P<name>(?:{_PREFIX})?:(?:{_LOCAL})?)
    |(?P<var>[?$][{_U}0-9][{_U}0-9\u00b7\u0300-\u036f\u203f-\u2040]*)
    |(?P<blank>_:[{_U}0-9][{_CHARS}]*(?:\.+[{_CHARS}]+)*)
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<double>[+-]?(?:[0-9]+\.[0-9]*|\.?[0-9]+)[eE][+-]?[0-9]+)
    |(?P<decimal>[+-]?[0-9]*\.[0-9]+)
    |(?P<integer>[+-]?[0-9]+)
    |(?P<long>\"\"\"[^"\\]*(?:(?:{_ECHAR}|"{{1,2}}(?!"))[^"\\]*)*\"\"\"
        |'''[^'\\]*(?:(?:{_ECHAR}|'{{1,2}}(?!'))[^'\\]*)*''')
    |(?P<string>"[^"\\\n\r]*(?:{_ECHAR}[^"\\\n\r]*)*"|'[^'\\\n\r]*(?:{_ECHAR}[^'\\\n\r]*)*')
    |(?P<lang>@[A-Za-z]+(?:-[A-Za-z0-9]+)*)
    |(?P<sign>\^\^|&&|\|\||!=|<=|>=|[{{}}()\[\].,;=<>!*/|^+\-?&])
    |(?P<bad>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_CODEPOINT = re.compile(r"\\\\|\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})|([\ud800-\udfff])")
LARGEST_CODEPOINT = 0x10FFFF


def place(text: str, position: int) -> tuple[int, int]:
    """Give line and column, counted from one."""
    line = text.count("\n", 0, position) + 1
    return line, position - text.rfind("\n", 0, position)


def fail(text: str, position: int, message: str, *, hint: str | None = None) -> NoReturn:
    """Raise the error that names line and column."""
    line, column = place(text, position)
    raise QuerySyntaxError(
        f"Line {line}, column {column}: {message}", hint=hint, line=line, column=column
    )


def _unescape_codepoints(text: str) -> str:
    r"""Replace ``\uXXXX`` before anything else is read (section 19.2); a doubled backslash stays."""

    def replace(match: re.Match[str]) -> str:
        digits = match[1] or match[2]
        if match[3] is None and digits is None:
            return match[0]
        code = ord(match[3]) if match[3] is not None else int(digits, 16)
        if code > LARGEST_CODEPOINT or 0xD800 <= code <= 0xDFFF:
            fail(text, match.start(), f"{match[0]!r} is not a character.")
        return chr(code)

    return _CODEPOINT.sub(replace, text)


class Tokens:
    """The tokens of a text, as three lists of equal length; the last token is ``("end", "")``.

    Attributes
    ----------
    text
        The text after escapes of code points were replaced: positions refer to it.
    kinds, values, starts
        Kind (``iri``, ``name``, ``var``, ``word``, ``sign`` ...), the characters, and where they start.
    """

    __slots__ = ("kinds", "starts", "text", "values")

    def __init__(self, text: str) -> None:
        self.text = text
        self.kinds: list[str] = []
        self.values: list[str] = []
        self.starts: list[int] = []


def tokenize(text: str) -> Tokens:
    r"""Cut a query into tokens.

    Raises
    ------
    QuerySyntaxError
        A character that starts no token, or a string that does not end; with line and column.

    Examples
    --------
    >>> tokenize("ASK { ?s a :T }").values
    ['ASK', '{', '?s', 'a', ':T', '}', '']
    """
    tokens = Tokens(_unescape_codepoints(text))
    kinds, values, starts = tokens.kinds, tokens.values, tokens.starts
    for match in _TOKEN.finditer(tokens.text):
        kind = match.lastgroup
        if kind == "skip":
            continue
        if kind == "bad" or kind is None:
            what = "a string that does not end" if match[0] in "\"'" else f"{match[0]!r}"
            fail(tokens.text, match.start(), f"expected a token, found {what}.")
        kinds.append(kind)
        values.append(match[0])
        starts.append(match.start())
    kinds.append("end")
    values.append("")
    starts.append(len(tokens.text))
    return tokens
