"""Databases as sources: names, types, joins, and queries that must not do more than read."""

from __future__ import annotations

import json
import sqlite3

import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.core.boxes import as_crs
from extremeearth.core.errors import (
    CrsError,
    DataBrokenError,
    InputError,
    MappingError,
    UnavailableError,
)
from extremeearth.knowledge.mapping import (
    Database,
    GeometryOptions,
    describe_source,
    draft_mapping,
)
from extremeearth.knowledge.mapping.rules.document import Join, Reference
from extremeearth.knowledge.mapping.sources.geometry_sources import UNREADABLE
from extremeearth.knowledge.mapping.sources.sql.columns import (
    are_curved,
    double_values,
    geometry_values,
)
from extremeearth.knowledge.mapping.sources.sql.source import CURVED, SqlSource
from extremeearth.knowledge.mapping.sources.sql.text import (
    Identifier,
    Named,
    read_identifiers,
    resolve,
    safe_query,
)
from extremeearth.knowledge.rdf import XSD

HOLDING = """
CREATE TABLE Field (ID integer PRIMARY KEY, name text, "Area" double precision, holding integer, "note" char(5));
CREATE TABLE "Holding" ("id" text, "opened" timestamp, "paid" numeric(10,2), "organic" boolean, "day" date);
INSERT INTO Field VALUES (1, 'Wiese 100%', 2.5, 7, 'ab'), (2, 'Acker', NULL, 8, NULL), (3, 'Ecke', 0.125, 7, 'x');
INSERT INTO "Holding" VALUES ('7', '2024-05-06 07:08:09', 12.50, true, '2024-05-06'), ('9', NULL, 3, false, NULL);
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def holding(request, tmp_path):
    if request.param == "sqlite":
        file = tmp_path / "a holding%.db"
        connection = sqlite3.connect(file)
        connection.executescript(HOLDING)
        connection.close()
        return f"sqlite:///{file}"
    url = request.getfixturevalue("postgres_url")
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql")) as connection:
        connection.execute(HOLDING)
    return url


R2RML = "@prefix rr: <http://www.w3.org/ns/r2rml#> .\n"


def field_map(body, table='rr:tableName "field"'):
    return f"""{R2RML}<urn:field> rr:logicalTable [ {table} ] ; rr:subjectMap [ rr:template "urn:f:{{id}}" ] ;
        {body} ."""


def column(name, predicate="urn:p"):
    return f"rr:predicateObjectMap [ rr:predicate <{predicate}> ; rr:objectMap [ rr:column {json.dumps(name)} ] ]"


JOINED = """rr:predicateObjectMap [ rr:predicate <urn:of> ; rr:objectMap [ rr:parentTriplesMap <urn:holding> ;
    rr:joinCondition [ rr:child "holding" ; rr:parent "id" ] ] ] .
