"""The reader of N-Triples and N-Quads against pyoxigraph's strict parser."""

from __future__ import annotations

import io
from collections import Counter

import numpy as np
import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.core.errors import DataBrokenError, LimitError
from extremeearth.knowledge.rdf import XSD, _ntriples_grammar, read_ntriples

STRING = f"{XSD}string"


def term_of(kind, value):
    """Make pyoxigraph's term of one of ours; `pl_` is how the reader writes the label `l` with the prefix `p`."""
    if kind == "iri":
        return ox.NamedNode(value)
    if kind == "blank":
        return ox.BlankNode(value.removeprefix("p_"))
    if kind.startswith("@"):
        return ox.Literal(value, language=kind[1:])
    return ox.Literal(value, datatype=ox.NamedNode(kind))


def read(data, *, quads=False, **options):
    """Read a document; give its statements as pyoxigraph's, with the lines of the terms in a list beside it."""
    found, lines = [], []
    for part in read_ntriples(io.BytesIO(data), quads=quads, prefix="p", **options):
        values = part.values.to_pylist()
        keys = list(zip(part.codes.tolist(), values, strict=True))
        assert len(set(keys)) == len(keys)  # each term once
        assert part.rows.dtype == np.int32
        used = np.unique(part.rows[part.rows >= 0])
        assert used.tolist() == list(range(len(values)))  # and none that nobody uses
        terms = [term_of(part.types[code], value) for code, value in keys]
        for s, p, o, g in part.rows.tolist():
            graph = ox.DefaultGraph() if g < 0 else terms[g]
            found.append(ox.Quad(terms[s], terms[p], terms[o], graph))
        lines += [(str(term), line) for term, line in zip(terms, part.lines.tolist(), strict=True)]
    return found, lines


def oracle(data, *, quads=False):
    return list(ox.parse(data, format=ox.RdfFormat.N_QUADS if quads else ox.RdfFormat.N_TRIPLES))


# --------------------------------------------------------------------------------------- forms

