"""Tables in memory: Arrow tables, data frames and GeoDataFrames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import shapely
from odc.geo.crs import CRS

from extremeearth.core.errors import CrsError, DataBrokenError, MappingError
from extremeearth.knowledge.mapping.frames import Frame
from extremeearth.knowledge.mapping.sources.contract import Source, SourceRequest, check_columns
from extremeearth.knowledge.rdf import crs_of_field

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TableSource", "open_table"]


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


def open_table(request: SourceRequest) -> Source | None:
    """Open what is given and no path: it must be a table.

    Raises
    ------
    MappingError
        It is something else.
    CrsError
        A geometry column has no reference system.
    """
    if request.given is None or isinstance(request.given, Path):
        return None
    return _table_source(request.source.name, request.given, request.crs)


def _table_source(name: str, given: Any, crs: CRS | None) -> TableSource:
    if isinstance(given, pa.Table):
        return _arrow_source(name, given, crs)
    import geopandas as gpd
    import pandas as pd

    if isinstance(given, gpd.GeoDataFrame | gpd.GeoSeries | pd.DataFrame):
        return _frame_source(
            name, pd.DataFrame(given) if not isinstance(given, pd.DataFrame) else given, crs
        )
    raise MappingError(
        f"The source '{name}' is a {type(given).__name__}.",
        hint="Give an Arrow table or a data frame.",
    )


def _arrow_source(name: str, given: Any, crs: CRS | None) -> TableSource:
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
            systems[column_field.name] = _required(
                crs_of_field(metadata) or crs, name, column_field.name
            )
        columns[column_field.name] = column
    return TableSource(name, pa.table(columns), systems)


def _required(crs: CRS | None, name: str, column: str) -> CRS:
    if crs is None:
        raise CrsError(
            f"The geometry column '{column}' of '{name}' has no reference system.",
            hint='Give it: GeoDataFrame.set_crs(4326), crs="EPSG:4326", or ee:crs at the rml:source.',
        )
    return crs


def _frame_source(name: str, frame: pd.DataFrame, given: CRS | None) -> TableSource:
    import geopandas as gpd

    systems: dict[str, CRS] = {}
    plain = {}
    for column in frame.columns:
        values = frame[column]
        if str(values.dtype) == "geometry":
            series = gpd.GeoSeries(values)
            crs = given if series.crs is None else CRS(series.crs)
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
