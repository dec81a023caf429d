"""Runs the HTTP application on a port of this machine."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from extremeearth.core.errors import PortInUseError, UnavailableError

__all__ = ["free_port", "serve"]


def free_port(host: str = "127.0.0.1") -> int:
    """Find a port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def serve(app: FastAPI, *, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until the process is told to stop.

    Parameters
    ----------
    ready
        Called with the address once the port is ours.

    Raises
    ------
    PortInUseError
        Another program listens there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as err:
        listener.close()
        if err.errno == errno.EADDRINUSE:
            raise PortInUseError(
                f"Port {port} of {host} is in use.",
                hint="Stop the other program, or name another port with --port.",
            ) from err
        raise UnavailableError(
            f"Cannot listen on {host}:{port}: {err.strerror}.",
            hint="Name another --host or --port.",
        ) from err
    with listener:
        shown = f"[{host}]" if ":" in host else host
        ready(f"http://{shown}:{listener.getsockname()[1]}/")
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, timeout_graceful_shutdown=5
        )
        uvicorn.Server(config).run(sockets=[listener])
