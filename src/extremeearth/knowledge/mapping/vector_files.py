"""Every vector format that GDAL reads, as a stream of Arrow batches; one broken feature does not end the stream."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from odc.geo.crs import CRS

from extremeearth.core.errors import DataBrokenError
from extremeearth.knowledge.mapping._files import GEOMETRY, FileSource, Stream, declared_crs
from extremeearth.knowledge.mapping.contract import Source, SourceRequest
from extremeearth.knowledge.mapping.geometry_options import GeometryOptions
from extremeearth.knowledge.mapping.vector_losses import (
    Layer,
    check_well_formed,
    lost_lines,
    lost_records,
    lost_shapes,
    real_rows,
)

__all__ = ["GeoFile", "open_vector", "unreadable"]

UNREADABLE = "is a feature that cannot be read"
_FORMULATIONS = frozenset({None, "SHP", "GeoJSON", "KML", "GML"})
"""Reference formulations for vector files: none is needed; GeoTriples names some."""
_GIVE_UP = 10
"""After so many broken features in a row, what follows cannot be found any more."""


def unreadable(path: Path, why: object, hint: str) -> DataBrokenError:
    """Make the error that says that GDAL cannot read a file, in few words."""
    said = str(why).partition("; It might help")[0].strip().rstrip(".")
    said = said.replace(f"'{path}'", "it is")  # GDAL: '/data/x.json' not recognized as ...
    if path.is_dir():
        hint = "It is a folder: name a file in it."
    if ".shx" in said and "SHAPE_RESTORE_SHX" in said:
        said, hint = "its .shx file is missing", "A shapefile is .shp, .shx and .dbf: give all."
    return DataBrokenError(f"{path.name} cannot be read: {said}.", hint=hint)


@dataclass(frozen=True)
class GeoFile:
    """Shapefile, GeoPackage, GeoJSON, FlatGeobuf, KML and others; `layer` where a file has several."""

    path: Path
    layer: str | None = None
    crs: CRS | None = None
    options: GeometryOptions = field(default_factory=GeometryOptions)

    def _info(self) -> dict[str, Any]:
        import pyogrio
        from pyogrio.errors import DataLayerError, DataSourceError

        try:
            info: dict[str, Any] = pyogrio.read_info(self.path, layer=self.layer)
        except (DataSourceError, DataLayerError) as err:
            raise unreadable(self.path, err, "Check the file's format and layer.") from err
        return info

    def columns(self) -> list[str]:
        """List the attributes, and the geometry under its one name."""
        check_well_formed(self.path)
        info = self._info()
        own = _row_id(info)
        shape = [GEOMETRY] if info["geometry_type"] else []
        return [*info["fields"], *shape, *([] if own is None else [own])]

    @property
    def row_id(self) -> str | None:
        """Name of the number that each feature has, beside its attributes; none where an attribute has its name."""
        return _row_id(self._info())

    @contextmanager
    def read(
        self, references: tuple[str, ...], *, batch_rows: int, found: Counter[str]
    ) -> Iterator[Stream]:
        """Stream the columns asked for, with the reference system of the shapes."""
        info = self._info()
        wanted = GEOMETRY in references
        # a mapping of constants alone still needs the number of rows
        own = _row_id(info)
        numbered = own is not None and own in references
        columns = [r for r in references if r != GEOMETRY and not (numbered and r == own)] or (
            [] if wanted or numbered else [*info["fields"]][:1]
        )
        systems = {GEOMETRY: declared_crs(info["crs"], self.path.name, self.crs)} if wanted else {}
        reading = _Reading(
            self, Layer.of(self.path, info), columns, wanted, own if numbered else None, found
        )
        yield reading.batches(batch_rows), systems


@dataclass
class _Reading:
    """One reading of a layer."""

    file: GeoFile
    layer: Layer
    columns: list[str]
    geometry: bool
    row_id: str | None
    found: Counter[str]
    at: int = 0
    """How many features are behind."""
    bare: list[Any] = field(default_factory=list)
    """The numbers of features without a geometry."""

    def batches(self, batch_rows: int) -> Iterator[Any]:
        """Give the batches; read around features that cannot be read if the options say so, and count them."""
        if lost := lost_records(self.layer):
            self._lose(*lost)
        streak = 0
        while (yield from self._up_to_a_failure(batch_rows)):
            start = self.at
            # from the batch that failed on, to find the broken feature
            alone = list(islice(self._one_by_one(), batch_rows))
            if alone:
                yield from pa.Table.from_batches(alone).combine_chunks().to_batches()
            if len(alone) == batch_rows:
                continue
            streak = streak + 1 if self.at == start else 1
            self._lose(1, f"feature {self.at}")
            self.at += 1
            if streak == _GIVE_UP:
                self.found[UNREADABLE] += max(self.layer.declared - self.at, 0)
                break
        self._look_back()

    def _up_to_a_failure(self, rows: int) -> Generator[Any, None, bool]:
        """Give whole batches; tell whether there is more that could not be read."""
        try:
            yield from self._stream(rows)
        except _errors():
            return True
        return self.at < real_rows(self.layer, self.at)

    def _one_by_one(self) -> Iterator[Any]:
        try:
            yield from self._stream(1)
        except _errors():
            return

    def _stream(self, rows: int) -> Iterator[Any]:
        import pyogrio

        opening = pyogrio.open_arrow(
            self.file.path, layer=self.file.layer, columns=self.columns, read_geometry=self.geometry,
            batch_size=rows, skip_features=self.at, use_pyarrow=True, return_fids=self.row_id is not None,
        )  # fmt: skip
        with ExitStack() as stack:
            with _quiet():
                meta, reader = stack.enter_context(opening)
            names = {meta["geometry_name"] or "wkb_geometry": GEOMETRY}
            if self.row_id is not None:
                names[meta["fid_column"] or "OGC_FID"] = self.row_id
            while (batch := _next(reader)) is not None:
                made = _renamed(batch, names)
                if self.geometry and made.column(GEOMETRY).null_count:
                    missing = np.flatnonzero(made.column(GEOMETRY).is_null())
                    self.bare.append(missing + self.at)
                self.at += made.num_rows
                yield made

    def _look_back(self) -> None:
        """Find what GDAL left out without a word: lines that are no feature, geometries that it could not read."""
        if lost := lost_lines(self.layer, self.at):
            self._lose(*lost)
        if self.bare:
            lost = lost_shapes(self.layer, np.concatenate(self.bare))
            if lost:
                self._lose(*lost, reason="is a geometry that cannot be read")

    def _lose(self, count: int, place: str, *, reason: str = UNREADABLE) -> None:
        self.file.options.broken(self.found, reason, f"{place} of {self.file.path.name}", count)


def _errors() -> tuple[type[Exception], ...]:
    from pyogrio.errors import DataLayerError, DataSourceError, FeatureError

    return (DataSourceError, DataLayerError, FeatureError, pa.ArrowException, OSError)


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what GDAL finds strange about single features; what it cannot read is found otherwise."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def _next(reader: Any) -> Any:
    with _quiet():
        return next(reader, None)


def _row_id(info: dict[str, Any]) -> str | None:
    name = info["fid_column"] or "fid"
    return None if name in info["fields"] else str(name)


def _renamed(batch: Any, new: dict[str, str]) -> Any:
    names = [new.get(name, name) for name in batch.schema.names]
    columns = [c.storage if isinstance(c.type, pa.BaseExtensionType) else c for c in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=names)


def open_vector(request: SourceRequest) -> Source | None:
    """Open any other file: GDAL says whether it can read it."""
    if request.path is None or request.source.formulation not in _FORMULATIONS:
        return None
    file = GeoFile(request.path, request.source.iterator, request.crs, request.geometry)
    return FileSource(request.source.name, file, request.geometry)
