"""Ask many endpoints as if they were one graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from extremeearth.core.errors import ExtremeEarthError, InputError, RemoteError
from extremeearth.core.http import SafeClient
from extremeearth.knowledge.federation.channel import Fetched, Request
from extremeearth.knowledge.federation.endpoints import (
    Endpoint,
    Member,
    connect,
    failure_of,
    names_of,
)
from extremeearth.knowledge.federation.fetching import fetch
from extremeearth.knowledge.federation.planning import plan_query
from extremeearth.knowledge.federation.terms import from_oxigraph
from extremeearth.knowledge.sparql import Iri, parse_query
from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.walk import services_of
from extremeearth.knowledge.store import Graph, Solutions, Triples
from extremeearth.knowledge.store.deadlines import DeadlineToken

__all__ = ["Answer", "Federation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The result of a federated query with how it came about.

    Attributes
    ----------
    result
        What `Federation.query` gives.
    sources
        Each triple pattern, with the names of the endpoints that can match it.
    requests
        Every request that was made, in order.
    failures
        Endpoints that failed, with what they said; empty unless partial answers were allowed.
    """

    result: Solutions | bool | Triples
    sources: tuple[tuple[str, tuple[str, ...]], ...]
    requests: tuple[Request, ...]
    failures: tuple[tuple[str, str], ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every endpoint answered."""
        return not self.failures

    def explained(self) -> str:
        """Give sources, requests and triples fetched as text."""
        lines = ["sources"]
        lines += [
            f"  {pattern}  <- {', '.join(names) or 'none'}" for pattern, names in self.sources
        ]
        lines.append(
            f"requests {len(self.requests)}, triples {sum(r.triples for r in self.requests)}"
        )
        for number, request in enumerate(self.requests, 1):
            lines.append(
                f"  {number}. {request.endpoint}: {request.purpose} "
                f"({request.triples} triples, {1000 * request.seconds:.0f} ms)"
            )
            lines += [f"       {line}" for line in request.text.splitlines()]
        lines += [f"failed: {name}: {reason}" for name, reason in self.failures]
        rows = 1 if isinstance(self.result, bool) else len(self.result)
        lines.append(f"rows {rows}")
        return "\n".join(lines)


class Federation:
    """Several endpoints that are asked as one: the rows are those of the same query over the union of their graphs.

    Parameters
    ----------
    endpoints
        Members with different names.
    client
        How endpoints on the network are reached; must allow their hosts where they are private or plain http.
    most_triples
        Most triples that one query may fetch.
    row_limit
        Most rows of an answer.

    Examples
    --------
    >>> from extremeearth.knowledge.store import open_graph
    >>> fields, crops = open_graph(), open_graph()
    >>> _ = fields.load(b"<urn:f1> <urn:crop> <urn:wheat> .", "nt")
    >>> _ = crops.load(b'<urn:wheat> <urn:name> "Wheat" .', "nt")
    >>> federation = Federation(
    ...     [Endpoint(name="fields", graph=fields), Endpoint(name="crops", graph=crops)]
    ... )
    >>> rows = federation.query("SELECT ?f ?n { ?f <urn:crop> ?c . ?c <urn:name> ?n }")
    >>> [str(t) for t in rows.rows[0]]
    ['<urn:f1>', '"Wheat"']
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        client: SafeClient | None = None,
        most_triples: int = 2_000_000,
        row_limit: int | None = None,
    ) -> None:
        self.names = names_of(endpoints)
        self._members: tuple[Member, ...] = tuple(connect(e, client) for e in endpoints)
        self.most_triples = most_triples
        self.row_limit = row_limit

    def query(
        self, text: str, *, timeout_s: float = 60.0, row_limit: int | None = None
    ) -> Solutions | bool | Triples:
        """Answer a query over all endpoints.

        Raises
        ------
        QuerySyntaxError
            The text is no query; says where.
        InputError
            The query has a SERVICE: the federation itself chooses whom to ask.
        RemoteError, TimeoutExceededError
            An endpoint failed; its name is in the message. Nothing partial is given.
        LimitError
            Too many triples or rows.
        """
        return self.answer(text, timeout_s=timeout_s, row_limit=row_limit).result

    def explain(self, text: str, *, timeout_s: float = 60.0) -> str:
        """Carry a query out and tell which endpoints were asked for what, and how much came."""
        return self.answer(text, timeout_s=timeout_s).explained()

    def answer(
        self,
        text: str,
        *,
        timeout_s: float = 60.0,
        row_limit: int | None = None,
        partial: bool = False,
        base: str | None = None,
    ) -> Answer:
        """Answer a query and tell how.

        Parameters
        ----------
        text
            SPARQL 1.1 with ``geof:`` functions.
        timeout_s
            Longest time for everything together, in seconds.
        row_limit
            Most rows; that of the federation by default.
        partial
            Go on without endpoints that fail; `Answer.failures` names them.
        base
            IRI that relative ones are resolved against.
        """
        query = parse_query(text, base=base)
        if services_of(query):
            raise InputError(
                "A federated query has no SERVICE: the federation chooses whom to ask.",
                hint="Leave it out.",
            )
        deadline = DeadlineToken(timeout_s)
        fetched = fetch(
            plan_query(query), self._members, dataset=query.dataset, deadline=deadline,
            most_triples=self.most_triples, partial=partial,
        )  # fmt: skip
        most = self.row_limit if row_limit is None else row_limit
        graph = fetched.gathered.graph
        local = replace(query, dataset=s.DatasetClause())
        if isinstance(local, s.DescribeQuery):
            result: Solutions | bool | Triples = self._describe(
                local, graph, fetched, deadline, partial
            )
        else:
            result = graph.query(
                str(local), timeout_s=max(deadline.remaining_s, 0.001), row_limit=most
            )
        if fetched.failures and len(fetched.failures) == len(self._members):
            raise RemoteError(
                "Every endpoint of the federation failed.",
                hint="; ".join(fetched.failures.values()),
            )
        return Answer(
            result=result,
            sources=tuple((str(want), names) for want, names in fetched.sources.items()),
            requests=tuple(fetched.requests),
            failures=tuple(fetched.failures.items()),
        )

    def _describe(
        self,
        query: s.DescribeQuery,
        graph: Graph,
        fetched: Fetched,
        deadline: DeadlineToken,
        partial: bool,
    ) -> Triples:
        """Find what to describe, then put together what each endpoint says of it."""
        iris = _described(query, graph, deadline)
        if not iris:
            return Triples([])
        text = str(s.DescribeQuery(resources=tuple(iris), where=None, dataset=query.dataset))
        found: dict[tuple[object, ...], None] = {}
        for at, member in enumerate(self._members):
            if member.endpoint.name in fetched.failures:
                continue
            try:
                quads = member.quads(
                    text, prefix=f"e{at}x", timeout_s=max(deadline.remaining_s, 0.001)
                )
            except ExtremeEarthError as err:
                failure = failure_of(member.endpoint, err)
                if not partial:
                    raise failure from err
                fetched.failures[member.endpoint.name] = failure.message
                continue
            fetched.requests.append(
                Request(
                    endpoint=member.endpoint.name,
                    purpose="describe",
                    text=text,
                    triples=len(quads),
                    seconds=0.0,
                )
            )
            found |= {
                (
                    from_oxigraph(q.subject),
                    from_oxigraph(q.predicate),
                    from_oxigraph(q.object),
                ): None
                for q in quads
            }
        return Triples(list(found))  # type: ignore[arg-type]  # subject and predicate are what RDF allows there


def _described(query: s.DescribeQuery, graph: Graph, deadline: DeadlineToken) -> dict[Iri, None]:
    """List what a query describes, in its order: the IRIs it names, and those that its variables are bound to."""
    iris = {r: None for r in query.resources or () if isinstance(r, Iri)}
    names = (
        None if query.resources is None else [r for r in query.resources if not isinstance(r, Iri)]
    )
    if query.where is None or names == []:
        return iris
    select = s.SelectQuery(
        projection=None if names is None else tuple(s.Projection(v) for v in names),
        where=query.where,
        modifier=query.modifier,
        values=query.values,
        base=query.base,
    )
    rows = graph.query(str(select), timeout_s=max(deadline.remaining_s, 0.001))
    assert isinstance(rows, Solutions)
    return iris | {t: None for row in rows for t in row if isinstance(t, Iri)}
