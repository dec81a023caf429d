"""Every operator and function over all pairs of a set of awkward terms, compared with pyoxigraph."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.knowledge.sparql.terms import Literal

NUMBERS = [
    "0", "1", "-7", "12", "2.5", "-0.25", "3.0", '"1.5"^^xsd:double', '"-2"^^xsd:double', '"0"^^xsd:double',
    '"INF"^^xsd:double', '"0.1"^^xsd:float', '"3"^^xsd:float', '"4"^^xsd:int', '"5"^^xsd:unsignedByte',
]  # fmt: skip
NOT_A_NUMBER = ['"NaN"^^xsd:double', '"NaN"^^xsd:float']
TEXTS = [
    '""',
    '"a"',
    '"abc"',
    '"Abc"@en',
    '"b"@en',
    '"abc"@de',
    '"bc"',
    '"été"@fr',
    '"日本"',
    '"3"',
    '"true"',
]
OTHERS = [
    "true", "false", '"1"^^xsd:boolean', "<http://example.org/x>", "<urn:y>", "UNDEF", '"abc"^^xsd:integer',
    '"x"^^<urn:dt>', '"y"^^<urn:dt>', '"x"^^<urn:other>', '"maybe"^^xsd:boolean', '"2001"^^xsd:gYear',
]  # fmt: skip
TIMES = [
    '"2000-01-01T00:00:00Z"^^xsd:dateTime', '"2000-01-01T00:00:00"^^xsd:dateTime',
    '"1999-12-31T20:00:00.5-04:00"^^xsd:dateTime', '"2000-01-03T00:00:00"^^xsd:dateTime',
    '"2000-13-01T00:00:00Z"^^xsd:dateTime', '"2000-01-01"^^xsd:date', '"2000-02-29+02:00"^^xsd:date',
    '"2001-02-29"^^xsd:date', '"10:00:00"^^xsd:time', '"12:30:15.25Z"^^xsd:time', '"P1Y2M"^^xsd:yearMonthDuration',
    '"P1DT2H"^^xsd:dayTimeDuration', '"-PT0.5S"^^xsd:dayTimeDuration', '"P1M"^^xsd:duration',
    '"P30D"^^xsd:duration', '"P1Y1D"^^xsd:duration',
]  # fmt: skip
POOL = [*NUMBERS, *NOT_A_NUMBER, *TEXTS, *OTHERS, *TIMES]

BINARY = [
    "?a = ?b", "?a != ?b", "?a < ?b", "?a > ?b", "?a <= ?b", "?a >= ?b", "?a + ?b", "?a - ?b", "?a * ?b", "?a / ?b",
    "?a || ?b", "?a && ?b", "?a IN (?b, 1)", "?a NOT IN (?b, 'abc')", "IF(?a, ?b, 3)", "COALESCE(?a, ?b)",
    "COALESCE(?a + ?b, ?a, 0)", "sameTerm(?a, ?b)", "STRSTARTS(?a, ?b)", "STRENDS(?a, ?b)", "CONTAINS(?a, ?b)",
    "STRBEFORE(?a, ?b)", "STRAFTER(?a, ?b)", "CONCAT(?a, ?b)", "CONCAT(?a, '-', ?b)", "LANGMATCHES(?a, ?b)",
    "LANGMATCHES(LANG(?a), ?b)", "STRLANG(?a, ?b)", "STRDT(?a, ?b)", "SUBSTR(?a, ?b)", "SUBSTR('abcdef', ?a, ?b)",
    "REGEX(?a, ?b)", "REGEX(?a, ?b, 'i')", "BOUND(?a) && ?b", "isNumeric(?a) && isNumeric(?b)",
]  # fmt: skip
UNARY = [
    "!?a", "-?a", "+?a", "ABS(?a)", "ROUND(?a)", "CEIL(?a)", "FLOOR(?a)", "STR(?a)", "LANG(?a)", "DATATYPE(?a)",
    "IRI(?a)", "isIRI(?a)", "isBlank(?a)", "isLiteral(?a)", "isNumeric(?a)", "BOUND(?a)", "STRLEN(?a)", "UCASE(?a)",
    "LCASE(?a)", "ENCODE_FOR_URI(?a)", "MD5(?a)", "SHA1(?a)", "SHA256(?a)", "SHA384(?a)", "SHA512(?a)", "YEAR(?a)",
    "MONTH(?a)", "DAY(?a)", "HOURS(?a)", "MINUTES(?a)", "SECONDS(?a)", "TIMEZONE(?a)", "TZ(?a)", "xsd:integer(?a)",
    "xsd:decimal(?a)", "xsd:float(?a)", "xsd:double(?a)", "xsd:boolean(?a)", "xsd:string(?a)", "xsd:dateTime(?a)",
    "xsd:date(?a)", "xsd:time(?a)", "xsd:duration(?a)", "xsd:dayTimeDuration(?a)", "xsd:yearMonthDuration(?a)",
    "REPLACE(?a, 'b', 'Z')", "REPLACE(?a, '(b)', '[$1]')", "SUBSTR(?a, 2)", "SUBSTR(?a, 0, 3)", "?a = 1", "?a < 'b'",
    "?a + 1", "IF(BOUND(?a), ?a, 'none')",
]  # fmt: skip


def deviation(expression: str, row: tuple[str, ...]) -> str | None:
    """Say why pyoxigraph gives another answer than the specification in this case."""
    ordered = re.search(r"[<>]", expression) is not None
    ill = _any(row, r'"abc"\^\^xsd:integer|"maybe"\^\^xsd:boolean')
    boolean = all(_any((text,), r"^true$|^false$|\^\^xsd:boolean") for text in row)
    duration = _any(row, "uration")
    stored = _any(row, r"^3\.0$|xsd:int$|unsignedByte|^\"1\"\^\^xsd:boolean")
    reasons = {
        "xsd:boolean is ordered, false first (section 17.3)": ordered and len(row) > 1 and boolean,
        "comparing with NaN is false, no error (XPath Functions, section 6.3)": ordered and _any(row, "NaN"),
        "terms without an order are not compared, the same ones neither (section 17.3)":
            ordered and len(set(row)) < len(row),
        "the effective boolean value of an ill-typed number or boolean is false (section 17.2.2)":
            re.search(r"\|\||&&|^!|^IF\(\?a", expression) is not None and ill,
        "durations are added to points in time (XPath Functions, section 9.7)":
            re.search(r"\?a [+-] \?b", expression) is not None and duration,
        "a duration loses the part that the other type lacks (XPath Functions, section 19.1.4)":
            "uration(?a)" in expression and duration,
        "pyoxigraph keeps the value of a number or boolean, not its lexical form and derived type":
            re.search(r"^STR\(|DATATYPE|^IF\(|^COALESCE|sameTerm", expression) is not None and stored,
        "a time without a zone may be one with a zone (date-2 of the W3C tests)":
            re.search("!?=|IN", expression) is not None and _mixed_zones(row),
        "zero divided by a decimal is no error": expression == "?a / ?b" and row[0] == "0",
        "YEAR is defined on xsd:dateTime (section 17.4.5.2); of others we take xsd:date alone":
            expression.startswith("YEAR") and _any(row, "gYear"),
        "the shortest decimal that reads back as the float": expression == "xsd:decimal(?a)" and _any(row, "float"),
        "an ill-typed literal has no value to cast": expression.startswith("xsd:string") and ill,
    }  # fmt: skip
    return next((reason for reason, applies in reasons.items() if applies), None)


def _mixed_zones(row: tuple[str, ...]) -> bool:
    times = [text for text in row if re.search(r"\^\^xsd:(dateTime|date|time)$", text)]
    return len({re.search(r'(Z|[+-]\d\d:\d\d)"', text) is None for text in times}) == 2


def _any(row: tuple[str, ...], pattern: str) -> bool:
    return any(re.search(pattern, text) for text in row)


def _compare(expression, rows, answers, same_value) -> int:
    compared, wrong = 0, []
    for row, (ours, theirs) in zip(rows, answers(expression, rows), strict=True):
        if deviation(expression, row) is None:
            compared += 1
            if not same_value(ours, theirs):
                wrong.append(f"{row}: ours {ours}, pyoxigraph {theirs}")
    assert not wrong, f"{expression}\n" + "\n".join(wrong[:12])
    return compared


@pytest.mark.parametrize("expression", UNARY)
def test_one_operand(expression, answers, same_value):
    rows = [(term,) for term in POOL]
    assert _compare(expression, rows, answers, same_value) > len(POOL) * 0.7


@pytest.mark.parametrize("expression", BINARY)
def test_two_operands(expression, answers, same_value):
    rows = [(a, b) for a in POOL for b in POOL]
    assert _compare(expression, rows, answers, same_value) > len(rows) * 0.5


integers = st.integers(-(10**9), 10**9).map(str)
decimals = st.decimals(-(10**6), 10**6, places=4).map(lambda value: format(value.normalize(), "f"))
doubles = st.floats(-1e12, 1e12).map(lambda value: f'"{value!r}"^^xsd:double')
floats = st.floats(-1e6, 1e6, width=32).map(lambda value: f'"{value!r}"^^xsd:float')
numbers = st.one_of(integers, decimals, doubles, floats)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(numbers, numbers), min_size=1, max_size=30),
    expression=st.sampled_from(
        ["?a + ?b", "?a - ?b", "?a * ?b", "?a / ?b", "?a < ?b", "?a = ?b", "ROUND(?a)", "CEIL(?a)", "FLOOR(?b)",
         "xsd:float(?a)", "xsd:double(?a)", "?a * 2 + ?b", "(?a + ?b) / 2 > ?a", "-?a - ABS(?b)"]),
)  # fmt: skip
def test_numbers(rows, expression, answers, same_value):
    for row, (a, b) in zip(rows, answers(expression, rows), strict=True):
        if b is None and isinstance(a, Literal):
            continue  # pyoxigraph's decimals overflow; ours do not
        assert same_value(a, b), (row, str(a), str(b))


letters = st.text(alphabet="ab c.é日$\\(", max_size=6)


def _quoted(text: str, tail: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"{tail}'


texts = st.builds(_quoted, letters, st.sampled_from(["", "@en", "@de"]))


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(texts, texts), min_size=1, max_size=30),
    expression=st.sampled_from(
        ["STRSTARTS(?a, ?b)", "CONTAINS(?a, ?b)", "STRENDS(?a, ?b)", "STRBEFORE(?a, ?b)", "STRAFTER(?a, ?b)",
         "CONCAT(?a, ?b)", "?a < ?b", "?a = ?b", "STRLEN(?a)", "UCASE(?a)", "ENCODE_FOR_URI(?a)", "MD5(STR(?a))",
         "SUBSTR(?a, 2, 2)", "SUBSTR(?a, STRLEN(?b))", "CONTAINS(?a, 'b')", "STRAFTER(?a, 'a')"]),
)  # fmt: skip
def test_strings(rows, expression, answers, same_value):
    _compare(expression, rows, answers, same_value)
