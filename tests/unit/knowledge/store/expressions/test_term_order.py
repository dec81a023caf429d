"""The total order of terms."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.knowledge.sparql.terms import XSD, BlankNode, Iri, Literal
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.expressions import compare, order_keys, sorted_rows

IN_ORDER = (
    "UNDEF <urn:a> <urn:b> '-INF'^^xsd:double -5 9007199254740992 9007199254740993 9007199254740993.5 "
    "'1e300'^^xsd:double 'INF'^^xsd:double 'NaN'^^xsd:float false true "
    "'1999-12-31T23:00:00Z'^^xsd:dateTime '2000-01-01T00:00:00+00:30'^^xsd:dateTime "
    "'2000-01-01T00:00:00.5Z'^^xsd:dateTime '1990-01-01'^^xsd:date '2000-01-01'^^xsd:date '10:00:00'^^xsd:time "
    "'PT1H'^^xsd:dayTimeDuration 'P1M'^^xsd:duration '' 'B' 'a' 'a'@de 'a'@en 'b' 'é' '\U00010000' "
    "'abc'^^xsd:integer 'x'^^<urn:t> 'y'^^<urn:t>"
)


def test_order(column):
    terms = column(IN_ORDER)
    rng = np.random.default_rng(5)
    for _ in range(5):
        shuffled = rng.permutation(len(terms))
        given = terms.take(shuffled)
        found = given.take(sorted_rows(order_keys(given)))
        assert [str(term) for term in found.terms()] == [str(term) for term in terms.terms()]
        back = given.take(sorted_rows(order_keys(given), descending=True))
        assert [str(term) for term in back.terms()] == [str(term) for term in terms.terms()][::-1]


def test_blank_nodes_are_before_iris_and_after_nothing():
    given = TermColumn.of([Iri("urn:a"), BlankNode("z"), None, BlankNode("a")])
    assert sorted_rows(order_keys(given)).tolist() == [2, 3, 1, 0]


def test_equal_values_stay_as_they_came(column):
    given = column("2 1.0 01 '1'^^xsd:double 0")
    assert sorted_rows(order_keys(given)).tolist() == [4, 1, 2, 3, 0]
    assert sorted_rows(order_keys(given), descending=True).tolist() == [0, 1, 2, 3, 4]


literals = st.one_of(
    st.integers(-(2**80), 2**80).map(lambda n: Literal(str(n), Iri(XSD + "integer"))),
    st.floats().map(
        lambda n: Literal(repr(n).replace("inf", "INF").replace("nan", "NaN"), Iri(XSD + "double"))
    ),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(
        lambda n: Literal(format(n, "f"), Iri(XSD + "decimal"))
    ),
    st.text(max_size=4).map(Literal),
    st.booleans().map(lambda b: Literal(str(b).lower(), Iri(XSD + "boolean"))),
    st.datetimes().map(lambda d: Literal(d.isoformat() + "Z", Iri(XSD + "dateTime"))),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(literals, min_size=2, max_size=12))
def test_order_agrees_with_the_operators(terms):
    given = TermColumn.of(terms)
    order = sorted_rows(order_keys(given))
    first, second = given.take(order[:-1]), given.take(order[1:])
    assert not (compare("<", second, first) == 1).any()


def test_it_never_fails():
    rng = np.random.default_rng(0)
    codes = rng.integers(-1, 40, 400).astype(np.int32)
    codes[codes >= 30] = types.datatype_code("urn:some")
    texts = [
        "",
        "1",
        "x",
        "2000-01-01",
        "P1D",
        "-",
        "1e999",
        "9" * 5000,
        "24:00:00",
        "true",
        "--02-30",
    ]
    given = TermColumn(codes, pa.array(rng.choice(texts, 400), pa.large_string()))
    order = sorted_rows(order_keys(given))
    assert sorted(order.tolist()) == list(range(400))
    assert not any(np.isnan(key).any() for key in order_keys(given) if key.dtype.kind == "f")
