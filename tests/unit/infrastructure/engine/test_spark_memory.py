"""What the driver holds at once: bounded whatever goes through it; with a stand-in for the cluster."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.core.errors import ExtremeEarthError
from extremeearth.core.progress import EventProgress, ProgressEvent, Task
from extremeearth.infrastructure.engine import _spark_tables
from extremeearth.infrastructure.engine._spark_items import SparkRun
from extremeearth.infrastructure.engine._spark_parcels import pack, unpack
from extremeearth.infrastructure.engine._spark_tables import frame_of, pieces_of, sent_again
from extremeearth.infrastructure.engine._spark_workers import Patience

pytest.importorskip("pyspark", reason="PySpark is not installed: pip install 'extremeearth[spark]'")
KIB = 2**10
WINDOW = 64 * KIB


class _Frame:
    """A table that was sent: each chunk is a partition."""

    def __init__(self, session: _Session, table: pa.Table, worker: Any = None) -> None:
        self.session, self.table, self.worker = session, table, worker

    def mapInArrow(self, worker: Any, _schema: str) -> _Frame:
        return _Frame(self.session, self.table, worker)

    def toArrow(self) -> pa.Table:
        batches = [b for part in self.table.to_batches() for b in self.worker(iter([part]))]
        answer = pa.Table.from_batches(batches)
        with self.session.lock:
            self.session.jobs.append(self.table.num_rows)
            self.session.largest = max(self.session.largest, answer.nbytes)
        return answer

    def localCheckpoint(self, *, eager: bool, storageLevel: Any) -> _Frame:
        assert eager
        assert storageLevel.replication == 2
        self.session.kept += 1
        return self

    def unionAll(self, other: _Frame) -> _Frame:
        return _Frame(self.session, pa.concat_tables([self.table, other.table]))


class _Session:
    """As much of a session as the code asks for."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.jobs: list[int] = []
        self.sent: list[int] = []
        self.largest = self.kept = 0

        def nothing(_tag: str) -> None:
            """Take the tag of a job as Spark does."""

        self.sparkContext = SimpleNamespace(
            addJobTag=nothing, removeJobTag=nothing, cancelJobsWithTag=nothing
        )

    def createDataFrame(self, table: pa.Table) -> _Frame:
        self.sent.append(table.nbytes)
        return _Frame(self, table)


def _run(
    session: _Session, function: Any, items: Any, progress: Any = None, **cluster: Any
) -> Iterator[Any]:
    task = Task(progress or EventProgress(lambda _event: None), "items", total=None)
    cluster = {"slots": 2, "ahead": 1024} | cluster
    return SparkRun(
        session, function, items, task, retries=0, window_bytes=WINDOW,
        patience=Patience(session, "local[2]", 1.0), **cluster,
    ).results()  # fmt: skip


def _large(number: int) -> bytes:
    return bytes([number % 256]) * (8 * KIB)


def test_large_results_do_not_pile_up() -> None:
    """Results of 8 KiB, 64 times what a window may hold: no answer of a job is much above the limit."""
    session = _Session()
    before = pa.total_allocated_bytes()
    most = 0
    for number, result in enumerate(_run(session, _large, iter(range(512)))):
        assert result == _large(number)
        most = max(most, pa.total_allocated_bytes() - before)
    assert number == 511
    assert session.largest <= WINDOW + 8 * 8 * KIB + KIB  # a result per task may go over
    assert most < 8 * WINDOW
    assert len(session.jobs) >= 512 * 8 * KIB // session.largest


def test_results_that_become_large_suddenly_are_put_off() -> None:
    """Small results make windows large; then each result alone is as large as a task may send."""
    session = _Session()

    def grows(number: int) -> bytes:
        return b"x" if number < 600 else b"y" * (16 * KIB)

    results = _run(session, grows, range(1000))
    assert [len(result) for result in results] == [1] * 600 + [16 * KIB] * 400
    assert session.largest <= WINDOW + 8 * 16 * KIB + KIB
    assert max(session.jobs) > 200  # they were large
    assert sum(session.jobs) > 1000  # and some went out again


def test_large_items_do_not_pile_up() -> None:
    session = _Session()
    items = (bytes(8 * KIB) for _ in range(200))
    assert sum(_run(session, len, items)) == 200 * 8 * KIB
    assert max(session.sent) <= WINDOW + 9 * KIB


