"""Parquet, GeoParquet, and every vector format that GDAL reads, as streams of Arrow batches."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from odc.geo.crs import CRS
from pyproj import CRS as ProjCrs

from extremeearth.core.errors import CrsError, DataBrokenError, MappingError
from extremeearth.knowledge.mapping.contract import (
    HOW_TO_GIVE_A_CRS,
    Source,
    SourceRequest,
    check_columns,
    frames_of,
)
from extremeearth.knowledge.mapping.frames import Frame

GEOMETRY = "geometry"
"""Name under which a vector file's shapes are always found, whatever the format calls them."""

_FORMULATIONS = frozenset({None, "SHP", "GeoJSON", "KML", "GML"})
"""Reference formulations for vector files: none is needed; GeoTriples names some."""

Stream = tuple[Iterator[Any], dict[str, CRS]]


@dataclass(frozen=True)
class ParquetTable:
    """A Parquet file; geometry columns as GeoParquet 1.x describes them, in WKB."""

    path: Path
    crs: CRS | None = None

    def columns(self) -> list[str]:
        """List the columns."""
        with self._open() as file:
            return list(file.schema_arrow.names)

    @contextmanager
    def _open(self) -> Iterator[Any]:
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self.path) as file:
                yield file
        except (pa.ArrowInvalid, OSError) as err:
            raise DataBrokenError(
                f"{self.path.name} cannot be read as Parquet: {err}.", hint="Check the file."
            ) from err

    @contextmanager
    def read(self, references: tuple[str, ...], *, batch_rows: int) -> Iterator[Stream]:
        """Stream the columns asked for, with the reference system of each geometry among them."""
        with self._open() as file:
            described = json.loads((file.schema_arrow.metadata or {}).get(b"geo", b"{}"))
            systems: dict[str, CRS] = {}
            for name, column in described.get("columns", {}).items():
                if name not in references:
                    continue
                if column.get("encoding", "WKB") != "WKB":
                    raise MappingError(
                        f"The geometry '{name}' of {self.path.name} is encoded as {column['encoding']}.",
                        hint="Write it as WKB.",
                    )
                # GeoParquet: no "crs" means CRS84, an explicit null means that nobody knows
                systems[name] = _crs(column.get("crs", "OGC:CRS84"), self.path.name, self.crs)
            yield file.iter_batches(batch_size=batch_rows, columns=list(references)), systems


@dataclass(frozen=True)
class GeoFile:
    """Shapefile, GeoPackage, GeoJSON, FlatGeobuf, KML and others; `layer` where a file has several."""

    path: Path
    layer: str | None = None
    crs: CRS | None = None

    def columns(self) -> list[str]:
        """List the attributes, and the geometry under its one name."""
        import pyogrio
        from pyogrio.errors import DataLayerError, DataSourceError

        try:
            info = pyogrio.read_info(self.path, layer=self.layer)
        except (DataSourceError, DataLayerError) as err:
            raise DataBrokenError(
                f"{self.path.name} cannot be read: {err}.",
                hint="Check the file's format and layer.",
            ) from err
        return [*info["fields"], GEOMETRY] if info["geometry_type"] else list(info["fields"])

    @contextmanager
    def read(self, references: tuple[str, ...], *, batch_rows: int) -> Iterator[Stream]:
        """Stream the columns asked for, with the reference system of the shapes."""
        import pyogrio
        from pyogrio.errors import DataLayerError, DataSourceError, FeatureError

        wanted = GEOMETRY in references
        # a mapping of constants alone still needs the number of rows
        columns = [r for r in references if r != GEOMETRY] or ([] if wanted else self.columns()[:1])
        try:
            with pyogrio.open_arrow(
                self.path, layer=self.layer, columns=columns, read_geometry=wanted,
                batch_size=batch_rows, use_pyarrow=True,
            ) as (meta, reader):  # fmt: skip
                own_name = meta["geometry_name"] or "wkb_geometry"
                systems = {GEOMETRY: _crs(meta["crs"], self.path.name, self.crs)} if wanted else {}
                yield (_renamed(batch, own_name) for batch in reader), systems
        except (DataSourceError, DataLayerError, FeatureError) as err:
            raise DataBrokenError(
                f"{self.path.name} cannot be read: {err}.", hint="Check the file."
            ) from err


def _renamed(batch: Any, geometry: str) -> Any:
    names = [GEOMETRY if name == geometry else name for name in batch.schema.names]
    columns = [c.storage if isinstance(c.type, pa.BaseExtensionType) else c for c in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=names)


def _crs(described: Any, name: str, given: CRS | None) -> CRS:
    if described is None and given is not None:
        return given
    if described is None:
        raise CrsError(
            f"The geometries of {name} have no reference system.",
            hint=HOW_TO_GIVE_A_CRS,
        )
    return CRS(ProjCrs.from_user_input(described))


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
            yield from frames_of(batches, references, systems, batch_rows)


def open_parquet(request: SourceRequest) -> Source | None:
    """Open a Parquet or GeoParquet file."""
    if request.path is None or request.source.formulation is not None:
        return None
    if request.suffix not in {".parquet", ".geoparquet"}:
        return None
    return FileSource(request.source.name, ParquetTable(request.path, request.crs))


def open_vector(request: SourceRequest) -> Source | None:
    """Open any other file: GDAL says whether it can read it."""
    if request.path is None or request.source.formulation not in _FORMULATIONS:
        return None
    file = GeoFile(request.path, request.source.iterator, request.crs)
    return FileSource(request.source.name, file)
