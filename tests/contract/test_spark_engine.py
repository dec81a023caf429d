"""What only a cluster can show: lost workers, interrupted jobs, code on its way, Spark Connect."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
import shapely
from tests.servers.spark import SparkCluster, run_python

from extremeearth.core.errors import (
    CancelledError,
    ConflictError,
    InputError,
    LimitError,
    UnavailableError,
)
from extremeearth.core.files import atomic_path
from extremeearth.core.progress import CancelToken, EventProgress
from extremeearth.infrastructure.engine import LocalEngine, _spark_items, _spark_tables, open_engine
from extremeearth.infrastructure.engine._spark_tables import pieces_of

if TYPE_CHECKING:
    from extremeearth.infrastructure.engine import SparkEngine

WAIT_S = 60.0


def _until(happened: Any) -> None:
    end = time.monotonic() + WAIT_S
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def _tracker(engine: SparkEngine) -> Any:
    return engine._session.sparkContext.statusTracker()


def _some_tasks_done(engine: SparkEngine) -> bool:
    tracker = _tracker(engine)
    stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
    return any(0 < s.numCompletedTasks < s.numTasks for s in stages if s is not None)


def _slowly(number: int) -> int:
    time.sleep(0.1)
    return number * 2


def _where(_item: int) -> str:
    import extremeearth

    return str(extremeearth.__file__)


def _long(seconds: float) -> None:
    time.sleep(seconds)


def _deadly(number: int) -> int:
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def _at_the_second_try(folder: str) -> str:
    marker = Path(folder) / "tried"
    if not marker.exists():
        marker.touch()
        raise OSError("not yet")
    return "done"


# a worker dies


@pytest.fixture
def another_worker(spark_cluster: SparkCluster) -> Any:
    """Bring the cluster back to two workers after the test; nobody waits for the new one before it is needed."""
    yield
    spark_cluster.replace_worker()


@pytest.mark.usefixtures("another_worker")
def test_a_map_outlives_a_worker(spark_cluster: SparkCluster, spark_engine: SparkEngine) -> None:
    results = spark_engine.map(_slowly, list(range(40)), label="numbers")
    first = [next(results) for _ in range(3)]
    _until(lambda: _tracker(spark_engine).getActiveJobsIds())
    spark_cluster.kill_worker()
    assert [*first, *results] == [2 * n for n in range(40)]


@pytest.mark.usefixtures("another_worker")
def test_a_join_outlives_a_worker(spark_cluster: SparkCluster, spark_engine: SparkEngine) -> None:
    generator = np.random.default_rng(3)
    left, right = (_boxes(generator, 600) for _ in range(2))
    with ThreadPoolExecutor(1) as pool:
        joined = pool.submit(spark_engine.join_spatial, left, right, "intersects")
        _until(lambda: joined.done() or _some_tasks_done(spark_engine))
        assert not joined.done()
        spark_cluster.kill_worker()
        expected = LocalEngine().join_spatial(left, right, "intersects")
        assert joined.result().equals(expected)
    assert expected.num_rows > 100


def _boxes(generator: np.random.Generator, count: int) -> pa.Table:
    """Boxes in clusters, a few of them large."""
    centres = generator.normal(0, 1, (count, 2)) + generator.choice([0, 50, 90], (count, 1))
    half = generator.uniform(0.01, 0.2, (count, 1)) * generator.choice(
        [1, 60], (count, 1), p=[0.98, 0.02]
    )
    shapes = shapely.box(*(centres - half).T, *(centres + half).T)
    return pa.table({"geometry": shapely.to_wkb(shapes)})


# map


def test_an_item_that_kills_its_worker_is_named(spark_engine: SparkEngine) -> None:
    with pytest.raises(UnavailableError, match=r"numbers, item 2 \(2\): Spark could not finish it"):
        list(spark_engine.map(_deadly, [0, 1, 2], label="numbers", retries=0))


def test_an_item_is_tried_again(spark_engine: SparkEngine, tmp_path: Path) -> None:
    assert list(spark_engine.map(_at_the_second_try, [str(tmp_path)], label="x")) == ["done"]


def test_leaving_the_loop_ends_the_jobs(spark_engine: SparkEngine) -> None:
    # more short ones than the first window takes, also where a lost worker is still counted
    results = spark_engine.map(_long, iter([*[0.0] * 4, *[600.0] * 8]), label="sleep")
    assert next(results) is None
    results.close()  # type: ignore[attr-defined]  # every engine gives a generator
    _until(lambda: not _tracker(spark_engine).getActiveJobsIds())


def test_cancelling_ends_an_item_in_its_middle(spark_engine: SparkEngine) -> None:
    token = CancelToken()
    results = spark_engine.map(
        _long, [600.0], label="sleep", progress=EventProgress(lambda _event: None, token=token)
    )
    threading.Thread(
        target=lambda: (_until(_tracker(spark_engine).getActiveJobsIds), token.cancel())
    ).start()
    with pytest.raises(CancelledError):
        next(results)
    _until(lambda: not _tracker(spark_engine).getActiveJobsIds())


def test_an_interrupt_ends_the_jobs_and_leaves_no_file(
    spark_engine: SparkEngine, tmp_path: Path
) -> None:
    results = spark_engine.map(_long, [600.0], label="sleep")

    def interrupt() -> None:
        _until(_tracker(spark_engine).getActiveJobsIds)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    threading.Thread(target=interrupt).start()
    out = tmp_path / "out.nt"
    with pytest.raises(KeyboardInterrupt):
        _write(results, out)
    assert not list(tmp_path.iterdir())
    _until(lambda: not _tracker(spark_engine).getActiveJobsIds())


def _write(results: Iterator[Any], out: Path) -> None:
    with atomic_path(out) as half:
        half.write_text("half")
        next(results)


def test_large_results_do_not_pile_up_in_the_driver(
    spark_engine: SparkEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results of ten windows' size: Arrow holds a few windows at most."""
    monkeypatch.setattr(_spark_items, "WINDOW_BYTES", 2**20)
    before, most = pa.total_allocated_bytes(), 0
    for number, result in enumerate(spark_engine.map(_large, range(20), label="large")):
        assert result == _large(number)
        most = max(most, pa.total_allocated_bytes() - before)
    assert number == 19
    assert most < 6 * 2**20


