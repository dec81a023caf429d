"""Whole queries and updates: printed, they mean the same; damaged, they are refused, whatever the damage."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from pathlib import Path

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.core.errors import QuerySyntaxError
from extremeearth.knowledge.sparql import parse_query, parse_update, to_text, translate

E = "http://e/"
DATA = f"""
<{E}a> <{E}p> <{E}b> , 1 , 2 ; <{E}q> "x"@en , "y" . <{E}b> <{E}p> <{E}c> , 3.5 ; <{E}q> "x" .
<{E}c> <{E}q> <{E}a> , true . GRAPH <{E}g> {{ <{E}a> <{E}p> <{E}c> . <{E}b> <{E}q> 7 }}
GRAPH <{E}h> {{ <{E}c> <{E}p> <{E}a> }}
"""

iris = st.sampled_from([f"<{E}{n}>" for n in "abcpq"])
graphs = st.sampled_from([f"<{E}g>", f"<{E}h>"])
variables = st.sampled_from(["?a", "?b", "?c"])
values = st.sampled_from(["1", "3.5", "1e0", "true", '"x"', '"x"@en', f'"1"^^<{E}t>', f"<{E}a>"])
blanks = st.sampled_from(["[]", "_:n", f"[ <{E}p> ?b ]", "( 1 ?a )"])


@st.composite
def triple(draw: st.DrawFn) -> str:
    subject = draw(st.one_of(variables, iris, blanks))
    predicate = draw(
        st.one_of(
            st.sampled_from([f"<{E}p>", f"<{E}q>", f"<{E}p>/<{E}q>", f"<{E}p>*", f"^<{E}p>", "?b"])
        )
    )
    return f"{subject} {predicate} {draw(st.one_of(variables, iris, values))} ."


@st.composite
def expression(draw: st.DrawFn) -> str:
    one, other = draw(st.one_of(variables, values)), draw(st.one_of(variables, values))
    form = draw(
        st.sampled_from(
            ["{0} = {1}", "{0} < {1} || BOUND(?a)", "!({0} != {1})", "{0} IN ({1}, 2)", "{0} NOT IN ({1})",
             "isLITERAL({0}) && {0} + 1 > {1}", "COALESCE({0}, {1}) = {1}", "IF(BOUND(?b), {0}, {1}) = {0}",
             "REGEX(STR({0}), 'x', 'i')", "EXISTS {{ ?a ?b {0} }}", "-{0} < {1} * 2 - 1",
             "DATATYPE({0}) = DATATYPE({1})"]
        )
    )  # fmt: skip
    return form.format(one, other)


@st.composite
def group(draw: st.DrawFn) -> str:
    label = draw(st.integers(0, 9_999))
    elements = [draw(triple()).replace("_:n", f"_:n{label}")]
    if draw(st.booleans()):
        inner = draw(triple()).replace("_:n", f"_:m{label}")
        wrap = draw(
            st.sampled_from(
                ["OPTIONAL {{ {} }}", "MINUS {{ {} }}", "{{ {} }} UNION {{ ?a ?b 1 }}", "GRAPH ?c {{ {} }}",
                 "GRAPH <http://e/g> {{ {} }}", "{{ SELECT ?a {{ {} }} LIMIT 2 }}", "FILTER NOT EXISTS {{ {} }}",
                 "{{ SELECT (COUNT(*) AS ?n) {{ {} }} }}", "OPTIONAL {{ {} FILTER(?a != ?b) }}"]
            )
        )  # fmt: skip
        elements.append(wrap.format(inner))
    if draw(st.booleans()):
        elements.append(f"FILTER({draw(expression())})")
    if draw(st.booleans()):
        elements.append("VALUES (?a ?z) { (UNDEF 1) (<http://e/a> 'x') }")
    return " ".join(elements)


AGGREGATES = ["COUNT(*)", "COUNT(DISTINCT ?b)", "SUM(?b)", "MIN(?b)", "MAX(DISTINCT ?b)", "AVG(?b) + 1",
              "COUNT(?c) * 2",
              "GROUP_CONCAT(DISTINCT STR(?b); SEPARATOR=', ')"]  # fmt: skip


@st.composite
def query(draw: st.DrawFn) -> str:
    where = draw(group())
    form = draw(st.sampled_from(["select", "star", "group", "ask", "construct", "expression"]))
    dataset = draw(st.sampled_from(["", "", f"FROM <{E}g> FROM NAMED <{E}h> "]))
    distinct = draw(st.sampled_from(["", "DISTINCT "]))
    tail = draw(
        st.sampled_from(
            [
                "",
                " VALUES ?a { <http://e/a> UNDEF }",
                " ORDER BY ?a DESC(?b)",
                " ORDER BY (STR(?b))",
            ]
        )
    )
    if form == "ask":
        return f"ASK {dataset}{{ {where} }}"
    if form == "construct":
        return f"CONSTRUCT {{ ?a <{E}r> ?b . ?a ?b ?c , 1 }} {dataset}WHERE {{ {where} }}"
    if form == "star":
        return f"SELECT {distinct}* {dataset}{{ {where} }}{tail}"
    if form == "expression":
        return f"SELECT {distinct}(({draw(expression())}) AS ?v) ?b {dataset}WHERE {{ {where} }}"
    if form == "group":
        having = draw(
            st.sampled_from(["", " HAVING (COUNT(*) > 1)", " HAVING (MAX(?b) < 9) (?a != 1)"])
        )
        key = draw(st.sampled_from(["?a", "(STR(?a) AS ?k) ?a", "?a ?c"]))
        return f"SELECT ?a ({draw(st.sampled_from(AGGREGATES))} AS ?v) {dataset}{{ {where} }} GROUP BY {key}{having}"
    return f"SELECT {distinct}?a ?b {dataset}{{ {where} }}{tail}"


def answer(text: str) -> Counter[tuple[str, ...]] | bool:
    store = ox.Store()
    store.update(f"INSERT DATA {{ {DATA} }}")
    found = store.query(text)
    if isinstance(found, ox.QueryBoolean):
        return bool(found)
    if isinstance(found, ox.QueryTriples):
        return Counter((str(t),) for t in found)
    names = sorted(v.value for v in found.variables)
    return Counter(tuple(f"{name} {row[name]}" for name in names) for row in found)


@given(text=query())
@settings(max_examples=250, deadline=None)
def test_a_printed_query_means_the_same(text: str) -> None:
    tree = parse_query(text)
    printed = to_text(tree)
    assert parse_query(printed) == tree
    assert translate(parse_query(printed)) == translate(tree)
    # what a subquery's LIMIT keeps is free; the answer of the same text may differ from run to run
    if "LIMIT" not in text:
        assert answer(printed) == answer(text)


@st.composite
def quads(draw: st.DrawFn, *, variable: bool) -> str:
    node = st.one_of(iris, variables) if variable else iris
    lines = [
        f"{draw(node)} <{E}{draw(st.sampled_from('pq'))}> {draw(st.one_of(node, values))} ."
        for _ in range(draw(st.integers(1, 3)))
    ]
    where = draw(st.sampled_from(["", f"<{E}g>", f"<{E}new>"]))
    return f"GRAPH {where} {{ {' '.join(lines)} }}" if where else " ".join(lines)


@st.composite
def management(draw: st.DrawFn) -> str:
    silent = draw(st.sampled_from(["", "SILENT "]))
    verb = draw(st.sampled_from(["CLEAR", "DROP", "COPY", "MOVE", "ADD", "CREATE"]))
    if verb in ("CLEAR", "DROP"):
        target = draw(st.sampled_from([f"GRAPH <{E}g>", "DEFAULT", "NAMED", "ALL"]))
    elif verb == "CREATE":
        target = f"GRAPH <{E}{draw(st.sampled_from(['k', 'l']))}>"
    else:
        target = f"{draw(st.sampled_from(['DEFAULT', f'<{E}g>']))} TO <{E}h>"
    return f"{verb} {silent}{target}"


@st.composite
def modification(draw: st.DrawFn) -> str:
    within = draw(st.sampled_from(["", f"WITH <{E}g> "]))
    clause = draw(st.sampled_from(["", f"USING <{E}g> ", f"USING <{E}g> USING NAMED <{E}h> "]))
    templates = {
        verb: f"{verb} {{ {draw(quads(variable=True))} }} " for verb in ("DELETE", "INSERT")
    }
    chosen = draw(st.sampled_from([("DELETE",), ("INSERT",), ("DELETE", "INSERT")]))
    return f"{within}{''.join(templates[v] for v in chosen)}{clause}WHERE {{ {draw(group())} }}"


operations = st.one_of(
    management(),
    modification(),
    quads(variable=False).map(lambda q: f"INSERT DATA {{ {q} }}"),
    quads(variable=False).map(lambda q: f"DELETE DATA {{ {q} }}"),
    quads(variable=True).map(lambda q: f"DELETE WHERE {{ {q} }}"),
)


def state(text: str) -> set[str] | str:
    store = ox.Store()
    store.update(f"INSERT DATA {{ {DATA} }}")
    try:
        store.update(text)
    except (RuntimeError, OSError) as err:  # a graph that exists, or does not
        return type(err).__name__
    return {str(quad) for quad in store}


@given(texts=st.lists(operations, min_size=1, max_size=3))
@settings(max_examples=200, deadline=None)
def test_a_printed_update_does_the_same(texts: list[str]) -> None:
    text = " ;\n".join(texts)
    tree = parse_update(text)
    printed = to_text(tree)
    assert parse_update(printed) == tree
    if "LIMIT" not in text:
        assert state(printed) == state(text)


def test_templates_of_two_operations_may_share_a_label_but_data_may_not() -> None:
    template = f"INSERT {{ _:n <{E}p> 1 }} WHERE {{ }}"
    assert len(parse_update(f"{template} ; {template}").operations) == 2
    data = f"INSERT DATA {{ _:n <{E}p> 1 }}"
    with pytest.raises(QuerySyntaxError, match="two places"):
        parse_update(f"{data} ; {data}")


def test_an_absolute_iri_stays_as_it_is_written() -> None:
    text = "ASK { ?a ?b <eXAMPLE://a/./b/../%63/%7bfoo%7d#x> }"
    for base in (None, "http://base/x/"):
        assert "<eXAMPLE://a/./b/../%63/%7bfoo%7d#x>" in to_text(parse_query(text, base=base))


# ---------------------------------------------------------------------------------- damage

SNIPPETS = [b"{", b"}", b"(", b")", b"'", b'"', b"<", b">", b"\\", b"\\u", b"\x00", b"\xff", b"\xf0\x9f\x8c\x8d", b"#",
            b"^^", b"@", b"_:", b"?", b"SELECT", b"INSERT DATA", b"1e", b".", b";", b"[", b"]", b"'''"]  # fmt: skip


@pytest.fixture(scope="module")
def corpus() -> list[bytes]:
    """Query texts of many shapes, of this file's own strategies' making where the suites are not there."""
    beside = Path(__file__).resolve().parents[5] / "shared" / "suites"
    folder = Path(os.environ.get("EXTREMEEARTH_SUITES", beside)) / "w3c-sparql"
    files = sorted([*folder.glob("sparql1*/*/*.rq"), *folder.glob("sparql1*/*/*.ru")])
    texts = [file.read_bytes() for file in files if file.stat().st_size < 4_000]
    return texts or [f"SELECT * {{ {DATA} }}".encode(), f"INSERT DATA {{ {DATA} }}".encode()]


@given(data=st.data())
@settings(max_examples=500, deadline=None)
def test_damaged_texts_of_the_suites_are_read_or_refused(
    corpus: list[bytes], data: st.DataObject
) -> None:
    text = data.draw(st.sampled_from(corpus))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        kind = data.draw(st.sampled_from(["insert", "cut", "repeat", "splice", "swap"]))
        if kind == "insert":
            text = text[:at] + data.draw(st.sampled_from(SNIPPETS)) + text[at:]
        elif kind == "cut":
            text = text[:at] + text[at + data.draw(st.integers(1, 12)) :]
        elif kind == "repeat":
            text = text[:at] + text[at : at + 20] * data.draw(st.integers(2, 40)) + text[at:]
        elif kind == "splice":
            text = text[:at] + data.draw(st.sampled_from(corpus))[at:]
        else:
            text = text[at:] + text[:at]
    read_or_refused(text.decode("utf-8", "replace"))


@given(content=st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    read_or_refused(content.decode("latin-1"))


def read_or_refused(text: str) -> None:
    """Nothing but the syntax error may come of a text; what is read can be printed and read again."""
    with contextlib.suppress(QuerySyntaxError):
        tree = parse_query(text, base="http://e/")
        translate(tree)
        assert parse_query(to_text(tree)) == tree
    with contextlib.suppress(QuerySyntaxError):
        update = parse_update(text, base="http://e/")
        assert parse_update(to_text(update)) == update


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece",
    ["(", "{", "[", "<", "<a", '"', "'", '"""', '"\\', "\\", "\\u0041", "_:", "_:a.", "?", "a:", "a:%41", "a:.", "1",
     "1.", "1e", "+", "-", "!", "^", "^(", "|", "/", "a/", "#", "#\n", " ", "\t\n", "@", "@en-", "^^", ".", ";", ",",
     "&&", "||", "{}", "SELECT ", "ASK{", "OPTIONAL{", "FILTER(", "EXISTS{", "UNION{}", "PREFIX a: <b> ", "VALUES ",
     "\u00e9", "\ud800"],
)  # fmt: skip
def test_long_repetitions_end_in_time(piece: str) -> None:
    """No token makes the lexer or the parser slow or deep: each text has some 40,000 characters."""
    many = piece * (40_000 // len(piece))
    for head in ("", "ASK { ?a ?b ", "ASK { FILTER "):
        with contextlib.suppress(QuerySyntaxError):
            parse_query(head + many)
    with contextlib.suppress(QuerySyntaxError):
        parse_update("INSERT DATA { " + many)
