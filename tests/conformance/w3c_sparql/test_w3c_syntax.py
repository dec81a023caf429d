"""All W3C SPARQL 1.0 and 1.1 syntax tests: queries and updates, those to accept and those to refuse."""

from __future__ import annotations

from pathlib import Path

import pyoxigraph as ox
import pytest

from extremeearth.core.errors import QuerySyntaxError
from extremeearth.knowledge.sparql import parse_query, parse_update, to_text, translate
from extremeearth.knowledge.sparql.syntax import (
    AskQuery,
    ConstructQuery,
    DescribeQuery,
    SelectQuery,
)
from extremeearth.knowledge.sparql.walk import services_of

BASE = "http://example.org/base/"
ANSWERS = {
    SelectQuery: ox.QuerySolutions,
    AskQuery: ox.QueryBoolean,
    ConstructQuery: ox.QueryTriples,
    DescribeQuery: ox.QueryTriples,
}


def test_syntax(syntax_case: tuple[Path, str]) -> None:
    path, kind = syntax_case
    text = path.read_bytes().decode("utf-8")
    parse = parse_update if "Update" in kind else parse_query
    if "Negative" in kind:
        with pytest.raises(QuerySyntaxError, match=r"Line \d+, column \d+: "):
            parse(text, base=BASE)
        return
    tree = parse(text, base=BASE)
    assert parse(to_text(tree)) == tree
    if "Update" not in kind:
        translate(tree)


def test_evaluated_queries_keep_their_meaning(evaluated_query: Path) -> None:
    """Each query of the evaluation tests parses, prints, and is read alike by another parser."""
    text = evaluated_query.read_bytes().decode("utf-8")
    tree = parse_query(text, base=BASE)
    printed = to_text(tree)
    assert parse_query(printed) == tree
    translate(tree)
    if not services_of(tree):
        assert type(ox.Store().query(printed)) is ANSWERS[type(tree)]
