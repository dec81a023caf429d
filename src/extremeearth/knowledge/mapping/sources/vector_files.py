"""Every vector format that GDAL reads, as a stream of Arrow batches; one broken feature does not end the stream."""

from __future__ import annotations

import math
import re
import shutil
import warnings
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from odc.geo.crs import CRS

from extremeearth.core.errors import DataBrokenError
from extremeearth.knowledge.mapping.sources.column_files import (
    GEOMETRY,
    ColumnFile,
    FileSource,
    Stream,
    declared_crs,
)
from extremeearth.knowledge.mapping.sources.contract import Source, SourceRequest
from extremeearth.knowledge.mapping.sources.damage.mending import Loss, Mend, Mended, mended_copy
from extremeearth.knowledge.mapping.sources.damage.mending_flatgeobuf import (
    FlatGeobuf,
    let_shapes_be_missing,
)
from extremeearth.knowledge.mapping.sources.damage.mending_json import mend_geojson
from extremeearth.knowledge.mapping.sources.damage.mending_tables import (
    GeoPackageMender,
    is_cut_off,
)
from extremeearth.knowledge.mapping.sources.damage.mending_xml import XmlMender, feature_element
from extremeearth.knowledge.mapping.sources.damage.vector_losses import (
    Layer,
    check_well_formed,
    lost_lines,
    lost_records,
    lost_shapes,
    real_rows,
)
from extremeearth.knowledge.mapping.sources.geometry_options import GeometryOptions
from extremeearth.knowledge.mapping.sources.pointers import refuse_pointer

__all__ = ["GeoFile", "open_vector", "unreadable"]

UNREADABLE = "is a feature that cannot be read"
_FORMULATIONS = frozenset({None, "SHP", "GeoJSON", "KML", "GML"})
"""Reference formulations for vector files: none is needed; GeoTriples names some."""
_GIVE_UP = 10
"""After so many broken features in a row, what follows cannot be found any more."""
_GIVE_UP_BLANK = 200
"""The same where each broken feature is blanked, so that the next one is found."""
_MENDED = frozenset({".gpkg", ".geojson", ".json", ".gml", ".kml", ".fgb"})
_SKIP = "or read what is whole: on_error='skip' in Python, --skip-bad on the command line"


def unreadable(path: Path, why: object, hint: str) -> DataBrokenError:
    """Make the error that says that GDAL cannot read a file, in few words."""
    said = str(why).partition("; It might help")[0].strip().rstrip(".")
    said = re.sub(r"Could not decode error message to UTF-8. Raw error: b'(.*)'$", r"\1", said)
    said = said.rpartition("; ")[2] if said.startswith("Failed to read GeoJSON data") else said
    said = said.replace(f"'{path}'", "it is")  # GDAL: '/data/x.json' not recognized as ...
    if path.is_dir():
        hint = "It is a folder: name a file in it."
    if path.suffix.lower() == ".gpkg" and path.is_file() and (cut := is_cut_off(path)):
        said = cut
    if path.is_file() and not path.stat().st_size:
        said, hint = "it is empty", "Check the file."
    if ".shx" in said and "SHAPE_RESTORE_SHX" in said:
        said, hint = "its .shx file is missing", "A shapefile is .shp, .shx and .dbf: give all."
    return DataBrokenError(f"{path.name} cannot be read: {said}.", hint=hint)


def _mixed(path: Path, err: Exception) -> DataBrokenError:
    hint = "Convert it to GeoPackage, or do not mix geometries with and without heights in it."
    return unreadable(path, err, hint)


@dataclass(slots=True)
class _Salvage:
    """What was done to a damaged file: the copy that is read, and features in it that are empty."""

    mended: Mended | None = None
    blanks: set[int] = field(default_factory=set)
    checked: bool = False


