"""How the values of columns become terms."""

from __future__ import annotations

import datetime as dt
import decimal

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.core.errors import DataBrokenError, MappingError
from extremeearth.knowledge.mapping.frames import lexical_forms
from extremeearth.knowledge.rdf import XSD

VALUE = 'rml:reference "v"'


def table(values, kind=None):
    return pa.table({"id": [str(i) for i in range(len(values))], "v": pa.array(values, kind)})


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([True], None, f'"true"^^<{XSD.boolean}>'),
        ([7], pa.int8(), f'"7"^^<{XSD.integer}>'),
        ([2.5], None, f'"2.5"^^<{XSD.double}>'),
        ([float("inf")], None, f'"INF"^^<{XSD.double}>'),
        ([float("-inf")], None, f'"-INF"^^<{XSD.double}>'),
        ([decimal.Decimal("1.50")], None, f'"1.50"^^<{XSD.decimal}>'),
        ([dt.date(2018, 3, 1)], None, f'"2018-03-01"^^<{XSD.date}>'),
        ([dt.datetime(2018, 3, 1, 4, 5, 6)], None, f'"2018-03-01T04:05:06"^^<{XSD.dateTime}>'),
        (
            [dt.datetime(2018, 3, 1, 4, 5, 6, 250000)],
            None,
            f'"2018-03-01T04:05:06.25"^^<{XSD.dateTime}>',
        ),
        (["a"], pa.string(), '"a"'),
        (["a"], pa.dictionary(pa.int8(), pa.string()), '"a"'),
        ([""], pa.large_string(), '""'),
    ],
)
def test_natural_datatypes(objects, values, kind, expected):
    assert objects(VALUE, table(values, kind)) == {"0": expected}


def test_times_with_a_zone_are_written_in_utc(objects):
    kind = pa.timestamp("ms", "Europe/Berlin")
    given = pa.array([dt.datetime(2018, 7, 1, 12, tzinfo=dt.UTC)], kind)
    assert objects(VALUE, table(given)) == {"0": f'"2018-07-01T12:00:00Z"^^<{XSD.dateTime}>'}


@pytest.mark.parametrize(
    ("value", "datatype", "expected"),
    [
        (3.0, "integer", "3"),
        (0.1, "decimal", "0.1"),
        (1e-7, "decimal", "0.0000001"),
        (250.0, "decimal", "250"),
        (-1.5e20, "decimal", "-150000000000000000000"),
        (dt.datetime(2018, 3, 1, 4), "date", "2018-03-01"),
        (dt.date(2018, 3, 1), "gYear", "2018"),
        (3, "string", "3"),
        (3, "double", "3"),
    ],
)
def test_the_datatype_of_the_mapping_decides_the_form(objects, value, datatype, expected):
    term = f'"{expected}"' if datatype == "string" else f'"{expected}"^^<{XSD[datatype]}>'
    assert objects(f"{VALUE} ; rml:datatype xsd:{datatype}", table([value])) == {"0": term}


def test_missing_values_make_no_triple(objects):
    frame = pd.DataFrame({"id": ["0", "1", "2"], "v": [1.5, float("nan"), None]})
    assert list(objects(VALUE, frame)) == ["0"]


def test_a_fraction_is_no_integer(objects):
    with pytest.raises(DataBrokenError, match="fraction"):
        objects(f"{VALUE} ; rml:datatype xsd:integer", table([1.5]))


def test_infinity_is_no_decimal(objects):
    with pytest.raises(DataBrokenError, match="not finite"):
        objects(f"{VALUE} ; rml:datatype xsd:decimal", table([float("inf")]))


def test_a_type_without_a_form_in_rdf_is_named(objects):
    with pytest.raises(MappingError, match="no form in RDF"):
        objects(VALUE, table([b"x"], pa.binary()))


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False) | st.none(), min_size=1, max_size=9))
def test_doubles_read_back_to_the_last_bit(values):
    texts = lexical_forms(pa.array(values, pa.float64())).text.to_pylist()
    back = [None if t is None else float(t.replace("INF", "inf")) for t in texts]
    assert back == values


def test_languages_and_constants(objects):
    names = table(["Apfel"])
    assert objects(f'{VALUE} ; rml:language "de-at"', names) == {"0": '"Apfel"@de-at'}
    assert objects("rml:constant 5", names) == {"0": f'"5"^^<{XSD.integer}>'}
    assert objects("rml:constant ex:a", names) == {"0": "<https://example.org/a>"}


def test_templates_encode_values_but_never_their_own_text(objects):
    found = objects(
        'rml:template "https://example.org/a b/{v}" ; rml:termType rml:Literal', table(["x y"])
    )
    assert found == {"0": '"https://example.org/a b/x y"'}
    found = objects('rml:template "https://example.org/a#b/{v}"', table(["x y/ü"]))
    assert found == {"0": "<https://example.org/a#b/x%20y%2Fü>"}


def test_a_broken_iri_stops_the_run_or_is_counted(objects, mapped):
    values = table(["urn:good", "not good", "urn:too"])
    with pytest.raises(DataBrokenError, match="not good"):
        objects(f"{VALUE} ; rml:termType rml:IRI", values)
    assert set(objects(f"{VALUE} ; rml:termType rml:IRI", values, on_error="skip")) == {"0", "2"}


def test_rows_without_a_subject_are_counted(mapped):
    mapping = """<urn:m> rml:logicalSource [ rml:source [ rml:path "t" ] ] ;
        rml:subjectMap [ rml:template "{a}" ; rml:class ex:C ] ."""
    _, report = mapped(mapping, sources={"t": pa.table({"a": ["x", None, None]})}, batch_rows=2)
    assert (report.rows, report.triples) == (3, 1)
    assert report.skipped == {"the subject has no value": 2}


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.none() | st.text("ab\\\"\n<>{} é%", max_size=4)), max_size=12),
       st.integers(1, 5))  # fmt: skip
def test_batches_of_any_size_make_the_same_triples(rows, batch_rows):
    import io

    import pyoxigraph as ox

    from extremeearth.knowledge.mapping import map_to_rdf

    data = pa.table(
        {
            "id": pa.array([r[0] for r in rows], pa.int64()),
            "v": pa.array([r[1] for r in rows], pa.string()),
        }
    )
    text = """@prefix rml: <http://w3id.org/rml/> . <urn:m> rml:logicalSource [ rml:source [ rml:path "t" ] ] ;
        rml:subjectMap [ rml:template "urn:x:{id}/{v}" ; rml:class <urn:C> ] ;
        rml:predicateObjectMap [ rml:predicate <urn:p> ; rml:objectMap [ rml:reference "v" ] ] ."""
    found = []
    for size in (batch_rows, 1000):
        out = io.BytesIO()
        map_to_rdf(text, sources={"t": data}, target=out, batch_rows=size)
        found.append(set(map(str, ox.parse(out.getvalue(), format=ox.RdfFormat.N_TRIPLES))))
    assert found[0] == found[1]
    # one by one, in plain Python
    from urllib.parse import quote

    expected = {(f"urn:x:{i}/{quote(v, safe='é')}", v) for i, v in rows if v is not None}
    assert len(found[0]) == 2 * len(expected)
