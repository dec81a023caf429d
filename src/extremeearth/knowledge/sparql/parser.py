"""SPARQL 1.1 text to syntax nodes: recursive descent, one token of look-ahead (grammar, section 19.8)."""

from __future__ import annotations

from extremeearth.knowledge.sparql._patterns import PatternParser
from extremeearth.knowledge.sparql._updates import UpdateParser
from extremeearth.knowledge.sparql.scope import check_select
from extremeearth.knowledge.sparql.syntax import (
    AskQuery,
    ConstructQuery,
    DatasetClause,
    DescribeQuery,
    Expression,
    GroupCondition,
    GroupPattern,
    InlineData,
    OrderCondition,
    Projection,
    Query,
    SelectQuery,
    SolutionModifier,
    TriplePattern,
    TriplesBlock,
    Update,
)
from extremeearth.knowledge.sparql.terms import Iri, Variable

__all__ = ["parse_query", "parse_update"]


def parse_query(text: str, *, base: str | None = None) -> Query:
    """Read one query: SELECT, CONSTRUCT, DESCRIBE or ASK.

    Parameters
    ----------
    text
        The query.
    base
        Absolute IRI that relative ones are resolved against, unless the text has its own BASE.

    Returns
    -------
    SelectQuery, ConstructQuery, DescribeQuery or AskQuery
        Prefixes and relative IRIs are resolved; `str()` gives text again.

    Raises
    ------
    QuerySyntaxError
        The text is no SPARQL 1.1 query; says line, column and what was expected.

    Examples
    --------
    >>> query = parse_query("PREFIX : <http://e/> SELECT ?s { ?s :area ?a FILTER(?a > 5) }")
    >>> print(query)
    SELECT ?s
    WHERE {
      ?s <http://e/area> ?a .
      FILTER(?a > 5)
    }
    >>> parse_query("SELECT ?s { ?s }")
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.QuerySyntaxError: Line 1, column 16: expected a predicate or a property path, found '}'.
    """
    return _Parser(text, base=base).query()


def parse_update(text: str, *, base: str | None = None) -> Update:
    """Read an update: any number of operations.

    Parameters
    ----------
    text
        The update.
    base
        Absolute IRI that relative ones are resolved against, unless the text has its own BASE.

    Raises
    ------
    QuerySyntaxError
        The text is no SPARQL 1.1 update; says line, column and what was expected.

    Examples
    --------
    >>> print(parse_update("INSERT DATA { <urn:a> <urn:b> 1 }"))
    INSERT DATA {
      <urn:a> <urn:b> 1 .
    }
    """
    return _Parser(text, base=base).update()


