"""Mapping on an engine: batches of rows go to the workers, their lines come back in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pyarrow as pa
from odc.geo.crs import CRS

from extremeearth.knowledge.mapping.document import ReferencingMap, TriplesMap
from extremeearth.knowledge.mapping.frames import Frame
from extremeearth.knowledge.mapping.lines import Lines

__all__ = ["Done", "LineBlock", "PackedFrame", "joined", "needs_no_join"]


@dataclass(frozen=True, slots=True)
class PackedFrame:
    """A frame as bytes: its columns as an Arrow stream, the rest as it is."""

    columns: bytes
    rows: int
    first_row: int
    systems: tuple[tuple[str, str], ...]

    def __repr__(self) -> str:
        return f"rows {self.first_row} to {self.first_row + self.rows - 1}"

    @classmethod
    def of(cls, frame: Frame) -> PackedFrame:
        """Pack a frame.

        Examples
        --------
        >>> packed = PackedFrame.of(Frame(columns={"a": pa.array([1, 2])}, rows=2))
        >>> packed, packed.frame().columns["a"].to_pylist()
        (rows 0 to 1, [1, 2])
        """
        batch = pa.table(dict(frame.columns))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_table(batch)
        systems = tuple((name, crs.to_wkt()) for name, crs in frame.systems.items())
        return cls(sink.getvalue().to_pybytes(), frame.rows, frame.first_row, systems)

    def frame(self) -> Frame:
        """Unpack it."""
        with pa.ipc.open_stream(pa.py_buffer(self.columns)) as reader:
            table = reader.read_all()
        columns = {name: _whole(table[name]) for name in table.column_names}
        systems = {name: _system(wkt) for name, wkt in self.systems}
        return Frame(columns=columns, rows=self.rows, systems=systems, first_row=self.first_row)


def _whole(column: Any) -> Any:
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


@lru_cache(maxsize=16)
def _system(wkt: str) -> CRS:
    return CRS(wkt)


@dataclass(frozen=True, slots=True)
class LineBlock:
    """Lines of one triples map as bytes, with their hashes and those of their subjects."""

    subjects: bytes
    hashes: bytes
    lines: bytes

    @classmethod
    def of(cls, made: Lines) -> LineBlock:
        r"""Pack lines.

        Examples
        --------
        >>> from extremeearth.knowledge.mapping.distinct import hashes_of
        >>> lines = pa.array(["<a> <b> <c> .\n"], pa.large_string())
        >>> len(LineBlock.of(Lines(hashes_of("<a>"), [(lines, hashes_of(lines))])).hashes)
        8
        """
        parts = list(made.parts)
        hashes = b"".join(hashed.tobytes() for _, hashed in parts)
        return cls(made.subjects.tobytes(), hashes, joined(lines for lines, _ in parts)[0])


@dataclass(frozen=True, slots=True)
class Done:
    """What came of one frame: the lines of each triples map, and what was left out."""

    blocks: tuple[LineBlock, ...]
    rows: int
    skipped: Mapping[str, int] = field(default_factory=dict)


def joined(made: Iterable[Any]) -> tuple[bytes, int]:
    """Put lines together; give how many they are.

    Examples
    --------
    >>> joined([pa.array(["a", "b"], pa.large_string()), pa.array(["c"], pa.large_string())])
    (b'abc', 3)
    """
    pieces = [(_bytes(lines), len(lines)) for lines in made if len(lines)]
    return b"".join(piece for piece, _ in pieces), sum(count for _, count in pieces)


def _bytes(lines: Any) -> memoryview:
    data = memoryview(lines.buffers()[2])
    offsets = memoryview(lines.buffers()[1]).cast("q")
    return data[offsets[lines.offset] : offsets[lines.offset + len(lines)]]


def needs_no_join(triples_map: TriplesMap) -> bool:
    """Tell whether a triples map can be worked on row by row: nothing of another source is looked up.

    Examples
    --------
    >>> from extremeearth.knowledge.mapping import document as doc
    >>> subject = doc.TermMap(expression=doc.Nothing(), term_type=doc.TermType.BLANK)
    >>> needs_no_join(
    ...     TriplesMap(
    ...         name="m",
    ...         source=doc.LogicalSource(name="t"),
    ...         subject=subject,
    ...         classes=(),
    ...         graphs=(),
    ...         properties=(),
    ...     )
    ... )
    True
    """
    return not any(
        isinstance(object_, ReferencingMap) and object_.joins
        for said in triples_map.properties
        for object_ in said.objects
    )
