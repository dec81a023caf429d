"""Fixtures of the servers that tests share, one of each kind per worker that needs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from tests.servers.kubernetes import KubernetesCluster, running_kubernetes
from tests.servers.postgres import fresh_database, running_postgres
from tests.servers.spark import SparkCluster, given_spark, running_spark
from tests.servers.swift import SwiftServer, running_swift

if TYPE_CHECKING:
    from extremeearth.infrastructure.engine import SparkEngine

GROUPS = {
    "servers": (
        frozenset({"postgres_server", "swift_server"}),
        frozenset({"postgres", "postgresql", "swift", "servers"}),
    ),
    "spark": (frozenset({"spark_cluster", "spark_engine"}), frozenset({"spark"})),
    "kubernetes": (frozenset({"kubernetes"}), frozenset()),
}
"""Tests that use a server run on the same worker, so that each server starts once.

For each group its fixtures, and what a suite over several back ends calls those that are servers."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        given = getattr(getattr(item, "callspec", None), "params", {}).values()
        used = set(getattr(item, "fixturenames", ()))
        for group, (fixtures, parameters) in GROUPS.items():
            if fixtures & used or parameters & {value for value in given if isinstance(value, str)}:
                item.add_marker(pytest.mark.xdist_group(group))
                break


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let tests of no group run with those of their file: what these share is then made by one worker only."""
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadGroupScheduling

    class ByGroupOrFile(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return super()._split_scope(nodeid).partition("::")[0]

    return ByGroupOrFile(config, log)


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


@pytest.fixture(scope="session")
def spark_cluster() -> Iterator[SparkCluster]:
    """A standalone cluster: a master and two workers."""
    with running_spark() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def spark_engine(request: pytest.FixtureRequest) -> Iterator[SparkEngine]:
    """The one engine that this process has on the cluster; small cells, so that joins have several.

    EXTREMEEARTH_TEST_SPARK names another cluster than the one started here, and EXTREMEEARTH_TEST_SPARK_OPTIONS its
    settings: what needs an engine alone then runs there.
    """
    from extremeearth.infrastructure.engine import SparkEngine

    url, options = given_spark() or (None, None)
    if url is None or options is None:
        cluster = request.getfixturevalue("spark_cluster")
        url, options = cluster.url, cluster.options
    with SparkEngine(url, options=options, cell_rows=40) as engine:
        yield engine


@pytest.fixture(scope="module", params=["stand-in", "real"])
def kubernetes(request: pytest.FixtureRequest) -> Iterator[KubernetesCluster]:
    """Kubernetes: a stand-in for its API server, or the real one; a small kubelet runs the pods as processes."""
    with running_kubernetes(request.param) as cluster:
        yield cluster
