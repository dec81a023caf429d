"""One member of a federation: a SPARQL endpoint on the network, or a store in this process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode

import pyoxigraph as ox

from extremeearth.core.errors import (
    ExtremeEarthError,
    InputError,
    RemoteError,
    TimeoutExceededError,
)
from extremeearth.core.http import SafeClient
from extremeearth.knowledge.federation.terms import from_oxigraph, to_oxigraph
from extremeearth.knowledge.sparql import BlankNode, Term
from extremeearth.knowledge.store import GraphStore, Solutions, Triples
from extremeearth.knowledge.store.formats import rdf_format

__all__ = ["Endpoint", "Member", "connect"]

RESULTS = "application/sparql-results+json"
TRIPLES = "application/n-triples, text/turtle;q=0.8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What is known of a member before it is asked.

    Parameters
    ----------
    name
        How errors, plans and reports call it.
    url
        URL of a SPARQL 1.1 endpoint; either this or `graph`.
    graph
        A store in this process.
    key
        API key, sent as ``Authorization: Bearer``; never shown.
    stable_blank_nodes
        Whether the endpoint gives a blank node the same label in every answer. Without this promise, a query that
        meets blank nodes of the endpoint fetches all it needs from there in one request.

    Examples
    --------
    >>> Endpoint(name="store", url="https://example.org/sparql", key="secret")
    Endpoint(name='store', url='https://example.org/sparql', graph=None, stable_blank_nodes=False)
    """

    name: str
    url: str | None = None
    graph: GraphStore | None = None
    key: str | None = field(default=None, repr=False)
    stable_blank_nodes: bool = False

    def __post_init__(self) -> None:
        if (self.url is None) == (self.graph is None):
            raise InputError(
                f"The endpoint '{self.name}' needs either a URL or a store.",
                hint="Give one of the two.",
            )


class Member(Protocol):
    """A connected endpoint: asks and gets answers in our terms."""

    endpoint: Endpoint

    def rows(self, text: str, *, timeout_s: float) -> Solutions:
        """Send a SELECT."""

    def quads(self, text: str, *, prefix: str, timeout_s: float) -> list[Any]:
        """Send a CONSTRUCT or DESCRIBE; blank nodes come with `prefix` before their labels."""


def connect(endpoint: Endpoint, client: SafeClient | None) -> Member:
    """Make the member that speaks to an endpoint.

    Raises
    ------
    InputError
        The endpoint has a URL, but there is no client to reach it.
    """
    if endpoint.graph is not None:
        return _Local(endpoint, endpoint.graph)
    if client is None:
        raise InputError(
            f"The endpoint '{endpoint.name}' is on the network, but the federation has no client.",
            hint="Give the federation a SafeClient.",
        )
    return _Remote(endpoint, client)


def _prefixed(node: Any, prefix: str) -> Any:
    return ox.BlankNode(prefix + node.value) if isinstance(node, ox.BlankNode) else node


class _Local:
    """A store in this process; its blank nodes keep their labels."""

    def __init__(self, endpoint: Endpoint, graph: GraphStore) -> None:
        self.endpoint = endpoint
        self._graph = graph

    def rows(self, text: str, *, timeout_s: float) -> Solutions:
        found = self._graph.query(text, timeout_s=timeout_s)
        if not isinstance(found, Solutions):
            raise RemoteError(f"The endpoint '{self.endpoint.name}' answered no rows.")
        return found

    def quads(self, text: str, *, prefix: str, timeout_s: float) -> list[Any]:
        found = self._graph.query(text, timeout_s=timeout_s)
        if not isinstance(found, Triples):
            raise RemoteError(f"The endpoint '{self.endpoint.name}' answered no triples.")
        known: dict[Term, Any] = {}

        def node(term: Term) -> Any:
            made = known.get(term)
            if made is None:
                own = BlankNode(prefix + term.label) if isinstance(term, BlankNode) else term
                made = known[term] = to_oxigraph(own)
            return made

        return [ox.Quad(node(s), node(p), node(o)) for s, p, o in found]


class _Remote:
    """An endpoint on the network, reached by the safe client with POST."""

    def __init__(self, endpoint: Endpoint, client: SafeClient) -> None:
        self.endpoint = endpoint
        self._client = client

    def _post(self, text: str, *, accept: str, timeout_s: float) -> Any:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": accept}
        if self.endpoint.key is not None:
            headers["Authorization"] = f"Bearer {self.endpoint.key}"
        return self._client.post(
            str(self.endpoint.url),
            content=urlencode({"query": text}).encode(),
            headers=headers,
            timeout_s=timeout_s,
        ).checked()

    def rows(self, text: str, *, timeout_s: float) -> Solutions:
        answer = self._post(text, accept=RESULTS, timeout_s=timeout_s)
        try:
            found = ox.parse_query_results(input=answer.content, format=ox.QueryResultsFormat.JSON)
            if not isinstance(found, ox.QuerySolutions):
                raise RemoteError(f"The endpoint '{self.endpoint.name}' answered no rows.")
            names = tuple(v.value for v in found.variables)
            return Solutions(
                names,
                [tuple(None if t is None else from_oxigraph(t) for t in row) for row in found],
            )
        except (SyntaxError, ValueError, OSError) as err:
            raise RemoteError(
                f"The endpoint '{self.endpoint.name}' answered rows that cannot be read."
            ) from err

    def quads(self, text: str, *, prefix: str, timeout_s: float) -> list[Any]:
        answer = self._post(text, accept=TRIPLES, timeout_s=timeout_s)
        try:
            form = rdf_format(answer.media_type)
            parsed = ox.parse(input=answer.content, format=form, base_iri=self.endpoint.url)
            return [
                ox.Quad(_prefixed(q.subject, prefix), q.predicate, _prefixed(q.object, prefix))
                for q in parsed
            ]
        except (SyntaxError, ValueError, InputError) as err:
            raise RemoteError(
                f"The endpoint '{self.endpoint.name}' answered triples that cannot be read."
            ) from err


def failure_of(endpoint: Endpoint, error: ExtremeEarthError) -> ExtremeEarthError:
    """Say which endpoint an error is of, keeping apart what is late and what is broken."""
    kind = TimeoutExceededError if isinstance(error, TimeoutExceededError) else RemoteError
    return kind(f"The endpoint '{endpoint.name}' failed: {error.message}", hint=error.hint)


def names_of(endpoints: Sequence[Endpoint]) -> tuple[str, ...]:
    """Give the names, which must differ.

    Raises
    ------
    InputError
        Two endpoints have the same name, or there is none.
    """
    names = tuple(e.name for e in endpoints)
    if not names or len(set(names)) < len(names):
        raise InputError(
            "A federation has endpoints of different names.", hint="Name each one differently."
        )
    return names
