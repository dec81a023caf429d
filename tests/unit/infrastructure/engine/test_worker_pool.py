"""Processes of the local engine: they die, hang, and answer what cannot be sent, and the engine copes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest

from extremeearth.core.errors import (
    CancelledError,
    ExtremeEarthError,
    InputError,
    StorageError,
    UnavailableError,
)
from extremeearth.core.progress import CancelToken, EventProgress
from extremeearth.infrastructure.engine import LocalEngine

TWO = LocalEngine(workers=2)


def die(item: int) -> int:
    if item == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def die_once(folder: Path, item: int) -> int:
    marker = folder / f"{item}"
    if item % 3 == 1 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def fail_once(folder: Path, item: int) -> int:
    marker = folder / f"{item}"
    if not marker.exists():
        marker.touch()
        raise RuntimeError("first time")
    return item


def count_then_refuse(folder: Path, item: int) -> NoReturn:
    (folder / f"try-{len(list(folder.iterdir()))}").touch()
    raise InputError(f"{item} is wrong.")


def write_pid_and_sleep(folder: Path, item: int) -> int:
    if item:
        (folder / f"{os.getpid()}").touch()
        time.sleep(600)
    return item


class OddError(Exception):
    """Cannot be rebuilt from its arguments."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


def raise_odd(_item: int) -> NoReturn:
    raise OddError("a", "b")


def raise_full(_item: int) -> NoReturn:
    raise OSError(28, "No space left on device")


def raise_memory(_item: int) -> NoReturn:
    raise MemoryError


def give_lock(_item: int) -> Any:
    return threading.Lock()


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_worker_that_dies_is_told_with_its_item() -> None:
    with pytest.raises(UnavailableError, match=r"deaths, item 1 \(1\): .*signal 9") as failed:
        list(TWO.map(die, range(4), label="deaths", retries=1))
    assert "memory" in (failed.value.hint or "")


def test_dead_workers_are_replaced_and_nothing_is_lost(tmp_path: Path) -> None:
    assert list(TWO.map(partial(die_once, tmp_path), range(8), label="x")) == list(range(8))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_passing_failure_is_tried_again(tmp_path: Path, workers: int) -> None:
    engine = LocalEngine(workers=workers)
    assert list(engine.map(partial(fail_once, tmp_path), range(3), label="x")) == [0, 1, 2]
    for marker in tmp_path.iterdir():
        marker.unlink()
    with pytest.raises(ExtremeEarthError, match="RuntimeError: first time"):
        list(engine.map(partial(fail_once, tmp_path), range(3), label="x", retries=0))


@pytest.mark.parametrize("workers", [1, 2])
def test_wrong_input_is_not_tried_again(tmp_path: Path, workers: int) -> None:
    with pytest.raises(InputError, match="7 is wrong"):
        list(
            LocalEngine(workers=workers).map(
                partial(count_then_refuse, tmp_path), [7], label="x", retries=5
            )
        )
    assert len(list(tmp_path.iterdir())) == 1


def _wait_for_pid(folder: Path) -> int:
    while not (found := list(folder.iterdir())):
        time.sleep(0.01)
    return int(found[0].name)


def test_cancelling_ends_what_is_running(tmp_path: Path) -> None:
    token = CancelToken()
    progress = EventProgress(lambda _event: None, token=token)
    results = TWO.map(partial(write_pid_and_sleep, tmp_path), [0, 1], label="x", progress=progress)
    assert next(results) == 0
    pid = _wait_for_pid(tmp_path)
    assert alive(pid)
    token.cancel()
    with pytest.raises(CancelledError):
        next(results)
    assert not alive(pid)


def test_leaving_the_loop_ends_what_is_running(tmp_path: Path) -> None:
    results = TWO.map(partial(write_pid_and_sleep, tmp_path), [0, 1], label="x")
    assert next(results) == 0
    pid = _wait_for_pid(tmp_path)
    results.close()  # type: ignore[attr-defined]  # it is a generator
    assert not alive(pid)


def test_an_error_that_cannot_travel_still_tells_its_text() -> None:
    with pytest.raises(ExtremeEarthError, match="OddError: ab"):
        list(TWO.map(raise_odd, [1], label="x", retries=0))


def test_the_place_in_the_worker_is_kept() -> None:
    with pytest.raises(StorageError) as failed:
        list(TWO.map(raise_full, [1], label="x", retries=0))
    cause = failed.value.__cause__
    assert cause is not None
    assert "raise_full" in "".join(cause.__notes__)
    assert failed.value.hint == "Free some space."


def test_too_little_memory_is_told() -> None:
    with pytest.raises(UnavailableError, match="MemoryError"):
        list(TWO.map(raise_memory, [1], label="x", retries=0))


