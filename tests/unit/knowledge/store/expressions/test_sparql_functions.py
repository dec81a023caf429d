"""Functions and operators with the examples of SPARQL 1.1 section 17 and of XPath Functions and Operators."""

from __future__ import annotations

import pytest

from extremeearth.core.errors import InputError
from extremeearth.knowledge.store.columns import TermColumn

TRUE, FALSE, ERROR = '"true"^^<xsd:boolean>', '"false"^^<xsd:boolean>', "None"

SPECIFICATION = [
    # 17.4.1: functional forms
    ('IF(5 = 5, "yes", "no")', '"yes"'),
    ('IF(bound(?y), "yes", "no")', '"no"'),
    ("IF(1/0, 1, 2)", ERROR),
    ("COALESCE(2, 1/0)", '"2"^^<xsd:integer>'),
    ("COALESCE(1/0, 2)", '"2"^^<xsd:integer>'),
    ("COALESCE(5/0)", ERROR),
    ("COALESCE(?y, 3)", '"3"^^<xsd:integer>'),
    ("COALESCE(?y)", ERROR),
    ("2 IN (1, 2, 3)", TRUE),
    ("2 IN ()", FALSE),
    ("2 IN (<http://example/iri>, 'str', 2.0)", TRUE),
    ("2 IN (1/0, 2)", TRUE),
    ("2 IN (2, 1/0)", TRUE),
    ("2 IN (3, 1/0)", ERROR),
    ("2 NOT IN (1, 2, 3)", FALSE),
    ("2 NOT IN ()", TRUE),
    ("2 NOT IN (<http://example/iri>, 'str', 2.0)", FALSE),
    ("2 NOT IN (3, 1/0)", ERROR),
    # 17.4.2: terms
    ('STRDT("123", xsd:integer)', '"123"^^<xsd:integer>'),
    ('STRDT("iiii", <http://example/romanNumeral>)', '"iiii"^^<http://example/romanNumeral>'),
    ('STRLANG("chat", "en")', '"chat"@en'),
    ('DATATYPE("chat"@en)', "<http://www.w3.org/1999/02/22-rdf-syntax-ns#langString>"),
    ('IRI("a/../b")', "<http://example.org/b>"),
    ('IRI("<a>")', ERROR),
    # 17.4.3: strings
    ('STRLEN("chat")', '"4"^^<xsd:integer>'),
    ('STRLEN("chat"@en)', '"4"^^<xsd:integer>'),
    ('STRLEN("\U0001f468\u200d\U0001f469")', '"3"^^<xsd:integer>'),
    ('SUBSTR("foobar", 4)', '"bar"'),
    ('SUBSTR("foobar"@en, 4, 1)', '"b"@en'),
    ('SUBSTR("foobar", -1, 3)', '"f"'),
    ('SUBSTR("foobar", 9223372036854775807, 9223372036854775807)', '""'),
    ('UCASE("foo"@en)', '"FOO"@en'),
    ('LCASE("BAR")', '"bar"'),
    ('STRSTARTS("foobar"@en, "foo"@en)', TRUE),
    ('STRENDS("foobar"@en, "bar")', TRUE),
    ('CONTAINS("foobar", "bar"@en)', ERROR),
    ('STRBEFORE("abc"@en, "bc")', '"a"@en'),
    ('STRBEFORE("abc", "xyz")', '""'),
    ('STRBEFORE("abc"@en, "z")', '""'),
    ('STRBEFORE("abc"@en, "")', '""@en'),
    ('STRAFTER("abc"@en, "ab")', '"c"@en'),
    ('STRAFTER("abc"@en, "b"@cy)', ERROR),
    ('STRAFTER("abc"@en, ""@en)', '"abc"@en'),
    ('ENCODE_FOR_URI("Los Angeles"@en)', '"Los%20Angeles"'),
    ('CONCAT("foo"@en, "bar"@en)', '"foobar"@en'),
    ('CONCAT("foo"@en, "bar"@es)', '"foobar"'),
    ("CONCAT()", '""'),
    ('LANGMATCHES("fr-BE", "FR")', TRUE),
    ('LANGMATCHES("fr", "fr-BE")', FALSE),
    ('LANGMATCHES("frank", "fr")', FALSE),
    ('LANGMATCHES("", "*")', FALSE),
    ('REPLACE("abcd", "b", "Z")', '"aZcd"'),
    ('REPLACE("abab", "B", "Z", "i")', '"aZaZ"'),
    ('REPLACE("abab", "B.", "Z", "i")', '"aZb"'),
    # 17.4.4: numbers
    ("ABS(-1.5)", '"1.5"^^<xsd:decimal>'),
    ("ROUND(2.4999)", '"2"^^<xsd:decimal>'),
    ("ROUND(2.5)", '"3"^^<xsd:decimal>'),
    ("ROUND(-2.5)", '"-2"^^<xsd:decimal>'),
    ("ROUND(-0.2e0)", '"-0"^^<xsd:double>'),
    ("ROUND(0.49999999999999994e0)", '"0"^^<xsd:double>'),
    ("CEIL(10.5)", '"11"^^<xsd:decimal>'),
    ("CEIL(-10.5)", '"-10"^^<xsd:decimal>'),
    ("FLOOR(-10.5)", '"-11"^^<xsd:decimal>'),
    # 17.4.5: dates
    ("NOW()", '"2026-03-04T05:06:07Z"^^<xsd:dateTime>'),
    ('YEAR("2011-01-10T14:45:13.815-05:00"^^xsd:dateTime)', '"2011"^^<xsd:integer>'),
    ('SECONDS("2011-01-10T14:45:13.815-05:00"^^xsd:dateTime)', '"13.815"^^<xsd:decimal>'),
    (
        'SECONDS("2011-01-10T14:45:59.1234567890123-05:00"^^xsd:dateTime)',
        '"59.1234567890123"^^<xsd:decimal>',
    ),
    ('TIMEZONE("2011-01-10T14:45:13.815-05:00"^^xsd:dateTime)', '"-PT5H"^^<xsd:dayTimeDuration>'),
    ('TIMEZONE("2011-01-10T14:45:13.815Z"^^xsd:dateTime)', '"PT0S"^^<xsd:dayTimeDuration>'),
    ('TIMEZONE("2011-01-10T14:45:13.815"^^xsd:dateTime)', ERROR),
    ('TZ("2011-01-10T14:45:13.815-05:00"^^xsd:dateTime)', '"-05:00"'),
    ('TZ("2011-01-10T14:45:13.815"^^xsd:dateTime)', '""'),
    # 17.4.6: hashes
    ('MD5("abc")', '"900150983cd24fb0d6963f7d28e17f72"'),
    ('SHA1("abc")', '"a9993e364706816aba3e25717850c26c9cd0d89d"'),
    ('SHA256("abc")', '"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"'),
]
OPERATORS = [
    ("1 / 3", '"0.333333333333333333"^^<xsd:decimal>'),
    ("100 / 3", '"33.333333333333333333"^^<xsd:decimal>'),
    ("-7 / 2", '"-3.5"^^<xsd:decimal>'),
    ("1 / 0", ERROR),
    ("1e0 / 0", '"INF"^^<xsd:double>'),
    ("0e0 / 0", '"NaN"^^<xsd:double>'),
    ("9223372036854775807 + 1", '"9223372036854775808"^^<xsd:integer>'),
    ("9223372036854775807 * 9223372036854775807", '"85070591730234615847396907784232501249"^^<xsd:integer>'),
    ("0.1 + 0.2", '"0.3"^^<xsd:decimal>'),
    ("0.1 + 0.2e0", '"0.30000000000000004"^^<xsd:double>'),
    ('"0.1"^^xsd:float + 0.2', '"0.3"^^<xsd:float>'),
    ('"16777216"^^xsd:float + 1', '"1.6777216E7"^^<xsd:float>'),
    ("0.000000000000000001 * 0.1", '"0.0000000000000000001"^^<xsd:decimal>'),
    ("0.0000000000000000001 = 0.0000000000000000002", FALSE),
    ("12345678901234567890 < 12345678901234567891", TRUE),
    ("9007199254740993 = 9007199254740992e0", TRUE),
    ("1.0 = 1", TRUE),
    ('"300"^^xsd:byte + 1', ERROR),
    ('"-1"^^xsd:unsignedInt = -1', ERROR),
    ('"NaN"^^xsd:double = "NaN"^^xsd:double', FALSE),
    ('"NaN"^^xsd:double < 1', FALSE),
    ("false < true", TRUE),
    ("<urn:a> < <urn:b>", ERROR),
    ('"a" < "a"@en', ERROR),
    ('"2000-01-01"^^xsd:date = "2000-01-01Z"^^xsd:date', ERROR),
    ('"2000-01-01"^^xsd:date != "2000-01-01Z"^^xsd:date', ERROR),
    ('"2000-01-01"^^xsd:date != "2000-01-03Z"^^xsd:date', TRUE),
    ('"2000-01-01"^^xsd:date < "2000-01-03Z"^^xsd:date', TRUE),
    ('"2000-01-01"^^xsd:date < "2000-01-01Z"^^xsd:date', ERROR),
    ('"1"^^<urn:t> = "1"^^<urn:t>', TRUE),
    ('"1"^^<urn:t> = "2"^^<urn:t>', ERROR),
    ('"1"^^<urn:t> != <urn:a>', TRUE),
    ('"1"^^<urn:t> != "1"@en', TRUE),
    ('IF("abc"^^xsd:integer, 1, 2)', '"2"^^<xsd:integer>'),
    ('"2000-01-31"^^xsd:date + "P1M"^^xsd:yearMonthDuration', '"2000-02-29"^^<xsd:date>'),
    ('"23:00:00"^^xsd:time + "PT2H"^^xsd:dayTimeDuration', '"01:00:00"^^<xsd:time>'),
    ('"P1D"^^xsd:dayTimeDuration + "2000-12-31T00:00:00.25Z"^^xsd:dateTime',
     '"2001-01-01T00:00:00.25Z"^^<xsd:dateTime>'),
    ('"2000-01-01T00:00:00.1Z"^^xsd:dateTime - "2000-01-01T00:00:00.25Z"^^xsd:dateTime',
     '"-PT0.15S"^^<xsd:dayTimeDuration>'),
    ('"P1Y"^^xsd:duration - "P1D"^^xsd:duration', ERROR),
    ('-"-P1Y"^^xsd:yearMonthDuration', '"P1Y"^^<xsd:yearMonthDuration>'),
]  # fmt: skip
CASTS = [
    ("xsd:integer(-7.875)", '"-7"^^<xsd:integer>'),
    ("xsd:integer(1e20)", '"100000000000000000000"^^<xsd:integer>'),
    ('xsd:integer("INF"^^xsd:double)', ERROR),
    ('xsd:integer(" 7 ")', '"7"^^<xsd:integer>'),
    ('xsd:integer("7"@en)', ERROR),
    ('xsd:integer("7.0")', ERROR),
    ("xsd:integer(<urn:a>)", ERROR),
    ("xsd:decimal(true)", '"1"^^<xsd:decimal>'),
    ('xsd:decimal("1e0")', ERROR),
    ("xsd:decimal(12345678901234567890.5)", '"12345678901234567890.5"^^<xsd:decimal>'),
    ('xsd:decimal("12345678901234567890.5")', '"12345678901234567890.5"^^<xsd:decimal>'),
    ('xsd:double("Infinity")', ERROR),
    ('xsd:double("-INF")', '"-INF"^^<xsd:double>'),
    ("xsd:float(0.1e0)", '"0.1"^^<xsd:float>'),
    ("xsd:byte(200)", ERROR),
    ("xsd:byte(-100.5)", '"-100"^^<xsd:byte>'),
    ('xsd:boolean("0")', FALSE),
    ("xsd:boolean(0.0)", FALSE),
    ('xsd:boolean("yes")', ERROR),
    ("xsd:string(1.50)", '"1.5"'),
    ("xsd:string(1e6)", '"1.0E6"'),
    ('xsd:string("1"^^xsd:boolean)', '"true"'),
    ("xsd:string(<urn:a>)", '"urn:a"'),
    ("xsd:string(BNODE())", ERROR),
    ('xsd:dateTime("2000-01-01"^^xsd:date)', '"2000-01-01T00:00:00"^^<xsd:dateTime>'),
    ('xsd:date("2000-01-01T23:00:00-05:00"^^xsd:dateTime)', '"2000-01-01-05:00"^^<xsd:date>'),
    ('xsd:time("2000-01-01T23:00:00.50Z"^^xsd:dateTime)', '"23:00:00.5Z"^^<xsd:time>'),
    ('xsd:dateTime("2000-02-30T00:00:00")', ERROR),
    ('xsd:gYearMonth("2000-02")', '"2000-02"^^<xsd:gYearMonth>'),
    ('xsd:dayTimeDuration("P1Y2DT3H"^^xsd:duration)', '"P2DT3H"^^<xsd:dayTimeDuration>'),
    ('xsd:duration("P14M")', '"P1Y2M"^^<xsd:duration>'),
]


