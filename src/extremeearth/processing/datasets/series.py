"""From a table of parcel reflectances to the arrays that a network reads, clouds marked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from extremeearth.core.errors import DataBrokenError, InputError
from extremeearth.data.products import PARCEL_BANDS

__all__ = ["BANDS", "align_series", "clear_dates", "series_arrays"]

BANDS = PARCEL_BANDS
"""Sentinel-2's thirteen bands in the order of every sample."""

BLUE, GREEN, CIRRUS, SWIR = (BANDS.index(name) for name in ("B02", "B03", "B10", "B11"))
MAX_BLUE = 0.22
MAX_CIRRUS = 0.006
SNOW_NDSI, SNOW_GREEN = 0.42, 0.2


def clear_dates(samples: ArrayLike) -> NDArray[np.bool_]:
    """Tell which observations show the ground, from top-of-atmosphere reflectance alone.

    Three spectral tests, each of which marks an observation as not clear: bright in the blue (thick cloud, B02
    above 0.22), bright in the cirrus band, which sees nothing of the ground (thin high cloud, B10 above 0.006),
    and snow by the normalised difference snow index (B03 - B11) / (B03 + B11) above 0.42 with B03 above 0.2
    (Hall et al. 1995, doi 10.1016/0034-4257(95)00137-P). Cloud shadow is not tested for.

    Parameters
    ----------
    samples
        float [..., 13], reflectance 0 to 1 in the order of :data:`BANDS`.

    Returns
    -------
    numpy.ndarray of bool [...]
        True where clear; an observation with a missing band is not clear.

    Examples
    --------
    >>> ground = [0.12, 0.10, 0.10, 0.08, 0.12, 0.25, 0.30, 0.32, 0.34, 0.12, 0.001, 0.20, 0.11]
    >>> cloud = [0.50, 0.50, 0.49, 0.50, 0.52, 0.55, 0.56, 0.55, 0.57, 0.30, 0.010, 0.40, 0.35]
    >>> clear_dates([ground, cloud]).tolist()
    [True, False]
    """
    values = np.asarray(samples, dtype=np.float32)
    if values.shape[-1:] != (len(BANDS),):
        raise InputError(
            f"Samples have {values.shape[-1:]} bands in the last axis.",
            hint=f"Give {len(BANDS)}.",
        )
    known = np.isfinite(values).all(axis=-1)
    filled = np.where(np.isfinite(values), values, 0.0)
    green, swir = filled[..., GREEN], filled[..., SWIR]
    ndsi = (green - swir) / np.maximum(green + swir, 1e-6)
    snow = (ndsi > SNOW_NDSI) & (green > SNOW_GREEN)
    cloud = (filled[..., BLUE] > MAX_BLUE) | (filled[..., CIRRUS] > MAX_CIRRUS)
    return np.asarray(known & ~snow & ~cloud)


def series_arrays(
    series: pd.DataFrame, parcel_ids: Sequence[int] | NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.datetime64]]:
    """Turn the long table (one row per parcel and date) into arrays.

    Parameters
    ----------
    series
        Columns `parcel_id`, `date` and :data:`BANDS`, reflectance 0 to 1.
    parcel_ids
        Which parcels, in which order.

    Returns
    -------
    samples : float32 [n, t, 13]
        0 where nothing was observed.
    valid : bool [n, t]
        True where observed and clear.
    dates : datetime64[D] [t]
        All dates of the table, ascending.

    Raises
    ------
    DataBrokenError
        A column is missing, or a parcel has two rows on one date.

    Examples
    --------
    >>> rows = pd.DataFrame(
    ...     {"parcel_id": [7], "date": ["2018-05-15"], **{band: [0.1] for band in BANDS}}
    ... )
    >>> samples, valid, dates = series_arrays(rows, [7, 8])
    >>> samples.shape, valid[:, 0].tolist(), str(dates[0])
    ((2, 1, 13), [False, False], '2018-05-15')
    """
    missing = {"parcel_id", "date", *BANDS} - set(series.columns)
    if missing:
        raise DataBrokenError(
            f"The table of parcel series lacks {', '.join(sorted(missing))}.",
            hint="It needs parcel_id, date and the thirteen bands.",
        )
    ids = np.asarray(parcel_ids, dtype=np.int64)
    wanted = series[series["parcel_id"].isin(ids)]
    day = pd.to_datetime(wanted["date"]).to_numpy().astype("datetime64[D]")
    dates, column = np.unique(day, return_inverse=True)
    row = pd.Index(ids).get_indexer(pd.Index(wanted["parcel_id"]))
    if len(np.unique(row * max(len(dates), 1) + column)) != len(wanted):
        raise DataBrokenError(
            "A parcel has two rows on one date.", hint="Give one row per parcel and date."
        )
    samples = np.full((len(ids), len(dates), len(BANDS)), np.nan, dtype=np.float32)
    samples[row, column] = wanted[list(BANDS)].to_numpy(dtype=np.float32)
    valid = clear_dates(samples) if len(dates) else np.zeros(samples.shape[:2], dtype=bool)
    return np.nan_to_num(samples), valid, dates


def align_series(
    samples: NDArray[np.float32],
    valid: NDArray[np.bool_],
    *,
    dates: NDArray[np.datetime64],
    days: Sequence[int],
    tolerance_days: int = 8,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Put each observation on the model's date that is nearest within the year.

    Parameters
    ----------
    samples, valid, dates
        As :func:`series_arrays` gives them.
    days
        Days of the year (1 to 366) that a model was trained on, ascending.
    tolerance_days
        An observation further from every day of the model is left out.

    Returns
    -------
    samples : float32 [n, len(days), 13]
    valid : bool [n, len(days)]
        False where no observation came near; of several, the nearest clear one is taken.

    Examples
    --------
    >>> one = np.full((1, 1, 13), 0.1, dtype=np.float32)
    >>> _, valid = align_series(
    ...     one,
    ...     np.array([[True]]),
    ...     dates=np.array(["2019-05-17"], "datetime64[D]"),
    ...     days=[120, 135],
    ... )
    >>> valid.tolist()
    [[False, True]]
    """
    count = len(samples)
    target = np.zeros((count, len(days), samples.shape[-1]), dtype=np.float32)
    clear = np.zeros((count, len(days)), dtype=bool)
    seen = (dates - dates.astype("datetime64[Y]")).astype(int) + 1
    distance = np.abs(seen[:, None] - np.asarray(days)[None, :])
    # farthest first, so that the nearest clear observation is written last
    for source in np.argsort(-distance.min(axis=1), kind="stable") if len(days) else ():
        slot = int(np.argmin(distance[source]))
        if distance[source, slot] > tolerance_days:
            continue
        use = valid[:, source] | ~clear[:, slot]
        target[use, slot] = samples[use, source]
        clear[use, slot] |= valid[use, source]
    return target, clear
