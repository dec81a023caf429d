"""The crop dataset that several benchmarks learn from: real parcels, or a skip that says why not."""

from __future__ import annotations

import os
from pathlib import Path

from bench.form import Skip
from extremeearth.core.errors import DataMissingError
from extremeearth.data.products import open_field_archive
from extremeearth.processing.datasets import GUARD_M, CropDataset, make_crop_dataset

__all__ = ["RECIPE", "real_dataset"]

RECIPE = (
    "301 declared parcels north of Freising, 2018: 14 dates x 13 bands of Sentinel-2 L1C field means; crops of fewer "
    "than 10 parcels pooled by HCAT; 5 folds of 500 m blocks, touching parcels together, seed 0; parcels within "
    f"{GUARD_M:g} m of a tested one left out of training"
)


def real_dataset() -> CropDataset:
    """Read the real parcels from `EXTREMEEARTH_DATA`, then ``../shared/data``."""
    folder = Path(
        os.environ.get("EXTREMEEARTH_DATA") or Path(__file__).parents[2] / "shared" / "data"
    )
    try:
        archive = open_field_archive(folder)
    except DataMissingError as err:
        raise Skip(f"no real data: {err}") from err
    return make_crop_dataset(
        archive.parcels, archive.parcel_series, archive.national_crops, taxonomy=archive.taxonomy
    )
