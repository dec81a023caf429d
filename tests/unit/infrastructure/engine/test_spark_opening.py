"""Addresses of engines, what is missing for Spark, and SQL on its way to Spark; all without a cluster."""

from __future__ import annotations

import socket
import time
from types import SimpleNamespace

import pyarrow as pa
import pytest
from sqlglot import exp, select

from extremeearth.core.errors import InputError, MissingExtraError, UnavailableError
from extremeearth.core.settings import Settings
from extremeearth.infrastructure.engine import LocalEngine, _spark_session, open_engine
from extremeearth.infrastructure.engine._spark_jobs import hint_for
from extremeearth.infrastructure.engine._spark_parcels import pack, unpack
from extremeearth.infrastructure.engine._spark_session import asked_for, configuration
from extremeearth.infrastructure.engine._spark_space import (
    asks_for_space,
    has_sedona,
    leave_functions,
    take_functions,
)
from extremeearth.infrastructure.engine._spark_sql import translated
from extremeearth.infrastructure.engine._spark_tables import plain


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


@pytest.mark.parametrize("home", [None, "/nowhere"])
def test_without_java_it_is_asked_for(home: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_spark_session, "find_spec", lambda _name: object())
    monkeypatch.setattr(_spark_session.shutil, "which", lambda _name: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    if home:
        monkeypatch.setenv("JAVA_HOME", home)
    with pytest.raises(UnavailableError, match="there is none"):
        open_engine("local[2]")


@pytest.mark.parametrize("form", ["spark://127.0.0.1:{0}", "sc://127.0.0.1:{0}/;user_id=me"])
def test_a_master_that_does_not_listen_is_told_at_once(form: str) -> None:
    pytest.importorskip("pyspark")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        url = form.format(taken.getsockname()[1])
        started = time.monotonic()
        with pytest.raises(UnavailableError, match=r"does not answer: .*refused") as failed:
            open_engine(url)
    assert "address" in str(failed.value.hint)
    assert time.monotonic() - started < 60  # Spark itself tries for longer


@pytest.mark.parametrize(
    "form", ["k8s://http://127.0.0.1:{0}", "k8s://https://127.0.0.1:{0}", "k8s://127.0.0.1:{0}"]
)
def test_a_kubernetes_that_does_not_listen_is_told_at_once(form: str) -> None:
    pytest.importorskip("pyspark")
    given = Settings(engine_options={"spark.kubernetes.container.image": "image:1"})
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        with pytest.raises(UnavailableError, match=r"does not answer: .*refused"):
            open_engine(form.format(taken.getsockname()[1]), settings=given)


def test_of_what_java_raises_the_innermost_cause_is_told() -> None:
    raised = RuntimeError(
        "An error occurred while calling None.org.apache.spark.api.java.JavaSparkContext.\n"
        ": org.apache.spark.SparkException: External scheduler cannot be instantiated\n"
        "\tat org.apache.spark.SparkContext.<init>(SparkContext.scala:1)\n"
        "Caused by: a.B: outer\n\tat c.D\n"
        "Caused by: io.fabric8.KubernetesClientException: Message: Forbidden.\n\t... 20 more"
    )
    told = _spark_session._unreachable("k8s://https://host", raised)
    assert "does not answer: io.fabric8.KubernetesClientException: Message: Forbidden." in str(told)
    assert "deploy/spark/kubernetes.yaml" in str(told.hint)
    plain_text = RuntimeError("odd\nmore")
    assert "does not answer: odd" in str(_spark_session._unreachable("spark://host", plain_text))
    silent = _spark_session._unreachable("spark://host", RuntimeError())
    assert "does not answer: RuntimeError" in str(silent)


def test_one_of_several_masters_is_enough() -> None:
    with socket.socket() as dead, socket.socket() as alive:
        dead.bind(("127.0.0.1", 0))
        alive.bind(("127.0.0.1", 0))
        alive.listen()
        ports = [listener.getsockname()[1] for listener in (dead, alive)]
        _spark_session._check_master("spark://{}".format(",".join(f"127.0.0.1:{p}" for p in ports)))


def test_a_server_that_is_too_old_is_told() -> None:
    with pytest.raises(UnavailableError, match=r"version 3\.5\.8") as failed:
        _spark_session._check_release("sc://host", "3.5.8")
    assert "4.1" in str(failed.value.hint)
    _spark_session._check_release("sc://host", "4.10.0-SNAPSHOT")


def test_what_kubernetes_is_told() -> None:
    given = {
        "spark.kubernetes.container.image": "registry.example.org/extremeearth-spark:1",
        "spark.kubernetes.namespace": "earth",
        "spark.driver.host": "jobs.earth.svc",
        "spark.executor.instances": "4",
    }
    found = configuration("k8s://https://10.0.0.1:6443", given)
    assert found.items() >= given.items()
    assert "spark.driver.bindAddress" not in found  # pods must reach the driver
    assert "spark.sql.extensions" not in found
    with pytest.raises(InputError, match="image") as failed:
        configuration("k8s://https://10.0.0.1:6443", {"spark.executor.instances": "4"})
    assert "spark.kubernetes.container.image" in str(failed.value.hint)
    with pytest.raises(InputError, match="image"):
        open_engine("k8s://https://10.0.0.1:6443")


def test_on_this_machine_nothing_listens_beyond_loopback() -> None:
    for url in ("local[2]", "spark://127.0.0.1:7077", "spark://localhost:7077"):
        assert configuration(url, {})["spark.driver.bindAddress"] == "127.0.0.1"
    assert "spark.driver.bindAddress" not in configuration("spark://10.0.0.1:7077", {})


def test_sedona_is_switched_on_where_its_jars_are_given() -> None:
    name = "org.apache.sedona.sql.SedonaSqlExtensions"
    for option in ("spark.jars", "spark.jars.packages"):
        given = {option: "org.apache.sedona:sedona-spark-shaded-4.0_2.13:1.9.1"}
        assert configuration("local[2]", given)["spark.sql.extensions"] == name
    both = configuration(
        "local[2]", {"spark.jars": "/jars/sedona.jar", "spark.sql.extensions": "a.B"}
    )
    assert both["spark.sql.extensions"] == f"a.B,{name}"
    kept = {"spark.jars": "/jars/sedona.jar", "spark.sql.extensions": name}
    assert configuration("local[2]", kept)["spark.sql.extensions"] == name


@pytest.mark.parametrize("known", [True, False])
def test_sedona_is_found_by_its_functions(known: bool) -> None:
    catalog = SimpleNamespace(functionExists=lambda name: known and name == "st_intersects")
    assert has_sedona(SimpleNamespace(catalog=catalog)) == known


@pytest.mark.parametrize(
    ("query", "spark"),
    [
        ("SELECT a.n FROM t a JOIN t b ON ST_Intersects(ST_GeomFromWKB(a.g), ST_GeomFromWKB(b.g))",
         "SELECT a.n FROM ee AS a JOIN ee AS b ON ST_INTERSECTS(ST_GEOMFROMWKB(a.g), ST_GEOMFROMWKB(b.g))"),
        ("SELECT ST_Buffer(ST_GeomFromWKB(g), 2) AS b, ST_AsBinary(g) AS w FROM t",
         "SELECT ST_ASBINARY(ST_BUFFER(ST_GEOMFROMWKB(g), 2)) AS b, ST_ASBINARY(g) AS w FROM ee AS t"),
        ("SELECT ST_Area(s.b) AS a FROM (SELECT ST_Boundary(g) AS b FROM t) s",
         "SELECT ST_AREA(s.b) AS a FROM (SELECT ST_BOUNDARY(g) AS b FROM ee AS t) AS s"),
        ("SELECT ST_Centroid(g) FROM t UNION SELECT ST_Voronoi(g) FROM t",
         "SELECT ST_ASBINARY(ST_CENTROID(g)) FROM ee AS t UNION SELECT ST_VORONOI(g) FROM ee AS t"),
    ],
)  # fmt: skip
def test_sedona_gets_the_names_as_they_are(query: str, spark: str) -> None:
    tree = translated(query, {"t": "ee"})
    assert asks_for_space(tree)
    leave_functions(tree)
    assert tree.sql(dialect="spark") == spark


def test_errors_of_workers_come_with_a_hint() -> None:
    version = RuntimeError("[PYTHON_VERSION_MISMATCH] Python in worker has different version: 3.13")
    assert "PYSPARK_PYTHON" in hint_for(version, "else")
    assert "Install" in hint_for(RuntimeError("ModuleNotFoundError: No module named 'x'"), "else")
    assert hint_for(RuntimeError("odd"), "else") == "else"


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
    assert plain(table).schema.types == [pa.string(), pa.decimal128(20), pa.string()]
    assert plain(table)["count"].to_pylist() == [1, 2**64 - 1]


def test_parcels_hold_what_they_show() -> None:
    pytest.importorskip("pyspark")
    long = pa.record_batch({"n": list(range(100_000))})
    parcel = pack(long.slice(10, 2))
    assert len(parcel) < 1000
    assert unpack(parcel).equals(long.slice(10, 2))
    assert unpack(pack(pa.table({"n": [1]}))).equals(pa.table({"n": [1]}))
    empty = long.slice(0, 0)
    assert unpack(pack(empty)).equals(empty)


def test_java_and_python_speak_through_files_where_their_names_are_short() -> None:
    name = "spark.python.unix.domain.socket.enabled"
    assert configuration("spark://10.0.0.1:7077", {})[name] == "true"
    assert configuration("local[2]", {name: "false"})[name] == "false"
    assert name not in configuration("yarn", {})
    moved = {"spark.executor.extraJavaOptions": "-Djava.io.tmpdir=/long"}
    assert name not in configuration("local[2]", moved)


def test_executors_that_were_asked_for_count_before_they_come() -> None:
    given = {"spark.executor.instances": "4", "spark.executor.cores": "4", "spark.task.cpus": "2"}
    assert asked_for(given) == 8
    assert asked_for({**given, "spark.dynamicAllocation.enabled": "true"}) == 0
    assert asked_for({}) == 0


@pytest.mark.parametrize("connect", [True, False])
def test_a_connect_server_may_refuse_what_makes_it_quicker(
    connect: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_spark_session, "is_connect", lambda _session: connect)
    done: dict[str, str] = {}

    def set_one(name: str, value: str) -> None:
        if name in refused:
            raise RuntimeError("[CONFIG_NOT_AVAILABLE]")
        done[name] = value

    session = SimpleNamespace(conf=SimpleNamespace(set=set_one))
    refused = _spark_session.QUICKER
    if connect:
        _spark_session._configure(session, _spark_session.SESSION)
        assert done.keys() == _spark_session.SESSION.keys() - refused
    else:
        with pytest.raises(RuntimeError):
            _spark_session._configure(session, _spark_session.SESSION)
    refused = {"spark.sql.session.timeZone"}
    with pytest.raises(RuntimeError):
        _spark_session._configure(session, _spark_session.SESSION)