class _Parser(UpdateParser, PatternParser):
    def query(self) -> Query:
        self.prologue()
        form = self.word()
        if form == "SELECT":
            found: Query = self.select(sub=False)
        elif form == "CONSTRUCT":
            found = self._construct()
        elif form == "DESCRIBE":
            found = self._describe()
        elif form == "ASK":
            self.at += 1
            dataset = self.dataset("FROM")
            where = self.where()
            modifier = self._modifier()
            found = AskQuery(
                where=where,
                dataset=dataset,
                modifier=modifier,
                values=self._values(),
                base=self.base,
            )
        else:
            self.error("SELECT, CONSTRUCT, DESCRIBE or ASK")
        if self.kinds[self.at] != "end":
            self.error("the end of the query")
        return found

    def dataset(self, word: str) -> DatasetClause:
        """Read FROM (or USING) clauses."""
        default: list[Iri] = []
        named: list[Iri] = []
        while self.accept_word(word):
            (named if self.accept_word("NAMED") else default).append(self.iri())
        return DatasetClause(tuple(default), tuple(named))

    def where(self) -> GroupPattern:
        """Read the WHERE clause, whose keyword may be left out."""
        self.accept_word("WHERE")
        return self.group_pattern()

    def sub_select(self) -> SelectQuery:
        return self.select(sub=True)

    def select(self, *, sub: bool) -> SelectQuery:
        """Read a SELECT."""
        start = self.at
        self.expect_word("SELECT")
        distinct = self.accept_word("DISTINCT")
        reduced = not distinct and self.accept_word("REDUCED")
        outer = self.aggregates_allowed
        projection = self._projection()
        dataset = DatasetClause() if sub else self.dataset("FROM")
        self.aggregates_allowed = False
        where = self.where()
        modifier = self._modifier()
        self.aggregates_allowed = outer
        query = SelectQuery(
            projection=projection, where=where, distinct=distinct, reduced=reduced, dataset=dataset,
            modifier=modifier, values=self._values(), base=None if sub else self.base,
        )  # fmt: skip
        check_select(query, lambda reason: self.refuse(reason, at=start))
        return query

    def _projection(self) -> tuple[Projection, ...] | None:
        if self.accept("*"):
            return None
        items: list[Projection] = []
        self.aggregates_allowed = True
        while True:
            if self.kinds[self.at] == "var":
                items.append(Projection(self.variable()))
            elif self.accept("("):
                expression = self.expression()
                self.expect_word("AS")
                items.append(Projection(self.variable(), expression))
                self.expect(")")
            elif items:
                return tuple(items)
            else:
                self.error("a variable, '(' or '*'")

    def _construct(self) -> ConstructQuery:
        self.expect_word("CONSTRUCT")
        if not self.sign("{"):
            dataset = self.dataset("FROM")
            self.expect_word("WHERE")
            self.new_region()
            template = self.template()
            where = GroupPattern((TriplesBlock(template),) if template else ())
        else:
            # The template is no pattern: its labels do not meet those of WHERE.
            labels, self.label_regions = self.label_regions, {}
            template = self.template()
            self.label_regions = labels
            dataset = self.dataset("FROM")
            where = self.where()
        modifier = self._modifier()
        return ConstructQuery(
            template=template, where=where, dataset=dataset, modifier=modifier, values=self._values(),
            base=self.base,
        )  # fmt: skip

    def template(self) -> tuple[TriplePattern, ...]:
        """Read triples without paths between braces."""
        self.expect("{")
        paths, self.paths_allowed = self.paths_allowed, False
        triples: list[TriplePattern] = []
        while not self.sign("}"):
            self.same_subject(triples)
            if not self.accept("."):
                break
        self.expect("}")
        self.paths_allowed = paths
        return tuple(triples)

    def _describe(self) -> DescribeQuery:
        self.expect_word("DESCRIBE")
        resources: list[Variable | Iri] = []
        everything = self.accept("*")
        while not everything:
            if self.kinds[self.at] == "var":
                resources.append(self.variable())
            elif self.iri_is_next():
                resources.append(self.iri())
            elif resources:
                break
            else:
                self.error("a variable, an IRI or '*'")
        dataset = self.dataset("FROM")
        where = self.where() if self.sign("{") or self.word() == "WHERE" else None
        modifier = self._modifier()
        return DescribeQuery(
            resources=None if everything else tuple(resources), where=where, dataset=dataset,
            modifier=modifier, values=self._values(), base=self.base,
        )  # fmt: skip

    def _values(self) -> InlineData | None:
        return self.inline_data() if self.accept_word("VALUES") else None

    def _modifier(self) -> SolutionModifier:
        group_by: list[GroupCondition] = []
        having: list[Expression] = []
        order_by: list[OrderCondition] = []
        if self.accept_word("GROUP"):
            self.expect_word("BY")
            while (condition := self._group_condition()) is not None:
                group_by.append(condition)
                self.bounded(len(group_by))
            if not group_by:
                self.error("a variable, '(' or a function")
        self.aggregates_allowed = True
        if self.accept_word("HAVING"):
            having.append(self.constraint())
            while self._constraint_is_next():
                having.append(self.constraint())
        if self.accept_word("ORDER"):
            self.expect_word("BY")
            while (order := self._order_condition()) is not None:
                order_by.append(order)
                self.bounded(len(order_by))
            if not order_by:
                self.error("a variable, ASC, DESC, '(' or a function")
        self.aggregates_allowed = False
        limit, offset = self._slice()
        return SolutionModifier(tuple(group_by), tuple(having), tuple(order_by), limit, offset)

    def _slice(self) -> tuple[int | None, int | None]:
        found: dict[str, int] = {}
        while (word := self.word()) in ("LIMIT", "OFFSET") and word not in found:
            self.at += 1
            value = self.values[self.at]
            if self.kinds[self.at] != "integer" or not value.isdigit():
                self.error("a whole number")
            if len(value) > 18:  # what fits into 64 bits
                self.refuse(f"{word} is too large.")
            found[word] = int(value)
            self.at += 1
        return found.get("LIMIT"), found.get("OFFSET")

    def _group_condition(self) -> GroupCondition | None:
        if self.kinds[self.at] == "var":
            return GroupCondition(self.variable())
        if self.accept("("):
            expression = self.expression()
            variable = self.variable() if self.accept_word("AS") else None
            self.expect(")")
            return GroupCondition(expression, variable)
        return GroupCondition(self.constraint()) if self._constraint_is_next() else None

    def _order_condition(self) -> OrderCondition | None:
        word = self.word()
        if word in ("ASC", "DESC"):
            self.at += 1
            return OrderCondition(self.bracketed(), word == "DESC")
        if self.kinds[self.at] == "var":
            return OrderCondition(self.variable())
        return OrderCondition(self.constraint()) if self._constraint_is_next() else None

    def _constraint_is_next(self) -> bool:
        return (
            self.sign("(")
            or self.iri_is_next()
            or (self.kinds[self.at] == "word" and self.word() not in _AFTER_CONDITIONS)
        )


_AFTER_CONDITIONS = frozenset({"HAVING", "ORDER", "LIMIT", "OFFSET", "VALUES"})
