"""All settings of the platform, read from ``EXTREMEEARTH_*`` variables and a ``.env`` file."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["HOME_DATABASE", "Settings"]

HOME_DATABASE = "extremeearth.sqlite"
"""File in the home of an embedded platform."""


def _default_home() -> Path:
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "extremeearth"


def _default_workers() -> int:
    return max(
        1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )


class Settings(BaseSettings):
    """Settings with safe defaults: one process, one folder, loopback only.

    Every field can be set by an environment variable of its upper-case name with the prefix
    ``EXTREMEEARTH_``; a URL changes the back end, never the code.

    Examples
    --------
    >>> settings = Settings(home="/tmp/ee")
    >>> settings.database_url
    'sqlite:////tmp/ee/extremeearth.sqlite'
    >>> settings.objects_url
    'file:///tmp/ee/objects'
    """

    model_config = SettingsConfigDict(
        env_prefix="EXTREMEEARTH_",
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
    )

    home: Path = Field(
        default_factory=_default_home,
        description="Folder that holds the database, the objects and the graphs of an embedded platform.",
    )
    database: str | None = Field(
        default=None,
        description="SQLAlchemy URL of the database; without it, a SQLite file in `home`. PostgreSQL: "
        "`postgresql+psycopg://user@host/name`.",
    )
    objects: str | None = Field(
        default=None,
        description="URL of the object store: `file:///folder`, `s3://bucket/prefix` or `memory:///`; "
        "without it, a folder in `home`.",
    )
    s3_endpoint: str | None = Field(
        default=None,
        description="Endpoint of an S3-compatible store, e.g. OpenStack Swift's s3api.",
    )
    s3_region: str = Field(default="us-east-1", description="Region of the S3 store.")
    s3_access_key: str | None = Field(
        default=None, description="Access key of the S3 store.", repr=False
    )
    s3_secret_key: str | None = Field(
        default=None, description="Secret key of the S3 store.", repr=False
    )
    data: Path | None = Field(
        default=None,
        description="Folder with the example data for demos; without it, `../shared/data` if it exists.",
    )
    host: str = Field(
        default="127.0.0.1", description="Address that `extremeearth serve` listens on."
    )
    port: int = Field(
        default=8000, ge=0, le=65535, description="Port that `extremeearth serve` listens on."
    )
    trusted_hosts: tuple[str, ...] = Field(
        default=("127.0.0.1", "localhost", "[::1]", "testserver"),
        description="Names under which the server answers (guards against DNS rebinding).",
    )
    cors_origins: tuple[str, ...] = Field(
        default=(),
        description='Origins (`["https://name"]`) whose pages may ask this server from a browser; none by default. '
        "Cookies are never allowed; a page that writes sends an API key.",
    )
    allow_hosts: tuple[str, ...] = Field(
        default=(),
        description="Hosts (`name` or `name:port`) that outgoing requests may reach although they are "
        "private, loopback or plain http.",
    )
    workers: int = Field(
        default_factory=_default_workers,
        ge=1,
        description="Processes that work side by side on this machine.",
    )
    engine: str = Field(
        default="local",
        description="Where big work runs: `local` (processes of this machine), `spark://host:port`, "
        "`k8s://https://host:port`, `sc://host:port` (Spark Connect) or `local[n]` (Spark in one process).",
    )
    engine_options: dict[str, str] = Field(
        default_factory=dict,
        description='Settings of Spark by name, as JSON: `{"spark.executor.memory": "8g"}`.',
    )
    engine_ships_code: bool = Field(
        default=True,
        description="Whether this package is sent to the workers of Spark; off where their image has it.",
    )
    engine_wait_s: float = Field(
        default=600.0,
        gt=0,
        description="Longest time that work waits while a cluster has no worker, in seconds.",
    )
    engine_shares_files: bool = Field(
        default=False,
        description="Whether the workers of a Spark cluster find this machine's files under the same names, and it "
        "theirs: then each reads its part of a source and writes its own lines.",
    )
    request_limit_bytes: int = Field(
        default=32 * 1024**2, ge=1024, description="Largest request body that is read, in bytes."
    )
    query_timeout_s: float = Field(
        default=60.0, gt=0, description="Longest time one SPARQL query may run, in seconds."
    )
    query_row_limit: int = Field(
        default=1_000_000, ge=1, description="Most rows that one SPARQL query may return."
    )
    query_memory_bytes: int = Field(
        default=4 * 1024**3,
        ge=1024**2,
        description="Largest table that one step of a SPARQL query may make, in bytes.",
    )
    graph_fetch: bool = Field(
        default=False,
        description="Whether SERVICE in queries and LOAD in updates of the graph store may contact public servers, "
        "and those of `allow_hosts`.",
    )
    graph_compact_files: int = Field(
        default=500,
        ge=0,
        description="Files of small changes that a graph store may have before the next change folds them together; "
        "0 for any number.",
    )
    graph_read_key: bool = Field(
        default=False,
        description="Whether asking the graph store needs a key with the scope `graph:read`; writing always needs "
        "`graph:write`.",
    )

    endpoints: dict[str, str] = Field(
        default_factory=dict,
        description="SPARQL endpoints that `/federation/sparql` joins with the own store, by name, as JSON: "
        '`{"taxonomy": "https://example.org/sparql"}`.',
    )

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL in force."""
        return self.database or f"sqlite:///{self.home.absolute()}/{HOME_DATABASE}"

    @property
    def objects_url(self) -> str:
        """URL of the object store in force."""
        return self.objects or (self.home.absolute() / "objects").as_uri()
