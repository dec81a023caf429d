"""Listening on a port."""

from __future__ import annotations

import socket

import pytest
from fastapi import FastAPI

from extremeearth.app.server import free_port, serve
from extremeearth.core.errors import PortInUseError, UnavailableError


def test_a_port_in_use_is_a_clear_error() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"Port {port} of 127.0.0.1 is in use"):
            serve(FastAPI(), host="127.0.0.1", port=port, ready=lambda _: None)


def test_an_address_that_is_not_ours_is_a_clear_error() -> None:
    with pytest.raises(UnavailableError, match="Cannot listen on"):
        serve(FastAPI(), host="192.0.2.1", port=free_port(), ready=lambda _: None)
