"""Aggregates against pyoxigraph and the clauses of SPARQL 1.1, section 18.5.1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.core.errors import InputError
from extremeearth.knowledge.sparql.syntax import Aggregate, FunctionCall
from extremeearth.knowledge.sparql.terms import Iri
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.expressions import aggregate, number_column

CALLS = [
    "COUNT(?v)", "COUNT(*)", "COUNT(DISTINCT ?v)", "SUM(?v)", "SUM(DISTINCT ?v)", "AVG(?v)", "AVG(DISTINCT ?v)",
    "MIN(?v)", "MAX(?v)", "SAMPLE(?v)",
]  # fmt: skip
CONCATS = [
    "GROUP_CONCAT(?v)",
    "GROUP_CONCAT(DISTINCT ?v; separator='|')",
    "GROUP_CONCAT(?v; separator='')",
]
GROUPS = [
    [], ["1", "2", "3"], ["1", "2.5"], ["1", "2.5", '"1"^^xsd:double'], ["1", "UNDEF", "2"], ["1", "'a'"],
    ["3", "1.5", "1"], ["<urn:b>", "<urn:a>"], ["true", "false"], ["1", "1", "2"], ['"0.5"^^xsd:float', "1"],
    ["0.1", "0.2", "0.3"], ["10", "9", "100"], ['"1"^^xsd:double', '"INF"^^xsd:double'], ["<urn:a>", "'a'"],
    ['"2001-01-01T00:00:00Z"^^xsd:dateTime', '"2000-06-01T12:00:00Z"^^xsd:dateTime'], ["UNDEF"],
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("terms", GROUPS, ids=" ".join)
def test_like_pyoxigraph(call, terms, aggregated, same_value):
    ours, theirs = aggregated(call, terms)
    assert same_value(ours, theirs), str(ours)


@pytest.mark.parametrize("call", CONCATS)
@pytest.mark.parametrize(
    "terms", [[], ["'b'", "'a'@en", "'b'"], ["'x'"], ["''", "'y'"], ["'a'", "UNDEF"]], ids=str
)
def test_group_concat_like_pyoxigraph(call, terms, aggregated):
    ours, theirs = aggregated(call, terms)
    assert ours == theirs


def test_group_concat_takes_the_text_of_any_term_but_a_blank_node(parsed, context, column):
    # pyoxigraph takes strings alone
    groups = np.zeros(3, np.int64)
    found = aggregate(parsed("GROUP_CONCAT(?v)"), column("1 <urn:a> 2.50"), groups, 1, context())
    assert found.values.to_pylist() == ["1 urn:a 2.50"]
    blank = TermColumn.of_values(types.BLANK, ["b"])
    assert (
        aggregate(parsed("GROUP_CONCAT(?v)"), blank, np.zeros(1, np.int64), 1, context()).types[0]
        == types.NONE
    )


integers = st.integers(-(2**70), 2**70)
decimals = st.decimals(-(10**8), 10**8, places=6)


@settings(max_examples=80, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 4), st.one_of(integers, decimals)), max_size=40),
    distinct=st.booleans(),
)
def test_exact_sums(rows, distinct, context):
    from decimal import Context, Decimal

    exact = Context(prec=200)
    values = TermColumn.concat(
        [
            number_column([v], types.INTEGER if isinstance(v, int) else types.DECIMAL)
            for _, v in rows
        ]
    )
    groups = np.array([group for group, _ in rows], np.int64)
    found = aggregate(Aggregate("SUM", None, distinct), values, groups, 5, context())
    expected = []
    for group in range(5):
        mine = [(type(v), Decimal(v)) for g, v in rows if g == group]
        mine = list(dict.fromkeys(mine)) if distinct else mine
        total = Decimal(0)
        for _, number in mine:
            total = exact.add(total, number)
        expected.append(total)
    assert [Decimal(text) for text in found.values.to_pylist()] == expected


def test_many_groups_at_once(context):
    rng = np.random.default_rng(3)
    numbers, groups = rng.integers(-1000, 1000, 5000), rng.integers(0, 50, 5000)
    values = number_column(numbers, types.INTEGER)
    for name, expected in (("SUM", np.sum), ("MIN", np.min), ("MAX", np.max), ("COUNT", len)):
        found = aggregate(Aggregate(name, None), values, groups, 51, context())
        wanted = [str(expected(numbers[groups == group])) for group in range(50)]
        assert found.values.to_pylist()[:50] == wanted
        assert (
            found.terms()[50] is None if name in ("MIN", "MAX") else found.values[50].as_py() == "0"
        )


def test_an_error_spoils_its_group_alone(column, context):
    values = column("1 UNDEF 2 'x' 3")
    groups = np.array([0, 0, 1, 1, 2])
    for name, expected in (
        ("SUM", ["None", "None", '"3"']),
        ("AVG", ["None", "None", '"3"']),
        ("MIN", ["None", '"2"', '"3"']),
        ("COUNT", ['"1"', '"2"', '"1"']),
        ("SAMPLE", ['"1"', '"2"', '"3"']),
        ("GROUP_CONCAT", ["None", '"2 x"', '"3"']),
    ):
        found = aggregate(Aggregate(name, None), values, groups, 3, context())
        assert [str(term).partition("^^")[0] for term in found.terms()] == expected


def test_the_first_of_equal_values(column, context):
    values = column("1.0 1 01 '1'^^xsd:double")
    groups = np.zeros(4, np.int64)
    for name in ("MIN", "MAX"):
        assert aggregate(
            Aggregate(name, None), values, groups, 1, context()
        ).values.to_pylist() == ["1.0"]


def test_aggregates_by_iri(column, context):
    def last(values, groups, count, _):
        rows = np.full(count, -1)
        rows[groups] = np.arange(len(groups))
        return values.take(rows)

    node = FunctionCall(Iri("urn:last"), (), distinct=True)
    given = context(aggregates={"urn:last": last})
    found = aggregate(node, column("1 2 1"), np.zeros(3, np.int64), 1, given)
    assert found.values.to_pylist() == ["2"]
    with pytest.raises(InputError, match="urn:last"):
        aggregate(node, column("1"), np.zeros(1, np.int64), 1, context())
