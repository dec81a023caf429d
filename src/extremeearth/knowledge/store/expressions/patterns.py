"""Regular expressions of XPath (XML Schema's, with anchors and reluctant quantifiers) for RE2.

RE2 takes time in proportion to the text, whatever the pattern is. What it cannot do (back-references, named blocks)
is an error of the expression.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Pattern", "replacement_for", "translate_pattern"]

_FLAGS = frozenset("smixq")
_NAME_START = (
    r":A-Z_a-z\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{2FF}\x{370}-\x{37D}\x{37F}-\x{1FFF}\x{200C}-\x{200D}"
    r"\x{2070}-\x{218F}\x{2C00}-\x{2FEF}\x{3001}-\x{D7FF}\x{F900}-\x{FDCF}\x{FDF0}-\x{FFFD}\x{10000}-\x{EFFFF}"
)
_NAME = _NAME_START + r"\-.0-9\x{B7}\x{300}-\x{36F}\x{203F}-\x{2040}"
_SETS = {
    "d": r"\p{Nd}", "s": r" \t\n\r", "w": r"\p{L}\p{M}\p{N}\p{S}", "i": _NAME_START, "c": _NAME,
}  # fmt: skip
_OUTSIDE = {
    **{name: f"[{body}]" for name, body in _SETS.items()},
    **{name.upper(): f"[^{body}]" for name, body in _SETS.items()},
}
_INSIDE = {**_SETS, "D": r"\P{Nd}", "W": r"\p{P}\p{Z}\p{C}"}
_SINGLE = {"n": "\n", "r": "\r", "t": "\t"}
_QUOTED = frozenset("\\|.-^?*+{}()[]$")
_PROPERTY = re.compile(r"[pP]\{([A-Z][a-z]?)\}")
_SPACE = " \t\n\r"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that RE2 reads.

    Attributes
    ----------
    text
        The pattern, flags included.
    groups
        How many groups it captures.
    literal
        Whether it was quoted as a whole (flag ``q``).
    """

    text: str
    groups: int
    literal: bool = False


@lru_cache(maxsize=1024)
def translate_pattern(pattern: str, flags: str = "") -> Pattern | None:
    r"""Translate a pattern; `None` where it or its flags are not valid, or RE2 cannot do it.

    Examples
    --------
    >>> translate_pattern("a.c", "iq").text
    '(?i)a\\.c'
    >>> translate_pattern("(a") is None, translate_pattern("a", "z") is None
    (True, True)
    """
    if not _FLAGS.issuperset(flags):
        return None
    prefix = "".join(sorted(set(flags) & set("ims")))
    lead = f"(?{prefix})" if prefix else ""
    if "q" in flags:
        quoted = re.sub(r"([^\w\s])", r"\\\1", pattern, flags=re.ASCII)
        found: Pattern | None = Pattern(
            lead.replace("m", "").replace("s", "").replace("(?)", "") + quoted, 0, True
        )
    else:
        try:
            found = _Translation(pattern, free="x" in flags).run(lead)
        except (ValueError, IndexError):
            return None
    return found if found is not None and _compiles(found.text) else None


def _compiles(text: str) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        pc.match_substring_regex(pa.array([""]), text)
    except pa.ArrowInvalid:
        return False
    return True