@pytest.mark.parametrize(("expression", "expected"), [*SPECIFICATION, *OPERATORS, *CASTS])
def test_answer(expression, expected, value):
    assert value(expression) == expected


STATES = {"T": "true", "F": "false", "E": "?unbound"}
# SPARQL 1.1, section 17.2, "Filter evaluation".
LOGIC = {
    "TT": "TT",
    "TF": "TF",
    "FF": "FF",
    "TE": "TE",
    "ET": "TE",
    "FE": "EF",
    "EF": "EF",
    "EE": "EE",
    "FT": "TF",
}


@pytest.mark.parametrize(("states", "expected"), LOGIC.items())
def test_logic_of_three_values(states, expected, value):
    answers = {"T": TRUE, "F": FALSE, "E": ERROR}
    left, right = (STATES[state] for state in states)
    assert value(f"{left} || {right}") == answers[expected[0]]
    assert value(f"{left} && {right}") == answers[expected[1]]


def test_columns_mix_with_constants(values, column):
    given = {
        "a": column("1 2.5 'x' UNDEF '3'^^xsd:double"),
        "b": column("'p'@en 'q' 1 <urn:x> 'r'"),
    }
    numbers = [text.partition("^^")[0] for text in values("?a * 2 + 1", given)]
    assert numbers == ['"3"', '"6"', "None", "None", '"7"']
    assert values("CONCAT('<', ?b, '>')", given) == ['"<p>"', '"<q>"', "None", "None", '"<r>"']
    chosen = values("IF(isNumeric(?a), 'number', ?b)", given)
    assert chosen == [
        '"number"',
        '"number"',
        '"1"^^<http://www.w3.org/2001/XMLSchema#integer>',
        "None",
        '"number"',
    ]


