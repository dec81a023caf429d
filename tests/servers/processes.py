"""Start real server programs on loopback, and end them for sure."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

READY_S = 120.0
STOP_S = 10.0


def free_port() -> int:
    """A TCP port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Servers:
    """Programs that belong together: started in a private folder, stopped in reverse order."""

    def __init__(self, *, name: str, user: str | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"extremeearth-{name}-"))
        self.user = user
        if user is not None:
            account = pwd.getpwnam(user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self._running: list[subprocess.Popen[bytes]] = []
        self._started = 0

    def run(self, command: Sequence[str | Path]) -> None:
        """Run a program to its end; a failure shows what it wrote."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            capture_output=True,
            timeout=READY_S,
            check=False,
            **self._as_user(),
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed: {done.stdout!r} {done.stderr!r}")

    def start(
        self, command: Sequence[str | Path], *, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start a program that stays, with this environment instead of ours."""
        self._started += 1
        log = (self.folder / f"{Path(command[0]).name}-{self._started:03d}.log").open("wb")
        with log:
            self._running.append(
                subprocess.Popen(
                    command,
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=environment,
                    **self._as_user(),
                )
            )

    def take_last(self) -> subprocess.Popen[bytes]:
        """Give up the program started last: who takes it ends it."""
        return self._running.pop()

    def wait_until(self, ready: Callable[[], bool], *, what: str) -> None:
        """Wait until `ready` says so; give up when a program ended or the time is over."""
        until = time.monotonic() + READY_S
        while not _answers(ready):
            dead = [p for p in self._running if p.poll() is not None]
            if dead or time.monotonic() > until:
                raise RuntimeError(f"{what} did not start:\n{self._logs()}")
            time.sleep(0.1)

    def stop(self) -> None:
        """End everything and remove the folder."""
        for process in reversed(self._running):
            process.terminate()
        for process in reversed(self._running):
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _as_user(self) -> dict[str, object]:
        if self.user is None:
            return {}
        return {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []}

    def _logs(self) -> str:
        return "\n".join(
            f"{log.name}: {log.read_text(errors='replace')[-2000:]}"
            for log in sorted(self.folder.glob("*.log"))
        )


def _answers(ready: Callable[[], bool]) -> bool:
    try:
        return ready()
    except Exception:  # not there yet, in one of many ways; the time limit ends it
        return False


@contextlib.contextmanager
def servers(name: str, *, user: str | None = None) -> Iterator[Servers]:
    """Servers that end with the block."""
    group = Servers(name=name, user=user)
    try:
        yield group
    finally:
        group.stop()


def find_program(name: str, *folders: Path) -> Path | None:
    """Look a program up in the given folders and on PATH."""
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    found = shutil.which(name)
    return Path(found) if found else None