TRIPLES = {
    "canonical": b"<urn:s> <urn:p> <urn:o> .\n",
    "no end of line": b"<urn:s> <urn:p> <urn:o> .",
    "no space before the dot": b"<urn:s> <urn:p> <urn:o>.\n",
    "no spaces at all": b'<urn:s><urn:p>"o".\n',
    "blank nodes without spaces": b"_:a<urn:p>_:b.\n",
    "tabs": b'\t<urn:s>\t<urn:p>\t"o"\t.\t\n',
    "many spaces": b'  <urn:s>   <urn:p>   "o"   .   \n',
    "comment behind": b'<urn:s> <urn:p> "o" . # told\n',
    "comments": b'# one\n  # two\n<urn:s> <urn:p> "o" .\n#three\n\n \t\n',
    "only comments": b"# one\n\n",
    "nothing": b"",
    "returns": b'<urn:s> <urn:p> "o" .\r\n<urn:s> <urn:p> "q" .\r\n\r\n# c\r\n',
    "blank nodes": b"_:a <urn:p> _:b.c .\n_:1 <urn:p> _:a_b-c .\n_:\xc3\xa9 <urn:p> _:a\xc2\xb7 .\n",
    "dot in the label": b"_:a.b <urn:p> _:a.b.\n",
    "language": b'<urn:s> <urn:p> "o"@en .\n<urn:s> <urn:p> "o"@de-AT-x-abc .\n',
    "language in capitals": b'<urn:s> <urn:p> "o"@EN .\n<urn:s> <urn:p> "o"@en .\n',
    "datatype": b'<urn:s> <urn:p> "1"^^<http://www.w3.org/2001/XMLSchema#integer> .\n',
    "string twice": b'<urn:s> <urn:p> "a" .\n<urn:s> <urn:p> "a"^^<http://www.w3.org/2001/XMLSchema#string> .\n',
    "text like statements": b'<urn:s> <urn:p> "a <b> <c> . <d> \\"e\\" _:f" .\n',
    "text like graphs": b'<urn:s> <urn:p> "a <urn:g> _:b" .\n<urn:s> <urn:p> "a <urn:g>"@en .\n',
    "text ends like a line": b'<urn:s> <urn:p> "a .\\n ." .\n<urn:s> <urn:p> " ." .\n',
    "hash in text and IRI": b'<urn:s#a> <urn:p> "#b" . # <urn:x>\n',
    "all escapes": b'<urn:s> <urn:p> "\\t\\b\\n\\r\\f\\"\\\'\\\\" .\n',
    "backslashes": b'<urn:s> <urn:p> "\\\\n\\\\\\n\\\\u0041\\\\" .\n',
    "numbers of characters": b'<urn:s> <urn:p> "\\u00e9\\U0001F600\\u0022\\u005C" .\n',
    "numbers in an IRI": b"<urn:\\u00e9> <urn:p> <urn:\xc3\xa9> .\n",
    "numbers in a datatype": b'<urn:s> <urn:p> "a"^^<urn:\\u0041> .\n<urn:s> <urn:p> "a"^^<urn:A> .\n',
    "same text, written twice": b'<urn:s> <urn:p> "\\u0041" .\n<urn:s> <urn:p> "A" .\n',
    "control characters in text": b'<urn:s> <urn:p> "a\tb\x00c\x01d\x7f" .\n',
    "empty text": b'<urn:s> <urn:p> "" .\n<urn:s> <urn:p> ""@en .\n<urn:s> <urn:p> ""^^<urn:t> .\n',
    "other scripts": '<urn:ö> <urn:p> "日本 😀 ö"@ja .\n'.encode(),
    "line separators in text": '<urn:s> <urn:p> "a\u2028b\u0085c\x0bd\x0ce" .\n'.encode(),
    "IRIs": (
        b"<http://a@b:80/c?d=e&f#g> <http://[::1]:80/> <mailto:a@b.c> .\n<http://a> <http://a/?> <tag:a,b:c> .\n"
        b"<http://a/%20b> <file:///c> <urn:a:b?=c> .\n<a:> <b:/> <c:d/e:f@g> .\n"
    ),
    "same term in all places": b"<urn:s> <urn:s> <urn:s> .\n",
    "byte order mark": b'\xef\xbb\xbf<urn:s> <urn:p> "o" .\n',
}  # fmt: skip


@pytest.mark.parametrize("name", TRIPLES)
@pytest.mark.parametrize("quads", [False, True])
def test_a_form_is_read_as_the_oracle_reads_it(name, quads):
    data = TRIPLES[name]
    expected = oracle(data.removeprefix(b"\xef\xbb\xbf"), quads=quads)
    found, _ = read(data, quads=quads)
    assert Counter(map(str, found)) == Counter(map(str, expected))


def test_the_colon_that_rdf_11_allows_in_a_label_meets_no_other_label():
    found, _ = read(b"_:a:b <urn:p> _:x613A62 .\n")
    assert found[0].subject != found[0].object


QUADS = {
    "with a graph": b"<urn:s> <urn:p> <urn:o> <urn:g> .\n",
    "blank graph": b'<urn:s> <urn:p> "o" _:g .\n',
    "text and graph": b'<urn:s> <urn:p> "o o"@en <urn:g> .\n<urn:s> <urn:p> "a <urn:g> b" <urn:g> .\n',
    "typed and graph": b'<urn:s> <urn:p> "o o"^^<urn:t> <urn:g> .\n',
    "with and without": b"<urn:s> <urn:p> <urn:o> .\n<urn:s> <urn:p> <urn:o> <urn:g> .\n",
    "no spaces": b'<urn:s><urn:p>"o"<urn:g>.\n<urn:s><urn:p><urn:o>_:g.\n',
    "tabs and comment": b'<urn:s>\t<urn:p>\t"o"@en\t<urn:g>\t. # c\n',
    "escaped quote before the graph": b'<urn:s> <urn:p> "o \\" <urn:x>" <urn:g> .\n',
    "graph is a subject too": b"<urn:g> <urn:p> <urn:o> <urn:g> .\n",
}


