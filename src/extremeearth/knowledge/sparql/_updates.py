"""The operations of SPARQL 1.1 Update."""

from __future__ import annotations

from extremeearth.knowledge.sparql._patterns import PatternParser
from extremeearth.knowledge.sparql.syntax import (
    Clear,
    Create,
    DatasetClause,
    DeleteData,
    DeleteWhere,
    Drop,
    GraphTarget,
    InsertData,
    Load,
    Modify,
    Operation,
    QuadBlock,
    Transfer,
    TriplePattern,
    Update,
)
from extremeearth.knowledge.sparql.terms import BlankNode, Iri, Variable


class UpdateParser(PatternParser):
    """Reads updates; queries are read by the parser built on this one."""

    def dataset(self, word: str) -> DatasetClause:
        """Read FROM (or USING) clauses."""
        raise NotImplementedError

    def update(self) -> Update:
        """Read the operations, divided by semicolons."""
        operations: list[Operation] = []
        self.prologue()
        while self.kinds[self.at] != "end":
            # A blank node label of one INSERT DATA may not come again in another (section 19.6, SPARQL 1.1 Query).
            self.new_region()
            operations.append(self._operation())
            self.bounded(len(operations))
            if not self.accept(";"):
                break
            self.prologue()
        if self.kinds[self.at] != "end":
            self.error("';' or the end of the update")
        return Update(tuple(operations), self.base)

    def _operation(self) -> Operation:  # noqa: PLR0911 - one branch for each operation
        word = self.word()
        self.at += 1
        if word == "LOAD":
            silent = self.accept_word("SILENT")
            source = self.iri()
            return Load(source, self._graph_ref() if self.accept_word("INTO") else None, silent)
        if word in ("CLEAR", "DROP"):
            silent = self.accept_word("SILENT")
            target = self._target()
            return Clear(target, silent) if word == "CLEAR" else Drop(target, silent)
        if word == "CREATE":
            silent = self.accept_word("SILENT")
            return Create(self._graph_ref(), silent)
        if word in ("ADD", "MOVE", "COPY"):
            silent = self.accept_word("SILENT")
            one = self._graph_or_default()
            self.expect_word("TO")
            return Transfer(word, one, self._graph_or_default(), silent)
        if word == "INSERT" and self.accept_word("DATA"):
            return InsertData(self._quads(variables=False, blanks=True))
        if word == "DELETE" and self.accept_word("DATA"):
            return DeleteData(self._quads(variables=False, blanks=False))
        if word == "DELETE" and self.accept_word("WHERE"):
            return DeleteWhere(self._quads(variables=True, blanks=False))
        self.at -= 1
        if word in ("WITH", "DELETE", "INSERT"):
            return self._modify()
        self.error("an update operation such as INSERT DATA, DELETE, LOAD or CLEAR")

    def _modify(self) -> Modify:
        graph = self.iri() if self.accept_word("WITH") else None
        delete = insert = None
        # A label in the template makes new nodes for each solution, one in WHERE matches them: they meet neither
        # each other nor those of another operation.
        labels, self.label_regions = self.label_regions, {}
        if self.accept_word("DELETE"):
            delete = self._quads(variables=True, blanks=False)
        if self.accept_word("INSERT"):
            insert = self._quads(variables=True, blanks=True)
        if delete is None and insert is None:
            self.error("DELETE or INSERT")
        using = self.dataset("USING")
        self.expect_word("WHERE")
        self.label_regions = {}
        where = self.group_pattern()
        self.label_regions = labels
        return Modify(graph, delete, insert, using, where)

    def _graph_ref(self) -> Iri:
        self.expect_word("GRAPH")
        return self.iri()

    def _target(self) -> GraphTarget:
        word = self.word()
        if word in ("DEFAULT", "NAMED", "ALL"):
            self.at += 1
            return word
        if word != "GRAPH":
            self.error("GRAPH, DEFAULT, NAMED or ALL")
        return self._graph_ref()

    def _graph_or_default(self) -> GraphTarget:
        if self.accept_word("DEFAULT"):
            return "DEFAULT"
        self.accept_word("GRAPH")
        return self.iri()

    def _quads(self, *, variables: bool, blanks: bool) -> tuple[QuadBlock, ...]:
        self.expect("{")
        paths, self.paths_allowed = self.paths_allowed, False
        blocks: list[QuadBlock] = []
        while not self.sign("}"):
            at = self.at
            if self.accept_word("GRAPH"):
                named = variables and self.kinds[self.at] == "var"
                graph: Variable | Iri | None = self.variable() if named else self.iri()
                self.expect("{")
                triples = self._quad_triples()
                self.expect("}")
                self.accept(".")
            else:
                graph = None
                triples = self._quad_triples()
            blocks.append(QuadBlock(graph, tuple(triples)))
            self._check_quads(triples, at, variables=variables, blanks=blanks)
        self.expect("}")
        self.paths_allowed = paths
        return tuple(blocks)

    def _quad_triples(self) -> list[TriplePattern]:
        triples: list[TriplePattern] = []
        while not (self.sign("}") or self.word() == "GRAPH"):
            self.same_subject(triples)
            if not self.accept("."):
                break
        if not (self.sign("}") or self.word() == "GRAPH"):
            self.error("'.', ';', ',' or '}'")
        return triples

    def _check_quads(
        self, triples: list[TriplePattern], at: int, *, variables: bool, blanks: bool
    ) -> None:
        for triple in triples:
            for node in (triple.subject, triple.predicate, triple.object):
                if isinstance(node, Variable) and not variables:
                    self.refuse(f"the variable {node} may not stand in data.", at=at)
                if isinstance(node, BlankNode) and not blanks:
                    self.refuse("a blank node may not stand in what is deleted.", at=at)
