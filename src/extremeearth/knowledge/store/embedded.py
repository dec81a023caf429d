"""The store in this process: pyoxigraph in memory or in a folder, with the GeoSPARQL functions of `functions`."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import pyoxigraph as ox

from extremeearth.core.errors import (
    AccessError,
    AddressRefusedError,
    ConflictError,
    DataBrokenError,
    DataMissingError,
    InputError,
    LimitError,
    NotFoundError,
    StorageError,
    UnavailableError,
)
from extremeearth.core.progress import CancelToken
from extremeearth.knowledge.sparql import Iri, parse_query, parse_update
from extremeearth.knowledge.sparql.syntax import Load
from extremeearth.knowledge.sparql.walk import count_triple_patterns, services_of
from extremeearth.knowledge.store.contract import LoadReport, Source
from extremeearth.knowledge.store.documents import opened, whole_xml
from extremeearth.knowledge.store.engine import (
    dataset_options,
    functions_until,
    graph_node,
    read_answer,
    translated,
    with_using,
)
from extremeearth.knowledge.store.formats import rdf_format
from extremeearth.knowledge.store.functions import AGGREGATES
from extremeearth.knowledge.store.results import Solutions, Triples
from extremeearth.knowledge.store.summary import Summary
from extremeearth.knowledge.store.terms import from_oxigraph, to_oxigraph
from extremeearth.knowledge.store.workers import Deadline, Workers

__all__ = ["EmbeddedGraph", "open_graph"]

MAX_TRIPLE_PATTERNS = 1_000
"""Most triple patterns in one query: the planner below is recursive."""


def open_graph(
    path: Path | str | None = None, *, read_only: bool = False, row_limit: int | None = None
) -> EmbeddedGraph:
    """Open a graph store.

    Parameters
    ----------
    path
        Folder of the store, made if it does not exist; `None` keeps the graph in memory.
    read_only
        Open a folder that another process may have open for writing; sees the state of this moment.
    row_limit
        Most rows or triples of one answer; `None` for no limit.

    Raises
    ------
    ConflictError
        The folder is open for writing elsewhere: there is one writer.
    DataMissingError
        There is no store to read.
    StorageError
        The folder cannot be read or written.

    Examples
    --------
    >>> graph = open_graph()
    >>> graph.load(b'<urn:a> <urn:p> "x" .', "nt").triples
    1
    >>> print(graph.query("SELECT ?o { <urn:a> <urn:p> ?o }").rows[0][0])
    "x"
    """
    if path is None:
        return EmbeddedGraph(ox.Store(), path=None, row_limit=row_limit)
    folder = Path(path)
    if read_only and not folder.is_dir():
        raise DataMissingError(f"There is no store in {folder}.", hint="Load something first.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        store = ox.Store.read_only(str(folder)) if read_only else ox.Store(str(folder))
    except OSError as err:
        if "lock" in str(err).lower():
            raise ConflictError(
                f"The store in {folder} is open elsewhere.",
                hint="Close the other program, or open it read-only.",
            ) from err
        raise StorageError(
            f"The store in {folder} cannot be opened: {err}.",
            hint="Check the folder and your rights.",
        ) from err
    return EmbeddedGraph(store, path=folder, read_only=read_only, row_limit=row_limit)


class EmbeddedGraph:
    """A `GraphStore` in this process; made by `open_graph`. May be used from several threads."""

    def __init__(
        self,
        store: ox.Store,
        *,
        path: Path | None,
        read_only: bool = False,
        row_limit: int | None = None,
    ) -> None:
        self._store = store
        self._write = threading.Lock()
        self._workers = Workers()
        self.path = path
        self.read_only = read_only
        self.row_limit = row_limit

    def __len__(self) -> int:
        return len(self._store)

    # -------------------------------------------------------------------------------- reading

    def query(
        self,
        text: str,
        *,
        timeout_s: float = 60.0,
        row_limit: int | None = None,
        default_graphs: Sequence[str] | None = None,
        named_graphs: Sequence[str] | None = None,
        base: str | None = None,
        version: int | None = None,
        as_of: datetime | None = None,
        token: CancelToken | None = None,
    ) -> Solutions | bool | Triples:
        """Answer a query.

        Parameters
        ----------
        text
            SPARQL 1.1 with the ``geof:`` functions. FROM means graphs of this store; nothing is fetched.
        timeout_s
            Longest time to wait, in seconds.
        version, as_of
            Refused: the engine keeps its newest state only.
        token
            Not looked at.
        row_limit
            Most rows or triples; that of the store by default.
        default_graphs, named_graphs
            IRIs of the graphs to ask, in place of FROM (SPARQL 1.1 Protocol, section 2.1.4).
        base
            IRI that relative ones are resolved against.

        Returns
        -------
        Solutions, bool or Triples
            For SELECT, ASK, and CONSTRUCT or DESCRIBE.

        Raises
        ------
        QuerySyntaxError
            The text is no query; says where.
        AddressRefusedError
            The query names a SERVICE.
        TimeoutExceededError
            It took too long.
        LimitError
            The answer has too many rows.
        """
        del token  # the engine cannot be stopped from outside
        self.find_version(version=version, as_of=as_of)
        parsed = parse_query(text, base=base)
        if services_of(parsed):
            raise AddressRefusedError(
                "A store does not contact other endpoints for a query.",
                hint="Ask the federation instead.",
            )
        if count_triple_patterns(parsed) > MAX_TRIPLE_PATTERNS:
            raise LimitError(
                f"The query has more than {MAX_TRIPLE_PATTERNS} triple patterns.",
                hint="Cut it into several.",
            )
        deadline = Deadline(timeout_s)
        most = self.row_limit if row_limit is None else row_limit
        chosen = dataset_options(default_graphs, named_graphs)

        def answer() -> Solutions | bool | Triples:
            # The printed query, so that what counts is how our own parser read it.
            with translated():
                found = self._store.query(
                    str(parsed), base_iri=base, custom_functions=functions_until(deadline),
                    custom_aggregate_functions=AGGREGATES, **chosen,
                )  # fmt: skip
                return read_answer(found, most=most, deadline=deadline)

        return self._workers.run(answer, deadline=deadline)

    def find_version(
        self, *, version: int | None = None, as_of: datetime | None = None
    ) -> int | None:
        """Give nothing: the engine keeps its newest state only."""
        if version is not None or as_of is not None:
            raise NotFoundError(
                "This store keeps only its newest state.", hint="Ask without a version."
            )
        return None

    def graphs(self) -> Iterable[str]:
        """Give the IRIs of the named graphs."""
        return [g.value for g in self._store.named_graphs() if isinstance(g, ox.NamedNode)]

    def has_graph(self, graph: str) -> bool:
        """Tell whether a named graph exists."""
        return self._store.contains_named_graph(to_oxigraph(Iri(graph)))

    def summary(self, *, version: int | None = None) -> Summary:
        """Refuse: the engine keeps no statistics."""
        self.find_version(version=version)
        raise UnavailableError("This store keeps no statistics.", hint="Ask with COUNT(*).")

    def read_graph(
        self, graph: str | None, *, version: int | None = None, as_of: datetime | None = None
    ) -> Triples:
        """Give all triples of a graph; of the default graph for `None`."""
        self.find_version(version=version, as_of=as_of)
        quads = self._store.quads_for_pattern(None, None, None, graph_node(graph))
        triples: list[Any] = [
            (from_oxigraph(q.subject), from_oxigraph(q.predicate), from_oxigraph(q.object))
            for q in quads
        ]
        return Triples(triples)

    # -------------------------------------------------------------------------------- writing

    def update(
        self,
        text: str,
        *,
        timeout_s: float = 60.0,
        default_graphs: Sequence[str] | None = None,
        named_graphs: Sequence[str] | None = None,
        base: str | None = None,
    ) -> None:
        """Carry out an update in one transaction: all of it, or nothing.

        An update that takes longer than `timeout_s` is given up by the caller, but may still be carried out as a
        whole: ask before sending it again.

        Raises
        ------
        QuerySyntaxError
            The text is no update; says where.
        AddressRefusedError
            The update has a LOAD or a SERVICE: nothing is fetched.
        AccessError
            The store is open for reading only.
        TimeoutExceededError
            It took too long.
        """
        parsed = parse_update(text, base=base)
        if services_of(parsed) or any(isinstance(o, Load) for o in parsed.operations):
            raise AddressRefusedError(
                "An update does not fetch from other servers.", hint="Fetch the file and load it."
            )
        if default_graphs is not None or named_graphs is not None:
            text = with_using(parsed, default_graphs or (), named_graphs or ())
        deadline = Deadline(timeout_s)

        def change() -> None:
            with self._writing(), translated():
                self._store.update(
                    text,
                    base_iri=base,
                    custom_functions=functions_until(deadline),
                    custom_aggregate_functions=AGGREGATES,
                )

        self._workers.run(change, deadline=deadline)

    def load(
        self,
        source: Source,
        format: str | None = None,
        *,
        graph: str | None = None,
        base: str | None = None,
    ) -> LoadReport:
        """Add an RDF document, gzip or not: all of it, or nothing.

        Parameters
        ----------
        source
            A file, bytes or an open binary file.
        format
            Short name (``nt``, ``nq``, ``ttl``, ``trig``, ``rdf``, ``jsonld``) or media type; by default from the
            ending of the file's name.
        graph
            IRI of the graph for triples; the default graph by default. N-Quads and TriG name their own.
        base
            IRI that relative ones are resolved against; that of the file by default.

        Raises
        ------
        DataMissingError
            There is no such file.
        DataBrokenError
            The document is not well-formed; says in which line. The store is as it was.
        InputError
            The format is unknown.
        """
        return self._load(source, format, graph=graph, base=base, replace=False)

    def replace_graph(
        self, graph: str | None, source: Source, format: str, *, base: str | None = None
    ) -> LoadReport:
        """Make a graph hold exactly a document: it is read to its end before anything changes."""
        return self._load(source, format, graph=graph, base=base, replace=True)

    def _load(
        self,
        source: Source,
        format: str | None,
        *,
        graph: str | None,
        base: str | None,
        replace: bool,
    ) -> LoadReport:
        named = str(source) if isinstance(source, Path) else getattr(source, "name", None)
        found = rdf_format(format, file=named if isinstance(named, str) else None)
        if replace and found.supports_datasets and found != ox.RdfFormat.JSON_LD:
            raise InputError(
                "A graph is replaced by triples, not by quads.", hint="Send Turtle or N-Triples."
            )
        if base is None and isinstance(source, Path):
            base = source.absolute().as_uri()
        target = graph_node(graph)
        started = time.perf_counter()
        with opened(source) as given, self._writing():
            before = len(self._store)
            try:
                stream = whole_xml(given) if found == ox.RdfFormat.RDF_XML else given
                if replace:
                    before = self._replace(stream, found, target, base)
                else:
                    self._store.bulk_load(
                        input=stream, format=found, base_iri=base, to_graph=target
                    )
                    if isinstance(target, ox.NamedNode):
                        self._store.add_graph(target)
            except (SyntaxError, ValueError, gzip.BadGzipFile, EOFError) as err:
                what = named if isinstance(named, str) else "The document"
                raise DataBrokenError(
                    f"{what} is not well-formed: {err}", hint="Nothing was loaded."
                ) from err
            except OSError as err:
                raise StorageError(
                    f"The load was not written: {err}.", hint="Nothing was loaded."
                ) from err
            triples = len(self._store) - before
        return LoadReport(
            triples=triples,
            seconds=time.perf_counter() - started,
            format=found.media_type,
            graph=graph,
        )

    def _replace(self, stream: IO[bytes], format: Any, target: Any, base: str | None) -> int:
        """Parse first; then take the old triples out and put the new in, in one transaction. Gives the old size."""
        quads = ox.parse(
            input=stream,
            format=format,
            base_iri=base,
            without_named_graphs=True,
            rename_blank_nodes=True,
        )
        lines = ox.serialize((q.triple for q in quads), format=ox.RdfFormat.N_TRIPLES) or b""
        size = len(self._store)
        old = sum(1 for _ in self._store.quads_for_pattern(None, None, None, target))
        if isinstance(target, ox.DefaultGraph):
            text = f"DROP DEFAULT ; INSERT DATA {{ {lines.decode()} }}"
        else:
            text = (
                f"DROP SILENT GRAPH {target} ; CREATE SILENT GRAPH {target} ; "
                f"INSERT DATA {{ GRAPH {target} {{ {lines.decode()} }} }}"
            )
        self._store.update(text)
        return size - old

    def drop_graph(self, graph: str | None) -> None:
        """Remove a graph with its triples; empty the default graph for `None`."""
        name = "DEFAULT" if graph is None else f"GRAPH {graph_node(graph)}"
        with self._writing():
            self._store.update(f"DROP SILENT {name}")

    def close(self) -> None:
        """Write everything to the disk and let another process open the folder."""
        if self.path is not None and not self.read_only:
            self._store.flush()
        del self._store

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if self.read_only:
            raise AccessError("The store is open for reading only.", hint="Open it for writing.")
        with self._write:
            yield
