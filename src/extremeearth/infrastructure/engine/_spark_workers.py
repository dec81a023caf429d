"""Whether a cluster has workers at all: without them Spark would wait for ever, and say so in its log alone."""

from __future__ import annotations

import time
from typing import Any

from extremeearth.core.errors import UnavailableError
from extremeearth.infrastructure.engine._spark_session import GAVE_UP, is_connect

LOOK_S = 1.0
"""How often the workers are counted; each time asks Java once."""


class Patience:
    """Gives work up when the cluster had no worker for too long.

    A Connect server does not tell its workers; there nothing is given up.

    Parameters
    ----------
    session
        Of Spark.
    url
        The cluster, for the message.
    seconds
        How long to wait.
    """

    def __init__(self, session: Any, url: str, seconds: float) -> None:
        self._session, self._url, self._seconds = session, url, seconds
        self._counted = not is_connect(session) and not url.startswith("local[")
        self._alone_since: float | None = None
        self._looked = 0.0

    def check(self) -> None:
        """Raise `UnavailableError` where no worker came for so long; to be called again and again while work waits."""
        now = time.monotonic()
        if not self._counted or now - self._looked < LOOK_S:
            return
        if now - self._looked > 10 * LOOK_S:  # nobody waited in between
            self._alone_since = None
        self._looked = now
        if self._workers():
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = now
        elif now - self._alone_since >= self._seconds:
            raise UnavailableError(
                f"Spark at {self._url} had no worker for {now - self._alone_since:.0f} seconds.",
                hint=self._hint(),
            )

    def _workers(self) -> int:
        try:
            # the driver counts as one
            return int(self._session.sparkContext._jsc.sc().getExecutorMemoryStatus().size()) - 1
        except Exception as err:  # whatever a context that is no more says
            raise UnavailableError(f"Spark at {self._url} gave up.", hint=GAVE_UP) from err

    def _hint(self) -> str:
        context = self._session.sparkContext
        if not self._url.startswith("k8s://"):
            return "Another application may have all cores; or ask for less with spark.executor.memory and .cores."
        space = context.getConf().get("spark.kubernetes.namespace", "default")
        return (
            f"See what keeps its pods: kubectl --namespace {space} describe pods --selector "
            f"spark-app-selector={context.applicationId}. Often the image's name is wrong, the nodes have too little "
            "memory, or the account may not start pods. EXTREMEEARTH_ENGINE_WAIT_S says how long to wait."
        )
