"""A column of RDF terms: what expressions work on and what the dictionary gives and takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.sparql.terms import BlankNode, Iri, Literal, Term
from extremeearth.knowledge.store import types

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TermColumn"]


@dataclass(frozen=True, slots=True)
class TermColumn:
    """Terms as two arrays of one length.

    Attributes
    ----------
    types
        int32 codes of `types`; ``NONE`` (-1) where there is no term (unbound, or an error).
    values
        Arrow array of ``large_string``: the IRI, the label of the blank node, the lexical form; the empty text where
        there is no term, never null.
    ids
        Where they are known, the numbers of the terms in the query's dictionary (0 for no term): a short cut to what
        is stored about them, e.g. a parsed geometry. `None` where the terms were computed.

    Examples
    --------
    >>> column = TermColumn.of([Iri("urn:a"), None, Literal("x", language="EN")])
    >>> column.types.tolist()[:2], [str(term) for term in column.terms()]
    ([0, -1], ['<urn:a>', 'None', '"x"@en'])
    """

    types: NDArray[np.int32]
    values: pa.LargeStringArray
    ids: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.types)

    @classmethod
    def of(cls, terms: Iterable[Term | None]) -> TermColumn:
        """Make a column of term objects; ``None`` is no term."""
        codes: list[int] = []
        values: list[str] = []
        for term in terms:
            code, value = _parts(term)
            codes.append(code)
            values.append(value)
        return cls(np.array(codes, np.int32), _strings(values))

    @classmethod
    def constant(cls, term: Term | None, length: int) -> TermColumn:
        """Make a column that says the same everywhere."""
        import pyarrow as pa

        code, value = _parts(term)
        repeated = pa.repeat(pa.scalar(value, pa.large_string()), length)
        return cls(np.full(length, code, np.int32), repeated)

    @classmethod
    def of_values(cls, code: int, values: Sequence[str] | pa.Array) -> TermColumn:
        """Make a column of terms of one type."""
        import pyarrow as pa

        array = values.cast(pa.large_string()) if isinstance(values, pa.Array) else _strings(values)
        return cls(np.full(len(array), code, np.int32), array)

    @classmethod
    def empty(cls, length: int = 0) -> TermColumn:
        """Make a column of no terms."""
        return cls.constant(None, length)

    @classmethod
    def concat(cls, columns: Sequence[TermColumn]) -> TermColumn:
        """Put columns one after the other."""
        import pyarrow as pa

        if not columns:
            return cls.empty()
        values = pa.concat_arrays([column.values for column in columns])
        return cls(np.concatenate([column.types for column in columns]), values)

    @property
    def present(self) -> NDArray[np.bool_]:
        """Where there is a term."""
        return self.types >= 0

    def take(self, rows: NDArray[Any]) -> TermColumn:
        """Give the terms of some rows, in their order; a negative row gives no term."""
        import pyarrow as pa

        rows = np.asarray(rows)
        inside = rows >= 0
        if inside.all():
            ids = None if self.ids is None else self.ids[rows]
            return TermColumn(self.types[rows], self.values.take(pa.array(rows)), ids)
        codes = (
            np.where(inside, self.types[np.where(inside, rows, 0)], types.NONE)
            if len(self)
            else None
        )
        if codes is None:
            return TermColumn.empty(len(rows))
        taken = self.values.take(pa.array(rows, mask=~inside)).fill_null("")
        return TermColumn(codes.astype(np.int32), taken)

    def where(self, keep: NDArray[np.bool_]) -> TermColumn:
        """Give the same column with no term where `keep` is false."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if keep.all():
            return self
        values = pc.if_else(pa.array(keep), self.values, pa.scalar("", pa.large_string()))
        ids = None if self.ids is None else np.where(keep, self.ids, 0)
        return TermColumn(np.where(keep, self.types, types.NONE).astype(np.int32), values, ids)

    def unique(self) -> tuple[TermColumn, NDArray[np.int64]]:
        """Give each different term once, and for every row the number of its term."""
        import pyarrow as pa

        encoded = self.values.dictionary_encode()
        texts = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        keys = texts * (np.int64(1) << 24) + (self.types.astype(np.int64) + 1)
        found, first, back = np.unique(keys, return_index=True, return_inverse=True)
        if len(found) == len(self):
            return self, np.arange(len(self))
        return TermColumn(self.types[first], self.values.take(pa.array(first))), back

    def terms(self) -> list[Term | None]:
        """Make term objects, one a row."""
        return [
            None if code < 0 else _term(int(code), value)
            for code, value in zip(self.types.tolist(), self.values.to_pylist(), strict=True)
        ]


def _strings(values: Sequence[str]) -> pa.LargeStringArray:
    import pyarrow as pa

    return pa.array(values, pa.large_string())


def _parts(term: Term | None) -> tuple[int, str]:
    if term is None:
        return types.NONE, ""
    if isinstance(term, Iri):
        return types.IRI, term.value
    if isinstance(term, BlankNode):
        return types.BLANK, term.label
    if term.language is not None:
        return types.language_code(term.language), term.lexical
    return types.datatype_code(term.datatype.value), term.lexical


def _term(code: int, value: str) -> Term:
    kind = types.describe(code)
    if kind.kind == "iri":
        return Iri(value)
    if kind.kind == "blank":
        return BlankNode(value)
    if kind.language:
        return Literal(value, language=kind.language)
    return Literal(value, Iri(kind.datatype))
