"""Fetch what a plan wants into one graph in memory, each pattern narrowed by what is known already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from extremeearth.core.errors import InputError
from extremeearth.knowledge.federation.channel import (
    Channel,
    Fetched,
    Request,
    SplitBlankNodesError,
)
from extremeearth.knowledge.federation.endpoints import Member
from extremeearth.knowledge.federation.soundness import GEOF, uses_geosparql
from extremeearth.knowledge.federation.space import box_around, partner_of
from extremeearth.knowledge.federation.subqueries import (
    TRUE,
    Values,
    element,
    inside,
    narrow,
    restriction,
    shape,
    values_of,
    where,
)
from extremeearth.knowledge.federation.wants import Level, Want, rename_apart, wants_of
from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.terms import BlankNode, Iri, Literal, Term, Variable
from extremeearth.knowledge.store.deadlines import DeadlineToken

__all__ = ["fetch"]

BATCH = 200
"""Values sent in one request over the network."""
LOCAL_BATCH = 5_000
"""Values sent at once to a store in this process."""
MANY_VALUES = 20_000
"""With more values of a variable than this, the pattern is fetched without them."""
WIDE = 5
"""A pattern with fewer matches than so many times the values is fetched whole: one request, not many."""


def fetch(
    level: Level,
    members: Sequence[Member],
    *,
    dataset: s.DatasetClause,
    deadline: DeadlineToken,
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
    earlier: list[Request] = []
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="federation") as pool:
        while True:
            channel = Channel(
                members, deadline=deadline, most_triples=most_triples, partial=partial
            )
            run = _Run(channel, dataset=dataset, whole=frozenset(whole), pool=pool)
            try:
                run.everything(level)
            except SplitBlankNodesError as split:
                whole.add(split.at)
                earlier += channel.fetched.requests
            else:
                channel.fetched.requests[:0] = earlier
                return channel.fetched


class _Run:
    """One attempt; `whole` are the endpoints that are asked for everything in one request."""

    def __init__(
        self,
        channel: Channel,
        *,
        dataset: s.DatasetClause,
        whole: frozenset[int],
        pool: ThreadPoolExecutor,
    ) -> None:
        self.channel, self.members, self.fetched = channel, channel.members, channel.fetched
        self.dataset, self.whole, self.pool = dataset, whole, pool
        self.relevant: dict[Want, tuple[int, ...]] = {}

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
        shapes = list(dict.fromkeys(shape(w) for w in asked))
        everyone = range(len(self.members))
        replies = list(self.pool.map(lambda at: self._matching(at, shapes), everyone))
        for want in wants:
            if want in scans:
                self.relevant[want] = tuple(everyone)
            else:
                self.relevant[want] = tuple(at for at in everyone if shape(want) in replies[at])
            self.fetched.sources[want] = tuple(
                self.members[at].endpoint.name for at in self.relevant[want]
            )

    def _matching(self, at: int, shapes: list[Want]) -> set[Want]:
        if not shapes:
            return set()
        items = tuple(
            s.Projection(Variable(f"e{i}"), s.Exists(where([rename_apart(w, i)], w.graph), False))
            for i, w in enumerate(shapes)
        )
        # EXISTS in BIND is SPARQL 1.1 as much as in SELECT, and more endpoints take it.
        binds = tuple(s.Bind(p.expression, p.variable) for p in items if p.expression is not None)
        query = s.SelectQuery(
            projection=tuple(s.Projection(p.variable) for p in items),
            where=s.GroupPattern(binds),
            dataset=self.dataset,
        )
        rows = self.channel.rows(at, str(query), "which patterns match")
        if len(rows) != 1:
            return set()
        return {
            w
            for w, t in zip(shapes, rows[0], strict=True)
            if isinstance(t, Literal) and t.lexical in ("true", "1")
        }

    # ---------------------------------------------------------------------------------- levels

    def _level(self, level: Level, given: Values) -> None:
        """Fetch the patterns of a level, the most selective first, then what is inside it."""
        known = dict(given)
        for data in level.data:
            narrow(known, values_of(data))
        waiting = list(level.joined)
        done: list[Want] = []
        while waiting:
            group = self._next(waiting, known, level)
            for want in group:
                waiting.remove(want)
            self._fetch(group, known, level)
            done += group
            needed = {v for w in waiting for v in w.variables} | inside(level)
            for variable in {v for w in group for v in w.variables} & needed:
                terms = self._found(variable, done)
                if terms is not None:
                    narrow(known, {variable: terms})
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

    def _next(self, waiting: list[Want], known: Values, level: Level) -> list[Want]:
        """Choose the pattern to fetch next, with those that one and the same endpoint alone can match."""

        def rank(want: Want) -> tuple[int, int]:
            sizes = [len(known[v]) for v in want.variables if v in known]
            bound = 6 if sizes else 0
            near = 5 if _tied(want, known, level) else 0
            return (want.constants + bound + near, -min(sizes, default=0))

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
            where=s.GroupPattern(tuple(element([w.triple], w.graph) for w in component)),
            modifier=s.SolutionModifier(limit=MANY_VALUES + 1),
        )
        found = self.fetched.gathered.rows(str(query))
        terms = frozenset(row[0] for row in found if row[0] is not None)
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
            where=where([replace(want, filters=())], want.graph),
            dataset=self.dataset,
        )
        found: dict[Iri, None] = {}
        for at in sources:
            rows = self.channel.rows(at, str(query), "which graphs match")
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
            self._send(at, group, (*restriction(variable, ordered[start : start + batch]), *near))

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
                if box is not None and self.channel.geosparql(at):
                    meets = s.FunctionCall(Iri(GEOF + "sfIntersects"), (variable, box))
                    found.append(s.Filter(s.BuiltIn("COALESCE", (meets, TRUE))))
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
            where=where(group, group[0].graph),
            dataset=self.dataset,
        )
        rows = self.channel.rows(at, str(query), "how many matches")
        term = rows[0][0] if rows else None
        return int(term.lexical) if isinstance(term, Literal) and term.lexical.isdigit() else 0

    def _send(self, at: int, group: list[Want], limits: tuple[s.Pattern, ...]) -> None:
        graph = group[0].graph
        filters = self._filters(at, group)
        query = s.ConstructQuery(
            template=tuple(w.triple for w in group),
            where=where(group, graph, before=limits, after=filters),
            dataset=self.dataset,
            modifier=s.SolutionModifier(limit=1 if group[0].one else None),
        )
        purpose = ", ".join(str(w) for w in group)
        self.channel.triples(at, query, purpose, graph if isinstance(graph, Iri) else None)

    def _filters(self, at: int, group: list[Want]) -> tuple[s.Filter, ...]:
        """Send filters on; one that is an error there lets the row pass, for our own engine to decide."""
        found = []
        for expression in dict.fromkeys(f for w in group for f in w.filters):
            if uses_geosparql(expression) and not self.channel.geosparql(at):
                continue
            passing = s.BuiltIn("COALESCE", (expression, TRUE))
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
        branches = tuple(where([w], None, after=self._filters(at, [w])) for w in apart)
        union = branches[0] if len(branches) == 1 else s.GroupPattern((s.Union(branches),))
        query = s.ConstructQuery(
            template=tuple(w.triple for w in apart), where=union, dataset=self.dataset
        )
        self.channel.triples(at, query, "everything at once", None)


def _tied(want: Want, known: Values, level: Level) -> bool:
    """Tell whether a spatial relation ties the object of a pattern to geometries that are known."""
    if not isinstance(want.object, Variable):
        return False
    partners = (partner_of(call, want.object) for call in level.spatial)
    return any(p is not None and len(known.get(p, ())) > 0 for p in partners)
