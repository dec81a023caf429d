"""Documents to load: files, bytes and streams, packed or not, checked before the engine reads them."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat

from extremeearth.core.errors import DataBrokenError, DataMissingError
from extremeearth.knowledge.store.contract import Source

__all__ = ["opened", "whole_xml"]


@contextmanager
def opened(source: Source) -> Iterator[Any]:
    """Give a binary stream, unpacked where its first bytes say gzip.

    Raises
    ------
    DataMissingError
        There is no such file.
    DataBrokenError
        The file cannot be read.

    Examples
    --------
    >>> with opened(gzip.compress(b"abc")) as stream:
    ...     stream.read()
    b'abc'
    """
    if isinstance(source, Path):
        try:
            raw: IO[bytes] = source.open("rb")
        except FileNotFoundError as err:
            raise DataMissingError(f"There is no file {source}.", hint="Check the name.") from err
        except OSError as err:
            raise DataBrokenError(
                f"{source} cannot be read: {err.strerror}.", hint="Check your rights."
            ) from err
    elif isinstance(source, bytes):
        raw = io.BytesIO(source)
    else:
        raw = source
    buffered = raw if isinstance(raw, io.BytesIO) else io.BufferedReader(raw, 1 << 20)  # type: ignore[type-var]  # any readable
    try:
        packed = (
            buffered.peek(2)[:2]
            if isinstance(buffered, io.BufferedReader)
            else buffered.getvalue()[:2]
        ) == b"\x1f\x8b"
        yield gzip.open(buffered, "rb") if packed else buffered  # noqa: SIM115 - its source is closed below
    finally:
        if isinstance(source, Path):
            buffered.close()
        elif isinstance(buffered, io.BufferedReader):
            buffered.detach()


def whole_xml(stream: IO[bytes]) -> IO[bytes]:
    """Read an XML document to its end and check that it has one: the engine takes a cut one for whole.

    Raises
    ------
    DataBrokenError
        It is not well-formed; says where.

    Examples
    --------
    >>> whole_xml(io.BytesIO(b"<a><b/>"))
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.DataBrokenError: The XML is not well-formed: no element found: line 1, column 7. ...
    """
    content = stream.read()
    try:
        expat.ParserCreate().Parse(content, True)
    except expat.ExpatError as err:
        raise DataBrokenError(
            f"The XML is not well-formed: {err}.", hint="Nothing was loaded."
        ) from err
    return io.BytesIO(content)
