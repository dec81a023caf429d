"""Regular expressions of XPath on the linear-time engine."""

from __future__ import annotations

import time

import pytest

from extremeearth.knowledge.store.expressions.patterns import replacement_for, translate_pattern

TRUE, FALSE, ERROR = '"true"^^<xsd:boolean>', '"false"^^<xsd:boolean>', "None"


@pytest.mark.parametrize(
    ("text", "pattern", "flags", "expected"),
    [
        ("Alice", "^ali", "i", TRUE),
        ("Alice", "^ali", "", FALSE),
        (r"a\nb", "a.b", "", FALSE),
        (r"a\nb", "a.b", "s", TRUE),
        (r"a\nb", "^b$", "", FALSE),
        (r"a\nb", "^b$", "m", TRUE),
        ("helloworld", "hello world", "x", TRUE),
        ("hello world", "hello[ ]world", "x", TRUE),
        ("a+b", "a+b", "q", TRUE),
        ("aab", "a+b", "q", FALSE),
        ("A+B", "a+b", "qi", TRUE),
        ("a_b", r"^\\w+$", "", FALSE),  # connector punctuation is no word character of XML Schema
        ("aéß٣", r"^\\w+$", "", TRUE),
        ("٣", r"^\\d$", "", TRUE),
        ("x", r"^[\\D]$", "", TRUE),
        ("a b", r"^\\S\\s\\S$", "", TRUE),
        ("xs:a-1.b", r"^\\i\\c*$", "", TRUE),
        ("1a", r"^\\i", "", FALSE),
        ("É", r"^\\p{Lu}$", "", TRUE),
        ("É", r"^\\P{Lu}$", "", FALSE),
        ("e", "^[a-z-[aeiou]]$", "", FALSE),
        ("f", "^[a-z-[aeiou]]$", "", TRUE),
        ("5", r"^[\\d-[0-4]]$", "", TRUE),
        ("4", r"^[\\d-[0-4]]$", "", FALSE),
        ("a", "^[^a-c-[x]]$", "", FALSE),
        ("x", "^[^a-c-[x]]$", "", FALSE),
        ("y", "^[^a-c-[x]]$", "", TRUE),
        ("-", "^[a-]$", "", TRUE),
        ("a", "(", "", ERROR),
        ("a", "[a", "", ERROR),
        ("a", "a", "z", ERROR),
        ("aa", r"(a)\\1", "", ERROR),
        ("a", r"\\p{IsGreek}", "", ERROR),
        ("a", r"\\y", "", ERROR),
        ("a", "[b-a-[c]]", "", ERROR),
    ],
)
def test_regex(text, pattern, flags, expected, value):
    assert value(f'REGEX("{text}", "{pattern}", "{flags}")') == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        # XPath Functions and Operators, fn:replace
        ('REPLACE("abracadabra", "bra", "*")', '"a*cada*"'),
        ('REPLACE("abracadabra", "a.*a", "*")', '"*"'),
        ('REPLACE("abracadabra", "a.*?a", "*")', '"*c*bra"'),
        ('REPLACE("abracadabra", "a", "")', '"brcdbr"'),
        ('REPLACE("abracadabra", "a(.)", "a$1$1")', '"abbraccaddabbra"'),
        ('REPLACE("abracadabra", ".*?", "$1")', ERROR),
        ('REPLACE("AAAA", "A+", "b")', '"b"'),
        ('REPLACE("AAAA", "A+?", "b")', '"bbbb"'),
        ('REPLACE("darted", "^(.*?)d(.*)$", "$1c$2")', '"carted"'),
        ('REPLACE("abcd", "(ab)|(a)", "[1=$1][2=$2]")', '"[1=ab][2=]cd"'),
        (r'REPLACE("a.b", "\\.", "\\$0\\\\")', r'"a$0\\b"'),
        ('REPLACE("abc", "b", "[$0]")', '"a[b]c"'),
        ('REPLACE("abc", "(b)", "$12")', '"ab2c"'),
        ('REPLACE("abc", "b", "$")', ERROR),
        (r'REPLACE("abc", "b", "\\n")', ERROR),
        (r'REPLACE("a.b", ".", "\\$", "q")', r'"a\\$b"'),
    ],
)
def test_replace(call, expected, value):
    assert value(call) == expected


def test_patterns_may_differ_by_row(values, column):
    rows = {
        "s": column("'abc' 'abc' 'abc'@en UNDEF"),
        "p": column("'^a' '(' 'C' 'x'"),
        "f": column("'' '' 'i' ''"),
    }
    found = values("REGEX(?s, ?p, ?f)", rows)
    assert [text.partition("^^")[0] for text in found] == ['"true"', "None", '"true"', "None"]
    assert values("REPLACE(?s, ?p, '-', ?f)", rows) == ['"-bc"', "None", '"ab-"@en', "None"]


def test_no_pattern_takes_forever(value):
    start = time.process_time()
    assert value(f'REGEX("{"a" * 5_000}b", "^(a+)+$")') == FALSE
    assert (
        time.process_time() - start < 30
    )  # a backtracking engine would need longer than the universe exists


def test_nothing_but_patterns_reaches_the_engine():
    assert translate_pattern("a{1,100000}") is None
    assert translate_pattern("\\") is None
    found = translate_pattern("(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)")
    assert found is not None
    # RE2 knows nine groups in a replacement
    assert replacement_for(found, "$10-$1") == "-\\1"
