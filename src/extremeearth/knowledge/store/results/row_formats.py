"""Rows of a SELECT as JSON, XML, CSV, TSV, GeoJSON and Arrow, written block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

import numpy as np
import shapely

from extremeearth.core.errors import InputError
from extremeearth.knowledge.rdf import CRS84_CODE, in_system
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.results.cells import (
    CSV,
    JSON,
    PLAIN,
    PROPERTY,
    TSV,
    XML,
    Spelling,
    cells,
)
from extremeearth.knowledge.store.results.rows import Rows

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ROW_FORMATS", "arrow_schema", "block_bytes", "stream_rows"]

ROW_FORMATS = ("json", "xml", "csv", "tsv", "geojson", "arrow")
"""Short names of the formats of rows."""
RESULTS_XML = "http://www.w3.org/2005/sparql-results#"
Columns = Sequence[TermColumn]


def stream_rows(rows: Rows, format: str, *, geometry: str | None = None) -> Iterator[bytes]:
    r"""Write rows piece by piece; what is in memory at once is one block of rows.

    Parameters
    ----------
    rows
        What to write.
    format
        One of `ROW_FORMATS`.
    geometry
        Variable that becomes the geometry of GeoJSON features; the first that has geometry literals by default.

    Raises
    ------
    InputError
        The format is unknown, or GeoJSON is asked for and there is no geometry.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import Iri
    >>> b"".join(stream_rows(Rows(("a",), [(Iri("urn:x"),), (None,)]), "tsv"))
    b'?a\n<urn:x>\n\n'
    """
    writers: dict[str, Callable[[], Iterator[bytes]]] = {
        "json": lambda: _json(rows),
        "xml": lambda: _xml(rows),
        "csv": lambda: _separated(rows, CSV, ",", "\r\n", rows.variables),
        "tsv": lambda: _separated(rows, TSV, "\t", "\n", [f"?{n}" for n in rows.variables]),
        "geojson": lambda: _geojson(rows, geometry),
        "arrow": lambda: _arrow(rows),
    }
    if format not in writers:
        raise InputError(
            f"Rows cannot be written as '{format}'.",
            hint=f"Choose {', '.join(ROW_FORMATS[:-1])} or {ROW_FORMATS[-1]}.",
        )
    return writers[format]()


def block_bytes(lines: pa.LargeStringArray) -> bytes:
    """Give the texts of an array one after the other, without making a Python string of each."""
    if not len(lines):
        return b""
    offsets = np.frombuffer(lines.buffers()[1], np.int64)[
        lines.offset : lines.offset + len(lines) + 1
    ]
    return memoryview(lines.buffers()[2])[offsets[0] : offsets[-1]].tobytes()


def _text(value: str) -> Any:
    import pyarrow as pa

    return pa.scalar(value, pa.large_string())


def _lines(
    parts: Sequence[Any], separator: str, before: str, after: str, *, length: int, skip: bool
) -> Any:
    """Join the cells of each row; cells of no term are left out where `skip`, else they are empty."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not parts:
        return pa.repeat(_text(before + after), length)
    # The join's own way to leave nulls out loses rows that have nothing else, so the separator goes before each part.
    lead = [_text(separator) if skip else _text("")]
    filled = [pc.binary_join_element_wise(*lead, p, _text("")).fill_null("") for p in parts]
    joined = (
        pc.binary_join_element_wise(*filled, _text("" if skip else separator))
        if len(filled) > 1
        else filled[0]
    )
    if skip and separator:
        joined = pc.utf8_slice_codeunits(joined, len(separator))
    return pc.binary_join_element_wise(_text(before), joined, _text(after), _text(""))


def _labelled(column: TermColumn, spelling: Spelling, before: str, after: str) -> Any:
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(
        _text(before), cells(column, spelling), _text(after), _text("")
    )


def _json_name(name: str) -> str:
    import json

    return json.dumps(name, ensure_ascii=False)


def _json(rows: Rows) -> Iterator[bytes]:
    names = [_json_name(name) for name in rows.variables]
    yield f'{{"head":{{"vars":[{",".join(names)}]}},"results":{{"bindings":['.encode()
    first = True
    for columns in rows.blocks():
        parts = [
            _labelled(c, JSON, f"{name}:", "")
            for name, c in zip(names, columns.columns, strict=True)
        ]
        content = block_bytes(_lines(parts, ",", ",{", "}", length=columns.length, skip=True))
        yield content[1:] if first else content
        first = first and not content
    yield b"]}}"


