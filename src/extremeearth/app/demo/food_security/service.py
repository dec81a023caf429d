"""Event 6's server: ``extremeearth serve`` and the second graph, as processes on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from extremeearth.app.platform import environment_of
from extremeearth.app.server import free_port
from extremeearth.core.errors import PortInUseError, UnavailableError
from extremeearth.core.settings import Settings

__all__ = ["RunningServers", "running_servers", "started", "wait_until_it_answers"]

START_LIMIT_S = 90.0
STOP_LIMIT_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServers:
    """Addresses of the platform and of the endpoint beside it."""

    platform: str
    reference: str
    process: subprocess.Popen[bytes]


@contextmanager
def running_servers(
    settings: Settings, *, reference_graph: Path, logs: Path, port: int | None = None
) -> Iterator[RunningServers]:
    """Start both servers, wait until they answer, and stop them at the end.

    Parameters
    ----------
    settings
        Settings of the platform; its port is replaced by `port` or a free one.
    reference_graph
        Folder of the graph that is served beside the platform.
    logs
        Folder for what the servers write.

    Raises
    ------
    UnavailableError
        A server did not answer in time; its log is named.
    """
    logs.mkdir(parents=True, exist_ok=True)
    reference_port = free_port()
    reference = f"http://127.0.0.1:{reference_port}"
    main = settings.model_copy(
        update={
            "port": port or free_port(),
            "endpoints": settings.endpoints | {"reference": f"{reference}/sparql"},
        }
    )
    address = f"http://127.0.0.1:{main.port}"
    with ExitStack() as stack:
        beside = ["graph", "serve", str(reference_graph), "--port", str(reference_port)]
        second = stack.enter_context(
            started(beside, environment_of(settings), logs / "reference.log")
        )
        first = stack.enter_context(started(["serve"], environment_of(main), logs / "server.log"))
        wait_until_it_answers(first, f"{address}/health/ready", logs / "server.log")
        wait_until_it_answers(second, f"{reference}/sparql", logs / "reference.log")
        yield RunningServers(platform=address, reference=f"{reference}/sparql", process=first)


@contextmanager
def started(
    arguments: Sequence[str], environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run this program in a process of its own, and stop it at the end.

    Parameters
    ----------
    arguments
        Words of the command line after ``extremeearth``.
    environment
        Variables that it gets besides those of this process.
    log
        File for what it writes.
    """
    with log.open("wb") as stream:
        process = subprocess.Popen(  # noqa: S603 - our own program, no shell
            [sys.executable, "-m", "extremeearth", *arguments],
            env=os.environ | dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,  # Ctrl-C reaches the demo alone, which then stops its servers
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_it_answers(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Wait until a server answers at `url`.

    Raises
    ------
    PortInUseError
        Another program listens on its port.
    UnavailableError
        It ended, or did not answer in time; the error names its log.
    """
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said = log.read_text(errors="replace").strip()
            if "is in use" in said:
                raise PortInUseError(
                    said.splitlines()[0].removeprefix("Error: "),
                    hint="Name another port with --port.",
                )
            raise UnavailableError(f"A server stopped at once; its log is {log}.", hint=said[-500:])
        try:
            if httpx.get(url, timeout=5).status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise UnavailableError(
        f"The server did not answer within {START_LIMIT_S:.0f} s.", hint=f"Its log is {log}."
    )
