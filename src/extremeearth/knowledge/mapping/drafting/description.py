"""Looking at a source before there is a mapping: its columns, their datatypes, its key, its geometry."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from odc.geo.crs import CRS

from extremeearth.core.errors import DataBrokenError, DataMissingError, MappingError
from extremeearth.core.progress import SILENT, Progress
from extremeearth.knowledge.mapping.drafting.discovery import Records, find_records
from extremeearth.knowledge.mapping.rules.document import LogicalSource
from extremeearth.knowledge.mapping.sources.column_files import GEOMETRY
from extremeearth.knowledge.mapping.sources.contract import Source, check_columns
from extremeearth.knowledge.mapping.sources.damage.text_bytes import CleanLines
from extremeearth.knowledge.mapping.sources.delimited import LONG_ROW, MAX_BLOCK_BYTES, CsvSource
from extremeearth.knowledge.mapping.sources.geometry_options import GeometryOptions, shown
from extremeearth.knowledge.mapping.sources.items import ItemSource
from extremeearth.knowledge.mapping.sources.opening import open_source
from extremeearth.knowledge.mapping.sources.sql.databases import Database
from extremeearth.knowledge.mapping.sources.text_geometries import TextGeometry, TextGeometrySource
from extremeearth.knowledge.mapping.sources.vector_files import GeoFile
from extremeearth.knowledge.mapping.sources.web_pages import refuse_page
from extremeearth.knowledge.rdf import XSD

__all__ = [
    "NO_KEY",
    "SourceColumn",
    "SourceDescription",
    "columns_of",
    "describe_source",
    "key_rank",
    "list_layers",
]

SAMPLE_ROWS = 1_000
_KEY_ROWS = 100_000
_PAIRED = (XSD.integer, XSD.string, XSD.date, XSD.dateTime)
_PAIRS_OF = 8  # columns of which pairs are tried
NO_KEY = 100
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
    in a table of texts, `shape` in which column they are, and `crs` their reference system. `left_out` are columns
    that have no form in RDF. `layer` is where the rows are: a layer, a table of a database, a JSONPath or an XPath with
    its `namespaces`, as `formulation` says. `given_crs` is the reference system that the caller gave for what of a
    database names none. `key_is_unique` says whether each row has its own key, and each a whole one.
    """

    name: str
    layer: str | None
    columns: tuple[SourceColumn, ...]
    key: tuple[str, ...]
    geometry: bool
    crs: CRS | None
    text: TextGeometry | None = None
    left_out: tuple[str, ...] = ()
    formulation: str | None = None
    namespaces: tuple[tuple[str, str], ...] = ()
    shape: str = GEOMETRY
    given_crs: CRS | None = None
    key_is_unique: bool = True


def list_layers(path: Path, *, geometry: GeometryOptions | None = None) -> tuple[str | None, ...]:
    """Give the names of the layers of a file; one without a name where the format has no layers.

    Parameters
    ----------
    path
        The file.
    geometry
        What happens to a file of which only a part can be read.

    Raises
    ------
    DataMissingError
        There is no such file.
    """
    if not path.exists():
        raise DataMissingError(f"There is no file {path}.", hint="Check the name.")
    refuse_page(path)
    if path.suffix.lower() not in {".gpkg", ".kml", ".gml", ".gdb", ".sqlite"}:
        return (None,)
    return tuple(GeoFile(path, options=geometry or GeometryOptions()).layers())


