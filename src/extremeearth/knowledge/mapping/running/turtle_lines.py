"""Lines of N-Triples written as Turtle."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import BinaryIO, cast

import pyoxigraph as ox

from extremeearth.knowledge.rdf import prefixes as usual_prefixes

__all__ = ["NO_PREFIXES", "TurtleWriter"]

TURTLE_BYTES = 8 << 20
"""So much is put together by subject."""

NO_PREFIXES: Mapping[str, str] = MappingProxyType({})


class TurtleWriter:
    r"""Writes lines of N-Triples as Turtle: with prefixes, and what is near together by subject.

    A prefix is declared before the first lines that have it, others are not.

    Parameters
    ----------
    prefixes
        Names of namespaces, before the usual ones.

    Examples
    --------
    >>> import io
    >>> out = io.BytesIO()
    >>> turtle = TurtleWriter(out, prefixes={"v": "urn:v#"})
    >>> _ = turtle.write(b"<urn:s> <urn:v#p> <urn:o> .\n<urn:s> <urn:q> <urn:o> .\n")
    >>> turtle.finish()
    >>> print(out.getvalue().decode(), end="")
    @prefix v: <urn:v#> .
    <BLANKLINE>
    <urn:s> v:p <urn:o> ;
        <urn:q> <urn:o> .
    """

    def __init__(self, target: BinaryIO, *, prefixes: Mapping[str, str] = NO_PREFIXES) -> None:
        self._target = target
        taken = set(prefixes.values())
        usual = {name: iri for name, iri in usual_prefixes().items() if iri not in taken}
        self._prefixes = {**usual, **prefixes}
        self._declared: set[str] = set()
        self._kept: list[bytes] = []
        self._size = 0

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
        self._declare(written)
        self._target.write(written)

    def _declare(self, written: bytes) -> None:
        """Write the prefixes that some Turtle needs and that were not needed before."""
        new = [
            name for name in self._prefixes if name not in self._declared and _uses(written, name)
        ]
        if not new:
            return
        head = "".join(f"@prefix {name}: <{self._prefixes[name]}> .\n" for name in new)
        self._target.write(f"{head}\n".encode())
        self._declared.update(new)


def _uses(written: bytes, prefix: str) -> bool:
    """Tell whether Turtle has names with a prefix; a text that looks like one does no harm."""
    name = prefix.encode() + b":"
    # most are not there at all, which is found far faster
    return name in written and re.search(rb"(?<![\w.<-])" + re.escape(name), written) is not None
