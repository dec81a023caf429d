"""Files that hold no data but say where GDAL finds it: any file of this machine, or a server."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from extremeearth.core.errors import DataBrokenError

__all__ = ["refuse_pointer"]

_LOOKED_AT = 64 << 10
_UNPACKING = (
    OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)  # fmt: skip
_SAID = (
    b"<ogrvrtdatasource", b"<vrtdataset", b"<ogrwfsdatasource", b"wfs_capabilities", b"gdal_streamed_alg",
    b"<ogcapi", b"<gdal_wms", b"<gdal_wmts", b"<wcs_gdal", b"<gdaltileindexdataset",
)  # fmt: skip
"""By these words GDAL knows such a file, whatever its name ends with."""


def refuse_pointer(path: Path) -> None:
    """Raise if a file only points to other data, which nobody has named to us.

    GDAL goes by what is in a file: a ``fields.gpkg`` from elsewhere may well be a virtual data source that reads
    ``/etc/passwd``, or asks a server of the network that this machine is in.

    Raises
    ------
    DataBrokenError
        It points elsewhere, or is packed so that it cannot be looked into.

    Examples
    --------
    >>> import tempfile
    >>> fields = Path(tempfile.mkdtemp()) / "fields.gpkg"
    >>> _ = fields.write_text("<OGRVRTDataSource><OGRVRTLayer/></OGRVRTDataSource>")
    >>> refuse_pointer(fields)
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.DataBrokenError: fields.gpkg holds no data but says where other data is. ...
    """
    if not path.is_file():
        return
    names_one = path.name.lower().endswith(".gdalg.json")
    if names_one or any(said in start for start in _starts(path) for said in _SAID):
        raise DataBrokenError(
            f"{path.name} holds no data but says where other data is.",
            hint="Give the file with the data itself; ogr2ogr or gdal_translate makes one of this.",
        )


def _starts(path: Path) -> Iterator[bytes]:
    """Give how a file begins, or each file that is packed in it, as far as it is text."""
    if path.suffix.lower() != ".zip":
        with path.open("rb") as file:
            yield _text(file.read(_LOOKED_AT))
        return
    try:
        with zipfile.ZipFile(path) as packed:
            for name in packed.infolist():
                with packed.open(name) as member:
                    yield _text(member.read(_LOOKED_AT))
    except _UNPACKING as err:
        raise DataBrokenError(
            f"{path.name} cannot be unpacked: {err}.", hint="Unpack it, and give the file in it."
        ) from err


def _text(start: bytes) -> bytes:
    return start.partition(b"\0")[0].lower()