def describe_source(
    given: Any,
    *,
    name: str | None = None,
    layer: str | None = None,
    key: Sequence[str] = (),
    geometry: GeometryOptions | None = None,
    progress: Progress = SILENT,
) -> SourceDescription:
    """Look at a source.

    Parameters
    ----------
    given
        A file, a table in memory, STAC items, a search for these, or a database.
    name
        What the mapping will call it; the file's name by default.
    layer
        Of a file that has several; of a database the name of a table; of JSON and XML where the records are, found by
        default.
    key
        Columns that tell the rows apart; found by default.
    geometry
        The reference system of a source that names none, and what happens to what cannot be read.
    progress
        Where it is told how many items a search has found so far.

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
    if isinstance(given, Path):
        refuse_page(given)
    records = find_records(given, name, layer, options=options)
    source = LogicalSource(name=name, iterator=layer) if records is None else records.source
    database = given if isinstance(given, Database) else None
    opened = open_source(
        source, sources={name: given}, folder=None, geometry=options, database=database, progress=progress,
    )  # fmt: skip
    looked = _Looked.at(opened, name, records)
    if key:
        check_columns(name, looked.keys(), tuple(key))
    shape = next(iter(looked.systems), None)
    found = tuple(key) or _found_key(opened, name, looked.columns, looked.row_id)
    return SourceDescription(
        name=name, layer=source.iterator, columns=looked.columns, left_out=looked.left_out, text=looked.text,
        key=found, key_is_unique=not key or _tells_apart(opened, found),
        formulation=source.formulation, namespaces=source.namespaces, geometry=shape is not None,
        shape=shape or GEOMETRY, crs=None if shape is None else looked.systems[shape],
        given_crs=None if database is None or shape is None else options.system(),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Looked:
    """What the first rows of a source show; `row_id` is the number that each feature has beside its attributes."""

    columns: tuple[SourceColumn, ...]
    left_out: tuple[str, ...]
    systems: Mapping[str, CRS]
    text: TextGeometry | None
    row_id: str | None

    @classmethod
    def at(cls, opened: Source, name: str, records: Records | None) -> _Looked:
        inner = _inside(opened)
        text = inner.where if isinstance(inner, TextGeometrySource) else None
        row_id = None if records is not None else _row_id(inner)
        if records is not None:
            names = [*records.references, *([records.shape] if records.shape else [])]
        else:
            apart = {row_id, *(text.columns if text is not None else ())}
            names = [n for n in _names(inner) if n not in apart]
        opened.check(tuple(names))
        first = next(opened.frames(tuple(names), batch_rows=SAMPLE_ROWS), None)
        if first is None:
            raise MappingError(
                f"'{name}' has no rows.", hint="A mapping is made of what is in a source."
            )
        if records is None:
            columns, left_out = _columns(first, _inferred(inner, names))
        else:
            told = records.references.items()
            columns = tuple(SourceColumn(name=n, datatype=datatype) for n, datatype in told)
            left_out = records.left_out
        return cls(columns, left_out, first.systems, text, row_id)

    def keys(self) -> list[str]:
        """List what may be a key."""
        names = [column.name for column in self.columns]
        return names if self.row_id is None else [*names, self.row_id]


def _inside(source: Any) -> Any:
    """Give the source itself, without what is wrapped around every source."""
    while not isinstance(source, TextGeometrySource) and hasattr(source, "inner"):
        source = source.inner
    return source


def columns_of(opened: Source) -> tuple[str, ...]:
    """List the columns of an opened source; none where it has references of another kind, such as JSONPaths.

    Examples
    --------
    >>> table = pa.table({"id": [1], "crop": ["wheat"]})
    >>> source = LogicalSource(name="fields")
    >>> columns_of(open_source(source, sources={"fields": table}, folder=None))
    ('id', 'crop')
    """
    inner = _inside(opened)
    try:
        return tuple(_names(inner))
    except MappingError:
        return ()


def _row_id(source: Any) -> str | None:
    """Give the name of the number that each feature of a file has, beside its attributes."""
    name: str | None = getattr(getattr(source, "file", None), "row_id", None)
    return name


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
        hint="Give a table, a file, or a table of a database.",
    )


def _inferred(source: Any, names: list[str]) -> dict[str, Any]:
    """Tell what the texts of a CSV file look like, by its first megabyte, and what items have, by all of them."""
    if isinstance(source, ItemSource):
        return source.types()
    table = source.inner if isinstance(source, TextGeometrySource) else source
    if not isinstance(table, CsvSource):
        return {}
    from pyarrow import csv as arrow_csv

    skip = table.options.on_error == "skip"
    parsing = arrow_csv.ParseOptions(
        delimiter=table.delimiter, newlines_in_values=True, invalid_row_handler=_left_out if skip else None,
    )  # fmt: skip
    for size in (1 << 20, MAX_BLOCK_BYTES):
        try:
            with (
                table.path.open("rb") as file,
                CleanLines(file, len) as lines,
                arrow_csv.open_csv(
                    pa.PythonFile(lines if skip else file, mode="r"), parse_options=parsing,
                    read_options=arrow_csv.ReadOptions(block_size=size),
                ) as reader,
            ):  # fmt: skip
                return {field.name: field.type for field in reader.schema if field.name in names}
        except pa.ArrowInvalid as err:
            if size < MAX_BLOCK_BYTES and LONG_ROW in str(err):
                continue
            raise DataBrokenError(
                f"{table.name} is not a CSV file: {shown(str(err))}.", hint="Check it."
            ) from err
    return {}


def _left_out(_: Any) -> str:
    return "skip"


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


def _found_key(
    opened: Source, name: str, columns: tuple[SourceColumn, ...], own: str | None
) -> tuple[str, ...]:
    """Find a column without gaps and repeats: by its name, then the first that will do, last a feature's number."""
    items = _inside(opened)
    if isinstance(items, ItemSource) and len(items.key()) > 1:
        return items.key()
    allowed = [c.name for c in columns if c.datatype in (XSD.integer, XSD.string)]

    for candidate in sorted(allowed, key=key_rank):
        if _is_key(opened, candidate):
            return (candidate,)
    if own is not None:
        return (own,)
    pair = _pair(opened, [c.name for c in columns if c.datatype in _PAIRED][:_PAIRS_OF])
    which = (
        "" if pair is None else f" '{pair[0]}' and '{pair[1]}' do: --id {pair[0]} --id {pair[1]}."
    )
    raise MappingError(
        f"No column of '{name}' tells its rows apart.",
        hint=f"Name the column, or the columns, that do together: --id NAME.{which}",
    )