class _Translation:
    """One walk over a pattern."""

    def __init__(self, pattern: str, *, free: bool) -> None:
        self.text = pattern
        self.free = free
        self.at = 0
        self.groups = 0

    def run(self, lead: str) -> Pattern:
        output = [lead]
        while self.at < len(self.text):
            output.append(self.atom())
        return Pattern("".join(output), self.groups)

    def atom(self) -> str:
        sign = self.text[self.at]
        self.at += 1
        if sign == "\\":
            return self.escape(inside=False)
        if sign == "[":
            return self.character_class()
        if self.free and sign in _SPACE:
            return ""
        if sign == "(":
            self.groups += not self.text.startswith("?", self.at)
        return sign

    def escape(self, *, inside: bool) -> str:
        sign = self.text[self.at]
        self.at += 1
        table = _INSIDE if inside else _OUTSIDE
        if sign in table:
            return table[sign]
        if sign in _SINGLE or sign in _QUOTED or (sign in "bB" and not inside):
            return "\\" + sign
        named = _PROPERTY.match(self.text, self.at - 1)
        if named is None:
            raise ValueError(sign)
        self.at = named.end()
        return f"\\{named.group()}"

    def character_class(self) -> str:
        start = self.at
        text, subtracts = self.class_body()
        if not subtracts:
            return text
        self.at = start
        return _class_of(self.class_set())

    def class_body(self) -> tuple[str, bool]:
        output = ["["]
        if self.text[self.at] == "^":
            output.append("^")
            self.at += 1
        first = True
        while first or self.text[self.at] != "]":
            sign = self.text[self.at]
            self.at += 1
            if sign == "[":
                if not first and self.text[self.at - 2] == "-":
                    return "", True
                raise ValueError(sign)
            if sign == "]":
                raise ValueError(sign)
            output.append(self.escape(inside=True) if sign == "\\" else sign.replace("&", "\\&"))
            first = False
        self.at += 1
        return "".join(output) + "]", False

    def class_set(self) -> frozenset[int]:
        """Read a class from behind its bracket as a set of code points; needed for a subtraction alone."""
        inverted = self.text[self.at] == "^"
        self.at += inverted
        found: set[int] = set()
        taken: frozenset[int] = frozenset()
        while self.text[self.at] != "]":
            if self.text.startswith("-[", self.at):
                self.at += 2
                taken = self.class_set()
                if self.text[self.at] != "]":
                    raise ValueError("]")
                break
            low = self.class_item()
            follows = self.text[self.at : self.at + 2]
            if isinstance(low, int) and follows[:1] == "-" and follows not in ("-[", "-]"):
                self.at += 1
                high = self.class_item()
                if not isinstance(high, int) or high < low:
                    raise ValueError("-")
                found.update(range(low, high + 1))
            elif isinstance(low, int):
                found.add(low)
            else:
                found |= low
        self.at += 1
        whole = _everything() - found if inverted else frozenset(found)
        return whole - taken

    def class_item(self) -> int | frozenset[int]:
        sign = self.text[self.at]
        self.at += 1
        if sign != "\\":
            return ord(sign)
        escaped = self.escape(inside=True)
        if len(escaped) == 2 and escaped[1] in _SINGLE:
            return ord(_SINGLE[escaped[1]])
        if len(escaped) == 2:
            return ord(escaped[1])
        return _points(escaped)


def _everything() -> frozenset[int]:
    return frozenset(range(sys.maxunicode + 1))


@lru_cache(maxsize=8)
def _points(body: str) -> frozenset[int]:
    r"""Give the code points of the body of a class made of properties (``\p{L}\p{M}``) and spaces."""
    wanted = re.findall(r"\\([pP])\{([A-Z][a-z]?)\}", body)
    if not wanted and body != _SETS["s"]:
        raise ValueError(body)
    found = {ord(sign) for sign in _SPACE} if not wanted else set()
    for point in range(sys.maxunicode + 1) if wanted else ():
        category = unicodedata.category(chr(point))
        if any(category.startswith(name) == (case == "p") for case, name in wanted):
            found.add(point)
    return frozenset(found)


def _class_of(points: frozenset[int]) -> str:
    if not points:
        return r"[^\x{0}-\x{10FFFF}]"
    output, ordered = [], sorted(points)
    start = previous = ordered[0]
    for point in [*ordered[1:], -1]:
        if point != previous + 1:
            output.append(rf"\x{{{start:X}}}-\x{{{previous:X}}}")
            start = point
        previous = point
    return f"[{''.join(output)}]"


def replacement_for(pattern: Pattern, replacement: str) -> str | None:
    r"""Translate a replacement of ``fn:replace`` to RE2's; `None` where it is not valid.

    Examples
    --------
    >>> replacement_for(Pattern("(a)(b)", 2), "$2-$12")
    '\\2-\\12'
    >>> replacement_for(Pattern("a", 0), "$") is None
    True
    """
    if pattern.literal:
        return replacement.replace("\\", "\\\\")
    output: list[str] = []
    at = 0
    while at < len(replacement):
        sign = replacement[at]
        if sign == "\\":
            if replacement[at + 1 : at + 2] not in ("\\", "$"):
                return None
            output.append("\\\\" if replacement[at + 1] == "\\" else "$")
            at += 2
        elif sign == "$":
            digits = re.match(r"[0-9]+", replacement[at + 1 :])
            if digits is None:
                return None
            number = digits.group()
            while len(number) > 1 and int(number) > pattern.groups:
                number = number[:-1]
            if int(number) <= min(pattern.groups, 9):
                output.append(f"\\{int(number)}")
            at += 1 + len(number)
        else:
            output.append(sign)
            at += 1
    return "".join(output)
