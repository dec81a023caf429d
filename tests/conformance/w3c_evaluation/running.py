"""Runs one evaluation test against a store."""

from __future__ import annotations

from tests.conformance.w3c_evaluation.answers import (
    RESULTS,
    Statements,
    Table,
    comparable,
    difference,
    graph_of,
    read_csv,
    read_expected,
    read_table,
)
from tests.conformance.w3c_evaluation.endpoints import client_of
from tests.conformance.w3c_evaluation.manifests import Case, Data

from extremeearth.knowledge.sparql import Iri, Literal, parse_query
from extremeearth.knowledge.sparql.syntax import SelectQuery
from extremeearth.knowledge.sparql.terms import Variable
from extremeearth.knowledge.store import Graph, GraphStore, Solutions, Triples

__all__ = ["failure_of"]

WRITTEN = {".srj": "json", ".tsv": "tsv", ".srx": "xml"}
TIMEOUT_S = 20.0


def new_store(case: Case) -> GraphStore:
    """Open an empty store in memory, which may ask the endpoints of the test."""
    return Graph.open(client=client_of(case))


def failure_of(case: Case) -> str | None:
    """Run a test; give what went wrong, `None` where nothing did."""
    store = new_store(case)
    _fill(store, case, case.before)
    if case.kind == "UpdateEvaluationTest":
        text = case.text.read_bytes().decode("utf-8")
        store.update(text, base=case.iri(case.text), timeout_s=TIMEOUT_S)
        return difference(_dataset(case, case.after), _held(store), lax=False)
    return _query_failure(store, case)


def _fill(store: GraphStore, case: Case, data: Data) -> None:
    for file in data.default:
        store.load(file, base=case.iri(file))
    for name, file in data.named:
        store.load(file, graph=name, base=case.iri(file))


def _query_failure(store: GraphStore, case: Case) -> str | None:
    assert case.result is not None
    text, base = case.text.read_bytes().decode("utf-8"), case.iri(case.text)
    tree = parse_query(text, base=base)
    # What FROM names is the query's own dataset; the store does not fetch, so it holds those graphs.
    for named in {*tree.dataset.default, *tree.dataset.named}:
        if not store.has_graph(named.value) and case.file(named.value).is_file():
            store.load(case.file(named.value), graph=named.value, base=named.value)
    expected = read_expected(case.result, case.iri(case.result))
    answer = store.query(text, base=base, timeout_s=TIMEOUT_S)
    found = _read_back(answer, case.result.suffix)
    told = difference(expected, found, lax=case.lax)
    if told is None and isinstance(expected, Table) and isinstance(tree, SelectQuery):
        assert isinstance(found, Table)
        return _order_failure(tree, expected, found)
    return told


def _read_back(answer: Solutions | bool | Triples, suffix: str) -> Table | Statements | bool:
    """Write the answer in the format of the expected one, and read it as a client would."""
    if isinstance(answer, bool):
        return answer
    if isinstance(answer, Triples):
        return Statements(tuple({tuple(triple) for triple in answer}))
    if suffix == ".csv":
        return read_csv(answer.serialize("csv"))
    form = RESULTS.get(suffix, RESULTS[".srx"])
    return read_table(answer.serialize(WRITTEN.get(suffix, "xml")), form)


def _order_failure(tree: SelectQuery, expected: Table, found: Table) -> str | None:
    """Compare the sequence of what the query orders by, as far as it is projected and not a blank node."""
    for condition in tree.modifier.order_by:
        variable = condition.expression
        if not isinstance(variable, Variable) or variable.name not in expected.variables:
            return None
        columns = []
        for table in (expected, found):
            column = (row[0] for row in table.arranged([variable.name]))
            columns.append([comparable(t) if isinstance(t, Literal) else None for t in column])
        if columns[0] != columns[1]:
            return f"ordered by {variable}, {columns[0]} are expected, not {columns[1]}"
    return None


def _dataset(case: Case, data: Data) -> Statements:
    rows = [(None, *row) for file in data.default for row in graph_of(file, case.iri(file)).rows]
    for name, file in data.named:
        rows += [(Iri(name), *row) for row in graph_of(file, case.iri(file)).rows]
    return Statements(tuple(rows))


def _held(store: GraphStore) -> Statements:
    """Give all quads of a store; a graph without triples may or may not exist (SPARQL 1.1 Update, section 3.2)."""
    rows = [(None, *triple) for triple in store.read_graph(None)]
    for name in store.graphs():
        rows += [(Iri(name), *triple) for triple in store.read_graph(name)]
    return Statements(tuple(rows))
