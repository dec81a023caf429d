"""What GDAL leaves out of a damaged file without saying so, found by looking at the file itself."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from extremeearth.core.errors import DataBrokenError
from extremeearth.knowledge.mapping.sources.untrusted_xml import SAFE

__all__ = ["Layer", "check_well_formed", "lost_lines", "lost_records", "lost_shapes", "real_rows"]

MAX_BYTES = 1 << 30
"""A GeoJSON file is looked at again in one piece; a larger one is not."""
_XML = frozenset({".gml", ".kml"})
_SHX_HEAD = 100
_RECORD_SEPARATOR = b"\x1e"
_PACKED = (b"\x1f\x8b", b"PK", b"\x28\xb5", b"BZ")
"""How files of gzip, zip, zstd and bzip2 begin."""

Loss = tuple[int, str]
"""How many features or geometries were lost, and where the first of them is."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of a file, and what the file tells of it."""

    path: Path
    name: str
    driver: str
    declared: int
    geometry: str

    @classmethod
    def of(cls, path: Path, info: dict[str, Any]) -> Layer:
        """Take what is needed of what GDAL tells."""
        return cls(
            path, info["layer_name"], info["driver"], info["features"], info["geometry_name"]
        )


def check_well_formed(path: Path, hint: str = "Check the file.") -> None:
    """Raise `DataBrokenError` for a broken GML or KML file; GDAL would take it for an empty one."""
    if path.suffix.lower() not in _XML or not path.is_file():
        return
    from lxml import etree

    try:
        with path.open("rb") as file:
            # GDAL reads long texts, such as those of large polygons, too
            for _, element in etree.iterparse(file, **{**SAFE, "huge_tree": True}):
                element.clear()
    except (etree.XMLSyntaxError, OSError) as err:
        raise DataBrokenError(
            f"{path.name} cannot be read: {err.msg if isinstance(err, etree.XMLSyntaxError) else err}.",
            hint=hint,
        ) from err


def real_rows(layer: Layer, read: int) -> int:
    """Tell how many features there should be, where a format counts them; else what was read."""
    if layer.driver == "FlatGeobuf":
        return layer.declared
    if (
        layer.driver == "GPKG" and read < layer.declared and layer.path.suffix.lower() == ".gpkg"
    ):  # what is declared may be out of date
        try:
            with _asking(layer) as ask:
                count = f"SELECT COUNT(*) FROM {_quoted(layer.name)}"  # noqa: S608 - a quoted name
                return int(ask(count).fetchone()[0])
        except DataBrokenError:  # so damaged that rows cannot even be counted
            return layer.declared
    return read


def lost_records(layer: Layer) -> Loss | None:
    """Find the records of a shapefile that lie beyond the end of its .shp or .dbf file."""
    if layer.driver != "ESRI Shapefile" or layer.path.suffix.lower() != ".shp":
        return None
    index, table = _beside(layer.path, ".shx"), _beside(layer.path, ".dbf")
    lost: set[int] = set()
    if index is not None:
        ends = (_records_at(index).sum(axis=1) + 4) * 2
        lost.update(np.flatnonzero(ends > layer.path.stat().st_size).tolist())
    if table is not None:
        head = np.fromfile(table, np.uint8, count=12).tobytes()
        if len(head) == 12:
            rows = int.from_bytes(head[4:8], "little")
            first, size = (
                int.from_bytes(head[8:10], "little"),
                int.from_bytes(head[10:12], "little"),
            )
            there = (table.stat().st_size - first) // max(size, 1)
            lost.update(range(max(there, 0), rows))
    return (len(lost), f"feature {min(lost)}") if lost else None


def _beside(path: Path, suffix: str) -> Path | None:
    return next((p for s in (suffix, suffix.upper()) if (p := path.with_suffix(s)).exists()), None)


def lost_lines(layer: Layer, read: int) -> Loss | None:
    """Find the lines of a GeoJSON text sequence that are no feature."""
    if layer.driver != "GeoJSONSeq" or not _is_text(layer.path):
        return None
    texts = sum(1 for _ in _texts(layer.path))
    if texts <= read:
        return None
    first = next((n for n, text in enumerate(_texts(layer.path), 1) if not _is_feature(text)), None)
    return texts - read, "a line" if first is None else f"line {first}"


