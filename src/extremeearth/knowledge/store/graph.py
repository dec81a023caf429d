"""The GeoSPARQL store: one object that loads, asks, changes and tends a graph in a folder or an object store."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from extremeearth.core.errors import InputError
from extremeearth.core.http import SafeClient
from extremeearth.core.progress import SILENT, CancelToken, Progress
from extremeearth.core.settings import Settings
from extremeearth.knowledge.rdf import check_iri
from extremeearth.knowledge.sparql import Iri, parse_update, translate
from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.store.answering import NumberedRows
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.contract import LoadReport, Source, UpdateReport
from extremeearth.knowledge.store.deadlines import DeadlineToken, in_time
from extremeearth.knowledge.store.fetching import fetch_document
from extremeearth.knowledge.store.formats import rdf_format
from extremeearth.knowledge.store.geosparql import Entailment
from extremeearth.knowledge.store.loading import (
    insert_statements,
    load_documents,
    read_statements,
)
from extremeearth.knowledge.store.storage import (
    Snapshot,
    Writing,
    open_storage,
)
from extremeearth.knowledge.store.storage.contract import DEFAULT_GRAPH, UNKNOWN
from extremeearth.knowledge.store.templates import Numbered
from extremeearth.knowledge.store.tending import TendedGraph
from extremeearth.knowledge.store.updating import UpdateRun, with_graphs
from extremeearth.knowledge.store.view import check_size

__all__ = ["Graph", "open_graph"]


def open_graph(
    path: Path | str | None = None, *, read_only: bool = False, row_limit: int | None = None
) -> Graph:
    """Open a graph store; see `Graph.open`.

    Examples
    --------
    >>> graph = open_graph()
    >>> graph.load(b'<urn:a> <urn:p> "x" .', "nt").triples
    1
    >>> print(graph.query("SELECT ?o { <urn:a> <urn:p> ?o }").rows[0][0])
    "x"
    """
    return Graph.open(path, read_only=read_only, row_limit=row_limit)


class Graph(TendedGraph):
    """A GeoSPARQL store; made by `Graph.open`. May be used from several threads, and beside other processes.

    A query sees one version of the store, whatever writers do meanwhile.

    Examples
    --------
    >>> with Graph.open() as graph:
    ...     graph.update("INSERT DATA { <urn:a> <urn:p> 1 }").inserted
    ...     graph.query("ASK { <urn:a> <urn:p> 1 }")
    1
    True
    """

    @classmethod
    def open(
        cls,
        url: str | Path | None = None,
        *,
        settings: Settings | None = None,
        read_only: bool = False,
        create: bool = True,
        row_limit: int | None = None,
        client: SafeClient | None = None,
        entailment: Entailment | None = None,
    ) -> Self:
        """Open the store at a place, or make one there.

        Parameters
        ----------
        url
            A folder, ``file:///folder`` or ``s3://bucket/prefix``; `None` for a store in memory.
        settings
            Limits and the access to S3; from the environment by default.
        read_only
            Refuse every change.
        create
            Make an empty store where there is none.
        row_limit
            Most rows or triples of one answer; `None` for no limit.
        client
            Fetches the documents of LOAD; without it nothing is fetched.
        entailment
            What GeoSPARQL adds to a query; everything by default.

        Raises
        ------
        DataMissingError
            There is no store, and none is to be made.
        ConflictError
            The folder holds something else.

        Examples
        --------
        >>> len(Graph.open())
        0
        """
        storage = open_storage(url, settings=settings, read_only=read_only, create=create)
        return cls(
            storage, settings=settings, row_limit=row_limit, client=client, entailment=entailment
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give up what is in memory; what was committed is in its place already."""
        self._summaries.clear()

    # ------------------------------------------------------------------------------- changing

    def update(
        self,
        text: str,
        *,
        timeout_s: float = 60.0,
        default_graphs: Sequence[str] | None = None,
        named_graphs: Sequence[str] | None = None,
        base: str | None = None,
        token: CancelToken | None = None,
    ) -> UpdateReport:
        """Carry out an update in one transaction: all of it, or nothing.

        Raises
        ------
        QuerySyntaxError
            The text is no update; says where.
        AddressRefusedError
            The update has a LOAD, and this store fetches nothing.
        AccessError
            The store is open for reading only.
        TimeoutExceededError
            It took too long; nothing was changed.
        """
        parsed = with_graphs(parse_update(text, base=base), default_graphs, named_graphs)
        check_size(parsed)
        started = time.perf_counter()
        with in_time(DeadlineToken(timeout_s, outer=token)) as stop:
            self.storage.need_writable()
            fetch = self._fetcher(parsed, stop)

            def solve(
                snapshot: Snapshot,
                query: s.SelectQuery,
                default: Sequence[str] | None,
                named: Sequence[str] | None,
            ) -> Numbered:
                graphs = None if default is None and named is None else (default or (), named or ())
                evaluator = self.evaluator(snapshot, stop, graphs, parsed.base)
                return NumberedRows(evaluator.rows(translate(query)))

            def change(writing: Writing) -> tuple[int, int]:
                run = UpdateRun(writing, solve, fetch, empty=writing.created, token=stop)
                run.run(parsed)
                stop.check()  # before the commit: what is late is not done
                writing.created = frozenset(run.created)
                return writing.inserted, writing.deleted

            done = self._changed(change, {"operation": "update"})
        return UpdateReport(
            inserted=done[0], deleted=done[1], seconds=time.perf_counter() - started
        )

    def load(
        self,
        source: Source | Sequence[Source],
        format: str | None = None,
        *,
        graph: str | None = None,
        base: str | None = None,
        skip_bad: bool = False,
        progress: Progress = SILENT,
    ) -> LoadReport:
        """Add RDF documents, packed or not, in one transaction: all of them, or nothing.

        Parameters
        ----------
        source
            A file, bytes or an open binary file, or a list of them.
        format
            Short name (``nt``, ``nq``, ``ttl``, ``trig``, ``rdf``, ``jsonld``) or media type; by default from the
            ending of the file's name.
        graph
            IRI of the graph for triples; the default graph by default. N-Quads and TriG name their own.
        base
            IRI that relative ones are resolved against; that of the file by default.
        skip_bad
            Whether to leave out what is broken and count it.
        progress
            Told of the bytes that were read.

        Raises
        ------
        DataMissingError
            There is no such file.
        DataBrokenError
            A document is not well-formed; says in which line. The store is as it was.
        InputError
            The format is unknown.
        """
        sources: list[Source] = (
            list(source) if isinstance(source, list | tuple) else [cast("Source", source)]
        )
        report = load_documents(
            self.storage, sources, format=format, graph=graph, base=base, skip_bad=skip_bad, progress=progress
        )  # fmt: skip
        if graph is not None and not self.has_graph(graph):
            self.storage.transact(_creation(graph), note={"operation": "create graph"})
        self._tidy()
        return report

    def replace_graph(
        self,
        graph: str | None,
        source: Source | Sequence[Source],
        format: str,
        *,
        base: str | None = None,
    ) -> LoadReport:
        """Make a graph hold exactly what documents say: they are read to their end before anything changes.

        Raises
        ------
        DataBrokenError
            The document is not well-formed. The store is as it was.
        InputError
            The document names graphs of its own.
        """
        if graph is not None:
            check_iri(graph)
        started = time.perf_counter()
        found = rdf_format(format)
        sources = (
            source if isinstance(source, Sequence) and not isinstance(source, bytes) else [source]
        )
        batches = [batch for one in sources for batch in read_statements(one, format, base=base)]
        if any((batch.quads["g"].to_numpy() >= 0).any() for batch in batches):
            raise InputError(
                "A graph is replaced by triples, not by quads.", hint="Send Turtle or N-Triples."
            )

        def change(writing: Writing) -> tuple[int, int]:
            old = _number(writing.snapshot, graph)
            if old != UNKNOWN:
                writing.delete(writing.snapshot.scan(graphs=[old]))
            insert_statements(writing, batches, graph=graph)
            size = 0
            if (new := _number(writing.snapshot, graph)) != UNKNOWN:
                size = writing.snapshot.scan(graphs=[new]).num_rows
            if graph is not None and not size:  # each commit names all that were created
                writing.created |= {graph}
            return size, 0

        triples = self._changed(change, {"operation": "replace graph"})[0]
        return LoadReport(
            triples=triples,
            seconds=time.perf_counter() - started,
            format=found.media_type,
            graph=graph,
            statements=sum(len(batch) for batch in batches),
        )

    def drop_graph(self, graph: str | None) -> None:
        """Remove a graph with its triples; empty the default graph for `None`."""
        target = "DEFAULT" if graph is None else f"GRAPH <{check_iri(graph)}>"
        self.update(f"DROP SILENT {target}")

    def _changed(
        self, change: Callable[[Writing], tuple[int, int]], note: dict[str, Any]
    ) -> tuple[int, int]:
        done = self.storage.transact(change, note=note)
        self._tidy()
        return done

    def _fetcher(self, update: s.Update, token: DeadlineToken) -> Any:
        """Fetch what is to be loaded before the transaction begins: the network must not hold up other writers."""
        loads = [o for o in update.operations if isinstance(o, s.Load)]
        documents = {
            o.source.value: fetch_document(self.client, o.source.value, timeout_s=token.remaining_s)
            for o in loads
        }
        return lambda url: documents[url].batches()


def _creation(graph: str) -> Callable[[Writing], None]:
    def create(writing: Writing) -> None:
        writing.created |= {graph}

    return create


def _number(snapshot: Snapshot, graph: str | None) -> int:
    if graph is None:
        return DEFAULT_GRAPH
    return int(snapshot.terms.find(TermColumn.of([Iri(graph)]))[0])
