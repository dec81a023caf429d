"""The other end of SERVICE: a pattern sent as SELECT by the SPARQL protocol, through the safe client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from extremeearth.core.errors import AddressRefusedError, RemoteError
from extremeearth.core.http import SafeClient
from extremeearth.core.progress import CancelToken
from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.terms import BlankNode, Iri, Literal, Term
from extremeearth.knowledge.store.columns import TermColumn

__all__ = ["RemoteEndpoints"]

ACCEPT = "application/sparql-results+json"
LONGEST_S = 60.0


class RemoteEndpoints:
    """Asks endpoints on the network for the rows of a pattern.

    Parameters
    ----------
    client
        Decides which hosts may be asked; `None` refuses all.
    token
        Looked at before each request; its remaining time, where it has one, bounds the request.
    """

    def __init__(self, client: SafeClient | None, token: CancelToken) -> None:
        self._client = client
        self._token = token
        self._asked = 0

    def __call__(
        self, endpoint: str, group: s.GroupPattern, variables: Sequence[str]
    ) -> tuple[Mapping[str, TermColumn], int]:
        """Give a column for each variable, and the number of rows.

        Raises
        ------
        AddressRefusedError
            The client may not contact the host, or there is no client.
        RemoteError
            The endpoint failed, or its answer cannot be read.
        """
        import pyoxigraph as ox

        if self._client is None:
            raise AddressRefusedError(
                f"This store does not ask other endpoints such as <{endpoint}>.",
                hint="Open it with a client that may; see the setting 'allow_hosts'.",
            )
        self._token.check()
        self._asked += 1
        text = str(s.SelectQuery(projection=None, where=group))
        answer = self._client.post(
            endpoint,
            content=urlencode({"query": text}).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": ACCEPT},
            timeout_s=getattr(self._token, "remaining_s", LONGEST_S),
        ).checked()
        try:
            found = ox.parse_query_results(input=answer.content, format=ox.QueryResultsFormat.JSON)
            if not isinstance(found, ox.QuerySolutions):
                raise RemoteError(f"The endpoint <{endpoint}> answered no rows.")
            names = [v.value for v in found.variables]
            rows = [tuple(row) for row in found]
        except (SyntaxError, ValueError, OSError) as err:
            raise RemoteError(
                f"The endpoint <{endpoint}> answered rows that cannot be read."
            ) from err
        columns = {
            name: TermColumn.of([self._term(row[at]) for row in rows])
            for at, name in enumerate(names)
            if name in variables
        }
        return columns, len(rows)

    def _term(self, node: object) -> Term | None:
        """Make a term; a blank node is one of this answer alone."""
        import pyoxigraph as ox

        if isinstance(node, ox.NamedNode):
            return Iri(node.value)
        if isinstance(node, ox.BlankNode):
            return BlankNode(f"s{self._asked}x{node.value}")
        if isinstance(node, ox.Literal):
            return Literal(node.value, Iri(node.datatype.value), node.language)
        return None
