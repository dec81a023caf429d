"""A training dataset for crop types: reflectance series of parcels, their classes and spatial folds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from extremeearth.core.boxes import LONLAT, as_crs
from extremeearth.core.errors import CrsError, DataBrokenError, NoDataError
from extremeearth.processing.datasets.crops import CropClass, group_crops
from extremeearth.processing.datasets.folds import SpatialFolds, spatial_folds, within_m
from extremeearth.processing.datasets.series import BANDS, series_arrays

if TYPE_CHECKING:
    import pystac

__all__ = ["GUARD_M", "CropDataset", "UnmappedCrop", "hcat_of", "make_crop_dataset"]

GUARD_M = 10.0
"""Ground left free of training around tested parcels: a pixel of Sentinel-2's finest bands, wider than a track."""


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
        from extremeearth.processing.datasets.storage import dataset_item

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


def hcat_of(crop_codes: pd.Series[str], national_crops: pd.DataFrame) -> list[str | None]:
    """Look the HCAT 3 code of national crop codes up; leading zeros do not matter.

    Examples
    --------
    >>> crops = pd.DataFrame(
    ...     {"crop_code": ["56", "115"], "hcat_code": ["3399000000", "3301010101"]}
    ... )
    >>> hcat_of(pd.Series(["056", "115", "410"]), crops)
    ['3399000000', '3301010101', None]
    """
    table = {
        str(code).strip().lstrip("0"): str(hcat)
        for code, hcat in zip(national_crops["crop_code"], national_crops["hcat_code"], strict=True)
        if isinstance(hcat, str) and hcat
    }
    return [table.get(str(code).strip().lstrip("0")) for code in crop_codes]


def make_crop_dataset(
    parcels: Any,
    series: pd.DataFrame,
    national_crops: pd.DataFrame,
    *,
    taxonomy: pd.DataFrame | None = None,
    min_parcels: int = 10,
    folds: int = 5,
    block_m: float = 500.0,
    seed: int = 0,
) -> CropDataset:
    """Join parcels with their series, group the crops, and deal the parcels to spatial folds.

    Parameters
    ----------
    parcels
        GeoDataFrame with `parcel_id`, `crop_code`, `crop_name_de` and a geometry with CRS.
    series
        Columns `parcel_id`, `date` and the thirteen bands, reflectance 0 to 1.
    national_crops
        Columns `crop_code`, `hcat_code`, `hcat_name`: the national codes in HCAT 3.
    taxonomy
        Columns `hcat_code`, `hcat_name`: names of all nodes of HCAT 3, also of those no parcel declares.
    min_parcels
        Fewest parcels of a class; rarer crops are pooled (see `group_crops`).
    folds, block_m, seed
        See `spatial_folds`.

    Raises
    ------
    DataBrokenError
        A column is missing or a parcel is there twice.
    NoDataError
        No parcel has a series.
    CrsError
        The parcels have no reference system.

    Examples
    --------
    >>> import geopandas, shapely
    >>> squares = [shapely.box(x, 0, x + 50, 50) for x in range(500_000, 506_000, 100)]
    >>> parcels = geopandas.GeoDataFrame(
    ...     {
    ...         "parcel_id": range(60),
    ...         "crop_code": ["115", "451"] * 30,
    ...         "crop_name_de": ["a", "b"] * 30,
    ...     },
    ...     geometry=squares,
    ...     crs=32632,
    ... )
    >>> rows = pd.DataFrame(
    ...     {"parcel_id": range(60), "date": "2018-05-15", **{b: 0.1 for b in BANDS}}
    ... )
    >>> crops = pd.DataFrame(
    ...     {
    ...         "crop_code": ["115", "451"],
    ...         "hcat_code": ["3301010101", "3302000000"],
    ...         "hcat_name": ["ww", "grass"],
    ...     }
    ... )
    >>> dataset = make_crop_dataset(parcels, rows, crops)
    >>> (
    ...     dataset.samples.shape,
    ...     dataset.counts,
    ...     [c.name for c in dataset.classes],
    ...     dataset.days.tolist(),
    ... )
    ((60, 1, 13), (30, 30), ['winter wheat', 'grassland'], [135])
    """
    lacking = {"parcel_id", "crop_code", "crop_name_de"} - set(parcels.columns)
    if lacking:
        raise DataBrokenError(f"The parcels lack {', '.join(sorted(lacking))}.")
    if parcels.crs is None:
        raise CrsError("The parcels have no reference system.", hint="Name it, e.g. EPSG:4326.")
    if parcels["parcel_id"].duplicated().any():
        raise DataBrokenError("A parcel is there twice.", hint="Give each parcel_id once.")
    used = parcels[parcels["parcel_id"].isin(series["parcel_id"])].sort_values("parcel_id")
    if used.empty:
        raise NoDataError(
            "No parcel has a series.", hint="Check that parcel_id means the same in both tables."
        )
    codes = hcat_of(used["crop_code"], national_crops)
    names: dict[str, str] = {}
    for table in (national_crops, taxonomy):
        if table is not None:
            names |= dict(zip(table["hcat_code"], table["hcat_name"], strict=True))
    grouping = group_crops(codes, names=names, min_parcels=min_parcels)
    ids = used["parcel_id"].to_numpy(dtype=np.int64)
    samples, valid, dates = series_arrays(series, ids)
    geometries = used.geometry.to_numpy()
    labels = np.array(grouping.labels, dtype=np.int64)
    split = spatial_folds(
        geometries,
        labels,
        crs=as_crs(parcels.crs.to_wkt()),
        folds=folds,
        block_m=block_m,
        seed=seed,
    )
    return CropDataset(
        samples=samples, valid=valid, dates=dates, labels=labels, classes=grouping.classes, split=split,
        parcel_ids=ids, hcat_codes=tuple(code or "" for code in codes),
        geometries=tuple(used.geometry.to_crs(4326).to_wkb()), unmapped=_unmapped(used, codes),
    )  # fmt: skip


def _unmapped(used: Any, codes: list[str | None]) -> tuple[UnmappedCrop, ...]:
    without = Counter(
        (str(crop), str(name))
        for crop, name, code in zip(used["crop_code"], used["crop_name_de"], codes, strict=True)
        if code is None
    )
    return tuple(
        UnmappedCrop(crop_code=crop, crop_name=name, parcels=count)
        for (crop, name), count in sorted(without.items())
    )
