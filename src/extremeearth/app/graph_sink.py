"""Statements of a mapping straight into a store's transaction."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from extremeearth.knowledge.rdf import read_ntriples
from extremeearth.knowledge.store.loading import insert_statements
from extremeearth.knowledge.store.loading.batches import StatementBatch

if TYPE_CHECKING:
    from extremeearth.knowledge.store.storage.contract import Writing

__all__ = ["GraphSink"]

BYTES = 16 << 20


class GraphSink:
    r"""Takes whole lines of N-Triples or N-Quads and inserts them; `finish` inserts the last.

    Examples
    --------
    >>> from extremeearth.knowledge.store import open_graph
    >>> graph = open_graph()
    >>> def change(writing):
    ...     sink = GraphSink(writing)
    ...     _ = sink.write(b"<urn:s> <urn:p> <urn:o> .\n")
    ...     return sink.finish()
    >>> graph.storage.transact(change), len(graph)
    (1, 1)
    """

    def __init__(self, writing: Writing, *, graph: str | None = None) -> None:
        self._writing, self._graph = writing, graph
        self._kept: list[bytes] = []
        self._size = self._count = 0

    def write(self, data: bytes | memoryview, /) -> int:
        """Take some lines."""
        kept = bytes(data)
        self._kept.append(kept)
        self._size += len(kept)
        if self._size >= BYTES:
            self.finish()
        return len(kept)

    def finish(self) -> int:
        """Insert what was taken; give how many statements there were in all."""
        data = io.BytesIO(b"".join(self._kept))
        self._kept, self._size = [], 0
        batches = (StatementBatch.of(found) for found in read_ntriples(data))
        self._count += insert_statements(self._writing, batches, graph=self._graph)
        return self._count
