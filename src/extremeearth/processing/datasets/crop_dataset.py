"""A training dataset for crop types, as a value and as an item of the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pystac
import shapely
from numpy.typing import NDArray

from extremeearth.core.reference_systems import LONLAT
from extremeearth.core.times import as_time_range
from extremeearth.data.products import feature_item
from extremeearth.infrastructure.objects import href_of
from extremeearth.processing.datasets.crops import CropClass
from extremeearth.processing.datasets.folds import SpatialFolds, within_m
from extremeearth.processing.datasets.series import BANDS

__all__ = [
    "DATASETS", "GUARD_M", "SHARD_ROWS", "CropDataset", "UnmappedCrop", "dataset_item", "link_source", "shard_names",
]  # fmt: skip

DATASETS = "training-datasets"
"""Collection of training datasets."""

GUARD_M = 10.0
"""Ground left free of training around tested parcels: a pixel of Sentinel-2's finest bands, wider than a track."""

SHARD_ROWS = 128
"""Parcels per shard of a saved dataset."""

PARQUET = "application/vnd.apache.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmappedCrop:
    """A declared crop that the taxonomy has no code for; its parcels stay, as "other"."""

    crop_code: str
    crop_name: str
    parcels: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CropDataset:
    """Labelled series of `n` parcels at `t` dates in `b` bands.

    Attributes
    ----------
    samples
        float32 [n, t, b], top-of-atmosphere reflectance 0 to 1; 0 where nothing was observed.
    valid
        bool [n, t], True where observed and clear.
    dates
        datetime64[D] [t], ascending.
    labels
        int64 [n], index into `classes`.
    classes
        The crop classes.
    split
        Spatial folds: `split.folds` is the fold of each parcel.
    parcel_ids
        int64 [n].
    hcat_codes
        Ten-digit HCAT 3 code of each parcel's declared crop; "" where the crop has none.
    geometries
        WKB of each parcel, lon/lat in WGS 84.
    unmapped
        Declared crops without a code, with their number of parcels.
    bands
        Names of the bands.

    Examples
    --------
    >>> from extremeearth.data.products import simulate_field_archive
    >>> from extremeearth.processing.datasets import make_crop_dataset
    >>> archive = simulate_field_archive()
    >>> dataset = make_crop_dataset(archive.parcels, archive.parcel_series, archive.national_crops)
    >>> len(dataset), len(dataset.days), dataset.take(dataset.labels.argsort()[:3]).labels.tolist()
    (301, 14, [0, 0, 0])
    """

    samples: NDArray[np.float32]
    valid: NDArray[np.bool_]
    dates: NDArray[np.datetime64]
    labels: NDArray[np.int64]
    classes: tuple[CropClass, ...]
    split: SpatialFolds
    parcel_ids: NDArray[np.int64]
    hcat_codes: tuple[str, ...]
    geometries: tuple[bytes, ...]
    unmapped: tuple[UnmappedCrop, ...] = ()
    bands: tuple[str, ...] = BANDS

    def item(
        self, *, item_id: str, title: str, prefix: str | None = None, derived_from: Sequence[pystac.Item] = ()
    ) -> pystac.Item:  # fmt: skip
        """Describe the saved dataset as a STAC item; see `dataset_item`."""
        return dataset_item(
            self, item_id=item_id, title=title, prefix=prefix, derived_from=derived_from
        )

    def take(self, rows: NDArray[np.int64]) -> CropDataset:
        """Give the dataset of some of its parcels; classes and folds keep their numbers."""
        split = replace(
            self.split, folds=self.split.folds[rows], blocks=self.split.blocks[rows], groups=self.split.groups[rows]
        )  # fmt: skip
        return replace(
            self, samples=self.samples[rows], valid=self.valid[rows], labels=self.labels[rows], split=split,
            parcel_ids=self.parcel_ids[rows], hcat_codes=tuple(self.hcat_codes[row] for row in rows),
            geometries=tuple(self.geometries[row] for row in rows),
        )  # fmt: skip

    def training_rows(self, fold: int, *, guard_m: float = GUARD_M) -> NDArray[np.int64]:
        """Give the rows to train on when `fold` is tested: those of the other folds, without its neighbours.

        Parcels that nearly touch share pixels, weather and often the farmer; a model that trained on the one knows
        something of the other. So those within `guard_m` of a tested parcel are left out (buffered
        cross-validation, Roberts et al. 2017, doi 10.1111/ecog.02881).

        Parameters
        ----------
        fold
            The fold that is tested.
        guard_m
            Ground distance in metres.

        Examples
        --------
        >>> from extremeearth.data.products import simulate_field_archive
        >>> from extremeearth.processing.datasets import make_crop_dataset
        >>> archive = simulate_field_archive()
        >>> dataset = make_crop_dataset(
        ...     archive.parcels, archive.parcel_series, archive.national_crops
        ... )
        >>> rows = dataset.training_rows(0)
        >>> bool((dataset.folds[rows] != 0).all())
        True
        """
        tested = self.folds == fold
        near = within_m(shapely.from_wkb(list(self.geometries)), tested, guard_m, crs=LONLAT)
        return np.flatnonzero(~tested & ~near)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def folds(self) -> NDArray[np.int64]:
        """Fold of each parcel, int64 [n]."""
        return self.split.folds

    @property
    def days(self) -> NDArray[np.int64]:
        """Day of the year (1 to 366) of each date, int64 [t]."""
        first = self.dates.astype("datetime64[Y]").astype("datetime64[D]")
        days: NDArray[np.int64] = (self.dates.astype("datetime64[D]") - first).astype(np.int64) + 1
        return days

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of parcels of each class."""
        return tuple(np.bincount(self.labels, minlength=len(self.classes)).tolist())


def dataset_item(
    dataset: CropDataset,
    *,
    item_id: str,
    title: str,
    prefix: str | None = None,
    derived_from: Sequence[pystac.Item] = (),
    collection: str = DATASETS,
    shard_rows: int = SHARD_ROWS,
) -> pystac.Item:
    """Describe a saved dataset as a STAC item with a ``derived_from`` link to each source.

    Parameters
    ----------
    prefix
        Where it was saved; by default ``{collection}/{item_id}``.
    derived_from
        The items that the dataset was made of.

    Examples
    --------
    >>> from extremeearth.data.products import simulate_field_archive
    >>> from extremeearth.processing.datasets import make_crop_dataset
    >>> archive = simulate_field_archive()
    >>> dataset = make_crop_dataset(archive.parcels, archive.parcel_series, archive.national_crops)
    >>> item = dataset_item(dataset, item_id="crops", title="Crops")
    >>> item.properties["ee:rows"], item.assets["manifest"].href
    (301, 'object:training-datasets/crops/manifest.json')
    """
    import geopandas

    place = prefix or f"{collection}/{item_id}"
    frame = geopandas.GeoDataFrame(
        geometry=geopandas.GeoSeries.from_wkb(list(dataset.geometries)), crs="EPSG:4326"
    )
    files = {"manifest": ("manifest.json", "application/json", "metadata")} | {
        f"shard-{number:05d}": (name, PARQUET, "data")
        for number, name in enumerate(shard_names(len(dataset), shard_rows))
    }
    item = feature_item(
        frame,
        item_id=item_id,
        collection=collection,
        assets={
            key: pystac.Asset(href=href_of(f"{place}/{name}"), media_type=media, roles=[role])
            for key, (name, media, role) in files.items()
        },
        time=as_time_range(f"{dataset.dates[0]}/{dataset.dates[-1]}"),
        title=title,
        properties=_properties(dataset),
    )
    for source in derived_from:
        link_source(item, source)
    return item


def _properties(dataset: CropDataset) -> dict[str, object]:
    return {
        "ee:rows": len(dataset),
        "ee:bands": list(dataset.bands),
        "ee:days": dataset.days.tolist(),
        "ee:classes": [
            asdict(crop) | {"count": count}
            for crop, count in zip(dataset.classes, dataset.counts, strict=True)
        ],
        "ee:folds": len(dataset.split.distance_m),
        "ee:fold_min_distance_m": round(dataset.split.min_distance_m, 2),
        "ee:block_m": dataset.split.block_m,
        "ee:unmapped_crops": [
            f"{crop.crop_code} {crop.crop_name}: {crop.parcels}" for crop in dataset.unmapped
        ],
    }


def shard_names(rows: int, shard_rows: int) -> list[str]:
    """Name the shards of a saved dataset, relative to its prefix.

    Examples
    --------
    >>> shard_names(200, 128)
    ['shards/00000.parquet', 'shards/00001.parquet']
    """
    return [f"shards/{number:05d}.parquet" for number in range(-(-rows // shard_rows))]


def link_source(item: pystac.Item, source: pystac.Item) -> None:
    """Add a ``derived_from`` link; the catalogue keeps it as the source's collection and name.

    Examples
    --------
    >>> from extremeearth.core.times import as_instant
    >>> one, two = (pystac.Item(name, None, None, as_instant("2018-05-01"), {}) for name in "ab")
    >>> link_source(one, two)
    >>> one.links[-1].rel
    'derived_from'
    """
    item.add_link(pystac.Link("derived_from", source, media_type="application/geo+json"))
