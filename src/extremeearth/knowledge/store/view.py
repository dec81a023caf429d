"""What can be asked of a store: queries, explanations, graphs, summaries and versions."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from extremeearth.core.errors import LimitError
from extremeearth.core.http import SafeClient
from extremeearth.core.progress import CancelToken
from extremeearth.core.settings import Settings
from extremeearth.infrastructure.engine import Engine, LocalEngine
from extremeearth.knowledge.sparql import Iri, parse_query
from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.translate import translate
from extremeearth.knowledge.sparql.walk import count_triple_patterns
from extremeearth.knowledge.store.answering import answer, read_graph
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.deadlines import DeadlineToken, in_time
from extremeearth.knowledge.store.execution import Evaluator, PlanCache
from extremeearth.knowledge.store.explaining import explanation
from extremeearth.knowledge.store.geosparql import Entailment
from extremeearth.knowledge.store.results.solutions import Solutions, Triples
from extremeearth.knowledge.store.storage import UNKNOWN, GraphStorage, Snapshot
from extremeearth.knowledge.store.summary import Summary, summarise

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["GraphView", "check_size"]

MAX_TRIPLE_PATTERNS = 1_000
"""Most triple patterns in one query: a plan grows with them."""
SUMMARIES_KEPT = 4


class GraphView:
    """The reading side of a `Graph`: it answers from snapshots, and changes nothing.

    Examples
    --------
    >>> from extremeearth.knowledge.store.storage import open_storage
    >>> GraphView(open_storage(None)).query("ASK { ?a ?b ?c }")
    False
    """

    def __init__(
        self,
        storage: GraphStorage,
        *,
        settings: Settings | None = None,
        row_limit: int | None = None,
        client: SafeClient | None = None,
        entailment: Entailment | None = None,
        engine: Engine | None = None,
    ) -> None:
        self.storage = storage
        self.row_limit = row_limit
        self._settings = settings or Settings()
        self.client = client
        self._entailment = entailment or Entailment()
        self._engine = engine or LocalEngine()
        self._plans = PlanCache()
        self._summaries: dict[int, Summary] = {}
        self._lock = threading.Lock()
        self._tidying = threading.Lock()

    def __len__(self) -> int:
        return len(self.storage.snapshot())

    def __repr__(self) -> str:
        return f"Graph({self.storage.url!r})"

    @property
    def url(self) -> str:
        """Where the store is."""
        return self.storage.url

    @property
    def read_only(self) -> bool:
        """Whether every change is refused."""
        return self.storage.read_only

    # -------------------------------------------------------------------------------- asking

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
            SPARQL 1.1 with GeoSPARQL. FROM means graphs of this store; nothing is fetched.
        timeout_s
            Seconds after which the query is stopped.
        row_limit
            Most rows or triples; that of the store by default.
        default_graphs, named_graphs
            IRIs of the graphs to ask, in place of FROM (SPARQL 1.1 Protocol, section 2.1.4).
        base
            IRI that relative ones are resolved against.
        version, as_of
            Ask an older state: by its number, or that of a moment.
        token
            Stops the query when it is cancelled.

        Returns
        -------
        Solutions, bool or Triples
            For SELECT, ASK, and CONSTRUCT or DESCRIBE.

        Raises
        ------
        QuerySyntaxError
            The text is no query; says where.
        TimeoutExceededError
            It took too long.
        LimitError
            The answer has too many rows, or a step of the query needs too much memory.
        NotFoundError
            There is no such version.
        """
        parsed = _parsed_query(text, base)
        most = self.row_limit if row_limit is None else row_limit
        with in_time(DeadlineToken(timeout_s, outer=token)) as stop:
            snapshot = self.storage.snapshot(version=version, as_of=as_of)
            graphs = _dataset(parsed, default_graphs, named_graphs)
            return answer(parsed, self.evaluator(snapshot, stop, graphs, parsed.base), most=most)

    def explain(self, text: str, *, analyze: bool = False, timeout_s: float = 60.0) -> str:
        """Tell how a query is answered: algebra, plan, steps; with `analyze` it runs, and rows and times are told.

        Examples
        --------
        >>> from extremeearth.knowledge.store.storage import open_storage
        >>> "Plan" in GraphView(open_storage(None)).explain("SELECT * { ?a <urn:p> ?b }")
        True
        """
        parsed = _parsed_query(text, None)
        with in_time(DeadlineToken(timeout_s)) as stop:
            graphs = _dataset(parsed, None, None)
            evaluator = self.evaluator(self.storage.snapshot(), stop, graphs, None)
            return explanation(translate(parsed), evaluator, analyze=analyze)

    def find_version(
        self, *, version: int | None = None, as_of: datetime | None = None
    ) -> int | None:
        """Give the number of the newest state, of the one with a number, or of the one at a moment.

        Raises
        ------
        NotFoundError
            There is no such state.
        """
        return self.storage.snapshot(version=version, as_of=as_of).version

    def graphs(self) -> Iterable[str]:
        """Give the IRIs of the named graphs: those with triples, and those that were created and are empty."""
        snapshot = self.storage.snapshot()
        stored = snapshot.terms.take(snapshot.graphs()).values.to_pylist()
        return sorted({*stored, *snapshot.created})

    def has_graph(self, graph: str) -> bool:
        """Tell whether a named graph exists."""
        snapshot = self.storage.snapshot()
        return graph in snapshot.created or self._holds(snapshot, graph)

    def _holds(self, snapshot: Snapshot, graph: str) -> bool:
        number = int(snapshot.terms.find(TermColumn.of([Iri(graph)]))[0])
        return number != UNKNOWN and bool((snapshot.graphs() == number).any())

    def read_graph(
        self, graph: str | None, *, version: int | None = None, as_of: datetime | None = None
    ) -> Triples:
        """Give all triples of a graph; of the default graph for `None`."""
        return read_graph(self.storage.snapshot(version=version, as_of=as_of), graph)

    def summary(self, *, version: int | None = None) -> Summary:
        """Count what is in the store, by predicate and class, with its extent in space and time; kept per version."""
        snapshot = self.storage.snapshot(version=version)
        found = self._summaries.get(snapshot.version)
        if found is None:
            found = summarise(snapshot)
            with self._lock:
                if len(self._summaries) >= SUMMARIES_KEPT:
                    self._summaries.pop(min(self._summaries))
                self._summaries[snapshot.version] = found
        return found

    def versions(self) -> pa.Table:
        """Give the history: ``version``, ``time``, ``inserted``, ``deleted``, oldest first."""
        return self.storage.versions()

    def evaluator(
        self,
        snapshot: Snapshot,
        token: DeadlineToken,
        graphs: tuple[Sequence[str], Sequence[str]] | None,
        base: str | None,
    ) -> Evaluator:
        """Make what answers patterns over a snapshot; `graphs` are the default and the named ones of a request."""
        default, named = (None, None) if graphs is None else graphs
        return Evaluator(
            snapshot, self._engine, token, default, named, base, entailment=self._entailment, plans=self._plans,
            most_bytes=self._settings.query_memory_bytes, client=self.client,
        )  # fmt: skip


def _parsed_query(text: str, base: str | None) -> s.Query:
    parsed = parse_query(text, base=base)
    check_size(parsed)
    return parsed


def check_size(parsed: s.Query | s.Update) -> None:
    """Refuse what is too large to plan.

    Raises
    ------
    LimitError
        It has too many triple patterns.
    """
    if count_triple_patterns(parsed) > MAX_TRIPLE_PATTERNS:
        raise LimitError(
            f"The query has more than {MAX_TRIPLE_PATTERNS} triple patterns.",
            hint="Cut it into several.",
        )


def _dataset(
    parsed: s.Query, default: Sequence[str] | None, named: Sequence[str] | None
) -> tuple[Sequence[str], Sequence[str]] | None:
    """Give the graphs of the request, else those of FROM, else none for all."""
    if default or named:
        return default or (), named or ()
    if parsed.dataset:
        return [g.value for g in parsed.dataset.default], [g.value for g in parsed.dataset.named]
    return None