def test_no_rows(values):
    empty = {"a": TermColumn.empty(0)}
    for text in ("?a + 1", "CONCAT(?a, 'x')", "REGEX(?a, ?a)", "IF(?a, 1, 2)", "RAND()", "YEAR(?a)", "COALESCE(?a, 1)",
                 "REPLACE(?a, ?a, ?a)", "IRI(?a)", "STRDT(?a, ?a)", "LANG(?a)", "BNODE(?a)", "xsd:string(?a)",
                 "?a < 'x'", "SUBSTR(?a, 1, 2)", "UCASE(?a)", "'x' = 'x'", "STRBEFORE('a', ?a)"):  # fmt: skip
        assert values(text, empty) == []


def test_chance_differs_by_row_and_call(values, column, context):
    rows = {"x": column("1 2 3")}
    for text in ("RAND()", "UUID()", "STRUUID()", "BNODE()"):
        assert len(set(values(text, rows))) == 3
    assert (
        values("RAND() = RAND()", rows)
        == ['"false"^^<http://www.w3.org/2001/XMLSchema#boolean>'] * 3
    )
    given = context()
    draws = [values("STRUUID()", rows, draws=given.draws) for _ in range(2)]
    assert not set(draws[0]) & set(draws[1])
    assert all(0 <= float(text.split('"')[1]) < 1 for text in values("RAND()", rows))