<urn:holding> rr:logicalTable [ rr:tableName "\\"Holding\\"" ] ; rr:subjectMap [ rr:template "urn:holding:{id}" ]"""


def test_values_are_mapped_naturally(holding, mapped):
    names = ("opened", "paid", "organic", "day")
    body = " ; ".join(column(name, f"urn:{name}") for name in names)
    text = f"""{R2RML}<urn:m> rr:logicalTable [ rr:tableName "\\"Holding\\"" ] ;
        rr:subjectMap [ rr:template "urn:{{id}}" ] ; {body} ."""
    found, report = mapped(text, database=holding)
    assert found == {
        f'<urn:7> <urn:opened> "2024-05-06T07:08:09"^^<{XSD.dateTime}>',
        f'<urn:7> <urn:paid> "12.5"^^<{XSD.decimal}>',
        f'<urn:9> <urn:paid> "3"^^<{XSD.decimal}>',
        f'<urn:7> <urn:organic> "true"^^<{XSD.boolean}>',
        f'<urn:9> <urn:organic> "false"^^<{XSD.boolean}>',
        f'<urn:7> <urn:day> "2024-05-06"^^<{XSD.date}>',
    }
    assert report.rows == 2


def test_names_with_and_without_quotes(holding, mapped):
    found, _ = mapped(field_map(column('"Area"')), database=holding)
    assert found == {
        f'<urn:f:1> <urn:p> "2.5E0"^^<{XSD.double}>', f'<urn:f:3> <urn:p> "1.25E-1"^^<{XSD.double}>',
    }  # fmt: skip
    with pytest.raises(MappingError, match="'Area'") as caught:
        mapped(field_map(column("Area")), database=holding)
    assert "double quotes" in (caught.value.hint or "")
    with pytest.raises(MappingError, match="'names'") as caught:
        mapped(field_map(column("names")), database=holding)
    assert "Did you mean 'name'" in (caught.value.hint or "")
    with pytest.raises(MappingError, match="Fields"):
        mapped(field_map(column("name"), 'rr:tableName "Fields"'), database=holding)


def test_queries_and_their_labels(holding, mapped):
    query = "SELECT ID AS id, name || ' %s' AS \\\"fullName\\\" FROM Field WHERE name LIKE '%100\\\\%' ESCAPE '\\\\';"
    table = f'rr:sqlQuery "{query}" ; rr:sqlVersion rr:SQL2008'
    found, _ = mapped(field_map(column("fullName"), table), database=holding)
    assert found == {'<urn:f:1> <urn:p> "Wiese 100% %s"'}


@pytest.mark.parametrize("on_database", [True, False])
def test_joins_of_different_types_in_the_database_and_here(
    holding, mapped, on_database, monkeypatch
):
    if not on_database:
        from extremeearth.knowledge.mapping.running import lines

        monkeypatch.setattr(lines, "joint_sides", lambda *_: None)
    calls = []
    real = SqlSource.joined
    monkeypatch.setattr(
        SqlSource, "joined", lambda self, *a, **k: (calls.append(1), real(self, *a, **k))[1]
    )
    found, _ = mapped(field_map(JOINED), database=holding, batch_rows=1)
    assert found == {"<urn:f:1> <urn:of> <urn:holding:7>", "<urn:f:3> <urn:of> <urn:holding:7>"}
    assert bool(calls) is on_database


def test_rows_are_streamed_in_batches(holding):
    with Database(holding) as database:
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1050) SELECT i FROM n"
        source = SqlSource(database, database.query(numbers))
        frames = list(source.frames(("i",), batch_rows=100))
        assert [frame.rows for frame in frames] == [100] * 10 + [50]
        assert frames[-1].columns["i"].to_pylist()[-1] == 1050
        pairs = list(
            source.joined(
                source, (Join(child=Reference("i"), parent=Reference("i")),),
                reads=(("i",), ("i",)), batch_rows=400,
            )
        )  # fmt: skip
        assert [child.rows for child, _ in pairs] == [400, 400, 250]


def test_nothing_can_be_written_and_later_changes_are_not_seen(holding):
    with Database(holding) as database:
        source = SqlSource(database, database.table("Field"))
        first = sum(frame.rows for frame in source.frames((), batch_rows=10))
        with pytest.raises(DataBrokenError):
            list(database.rows("DELETE FROM Field", batch_rows=1))
        assert first == 3
    with Database(holding) as database:
        source = SqlSource(database, database.table("Field"))
        assert sum(frame.rows for frame in source.frames((), batch_rows=1)) == 3


def test_one_run_sees_one_state_of_postgres(postgres_url):
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as other:
        other.execute(HOLDING)
        with Database(postgres_url) as database:
            source = SqlSource(database, database.table("Field"))
            assert sum(f.rows for f in source.frames((), batch_rows=10)) == 3
            other.execute("DELETE FROM Field")
            assert sum(f.rows for f in source.frames((), batch_rows=10)) == 3


@pytest.mark.parametrize(
    "text",
    [
        "DELETE FROM Field RETURNING id",
        "WITH gone AS (DELETE FROM Field RETURNING *) SELECT * FROM gone",
        "SELECT 1; DROP TABLE Field",
        "SELECT 1) AS s; DROP TABLE Field; --",
        "SELECT * INTO other FROM Field",
        "SELECT * FROM Field FOR UPDATE",
        "SELECT pg_sleep(100)",
        "SELECT pg_catalog.pg_read_file('/etc/passwd')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT dblink_exec('DROP TABLE Field')",
        "SELECT set_config('transaction_read_only', 'off', true)",
        "SELECT nextval('s')",
        "COPY Field TO PROGRAM 'sh'",
        "ATTACH DATABASE 'x' AS y",
        "PRAGMA query_only = OFF",
        "SELECT load_extension('x')",
        "SELECT :a",
        "",
        "THIS IS NOT A QUERY",
        "(" * 500 + "SELECT 1" + ")" * 500,
    ],
)
@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
def test_what_is_no_plain_query_is_refused(text, dialect):
    with pytest.raises(MappingError):
        safe_query(text, dialect=dialect)


def test_two_columns_of_one_name_are_refused(holding):
    with (
        Database(holding) as database,
        pytest.raises(MappingError, match="two columns 'a'"),
    ):
        database.query("SELECT 1 AS a, 2 AS a")


def test_credentials_are_never_shown(caplog):
    secret = "s3cret"
    for url in (
        f"postgresql+psycopg://u:{secret}@127.0.0.1:1/x?password={secret}",
        f"nonsense:{secret}",
    ):
        with pytest.raises((UnavailableError, InputError)) as caught:
            Database(url).table("t")
        assert caught.value.__cause__ is None
        assert secret not in f"{caught.value} {caught.value.hint}"
    assert secret not in caplog.text
    assert secret not in repr(Database(f"postgresql://u:{secret}@h/d"))
    with pytest.raises(InputError, match="cannot read mysql"):
        Database("mysql://u@h/d")


def test_why_a_database_cannot_be_opened_is_said(tmp_path):
    with (
        Database("postgresql+psycopg://u:s3cret@127.0.0.1:1/x") as database,
        pytest.raises(UnavailableError, match="nothing listens there"),
    ):
        database.table("t")
    with (
        Database(f"sqlite:///{tmp_path / 'no.db'}") as database,
        pytest.raises(UnavailableError, match="there is no such file"),
    ):
        database.table("t")


def test_what_a_server_refuses_is_said(postgres_url):
    nowhere = postgres_url.rpartition("/")[0] + "/nowhere"
    nobody = postgres_url.replace("postgres@", "nobody_at_all:s3cret@")
    for url, message in ((nowhere, "no database of this name"), (nobody, "user or the password")):
        with Database(url) as database, pytest.raises(UnavailableError, match=message) as caught:
            database.table("t")
        assert "s3cret" not in str(caught.value)


def test_a_file_that_is_not_there_is_not_made(tmp_path):
    with Database(f"sqlite:///{tmp_path / 'no.db'}") as database, pytest.raises(UnavailableError):
        database.table("t")
    assert list(tmp_path.iterdir()) == []


def test_a_mapping_of_tables_without_a_database_says_how_to_give_one(mapped):
    with pytest.raises(MappingError, match="none was given") as caught:
        mapped(field_map(column("name")))
    assert "database=" in (caught.value.hint or "")


def test_rml_names_databases_by_source(holding, mapped):
    text = """<urn:m> rml:logicalSource [ rml:source "holdings" ;
            rml:referenceFormulation rml:%s ; rml:iterator "%s" ] ;
        rml:subjectMap [ rml:template "urn:{name}" ; rml:class ex:C ] ."""
    with Database(holding) as database:
        for formulation, iterator in (
            ("SQL2008Table", "field"), ("SQL2008Query", "SELECT name FROM field WHERE ID > 1"),
        ):  # fmt: skip
            found, _ = mapped(text % (formulation, iterator), sources={"holdings": database})
            assert len(found) == (3 if formulation == "SQL2008Table" else 2)


def test_sqlite_values_of_any_type_in_one_column(tmp_path, mapped):
    file = tmp_path / "mixed.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE t (id, v)")
        values = [(1, "a"), (2, 2), (3, 2.5), (4, b"\x0f"), (5, None)]
        connection.executemany("INSERT INTO t VALUES (?, ?)", values)
    connection.close()
    found, _ = mapped(
        f"""{R2RML}<urn:m> rr:logicalTable [ rr:tableName "t" ] ; rr:subjectMap [ rr:template "urn:{{id}}" ] ;
        {column("v")} .""",
        database=f"sqlite:///{file}",
    )
    assert found == {
        '<urn:1> <urn:p> "a"', f'<urn:2> <urn:p> "2"^^<{XSD.integer}>', f'<urn:3> <urn:p> "2.5E0"^^<{XSD.double}>',
        f'<urn:4> <urn:p> "0F"^^<{XSD.hexBinary}>',
    }  # fmt: skip


def test_postgis_shapes_keep_their_system(postgres_url, mapped):
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        try:
            connection.execute("CREATE EXTENSION postgis")
        except psycopg.Error as err:
            pytest.skip(f"PostGIS is not installed: {err}")
        connection.execute("CREATE TABLE f (id int, g geometry, t timestamptz)")
        point = shapely.set_srid(shapely.Point(600000, 5300000), 32632)
        shape = shapely.to_wkb(point, hex=True, include_srid=True)
        connection.execute("INSERT INTO f VALUES (1, %s, '2024-01-01 01:00+01')", (shape,))
        text = f"""{R2RML}<urn:m> rr:logicalTable [ rr:tableName "f" ] ; rr:subjectMap [ rr:template "urn:{{id}}" ] ;
            {column("g")} ; {column("t")} ."""
        found, _ = mapped(text, database=postgres_url)
        assert found == {
            '<urn:1> <urn:p> "<http://www.opengis.net/def/crs/EPSG/0/32632> POINT (600000 5300000)"'
            "^^<http://www.opengis.net/ont/geosparql#wktLiteral>",
            f'<urn:1> <urn:p> "2024-01-01T00:00:00Z"^^<{XSD.dateTime}>',
        }
        connection.execute("INSERT INTO f VALUES (2, 'POINT (1 2)', NULL)")
        with pytest.raises(CrsError, match="no reference system") as caught:
            mapped(text, database=postgres_url)
        assert "--crs EPSG:4326" in caught.value.hint
        with pytest.raises(CrsError, match="different reference systems"):
            mapped(text, database=postgres_url, geometry=GeometryOptions(crs="EPSG:4326"))
        same, _ = mapped(text, database=postgres_url, geometry=GeometryOptions(crs="EPSG:32632"))
        assert same - found == {
            '<urn:2> <urn:p> "<http://www.opengis.net/def/crs/EPSG/0/32632> POINT (1 2)"'
            "^^<http://www.opengis.net/ont/geosparql#wktLiteral>",
        }


SHAPELESS = """
CREATE EXTENSION postgis;
CREATE TABLE zero (id int, g geometry);
INSERT INTO zero VALUES (1, 'POINT (9 48)'), (2, NULL), (3, 'LINESTRING Z (9 48 1, 10 49 2)');
CREATE TABLE curved (id int, g geometry);
INSERT INTO curved VALUES (1, 'SRID=4258;POINT (9 48)'), (2, 'SRID=4258;CIRCULARSTRING (0 0, 1 1, 2 0)'),
  (3, 'SRID=4258;CURVEPOLYGON (CIRCULARSTRING (0 0, 4 0, 4 4, 0 4, 0 0))'), (4, NULL),
  (5, 'SRID=4258;GEOMETRYCOLLECTION (POINT (1 1), CIRCULARSTRING (0 0, 1 1, 2 0))'),
  (6, 'SRID=4258;COMPOUNDCURVE Z ((0 0 1, 1 1 1), CIRCULARSTRING Z (1 1 1, 2 2 1, 3 1 1))');
