"""Makes the databases of the R2RML test cases."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

_MANIFEST_CASE = re.compile(r"<#(R2RMLTC\w+)> a .*?rdb2rdftest:database <#(d\d+)>", re.DOTALL)


@pytest.fixture(scope="session")
def scripts(suites_folder: Path) -> dict[str, str]:
    """Name of the database of each case."""
    manifest = (suites_folder / "r2rml" / "manifest.ttl").read_text()
    return dict(_MANIFEST_CASE.findall(manifest))


@pytest.fixture
def sqlite_database(suites_folder: Path, tmp_path: Path) -> Callable[[str], str]:
    """Make a database of SQLite from its script; give its URL."""

    def make(name: str) -> str:
        script = (suites_folder / "r2rml" / "databases" / f"{name}.sql").read_text()
        file = tmp_path / f"{name}.sqlite"
        connection = sqlite3.connect(file)
        connection.executescript(re.sub(r"(?i)( cascade);", ";", script))
        connection.close()
        return f"sqlite:///{file}"

    return make


@pytest.fixture(scope="session")
def postgresql_database(suites_folder: Path, postgres_server: str) -> Callable[[str], str]:
    """Make a database of PostgreSQL from its script, once for all of its cases; give its URL."""
    import psycopg

    made: dict[str, str] = {}

    def make(name: str) -> str:
        if name not in made:
            folder = suites_folder / "r2rml" / "databases"
            own = folder / f"{name}-postgresql.sql"
            script = (own if own.exists() else folder / f"{name}.sql").read_text()
            address = postgres_server.replace("postgresql+psycopg://", "postgresql://")
            with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
                connection.execute(f"DROP DATABASE IF EXISTS r2rml_{name}")
                connection.execute(f"CREATE DATABASE r2rml_{name}")
            with psycopg.connect(f"{address}/r2rml_{name}") as connection:
                connection.execute(script)
            made[name] = f"{postgres_server}/r2rml_{name}"
        return made[name]

    return make
