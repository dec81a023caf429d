"""Training datasets: labels joined with reflectance series, in spatial folds, saved as Parquet shards."""

from extremeearth.processing.datasets.crop_dataset import (
    DATASETS,
    GUARD_M,
    CropDataset,
    UnmappedCrop,
    dataset_item,
    link_source,
)
from extremeearth.processing.datasets.crops import OTHER_HCAT, CropClass, CropGrouping, group_crops
from extremeearth.processing.datasets.folds import SpatialFolds, spatial_folds, within_m
from extremeearth.processing.datasets.joining import hcat_of, make_crop_dataset
from extremeearth.processing.datasets.series import (
    BANDS,
    align_series,
    clear_dates,
    series_arrays,
)
from extremeearth.processing.datasets.storage import load_dataset, save_dataset

__all__ = [
    "BANDS",
    "DATASETS",
    "GUARD_M",
    "OTHER_HCAT",
    "CropClass",
    "CropDataset",
    "CropGrouping",
    "SpatialFolds",
    "UnmappedCrop",
    "align_series",
    "clear_dates",
    "dataset_item",
    "group_crops",
    "hcat_of",
    "link_source",
    "load_dataset",
    "make_crop_dataset",
    "save_dataset",
    "series_arrays",
    "spatial_folds",
    "within_m",
]
