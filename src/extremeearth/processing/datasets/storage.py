"""Datasets in the object store: Parquet shards and a manifest that names them."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from extremeearth.core.errors import DataBrokenError, DataMissingError, InputError
from extremeearth.infrastructure.objects import ObjectStore
from extremeearth.processing.datasets.crop_dataset import (
    SHARD_ROWS,
    CropDataset,
    UnmappedCrop,
    shard_names,
)
from extremeearth.processing.datasets.crops import CropClass
from extremeearth.processing.datasets.folds import SpatialFolds

__all__ = ["load_dataset", "save_dataset"]

FORMAT = "extremeearth-crop-dataset/1"


def save_dataset(
    dataset: CropDataset, *, store: ObjectStore, prefix: str, shard_rows: int = SHARD_ROWS
) -> None:
    """Write a dataset below `prefix`: ``shards/00000.parquet`` and so on, then ``manifest.json``.

    The manifest comes last and holds the SHA-256 of each shard, so that a dataset that is half written is no
    dataset, and one that was changed is noticed.

    Parameters
    ----------
    shard_rows
        Parcels per shard.

    Examples
    --------
    >>> from extremeearth.data.products import simulate_field_archive
    >>> from extremeearth.infrastructure.objects import open_store
    >>> from extremeearth.processing.datasets import make_crop_dataset
    >>> archive, store = simulate_field_archive(), open_store("memory:///")
    >>> dataset = make_crop_dataset(archive.parcels, archive.parcel_series, archive.national_crops)
    >>> save_dataset(dataset, store=store, prefix="training-datasets/a")
    >>> bool(
    ...     (
    ...         load_dataset(store=store, prefix="training-datasets/a").samples == dataset.samples
    ...     ).all()
    ... )
    True
    """
    if shard_rows < 1:
        raise InputError("A shard needs a parcel.", hint="Give shard_rows of 1 or more.")
    table = _as_table(dataset)
    shards = []
    for number, name in enumerate(shard_names(len(dataset), shard_rows)):
        buffer = io.BytesIO()
        pq.write_table(table.slice(number * shard_rows, shard_rows), buffer, compression="zstd")
        data = buffer.getvalue()
        store.put(f"{prefix}/{name}", data)
        shards.append({"name": name, "sha256": hashlib.sha256(data).hexdigest()})
    manifest = {
        "format": FORMAT,
        "shards": shards,
        "rows": len(dataset),
        "bands": list(dataset.bands),
        "dates": [str(day) for day in dataset.dates],
        "classes": [asdict(crop) for crop in dataset.classes],
        "unmapped": [asdict(crop) for crop in dataset.unmapped],
        "block_m": dataset.split.block_m,
        "distance_m": dataset.split.distance_m.tolist(),
    }
    store.put(f"{prefix}/manifest.json", json.dumps(manifest, indent=1).encode())


def load_dataset(*, store: ObjectStore, prefix: str) -> CropDataset:
    """Read a dataset that `save_dataset` wrote.

    Raises
    ------
    DataMissingError
        There is none at `prefix`.
    DataBrokenError
        A shard is not the one that was written, or the manifest is not of this format.

    Examples
    --------
    >>> from extremeearth.infrastructure.objects import open_store
    >>> load_dataset(store=open_store("memory:///"), prefix="training-datasets/none")
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.DataMissingError: ...
    """
    try:
        manifest = json.loads(store.get(f"{prefix}/manifest.json"))
        if manifest["format"] != FORMAT:
            raise DataBrokenError(
                f"The dataset has the format '{manifest['format']}'.", hint=f"This reads {FORMAT}."
            )
        shards = [_shard(store, prefix, entry) for entry in manifest["shards"]]
        return _from_table(pa.concat_tables(shards), manifest)
    except (KeyError, TypeError, ValueError, pa.ArrowException) as err:
        raise DataBrokenError(
            f"The dataset at {prefix} cannot be read.", hint="Make it again."
        ) from err


def _as_table(dataset: CropDataset) -> pa.Table:
    _, dates, bands = dataset.samples.shape
    return pa.table(
        {
            "parcel_id": dataset.parcel_ids,
            "label": dataset.labels,
            "hcat_code": list(dataset.hcat_codes),
            "fold": dataset.folds,
            "block": dataset.split.blocks,
            "group": dataset.split.groups,
            "samples": pa.FixedSizeListArray.from_arrays(
                pa.array(dataset.samples.reshape(-1)), dates * bands
            ),
            "valid": pa.FixedSizeListArray.from_arrays(pa.array(dataset.valid.reshape(-1)), dates),
            "geometry": pa.array(dataset.geometries, pa.binary()),
        }
    )


def _shard(store: ObjectStore, prefix: str, entry: dict[str, Any]) -> pa.Table:
    try:
        data = store.get(f"{prefix}/{entry['name']}")
    except DataMissingError as err:
        raise DataBrokenError(
            f"The dataset lacks its shard {entry['name']}.", hint="Make it again."
        ) from err
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise DataBrokenError(
            f"The shard {entry['name']} is not the one that was written.", hint="Make it again."
        )
    return pq.read_table(io.BytesIO(data))


def _from_table(table: pa.Table, manifest: dict[str, Any]) -> CropDataset:
    def column(name: str) -> NDArray[np.int64]:
        return np.array(table[name].to_numpy(), dtype=np.int64)

    dates = np.array(manifest["dates"], dtype="datetime64[D]")
    bands = tuple(manifest["bands"])
    shape = (table.num_rows, len(dates), len(bands))
    flat = table["samples"].combine_chunks().flatten().to_numpy().astype(np.float32)
    seen = table["valid"].combine_chunks().flatten().to_numpy(zero_copy_only=False).astype(bool)
    if table.num_rows != manifest["rows"]:
        raise DataBrokenError("The dataset lacks rows.", hint="Make it again.")
    return CropDataset(
        samples=flat.reshape(shape), valid=seen.reshape(shape[:2]), dates=dates, labels=column("label"),
        classes=tuple(CropClass(**entry) for entry in manifest["classes"]),
        split=SpatialFolds(
            folds=column("fold"), blocks=column("block"), groups=column("group"),
            distance_m=np.array(manifest["distance_m"], dtype=np.float64), block_m=float(manifest["block_m"]),
        ),
        parcel_ids=column("parcel_id"), hcat_codes=tuple(table["hcat_code"].to_pylist()),
        geometries=tuple(table["geometry"].to_pylist()),
        unmapped=tuple(UnmappedCrop(**entry) for entry in manifest["unmapped"]), bands=bands,
    )  # fmt: skip