"""


@pytest.fixture
def shapeless(postgres_url):
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        try:
            connection.execute(SHAPELESS)
        except psycopg.errors.FeatureNotSupported as err:
            pytest.skip(f"PostGIS is not installed: {err}")
    return postgres_url


def shapes_of(table, said=""):
    return f"""{R2RML}<urn:m> rr:logicalTable [ rr:tableName "{table}" {said} ] ;
        rr:subjectMap [ rr:template "urn:{{id}}" ] ; {column("g")} ."""


def test_postgis_shapes_without_a_system_are_in_the_one_that_is_given(shapeless, mapped):
    with pytest.raises(CrsError, match="SRID 0"):
        mapped(shapes_of("zero"), database=shapeless)
    given, _ = mapped(shapes_of("zero"), database=shapeless, geometry=GeometryOptions(crs=4258))
    assert len(given) == 2
    assert all("EPSG/0/4258" in said for said in given)
    own, _ = mapped(shapes_of("zero", '; ee:crs "EPSG:4258"'), database=shapeless)
    assert own == given
    with Database(shapeless) as database:
        with pytest.raises(CrsError, match="SRID 0"):
            describe_source(database, name="zero", layer="zero")
        options = GeometryOptions(crs="EPSG:4258")
        described = describe_source(database, name="zero", layer="zero", geometry=options)
    assert described.crs.epsg == 4258
    draft = draft_mapping(described, base_iri="https://example.org/").mapping
    assert "EPSG/0/4258" in draft
    drafted, _ = mapped(draft, database=shapeless)
    literals = [said for said in drafted if "wktLiteral" in said]
    assert len(literals) == 2
    assert all("EPSG/0/4258" in said for said in literals)


@pytest.mark.parametrize(
    "asked", ['rr:tableName "curved"', 'rr:sqlQuery "SELECT * FROM curved"'], ids=["table", "query"]
)
def test_curves_of_postgis_are_an_error_or_counted(asked, shapeless, mapped):
    text = shapes_of("curved").replace('rr:tableName "curved"', asked)
    with pytest.raises(DataBrokenError, match="is a curved geometry") as caught:
        mapped(text, database=shapeless)
    assert "g of row 1 of the " in caught.value.message
    assert "ST_CurveToLine" in caught.value.hint
    assert "--skip-bad" in caught.value.hint
    found, report = mapped(text, database=shapeless, on_error="skip", batch_rows=2)
    assert len(found) == 1
    assert report.geometries[CURVED] == 3
    assert (
        report.geometries[UNREADABLE] == 1
    )  # the collection, in which only a reader finds the curve
    straight = text.replace(asked, 'rr:sqlQuery "SELECT id, ST_CurveToLine(g) AS g FROM curved"')
    assert len(mapped(straight, database=shapeless)[0]) == 5


@given(
    shape=st.sampled_from(["POINT (1 2)", "POINT Z (1 2 3)", "LINESTRING EMPTY", "POLYGON ((0 0, 1 0, 1 1, 0 0))"]),
    srid=st.sampled_from([0, 4258, 32632]), order=st.sampled_from([0, 1]), flavor=st.sampled_from(["iso", "extended"]),
)  # fmt: skip
def test_the_head_of_wkb_says_what_a_reader_finds(shape, srid, order, flavor):
    made = shapely.set_srid(shapely.from_wkt(shape), srid)
    named = flavor == "extended" and srid > 0
    wkb = shapely.to_wkb(made, byte_order=order, flavor=flavor, include_srid=named)
    values = geometry_values([None, wkb], name="g", crs=as_crs("EPSG:3035"))
    assert values.crs.epsg == (srid if named else 3035)
    assert are_curved([wkb, None]).tolist() == [False, False]


@settings(deadline=None)
@given(st.lists(st.floats() | st.none(), min_size=1, max_size=8))
def test_canonical_doubles_read_back_and_have_one_form(values):
    written = double_values(pa.array(values, pa.float64())).array.to_pylist()
    texts = [None if value is None else value["text"] for value in written]
    for value, text in zip(values, texts, strict=True):
        if value is None:
            assert text is None
        elif value != value:  # noqa: PLR0124 - NaN alone differs from itself
            assert text == "NaN"
        elif abs(value) == float("inf"):
            assert text == ("INF" if value > 0 else "-INF")
        else:
            mantissa, _, power = text.lstrip("-").partition("E")
            assert float(text) == value
            assert mantissa[1] == "."
            assert mantissa[0] != "0" or mantissa == "0.0"
            assert str(int(power)) == power
            assert mantissa.endswith(".0") or not mantissa.endswith("0")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a", [("a", False)]), ('"A b"', [("A b", True)]), ('s."T""x"', [("s", False), ('T"x', True)]),
        ("`a`.[b c]", [("a", True), ("b c", True)]),
    ],
)  # fmt: skip
def test_identifiers(text, parts):
    assert [(i.text, i.delimited) for i in read_identifiers(text)] == parts


@pytest.mark.parametrize("text", ["", '"', "a b", "a.", '"a"b', "a;b c"])
def test_what_is_no_identifier(text):
    with pytest.raises(MappingError):
        read_identifiers(text)


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        (Identifier("Name", True), 1), (Identifier("name", True), None), (Identifier("Name", False), None),
        (Identifier("id", False), 0), (Identifier("FREE", False), 2), (Identifier("twin", False), None),
    ],
)  # fmt: skip
def test_names_are_resolved_by_the_rules_of_sql(reference, found):
    known = [Named("ID"), Named("Name"), Named("Free", regular=True), Named("twin"), Named("TWIN")]
    if found is None and reference.text != "twin":
        with pytest.raises(MappingError):
            resolve(reference, known, what="column", where="t")
    else:
        assert resolve(reference, known, what="column", where="t") == (
            3 if found is None else found
        )
    labelled = resolve(Identifier("Name", False), known, what="column", where="t", labels=True)
    assert labelled == 1


def test_queries_of_the_older_rml_and_no_credentials_of_a_mapping(holding, mapped):
    found, _ = mapped(
        """@prefix old: <http://semweb.mmlab.be/ns/rml#> . @prefix rr: <http://www.w3.org/ns/r2rml#> .
        @prefix d2rq: <http://www.wiwiss.fu-berlin.de/suhl/bizer/D2RQ/0.1#> .
        <urn:db> a d2rq:Database ; d2rq:jdbcDSN "jdbc:postgresql://127.0.0.1:1/x" ; d2rq:password "p" .
        <urn:m> old:logicalSource [ old:source <urn:db> ; rr:sqlVersion rr:SQL2008 ;
                old:query "SELECT id FROM field" ; old:referenceFormulation
                <http://semweb.mmlab.be/ns/ql#CSV> ] ;
            rr:subjectMap [ rr:template "urn:{id}" ; rr:class ex:X ] .""",
        database=holding,
    )
    assert len(found) == 3


def test_a_table_that_may_not_be_read_is_told(postgres_url):
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(HOLDING)
        connection.execute("DROP ROLE IF EXISTS ee_reader")
        connection.execute("CREATE ROLE ee_reader LOGIN")
        connection.execute("GRANT SELECT (id, name) ON Field TO ee_reader")
        url = postgres_url.replace("postgres@", "ee_reader@")
        try:
            with (
                Database(url) as database,
                pytest.raises(UnavailableError, match="permission denied"),
            ):
                database.table('"Holding"')
            with Database(url) as database:
                source = SqlSource(database, database.query("SELECT id, name FROM field"))
                assert sum(frame.rows for frame in source.frames(("id",), batch_rows=2)) == 3
        finally:
            connection.execute("DROP OWNED BY ee_reader")
            connection.execute("DROP ROLE ee_reader")
