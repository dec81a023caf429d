"""Joins between triples maps: the parent's subjects, found by equal values, as one Arrow hash join per batch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from extremeearth.knowledge.mapping.frames import Frame
from extremeearth.knowledge.mapping.rules.document import (
    Expression,
    ReferencingMap,
    TriplesMap,
    references_of,
)
from extremeearth.knowledge.mapping.running.terms import TermMaker
from extremeearth.knowledge.rdf import TEXT

__all__ = ["JoinIndex"]


@dataclass(frozen=True, slots=True)
class JoinIndex:
    """The parent's subjects with the values they are found by."""

    children: tuple[Expression, ...]
    table: Any

    @classmethod
    def build(
        cls, joined: ReferencingMap, parent: TriplesMap, maker: TermMaker, frames: Iterable[Frame]
    ) -> JoinIndex:
        """Read the parent's source once; memory holds one row per distinct pair of key and subject."""
        expressions = [join.parent for join in joined.joins]
        names = [f"k{i}" for i in range(len(expressions))]
        parts = []
        for frame in frames:
            lists = frame.lists(
                [
                    *references_of(parent.subject),
                    *(n for e in expressions for n in references_of(e)),
                ]
            )
            wide = frame.exploded(lists) if lists else frame
            columns = {n: _keys(maker, e, wide) for n, e in zip(names, expressions, strict=True)}
            subject = maker.terms(parent.subject, wide)
            columns["subject"] = (
                pa.array([subject] * wide.rows, TEXT) if isinstance(subject, str) else subject
            )
            parts.append(pa.table(columns).drop_null().group_by([*names, "subject"]).aggregate([]))
        schema = pa.schema([(name, TEXT) for name in (*names, "subject")])
        whole = pa.concat_tables(parts) if parts else schema.empty_table()
        distinct = whole.group_by([*names, "subject"]).aggregate([])
        return cls(tuple(join.child for join in joined.joins), distinct)

    def match(self, maker: TermMaker, frame: Frame) -> tuple[Any, Any]:
        """Give the positions of the child's rows that find a parent, and the parents' subjects."""
        names = [f"k{i}" for i in range(len(self.children))]
        columns = {n: _keys(maker, e, frame) for n, e in zip(names, self.children, strict=True)}
        columns["row"] = pa.array(np.arange(frame.rows))
        # a null equals nothing, as in SQL
        child = pa.table(columns).drop_null()
        found = child.join(self.table, keys=names, join_type="inner").sort_by("row")
        return found["row"].combine_chunks(), found["subject"].combine_chunks()


def _keys(maker: TermMaker, expression: Expression, frame: Frame) -> Any:
    text = maker.texts(expression, frame).text
    return pa.array([text] * frame.rows, TEXT) if isinstance(text, str) else text