def test_large_tables_go_to_the_cluster_in_pieces(
    spark_engine: SparkEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = []

    def counted(*arguments: Any) -> Iterator[pa.Table]:
        for piece in pieces_of(*arguments):
            pieces.append(piece.nbytes)
            yield piece

    monkeypatch.setattr(_spark_tables, "PIECE_BYTES", 2**16)
    monkeypatch.setattr(_spark_tables, "pieces_of", counted)
    numbers = pa.table({"n": np.arange(10_000)})
    query = "SELECT sum(n) AS s, count(DISTINCT n) AS c FROM t"
    assert spark_engine.sql(query, t=numbers).to_pylist() == [{"s": 49_995_000, "c": 10_000}]
    assert len(pieces) == 2
    left, right = (_boxes(np.random.default_rng(seed), 700) for seed in (8, 9))
    found = spark_engine.join_spatial(left, right, "intersects")
    assert found.equals(LocalEngine().join_spatial(left, right, "intersects"))
    assert found.num_rows > 100
    assert len(pieces) == 6
    assert max(pieces) <= 2**16


def _large(number: int) -> bytes:
    return bytes([number]) * 2**19


def test_functions_without_a_name_are_sent(spark_engine: SparkEngine) -> None:
    three = 3
    assert list(spark_engine.map(lambda n: n * three, [1, 2], label="numbers")) == [3, 6]


def test_what_cannot_be_sent_is_refused(spark_engine: SparkEngine) -> None:
    lock = threading.Lock()
    with pytest.raises(InputError, match="cannot be sent"):
        list(spark_engine.map(lambda n: (lock, n), [1], label="numbers"))
    with pytest.raises(InputError, match="Item 0 cannot be sent"):
        list(spark_engine.map(str, [lock], label="numbers"))


def test_the_package_is_sent_to_the_workers(spark_engine: SparkEngine) -> None:
    assert ".zip/" in next(spark_engine.map(_where, [1], label="where"))


def test_map_batches_keeps_types_that_spark_lacks(spark_engine: SparkEngine) -> None:
    schema = pa.schema(
        [
            ("small", pa.uint8()),
            ("word", pa.dictionary(pa.int8(), pa.string())),
            ("view", pa.binary_view()),
        ]
    )
    some = pa.table({"small": [1, 255], "word": ["a", "b"], "view": [b"x", None]}).cast(schema)
    assert spark_engine.map_batches(some, lambda batch: batch, schema).equals(some)


# join_spatial


@pytest.mark.parametrize("distance_m", [None, 20_000.0])
def test_joins_equal_those_of_the_local_engine(
    spark_engine: SparkEngine, distance_m: float | None
) -> None:
    """Many cells, shapes over several of them, windows over the antimeridian."""
    generator = np.random.default_rng(5)
    lon = generator.choice([-179.9, 10.0, 179.9], 400) + generator.normal(0, 0.1, 400)
    lon, lat = (lon + 180) % 360 - 180, generator.normal(60, 0.5, 400)
    points = shapely.points(np.column_stack([lon, lat]))
    shapes = [*points, shapely.box(-180, 59, 180, 59.2), shapely.box(-180, 60, -170, 61)]
    some = pa.table({"geometry": shapely.to_wkb(np.array(shapes, dtype=object))})
    predicate = "intersects" if distance_m is None else "dwithin"
    found = spark_engine.join_spatial(some, some, predicate, distance_m=distance_m)
    expected = LocalEngine().join_spatial(some, some, predicate, distance_m=distance_m)
    assert found.equals(expected)
    assert expected.num_rows > 500


# sql


def test_sql_means_the_same_as_locally(spark_engine: SparkEngine) -> None:
    numbers = pa.table(
        {"n": pa.array([7, None, 2], pa.uint16()), "Name": ["b", "a", None], "x": [0.5, 1.5, 2.5]}
    )
    queries = [
        "SELECT n FROM numbers ORDER BY n",
        "SELECT n FROM numbers ORDER BY n DESC",
        "WITH big AS (SELECT n, x FROM numbers WHERE x > 1) SELECT count(*) AS c, max(x) AS m FROM big",
        'SELECT "Name" AS name FROM numbers WHERE "Name" IS NOT NULL ORDER BY 1',
        "SELECT a.x FROM numbers a JOIN numbers b ON a.x < b.x AND still_wanted(1, 2) ORDER BY a.x",
        "SELECT ST_X(ST_Centroid(ST_GeomFromText('LINESTRING (1 2, 3 2)'))) AS x",
    ]
    for query in queries:
        expected = LocalEngine().sql(query, numbers=numbers).to_pylist()
        assert spark_engine.sql(query, numbers=numbers).to_pylist() == expected, query


def test_sql_is_limited_and_stopped(spark_engine: SparkEngine) -> None:
    numbers = pa.table({"n": np.arange(20_000)})
    assert spark_engine.sql("SELECT n FROM t", t=numbers, most_bytes=2**20).num_rows == 20_000
    with pytest.raises(LimitError):
        spark_engine.sql("SELECT n FROM t", t=numbers, most_bytes=2**16)
    token = CancelToken()
    threading.Thread(
        target=lambda: (_until(_tracker(spark_engine).getActiveJobsIds), token.cancel())
    ).start()
    endless = "SELECT count(*) AS c FROM t a JOIN t b ON a.n <> b.n JOIN t c ON b.n <> c.n"
    with pytest.raises(CancelledError):
        spark_engine.sql(endless, t=numbers, token=token)


def test_a_function_of_space_that_is_not_there_is_named(spark_engine: SparkEngine) -> None:
    with pytest.raises(UnavailableError, match="ST_VORONOI"):
        spark_engine.sql("SELECT ST_Voronoi(g) AS v FROM t", t=pa.table({"g": [b""]}))


# sessions


@pytest.mark.usefixtures("spark_engine")
def test_a_process_has_one_cluster() -> None:
    with pytest.raises(ConflictError):
        open_engine("local[1]")


def test_the_last_engine_leaves_the_cluster(
    spark_cluster: SparkCluster, spark_engine: SparkEngine
) -> None:
    with type(spark_engine)(spark_cluster.url) as other:
        assert other.slots >= 1
        other.close()
    assert list(spark_engine.map(abs, [-1], label="numbers")) == [1]


CLIENT = """
import sys
import pyarrow as pa, shapely
from extremeearth.infrastructure.engine import SparkEngine

def wkb(*shapes):
    return pa.table({"geometry": shapely.to_wkb(list(shapes))})

with SparkEngine(sys.argv[1], cell_rows=2) as engine:
    print(engine.slots, list(engine.map(lambda n: n * n, range(5), label="squares")))
    squares = wkb(*(shapely.box(x, 0, x + 1, 1) for x in range(6)))
    print(engine.join_spatial(squares, wkb(shapely.Point(2, 0.5)), "intersects").to_pydict())
    print(engine.sql("SELECT sum(n) AS s FROM t", t=pa.table({"n": [1, 2]})).to_pylist())
    try:
        list(engine.map(int, ["x"], label="parse"))
    except Exception as err:
        print(err)
"""


UNCLOSED = """
import atexit
from pyspark import SparkContext
atexit.register(lambda: print(SparkContext._active_spark_context))
from extremeearth.infrastructure.engine import SparkEngine
engine = SparkEngine("local[1]")
print(list(engine.map(abs, [-1], label="numbers")))
"""


def test_a_process_that_ends_leaves_the_cluster() -> None:
    assert run_python(UNCLOSED).splitlines() == ["[1]", "None"]


def test_spark_connect_does_the_same(spark_cluster: SparkCluster) -> None:
    pytest.importorskip(
        "grpc_status", reason="Spark Connect needs: pip install 'extremeearth[spark]'"
    )
    with spark_cluster.connect_server() as url:
        lines = run_python(CLIENT, url).splitlines()
    assert lines[0] == "2 [0, 1, 4, 9, 16]"
    assert lines[1] == "{'left_index': [1, 2], 'right_index': [0, 0]}"
    assert lines[2] == "[{'s': 3}]"
    assert lines[3].startswith("parse, item 0 ('x'): ValueError")
