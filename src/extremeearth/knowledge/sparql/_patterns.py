"""Triples, property paths and group graph patterns."""

from __future__ import annotations

from collections.abc import Callable

from extremeearth.knowledge.sparql._cursor import (
    RDF_FIRST,
    RDF_NIL,
    RDF_REST,
    RDF_TYPE,
)
from extremeearth.knowledge.sparql._expressions import ExpressionParser
from extremeearth.knowledge.sparql.scope import visible
from extremeearth.knowledge.sparql.syntax import (
    Bind,
    Filter,
    Graph,
    GroupPattern,
    InlineData,
    Minus,
    NegatedSet,
    Node,
    Optional,
    Path,
    PathAlternative,
    PathInverse,
    PathRepeat,
    PathSequence,
    Pattern,
    SelectQuery,
    Service,
    SubSelect,
    TriplePattern,
    TriplesBlock,
    Union,
)
from extremeearth.knowledge.sparql.terms import Iri, Literal, Variable


class PatternParser(ExpressionParser):
    """Reads everything between the braces of WHERE."""

    paths_allowed = True

    def sub_select(self) -> SelectQuery:
        """Read a SELECT inside braces."""
        raise NotImplementedError

    # -------------------------------------------------------------------------------- triples

    def node(self, triples: list[TriplePattern]) -> Node:
        """Read a subject or object; triples that it stands for are added to `triples`."""
        kind = self.kinds[self.at]
        if kind == "var":
            return self.variable()
        if kind == "blank":
            return self.labelled_blank()
        if self.sign("["):
            return self._property_list_node(triples)
        if self.sign("("):
            return self._collection(triples)
        term = self.data_term()
        if term is None:
            self.error("a variable, an IRI, a literal or a blank node")
        return term

    def _property_list_node(self, triples: list[TriplePattern]) -> Node:
        self.expect("[")
        self.deeper()
        node = self.fresh_blank()
        if not self.accept("]"):
            self._properties(node, triples)
            self.expect("]")
        self.depth -= 1
        return node

    def _collection(self, triples: list[TriplePattern]) -> Node:
        self.expect("(")
        self.deeper()
        head: Node = RDF_NIL
        last: Node | None = None
        while not self.accept(")"):
            cell = self.fresh_blank()
            if last is None:
                head = cell
            else:
                triples.append(TriplePattern(last, RDF_REST, cell))
            inner: list[TriplePattern] = []
            triples.append(TriplePattern(cell, RDF_FIRST, self.node(inner)))
            triples.extend(inner)
            last = cell
        if last is not None:
            triples.append(TriplePattern(last, RDF_REST, RDF_NIL))
        self.depth -= 1
        return head

    def same_subject(self, triples: list[TriplePattern]) -> None:
        """Read one subject with all that is said of it."""
        before = len(triples)
        bare_allowed = self.sign("[") or self.sign("(")
        subject = self.node(triples)
        stands_alone = bare_allowed and len(triples) > before
        if stands_alone and not self._verb_is_next():
            return
        self._properties(subject, triples)

    def _verb_is_next(self) -> bool:
        kind, value = self.kinds[self.at], self.values[self.at]
        if kind in ("iri", "name", "var") or value == "a":
            return True
        return kind == "sign" and self.paths_allowed and value in ("^", "!", "(")

    def _properties(self, subject: Node, triples: list[TriplePattern]) -> None:
        while True:
            predicate = self._verb()
            while True:
                inner: list[TriplePattern] = []
                triples.append(TriplePattern(subject, predicate, self.node(inner)))
                triples.extend(inner)
                if not self.accept(","):
                    break
            if not self.accept(";"):
                return
            while self.accept(";"):
                pass
            if not self._verb_is_next():
                return

    def _verb(self) -> Variable | Path:
        if self.kinds[self.at] == "var":
            return self.variable()
        if self.paths_allowed:
            return self._path()
        if self.values[self.at] == "a" and self.kinds[self.at] == "word":
            self.at += 1
            return RDF_TYPE
        if not self.iri_is_next():
            self.error("a predicate")
        return self.iri()

    # ---------------------------------------------------------------------------------- paths

    def _path(self) -> Path:
        self.deeper()
        parts = self._path_chain("|", self._sequence)
        self.depth -= 1
        return parts[0] if len(parts) == 1 else PathAlternative(parts)

    def _path_chain(self, operator: str, step: Callable[[], Path]) -> tuple[Path, ...]:
        parts = [step()]
        while self.accept(operator):
            parts.append(step())
            self.bounded(len(parts))
        return tuple(parts)

    def _sequence(self) -> Path:
        parts = self._path_chain("/", self._path_step)
        return parts[0] if len(parts) == 1 else PathSequence(parts)

    def _path_step(self) -> Path:
        if self.accept("^"):
            return PathInverse(self._path_element())
        return self._path_element()

    def _path_element(self) -> Path:
        if self.accept("("):
            path = self._path()
            self.expect(")")
        elif self.accept("!"):
            path = self._negated_set()
        elif self.values[self.at] == "a" and self.kinds[self.at] == "word":
            self.at += 1
            path = RDF_TYPE
        elif self.iri_is_next():
            path = self.iri()
        else:
            self.error("a predicate or a property path")
        for modifier in "*+?":
            if self.accept(modifier):
                return PathRepeat(path, modifier)
        return path

    def _negated_set(self) -> NegatedSet:
        forward: list[Iri] = []
        inverse: list[Iri] = []

        def one() -> None:
            target = inverse if self.accept("^") else forward
            if self.values[self.at] == "a" and self.kinds[self.at] == "word":
                self.at += 1
                target.append(RDF_TYPE)
            else:
                target.append(self.iri())

        if not self.accept("("):
            one()
        elif not self.accept(")"):
            one()
            while self.accept("|"):
                one()
            self.expect(")")
        return NegatedSet(tuple(forward), tuple(inverse))

    # --------------------------------------------------------------------------------- groups

    def group_pattern(self) -> GroupPattern:
        """Read ``{ ... }``."""
        self.expect("{")
        self.deeper()
        outer = self.region
        self.new_region()
        elements: list[Pattern] = []
        if self.word() == "SELECT":
            elements.append(SubSelect(self.sub_select()))
        else:
            self._group_elements(elements)
        self.expect("}")
        self.region = outer
        self.depth -= 1
        return GroupPattern(tuple(elements))

    def _group_elements(self, elements: list[Pattern]) -> None:
        while not self.sign("}"):
            word = self.word()
            if word in _ELEMENTS or self.sign("{"):
                elements.append(self._element(word, elements))
                self.accept(".")
                if word != "FILTER":
                    self.new_region()
            else:
                triples: list[TriplePattern] = []
                self.same_subject(triples)
                while self.accept(".") and not (
                    self.sign("}") or self.sign("{") or self.word() in _ELEMENTS
                ):
                    self.same_subject(triples)
                elements.append(TriplesBlock(tuple(triples)))
                if not (self.sign("}") or self.sign("{") or self.word() in _ELEMENTS):
                    self.error("'.', ';', ',' or '}'")
            self.bounded(len(elements))

    def _element(self, word: str, before: list[Pattern]) -> Pattern:  # noqa: PLR0911 - one branch for each kind of node
        if not word:
            return self._group_or_union()
        self.at += 1
        if word == "FILTER":
            allowed, self.aggregates_allowed = self.aggregates_allowed, False
            found = Filter(self.constraint())
            self.aggregates_allowed = allowed
            return found
        if word == "OPTIONAL":
            return Optional(self.group_pattern())
        if word == "MINUS":
            return Minus(self.group_pattern())
        if word == "BIND":
            return self._bind(before)
        if word == "VALUES":
            return self.inline_data()
        silent = word == "SERVICE" and self.accept_word("SILENT")
        name = self.variable() if self.kinds[self.at] == "var" else self.iri()
        pattern = self.group_pattern()
        return Graph(name, pattern) if word == "GRAPH" else Service(name, pattern, silent)

    def _group_or_union(self) -> Pattern:
        branches = [self.group_pattern()]
        while self.accept_word("UNION"):
            branches.append(self.group_pattern())
            self.bounded(len(branches))
        return branches[0] if len(branches) == 1 else Union(tuple(branches))

    def _bind(self, before: list[Pattern]) -> Bind:
        self.expect("(")
        allowed, self.aggregates_allowed = self.aggregates_allowed, False
        expression = self.expression()
        self.aggregates_allowed = allowed
        self.expect_word("AS")
        at = self.at
        variable = self.variable()
        if any(variable in visible(element) for element in before):
            self.refuse(
                f"BIND gives a value to {variable}, which the group has already used.",
                at=at,
                hint="Choose another name.",
            )
        self.expect(")")
        return Bind(expression, variable)

    def inline_data(self) -> InlineData:
        """Read what follows VALUES."""
        rows: list[tuple[Iri | Literal | None, ...]] = []
        if self.kinds[self.at] == "var":
            variables: tuple[Variable, ...] = (self.variable(),)
            self.expect("{")
            while not self.accept("}"):
                rows.append((self._data_value(),))
            return InlineData(variables, tuple(rows))
        self.expect("(")
        names: list[Variable] = []
        while not self.accept(")"):
            names.append(self.variable())
        if len(set(names)) < len(names):
            self.refuse("VALUES names a variable twice.")
        self.expect("{")
        width = len(names)
        value = self._data_value
        while not self.accept("}"):
            at = self.at
            self.expect("(")
            row: list[Iri | Literal | None] = []
            while not self.accept(")"):
                row.append(value())
            if len(row) != width:
                self.refuse(f"VALUES has {width} variables, but a row of {len(row)} terms.", at=at)
            rows.append(tuple(row))
        return InlineData(tuple(names), tuple(rows))

    def _data_value(self) -> Iri | Literal | None:
        term = self.data_term()
        if term is None and not self.accept_word("UNDEF"):
            self.error("an IRI, a literal or UNDEF")
        return term


_ELEMENTS = frozenset({"OPTIONAL", "MINUS", "GRAPH", "SERVICE", "FILTER", "BIND", "VALUES"})
