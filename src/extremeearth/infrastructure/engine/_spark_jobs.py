"""Jobs of Spark that can be stopped: each is tagged, watched, and interrupted by its tag."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, TypeVar

from extremeearth.core.progress import CancelToken
from extremeearth.infrastructure.engine._spark_session import GAVE_UP, is_connect

if TYPE_CHECKING:
    from extremeearth.infrastructure.engine._spark_workers import Patience

Answer = TypeVar("Answer")
POLL_S = 0.1
_HINTS = {
    "SparkContext was shut down": GAVE_UP,
    "stopped SparkContext": GAVE_UP,
    "Answer from Java side is empty": GAVE_UP,
    "PYTHON_VERSION_MISMATCH": "Give the workers the minor version of Python from here: PYSPARK_PYTHON, or the image.",
    "ModuleNotFoundError": "Install on the workers what this process has, where PYSPARK_PYTHON points.",
    "Cannot run program": "PYSPARK_PYTHON names no Python on the workers.",
    "maxResultSize": "Ask for less, or raise spark.driver.maxResultSize.",
}
_WITHOUT_CAUSE = re.compile(r"An error occurred while calling \w+\.\w+\.?\s*")
"""All that Py4J says where there is no Java any more that could name a cause."""
SIDE_BY_SIDE = 2
"""Jobs under way at once: while one ends with its slowest task, the next fills the cluster."""


class Jobs:
    """Runs jobs of one session in threads; leaving the block interrupts what still runs."""

    def __init__(self, session: Any) -> None:
        self._session, self._tag = session, f"extremeearth-{uuid.uuid4().hex}"
        self._connect = is_connect(session)
        self._pool = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="extremeearth-spark")
        self._futures: list[Future[Any]] = []

    def __enter__(self) -> Jobs:
        return self

    def __exit__(self, *_error: object) -> None:
        self._futures = [future for future in self._futures if not future.cancel()]
        while wait(self._futures, POLL_S if self._running() else 0).not_done:
            self._interrupt()  # again: a job may just have been about to start
        self._pool.shutdown()

    def start(self, job: Callable[[], Answer]) -> Future[Answer]:
        """Let a job begin."""
        self._futures = [future for future in self._futures if not future.done()]
        future = self._pool.submit(self._tagged, job)
        self._futures.append(future)
        return future

    def _running(self) -> Sequence[Future[Any]]:
        return [future for future in self._futures if not future.done()]

    def _tagged(self, job: Callable[[], Answer]) -> Answer:
        # a classic session's own tags do not reach the thread in which Java fetches Arrow results
        owner = self._session if self._connect else self._session.sparkContext
        (owner.addTag if self._connect else owner.addJobTag)(self._tag)
        try:
            return job()
        finally:
            (owner.removeTag if self._connect else owner.removeJobTag)(self._tag)

    def _interrupt(self) -> None:
        with contextlib.suppress(Exception):  # where Spark has given up, its jobs end of themselves
            if self._connect:
                self._session.interruptTag(self._tag)
            else:
                self._session.sparkContext.cancelJobsWithTag(self._tag)


def watched(future: Future[Answer], token: CancelToken, patience: Patience) -> Answer:
    """Wait for a job; raise `CancelledError` soon after the token was cancelled."""
    while not wait([future], POLL_S).done:
        token.check()
        patience.check()
    token.check()
    return future.result()


def run_job(
    session: Any, job: Callable[[], Answer], token: CancelToken, patience: Patience
) -> Answer:
    """Run one job that the token can stop."""
    with Jobs(session) as jobs:
        return watched(jobs.start(job), token, patience)


def said(error: BaseException) -> str:
    """Give the line of a Spark error that says most: Python's last one where Python failed."""
    if _WITHOUT_CAUSE.fullmatch(str(error)):
        return "its Java process has ended"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    own = [line for line in lines if "Error: " in line and not line.startswith(("at ", "File "))]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    if lines and _WITHOUT_CAUSE.fullmatch(lines[0]):  # Java's own words follow
        lines = lines[1:]
    found = (own or causes[-1:] or lines or [type(error).__name__])[0]
    return found.removeprefix(": ")[:300]


def hint_for(error: BaseException, otherwise: str) -> str:
    """Say what can be done about a Spark error.

    Examples
    --------
    >>> hint_for(RuntimeError("[PYTHON_VERSION_MISMATCH] Python in worker has ..."), "Try again.")
    'Give the workers the minor version of Python from here: PYSPARK_PYTHON, or the image.'
    """
    text = str(error)
    if _WITHOUT_CAUSE.fullmatch(text):
        return GAVE_UP
    for sign, hint in _HINTS.items():
        if sign in text:
            return hint
    return otherwise
