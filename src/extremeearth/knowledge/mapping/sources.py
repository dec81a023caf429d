"""Sources: named tables in memory and files, read in batches, only the columns that a mapping needs."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from odc.geo.crs import CRS

from extremeearth.core.errors import (
    CrsError,
    DataBrokenError,
    DataMissingError,
    LimitError,
    MappingError,
)
from extremeearth.knowledge.mapping._files import GeoFile, ParquetTable
from extremeearth.knowledge.mapping.document import LogicalSource
from extremeearth.knowledge.mapping.frames import Frame
from extremeearth.knowledge.mapping.jsonpath import find, json_column, parse_path, read_json
from extremeearth.knowledge.rdf import crs_of_field

__all__ = ["MAX_JSON_BYTES", "Source", "SourceLike", "open_source"]

SourceLike = pa.Table | pd.DataFrame | gpd.GeoDataFrame | Path
"""What can stand behind a source's name."""

MAX_JSON_BYTES = 1 << 30
"""A JSON document is parsed in one piece; a larger one is refused."""


class Source(Protocol):
    """An opened source."""

    def check(self, references: tuple[str, ...]) -> None:
        """Raise `MappingError` if a reference leads nowhere, before any row is read."""

    def frames(self, references: tuple[str, ...], *, batch_rows: int) -> Iterator[Frame]:
        """Read the rows, batch by batch."""


def check_columns(name: str, known: list[str], references: tuple[str, ...]) -> None:
    """Raise `MappingError` for the first reference that is no column."""
    for reference in references:
        if reference not in known:
            raise MappingError(
                f"The mapping names the column '{reference}', which '{name}' does not have.",
                hint=f"It has: {', '.join(known)}.",
            )


@dataclass(frozen=True)
class TableSource:
    """A table in memory; geometry columns are WKB."""

    name: str
    table: Any
    systems: Mapping[str, CRS]

    def check(self, references: tuple[str, ...]) -> None:
        """Raise `MappingError` if a column is missing."""
        check_columns(self.name, self.table.column_names, references)

    def frames(self, references: tuple[str, ...], *, batch_rows: int) -> Iterator[Frame]:
        """Cut the table into batches."""
        systems = {name: crs for name, crs in self.systems.items() if name in references}
        for start in range(0, self.table.num_rows, batch_rows):
            part = self.table.slice(start, batch_rows)
            columns = {name: part[name].combine_chunks() for name in references}
            yield Frame(columns=columns, rows=part.num_rows, systems=systems, first_row=start)


@dataclass(frozen=True)
class CsvSource:
    """A CSV or TSV file with a header; every value is text, an empty one without quotes is missing."""

    name: str
    path: Path
    nulls: tuple[str, ...]

    def check(self, references: tuple[str, ...]) -> None:
        """Raise `MappingError` if a column is missing."""
        check_columns(self.name, self._header(), references)

    def _delimiter(self) -> str:
        return "\t" if self.path.suffix.lower() in {".tsv", ".tab"} else ","

    def _header(self) -> list[str]:
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                return next(csv.reader(file, delimiter=self._delimiter()), [])
        except (OSError, UnicodeDecodeError, csv.Error) as err:
            raise DataBrokenError(
                f"{self.name} cannot be read as CSV: {err}.", hint="It must be UTF-8 with a header."
            ) from err

    def frames(self, references: tuple[str, ...], *, batch_rows: int) -> Iterator[Frame]:
        """Stream the file; the batches are those of the reader, cut to `batch_rows`."""
        from pyarrow import csv as arrow_csv

        header = self._header()
        options = arrow_csv.ConvertOptions(
            column_types={name: pa.string() for name in header}, include_columns=list(references) or header[:1],
            strings_can_be_null=True, quoted_strings_can_be_null=bool(self.nulls), null_values=["", *self.nulls],
        )  # fmt: skip
        parsing = arrow_csv.ParseOptions(delimiter=self._delimiter(), newlines_in_values=True)
        try:
            with arrow_csv.open_csv(
                self.path, convert_options=options, parse_options=parsing,
                read_options=arrow_csv.ReadOptions(block_size=8 << 20),
            ) as reader:  # fmt: skip
                yield from _batches(reader, references, {}, batch_rows)
        except pa.ArrowInvalid as err:
            raise DataBrokenError(
                f"{self.name} is not a CSV file: {err}.", hint="Check the row."
            ) from err


@dataclass(frozen=True)
class JsonSource:
    """A JSON document and the path of its records."""

    name: str
    path: Path
    iterator: str

    def check(self, references: tuple[str, ...]) -> None:
        """Raise `MappingError` if a path is broken."""
        for path in (self.iterator, *references):
            parse_path(path)

    def frames(self, references: tuple[str, ...], *, batch_rows: int) -> Iterator[Frame]:
        """Parse the document and hand its records on in batches."""
        size = self.path.stat().st_size
        if size > MAX_JSON_BYTES:
            raise LimitError(
                f"{self.name} has {size} bytes, more than {MAX_JSON_BYTES} for JSON.",
                hint="Split it, or convert it to Parquet.",
            )
        records = find(read_json(self.path.read_bytes(), self.name), parse_path(self.iterator))
        for start in range(0, len(records), batch_rows):
            part = records[start : start + batch_rows]
            columns = {path: json_column(part, path) for path in references}
            yield Frame(columns=columns, rows=len(part), first_row=start)


