"""Statements as the store takes them: a column of different terms, and a table of rows in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.rdf import Statements
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["StatementBatch"]


@dataclass(frozen=True, slots=True, eq=False)
class StatementBatch:
    """Some statements.

    Attributes
    ----------
    terms
        Each different term once.
    quads
        Columns ``s p o g`` of int32: rows of `terms`; ``g`` is -1 for the document's default graph.
    lines
        int64, the line where each term stands first, from 1; 0 where the parser does not tell.

    Examples
    --------
    >>> import io
    >>> from extremeearth.knowledge.rdf import read_ntriples
    >>> (found,) = read_ntriples(io.BytesIO(b"<urn:s> <urn:p> <urn:s> ."))
    >>> batch = StatementBatch.of(found)
    >>> batch.quads.to_pylist(), [str(term) for term in batch.terms.terms()]
    ([{'s': 0, 'p': 1, 'o': 0, 'g': -1}], ['<urn:s>', '<urn:p>'])
    """

    terms: TermColumn
    quads: pa.Table
    lines: NDArray[np.int64]

    def __len__(self) -> int:
        return int(self.quads.num_rows)

    @classmethod
    def of(cls, found: Statements) -> StatementBatch:
        """Take statements as the readers of RDF give them."""
        import pyarrow as pa

        codes = np.array([types.code_of_text(text) for text in found.types], np.int32)
        columns = [pa.array(np.ascontiguousarray(found.rows[:, i])) for i in range(4)]
        return cls(
            TermColumn(codes[found.codes], found.values),
            pa.table(columns, names=["s", "p", "o", "g"]),
            found.lines,
        )
