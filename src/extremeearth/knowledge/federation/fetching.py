"""Fetch what a plan wants into one graph in memory, each pattern narrowed by what is known already."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pyoxigraph as ox

from extremeearth.core.errors import ExtremeEarthError, InputError, LimitError
from extremeearth.knowledge.federation.endpoints import Member, failure_of
from extremeearth.knowledge.federation.planning import (
    GEOF,
    Level,
    Want,
    rename_apart,
    uses_geosparql,
    wants_of,
)
from extremeearth.knowledge.federation.space import box_around, partner_of
from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.scope import variables_of
from extremeearth.knowledge.sparql.terms import XSD_STRING, BlankNode, Iri, Literal, Term, Variable
from extremeearth.knowledge.store.terms import from_oxigraph
from extremeearth.knowledge.store.workers import Deadline

__all__ = ["Fetched", "Request", "fetch"]

T = TypeVar("T")
Values = Mapping[Variable, frozenset[Term]]

BATCH = 200
"""Values sent in one request over the network."""
LOCAL_BATCH = 5_000
"""Values sent at once to a store in this process."""
MANY_VALUES = 20_000
"""With more values of a variable than this, the pattern is fetched without them."""
WIDE = 5
"""A pattern with fewer matches than so many times the values is fetched whole: one request, not many."""
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
    store
        The triples, in their graphs.
    sources
        For each pattern, the names of the endpoints that can match it.
    requests
        Every request that was made.
    failures
        Endpoints that failed, with what they said; only where partial answers are allowed.
    """

    store: ox.Store = field(default_factory=ox.Store)
    sources: dict[Want, tuple[str, ...]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


class _SplitBlankNodes(Exception):  # noqa: N818 - a signal between functions of this module, never raised out of it
    """An endpoint gave blank nodes in more than one answer: they cannot be told apart or together."""

    def __init__(self, at: int) -> None:
        self.at = at


def fetch(
    level: Level,
    members: Sequence[Member],
    *,
    dataset: s.DatasetClause,
    deadline: Deadline,
    most_triples: int,
    partial: bool,
) -> Fetched:
    """Carry out a plan.

    Parameters
    ----------
    level
        From `plan_query`.
    members
        Whom to ask.
    dataset
        FROM clauses of the query, sent on.
    deadline
        When to stop.
    most_triples
        Most triples that may come together.
    partial
        Go on without an endpoint that fails, and say so, instead of raising.

    Raises
    ------
    RemoteError, TimeoutExceededError
        An endpoint failed; its name is in the message.
    LimitError
        More than `most_triples` came.
    """
    whole: set[int] = set()
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="federation") as pool:
        while True:
            run = _Run(members, dataset, deadline, most_triples, partial, whole, pool)
            try:
                run.everything(level)
            except _SplitBlankNodes as split:
                whole.add(split.at)
            else:
                return run.fetched


