"""Workers that wait for the next work: as many as the engine has, and none that died."""

from __future__ import annotations

import os
import time

from extremeearth.infrastructure.engine import LocalEngine
from extremeearth.infrastructure.engine._workers import IdleWorkers


def own_pid(_item: int) -> int:
    time.sleep(0.05)  # so that both workers have something to do
    return os.getpid()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_no_more_workers_are_kept_than_the_engine_has() -> None:
    with LocalEngine(workers=2) as engine:
        first = engine.map(own_pid, range(4), label="x")
        other = engine.map(own_pid, range(4), label="x")
        pids = {pid for pair in zip(first, other, strict=True) for pid in pair}
        assert len(pids) == 4
        deadline = time.monotonic() + 30
        while len(list(filter(alive, pids))) > 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(list(filter(alive, pids))) == 2


def test_a_worker_that_died_while_it_waited_costs_no_try() -> None:
    with LocalEngine(workers=2) as engine:
        list(engine.map(own_pid, range(4), label="x"))
        idle: IdleWorkers = engine._idle
        for worker in idle._workers:
            worker.process.kill()
            worker.process.join()
        assert list(engine.map(abs, [-1, -2, -3], label="x", retries=0)) == [1, 2, 3]
