"""A job on a platform, seen from here."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from extremeearth.client.connection import Connection, error_of
from extremeearth.core.errors import CancelledError, TimeoutExceededError
from extremeearth.core.progress import SILENT, Progress, Task
from extremeearth.core.times import as_instant

__all__ = ["LogEntry", "RemoteJob"]

ENDED = frozenset({"successful", "failed", "dismissed"})
FIRST_WAIT_S, LONGEST_WAIT_S = 0.1, 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One line of a job's log."""

    number: int
    time: datetime
    text: str


class RemoteJob:
    """One run of a process; made by `Client.execute` or `Client.job`.

    Attributes
    ----------
    info
        The status document of OGC API - Processes, as it was last seen.
    """

    def __init__(self, connection: Connection, info: dict[str, Any]) -> None:
        self._connection = connection
        self.info = info

    def __repr__(self) -> str:
        return f"RemoteJob({self.id!r}, {self.process_id!r}, {self.status!r}, {self.progress} %)"

    @property
    def id(self) -> str:
        """Its number."""
        return str(self.info["jobID"])

    @property
    def process_id(self) -> str:
        """What it runs."""
        return str(self.info.get("processID", ""))

    @property
    def status(self) -> str:
        """Where it stands: accepted, running, successful, failed or dismissed."""
        return str(self.info["status"])

    @property
    def progress(self) -> int:
        """How much is done, 0 to 100 percent."""
        return int(self.info.get("progress", 0))

    @property
    def message(self) -> str:
        """What it does now, or how it ended."""
        return str(self.info.get("message", ""))

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in ENDED

    def refresh(self) -> RemoteJob:
        """Ask for its status."""
        self.info = self._connection.send("GET", f"jobs/{self.id}").json()
        return self

    def wait(self, *, progress: Progress = SILENT, timeout_s: float | None = None) -> RemoteJob:
        """Wait until it is successful.

        Raises
        ------
        ExtremeEarthError
            It failed: the error that ended it.
        CancelledError
            It was dismissed, or the token of `progress` says to stop waiting; the job then goes on.
        TimeoutExceededError
            It did not end in `timeout_s` seconds; it goes on.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        wait_s, done = FIRST_WAIT_S, 0
        with Task(progress, self.process_id or self.id, total=100) as task:
            while not self.refresh().ended:
                task.advance(max(0, self.progress - done))
                done = max(done, self.progress)
                if deadline is not None and time.monotonic() >= deadline:
                    raise TimeoutExceededError(
                        f"The job {self.id} did not end in {timeout_s:g} s.",
                        hint="It goes on; wait longer, or dismiss it.",
                    )
                time.sleep(wait_s)
                wait_s = min(wait_s * 1.5, LONGEST_WAIT_S)
            self._must_be_successful()
            task.advance(100 - done)
        return self

    def logs(self, *, after: int = 0) -> list[LogEntry]:
        """Give the lines of its log with a number above `after`."""
        found: list[LogEntry] = []
        while True:
            answer = self._connection.send("GET", f"jobs/{self.id}/logs", params={"after": after})
            lines = answer.json()["logs"]
            if not lines:
                return found
            found += [
                LogEntry(number=line["number"], time=as_instant(line["time"]), text=line["text"])
                for line in lines
            ]
            after = found[-1].number

    def results(self) -> dict[str, Any]:
        """Give the results by output name; ``items`` is a STAC item collection.

        Raises
        ------
        NotFoundError
            It has not ended yet, or was dismissed.
        ExtremeEarthError
            It failed: the error that ended it.
        """
        document = self._connection.send("GET", f"jobs/{self.id}/results").json()
        return {name: _bare(value) for name, value in document.items()}

    def items(self) -> list[dict[str, Any]]:
        """Give the STAC items that came out; raises as :meth:`results` does."""
        features: list[dict[str, Any]] = self.results()["items"]["features"]
        return features

    def dismiss(self) -> RemoteJob:
        """Stop it if it waits or runs; remove it if it has ended."""
        self.info = self._connection.send("DELETE", f"jobs/{self.id}").json()
        return self

    def _must_be_successful(self) -> None:
        if self.status == "failed":
            problem = self.info.get("problem") or self.info.get("exception") or {}
            raise error_of(problem, status=int(problem.get("status", 500)))
        if self.status == "dismissed":
            raise CancelledError(f"The job {self.id} was dismissed.")


def _bare(value: Any) -> Any:
    """Unwrap a qualified value (OGC API - Processes, ``qualifiedValue.yaml``)."""
    return value["value"] if isinstance(value, dict) and "value" in value else value
