"""SPARQL 1.1 Update over a storage: the operations of a request, one after the other, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.core.errors import ConflictError, ExtremeEarthError, InputError, NotFoundError
from extremeearth.core.progress import CancelToken
from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.terms import Iri
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.storage.contract import DEFAULT_GRAPH, UNKNOWN, Snapshot, Writing
from extremeearth.knowledge.store.templates import (
    Numbered,
    data_quads,
    quad_table,
    quads_of,
    template_variables,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from extremeearth.knowledge.store.loading import StatementBatch

__all__ = ["UpdateRun", "with_graphs"]

Solve = Callable[[Snapshot, s.SelectQuery, Sequence[str] | None, Sequence[str] | None], Numbered]
"""Answers a query on a snapshot: its text as syntax, the default graphs and the named ones, `None` for the store's."""
Fetch = Callable[[str], "Sequence[StatementBatch]"]
"""Gives the statements of the document at a URL."""


def with_graphs(
    update: s.Update, default: Sequence[str] | None, named: Sequence[str] | None
) -> s.Update:
    """Put the graphs of a request in place of USING (SPARQL 1.1 Protocol, section 2.2.3).

    Raises
    ------
    InputError
        The update names graphs itself, by USING or WITH, or cannot name any.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import parse_update
    >>> update = parse_update("DELETE { ?a ?b ?c } WHERE { ?a ?b ?c }")
    >>> "USING <urn:g>" in str(with_graphs(update, ["urn:g"], []))
    True
    """
    if not default and not named:
        return update
    using = s.DatasetClause(tuple(map(Iri, default or ())), tuple(map(Iri, named or ())))
    operations: list[s.Operation] = []
    for operation in update.operations:
        if isinstance(operation, s.DeleteWhere):
            raise InputError(
                "DELETE WHERE has no USING.", hint="Write DELETE { ... } WHERE { ... }."
            )
        if isinstance(operation, s.Modify):
            if operation.using or operation.graph is not None:
                raise InputError(
                    "Graphs are named both in the update and in the request.",
                    hint="Name them in one place.",
                )
            operations.append(replace(operation, using=using))
        else:
            operations.append(operation)
    return replace(update, operations=tuple(operations))


