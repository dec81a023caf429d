"""The dataset of real parcels, and its way to the object store and back."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import shapely

from extremeearth.core.errors import CrsError, DataBrokenError, DataMissingError, NoDataError
from extremeearth.data.products import FieldArchive, open_field_archive, simulate_field_archive
from extremeearth.infrastructure.objects import open_store
from extremeearth.processing.datasets import (
    CropDataset,
    load_dataset,
    make_crop_dataset,
    save_dataset,
)


@pytest.fixture(scope="session")
def real_archive(data_folder: Path) -> FieldArchive:
    return open_field_archive(data_folder)


@pytest.fixture(scope="session")
def real_dataset(real_archive: FieldArchive) -> CropDataset:
    a = real_archive
    return make_crop_dataset(a.parcels, a.parcel_series, a.national_crops, taxonomy=a.taxonomy)


@pytest.fixture(scope="session")
def simulated() -> FieldArchive:
    return simulate_field_archive()


def test_real_parcels_are_all_there_with_their_classes(real_dataset: CropDataset) -> None:
    assert real_dataset.samples.shape == (301, 14, 13)
    names = [c.name for c in real_dataset.classes]
    assert names[:3] == ["grassland", "winter wheat", "maize"]
    assert names[-1] == "other"
    assert min(real_dataset.counts) >= 10
    assert sum(real_dataset.counts) == 301
    assert {u.crop_code for u in real_dataset.unmapped} == {"410", "472", "485"}
    assert real_dataset.hcat_codes.count("") == 3
    assert {c.hcat_name for c in real_dataset.classes} >= {"cereal", "winter_barley"}
    assert len({c.colour for c in real_dataset.classes}) == len(real_dataset.classes)


def test_snow_of_the_end_of_february_is_marked(real_dataset: CropDataset) -> None:
    clear = real_dataset.valid.mean(axis=0)
    assert clear[1] == 0  # 28 February 2018
    assert (clear[3:6] > 0.9).all()


def test_real_folds_keep_touching_parcels_together(real_dataset: CropDataset) -> None:
    shapes = shapely.from_wkb(real_dataset.geometries)
    left, right = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    assert (real_dataset.folds[left] == real_dataset.folds[right]).all()
    assert 1.0 < real_dataset.split.min_distance_m < 50.0
    for fold in range(5):
        assert (np.bincount(real_dataset.labels[real_dataset.folds == fold], minlength=9) > 0).all()


def test_saved_and_loaded_is_the_same(real_dataset: CropDataset) -> None:
    store = open_store("memory:///")
    save_dataset(real_dataset, store=store, prefix="training-datasets/d", shard_rows=100)
    back = load_dataset(store=store, prefix="training-datasets/d")
    for field in dataclasses.fields(CropDataset):
        ours, theirs = getattr(real_dataset, field.name), getattr(back, field.name)
        if isinstance(ours, np.ndarray):
            assert ours.dtype == theirs.dtype
            assert (ours == theirs).all()
        elif field.name != "split":
            assert ours == theirs
    assert (back.folds == real_dataset.folds).all()
    assert (back.split.distance_m == real_dataset.split.distance_m).all()
    item = real_dataset.item(item_id="d", title="D")
    assert item.properties["ee:rows"] == 301
    assert item.properties["start_datetime"].startswith("2018-02-15")


def test_a_dataset_that_was_changed_or_is_half_there_is_noticed(simulated: FieldArchive) -> None:
    a, store = simulated, open_store("memory:///")
    dataset = make_crop_dataset(a.parcels, a.parcel_series, a.national_crops)
    with pytest.raises(DataMissingError):
        load_dataset(store=store, prefix="training-datasets/e")
    save_dataset(dataset, store=store, prefix="training-datasets/e")
    shard = "training-datasets/e/shards/00001.parquet"
    store.put(shard, store.get(shard)[:-1] + b"x")
    with pytest.raises(DataBrokenError, match="not the one"):
        load_dataset(store=store, prefix="training-datasets/e")
    store.delete(shard)
    with pytest.raises(DataBrokenError, match="lacks its shard"):
        load_dataset(store=store, prefix="training-datasets/e")
    store.put("training-datasets/e/manifest.json", b'{"format": 3}')
    with pytest.raises(DataBrokenError):
        load_dataset(store=store, prefix="training-datasets/e")


def test_parcels_that_cannot_be_used_are_refused(simulated: FieldArchive) -> None:
    parcels, series, crops = simulated.parcels, simulated.parcel_series, simulated.national_crops
    with pytest.raises(NoDataError):
        make_crop_dataset(parcels, series.assign(parcel_id=-1), crops)
    with pytest.raises(DataBrokenError, match="crop_code"):
        make_crop_dataset(parcels.drop(columns="crop_code"), series, crops)
    with pytest.raises(DataBrokenError, match="twice"):
        make_crop_dataset(parcels.assign(parcel_id=1), series, crops)
    bare = parcels.copy()
    bare = bare.set_crs(None, allow_override=True)
    with pytest.raises(CrsError):
        make_crop_dataset(bare, series, crops)
