"""Lines of N-Triples written as Turtle."""

from __future__ import annotations

from typing import BinaryIO, cast

import pyoxigraph as ox

from extremeearth.knowledge.rdf import prefixes

__all__ = ["TurtleWriter"]

TURTLE_BYTES = 8 << 20
"""So much is put together by subject."""


class TurtleWriter:
    r"""Writes lines of N-Triples as Turtle: with prefixes, and what is near together by subject.

    Examples
    --------
    >>> import io
    >>> out = io.BytesIO()
    >>> turtle = TurtleWriter(out)
    >>> _ = turtle.write(b"<urn:s> <urn:p> <urn:o> .\n<urn:s> <urn:q> <urn:o> .\n")
    >>> turtle.finish()
    >>> print(out.getvalue().decode().partition("\n\n")[2], end="")
    <urn:s> <urn:p> <urn:o> ;
        <urn:q> <urn:o> .
    """

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._prefixes = prefixes()
        self._kept: list[bytes] = []
        self._size = 0
        head = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in self._prefixes.items())
        target.write(f"{head}\n".encode())

    def write(self, data: bytes | memoryview) -> int:
        """Take some lines."""
        kept = bytes(data)
        self._kept.append(kept)
        self._size += len(kept)
        if self._size >= TURTLE_BYTES:
            self.finish()
        return len(kept)

    def finish(self) -> None:
        """Write what was taken."""
        lines = b"".join(self._kept).splitlines(keepends=True)
        self._kept, self._size = [], 0
        if not lines:
            return
        lines.sort(key=lambda line: line[: line.index(b" ")])
        quads = ox.parse(b"".join(lines), format=ox.RdfFormat.N_TRIPLES)
        triples = (ox.Triple(quad.subject, quad.predicate, quad.object) for quad in quads)
        written = cast(
            bytes, ox.serialize(triples, format=ox.RdfFormat.TURTLE, prefixes=self._prefixes)
        )
        while written.startswith(b"@prefix "):  # these stand at the head of the file
            written = written.partition(b"\n")[2]
        self._target.write(written)
