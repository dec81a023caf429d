"""The client: everything that a platform offers over HTTP, as Python calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
from numpy.typing import NDArray

from extremeearth.client.connection import Connection
from extremeearth.client.downloads import download
from extremeearth.client.inference import read_tensors, write_tensors
from extremeearth.client.remote_job import RemoteJob
from extremeearth.core.boxes import BoxLike, as_box
from extremeearth.core.errors import RemoteError
from extremeearth.core.progress import SILENT, Progress
from extremeearth.core.reference_systems import LONLAT
from extremeearth.core.times import TimeRangeLike, as_time_range

__all__ = ["Client"]

SPARQL_RESULTS = "application/sparql-results+json"
N_TRIPLES = "application/n-triples"


class Client:
    """A platform elsewhere.

    Errors are those of the platform itself: a wrong key is a `KeyInvalidError` here as there.

    Parameters
    ----------
    url
        Root of the platform, e.g. ``http://127.0.0.1:8000``.
    key
        API key, ``prefix.secret``; without one only what is public can be had.
    timeout_s
        Longest wait for one answer, in seconds.
    transport
        How requests are sent; for tests.

    Examples
    --------
    Run a processor and fetch its map::

        with Client("http://127.0.0.1:8000", key) as platform:
            inputs = {"bbox": [11.6, 48.3, 11.8, 48.5], "datetime": "2018-03-01/2018-09-30"}
            job = platform.execute("crop-type", inputs).wait()
            item = job.results()["items"]["features"][0]
            platform.download(item["assets"]["map"]["href"], "crops.tif")

    >>> Client("http://127.0.0.1:8000/")
    Client('http://127.0.0.1:8000')
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout_s: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._connection = Connection(url, key=key, timeout_s=timeout_s, transport=transport)

    def __repr__(self) -> str:
        return f"Client({str(self._connection.root).rstrip('/')!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._connection.close()

    def processes(self) -> list[dict[str, Any]]:
        """List what can be run (OGC API - Processes, ``processSummary``)."""
        found: list[dict[str, Any]] = []
        href: str | None = "processes"
        while href is not None:
            page = self._connection.send("GET", href).json()
            found += page["processes"]
            href = next((e["href"] for e in page["links"] if e["rel"] == "next"), None)
        return found

    def process(self, process_id: str) -> dict[str, Any]:
        """Describe a process: its inputs and outputs with their JSON Schemas.

        Raises
        ------
        NotFoundError
            There is no such process.
        """
        return _document(self._connection.send("GET", f"processes/{_segment(process_id)}"))

    def execute(self, process_id: str, inputs: Mapping[str, Any]) -> RemoteJob:
        """Run a process as a job.

        Raises
        ------
        InputError
            An input is wrong; the message names the place.
        ScopeError
            The key lacks ``job:run``.
        """
        answer = self._connection.send(
            "POST", f"processes/{_segment(process_id)}/execution", json={"inputs": dict(inputs)},
            headers={"Prefer": "respond-async"},
        )  # fmt: skip
        return RemoteJob(self._connection, _document(answer))

    def job(self, job_id: str) -> RemoteJob:
        """Give a job that was started before.

        Raises
        ------
        NotFoundError
            There is no such job in the key's project.
        """
        return RemoteJob(
            self._connection, _document(self._connection.send("GET", f"jobs/{_segment(job_id)}"))
        )

    def jobs(self, *, limit: int = 10) -> list[RemoteJob]:
        """List the newest jobs of the key's project."""
        page = self._connection.send("GET", "jobs", params={"limit": limit}).json()
        return [RemoteJob(self._connection, info) for info in page["jobs"]]

    def search(
        self,
        *,
        collections: Sequence[str] = (),
        ids: Sequence[str] = (),
        box: BoxLike | None = None,
        time: TimeRangeLike | None = None,
        filter: str | Mapping[str, Any] | None = None,
        page_size: int = 100,
    ) -> Iterator[dict[str, Any]]:
        """Find items in the catalogue; pages are fetched while the answer is read.

        Parameters
        ----------
        box
            Any box; it is brought to longitude and latitude.
        filter
            CQL2, as text or JSON.

        Yields
        ------
        dict
            STAC items.

        Raises
        ------
        RemoteError
            The catalogue's pages never end.
        """
        body: dict[str, Any] = {"limit": page_size}
        if collections:
            body["collections"] = [*collections]
        if ids:
            body["ids"] = [*ids]
        if box is not None:
            body["bbox"] = [*as_box(box).to_crs(LONLAT).bounds]
        if time is not None:
            body["datetime"] = str(as_time_range(time))
        if filter is not None:
            body |= {
                "filter": filter,
                "filter-lang": "cql2-text" if isinstance(filter, str) else "cql2-json",
            }
        return self._pages(body)

    def _pages(self, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        method, href, content = "POST", "stac/search", body
        seen: set[str] = set()
        while True:
            sent = content if method == "POST" else None
            page = _document(self._connection.send(method, href, json=sent))
            yield from page["features"]
            following = next((e for e in page.get("links", []) if e["rel"] == "next"), None)
            if following is None:
                return
            method, href = str(following.get("method", "GET")).upper(), str(following["href"])
            extra = following.get("body") or {}
            content = {**body, **extra} if following.get("merge") else dict(extra)
            step = f"{method} {href} {sorted(content.items(), key=str)}"
            if step in seen:
                raise RemoteError("The catalogue names the same next page twice.")
            seen.add(step)

    def download(self, href: str, target: str | Path, *, progress: Progress = SILENT) -> Path:
        """Fetch a file, e.g. an asset; an interrupted call is gone on with by the next one.

        Raises
        ------
        RemoteError
            Fewer bytes came than were announced; call it again.
        StorageError
            `target` cannot be written.
        """
        return download(self._connection, href, Path(target), progress=progress)

    def sparql(
        self, query: str, *, federated: bool = False
    ) -> list[dict[str, dict[str, str]]] | bool | str:
        """Ask the GeoSPARQL store, or with `federated` all endpoints that the platform joins with it.

        Returns
        -------
        list of dict, bool or str
            Rows of a SELECT, variable to term (``type``, ``value`` and, where there is one, ``datatype`` or
            ``xml:lang``); the answer of an ASK; N-Triples of a CONSTRUCT or DESCRIBE.

        Raises
        ------
        QuerySyntaxError
            The query cannot be parsed.
        """
        answer = self._connection.send(
            "POST", "federation/sparql" if federated else "sparql", content=query.encode(),
            headers={
                "Content-Type": "application/sparql-query",
                "Accept": f"{SPARQL_RESULTS}, {N_TRIPLES};q=0.9",
            },
        )  # fmt: skip
        if not answer.headers.get("content-type", "").startswith(SPARQL_RESULTS):
            return answer.text
        document = answer.json()
        if "boolean" in document:
            return bool(document["boolean"])
        return [dict(row) for row in document["results"]["bindings"]]

    def infer(
        self, model: str, inputs: Mapping[str, NDArray[Any]], *, version: str | None = None
    ) -> dict[str, NDArray[Any]]:
        """Ask a model that is served online (Open Inference Protocol v2).

        Parameters
        ----------
        model
            Its name.
        inputs
            Arrays by input name, of the shapes and types that the model takes.

        Raises
        ------
        NotFoundError
            There is no such model.
        ScopeError
            The key lacks ``serving:infer``.
        """
        path = f"v2/models/{_segment(model)}"
        if version is not None:
            path += f"/versions/{_segment(version)}"
        answer = self._connection.send(
            "POST", f"{path}/infer", json={"inputs": write_tensors(inputs)}
        )
        return read_tensors(_document(answer).get("outputs"))


def _segment(text: str) -> str:
    return quote(text, safe="")


def _document(answer: httpx.Response) -> dict[str, Any]:
    try:
        document = answer.json()
    except ValueError as err:
        raise RemoteError(f"{answer.url} did not answer JSON.") from err
    if not isinstance(document, dict):
        raise RemoteError(f"{answer.url} did not answer a JSON object.")
    return document
