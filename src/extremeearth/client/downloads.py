"""Downloads that go on where they stopped, and appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import httpx

from extremeearth.client.connection import Connection, checked
from extremeearth.core.errors import RemoteError, StorageError
from extremeearth.core.progress import Progress, Task

__all__ = ["download"]

PARTIAL, NO_SUCH_RANGE = 206, 416


def download(connection: Connection, href: str, target: Path, *, progress: Progress) -> Path:
    """Fetch a file; what an interrupted call left in ``<target>.part`` is gone on with.

    The server's entity tag is kept beside it and sent with ``If-Range`` (RFC 9110, 13.1.5), so parts of two
    versions of a file are never put together.

    Raises
    ------
    UnavailableError, RemoteError
        The connection broke, or fewer bytes came than were announced; call it again to go on.
    StorageError
        The file cannot be written.
    """
    part = target.with_name(target.name + ".part")
    tag_file = target.with_name(target.name + ".part.etag")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        have = part.stat().st_size if part.exists() and tag_file.exists() else 0
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers |= {"Range": f"bytes={have}-", "If-Range": tag_file.read_text()}
        with connection.stream(href, headers=headers) as response:
            if response.status_code == NO_SUCH_RANGE and have:
                part.unlink()  # longer than the file: it was another one
                return download(connection, href, target, progress=progress)
            if not response.is_success:
                response.read()
                checked(response)
            _receive(response, part, tag_file, progress=progress, label=target.name)
        part.replace(target)
        tag_file.unlink(missing_ok=True)
    except OSError as err:
        raise StorageError(
            f"{target} cannot be written: {err.strerror or err}.",
            hint="Check the disk and your rights.",
        ) from err
    return target


def _receive(
    response: httpx.Response, part: Path, tag_file: Path, *, progress: Progress, label: str
) -> None:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise RemoteError(f"{label}: the server packed it, although it was asked not to.")
    resumed = response.status_code == PARTIAL
    have = part.stat().st_size if resumed else 0
    announced = response.headers.get("content-length")
    total = None if announced is None else have + int(announced)
    tag = response.headers.get("etag")
    if tag and not tag.startswith("W/"):
        tag_file.write_text(tag)
    else:
        tag_file.unlink(missing_ok=True)
    with part.open("ab" if resumed else "wb") as file, Task(progress, label, total=total) as task:
        task.advance(have)
        for chunk in response.iter_raw():
            file.write(chunk)
            task.advance(len(chunk))
        size = file.tell()
    if total is not None and size != total:
        raise RemoteError(
            f"{label}: {size} of {total} bytes came.", hint="Call it again to fetch the rest."
        )
