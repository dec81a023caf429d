"""Fixtures that evaluate SPARQL texts by our expressions and by pyoxigraph."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyoxigraph as ox
import pytest

from extremeearth.knowledge.sparql import parse_query
from extremeearth.knowledge.sparql.terms import BlankNode, Iri, Literal, Term
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.expressions import (
    Bindings,
    ExpressionContext,
    aggregate,
    evaluate,
)
from extremeearth.knowledge.store.geosparql import read_geometries

PROLOGUE = (
    "BASE <http://example.org/> PREFIX xsd: <http://www.w3.org/2001/XMLSchema#> "
    "PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> "
)


def make_context(**changes: Any) -> ExpressionContext:
    given: dict[str, Any] = {
        "now": datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
        "base": "http://example.org/",
        "geometries": read_geometries,
        "seed": 11,
    }
    return ExpressionContext(**{**given, **changes})


def our_term(term: Any) -> Term | None:
    if term is None:
        return None
    if isinstance(term, ox.NamedNode):
        return Iri(term.value)
    if isinstance(term, ox.BlankNode):
        return BlankNode(term.value)
    if term.language is not None:
        return Literal(term.value, language=term.language)
    return Literal(term.value, Iri(term.datatype.value))


def parse_expression(text: str) -> Any:
    return parse_query(f"{PROLOGUE} SELECT ({text} AS ?r) {{}}").projection[0].expression


@pytest.fixture(scope="session")
def context() -> Callable[..., ExpressionContext]:
    """Make a context, with changes."""
    return make_context


@pytest.fixture(scope="session")
def parsed() -> Callable[[str], Any]:
    """Parse the text of an expression."""
    return parse_expression


@pytest.fixture(scope="session")
def column() -> Callable[[str], TermColumn]:
    """Make a column of a text of terms as in VALUES."""

    def make(texts: str) -> TermColumn:
        found = parse_query(f"{PROLOGUE} SELECT ?v {{ VALUES ?v {{ {texts} }} }}")
        return TermColumn.of([row[0] for row in found.where.elements[0].rows])

    return make


@pytest.fixture(scope="session")
def values() -> Callable[..., list[str]]:
    """Evaluate an expression over columns; each value as text, ``None`` for an error."""

    def run(
        text: str, columns: Mapping[str, TermColumn] | None = None, **changes: Any
    ) -> list[str]:
        given = columns or {}
        length = len(next(iter(given.values()))) if given else 1
        found = evaluate(parse_expression(text), Bindings(given, length), make_context(**changes))
        return [str(term) for term in found.terms()]

    return run


@pytest.fixture(scope="session")
def value(values: Callable[..., list[str]]) -> Callable[..., str]:
    """Evaluate an expression without variables; XML Schema's namespace is written ``xsd:``."""

    def run(text: str, **changes: Any) -> str:
        (found,) = values(text, **changes)
        return found.replace("^^<http://www.w3.org/2001/XMLSchema#", "^^<xsd:")

    return run


@pytest.fixture(scope="session")
def answers() -> Callable[..., list[tuple[Term | None, Term | None]]]:
    """Evaluate an expression of ``?a`` and ``?b`` over rows of terms (as texts): our answers and pyoxigraph's."""
    store = ox.Store()

    def run(text: str, rows: Sequence[Sequence[str]]) -> list[tuple[Term | None, Term | None]]:
        names = "ab"[: len(rows[0])]
        variables = " ".join(f"?{name}" for name in names)
        lines = [f"({number} {' '.join(row)})" for number, row in enumerate(rows)]
        pattern = f"{{ VALUES (?n {variables}) {{ {' '.join(lines)} }} }}"
        found = parse_query(f"{PROLOGUE} SELECT * {pattern}").where.elements[0].rows
        columns = {
            name: TermColumn.of([row[at + 1] for row in found]) for at, name in enumerate(names)
        }
        ours = evaluate(
            parse_expression(text), Bindings(columns, len(rows)), make_context()
        ).terms()
        solutions = store.query(f"{PROLOGUE} SELECT ?n ({text} AS ?r) {pattern} ORDER BY ?n")
        return list(zip(ours, [our_term(row["r"]) for row in solutions], strict=True))

    return run


@pytest.fixture(scope="session")
def aggregated(column: Any) -> Callable[[str, Sequence[str]], tuple[Term | None, Term | None]]:
    """Compute an aggregate of ``?v`` over terms in one group: our answer and pyoxigraph's."""
    store = ox.Store()

    def run(text: str, terms: Sequence[str]) -> tuple[Term | None, Term | None]:
        node = parse_expression(text)
        given = column(" ".join(terms)) if terms else TermColumn.empty(0)
        operand = None if node.operand is None else given
        (ours,) = aggregate(
            node, operand, np.zeros(len(given), np.int64), 1, make_context()
        ).terms()
        query = f"{PROLOGUE} SELECT ({text} AS ?r) {{ VALUES ?v {{ {' '.join(terms)} }} }}"
        return ours, our_term(next(iter(store.query(query)))["r"])

    return run


@pytest.fixture(scope="session")
def same_value() -> Callable[[Term | None, Term | None], bool]:
    """Compare terms; numbers of one type by value, because pyoxigraph writes them in another form."""

    def same(ours: Term | None, theirs: Term | None) -> bool:
        if ours == theirs:
            return True
        if not isinstance(ours, Literal) or not isinstance(theirs, Literal):
            return False
        if ours.datatype.value != theirs.datatype.value:
            return False
        kind = ours.datatype.value.rpartition("#")[2]
        if kind not in ("double", "float"):
            return False
        a, b = (float(term.lexical) for term in (ours, theirs))
        if kind == "float":
            a, b = float(np.float32(a)), float(np.float32(b))
        return a == b or (math.isnan(a) and math.isnan(b))

    return same
