"""Looking at a source before there is a mapping: its columns, their datatypes, its key, its geometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from odc.geo.crs import CRS

from extremeearth.core.errors import DataBrokenError, DataMissingError, MappingError
from extremeearth.knowledge.mapping._files import GEOMETRY
from extremeearth.knowledge.mapping.contract import Source, check_columns
from extremeearth.knowledge.mapping.delimited import CsvSource
from extremeearth.knowledge.mapping.document import LogicalSource
from extremeearth.knowledge.mapping.geometry_options import GeometryOptions
from extremeearth.knowledge.mapping.sources import open_source
from extremeearth.knowledge.mapping.text_geometries import TextGeometry, TextGeometrySource
from extremeearth.knowledge.rdf import XSD

__all__ = ["SourceColumn", "SourceDescription", "describe_source", "list_layers"]

SAMPLE_ROWS = 1_000
_KEY_ROWS = 100_000
_KEYS = ("id", "fid", "gid", "objectid", "ogc_fid", "identifier", "uuid", "code", "key")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceColumn:
    """A column, and the XSD datatype that its values have."""

    name: str
    datatype: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDescription:
    """What a source has.

    `key` are the columns that tell rows apart; `geometry` says whether there are shapes, `text` where they come from
    in a table of texts, and `crs` their reference system. `left_out` are columns that have no form in RDF.
    """

    name: str
    layer: str | None
    columns: tuple[SourceColumn, ...]
    key: tuple[str, ...]
    geometry: bool
    crs: CRS | None
    text: TextGeometry | None = None
    left_out: tuple[str, ...] = ()


def list_layers(path: Path) -> tuple[str | None, ...]:
    """Give the names of the layers of a file; one without a name where the format has no layers.

    Raises
    ------
    DataMissingError
        There is no such file.
    """
    if not path.exists():
        raise DataMissingError(f"There is no file {path}.", hint="Check the name.")
    if path.suffix.lower() not in {".gpkg", ".kml", ".gml", ".gdb", ".sqlite"}:
        return (None,)
    import pyogrio

    try:
        return tuple(str(name) for name, _ in pyogrio.list_layers(path))
    except pyogrio.errors.DataSourceError as err:
        raise DataBrokenError(
            f"{path.name} cannot be read: {err}.", hint="Check the file's format."
        ) from err


def describe_source(
    given: Any,
    *,
    name: str | None = None,
    layer: str | None = None,
    key: Sequence[str] = (),
    geometry: GeometryOptions | None = None,
) -> SourceDescription:
    """Look at a source.

    Parameters
    ----------
    given
        A file, or a table in memory.
    name
        What the mapping will call it; the file's name by default.
    layer
        Of a file that has several.
    key
        Columns that tell the rows apart; found by default.
    geometry
        The reference system of a source that names none.

    Raises
    ------
    MappingError
        No column tells the rows apart, or a key is no column.
    CrsError
        Nothing names the reference system of the geometries.

    Examples
    --------
    >>> table = pa.table({"id": [1, 2], "crop": ["wheat", None], "area": [1.5, 2.0]})
    >>> found = describe_source(table, name="fields")
    >>> found.key, [column.datatype.rpartition("#")[2] for column in found.columns]
    (('id',), ['integer', 'string', 'double'])
    """
    options = geometry or GeometryOptions()
    name = name or (given.name if isinstance(given, Path) else "table")
    source = LogicalSource(name=name, iterator=layer)
    opened = open_source(source, sources={name: given}, folder=None, geometry=options)
    inner = _inside(opened)
    names = _names(inner)
    text = inner.where if isinstance(inner, TextGeometrySource) else None
    shown = [n for n in names if text is None or n not in text.columns]
    opened.check(tuple(shown))
    first = next(opened.frames(tuple(shown), batch_rows=SAMPLE_ROWS), None)
    if first is None:
        raise MappingError(
            f"'{name}' has no rows.", hint="A mapping is made of what is in a source."
        )
    columns, left_out = _columns(first, _inferred(inner, shown))
    if key:
        check_columns(name, [c.name for c in columns], tuple(key))
    return SourceDescription(
        name=name, layer=layer, columns=columns, key=tuple(key) or _found_key(opened, name, columns),
        geometry=bool(first.systems), crs=first.systems.get(GEOMETRY), text=text, left_out=left_out,
    )  # fmt: skip


def _inside(source: Any) -> Any:
    """Give the source itself, without what is wrapped around every source."""
    while not isinstance(source, TextGeometrySource) and hasattr(source, "inner"):
        source = source.inner
    return source


def _names(source: Any) -> list[str]:
    if isinstance(source, TextGeometrySource):
        return [*source.known, GEOMETRY]
    if hasattr(source, "columns"):
        return list(source.columns())
    if hasattr(source, "file"):
        return list(source.file.columns())
    if hasattr(source, "table"):
        return list(source.table.column_names)
    raise MappingError(
        "A mapping cannot be made of this kind of source.",
        hint="Give a table, a CSV file, or a file that GDAL reads.",
    )


def _inferred(source: Any, names: list[str]) -> dict[str, Any]:
    """Tell what the texts of a CSV file look like, by its first megabyte."""
    table = source.inner if isinstance(source, TextGeometrySource) else source
    if not isinstance(table, CsvSource):
        return {}
    from pyarrow import csv as arrow_csv

    delimiter = "\t" if table.path.suffix.lower() in {".tsv", ".tab"} else ","
    parsing = arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    try:
        with arrow_csv.open_csv(table.path, parse_options=parsing) as reader:
            return {field.name: field.type for field in reader.schema if field.name in names}
    except pa.ArrowInvalid as err:
        raise DataBrokenError(f"{table.name} is not a CSV file: {err}.", hint="Check it.") from err


def _columns(
    frame: Any, inferred: dict[str, Any]
) -> tuple[tuple[SourceColumn, ...], tuple[str, ...]]:
    columns, left_out = [], []
    for name, values in frame.columns.items():
        if name in frame.systems:
            continue
        datatype = _datatype(inferred.get(name, values.type))
        if datatype is None:
            left_out.append(name)
        else:
            columns.append(SourceColumn(name=name, datatype=datatype))
    return tuple(columns), tuple(left_out)


def _datatype(kind: Any) -> str | None:
    if pa.types.is_dictionary(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _datatype(kind.value_type)
    for is_kind, datatype in (
        (pa.types.is_boolean, XSD.boolean),
        (pa.types.is_integer, XSD.integer),
        (pa.types.is_floating, XSD.double),
        (pa.types.is_decimal, XSD.decimal),
        (pa.types.is_date, XSD.date),
        (pa.types.is_timestamp, XSD.dateTime),
        (pa.types.is_string, XSD.string),
        (pa.types.is_large_string, XSD.string),
        (pa.types.is_string_view, XSD.string),
        (pa.types.is_null, XSD.string),
    ):
        if is_kind(kind):
            return str(datatype)
    return None


def _found_key(opened: Source, name: str, columns: tuple[SourceColumn, ...]) -> tuple[str, ...]:
    """Find a column without gaps and repeats: by its name first, then the first that will do."""
    allowed = [c.name for c in columns if c.datatype in (XSD.integer, XSD.string)]

    def rank(column: str) -> tuple[int, int]:
        folded = column.casefold()
        exact = _KEYS.index(folded) if folded in _KEYS else len(_KEYS)
        return (exact if exact < len(_KEYS) else 100 - 50 * folded.endswith(("id", "code")), 0)

    for candidate in sorted(allowed, key=rank):
        if _is_key(opened, candidate):
            return (candidate,)
    raise MappingError(
        f"No column of '{name}' tells its rows apart.",
        hint="Name the column, or the columns, that do together: --id NAME.",
    )


def _is_key(opened: Source, column: str) -> bool:
    seen: list[Any] = []
    rows = 0
    for frame in opened.frames((column,), batch_rows=_KEY_ROWS):
        text = frame.values(column).text
        if text.null_count or pc.count_distinct(text).as_py() < len(text):
            return False
        seen.append(text)
        rows += len(text)
    return bool(pc.count_distinct(pa.chunked_array(seen)).as_py() == rows)