class _Run:
    """One attempt; `whole` are the endpoints that are asked for everything in one request."""

    def __init__(
        self,
        members: Sequence[Member],
        dataset: s.DatasetClause,
        deadline: Deadline,
        most_triples: int,
        partial: bool,
        whole: set[int],
        pool: ThreadPoolExecutor,
    ) -> None:
        self.members, self.dataset, self.deadline = members, dataset, deadline
        self.most_triples, self.partial, self.whole, self.pool = most_triples, partial, whole, pool
        self.fetched = Fetched()
        self.relevant: dict[Want, tuple[int, ...]] = {}
        self.graphs: dict[Want, tuple[Iri, ...]] = {}
        self.answers_with_triples = [0] * len(members)
        self.gave_blanks = [False] * len(members)
        self.knows_geosparql: dict[int, bool] = {}

    # -------------------------------------------------------------------------------- requests

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
        prefix = f"e{at}x" if stable else f"e{at}r{self.answers_with_triples[at]}x"
        text = str(query)
        started = time.perf_counter()
        quads = (
            self.ask(at, lambda member, left: member.quads(text, prefix=prefix, timeout_s=left))
            or []
        )
        self._note(at, purpose, text, len(quads), started)
        if quads and not stable:
            self.answers_with_triples[at] += 1
            self.gave_blanks[at] |= any(
                isinstance(q.subject, ox.BlankNode) or isinstance(q.object, ox.BlankNode)
                for q in quads
            )
            if self.gave_blanks[at] and self.answers_with_triples[at] > 1:
                raise _SplitBlankNodes(at)
        if graph is not None:
            target = ox.NamedNode(graph.value)
            quads = [ox.Quad(q.subject, q.predicate, q.object, target) for q in quads]
        self.fetched.store.extend(quads)
        total = sum(r.triples for r in self.fetched.requests)
        if total > self.most_triples:
            raise LimitError(
                f"The query needs more than {self.most_triples} triples from the endpoints.",
                hint="Narrow it, e.g. by a constant, a smaller box or a sub-query.",
            )

    # ------------------------------------------------------------------------------- selection

    def everything(self, level: Level) -> None:
        """Choose sources, then fetch level by level."""
        wants = list(dict.fromkeys(wants_of(level)))
        self._select(wants)
        for at in sorted(self.whole):
            self._fetch_whole(at, [w for w in wants if at in self.relevant[w]])
        self._level(level, {})

    def _select(self, wants: list[Want]) -> None:
        """Ask each endpoint once which patterns it can match at all."""
        scans = [w for w in wants if not w.constants and not isinstance(w.graph, Iri)]
        asked = [w for w in wants if w not in scans]
        shapes = list(dict.fromkeys(_shape(w) for w in asked))
        everyone = range(len(self.members))
        replies = list(self.pool.map(lambda at: self._matching(at, shapes), everyone))
        for want in wants:
            if want in scans:
                self.relevant[want] = tuple(everyone)
            else:
                self.relevant[want] = tuple(at for at in everyone if _shape(want) in replies[at])
            self.fetched.sources[want] = tuple(
                self.members[at].endpoint.name for at in self.relevant[want]
            )

    def _matching(self, at: int, shapes: list[Want]) -> set[Want]:
        if not shapes:
            return set()
        items = tuple(
            s.Projection(Variable(f"e{i}"), s.Exists(_where([rename_apart(w, i)], w.graph), False))
            for i, w in enumerate(shapes)
        )
        # EXISTS in BIND is SPARQL 1.1 as much as in SELECT, and more endpoints take it.
        binds = tuple(s.Bind(p.expression, p.variable) for p in items if p.expression is not None)
        query = s.SelectQuery(
            projection=tuple(s.Projection(p.variable) for p in items),
            where=s.GroupPattern(binds),
            dataset=self.dataset,
        )
        rows = self.rows(at, str(query), "which patterns match")
        if len(rows) != 1:
            return set()
        return {
            w
            for w, t in zip(shapes, rows[0], strict=True)
            if isinstance(t, Literal) and t.lexical in ("true", "1")
        }

    def geosparql(self, at: int) -> bool:
        """Tell whether a member evaluates ``geof:`` functions as we do; asked once."""
        if at not in self.knows_geosparql:
            rows = self.rows(at, PROBE, "does it know geof:")
            self.knows_geosparql[at] = (
                bool(rows) and isinstance(rows[0][0], Literal) and rows[0][0].lexical == "true"
            )
        return self.knows_geosparql[at]

    # ---------------------------------------------------------------------------------- levels

    def _level(self, level: Level, given: Values) -> None:
        """Fetch the patterns of a level, the most selective first, then what is inside it."""
        known = dict(given)
        for data in level.data:
            _narrow(known, _values_of(data))
        waiting = list(level.joined)
        done: list[Want] = []
        while waiting:
            group = self._next(waiting, known, done)
            for want in group:
                waiting.remove(want)
            self._fetch(group, known, level)
            done += group
            needed = {v for w in waiting for v in w.variables} | _inside(level)
            for variable in {v for w in group for v in w.variables} & needed:
                terms = self._found(variable, done)
                if terms is not None:
                    _narrow(known, {variable: terms})
        for want in level.loose:
            self._fetch([want], known, level)
        for child in level.children:
            passed = (
                known
                if child.allowed is None
                else {v: t for v, t in known.items() if v in child.allowed}
            )
            for inner in child.levels:
                self._level(inner, passed)

    def _next(self, waiting: list[Want], known: Values, done: list[Want]) -> list[Want]:
        """Choose the pattern to fetch next, with those that one and the same endpoint alone can match."""

        def rank(want: Want) -> tuple[int, int]:
            sizes = [len(known[v]) for v in want.variables if v in known]
            bound = 6 if sizes else 0
            return (want.constants + bound, -min(sizes, default=0))

        first = max(waiting, key=rank)
        sources = self.relevant[first]
        if len(sources) != 1 or isinstance(first.graph, Variable) or sources[0] in self.whole:
            return [first]
        group = [first]
        grown = True
        while grown:
            grown = False
            reached = {v for w in group for v in w.variables}
            for want in waiting:
                if (
                    want not in group
                    and self.relevant[want] == sources
                    and want.graph == first.graph
                    and want.variables & reached
                ):
                    group.append(want)
                    grown = True
        return group

    def _found(self, variable: Variable, done: list[Want]) -> frozenset[Term] | None:
        """Give the values a variable can have, by what the patterns fetched so far match together.

        `None` where they are too many to be of use.
        """
        component = [w for w in done if variable in w.variables]
        grown = True
        while grown:
            reached = {v for w in component for v in w.variables}
            more = [w for w in done if w not in component and w.variables & reached]
            component += more
            grown = bool(more)
        query = s.SelectQuery(
            projection=(s.Projection(variable),),
            distinct=True,
            where=s.GroupPattern(tuple(_element([w.triple], w.graph) for w in component)),
            modifier=s.SolutionModifier(limit=MANY_VALUES + 1),
        )
        found: Any = self.fetched.store.query(str(query))
        terms = frozenset(from_oxigraph(row[0]) for row in found if row[0] is not None)
        return terms if len(terms) <= MANY_VALUES else None

    # --------------------------------------------------------------------------------- fetching

    def _fetch(self, group: list[Want], known: Values, level: Level) -> None:
        sources = [at for at in self.relevant[group[0]] if at not in self.whole]
        if isinstance(group[0].graph, Variable):
            graphs = self._graphs_of(group[0], sources)
            for graph in graphs:
                named = [replace(w, graph=graph) for w in group]
                for at in sources:
                    self._fetch_from(at, named, known, level)
            return
        if len(sources) > 1:
            list(self.pool.map(lambda at: self._fetch_from(at, group, known, level), sources))
        elif sources:
            self._fetch_from(sources[0], group, known, level)

    def _graphs_of(self, want: Want, sources: Iterable[int]) -> list[Iri]:
        """Find the named graphs that a pattern matches in."""
        assert isinstance(want.graph, Variable)
        query = s.SelectQuery(
            projection=(s.Projection(want.graph),),
            distinct=True,
            where=_where([replace(want, filters=())], want.graph),
            dataset=self.dataset,
        )
        found: dict[Iri, None] = {}
        for at in sources:
            rows = self.rows(at, str(query), "which graphs match")
            found.update({t: None for (t,) in rows if isinstance(t, Iri)})
        return list(found)

    def _fetch_from(self, at: int, group: list[Want], known: Values, level: Level) -> None:
        chosen = self._narrowing(at, group, known)
        near = self._near(at, group, known, level)
        if chosen is None:
            self._send(at, group, near)
            return
        variable, terms = chosen
        if not terms:
            return  # nothing that is bound so far lies here
        if len(terms) > BATCH and self._count(at, group) <= WIDE * len(terms):
            self._send(at, group, near)
            return
        ordered = sorted(terms, key=str)
        batch = BATCH if self.members[at].endpoint.graph is None else LOCAL_BATCH
        for start in range(0, len(ordered), batch):
            self._send(at, group, (*_restriction(variable, ordered[start : start + batch]), *near))

    def _near(
        self, at: int, group: list[Want], known: Values, level: Level
    ) -> tuple[s.Filter, ...]:
        """Ask only for geometries near those that a spatial relation ties them to."""
        found = []
        for variable in {
            w.object for w in group if w in level.joined and isinstance(w.object, Variable)
        }:
            for call in level.spatial:
                partner = partner_of(call, variable)
                box = (
                    None if partner is None or partner not in known else box_around(known[partner])
                )
                if box is not None and self.geosparql(at):
                    meets = s.FunctionCall(Iri(GEOF + "sfIntersects"), (variable, box))
                    found.append(s.Filter(s.BuiltIn("COALESCE", (meets, _TRUE))))
        return tuple(found)

    def _narrowing(
        self, at: int, group: list[Want], known: Values
    ) -> tuple[Variable, frozenset[Iri | Literal]] | None:
        """Choose the variable with the fewest values that can be sent to this endpoint."""
        best: tuple[Variable, frozenset[Iri | Literal]] | None = None
        for variable in sorted(
            {v for w in group for v in w.variables if v in known}, key=lambda v: v.name
        ):
            terms = known[variable]
            # A blank node lies at the endpoint it came from and nowhere else; there it cannot be named.
            own = f"e{at}x", f"e{at}r"
            if any(isinstance(t, BlankNode) and t.label.startswith(own) for t in terms):
                continue
            # Languages are compared without regard to case, which VALUES would not do.
            if any(isinstance(t, Literal) and t.language is not None for t in terms):
                continue
            sendable = frozenset(t for t in terms if not isinstance(t, BlankNode))
            if best is None or len(sendable) < len(best[1]):
                best = (variable, sendable)
        return best

    def _count(self, at: int, group: list[Want]) -> int:
        count = s.Aggregate("COUNT", None)
        query = s.SelectQuery(
            projection=(s.Projection(Variable("matches"), count),),
            where=_where(group, group[0].graph),
            dataset=self.dataset,
        )
        rows = self.rows(at, str(query), "how many matches")
        term = rows[0][0] if rows else None
        return int(term.lexical) if isinstance(term, Literal) and term.lexical.isdigit() else 0

    def _send(self, at: int, group: list[Want], restriction: tuple[s.Pattern, ...]) -> None:
        graph = group[0].graph
        filters = self._filters(at, group)
        query = s.ConstructQuery(
            template=tuple(w.triple for w in group),
            where=_where(group, graph, before=restriction, after=filters),
            dataset=self.dataset,
            modifier=s.SolutionModifier(limit=1 if group[0].one else None),
        )
        purpose = ", ".join(str(w) for w in group)
        self.triples(at, query, purpose, graph if isinstance(graph, Iri) else None)

    def _filters(self, at: int, group: list[Want]) -> tuple[s.Filter, ...]:
        """Send filters on; one that is an error there lets the row pass, for our own engine to decide."""
        found = []
        for expression in dict.fromkeys(f for w in group for f in w.filters):
            if uses_geosparql(expression) and not self.geosparql(at):
                continue
            passing = s.BuiltIn("COALESCE", (expression, _TRUE))
            found.append(s.Filter(passing))
        return tuple(found)

    def _fetch_whole(self, at: int, wants: list[Want]) -> None:
        """Ask for all patterns in one request, whose blank nodes therefore keep together."""
        name = self.members[at].endpoint.name
        if any(w.graph is not None for w in wants):
            raise InputError(
                f"The query meets blank nodes of '{name}' in named graphs, which cannot be kept together.",
                hint="Give the nodes IRIs, or declare the endpoint's blank nodes stable.",
            )
        if not wants:
            return
        apart = [rename_apart(w, i) for i, w in enumerate(wants)]
        branches = tuple(_where([w], None, after=self._filters(at, [w])) for w in apart)
        where = branches[0] if len(branches) == 1 else s.GroupPattern((s.Union(branches),))
        query = s.ConstructQuery(
            template=tuple(w.triple for w in apart), where=where, dataset=self.dataset
        )
        self.triples(at, query, "everything at once", None)