def _xml(rows: Rows) -> Iterator[bytes]:
    names = [quoteattr(name) for name in rows.variables]
    head = "".join(f"<variable name={name}/>" for name in names)
    yield (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<sparql xmlns="{RESULTS_XML}"><head>{head}</head><results>'
    ).encode()
    for columns in rows.blocks():
        parts = [
            _labelled(c, XML, f"<binding name={name}>", "</binding>")
            for name, c in zip(names, columns.columns, strict=True)
        ]
        yield block_bytes(
            _lines(parts, "", "<result>", "</result>", length=columns.length, skip=True)
        )
    yield b"</results></sparql>\n"


def _separated(
    rows: Rows, spelling: Spelling, separator: str, end: str, head: Sequence[str]
) -> Iterator[bytes]:
    yield (separator.join(head) + end).encode()
    for columns in rows.blocks():
        parts = [cells(column, spelling) for column in columns.columns]
        yield block_bytes(_lines(parts, separator, "", end, length=columns.length, skip=False))


# ------------------------------------------------------------------------------- GeoJSON


def _geojson(rows: Rows, geometry: str | None) -> Iterator[bytes]:
    """Features of RFC 7946: longitude and latitude, outer rings against the clock."""
    import pyarrow as pa
    import pyarrow.compute as pc

    chosen = rows.geometry_variable(geometry)
    if chosen is None and len(rows):
        raise InputError(
            "No variable of the answer holds geometries, so there are no features.",
            hint="Select a geometry literal, e.g. of geo:asWKT.",
        )
    names = [_json_name(name) for name in rows.variables]
    others = [i for i, name in enumerate(rows.variables) if name != chosen]
    at = rows.variables.index(chosen) if chosen is not None else -1

    def features() -> Iterator[bytes]:
        yield b'{"type":"FeatureCollection","features":['
        first = True
        for columns in rows.blocks():
            shapes = in_system(rows.read_geometries(columns.columns[at]), CRS84_CODE).shapes
            shapes = shapely.orient_polygons(shapes)
            texts = pa.array(shapely.to_geojson(shapes), pa.large_string()).fill_null("null")
            parts = []
            for i in others:
                given = cells(columns.columns[i], PROPERTY).fill_null("null")
                parts.append(pc.binary_join_element_wise(_text(f"{names[i]}:"), given, _text("")))
            ends = _lines(parts, ",", ',"properties":{', "}}", length=columns.length, skip=True)
            made = pc.binary_join_element_wise(
                _text(',{"type":"Feature","geometry":'), texts, ends, _text("")
            )
            content = block_bytes(made)
            yield content[1:] if first else content
            first = first and not content
        yield b"]}"

    return features()


# --------------------------------------------------------------------------------- Arrow


def arrow_schema(variables: Sequence[str]) -> pa.Schema:
    """Give the columns of an Arrow stream: for each variable its text, and its type in ``<name>.type``.

    Examples
    --------
    >>> arrow_schema(["a"]).names
    ['a', 'a.type']
    """
    import pyarrow as pa

    fields = []
    for name in variables:
        fields += [pa.field(name, pa.large_string()), pa.field(f"{name}.type", pa.string())]
    return pa.schema(fields, metadata={"sparql.variables": " ".join(variables)})


def _arrow(rows: Rows) -> Iterator[bytes]:
    import pyarrow as pa

    schema = arrow_schema(rows.variables)
    sink = _Pieces()
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), schema) as writer:
        yield sink.take()
        for columns in rows.blocks():
            arrays: list[Any] = []
            for column in columns.columns:
                present, back = np.unique(column.types, return_inverse=True)
                kinds = [None if c < 0 else types.describe(c).text for c in present.tolist()]
                arrays += [cells(column, PLAIN), pa.array(kinds, pa.string()).take(pa.array(back))]
            writer.write_batch(_batch(arrays, schema, columns.length))
            yield sink.take()
    yield sink.take()


def _batch(arrays: list[Any], schema: Any, length: int) -> Any:
    import pyarrow as pa

    if arrays:
        return pa.record_batch(arrays, schema=schema)
    return pa.RecordBatch.from_struct_array(pa.array([{}] * length, pa.struct([])))


class _Pieces:
    """A file to write to, emptied whenever somebody takes what is there."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, content: Any) -> int:
        self._pieces.append(bytes(content))
        return len(self._pieces[-1])

    def take(self) -> bytes:
        content = b"".join(self._pieces)
        self._pieces.clear()
        return content

    def flush(self) -> None:
        return

    def close(self) -> None:
        return
