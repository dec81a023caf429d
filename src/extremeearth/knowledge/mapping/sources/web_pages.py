"""Pages of the web that are taken for data: a download that failed leaves one under the name of a file."""

from __future__ import annotations

from pathlib import Path

from extremeearth.core.errors import DataBrokenError

__all__ = ["refuse_page"]

_STARTS = (b"<!doctype html", b"<html")
_MARKUP = {".xml", ".html", ".htm", ".xhtml", ".kml", ".gml"}
"""Files that may well begin like a page."""


def refuse_page(path: Path) -> None:
    """Raise if a file is an HTML page, though its name says that it is data.

    Raises
    ------
    DataBrokenError
        It is a page.

    Examples
    --------
    >>> import tempfile
    >>> fields = Path(tempfile.mkdtemp()) / "fields.gpkg"
    >>> _ = fields.write_text("<!DOCTYPE html><title>404</title>")
    >>> refuse_page(fields)
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.DataBrokenError: fields.gpkg is an HTML page, not data. ...
    """
    if path.suffix.lower() in _MARKUP or not path.is_file():
        return
    with path.open("rb") as file:
        start = file.read(256).removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith(_STARTS):
        raise DataBrokenError(
            f"{path.name} is an HTML page, not data.",
            hint="It may be the error page of a download: open it to see, and fetch the file again.",
        )
