"""How a crop dataset is made: parcels joined with their series, crops grouped, ground dealt to folds."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from extremeearth.core.errors import CrsError, DataBrokenError, NoDataError
from extremeearth.core.reference_systems import as_crs
from extremeearth.processing.datasets.crop_dataset import CropDataset, UnmappedCrop
from extremeearth.processing.datasets.crops import group_crops
from extremeearth.processing.datasets.folds import spatial_folds
from extremeearth.processing.datasets.series import series_arrays

__all__ = ["hcat_of", "make_crop_dataset"]


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
    >>> from extremeearth.processing.datasets import BANDS
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
    _check_parcels(parcels)
    used = parcels[parcels["parcel_id"].isin(series["parcel_id"])].sort_values("parcel_id")
    if used.empty:
        raise NoDataError(
            "No parcel has a series.", hint="Check that parcel_id means the same in both tables."
        )
    codes = hcat_of(used["crop_code"], national_crops)
    grouping = group_crops(
        codes, names=_crop_names(national_crops, taxonomy), min_parcels=min_parcels
    )
    labels = np.array(grouping.labels, dtype=np.int64)
    ids = used["parcel_id"].to_numpy(dtype=np.int64)
    samples, valid, dates = series_arrays(series, ids)
    split = spatial_folds(
        used.geometry.to_numpy(),
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


def _check_parcels(parcels: Any) -> None:
    lacking = {"parcel_id", "crop_code", "crop_name_de"} - set(parcels.columns)
    if lacking:
        raise DataBrokenError(f"The parcels lack {', '.join(sorted(lacking))}.")
    if parcels.crs is None:
        raise CrsError("The parcels have no reference system.", hint="Name it, e.g. EPSG:4326.")
    if parcels["parcel_id"].duplicated().any():
        raise DataBrokenError("A parcel is there twice.", hint="Give each parcel_id once.")


def _crop_names(national_crops: pd.DataFrame, taxonomy: pd.DataFrame | None) -> dict[str, str]:
    """Name each HCAT code; the taxonomy's word counts where there is one."""
    names: dict[str, str] = {}
    for table in (national_crops, taxonomy):
        if table is not None:
            names |= dict(zip(table["hcat_code"], table["hcat_name"], strict=True))
    return names


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