def test_uuid_is_of_version_four(value):
    import uuid

    iri = value("UUID()").strip("<>")
    assert iri.startswith("urn:uuid:")
    assert uuid.UUID(iri.removeprefix("urn:uuid:")).version == 4


def test_blank_nodes_of_one_label_are_one_in_a_row(values, column):
    rows = {"x": column("'a' 'b'"), "y": column("'a' 'c'")}
    first, second = values("BNODE(?x)", rows), values("BNODE(?y)", rows)
    assert first[0] == second[0]
    assert first[1] != second[1]
    assert len({*values("BNODE('a')", rows)}) == 2
    assert values("BNODE(1)", rows) == ["None", "None"]


def test_exists_takes_what_the_context_says(values, column, context, parsed):
    import numpy as np

    from extremeearth.knowledge.store.expressions import Bindings, truth

    node = parsed("EXISTS { ?s ?p ?o }")
    rows = Bindings({"x": column("1 2")}, 2)
    given = context(exists={node: np.array([True, False])})
    assert truth(node, rows, given).tolist() == [1, 0]
    given = context(exists={parsed("NOT EXISTS { ?s ?p ?o }"): np.array([True, False])})
    assert truth(parsed("NOT EXISTS { ?s ?p ?o }"), rows, given).tolist() == [0, 1]


def test_functions_by_iri(value, values, column):
    def twice(columns, _):
        return TermColumn.of(None if term is None else term for term in columns[0].terms())

    rows = {"x": column("1 UNDEF")}
    assert values("<urn:same>(?x)", rows, functions={"urn:same": twice})[1] == "None"
    with pytest.raises(InputError, match="urn:nothing"):
        value("<urn:nothing>(1)")
    with pytest.raises(InputError, match="one argument"):
        value("xsd:integer(1, 2)")
    with pytest.raises(InputError, match="COUNT"):
        value("COUNT(?x)")