def _is_text(path: Path) -> bool:
    """Tell whether a file is not packed; what GDAL unpacks is not looked at again."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return not file.read(2).startswith(_PACKED)


def _texts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        separated = file.read(1) == _RECORD_SEPARATOR
        file.seek(0)
        if not separated:
            yield from (line for line in file if line.strip())
            return
        kept: list[bytes] = []
        for line in file:
            if line.startswith(_RECORD_SEPARATOR) and kept:
                yield b"".join(kept)
                kept = []
            kept.append(line.lstrip(_RECORD_SEPARATOR))
        if kept:
            yield b"".join(kept)


def _is_feature(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def lost_shapes(layer: Layer, rows: Any) -> Loss | None:
    """Find, among the features that came without a geometry, those that have one in the file.

    Parameters
    ----------
    layer
        Where they are from.
    rows
        Their numbers, from 0, in rising order.
    """
    if layer.driver == "GPKG" and layer.path.suffix.lower() == ".gpkg":
        lost = _with_shape_in_table(layer, rows)
    elif layer.driver == "ESRI Shapefile" and layer.path.suffix.lower() == ".shp":
        lost = _with_shape_in_record(layer, rows)
    elif not _is_text(layer.path):
        return None
    elif layer.driver == "GeoJSON" and layer.path.stat().st_size <= MAX_BYTES:
        lost = _with_shape_in_document(layer, rows)
    elif layer.driver == "GeoJSONSeq":
        wanted = set(rows.tolist())
        readable = (json.loads(text) for text in _texts(layer.path) if _is_feature(text))
        lost = [
            n for n, one in enumerate(readable) if n in wanted and one.get("geometry") is not None
        ]
    else:
        return None
    return (len(lost), f"geometry of feature {lost[0]}") if lost else None


def _with_shape_in_document(layer: Layer, rows: Any) -> list[int]:
    try:
        said = json.loads(layer.path.read_bytes().decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return []  # GDAL reads more than JSON allows
    features = said.get("features", [said]) if isinstance(said, dict) else []
    return [
        int(n)
        for n in rows
        if n < len(features)
        and isinstance(features[n], dict)
        and features[n].get("geometry") is not None
    ]


def _with_shape_in_record(layer: Layer, rows: Any) -> list[int]:
    """Find the records that say that they have a shape: their type is another than 0 (ESRI, 1998, p. 4)."""
    index = _beside(layer.path, ".shx")
    if index is None:
        return []
    places = _records_at(index)
    size = layer.path.stat().st_size
    lost = []
    with layer.path.open("rb") as file:
        for n in rows.tolist():
            if n >= len(places):
                continue
            start, length = (2 * int(words) for words in places[n])
            if start + 8 + length <= size:  # those beyond are counted already
                file.seek(start + 8)
                if int.from_bytes(file.read(4), "little"):
                    lost.append(n)
    return lost


def _records_at(index: Path) -> Any:
    """Give where the records of a shapefile begin and how long they are, in words of two bytes."""
    words = np.fromfile(index, ">i4", offset=_SHX_HEAD)
    return words[: len(words) // 2 * 2].reshape(-1, 2).astype(np.int64)


def _with_shape_in_table(layer: Layer, rows: Any) -> list[int]:
    wanted = set(rows.tolist())
    with _asking(layer) as ask:
        names = _quoted(layer.geometry), _quoted(layer.name)
        there = ask("SELECT {} IS NULL FROM {}".format(*names))  # noqa: S608 - quoted names
        return [n for n, (is_null,) in enumerate(there) if n in wanted and not is_null]


@contextmanager
def _asking(layer: Layer) -> Iterator[Any]:
    """Open a GeoPackage for reading alone."""
    uri = f"{layer.path.resolve().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            yield connection.execute
    except sqlite3.DatabaseError as err:
        raise DataBrokenError(
            f"{layer.path.name} cannot be read: {err}.", hint="Check the file."
        ) from err


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