@dataclass
class UpdateRun:
    """One run of an update within a transaction.

    Named graphs exist where they have triples. That a graph was created, though it is empty, is told in `created`; who
    runs the update keeps it with the transaction.

    Attributes
    ----------
    writing
        The transaction.
    solve
        Answers the WHERE of an operation on what the transaction sees.
    fetch
        Reads the document of a LOAD.
    empty
        IRIs of graphs that are known to exist although they are empty.
    token
        Looked at before each operation.
    """

    writing: Writing
    solve: Solve
    fetch: Fetch
    empty: frozenset[str] = frozenset()
    token: CancelToken = field(default_factory=CancelToken)

    def __post_init__(self) -> None:
        self.created: set[str] = set(self.empty)

    def run(self, update: s.Update) -> None:
        """Carry out every operation; later ones see what earlier ones did.

        Raises
        ------
        ConflictError
            CREATE names a graph that exists.
        NotFoundError
            COPY, MOVE or ADD names a source that does not exist.
        """
        for operation in update.operations:
            self.token.check()
            self._operation(operation)

    def _operation(self, operation: s.Operation) -> None:
        match operation:
            case s.InsertData():
                self._insert(data_quads(operation.quads, number=self.writing.number))
            case s.DeleteData():
                self._delete(data_quads(operation.quads, number=self._find))
            case s.DeleteWhere():
                where = _as_pattern(operation.quads)
                self._modify(s.Modify(None, operation.quads, None, s.DatasetClause(), where))
            case s.Modify():
                self._modify(operation)
            case s.Load():
                self._load(operation)
            case s.Clear():
                self._delete(self._all_of(self._graphs(operation.target)))
            case s.Drop():
                self._delete(self._all_of(self._graphs(operation.target)))
                self._forget(operation.target)
            case s.Create():
                self._create(operation)
            case s.Transfer():
                self._transfer(operation)

    # ---------------------------------------------------------------------------- numbers

    @property
    def _snapshot(self) -> Snapshot:
        return self.writing.snapshot

    def _find(self, column: TermColumn) -> NDArray[np.int64]:
        return self._snapshot.terms.find(column)

    def _graph(self, graph: Iri | None) -> int:
        """Give the number of a graph, `UNKNOWN` where nothing has its name."""
        if graph is None:
            return DEFAULT_GRAPH
        return int(self._find(TermColumn.of([graph]))[0])

    def _insert(self, quads: pa.Table) -> None:
        if quads.num_rows:
            self.writing.insert(quads)

    def _delete(self, quads: pa.Table) -> None:
        if quads.num_rows:
            self.writing.delete(quads)

    def _all_of(self, graphs: Iterable[int] | None) -> pa.Table:
        chosen = None if graphs is None else [g for g in graphs if g != UNKNOWN]
        if chosen == []:
            none = np.zeros(0, np.int64)
            return quad_table(none, none, none, none)
        return self._snapshot.scan(graphs=chosen)

    def _graphs(self, target: s.GraphTarget) -> Iterable[int] | None:
        if isinstance(target, Iri):
            return [self._graph(target)]
        if target == "DEFAULT":
            return [DEFAULT_GRAPH]
        return None if target == "ALL" else self._snapshot.graphs().tolist()

    def exists(self, graph: Iri) -> bool:
        """Tell whether a named graph has triples, or was created."""
        if graph.value in self.created:
            return True
        number = self._graph(graph)
        return number != UNKNOWN and self._snapshot.scan(graphs=[number]).num_rows > 0

    # ------------------------------------------------------------------------- operations

    def _modify(self, operation: s.Modify) -> None:
        """Find all solutions first; then take away, then add (section 3.1.3)."""
        blocks = (*(operation.delete or ()), *(operation.insert or ()))
        query = s.SelectQuery(
            projection=tuple(s.Projection(v) for v in template_variables(blocks)),
            where=operation.where,
        )
        default, named = self._dataset(operation)
        solutions = self.solve(self._snapshot, query, default, named)
        own = operation.graph
        if operation.delete:
            graph = self._graph(own)
            self._delete(quads_of(operation.delete, solutions, number=self._find, default=graph))
        if operation.insert:
            graph = (
                DEFAULT_GRAPH if own is None else int(self.writing.number(TermColumn.of([own]))[0])
            )
            numbered = self.writing.number
            self._insert(quads_of(operation.insert, solutions, number=numbered, default=graph))

    def _dataset(self, operation: s.Modify) -> tuple[Sequence[str] | None, Sequence[str] | None]:
        if operation.using:
            using = operation.using
            return [g.value for g in using.default], [g.value for g in using.named]
        if operation.graph is None:
            return None, None
        named = self._snapshot.terms.take(self._snapshot.graphs())
        return [operation.graph.value], named.values.to_pylist()

    def _create(self, operation: s.Create) -> None:
        if self.exists(operation.graph) and not operation.silent:
            raise ConflictError(
                f"The graph {operation.graph} exists already.", hint="Write CREATE SILENT GRAPH."
            )
        self.created.add(operation.graph.value)

    def _forget(self, target: s.GraphTarget) -> None:
        if isinstance(target, Iri):
            self.created.discard(target.value)
        elif target != "DEFAULT":
            self.created.clear()

    def _transfer(self, operation: s.Transfer) -> None:
        """COPY, MOVE and ADD (sections 3.2.3 to 3.2.5)."""
        source, target = (_named(g) for g in (operation.source, operation.target))
        if source is not None and not self.exists(source):
            if operation.silent:
                return
            raise NotFoundError(
                f"There is no graph {source}.", hint=f"Write {operation.verb} SILENT."
            )
        if source == target:
            return
        quads = self._all_of([self._graph(source)])
        number = (
            DEFAULT_GRAPH
            if target is None
            else int(self.writing.number(TermColumn.of([target]))[0])
        )
        if operation.verb != "ADD":
            self._delete(self._all_of([number]))
        subjects, predicates, objects = (quads[name].to_numpy() for name in ("s", "p", "o"))
        graphs = np.full(quads.num_rows, number, np.int64)
        self._insert(quad_table(subjects, predicates, objects, graphs))
        if operation.verb == "MOVE":
            self._delete(quads)
            if source is not None:
                self.created.discard(source.value)

    def _load(self, operation: s.Load) -> None:
        from extremeearth.knowledge.store.loading import insert_statements

        try:
            batches = list(self.fetch(operation.source.value))
        except ExtremeEarthError:
            if operation.silent:
                return
            raise
        target = None if operation.target is None else operation.target.value
        insert_statements(self.writing, batches, graph=target)


def _named(graph: s.GraphTarget) -> Iri | None:
    return graph if isinstance(graph, Iri) else None


def _as_pattern(blocks: Sequence[s.QuadBlock]) -> s.GroupPattern:
    """Give the pattern that DELETE WHERE matches (section 3.1.3.3)."""
    elements: list[Any] = []
    for block in blocks:
        triples = s.TriplesBlock(block.triples)
        if block.graph is None:
            elements.append(triples)
        else:
            elements.append(s.Graph(block.graph, s.GroupPattern((triples,))))
    return s.GroupPattern(tuple(elements))