@dataclass(frozen=True)
class FileSource:
    """A Parquet file, or anything that GDAL reads."""

    name: str
    file: GeoFile | ParquetTable

    def check(self, references: tuple[str, ...]) -> None:
        """Raise `MappingError` if a column is missing."""
        check_columns(self.name, self.file.columns(), references)

    def frames(self, references: tuple[str, ...], *, batch_rows: int) -> Iterator[Frame]:
        """Stream the file."""
        with self.file.read(references, batch_rows=batch_rows) as (batches, systems):
            yield from _batches(batches, references, systems, batch_rows)


def _batches(
    batches: Any, references: tuple[str, ...], systems: Mapping[str, CRS], batch_rows: int
) -> Iterator[Frame]:
    first = 0
    for whole in batches:
        for start in range(0, whole.num_rows, batch_rows):
            batch = whole.slice(start, batch_rows)
            columns = {name: batch.column(name) for name in references}
            yield Frame(columns=columns, rows=batch.num_rows, systems=systems, first_row=first)
            first += batch.num_rows


def open_source(
    source: LogicalSource, *, sources: Mapping[str, Any], folder: Path | None
) -> Source:
    """Open what a mapping reads: a table of that name, or a file below `folder`.

    Parameters
    ----------
    source
        What the mapping says.
    sources
        Tables (pyarrow, pandas, geopandas) and paths by the names that the mapping uses; these come first.
    folder
        Where files are looked for; a file outside of it is never read. `None` allows no files but those in `sources`.

    Raises
    ------
    DataMissingError
        Neither a table nor a file has this name.
    MappingError
        The name leads out of the folder, or the reference formulation is not supported.
    CrsError
        A geometry column has no reference system.
    """
    given = sources.get(source.name)
    if given is not None and not isinstance(given, Path):
        return _table_source(source.name, given)
    path = given if isinstance(given, Path) else _inside(source.name, folder)
    if not path.exists():
        raise DataMissingError(
            f"The source '{source.name}' is neither a table that was given nor a file.",
            hint=f"Given are: {', '.join(sources) or 'none'}.",
        )
    suffix = path.suffix.lower()
    if source.formulation == "JSONPath":
        return JsonSource(source.name, path, source.iterator or "$")
    if source.formulation == "CSV" or (
        source.formulation is None and suffix in {".csv", ".tsv", ".tab"}
    ):
        return CsvSource(source.name, path, source.nulls)
    if source.formulation is not None:
        raise MappingError(
            f"rml:{source.formulation} is not supported.",
            hint="Use rml:CSV, rml:JSONPath, or leave it out.",
        )
    if suffix in {".parquet", ".geoparquet"}:
        return FileSource(source.name, ParquetTable(path))
    return FileSource(source.name, GeoFile(path, source.iterator))


def _inside(name: str, folder: Path | None) -> Path:
    if folder is None:
        raise DataMissingError(
            f"The mapping reads '{name}', which is not among the sources given.",
            hint="Give it in sources, or name the folder of the mapping's files.",
        )
    root = folder.resolve()
    path = (root / name).resolve()
    if "://" in name or name.startswith("/vsi") or not path.is_relative_to(root):
        raise MappingError(
            f"The source '{name}' is not a file inside the mapping's folder.",
            hint="Use a relative path below it.",
        )
    return path


def _table_source(name: str, given: Any) -> TableSource:
    if isinstance(given, gpd.GeoDataFrame | gpd.GeoSeries | pd.DataFrame):
        return _frame_source(
            name, pd.DataFrame(given) if not isinstance(given, pd.DataFrame) else given
        )
    if not isinstance(given, pa.Table):
        raise MappingError(
            f"The source '{name}' is a {type(given).__name__}.",
            hint="Give an Arrow table or a data frame.",
        )
    systems: dict[str, CRS] = {}
    columns = {}
    for position, column_field in enumerate(given.schema):
        column = given.column(position)
        metadata = column_field.metadata or {}
        if isinstance(column_field.type, pa.BaseExtensionType):
            metadata = {
                b"ARROW:extension:name": column_field.type.extension_name.encode(),
                b"ARROW:extension:metadata": column_field.type.__arrow_ext_serialize__(),
            }
            column = pa.chunked_array(
                [c.storage for c in column.chunks], column_field.type.storage_type
            )
        extension = metadata.get(b"ARROW:extension:name", b"")
        if extension in {b"geoarrow.wkb", b"ogc.wkb"}:
            systems[column_field.name] = _required(crs_of_field(metadata), name, column_field.name)
        columns[column_field.name] = column
    return TableSource(name, pa.table(columns), systems)


def _required(crs: CRS | None, name: str, column: str) -> CRS:
    if crs is None:
        raise CrsError(
            f"The geometry column '{column}' of '{name}' has no reference system.",
            hint="Set it, e.g. with GeoDataFrame.set_crs(4326).",
        )
    return crs


def _frame_source(name: str, frame: pd.DataFrame) -> TableSource:
    systems: dict[str, CRS] = {}
    plain = {}
    for column in frame.columns:
        values = frame[column]
        if str(values.dtype) == "geometry":
            series = gpd.GeoSeries(values)
            crs = None if series.crs is None else CRS(series.crs)
            systems[str(column)] = _required(crs, name, str(column))
            plain[str(column)] = pa.array(shapely.to_wkb(series.to_numpy()), pa.large_binary())
        else:
            plain[str(column)] = _arrow(values, name)
    return TableSource(name, pa.table(plain), systems)


def _arrow(values: Any, name: str) -> Any:
    try:
        array = pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as err:
        raise DataBrokenError(
            f"The column '{values.name}' of '{name}' mixes types: {err}.",
            hint="Give all its values one type.",
        ) from err
    return pc.cast(array, pa.large_string()) if pa.types.is_string(array.type) else array