# ---------------------------------------------------------------------------------------- pieces

_TRUE = Literal("true", Iri("http://www.w3.org/2001/XMLSchema#boolean"))


def _shape(want: Want) -> Want:
    """Give the pattern without its filters and with variables of no meaning, to ask for it only once."""
    names: dict[Variable, Variable] = {}
    bare = replace(want, filters=())
    for node in (want.subject, want.predicate, want.object, want.graph):
        if isinstance(node, Variable):
            names.setdefault(node, Variable(f"v{len(names)}"))

    def new(node: Any) -> Any:
        return names.get(node, node)

    return replace(
        bare,
        subject=new(want.subject),
        predicate=new(want.predicate),
        object=new(want.object),
        graph=new(want.graph),
    )


def _element(triples: list[s.TriplePattern], graph: Iri | Variable | None) -> s.Pattern:
    block = s.TriplesBlock(tuple(triples))
    return block if graph is None else s.Graph(graph, s.GroupPattern((block,)))


def _where(
    group: list[Want],
    graph: Iri | Variable | None,
    *,
    before: tuple[s.Pattern, ...] = (),
    after: tuple[s.Pattern, ...] = (),
) -> s.GroupPattern:
    return s.GroupPattern((*before, _element([w.triple for w in group], graph), *after))


def _restriction(variable: Variable, terms: list[Iri | Literal]) -> tuple[s.Pattern, ...]:
    """Write values as VALUES; as a comparison where the same value has several spellings."""
    if all(isinstance(t, Iri) or t.datatype == XSD_STRING for t in terms):
        return (s.InlineData((variable,), tuple((t,) for t in terms)),)
    return (s.Filter(s.Membership(variable, tuple(terms), False)),)


def _values_of(data: s.InlineData) -> dict[Variable, frozenset[Term]]:
    found: dict[Variable, frozenset[Term]] = {}
    for i, variable in enumerate(data.variables):
        column = [row[i] for row in data.rows]
        if all(term is not None for term in column):
            found[variable] = frozenset(t for t in column if t is not None)
    return found


def _narrow(known: dict[Variable, frozenset[Term]], found: Values) -> None:
    for variable, terms in found.items():
        known[variable] = known[variable] & terms if variable in known else terms


def _inside(level: Level) -> set[Variable]:
    inner = {
        v
        for child in level.children
        for i in child.levels
        for w in wants_of(i)
        for v in w.variables
    }
    return (
        inner
        | {v for w in level.loose for v in w.variables}
        | {v for call in level.spatial for v in variables_of(call)}
    )
