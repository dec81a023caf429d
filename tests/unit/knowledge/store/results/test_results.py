"""Answers: columns or rows in, every format out, read back by parsers that nobody here wrote."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pyoxigraph as ox
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.core.errors import InputError
from extremeearth.knowledge.rdf import GEO
from extremeearth.knowledge.sparql import XSD, BlankNode, Iri, Literal, Term
from extremeearth.knowledge.store import Solutions, Triples
from extremeearth.knowledge.store.columns import TermColumn

INTEGER, DOUBLE, BOOLEAN = Iri(XSD + "integer"), Iri(XSD + "double"), Iri(XSD + "boolean")
WKT = Iri(GEO.wktLiteral)
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
ODD = Solutions(
    ("a", "b"),
    [
        (Iri("urn:x&y"), Literal('com,ma "q"\nline\t\\')),
        (BlankNode("n1"), Literal("é", language="fr")),
        (None, Literal("1", INTEGER)),
        (Literal("<&>]]>"), Literal("x", Iri("urn:t"))),
        (None, None),
        (Literal("-1.5e3", DOUBLE), Literal("true", BOOLEAN)),
    ],
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
# parsers of the results format drop white space around a text
XML_TEXTS = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=12
).map(str.strip)
IRIS = st.from_regex(r"urn:[a-zA-Z0-9/?=&._~-]{1,10}(#[a-z]{0,3})?", fullmatch=True).map(Iri)
BLANKS = st.from_regex(r"b[a-zA-Z0-9]{0,6}", fullmatch=True).map(BlankNode)


def literals(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Literal]:
    return st.one_of(
        st.builds(Literal, texts),
        st.builds(Literal, texts, IRIS),
        st.builds(lambda t, k: Literal(t, language=k), texts, st.sampled_from(["de", "en-gb"])),
        st.integers().map(lambda i: Literal(str(i), INTEGER)),
    )


def tables(texts: st.SearchStrategy[str]) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    term = st.one_of(st.none(), IRIS, BLANKS, literals(texts))
    return st.lists(st.tuples(term, term, term), max_size=6)


def from_oxigraph(term: Any) -> Term | None:
    if term is None:
        return None
    if isinstance(term, ox.NamedNode):
        return Iri(term.value)
    if isinstance(term, ox.BlankNode):
        return BlankNode(term.value)
    return Literal(term.value, Iri(term.datatype.value), term.language)


def read_back(answer: Solutions, form: str) -> list[tuple[Term | None, ...]]:
    kind = getattr(ox.QueryResultsFormat, form.upper())
    parsed = ox.parse_query_results(input=answer.serialize(form), format=kind)
    assert isinstance(parsed, ox.QuerySolutions)
    assert [v.value for v in parsed.variables] == list(answer.variables)
    return [tuple(from_oxigraph(t) for t in row) for row in parsed]


@pytest.mark.parametrize("form", ["json", "xml", "tsv"])
def test_odd_rows_are_read_back_by_another_parser(form: str) -> None:
    assert read_back(ODD, form) == list(ODD.rows)


@settings(max_examples=60)
@given(rows=tables(TEXTS), form=st.sampled_from(["json", "tsv"]))
def test_any_rows_are_read_back(rows: list[tuple[Any, ...]], form: str) -> None:
    assert read_back(Solutions(("a", "b", "c"), rows), form) == rows


@settings(max_examples=40)
@given(rows=tables(XML_TEXTS))
def test_any_rows_are_read_back_from_xml(rows: list[tuple[Any, ...]]) -> None:
    assert read_back(Solutions(("a", "b", "c"), rows), "xml") == rows


def test_xml_is_well_formed_whatever_the_text_holds() -> None:
    answer = Solutions(("a",), [(Literal("a\x01b\rc<&>"),)])
    root = ElementTree.fromstring(answer.serialize("xml"))
    assert "".join(root.itertext()).strip() == "ab\rc<&>"


def test_csv_is_what_a_spreadsheet_reads() -> None:
    found = list(csv.reader(io.StringIO(ODD.serialize("csv").decode(), newline="")))
    assert found[:4] == [
        ["a", "b"], ["urn:x&y", 'com,ma "q"\nline\t\\'], ["_:n1", "é"], ["", "1"]
    ]  # fmt: skip
    assert len(found) == len(ODD) + 1


@pytest.mark.parametrize("form", ["json", "xml", "csv", "tsv", "arrow"])
def test_columns_rows_and_blocks_say_the_same(form: str) -> None:
    many = Solutions(("i", "s"), [(Literal(str(i), INTEGER), Iri(f"urn:{i}")) for i in range(500)])
    columns = [many.terms(name) for name in many.variables]

    def decode(column: int, start: int, stop: int) -> TermColumn:
        return columns[column].take(np.arange(start, stop))

    whole = many.serialize(form)
    assert Solutions.of_columns(many.variables, columns).serialize(form) == whole
    assert Solutions.deferred(many.variables, 500, decode).serialize(form) == whole
    assert Solutions.deferred(many.variables, 500, decode) == many


def test_long_answers_come_in_pieces() -> None:
    """No more than a block of rows is decoded at a time."""
    asked: list[int] = []

    def decode(column: int, start: int, stop: int) -> TermColumn:
        asked.append(stop - start)
        return TermColumn.of_values(4, [str(i) for i in range(start, stop)])

    rows = Solutions.deferred(("n",), 100_000, decode)
    pieces = rows.stream("csv")
    next(pieces)
    assert asked == []
    next(pieces)
    assert len(asked) == 1
    assert asked[0] < 20_000
    assert sum(1 for _ in pieces) >= 5


@pytest.mark.parametrize("form", ["json", "xml", "csv", "tsv", "arrow"])
def test_rows_without_variables_and_no_rows(form: str) -> None:
    unit, none = Solutions((), [(), ()]), Solutions(("a",), [])
    assert unit.serialize(form)
    assert len(unit.rows) == 2
    if form == "json":
        assert json.loads(unit.serialize(form))["results"]["bindings"] == [{}, {}]
        assert json.loads(none.serialize(form))["results"]["bindings"] == []
    elif form in ("xml", "tsv"):
        assert read_back(none, form) == []


def test_unknown_forms_and_columns_are_told() -> None:
    with pytest.raises(InputError, match="cannot be written"):
        ODD.serialize("pdf")
    with pytest.raises(InputError, match="no variable 'z'"):
        ODD.column("z")
    with pytest.raises(InputError, match="no RDF format"):
        Triples([]).serialize("pdf")


# ----------------------------------------------------------------------------- geometries

PLACES = Solutions(
    ("name", "n", "w"),
    [
        (Literal("Garching"), Literal("7", INTEGER), Literal("POINT (11.6 48.2)", WKT)),
        (Literal('the "rest"'), None, None),
        (Iri("urn:c"), Literal("x", INTEGER), Literal(f"<{EPSG}4326> POINT (48 11)", WKT)),
    ],
)  # fmt: skip


def test_geojson_has_a_feature_a_row() -> None:
    document = json.loads(PLACES.serialize("geojson"))
    assert document["type"] == "FeatureCollection"
    first, second, third = document["features"]
    assert first == {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [11.6, 48.2]},
        "properties": {"name": "Garching", "n": 7},
    }
    assert second["geometry"] is None
    assert second["properties"] == {"name": 'the "rest"', "n": None}
    assert third["geometry"]["coordinates"] == [11, 48]
    assert third["properties"]["n"] == "x"


def test_geojson_outer_rings_run_against_the_clock_in_longitude_and_latitude() -> None:
    ring = "POLYGON ((500000 5300000, 500000 5300100, 500100 5300100, 500000 5300000))"
    document = json.loads(
        Solutions(("w",), [(Literal(f"<{EPSG}32632> {ring}", WKT),)]).serialize("geojson")
    )
    shape = shapely.from_geojson(json.dumps(document["features"][0]["geometry"]))
    assert shape.exterior.is_ccw
    assert 8.9 < shape.centroid.x < 9.1


def test_geojson_needs_a_geometry() -> None:
    with pytest.raises(InputError, match="holds geometries"):
        ODD.serialize("geojson")
    with pytest.raises(InputError, match="no geometry literals"):
        PLACES.serialize("geojson", geometry="name")
    with pytest.raises(InputError, match="no variable"):
        PLACES.serialize("geojson", geometry="z")
    empty = json.loads(Solutions(("a",), []).serialize("geojson"))
    assert empty == {"type": "FeatureCollection", "features": []}


def test_geopandas_keeps_one_system_and_unites_several() -> None:
    frame = PLACES.to_geopandas()
    assert frame.crs.to_string() == "OGC:CRS84"
    assert [None if g is None else (g.x, g.y) for g in frame.geometry] == [
        (11.6, 48.2),
        None,
        (11.0, 48.0),
    ]
    metric = Solutions(("w",), [(Literal(f"<{EPSG}32632> POINT (5 6)", WKT),)])
    assert metric.to_geopandas().crs.to_epsg() == 32632
    moved = PLACES.to_geopandas(crs=32632)
    assert moved.crs.to_epsg() == 32632
    assert moved.geometry[0].x > 100_000
    with pytest.raises(InputError, match="holds geometries"):
        ODD.to_geopandas()


# --------------------------------------------------------------------------------- tables


def test_arrow_columns_have_the_type_of_their_terms() -> None:
    stamp, day = Iri(XSD + "dateTime"), Iri(XSD + "date")
    table = Solutions(
        ("i", "f", "b", "s", "m", "n", "huge", "t", "d", "local"),
        [
            (Literal("1", INTEGER), Literal("1.5", DOUBLE), Literal("true", BOOLEAN), Literal("x"), Iri("urn:a"), None,
             Literal("9" * 30, INTEGER), Literal("2020-01-01T12:00:00.5+02:00", stamp), Literal("2020-01-02", day),
             Literal("2020-01-01T12:00:00", stamp)),
            (None, Literal("+2", INTEGER), Literal("0", BOOLEAN), None, Literal("1", INTEGER), None, None, None, None,
             None),
        ],
    ).to_arrow()  # fmt: skip
    text = pa.large_string()
    assert [f.type for f in table.schema] == [
        pa.int64(), pa.float64(), pa.bool_(), text, text, text, text, pa.timestamp("us", "UTC"), pa.date32(),
        pa.timestamp("us"),
    ]  # fmt: skip
    assert table.to_pylist()[1]["f"] == 2.0
    assert table.to_pylist()[1]["m"] == "1"
    first = table.to_pylist()[0]
    assert first["t"] == datetime(2020, 1, 1, 10, 0, 0, 500_000, tzinfo=UTC)
    assert first["d"] == date(2020, 1, 2)
    assert first["local"] == datetime(2020, 1, 1, 12)


def test_a_text_that_its_datatype_does_not_allow_stays_text() -> None:
    table = Solutions(("a",), [(Literal("abc", INTEGER),), (Literal("1", INTEGER),)]).to_arrow()
    assert table["a"].to_pylist() == ["abc", "1"]


def test_pandas_keeps_whole_numbers_whole() -> None:
    frame = PLACES.to_pandas()
    assert list(frame.columns) == ["name", "n", "w"]
    numbers = Solutions(("n",), [(Literal("7", INTEGER),), (None,)]).to_pandas()["n"]
    assert numbers[0] == 7
    assert str(numbers.dtype) == "Int64"
    assert Solutions((), [(), ()]).to_pandas().shape == (2, 0)


def test_an_arrow_stream_keeps_text_and_type() -> None:
    table = pa.ipc.open_stream(ODD.serialize("arrow")).read_all()
    assert table.column_names == ["a", "a.type", "b", "b.type"]
    assert table["a"].to_pylist()[:3] == ["urn:x&y", "_:n1", None]
    assert table["b.type"].to_pylist()[:3] == [XSD + "string", "@fr", XSD + "integer"]
    assert table["a.type"].to_pylist()[:3] == ["iri", "blank", None]


# -------------------------------------------------------------------------------- triples


@settings(max_examples=60)
@given(
    triples=st.lists(
        st.tuples(st.one_of(IRIS, BLANKS), IRIS, st.one_of(IRIS, BLANKS, literals(XML_TEXTS))),
        max_size=6,
    ),
    form=st.sampled_from(["nt", "ttl", "nq", "trig", "jsonld", "rdf"]),
)
def test_any_triples_are_read_back(triples: list[Any], form: str) -> None:
    if form == "rdf":  # XML can write only predicates that end in a name
        triples = [(s, Iri(p.value.partition("#")[0] + "#name"), o) for s, p, o in triples]
    text = Triples(triples).serialize(form)
    formats = {
        "ttl": ox.RdfFormat.TURTLE,
        "trig": ox.RdfFormat.TRIG,
        "jsonld": ox.RdfFormat.JSON_LD,
        "rdf": ox.RdfFormat.RDF_XML,
        "nt": ox.RdfFormat.N_TRIPLES,
        "nq": ox.RdfFormat.N_QUADS,
    }
    found = ox.Dataset(ox.parse(input=text, format=formats[form]))
    expected = ox.Dataset(
        ox.parse(input=Triples(triples).serialize("nt"), format=ox.RdfFormat.N_TRIPLES)
    )
    for dataset in (found, expected):
        dataset.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
    assert found == expected


def test_rdf_xml_tells_which_predicate_it_cannot_write() -> None:
    with pytest.raises(InputError, match="urn:p/1"):
        Triples([(Iri("urn:a"), Iri("urn:p/1"), Literal("x"))]).serialize("rdf")
