"""One run of a program: what it works on, and the tables that its steps have made so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.core.progress import CancelToken
from extremeearth.infrastructure.engine import Engine
from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.scope import operands
from extremeearth.knowledge.sparql.terms import Iri, Literal, Term, Variable
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.compilation.steps import UNIT
from extremeearth.knowledge.store.execution.query_terms import QueryTerms
from extremeearth.knowledge.store.expressions import Bindings, ExpressionContext
from extremeearth.knowledge.store.plan import nodes as p
from extremeearth.knowledge.store.storage.contract import DEFAULT_GRAPH, Snapshot

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Dataset", "Run", "group_rows", "ids_of", "table_of"]

Service = Callable[[str, s.GroupPattern, Sequence[str]], tuple[Mapping[str, TermColumn], int]]
"""Answers a pattern by the endpoint of an IRI: a column for each variable, and the number of rows."""
_VOLATILE = frozenset({"RAND", "UUID", "STRUUID", "BNODE"})


@dataclass(frozen=True, slots=True)
class Dataset:
    """The graphs that a query asks: numbers of those merged as default graph, and of the named ones.

    `named` is `None` for all that the store has.
    """

    default: tuple[int, ...] = (DEFAULT_GRAPH,)
    named: tuple[int, ...] | None = None


@dataclass(slots=True)
class Run:
    """What steps work with."""

    snapshot: Snapshot
    terms: QueryTerms
    engine: Engine
    dataset: Dataset
    constants: Sequence[Iri | Literal]
    context: ExpressionContext
    token: CancelToken
    service: Service
    most_bytes: int | None = None
    tables: dict[str, pa.Table] = field(default_factory=dict)
    _expressions: int = 0

    def number(self, slot: p.Slot) -> int:
        """Give the number of what stands in a pattern; `UNKNOWN` where it is not stored."""
        term: Term = self.constants[slot.index] if isinstance(slot, p.Constant) else slot  # type: ignore[assignment]  # no variable here
        return self.terms.find(term)

    def named_graphs(self) -> list[int]:
        """Give the named graphs of the dataset that are not empty."""
        stored = self.snapshot.graphs().tolist()
        return (
            stored if self.dataset.named is None else [g for g in stored if g in self.dataset.named]
        )

    def bindings(self, table: pa.Table, names: Iterable[str]) -> Bindings:
        """Decode some columns of a table."""
        columns = {
            name: self.terms.decode(ids_of(table, name))
            for name in names
            if name in table.column_names
        }
        return Bindings(columns, table.num_rows)

    def evaluated(
        self,
        table: pa.Table,
        expression: s.Expression,
        evaluate: Any,
        flags: Sequence[tuple[s.Exists, str]] = (),
    ) -> Any:
        """Evaluate an expression for every row, once for each different value where it reads one variable only."""
        names = sorted({v.name for v in _variables(expression)} & set(table.column_names))
        self._expressions += 1
        # BNODE("x") is one node in all expressions of a solution (section 17.4.2.9), all else differs in each
        seed = self.context.seed + (0 if _names_blank(expression) else self._expressions)
        exists = {node: table[flag].to_numpy(zero_copy_only=False) for node, flag in flags}
        context = replace(self.context, exists=exists, seed=seed)
        if len(names) == 1 and not exists and not _is_volatile(expression):
            different, back = np.unique(ids_of(table, names[0]), return_inverse=True)
            if len(different) < table.num_rows:
                rows = Bindings({names[0]: self.terms.decode(different)}, len(different))
                found = evaluate(expression, rows, context)
                return found.take(back) if isinstance(found, TermColumn) else found[back]
        return evaluate(expression, self.bindings(table, names), context)


def _variables(expression: s.Expression) -> Iterable[Variable]:
    if isinstance(expression, Variable):
        yield expression
    for inner in operands(expression):
        yield from _variables(inner)


def _names_blank(expression: s.Expression) -> bool:
    if isinstance(expression, s.BuiltIn) and expression.name == "BNODE" and expression.arguments:
        return True
    return any(map(_names_blank, operands(expression)))


def _is_volatile(expression: s.Expression) -> bool:
    if isinstance(expression, s.BuiltIn) and expression.name in _VOLATILE:
        return True
    return any(map(_is_volatile, operands(expression)))


def ids_of(table: pa.Table, name: str) -> NDArray[np.int64]:
    """Give a column of numbers, 0 where it is null or missing."""
    import pyarrow.compute as pc

    if name not in table.column_names:
        return np.zeros(table.num_rows, np.int64)
    column = table[name]
    if column.null_count:
        column = pc.fill_null(column, 0)
    found: NDArray[np.int64] = column.to_numpy()
    return found


def table_of(columns: Mapping[str, NDArray[np.int64]], length: int) -> pa.Table:
    """Make a table of numbers; 0 and below is null."""
    import pyarrow as pa

    if not columns:
        return pa.table({UNIT: np.ones(length, np.int64)})
    return pa.table(
        {
            name: pa.array(ids, pa.int64(), mask=(ids <= 0) if (ids <= 0).any() else None)
            for name, ids in columns.items()
        }
    )


def group_rows(
    columns: Sequence[NDArray[np.int64]], length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the different rows of some columns numbers.

    Returns
    -------
    first, group
        The first row of each different one, and for each row the number of its group; groups are in the order of
        their first rows.
    """
    if not columns:
        return np.zeros(min(length, 1), np.int64), np.zeros(length, np.int64)
    codes = np.zeros(length, np.int64)
    for column in columns:
        _, part = np.unique(column, return_inverse=True)
        codes = codes * (int(part.max(initial=0)) + 1) + part
        _, codes = np.unique(codes, return_inverse=True)
    _, first, back = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return first[order].astype(np.int64), place[back].astype(np.int64)
