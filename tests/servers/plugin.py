"""Fixtures of the servers that tests share, one of each kind per worker that needs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.servers.postgres import fresh_database, running_postgres
from tests.servers.swift import SwiftServer, running_swift

GROUPS = {"postgres_server": "postgres", "swift_server": "swift"}
"""Tests that use the fixture run on the same worker, so that the server starts once."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        for fixture, group in GROUPS.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a running PostgreSQL; that of EXTREMEEARTH_TEST_POSTGRES, or one started here."""
    with running_postgres() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """SQLAlchemy URL of an empty PostgreSQL database, dropped after the test."""
    with fresh_database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def swift_server() -> Iterator[SwiftServer]:
    """A running OpenStack Swift with s3api."""
    with running_swift() as server:
        yield server


@pytest.fixture
def swift_store(swift_server: SwiftServer) -> tuple[str, dict[str, str]]:
    """URL of a new, empty bucket in Swift, and the settings that open it."""
    return f"s3://{swift_server.make_bucket()}", {
        "s3_endpoint": swift_server.endpoint,
        "s3_region": swift_server.region,
        "s3_access_key": swift_server.access_key,
        "s3_secret_key": swift_server.secret_key,
    }
