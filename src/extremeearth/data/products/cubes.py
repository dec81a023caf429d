"""Cubes of rasters over time, kept as Zarr version 3 with their reference system."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

# Imported for its effect: datasets get the accessor `.odc`.
from odc.geo.xr import assign_crs
from zarr.errors import ZarrUserWarning

from extremeearth.core.errors import CrsError, DataBrokenError, DataMissingError, InputError
from extremeearth.infrastructure.objects import ObjectStore

__all__ = ["load_cube", "save_cube"]

TILE = 256  # pixels along a side of one chunk
CHUNK_BYTES = 16 * 1024**2
SPATIAL = {"y", "x"}
ROOT = "zarr.json"
KEPT_ENCODING = {"units", "calendar", "grid_mapping", "_FillValue"}
CONSOLIDATED = "Consolidated metadata is currently not part"


def save_cube(dataset: xr.Dataset, *, store: ObjectStore, prefix: str) -> None:
    """Write a cube as Zarr version 3 below `prefix`; it can be opened only once it is complete.

    The metadata are consolidated, so that the cube opens over plain HTTP too, where nothing can be listed.
    A cube that was there is replaced: it is closed first, and the root of the new one written last.

    Parameters
    ----------
    dataset
        Variables over ``time, band, y, x`` or some of them; its reference system is ``.odc.crs``.
    store, prefix
        Where to write.

    Raises
    ------
    CrsError
        The dataset has no reference system.

    Examples
    --------
    >>> from extremeearth.data.products import simulate_field_archive
    >>> from extremeearth.infrastructure.objects import open_store
    >>> store = open_store("memory:///")
    >>> save_cube(simulate_field_archive().field_series("Trial01"), store=store, prefix="a/b/cube")
    >>> load_cube(store=store, prefix="a/b/cube").odc.crs.epsg
    3857
    """
    if dataset.odc.crs is None:
        raise CrsError(
            "The cube has no coordinate reference system.",
            hint="Set it with dataset.odc.assign_crs('EPSG:...').",
        )
    prefix = prefix.rstrip("/")
    plain = assign_crs(dataset, dataset.odc.crs)
    for name in plain.coords:
        if plain[name].dtype.kind == "U":  # Zarr 3 has no fixed-length text
            plain = plain.assign_coords({name: plain[name].astype(object)})
    plain = (
        plain.copy()
    )  # its variables are new, so that setting their encoding changes nothing outside
    for variable in plain.variables.values():
        variable.encoding = {
            key: value for key, value in variable.encoding.items() if key in KEPT_ENCODING
        }
        if variable.ndim and variable.size:
            variable.encoding["chunks"] = _chunks(variable)
    with (
        tempfile.TemporaryDirectory(prefix="extremeearth-cube-") as name,
        warnings.catch_warnings(),
    ):
        # its readers open a cube with one request by it, and others do not mind
        warnings.filterwarnings("ignore", message=CONSOLIDATED, category=ZarrUserWarning)
        folder = Path(name)
        plain.to_zarr(folder, mode="w", zarr_format=3, consolidated=True)
        store.delete(f"{prefix}/{ROOT}")
        store.delete_prefix(prefix)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        for path in sorted(files, key=lambda path: path == folder / ROOT):
            store.put(f"{prefix}/{path.relative_to(folder).as_posix()}", path)


def load_cube(*, store: ObjectStore, prefix: str) -> xr.Dataset:
    """Open a cube; its values are read when they are used.

    Raises
    ------
    DataMissingError
        There is no complete cube below `prefix`.
    DataBrokenError
        What is there is no cube with a reference system.

    Examples
    --------
    >>> from extremeearth.infrastructure.objects import open_store
    >>> load_cube(store=open_store("memory:///"), prefix="field-series/none")
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.DataMissingError: There is no cube at 'field-series/none'. Run the step that makes it.
    """
    prefix = prefix.rstrip("/")
    if not store.exists(f"{prefix}/{ROOT}"):
        raise DataMissingError(
            f"There is no cube at '{prefix}'.", hint="Run the step that makes it."
        )
    try:
        dataset = xr.open_zarr(
            store.zarr(prefix, read_only=True), chunks=None, consolidated=True, decode_coords="all"
        )
    # Zarr and xarray report broken metadata as any of these
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as err:
        raise DataBrokenError(
            f"The cube at '{prefix}' cannot be read: {err}.",
            hint="Run the step that makes it again.",
        ) from err
    if dataset.odc.crs is None:
        raise DataBrokenError(
            f"The cube at '{prefix}' has no coordinate reference system.", hint="Make it again."
        )
    texts = {
        name: (coordinate.dims, np.array([str(text) for text in coordinate.values.tolist()]))
        for name, coordinate in dataset.coords.items()
        if coordinate.ndim == 1 and coordinate.dtype.kind in "OT"
    }
    named: xr.Dataset = dataset.assign_coords(texts)
    return named


def _chunks(variable: Any) -> tuple[int, ...]:
    """Whole time and band axes, tiles in space; fewer dates where that gets too large."""
    sizes = dict(variable.sizes)
    chunks = {name: min(size, TILE) if name in SPATIAL else size for name, size in sizes.items()}
    item = max(1, np.dtype(variable.dtype).itemsize)
    for name in [name for name in sizes if name not in SPATIAL]:
        while chunks[name] > 1 and item * int(np.prod(list(chunks.values()))) > CHUNK_BYTES:
            chunks[name] = -(-chunks[name] // 2)
    if not chunks:
        raise InputError("A variable without dimensions has no chunks.")
    return tuple(chunks.values())