def test_results_that_cannot_travel_are_told() -> None:
    with pytest.raises(ExtremeEarthError, match="lock"):
        list(TWO.map(give_lock, [1], label="x", retries=0))


def test_functions_and_items_that_cannot_travel_are_refused() -> None:
    with pytest.raises(InputError, match="lambda"):
        TWO.map(lambda item: item, [1], label="x")
    with pytest.raises(InputError, match="Item 0"):
        list(TWO.map(abs, [threading.Lock()], label="x"))  # type: ignore[list-item]  # the point of the test


def test_an_engine_needs_a_worker() -> None:
    with pytest.raises(InputError):
        LocalEngine(workers=0)


def own_pid(_item: int) -> int:
    time.sleep(0.05)  # so that both workers have something to do
    return os.getpid()


def own_square(item: int) -> tuple[int, int]:
    return os.getpid(), item * item


def test_workers_stay_for_the_next_work() -> None:
    with LocalEngine(workers=2) as engine:
        first = set(engine.map(own_pid, range(8), label="x"))
        again = list(engine.map(own_square, range(8), label="x"))
    assert len(first) == 2
    assert {pid for pid, _ in again} <= first
    assert [square for _, square in again] == [item * item for item in range(8)]


def test_workers_end_with_their_engine() -> None:
    engine = LocalEngine(workers=2)
    closed = set(engine.map(own_pid, range(4), label="x"))
    assert all(map(alive, closed))
    engine.close()
    assert not any(map(alive, closed))
    later = set(engine.map(own_pid, range(4), label="x"))
    assert not any(map(alive, later))

    engine = LocalEngine(workers=2)
    forgotten = set(engine.map(own_pid, range(4), label="x"))
    del engine
    assert not any(map(alive, forgotten))


def test_a_worker_that_died_between_two_works_is_replaced() -> None:
    with LocalEngine(workers=2) as engine:
        for pid in set(engine.map(own_pid, range(4), label="x")):
            os.kill(pid, signal.SIGKILL)
        assert list(engine.map(abs, [-1, -2, -3], label="x")) == [1, 2, 3]


def test_several_works_at_once_share_no_worker() -> None:
    with LocalEngine(workers=2) as engine:
        list(engine.map(abs, [1, 2], label="x"))
        outer = engine.map(own_square, range(4), label="x")
        inner = engine.map(own_square, range(10, 14), label="x")
        pairs = list(zip(outer, inner, strict=True))
    assert [(one[1], other[1]) for one, other in pairs] == [
        (i * i, (10 + i) ** 2) for i in range(4)
    ]
    assert {one[0] for one, _ in pairs}.isdisjoint(other[0] for _, other in pairs)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_forked_copy_of_the_process_leaves_the_workers_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.stdout, done.returncode) == ("[1, 2]\n[3, 4]\n", 0), done.stderr


FORKED = """
import os
import sys
from extremeearth.infrastructure.engine import LocalEngine

engine = LocalEngine(workers=2)
print(list(engine.map(abs, [-1, -2], label="x")), flush=True)
pids = {worker.process.pid for worker in engine._idle._workers}
if not (copy := os.fork()):
    engine.close()
    del engine
    os._exit(0)
assert os.waitpid(copy, 0)[1] == 0
print(list(engine.map(abs, [-3, -4], label="x")), flush=True)
assert {worker.process.pid for worker in engine._idle._workers} == pids
"""

SCRIPT = """
from extremeearth.core.boxes import as_crs
from extremeearth.infrastructure.engine import LocalEngine

if __name__ == "__main__":
    print([crs.epsg for crs in LocalEngine(workers=2).map(as_crs, ["EPSG:4326"], label="read")])
"""


def test_a_script_that_workers_cannot_import_is_told_what_it_lacks(tmp_path: Path) -> None:
    unguarded = SCRIPT.replace('if __name__ == "__main__":', "if True:")
    (tmp_path / "run.py").write_text(unguarded)
    done = subprocess.run(
        [sys.executable, tmp_path / "run.py"], capture_output=True, text=True, timeout=120, check=False
    )  # fmt: skip
    assert done.returncode == 1
    assert "exit code 1" in done.stderr
    assert "if __name__ == '__main__':" in done.stderr.rpartition("exit code 1")[2]


def test_modules_in_the_current_folder_are_not_taken_for_ours(tmp_path: Path) -> None:
    """A script elsewhere has its own folder on its path, not the current one; neither have its workers."""
    for name in ("scripts", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "scripts" / "run.py").write_text(SCRIPT)
    (tmp_path / "data" / "numpy.py").write_text("raise RuntimeError('not the numpy that is meant')")
    done = subprocess.run(
        [sys.executable, tmp_path / "scripts" / "run.py"],
        cwd=tmp_path / "data", capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("[4326]\n", 0), done.stderr
