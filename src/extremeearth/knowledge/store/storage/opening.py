"""From a place to a storage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from extremeearth.core.errors import ConflictError, DataMissingError, InputError
from extremeearth.core.settings import Settings
from extremeearth.infrastructure.objects import open_store
from extremeearth.knowledge.store.storage._delta import DeltaLog
from extremeearth.knowledge.store.storage._memory import MemoryLog
from extremeearth.knowledge.store.storage.state import QUADS
from extremeearth.knowledge.store.storage.store import GraphStorage
from extremeearth.knowledge.store.storage.tables import GEOMETRIES, TERMS, StorageTables

__all__ = ["open_storage"]

MEMORY = "memory:///"


def open_storage(
    url: str | Path | None,
    *,
    settings: Settings | None = None,
    read_only: bool = False,
    create: bool = True,
) -> GraphStorage:
    """Open the graph store at a place, or make one there.

    Parameters
    ----------
    url
        A folder (path or ``file:///folder``), ``s3://bucket/prefix``, or ``memory:///`` (also `None`) for a store
        that ends with the process.
    settings
        Endpoint, region and keys for ``s3``; by default read from the environment.
    read_only
        Refuse every change.
    create
        Make an empty store where there is none.

    Raises
    ------
    DataMissingError
        There is no store, and none is to be made.
    ConflictError
        The folder holds something else.
    InputError
        The URL is of no such form.
    SchemaVersionError
        The store was made by another version of the code.

    Examples
    --------
    >>> storage = open_storage(None)
    >>> len(storage.snapshot())
    0
    """
    if url is None or url == MEMORY:
        tables = StorageTables(
            terms=MemoryLog(TERMS), geometries=MemoryLog(GEOMETRIES), quads=MemoryLog(QUADS)
        )
        return GraphStorage(MEMORY, tables, read_only=read_only)
    place = _as_url(url)
    used = settings or Settings()
    folder = Path(unquote(urlsplit(place).path)) if place.startswith("file:") else None
    make = create and not read_only
    if folder is not None:
        _check_folder(folder, make=make)
    objects = open_store(place, settings=used)
    options = {} if folder is not None else _s3_options(used)

    def table(kind: object) -> DeltaLog:
        assert isinstance(kind, type(TERMS))
        below = None if folder is None else folder / kind.name
        return DeltaLog(
            kind,
            url=f"{place.rstrip('/')}/{kind.name}" if below is None else str(below),
            objects=objects,
            options=options,
            folder=below,
            create=make,
        )

    tables = StorageTables(terms=table(TERMS), geometries=table(GEOMETRIES), quads=table(QUADS))
    return GraphStorage(place, tables, read_only=read_only)


def _as_url(url: str | Path) -> str:
    if isinstance(url, Path):
        return url.absolute().as_uri()
    scheme = urlsplit(url).scheme
    if scheme in {"file", "s3"}:
        return url
    if "://" in url:
        raise InputError(
            f"A graph store cannot lie at '{url[:200]}': unknown scheme '{scheme}'.",
            hint="Give a folder, file:///folder, s3://bucket/prefix or memory:///.",
        )
    return Path(url).absolute().as_uri()


def _check_folder(folder: Path, *, make: bool) -> None:
    """Refuse a folder that holds something else: three tables in somebody's home help nobody."""
    if (folder / QUADS.name / "_delta_log").is_dir():
        return
    if not make:
        raise DataMissingError(
            f"There is no graph store in {folder}.",
            hint="Check the path, or load something into it first.",
        )
    if folder.exists() and not folder.is_dir():
        raise ConflictError(f"{folder} is a file, not a folder.", hint="Give a folder.")
    if not folder.is_dir():
        return
    ours = {TERMS.name, GEOMETRIES.name, QUADS.name}
    others = sorted(entry.name for entry in folder.iterdir() if entry.name not in ours)
    if others:
        raise ConflictError(
            f"The folder {folder} holds something else ('{others[0]}'), and no graph store.",
            hint="Give an empty or a new folder.",
        )


def _s3_options(settings: Settings) -> Mapping[str, str]:
    """Give what deltalake's own client needs, from the settings that `open_store` checked."""
    options = {"aws_region": settings.s3_region, "aws_conditional_put": "etag"}
    if settings.s3_access_key is not None and settings.s3_secret_key is not None:
        options["aws_access_key_id"] = settings.s3_access_key
        options["aws_secret_access_key"] = settings.s3_secret_key
    if settings.s3_endpoint is not None:
        options["aws_endpoint"] = settings.s3_endpoint
        options["aws_virtual_hosted_style_request"] = "false"
        if settings.s3_endpoint.startswith("http://"):
            options["allow_http"] = "true"
    return options