@dataclass(frozen=True)
class GeoFile:
    """Shapefile, GeoPackage, GeoJSON, FlatGeobuf, KML and others; `layer` where a file has several.

    `span` are the first feature that is read and the one after the last (`None`: to the end), where several workers
    read one file.
    """

    path: Path
    layer: str | None = None
    crs: CRS | None = None
    options: GeometryOptions = field(default_factory=GeometryOptions)
    salvage: _Salvage = field(default_factory=_Salvage, compare=False, repr=False)
    span: tuple[int, int | None] | None = None

    def pieces(self, piece_bytes: int) -> Iterator[tuple[ColumnFile, int]] | None:
        """Cut a GeoPackage, in which any feature is soon found; not where broken ones are read around."""
        if self.path.suffix.lower() != ".gpkg" or self.options.on_error == "skip":
            return None
        count = max(1, int(self._info()["features"]))
        rows = max(1, math.ceil(count * piece_bytes / self.path.stat().st_size))
        starts = range(0, count, rows)
        # to the end, as the number of features that a file declares may be out of date
        return (
            (replace(self, span=(start, None if start == starts[-1] else start + rows)), start)
            for start in starts
        )

    def _info(self) -> dict[str, Any]:
        import pyogrio
        from pyogrio.errors import DataLayerError, DataSourceError, GeometryError

        self._check_form()
        try:
            info: dict[str, Any] = pyogrio.read_info(self.actual, layer=self.layer)
        except (DataSourceError, DataLayerError) as err:
            if self.mend():
                return self._info()
            raise unreadable(self.path, err, self.hint()) from err
        except GeometryError as err:
            raise _mixed(self.path, err) from err
        return info

    def layers(self) -> list[str]:
        """List the layers; of a damaged file those that can be read, where the options say to go on."""
        import pyogrio
        from pyogrio.errors import DataSourceError, GeometryError

        self._check_form()
        try:
            return [str(name) for name, _ in pyogrio.list_layers(self.actual)]
        except GeometryError as err:
            raise _mixed(self.path, err) from err
        except DataSourceError as err:
            if self.mend():
                return self.layers()
            raise unreadable(self.path, err, self.hint()) from err

    @property
    def actual(self) -> Path:
        """The file that is read: this one, or the copy of what can be read of it."""
        return self.path if self.salvage.mended is None else self.salvage.mended.path

    def hint(self) -> str:
        """Say what to do about a file that cannot be read."""
        mendable = self.path.suffix.lower() in _MENDED and self.options.on_error == "raise"
        if mendable and self.path.is_file() and self.path.stat().st_size:
            return f"Mend the file, {_SKIP}."
        return "Check the file's format and layer."

    def _check_form(self) -> None:
        """Refuse a file that points elsewhere, and look at the whole of a GML or KML file, once."""
        if self.salvage.checked:
            return
        refuse_pointer(self.path)
        self.salvage.checked = True
        try:
            check_well_formed(self.path, self.hint())
        except DataBrokenError:
            if not self.mend():
                raise

    def mend(self) -> bool:
        """Go on with a copy of what can be read, if the options say so and there is a way; tell whether it is new."""
        if self.options.on_error != "skip" or self.salvage.mended is not None:
            return False
        if not self.path.is_file() or not self.path.stat().st_size:
            return False
        mender = self._mender()
        if mender is not None:
            self.salvage.mended = mended_copy(self.path, mender)
        return mender is not None

    def _mender(self) -> Mend | None:
        suffix = self.path.suffix.lower()
        if suffix == ".gpkg":
            return GeoPackageMender(self.layer)
        if suffix in {".geojson", ".json"}:
            return mend_geojson
        element = feature_element(self.path) if suffix in {".gml", ".kml"} else None
        return None if element is None else XmlMender(element, UNREADABLE)

    def blank(self, number: int) -> bool:
        """Put an empty feature in place of a broken one of a FlatGeobuf; tell whether what follows can be read now."""
        if self.options.on_error != "skip" or self.path.suffix.lower() != ".fgb":
            return False
        if self.salvage.mended is None:
            self.salvage.mended = mended_copy(self.path, _copied)
        made = FlatGeobuf.of(self.salvage.mended.path)
        if made is None or not made.blank(number):
            return False
        self.salvage.blanks.add(number)
        return True

    def columns(self) -> list[str]:
        """List the attributes, and the geometry under its one name."""
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
        start, stop = self.span or (0, None)
        reading = _Reading(
            self, Layer.of(self.actual, info), columns, wanted, own if numbered else None, found, at=start, stop=stop
        )  # fmt: skip
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
    stop: int | None = None
    """Where the reading ends, if that is not the file's end."""
    bare: list[Any] = field(default_factory=list)
    """The numbers of features without a geometry."""

    def batches(self, batch_rows: int) -> Iterator[Any]:
        """Give the batches; read around features that cannot be read if the options say so, and count them."""
        if lost := lost_records(self.layer):
            self._lose(*lost)
        self._tell_of_copy()
        streak = 0
        while (yield from self._up_to_a_failure(batch_rows)):
            if self.file.mend():
                self.layer = replace(self.layer, path=self.file.actual)
                self._tell_of_copy()
                continue
            start = self.at
            # from the batch that failed on, to find the broken feature
            alone = list(islice(self._one_by_one(), batch_rows))
            if alone:
                yield from pa.Table.from_batches(alone).combine_chunks().to_batches()
            if len(alone) == batch_rows:
                continue
            streak = streak + 1 if self.at == start else 1
            self._lose(1, f"feature {self.at}")
            blank = self.file.blank(self.at)
            self.at += 1
            if streak == (_GIVE_UP_BLANK if blank else _GIVE_UP):
                self.found[UNREADABLE] += max(self.layer.declared - self.at, 0)
                break
        self._look_back()

    def _tell_of_copy(self) -> None:
        """Count what is not in the copy that is read."""
        copy, blanks = self.file.salvage.mended, self.file.salvage.blanks
        for loss in () if copy is None else copy.losses:
            self.file.options.broken(self.found, loss.reason, loss.place, loss.count)
        if blanks:
            self._lose(len(blanks), f"feature {min(blanks)}")

    def _up_to_a_failure(self, rows: int) -> Generator[Any, None, bool]:
        """Give whole batches; tell whether there is more that could not be read."""
        try:
            yield from self._stream(rows)
        except _errors():
            return True
        return not self._has_all() and self.at < real_rows(self.layer, self.at)

    def _has_all(self) -> bool:
        return self.stop is not None and self.at >= self.stop

    def _one_by_one(self) -> Iterator[Any]:
        try:
            yield from self._stream(1)
        except _errors():
            return

    def _stream(self, rows: int) -> Iterator[Any]:
        import pyogrio

        opening = pyogrio.open_arrow(
            self.file.actual, layer=self.file.layer, columns=self.columns, read_geometry=self.geometry,
            batch_size=rows, skip_features=self.at, use_pyarrow=True, return_fids=self.row_id is not None,
        )  # fmt: skip
        let_shapes_be_missing(self.file.actual)
        with ExitStack() as stack:
            with _quiet():
                meta, reader = stack.enter_context(opening)
            names = {meta["geometry_name"] or "wkb_geometry": GEOMETRY}
            if self.row_id is not None:
                names[meta["fid_column"] or "OGC_FID"] = self.row_id
            while not self._has_all() and (batch := _next(reader)) is not None:
                made = _renamed(batch, names)
                if self.stop is not None:
                    made = made.slice(0, self.stop - self.at)
                if self.geometry and made.column(GEOMETRY).null_count:
                    missing = np.flatnonzero(made.column(GEOMETRY).is_null())
                    self.bare.append(missing + self.at)
                yield self._without_blanks(made)
                self.at += made.num_rows

    def _without_blanks(self, batch: Any) -> Any:
        """Leave out the features that were emptied."""
        here = [b - self.at for b in self.file.salvage.blanks if 0 <= b - self.at < batch.num_rows]
        if not here:
            return batch
        good = np.ones(batch.num_rows, bool)
        good[here] = False
        return batch.filter(pa.array(good))

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


def _copied(source: Path, target: Path) -> list[Loss]:
    shutil.copyfile(source, target)
    return []


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
