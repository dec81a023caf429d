"""Python SDK for a platform elsewhere: processes, jobs, search, downloads, SPARQL, inference."""

from __future__ import annotations

from extremeearth.client.client import Client
from extremeearth.client.remote_job import LogEntry, RemoteJob

__all__ = ["Client", "LogEntry", "RemoteJob"]
