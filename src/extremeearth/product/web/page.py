"""The built front end as it lies in the package: which files there are, and what is in them."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from extremeearth.core.errors import DataBrokenError, DataMissingError, NotFoundError

__all__ = ["BuiltFile", "BuiltPage", "open_page"]

MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
"""Content type by the name's ending; a built file with another ending is not served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltFile:
    """One file of the page, ready to be sent.

    Attributes
    ----------
    content, packed
        The bytes as they are, and gzipped.
    digest
        SHA-256 of `content` in hexadecimal digits; the entity tag.
    lasting
        Whether the name changes with the content, so that a browser may keep it for ever.
    """

    name: str
    content: bytes
    packed: bytes
    media_type: str
    digest: str
    lasting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltPage:
    """The files of one build.

    Only names that the build's manifest lists exist here: no path of a request ever reaches the file system.

    Attributes
    ----------
    digests
        SHA-256 of each file, by name relative to the folder.
    sources
        SHA-256 of each source file that the page was built of, by name relative to ``ui/``.

    Examples
    --------
    >>> page = open_page()
    >>> page.file("index.html").media_type
    'text/html; charset=utf-8'
    >>> page.file("../page.py")
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.NotFoundError: The page has no file '../page.py'. Reload the page.
    """

    folder: Traversable
    digests: dict[str, str]
    sources: dict[str, str]
    _read: dict[str, BuiltFile] = field(default_factory=dict, repr=False, compare=False)

    def file(self, name: str) -> BuiltFile:
        """Read the file `name`, once.

        Raises
        ------
        NotFoundError
            The build made no such file.
        DataMissingError
            The file is listed, but not there.
        """
        if name not in self._read:
            self._read[name] = self._load(name)
        return self._read[name]

    def _load(self, name: str) -> BuiltFile:
        media_type = MEDIA_TYPES.get(name.rpartition(".")[2])
        if name not in self.digests or media_type is None:
            raise NotFoundError(f"The page has no file '{name}'.", hint="Reload the page.")
        try:
            content = self.folder.joinpath(*name.split("/")).read_bytes()
        except OSError as err:
            raise DataMissingError(
                f"The page's file '{name}' is not in the package.", hint="Install it again."
            ) from err
        return BuiltFile(
            name=name,
            content=content,
            packed=gzip.compress(content, mtime=0),
            media_type=media_type,
            digest=self.digests[name],
            lasting=name.startswith("assets/"),
        )


@cache
def open_page() -> BuiltPage:
    """Open the page that is part of this package.

    Returns
    -------
    BuiltPage

    Raises
    ------
    DataMissingError
        The package holds no built page.
    DataBrokenError
        The manifest cannot be read.

    Examples
    --------
    >>> "index.html" in open_page().digests
    True
    """
    folder = files("extremeearth.product.web") / "static"
    try:
        manifest = json.loads((folder / "build.json").read_bytes())
        return BuiltPage(
            folder=folder, digests=dict(manifest["files"]), sources=dict(manifest["sources"])
        )
    except OSError as err:
        raise DataMissingError(
            "The web page is not in this package.", hint="Build it with `make ui` (needs Node)."
        ) from err
    except (ValueError, KeyError, TypeError) as err:
        raise DataBrokenError(
            "The manifest of the web page cannot be read.", hint="Build it again with `make ui`."
        ) from err
