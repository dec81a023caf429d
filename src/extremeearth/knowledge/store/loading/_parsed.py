"""Turtle, TriG, RDF/XML and JSON-LD: parsed by pyoxigraph, handed on as N-Quads to the reader of columns.

Only terms can be skipped here, not errors of syntax: a parser that goes on behind a syntax error guesses where the
next statement begins, and may put it into another graph or make one up. So where bad things are to be skipped, the
document is parsed without looking into its terms, and the strict reader of N-Quads leaves out the statements with bad
ones.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, cast

import numpy as np
import pyoxigraph as ox

from extremeearth.core.errors import DataBrokenError
from extremeearth.knowledge.rdf import Statements, explain_parser, read_ntriples
from extremeearth.knowledge.store.loading._xml_guard import GuardedXml
from extremeearth.knowledge.store.loading.documents import Document, DocumentStream
from extremeearth.knowledge.store.loading.problems import ProblemList

__all__ = ["read_parsed"]

CHUNK = 50_000
"""Statements that are handed on at once."""

_LOCATED = {ox.RdfFormat.TURTLE, ox.RdfFormat.TRIG, ox.RdfFormat.JSON_LD}
"""Formats whose parser tells the line of an error."""
_NO_IRI = re.compile(r'[\x00-\x20<>"{}|^`\\]')


def read_parsed(
    document: Document, stream: DocumentStream, *, prefix: str, problems: ProblemList
) -> Iterator[Statements]:
    """Read a document of a format that is not made of lines.

    Raises
    ------
    DataBrokenError
        The document is broken; says in which line and how many statements came before.
    """
    format = document.format
    lenient = problems.skip_bad and format != ox.RdfFormat.JSON_LD
    guarded: Any = stream
    if format == ox.RdfFormat.RDF_XML:
        guarded = GuardedXml(stream, name=document.name)
    parser = ox.parse(input=guarded, format=format, base_iri=document.base, lenient=lenient)
    read = 0

    def bad(_: int, message: str) -> None:
        problems.add(document.name, None, message)

    while True:
        quads: list[ox.Quad] = []
        failure: Exception | None = None
        try:
            quads.extend(islice(parser, CHUNK))
        except (SyntaxError, ValueError, OSError, DataBrokenError) as err:
            failure = err
        read += len(quads)
        if quads:
            whole = [quad for quad in quads if _is_writable(quad, bad)] if lenient else quads
            text = ox.serialize(whole, format=ox.RdfFormat.N_QUADS) or b""
            for found in read_ntriples(io.BytesIO(text), quads=True, prefix=prefix, bad=bad):
                yield replace(found, lines=np.zeros_like(found.lines))
        if failure is not None:
            raise _told(failure, document, guarded, stream, read=read, lenient=lenient)
        if len(quads) < CHUNK:
            return


def _is_writable(quad: ox.Quad, bad: Callable[[int, str], None]) -> bool:
    """Tell whether the IRIs of a statement cannot be taken for more than themselves once they are written."""
    thing = quad.object
    nodes = [quad.subject, quad.predicate, thing, quad.graph_name]
    if isinstance(thing, ox.Literal):
        nodes.append(thing.datatype)
    for node in nodes:
        if isinstance(node, ox.NamedNode) and _NO_IRI.search(node.value):
            bad(0, f"'{node.value}' is no IRI.")
            return False
    return True


def _told(
    failure: Exception,
    document: Document,
    guarded: Any,
    stream: DocumentStream,
    *,
    read: int,
    lenient: bool,
) -> Exception:
    """Say what is wrong, where, and how far the reading came."""
    known = guarded.failure or stream.failure
    if known is not None:
        return known
    line = failure.lineno if isinstance(failure, SyntaxError) else None
    if line is None and document.format not in _LOCATED:
        line = _line_of_error(document, lenient=lenient)
    where = document.name if line is None else f"{document.name}, line {line}"
    message = explain_parser(failure)
    if "LoadDocumentCallback" in message:
        message = "It names a context that lies elsewhere, and nothing is fetched."
    behind = ""
    if lenient:
        behind = " Only N-Triples and N-Quads can be read on behind such an error."
    return DataBrokenError(
        f"{where}: {message} {read} statements were read before it.",
        hint=f"Nothing was loaded.{behind}",
    )


class _LineByLine:
    """A stream that gives one line at a time, so that a parser's error is in the line that it got last."""

    def __init__(self, stream: DocumentStream) -> None:
        self._lines = io.BufferedReader(stream, 1 << 20)
        self._left = b""
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        if not self._left:
            self._left = self._lines.readline()
            self.count += bool(self._left)
        size = len(self._left) if size < 0 else size
        piece, self._left = self._left[:size], self._left[size:]
        return piece


def _line_of_error(document: Document, *, lenient: bool) -> int | None:
    """Parse once more to find the line, for a parser that does not tell it."""
    with document.open() as stream:
        lines = _LineByLine(stream)
        try:
            for _ in ox.parse(
                input=cast(Any, lines),
                format=document.format,
                base_iri=document.base,
                lenient=lenient,
            ):
                pass
        except (SyntaxError, ValueError):
            return lines.count
    return None
