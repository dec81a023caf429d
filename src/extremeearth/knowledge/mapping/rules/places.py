"""Where in a mapping an error is, and what was meant perhaps."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from extremeearth.core.errors import MappingError
from extremeearth.knowledge.mapping.rules.vocabulary import RML
from extremeearth.knowledge.rdf import FUNCTIONS, prefixes

__all__ = ["like", "not_turtle", "with_line"]

_BLANK = re.compile(r"_:[0-9a-f]{32}")
_SAID = re.compile(r"'(?P<text>[^']+)'|\brml:(?P<name>\w+)|<(?P<iri>[^>\s]+)>")
_UNDECLARED = re.compile(r"The prefix (\w*): has not been declared")
_KNOWN = {
    "rml": RML, "ee": FUNCTIONS, "rr": "http://www.w3.org/ns/r2rml#", "ql": "http://semweb.mmlab.be/ns/ql#",
    "rrx": "http://www.w3.org/ns/r2rml-ext#", "rrxf": "http://www.w3.org/ns/r2rml-ext/functions/def/",
}  # fmt: skip


def with_line(err: MappingError, text: str) -> MappingError:
    r"""Add to an error the line that it is about, where one line alone has what the message quotes.

    Examples
    --------
    >>> print(with_line(MappingError("The template 'urn:{id' cannot be read."), "a\n'urn:{id'"))
    The template 'urn:{id' cannot be read. It is in line 2.
    """
    message = _BLANK.sub("what stands in [ ]", err.message)
    lines = text.splitlines()
    for said in _SAID.finditer(err.message):
        if said["name"]:  # of R2RML and the older RML, too
            looked_for = re.compile(rf":{said['name']}\b")
        else:
            looked_for = re.compile(re.escape(said["text"] or said["iri"]))
        found = [number for number, line in enumerate(lines, start=1) if looked_for.search(line)]
        if len(found) == 1:
            message = f"{message} It is in line {found[0]}."
            break
    return MappingError(message, hint=err.hint)


def like(name: str, known: Iterable[str]) -> str:
    """Say which of some names is meant perhaps; nothing where none is like it.

    Examples
    --------
    >>> like("objectMp", ["objectMap", "template"])
    'Did you mean objectMap? '
    """
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {close[0]}? " if close else ""


def not_turtle(said: str, text: str) -> MappingError:
    """Make the error of a document that is no Turtle, with what to do about the usual slips.

    Examples
    --------
    >>> not_turtle("The prefix rr: has not been declared", "").hint
    'Put this at the top: @prefix rr: <http://www.w3.org/ns/r2rml#> .'
    """
    start = text.removeprefix("\ufeff").lstrip()[:200].casefold()
    undeclared = _UNDECLARED.search(said)
    if start.startswith(("<!doctype html", "<html")):
        return MappingError(
            "The mapping is an HTML page.",
            hint="It may be the error page of a download: look at it.",
        )
    if undeclared is not None:
        iri = {**prefixes(), **_KNOWN}.get(undeclared[1], "...")
        hint = f"Put this at the top: @prefix {undeclared[1]}: <{iri}> ."
    elif "Line jumps are not allowed" in said:
        hint = "A quote is not closed in this line; texts of several lines stand in three quotes."
    elif "dot is expected" in said:
        hint = "Before this place there is a dot, a semicolon or a comma missing."
    elif not re.search(r"@prefix|PREFIX|<", text):
        hint = (
            "This looks like data. Make a mapping of it: extremeearth rdf mapping FILE, or draft_mapping "
            "in Python."
        )
    else:
        hint = "Look at that place: a quote, a bracket or a dot may be missing before it."
    return MappingError(f"The mapping is not Turtle: {said}.", hint=hint)
