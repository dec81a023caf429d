"""A throw-away PostgreSQL."""

from __future__ import annotations

import os
import pwd
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.servers.processes import find_program, free_port, servers

VARIABLE = "EXTREMEEARTH_TEST_POSTGRES"


def _programs() -> tuple[Path, Path]:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = find_program("initdb", *versions), find_program("postgres", *versions)
    if found[0] is None or found[1] is None:
        pytest.skip(
            "PostgreSQL is not installed: no initdb on PATH or in /usr/lib/postgresql/*/bin"
        )
    return found[0], found[1]


def _user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        pytest.skip("PostgreSQL refuses to run as root, and there is no user 'postgres'")


@contextmanager
def running_postgres() -> Iterator[str]:
    """SQLAlchemy URL of a server, without the name of a database."""
    pytest.importorskip(
        "psycopg", reason="psycopg is not installed: pip install 'extremeearth[postgres]'"
    )
    if given := os.environ.get(VARIABLE):
        yield given.rstrip("/")
        return
    initdb, postgres = _programs()
    port = free_port()
    with servers("postgres", user=_user()) as group:
        data = group.folder / "data"
        group.run([initdb, "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync"])
        group.start([
            postgres, "-D", data, "-p", str(port), "-k", group.folder, "-c", "listen_addresses=127.0.0.1",
            "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off",
        ])  # fmt: skip
        url = f"postgresql+psycopg://postgres@127.0.0.1:{port}"
        group.wait_until(lambda: _run(url, "SELECT 1"), what="PostgreSQL")
        yield url


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """URL of an empty database that goes away again."""
    name = f"ee_{uuid.uuid4().hex[:12]}"
    _run(server, f'CREATE DATABASE "{name}"')
    try:
        yield f"{server}/{name}"
    finally:
        _run(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def _run(server: str, statement: str) -> bool:
    import psycopg

    address = server.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
        connection.execute(statement)
    return True