@settings(deadline=None)
@given(st.lists(st.integers(0, 40 * KIB), max_size=40))
def test_any_sizes_come_in_order(sizes: list[int]) -> None:
    events: list[ProgressEvent] = []
    given_ = list(_run(_Session(), bytes, sizes, EventProgress(events.append)))
    assert [len(result) for result in given_] == sizes
    assert events[-1].done == len(sizes)


def test_results_before_a_failure_are_given() -> None:
    def fails(number: int) -> bytes:
        if number == 300:
            raise ValueError("odd")
        return bytes(2 * KIB)

    results = _run(_Session(), fails, range(400))
    assert [len(next(results)) for _ in range(300)] == [2 * KIB] * 300
    with pytest.raises(ExtremeEarthError, match=r"items, item 300 \(300\): ValueError: odd"):
        next(results)


def test_work_grows_with_the_cluster() -> None:
    """One slot when it begins, and sixteen soon after: more items are sent at once."""
    same, grows = _Session(), _Session()
    for session, slots in ((same, 1), (grows, 16)):
        found = _run(session, abs, range(64), slots=1, ahead=1, grown=lambda slots=slots: slots)
        assert list(found) == list(range(64))
    assert max(same.jobs) == 1
    assert max(grows.jobs) > 4


def _meet(folder: Path, number: int) -> bool:
    """Say whether another item is worked on at the same time."""
    (folder / str(number)).touch()
    end = time.monotonic() + 10
    while not (folder / str(1 - number)).exists() and time.monotonic() < end:
        time.sleep(0.01)
    return time.monotonic() < end


def test_a_first_window_that_lasts_is_not_waited_for(tmp_path: Path) -> None:
    assert list(_run(_Session(), partial(_meet, tmp_path), range(2), slots=1)) == [True, True]


def test_a_large_table_goes_in_pieces() -> None:
    session = _Session()
    table = pa.table({"n": np.arange(10_000), "text": ["x" * 100] * 10_000})
    frame = frame_of(session, table, rows=300, piece_bytes=100 * KIB)
    assert frame.table.equals(table)
    assert max(session.sent) <= 100 * KIB + KIB
    assert session.kept == len(session.sent) > 10
    small = frame_of(session, table.slice(0, 10))
    assert small.table.equals(table.slice(0, 10))
    assert session.kept == len(session.sent) - 1  # it stays with the driver


def test_a_large_table_is_packed_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver holds no packed copy of the whole table."""
    waiting, most = 0, 0

    def counted(part: pa.Table) -> bytes:
        nonlocal waiting, most
        waiting += part.num_rows
        most = max(most, waiting)
        return pack(part)

    class Session(_Session):
        def createDataFrame(self, table: pa.Table) -> _Frame:
            nonlocal waiting
            waiting = 0
            return super().createDataFrame(table)

    monkeypatch.setattr(_spark_tables, "pack", counted)
    session = Session()
    table = pa.table({"n": np.arange(10_000), "text": ["x" * 100] * 10_000})
    frame = frame_of(session, table, rows=300, piece_bytes=100 * KIB, packed=True)
    assert pa.concat_tables(unpack(part.as_py()) for part in frame.table["part"]).equals(table)
    assert frame.table["part"].num_chunks == frame.table.num_rows > 30
    assert most < 1000
    assert session.kept == len(session.sent) > 10
    small = frame_of(session, table.slice(0, 10), packed=True)
    assert unpack(small.table["part"][0].as_py()).equals(table.slice(0, 10))


def test_pieces_are_cut_by_what_rows_weigh() -> None:
    """One row of many is heavy: pieces of equally many rows would be far too large."""
    texts = ["x"] * 5000 + ["y" * (9 * 2**20)] + ["z" * 2**20] * 40
    table = pa.table({"text": texts})
    pieces = list(pieces_of(table, 10_000, 4 * 2**20))
    assert pa.concat_tables(pieces).equals(table)
    assert sum(piece.nbytes > 5 * 2**20 for piece in pieces) == 1
    batches = [batch for piece in pieces for batch in piece.to_batches()]
    assert all(batch.nbytes < 9 * 2**20 or batch.num_rows == 1 for batch in batches)
    assert next(pieces_of(table.slice(0, 0), 10, 10)).schema == table.schema


def test_tables_are_sent_again_where_all_copies_were_lost() -> None:
    tries = []

    def job() -> int:
        tries.append(1)
        if len(tries) < 3:
            raise RuntimeError(
                "[CHECKPOINT_RDD_BLOCK_ID_NOT_FOUND] Checkpoint block rdd_1_0 not found!"
            )
        return 7

    assert sent_again(job) == 7
    with pytest.raises(ValueError, match="another"):
        sent_again(lambda: int("another"))
