"""Workers that are interrupted, or started by several threads at once, and the work after that."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import NoReturn

import pytest

from extremeearth.core.errors import UnavailableError
from extremeearth.infrastructure.engine import LocalEngine


def long_text(item: int) -> str:
    return f"{item}" * 1_000_000


@pytest.mark.skipif(not hasattr(os, "readv"), reason="arrays go another way on this system")
@pytest.mark.parametrize("interruption", [KeyboardInterrupt, MemoryError])
def test_an_answer_that_was_read_in_part_is_not_that_of_the_next_work(
    monkeypatch: pytest.MonkeyPatch, interruption: type[BaseException]
) -> None:
    def interrupted(*_: object) -> NoReturn:
        raise interruption

    with LocalEngine(workers=2) as engine:
        list(engine.map(abs, [1, 2], label="x"))
        with monkeypatch.context() as patched:
            patched.setattr(os, "readv", interrupted)
            expected = KeyboardInterrupt if interruption is KeyboardInterrupt else UnavailableError
            with pytest.raises(expected):
                list(engine.map(long_text, [7], label="x"))
        assert list(engine.map(abs, [-3, -4, -5, -6], label="x")) == [3, 4, 5, 6]


THREADS = """
import os
import sys
import threading
from extremeearth.core.boxes import as_crs
from extremeearth.infrastructure.engine import LocalEngine

def work():
    together.wait()
    for crs in LocalEngine(workers=2).map(as_crs, ["EPSG:4326"] * 2, label="x"):
        found.append(crs.epsg)

if __name__ == "__main__":
    found, together = [], threading.Barrier(4)
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(found, os.environ.get("PYTHONSAFEPATH"))
"""


def test_threads_that_start_workers_at_once_leave_the_environment_as_it_was(tmp_path) -> None:
    (tmp_path / "run.py").write_text(THREADS)
    environment = {name: said for name, said in os.environ.items() if name != "PYTHONSAFEPATH"}
    done = subprocess.run(
        [sys.executable, tmp_path / "run.py"],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == (f"{[4326] * 8} None\n", 0), done.stderr
