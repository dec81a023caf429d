"""A FlatGeobuf with broken features: a copy in which these are empty, so that those behind them are read."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FlatGeobuf", "let_shapes_be_missing"]

_MAGIC = b"fgb\x03fgb"
_NODE = 40
"""Bytes of a node of the index: four doubles and an offset."""
_FEATURES_COUNT, _INDEX_NODE_SIZE = 8, 9
"""Places of these fields in the header's table (FlatGeobuf, header.fbs)."""
_EMPTY = struct.pack("<IHHi", 8, 4, 4, 4)
"""A feature of nothing: where its table is, a table of fields without entries, the table."""


@dataclass(frozen=True, slots=True)
class FlatGeobuf:
    """Where the features of a file are, by its index or by their sizes."""

    path: Path
    first: int
    """Byte at which the first feature begins."""
    leaves: int
    """Byte at which the index says where each feature is; 0 without an index."""
    count: int

    @classmethod
    def of(cls, path: Path) -> FlatGeobuf | None:
        """Read the header; `None` if it is broken."""
        with path.open("rb") as file:
            head = file.read(12)
            if len(head) < 12 or not head.startswith(_MAGIC):
                return None
            size = int.from_bytes(head[8:], "little")
            header = file.read(min(size, path.stat().st_size))
        try:
            count = _field(header, _FEATURES_COUNT, "<Q", 0)
            node = _field(header, _INDEX_NODE_SIZE, "<H", 16)
        except struct.error:
            return None
        nodes, level = (count, count) if node > 1 and count else (0, 0)
        while level > 1:
            level = -(-level // node)
            nodes += level
        first = 12 + size + nodes * _NODE
        return cls(path, first, first - count * _NODE if nodes else 0, count)

    def blank(self, number: int) -> bool:
        """Put an empty feature in place of a broken one; tell whether what follows can be found now."""
        place = self._place(number)
        if place is None or place[1] < len(_EMPTY):
            return False
        start, size = place
        with self.path.open("r+b") as file:
            file.seek(start)
            file.write(size.to_bytes(4, "little") + _EMPTY)
            left = size - len(_EMPTY)
            while left > 0:
                left -= file.write(bytes(min(left, 1 << 20)))
        return True

    def _place(self, number: int) -> tuple[int, int] | None:
        """Give where a feature begins and how long it is, without the four bytes that say so."""
        end = self.path.stat().st_size
        with self.path.open("rb") as file:
            if self.leaves:
                offsets = []
                for leaf in (number, number + 1):
                    file.seek(self.leaves + leaf * _NODE + _NODE - 8)
                    offsets.append(self.first + int.from_bytes(file.read(8), "little"))
                start, following = offsets[0], offsets[1] if number + 1 < self.count else end
                good = self.first <= start < following - 4 and following <= end
                return (start, following - start - 4) if good else None
            at = self.first
            for _ in range(number):
                file.seek(at)
                at += 4 + int.from_bytes(file.read(4), "little")
            file.seek(at)
            size = int.from_bytes(file.read(4), "little")
        return (at, size) if at + 4 + size <= end else None


def let_shapes_be_missing(path: Path) -> None:
    """Have GDAL make Arrow of single features where a FlatGeobuf may have some without a shape.

    The short way that it has for this format gives columns there that end the process (GDAL 3.12). In a file with an
    index each feature has a shape. The option stays, as another thread may read such a file; it only costs time.
    """
    if path.suffix.lower() != ".fgb" or not path.is_file():
        return
    made = FlatGeobuf.of(path)
    if made is None or made.leaves:
        return
    import pyogrio

    pyogrio.set_gdal_config_options({"OGR_FLATGEOBUF_STREAM_BASE_IMPL": True})


def _field(header: bytes, field: int, form: str, default: int) -> int:
    """Read a number from a flatbuffer's root table."""
    (table,) = struct.unpack_from("<I", header)
    (back,) = struct.unpack_from("<i", header, table)
    (size,) = struct.unpack_from("<H", header, table - back)
    place = 4 + 2 * field
    if place >= size:
        return default
    (offset,) = struct.unpack_from("<H", header, table - back + place)
    return int(struct.unpack_from(form, header, table + offset)[0]) if offset else default