@pytest.mark.parametrize("name", QUADS)
def test_a_graph_is_read_as_the_oracle_reads_it(name):
    found, _ = read(QUADS[name], quads=True)
    assert Counter(map(repr, found)) == Counter(map(repr, oracle(QUADS[name], quads=True)))


BROKEN = {
    "no dot": b"<urn:s> <urn:p> <urn:o>\n",
    "no object": b"<urn:s> <urn:p> .\n",
    "nothing but a dot": b".\n",
    "one term": b"<urn:s> .\n",
    "text as subject": b'"s" <urn:p> <urn:o> .\n',
    "text as predicate": b'<urn:s> "p" <urn:o> .\n',
    "blank predicate": b"<urn:s> _:p <urn:o> .\n",
    "two statements": b"<urn:s> <urn:p> <urn:o> . <urn:s> <urn:p> <urn:o> .\n",
    "graph in triples": b"<urn:s> <urn:p> <urn:o> <urn:g> .\n",
    "relative IRI": b"<s> <urn:p> <urn:o> .\n",
    "relative datatype": b'<urn:s> <urn:p> "o"^^<t> .\n',
    "space in an IRI": b"<urn:s t> <urn:p> <urn:o> .\n",
    "escaped space in an IRI": b"<urn:s\\u0020t> <urn:p> <urn:o> .\n",
    "control character in an IRI": b"<urn:s\x01> <urn:p> <urn:o> .\n",
    "brace in an IRI": b"<urn:{s}> <urn:p> <urn:o> .\n",
    "bad escape in an IRI": b"<urn:\\n> <urn:p> <urn:o> .\n",
    "half a number": b'<urn:s> <urn:p> "\\u00e" .\n',
    "a surrogate": b'<urn:s> <urn:p> "\\ud83d\\ude00" .\n',
    "beyond all characters": b'<urn:s> <urn:p> "\\U00110000" .\n',
    "bad percent": b"<urn:a%zz> <urn:p> <urn:o> .\n",
    "brackets in the path": b"<http://a/[b]> <urn:p> <urn:o> .\n",
    "bad port": b"<http://a:b/> <urn:p> <urn:o> .\n",
    "unknown escape": b'<urn:s> <urn:p> "\\x" .\n',
    "open text": b'<urn:s> <urn:p> "o .\n',
    "text over two lines": b'<urn:s> <urn:p> "o\no" .\n',
    "return in text": b'<urn:s> <urn:p> "o\ro" .\n',
    "quote in text": b'<urn:s> <urn:p> "o"o" .\n',
    "single quotes": b"<urn:s> <urn:p> 'o' .\n",
    "long quotes": b'<urn:s> <urn:p> """o""" .\n',
    "a number": b"<urn:s> <urn:p> 1 .\n",
    "a prefixed name": b"<urn:s> a <urn:o> .\n",
    "a directive": b"@prefix e: <urn:e:> .\n",
    "empty language": b'<urn:s> <urn:p> "o"@ .\n',
    "language of digits": b'<urn:s> <urn:p> "o"@1 .\n',
    "long language": b'<urn:s> <urn:p> "o"@abcdefghi .\n',
    "direction": b'<urn:s> <urn:p> "o"@en--ltr .\n',
    "language and datatype": b'<urn:s> <urn:p> "o"@en^^<urn:t> .\n',
    "text of a language without it": (
        b'<urn:s> <urn:p> "o"^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#langString> .\n'
    ),
    "triple as a term": b"<urn:s> <urn:p> <<( <urn:s> <urn:p> <urn:o> )>> .\n",
    "version": b'VERSION "1.2"\n',
    "empty label": b"_: <urn:p> <urn:o> .\n",
    "label begins with a dash": b"_:-a <urn:p> <urn:o> .\n",
    "not UTF-8": b'<urn:s> <urn:p> "\xe9" .\n',
    "not UTF-8 in an odd line": b'<urn:s>\t<urn:p>\t"\xe9" .\n',
    "cut": b'<urn:s> <urn:p> "o',
    "another mark of byte order": '<urn:s> <urn:p> "o" .\n'.encode("utf-16"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_line_is_an_error_that_names_it(name):
    good = b"<urn:a> <urn:b> <urn:c> .\n"
    if not name.startswith("another"):
        with pytest.raises(DataBrokenError, match=r"^Line 3: "):
            read(good + b"# c\n" + BROKEN[name] + (b"" if name == "cut" else good))
    with pytest.raises(DataBrokenError, match=r"^Line 1: "):
        read(BROKEN[name])


@pytest.mark.parametrize("name", sorted(set(BROKEN) - {"text over two lines", "cut"}))
def test_a_broken_line_is_left_out_and_told(name):
    good = b"<urn:a> <urn:b> <urn:c> .\n"
    told = []
    found, _ = read(good + BROKEN[name] + good, bad=lambda *problem: told.append(problem))
    if name.startswith("another"):  # its halves are lines of their own
        assert len(found) == 1
        return
    assert list(map(str, found)) == ["<urn:a> <urn:b> <urn:c>"] * 2
    assert [line for line, _ in told] == [2]
    assert told[0][1].endswith(".")


def test_broken_lines_are_told_in_order_with_what_is_wrong():
    told = []
    data = b'<s> <urn:p> "o" .\n<urn:s> <urn:p> "\xff" .\n<urn:s> <urn:p> "o"@1 .\n\n<urn:s> .\n'
    read(data, bad=lambda *problem: told.append(problem))
    assert [line for line, _ in told] == [1, 2, 3, 5]
    assert told[0][1] == "column 1: No scheme found in an absolute IRI."
    assert told[1][1] == "It is not UTF-8."


def test_the_first_line_of_each_term_is_known():
    data = b'# c\n<urn:s> <urn:p> "a" .\n\n<urn:s>\t<urn:p> "b" .\n<urn:s> <urn:q> "\\u0061" .\n'
    _, lines = read(data)
    assert sorted(lines) == sorted([
        ("<urn:s>", 2), ("<urn:p>", 2), ('"a"', 2), ("<urn:q>", 5),
        ("<urn:s>", 4), ("<urn:p>", 4), ('"b"', 4),  # the line of an odd form is a part of its own
    ])  # fmt: skip


def test_a_term_that_is_only_in_a_broken_line_is_not_there():
    data = b'<urn:s> <urn:p> "kept" .\n<urn:only> <urn:p> "also"@1 .\n'
    _, lines = read(data, bad=lambda *_: None)
    assert ("<urn:only>", 2) not in lines


# --------------------------------------------------------------------------------------- blocks


@pytest.mark.parametrize("block_bytes", [1, 2, 3, 7, 64, 1000])
def test_the_size_of_blocks_changes_nothing(block_bytes):
    data = b"".join(QUADS.values()) + b"".join(
        text.replace(b"\xef\xbb\xbf", b"") for text in TRIPLES.values() if text.endswith(b"\n")
    )
    whole, _ = read(data, quads=True)
    found, lines = read(data, quads=True, block_bytes=block_bytes)
    assert Counter(map(str, found)) == Counter(map(str, whole))
    assert max(line for _, line in lines) <= data.count(b"\n")


@pytest.mark.parametrize("block_bytes", [1, 5, 100])
def test_lines_are_counted_over_blocks(block_bytes):
    good = b'<urn:s> <urn:p> "o" .\r\n'
    told = []
    data = b"\xef\xbb\xbf" + good * 10 + b"bad\n" + good * 5 + b"<urn:s> <urn:p> \xff .\n"
    found, _ = read(data, bad=lambda *problem: told.append(problem), block_bytes=block_bytes)
    assert len(found) == 15
    assert [line for line, _ in told] == [11, 17]


def test_a_line_may_be_longer_than_a_block_but_not_without_end():
    line = b'<urn:s> <urn:p> "' + b"o" * 5000 + b'" .\n'
    assert len(read(line * 3, block_bytes=100)[0]) == 3
    with pytest.raises(LimitError, match="longer than 1000 bytes"):
        read(line, block_bytes=100, line_bytes=1000)


def test_memory_is_that_of_a_block_not_of_the_document():
    """A document without end is read as far as somebody asks, and no further."""

    class Endless(io.RawIOBase):
        given = 0

        def read(self, size=-1):
            self.given += 1
            return b"".join(b'<urn:s> <urn:p> "%d" .\n' % i for i in range(size // 32))

    stream = Endless()
    parts = read_ntriples(stream, block_bytes=1 << 12)
    for _ in range(5):
        assert len(next(parts)) <= 200
    assert stream.given == 5


# --------------------------------------------------------------------------------------- any statements

texts = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\\n\r\t\x00 .<>_:@^'), max_size=12
)
path = st.text(st.sampled_from("abz09-._~!$&'()*+,;=:@/?#%éß日\u0378\U000e0041<>[]"), max_size=8)
iris = st.builds(
    "".join, st.tuples(st.sampled_from(["urn:", "http://", "http://a", "x+y:", "a:/"]), path)
).filter(_ntriples_grammar.is_iri)
nodes = st.builds(ox.NamedNode, iris)
labels = st.from_regex(r"[A-Za-z0-9_]([A-Za-z0-9_.\-]{0,6}[A-Za-z0-9_\-])?", fullmatch=True)
blanks = st.builds(ox.BlankNode, labels)
languages = st.sampled_from(["en", "de-AT", "x-abc", "zh-Hant-TW", "i-klingon"])
literals = (
    st.builds(ox.Literal, texts)
    | st.builds(lambda text, tag: ox.Literal(text, language=tag), texts, languages)
    | st.builds(lambda text, kind: ox.Literal(text, datatype=kind), texts, nodes)
)
statements = st.builds(
    ox.Quad, nodes | blanks, nodes, nodes | blanks | literals, st.just(ox.DefaultGraph()) | nodes | blanks
)  # fmt: skip


@given(st.lists(statements, max_size=20), st.integers(1, 200))
@settings(max_examples=150, deadline=None)
def test_what_pyoxigraph_writes_is_read_back(quads, block_bytes):
    text = ox.serialize(quads, format=ox.RdfFormat.N_QUADS)
    found, _ = read(text, quads=True, block_bytes=block_bytes)
    assert Counter(map(repr, found)) == Counter(map(repr, quads))


@given(
    st.builds("".join, st.tuples(st.sampled_from(["", "urn:", "http://", "http://a", "é:"]), path))
)
@settings(max_examples=300, deadline=None)
def test_an_iri_is_one_where_pyoxigraph_says_so(text):
    import polars as pl

    assert _ntriples_grammar.are_iris(pl.Series([text])).to_list() == [
        _ntriples_grammar.is_iri(text)
    ]


pieces = st.sampled_from([
    "<urn:s>", "<urn:p>", "<s>", "_:b", '"o"', '"', "@en", "^^", "\\u0041", "\\", " ", "  ", "\t", ".", " .", "#", "\r",
    "<", ">", "é", "\x00", "o",
])  # fmt: skip


@given(st.lists(pieces, max_size=12).map("".join), st.booleans())
@settings(max_examples=400, deadline=None)
def test_any_line_is_taken_or_refused_as_by_pyoxigraph(line, quads):
    line = line.strip("\r")
    try:
        expected = oracle(line.encode(), quads=quads)
    except SyntaxError:
        expected = None
    told = []
    found, _ = read(line.encode() + b"\n", quads=quads, bad=lambda *problem: told.append(problem))
    if expected is None:
        assert told
    else:
        assert Counter(map(repr, found)) == Counter(map(repr, expected))
        assert not told
