"""Requests to the members of a federation: noted, bounded, and told apart when they fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import pyoxigraph as ox

from extremeearth.core.errors import ExtremeEarthError, LimitError
from extremeearth.knowledge.federation.endpoints import Member, failure_of
from extremeearth.knowledge.federation.gathering import Gathering
from extremeearth.knowledge.federation.soundness import GEOF
from extremeearth.knowledge.federation.wants import Want
from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.terms import Iri, Literal, Term
from extremeearth.knowledge.store.deadlines import DeadlineToken

__all__ = ["Channel", "Fetched", "Request", "SplitBlankNodesError"]

T = TypeVar("T")

PROBE = (
    f"SELECT (<{GEOF}sfIntersects>('POINT(10 80)'^^<http://www.opengis.net/ont/geosparql#wktLiteral>, "
    "'<http://www.opengis.net/def/crs/EPSG/0/4326> POINT(80 10)'"
    "^^<http://www.opengis.net/ont/geosparql#wktLiteral>) AS ?yes) WHERE { }"
)
"""Asks whether an endpoint knows ``geof:`` and the axis order of EPSG:4326: only then may it filter for us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request that was made: to whom, what for, its text, how much came back and how long it took."""

    endpoint: str
    purpose: str
    text: str
    triples: int
    seconds: float


@dataclass(slots=True, kw_only=True)
class Fetched:
    """What came together.

    Attributes
    ----------
    gathered
        The triples, in their graphs.
    sources
        For each pattern, the names of the endpoints that can match it.
    requests
        Every request that was made.
    failures
        Endpoints that failed, with what they said; only where partial answers are allowed.
    """

    gathered: Gathering = field(default_factory=Gathering)
    sources: dict[Want, tuple[str, ...]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


class SplitBlankNodesError(Exception):
    """An endpoint gave blank nodes in more than one answer: they cannot be told apart or together."""

    def __init__(self, at: int) -> None:
        self.at = at


class Channel:
    """The members of one query, with everything that was asked of them.

    Parameters
    ----------
    members
        Whom to ask.
    deadline
        When to stop.
    most_triples
        Most triples that may come together.
    partial
        Note a member that fails instead of raising.
    """

    def __init__(
        self,
        members: Sequence[Member],
        *,
        deadline: DeadlineToken,
        most_triples: int,
        partial: bool,
    ) -> None:
        self.members, self.deadline = members, deadline
        self.most_triples, self.partial = most_triples, partial
        self.fetched = Fetched()
        self._answers_with_triples = [0] * len(members)
        self._gave_blanks = [False] * len(members)
        self._knows_geosparql: dict[int, bool] = {}

    def ask(self, at: int, work: Callable[[Member, float], T]) -> T | None:
        """Let one member work; a failure is raised, or noted where partial answers are allowed."""
        member = self.members[at]
        name = member.endpoint.name
        if name in self.fetched.failures:
            return None
        self.deadline.check()
        try:
            left = self.deadline.remaining_s
            # Where the answer may be partial, one slow endpoint must not use up the time of all.
            return work(member, min(left, self.deadline.seconds / 3) if self.partial else left)
        except ExtremeEarthError as err:
            failure = failure_of(member.endpoint, err)
            if not self.partial or self.deadline.passed:
                raise failure from err
            self.fetched.failures[name] = failure.message
            return None

    def rows(self, at: int, text: str, purpose: str) -> list[tuple[Term | None, ...]]:
        """Send a SELECT to one member."""
        started = time.perf_counter()
        found = self.ask(at, lambda member, left: member.rows(text, timeout_s=left))
        self._note(at, purpose, text, 0, started)
        return [] if found is None else list(found.rows)

    def _note(self, at: int, purpose: str, text: str, triples: int, started: float) -> None:
        self.fetched.requests.append(
            Request(
                endpoint=self.members[at].endpoint.name, purpose=purpose, text=text, triples=triples,
                seconds=time.perf_counter() - started,
            )
        )  # fmt: skip

    def triples(self, at: int, query: s.ConstructQuery, purpose: str, graph: Iri | None) -> None:
        """Send a CONSTRUCT to one member and keep what comes."""
        endpoint = self.members[at].endpoint
        stable = endpoint.graph is not None or endpoint.stable_blank_nodes
        prefix = f"e{at}x" if stable else f"e{at}r{self._answers_with_triples[at]}x"
        text = str(query)
        started = time.perf_counter()
        quads = (
            self.ask(at, lambda member, left: member.quads(text, prefix=prefix, timeout_s=left))
            or []
        )
        self._note(at, purpose, text, len(quads), started)
        if quads and not stable:
            self._answers_with_triples[at] += 1
            self._gave_blanks[at] |= any(
                isinstance(q.subject, ox.BlankNode) or isinstance(q.object, ox.BlankNode)
                for q in quads
            )
            if self._gave_blanks[at] and self._answers_with_triples[at] > 1:
                raise SplitBlankNodesError(at)
        if graph is not None:
            target = ox.NamedNode(graph.value)
            quads = [ox.Quad(q.subject, q.predicate, q.object, target) for q in quads]
        self.fetched.gathered.add(quads)
        total = sum(r.triples for r in self.fetched.requests)
        if total > self.most_triples:
            raise LimitError(
                f"The query needs more than {self.most_triples} triples from the endpoints.",
                hint="Narrow it, e.g. by a constant, a smaller box or a sub-query.",
            )

    def geosparql(self, at: int) -> bool:
        """Tell whether a member evaluates ``geof:`` functions as we do; asked once."""
        if at not in self._knows_geosparql:
            rows = self.rows(at, PROBE, "does it know geof:")
            self._knows_geosparql[at] = (
                bool(rows) and isinstance(rows[0][0], Literal) and rows[0][0].lexical == "true"
            )
        return self._knows_geosparql[at]
