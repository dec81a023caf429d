"""Features of records: databases, JSON, XML, STAC items and classified rasters, by the readers of mappings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from extremeearth.core.boxes import LONLAT
from extremeearth.core.errors import CrsError, InputError
from extremeearth.knowledge.interlinking._text import (
    WKT_NAMES,
    XY_NAMES,
    Systems,
    flat,
    points_of,
    shapes_of_text,
)
from extremeearth.knowledge.mapping.rules.document import SQL_QUERY

if TYPE_CHECKING:
    from odc.geo.crs import CRS

    from extremeearth.knowledge.mapping import Database
    from extremeearth.knowledge.mapping.rules.document import LogicalSource
    from extremeearth.knowledge.mapping.sources.geometry_sources import GeometryOptions

__all__ = [
    "ITEM_SPAN",
    "RASTER_ENDINGS",
    "FeatureTable",
    "RecordReader",
    "is_database_url",
    "open_records",
]

BATCH_ROWS = 50_000
HEAD_BYTES = 1 << 16
ITEM_SPAN = ("start_datetime", "end_datetime")
"""When an item holds: each is its ``datetime`` where it is not said."""
RASTER_ENDINGS = {".tif", ".tiff", ".cog"}
RECORD_ENDINGS = {".json", ".xml"}
_DATABASE = re.compile(r"(?:sqlite|postgres(?:ql)?)(?:\+\w+)?://")
_LAST_NAME = re.compile(r"([A-Za-z_][\w-]*)(?:'?\]|\"|/text\(\))?$")
_NAME_ONE = (
    "Name one: geometry in Python, --source-geometry or --target-geometry on the command line."
)


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """What was read of a table: Arrow columns and shapes."""

    columns: Any
    shapes: Any
    crs: CRS | None
    unread: int = 0
    valid: Any = None


def is_database_url(source: Any) -> bool:
    """Tell whether a text is the URL of a database.

    Examples
    --------
    >>> is_database_url("postgresql+psycopg://me@host/parcels"), is_database_url("parcels.sqlite")
    (True, False)
    """
    return isinstance(source, str) and _DATABASE.match(source) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordReader:
    """Records that can be read.

    Attributes
    ----------
    name
        What messages call them.
    source
        What is read.
    given
        What stands behind the source's name.
    references
        What there is, by the names that a caller may say.
    shape
        Reference of a geometry, where there is one.
    database
        Where tables and queries are.
    items
        Whether the records are STAC items.
    shapes
        Columns with geometries, of a database.
    """

    name: str
    source: LogicalSource
    given: Any
    references: Mapping[str, str]
    shape: str | None = None
    database: Database | None = None
    items: bool = False
    shapes: tuple[str, ...] = ()

    @property
    def described(self) -> Any:
        """What the key of a mapping is looked for in: nothing, where a query was asked."""
        asked = self.source.formulation == SQL_QUERY or self.items
        return None if asked else self.given

    @property
    def stem(self) -> str | None:
        """What the records are called in IRIs, as by their mapping; nothing where a query was asked."""
        from extremeearth.knowledge.mapping.drafting.generation import stem_of_rows

        if self.source.formulation == SQL_QUERY:
            return None
        where = self.source
        return stem_of_rows(self.name, layer=where.iterator, formulation=where.formulation)

    def reference(self, name: str) -> str:
        """Find what a name means; a JSONPath or an XPath that no sample showed is taken as it is."""
        if name in self.references:
            return self.references[name]
        if self.source.formulation in ("JSONPath", "XPath"):
            return name
        raise InputError(
            f"{self.name} has no column '{name}'.", hint=f"There are: {', '.join(self.references)}."
        )

    def read(self, columns: Sequence[str], *, geometry: str | None, crs: Any) -> FeatureTable:
        """Read columns and shapes.

        Raises
        ------
        CrsError
            Nothing names the reference system of the shapes.
        InputError
            A column is missing, or has several values in a row.
        """
        import pyarrow as pa

        from extremeearth.knowledge.mapping import GeometryOptions
        from extremeearth.knowledge.mapping.sources.opening import open_source

        shape = self._shape(geometry)
        span = self.items and any(name in ITEM_SPAN for name in columns)
        if span:
            columns = [*columns, "datetime"]
        wanted = {name: self.reference(name) for name in columns}
        options = GeometryOptions(crs=crs, on_error="skip")
        opened = open_source(
            self.source, sources={self.source.name: self.given}, folder=None, geometry=options,
            database=self.database,
        )  # fmt: skip
        asked = tuple(dict.fromkeys((*wanted.values(), *shape)))
        opened.check(asked)
        found = _Found()
        for frame in opened.frames(asked, batch_rows=BATCH_ROWS):
            several = frame.lists(asked)
            if several:
                raise InputError(
                    f"{self.name} has several values of '{several[0]}' in one record.",
                    hint="Name what each record has once.",
                )
            found.columns.append(
                pa.table({name: frame.values(ref).text for name, ref in wanted.items()})
            )
            found.add(frame, shape)
        table = pa.concat_tables(found.columns) if found.columns else _empty(wanted)
        shapes = np.concatenate([np.empty(0, dtype=object), *found.shapes])
        unread = found.unread + _unreadable(options)
        if span:
            table = _with_spans(table)
        return FeatureTable(table, flat(shapes), self._system(found, shapes), unread)

    def _system(self, found: _Found, shapes: Any) -> CRS | None:
        """Give the reference system; what has no shape yet, but would say it of each, has none to be asked for."""
        always = self.items or (self.database is not None and self.shape is not None)
        if always and shapely.is_missing(shapes).all():
            return LONLAT
        return found.crs or found.systems.crs(self.name)

    def _shape(self, geometry: str | None) -> tuple[str, ...]:
        """Find the geometry: the one that is named, one that is known, a column of WKT, or x and y."""
        if geometry is not None:
            return (self.reference(geometry),)
        if len(self.shapes) > 1:
            raise InputError(
                f"{self.name} has several columns with geometries: {', '.join(self.shapes)}.",
                hint=_NAME_ONE,
            )
        if self.shape is not None:
            return (self.shape,)
        lower = {
            name.lower(): reference for name, reference in reversed(list(self.references.items()))
        }
        for known in WKT_NAMES:
            if known in lower:
                return (lower[known],)
        for x, y in XY_NAMES:
            if x in lower and y in lower:
                return lower[x], lower[y]
        raise InputError(
            f"{self.name} has no geometries that are found by name.",
            hint=f"There are: {', '.join(self.references)}. {_NAME_ONE}",
        )


@dataclass(slots=True)
class _Found:
    columns: list[Any] = field(default_factory=list)
    shapes: list[Any] = field(default_factory=list)
    crs: CRS | None = None
    systems: Systems = field(default_factory=Systems)
    unread: int = 0

    def add(self, frame: Any, shape: tuple[str, ...]) -> None:
        """Take the shapes of some records: of a geometry column, of WKT or WKB in hexadecimal, or of x and y."""
        crs = frame.systems.get(shape[0])
        if crs is not None:
            if self.crs is not None and self.crs != crs and not self._none_yet():
                raise CrsError(
                    "The geometries of one source have different reference systems.",
                    hint="Transform them to one, e.g. with ST_Transform in a query.",
                )
            self.crs = crs
            made = frame.memory.get(shape[0], {}).get("shapes")
            if made is None:  # not every frame needs its shapes made
                made = shapely.from_wkb(frame.column(shape[0]).to_numpy(zero_copy_only=False))
            self.shapes.append(np.asarray(made, dtype=object))
            return
        texts = [frame.values(name).text for name in shape]
        if len(texts) == 2:
            made, missing = points_of(*texts)
        else:
            made, missing = shapes_of_text(texts[0], self.systems)[0], texts[0].null_count
        self.unread += int(shapely.is_missing(made).sum()) - missing
        self.shapes.append(made)

    def _none_yet(self) -> bool:
        return all(shapely.is_missing(some).all() for some in self.shapes)


def _with_spans(table: Any) -> Any:
    import pyarrow.compute as pc

    for name in set(ITEM_SPAN) & set(table.column_names):
        filled = pc.coalesce(table[name], table["datetime"])
        table = table.set_column(table.column_names.index(name), name, filled)
    return table


def _empty(names: Iterable[str]) -> Any:
    import pyarrow as pa

    return pa.table({name: pa.array([], pa.large_string()) for name in names})


def _unreadable(options: GeometryOptions) -> int:
    """Count the records and geometries that were left out; a text that is no Unicode leaves its record there."""
    from extremeearth.knowledge.mapping.sources.json_records import NOT_UNICODE

    found = options.totals().items()
    return sum(
        count for reason, count in found if reason in options.places and reason != NOT_UNICODE
    )


def open_records(
    source: Any, *, layer: str | None = None, query: str | None = None
) -> RecordReader | None:
    """Look at records; `None` if the source holds something else.

    Parameters
    ----------
    source
        A `Database` or its URL; a path of JSON, XML, STAC items or a raster; `pystac` items or a search for these; a
        `ClassifiedRaster`.
    layer
        Table of a database, or where the records are: a JSONPath or an XPath; these are found by default.
    query
        SELECT, in place of a table.
    """
    from extremeearth.knowledge.mapping import ClassifiedRaster, Database

    if isinstance(source, Database) or is_database_url(source):
        database = source if isinstance(source, Database) else Database(source)
        return _of_query(database, query) if query else _found(database, "", layer)
    if isinstance(source, ClassifiedRaster):
        return _of_raster(source.path.name, source)
    if isinstance(source, Path):
        ending = source.suffix.lower()
        if ending in RASTER_ENDINGS:
            return _of_raster(source.name, source)
        if ending in {".json", ".geojson"} and layer is None and _holds_items(source):
            return _of_items(source.name, source)
        return _found(source, source.name, layer) if ending in RECORD_ENDINGS else None
    return _of_items("items", source)


def _holds_items(path: Path) -> bool:
    with path.open("rb") as file:
        return b'"stac_version"' in file.read(HEAD_BYTES)


def _of_query(database: Database, query: str) -> RecordReader:
    from extremeearth.knowledge.mapping.rules.document import LogicalSource
    from extremeearth.knowledge.mapping.sources.sql.columns import Kind
    from extremeearth.knowledge.mapping.sources.sql.text import quoted

    columns = {column.name: column for column in database.query(query).columns}
    shapes = [name for name, column in columns.items() if column.kind is Kind.GEOMETRY]
    return RecordReader(
        name="the query", source=LogicalSource(name="", formulation=SQL_QUERY, iterator=query), given=database,
        references={name: quoted(name) for name in columns}, shape=quoted(shapes[0]) if shapes else None,
        database=database, shapes=tuple(shapes),
    )  # fmt: skip


def _found(given: Any, name: str, layer: str | None) -> RecordReader | None:
    from extremeearth.knowledge.mapping import Database, GeometryOptions
    from extremeearth.knowledge.mapping.drafting.discovery import find_records
    from extremeearth.knowledge.mapping.sources.sql.columns import Kind

    # what is lost is counted when the records are read
    records = find_records(given, name, layer, options=GeometryOptions(on_error="skip"))
    if records is None:
        return None
    database = given if isinstance(given, Database) else None
    shapes = [] if database is None or layer is None else [
        column.name for column in database.table(layer).columns if column.kind is Kind.GEOMETRY
    ]  # fmt: skip
    every = [*records.references, *records.left_out, *([records.shape] if records.shape else [])]
    references: dict[str, str] = {}
    for reference in every:
        references.setdefault(reference, reference)
        last = _LAST_NAME.search(reference.strip('"'))
        if last is not None:
            references.setdefault(last[1], reference)
    return RecordReader(
        name=name or f"the table {layer}", source=records.source, given=given, references=references,
        shape=records.shape, database=database, shapes=tuple(shapes),
    )  # fmt: skip


def _of_raster(name: str, given: Any) -> RecordReader:
    from extremeearth.knowledge.mapping.rules.document import LogicalSource
    from extremeearth.knowledge.mapping.sources.rasters import RASTER_COLUMNS

    return RecordReader(
        name=name, source=LogicalSource(name=name), given=given,
        references={column: column for column in RASTER_COLUMNS}, shape=RASTER_COLUMNS[-1],
    )  # fmt: skip


def _of_items(name: str, given: Any) -> RecordReader | None:
    from extremeearth.knowledge.mapping.rules.document import LogicalSource
    from extremeearth.knowledge.mapping.sources.contract import SourceRequest
    from extremeearth.knowledge.mapping.sources.items import ItemSource, open_items

    if hasattr(given, "column_names"):
        return None
    source = LogicalSource(name=name)
    path = given if isinstance(given, Path) else None
    opened = open_items(SourceRequest(source=source, given=None if path else given, path=path))
    if not isinstance(opened, ItemSource):
        return None
    columns = opened.columns()
    return RecordReader(
        name=name, source=source, given=path or opened, references={column: column for column in columns},
        shape="geometry" if "geometry" in columns else None, items=True,
    )  # fmt: skip
