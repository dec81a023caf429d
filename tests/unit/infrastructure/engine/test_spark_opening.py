"""Addresses of engines, what is missing for Spark, and SQL on its way to Spark; all without a cluster."""

from __future__ import annotations

import pyarrow as pa
import pytest
from sqlglot import exp, select

from extremeearth.core.errors import InputError, MissingExtraError, UnavailableError
from extremeearth.core.settings import Settings
from extremeearth.infrastructure.engine import LocalEngine, _spark_session, open_engine
from extremeearth.infrastructure.engine._spark_parcels import pack, unpack
from extremeearth.infrastructure.engine._spark_space import take_functions
from extremeearth.infrastructure.engine._spark_sql import _plain, translated


def test_local_is_this_machine() -> None:
    engine = open_engine(settings=Settings(workers=2))
    assert isinstance(engine, LocalEngine)
    assert engine.workers == 2


@pytest.mark.parametrize(
    "url", ["", "spark", "local[]", "local[two]", "spark://", "http://host", "sc:/host"]
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(InputError):
        open_engine(url)


@pytest.mark.parametrize("url", ["local[2]", "spark://127.0.0.1:7077", "sc://127.0.0.1:15002"])
def test_without_pyspark_the_extra_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_spark_session, "find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match="spark"):
        open_engine(url)


def test_without_java_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_spark_session, "find_spec", lambda _name: object())
    monkeypatch.setattr(_spark_session.shutil, "which", lambda _name: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(UnavailableError, match="Java"):
        open_engine("local[2]")


def test_the_archive_holds_the_package_and_no_page() -> None:
    import zipfile

    with zipfile.ZipFile(_spark_session._archive()) as archive:
        names = archive.namelist()
    assert "extremeearth/core/errors.py" in names
    assert not [name for name in names if "__pycache__" in name or "web/static" in name]


@pytest.mark.parametrize(
    ("query", "spark"),
    [
        ("SELECT n FROM t ORDER BY n DESC", "SELECT n FROM ee AS t ORDER BY n DESC NULLS FIRST"),
        ("SELECT x.n FROM T x", "SELECT x.n FROM ee AS x"),
        ('SELECT "N" FROM t', "SELECT `N` FROM ee AS t"),
        ("WITH t2 AS (SELECT * FROM t) SELECT * FROM t2", "WITH t2 AS (SELECT * FROM ee AS t) SELECT * FROM t2"),
        ("SELECT 1 FROM t WHERE still_wanted(1, 2)", "SELECT 1 FROM ee AS t WHERE TRUE"),
    ],
)  # fmt: skip
def test_queries_are_translated(query: str, spark: str) -> None:
    assert translated(query, {"t": "ee"}).sql(dialect="spark") == spark


def test_trees_are_translated() -> None:
    tree = select(exp.column("n")).from_("t")
    assert translated(tree, {"t": "ee"}).sql(dialect="spark") == "SELECT n FROM ee AS t"


@pytest.mark.parametrize(
    "query", ["SELECT * FROM other", "SELECT * FROM a.t", 'SELECT * FROM parquet."/etc/passwd"', "DELETE FROM t",
              "SELECT 1;SELECT 2", "SELECT (", ""]
)  # fmt: skip
def test_a_query_reads_its_tables_only(query: str) -> None:
    with pytest.raises(InputError):
        translated(query, {"t": "ee"})


def test_functions_of_space_become_ours() -> None:
    tree = translated("SELECT ST_Area(ST_GeomFromWKB(g)) AS a FROM t", {"t": "ee"})
    assert take_functions(tree) == ["st_area", "st_geomfromwkb"]
    assert (
        tree.sql(dialect="spark").lower()
        == "select ee_st_area(ee_st_geomfromwkb(g)) as a from ee as t"
    )
    with pytest.raises(UnavailableError, match="ST_VORONOI"):
        take_functions(translated("SELECT ST_Voronoi(g) FROM t", {"t": "ee"}))


def test_columns_get_types_that_spark_has() -> None:
    table = pa.table({
        "word": pa.array(["a", None]).dictionary_encode(),
        "count": pa.array([1, 2**64 - 1], pa.uint64()),
        "text": pa.array(["x", "y"], pa.string_view()),
    })  # fmt: skip
    assert _plain(table).schema.types == [pa.string(), pa.decimal128(20), pa.string()]
    assert _plain(table)["count"].to_pylist() == [1, 2**64 - 1]


def test_parcels_hold_what_they_show() -> None:
    pytest.importorskip("pyspark")
    long = pa.record_batch({"n": list(range(100_000))})
    parcel = pack(long.slice(10, 2))
    assert len(parcel) < 1000
    assert unpack(parcel).equals(long.slice(10, 2))
    assert unpack(pack(pa.table({"n": [1]}))).equals(pa.table({"n": [1]}))
    empty = long.slice(0, 0)
    assert unpack(pack(empty)).equals(empty)