def key_rank(column: str) -> int:
    """Say how well a column's name is that of a key: less is better, `NO_KEY` nothing.

    Examples
    --------
    >>> sorted(["crop", "field_id", "FID"], key=key_rank)
    ['FID', 'field_id', 'crop']
    """
    folded = column.casefold()
    if folded in _KEYS:
        return _KEYS.index(folded)
    return NO_KEY - 50 * folded.endswith(("id", "code"))


def _pair(opened: Source, names: list[str]) -> tuple[str, str] | None:
    """Find two columns that tell rows apart together, without gaps."""
    frames = opened.frames(tuple(names), batch_rows=_KEY_ROWS)
    tables = [pa.table({n: frame.values(n).text for n in names}) for frame in frames if names]
    if not tables:
        return None
    table = pa.concat_tables(tables)
    for pair in itertools.combinations([n for n in names if not table[n].null_count], 2):
        if table.group_by(list(pair)).aggregate([]).num_rows == table.num_rows:
            return pair
    return None


def _tells_apart(opened: Source, key: tuple[str, ...]) -> bool:
    """Tell whether no two rows have the same values in some columns, and none lacks one."""
    if len(key) == 1:
        return _is_key(opened, key[0])
    frames = opened.frames(key, batch_rows=_KEY_ROWS)
    tables = [pa.table({n: frame.values(n).text for n in key}) for frame in frames]
    table = pa.concat_tables(tables)
    whole = not any(column.null_count for column in table.columns)
    return whole and table.group_by(list(key)).aggregate([]).num_rows == table.num_rows


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
