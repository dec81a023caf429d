"""A value for every day from observations on some days."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from extremeearth.core.errors import InputError, NoDataError

__all__ = ["daily_curve"]

ENVELOPE_ROUNDS = 4
ENVELOPE_WEIGHT = 0.05
DAYS_MAX = 3660


def daily_curve(
    observed: pd.Series,
    *,
    start: Any = None,
    end: Any = None,
    smoothness: float = 30.0,
    bounds: tuple[float, float] = (0.0, 8.0),
    envelope: bool = False,
) -> pd.Series:
    """Draw a smooth daily curve through observations: a Whittaker smoother (Eilers 2003).

    Between observations the curve keeps its second difference small; before the first and after the last it stays at
    the first and last value, and it never leaves `bounds` nor exceeds the greatest observation by more than a tenth.

    Parameters
    ----------
    observed
        Values by date (DatetimeIndex, unique); NaN are left out.
    start, end
        First and last day of the curve; by default those of the observations.
    smoothness
        Weight of the second differences; 0.1 goes through each point, 1000 irons out a month.
    bounds
        Least and greatest value that is physically possible.
    envelope
        Draw along the upper edge: observations below the curve, as haze leaves them, lose weight.

    Returns
    -------
    pandas.Series
        float64, one value per day, named as `observed`, index `date`.

    Raises
    ------
    NoDataError
        There is no finite observation.
    InputError
        The dates are not unique, or the frame is reversed or longer than ten years.

    Examples
    --------
    >>> days = pd.to_datetime(["2018-04-01", "2018-04-11", "2018-04-21"])
    >>> curve = daily_curve(pd.Series([1.0, 2.0, 3.0], index=days), end="2018-04-30")
    >>> len(curve), round(float(curve["2018-04-06"]), 2), round(float(curve.iloc[-1]), 2)
    (30, 1.5, 3.0)
    """
    seen = observed.dropna().sort_index()
    if seen.empty:
        raise NoDataError(
            "There is no clear observation to draw a curve through.", hint="Widen the time frame."
        )
    dates = pd.DatetimeIndex(seen.index).normalize()
    if not dates.is_unique:
        raise InputError("Two observations share a date.", hint="Average them first.")
    first = dates[0] if start is None else pd.Timestamp(start).normalize()
    last = dates[-1] if end is None else pd.Timestamp(end).normalize()
    if last < first or (last - first).days > DAYS_MAX:
        raise InputError(
            f"A curve from {first.date()} to {last.date()} cannot be drawn.",
            hint="Give a start before the end, within ten years.",
        )
    inner = pd.date_range(dates[0], dates[-1], freq="D")
    places = (dates - dates[0]).days.to_numpy()
    values = seen.to_numpy(dtype=np.float64)
    smooth = _whittaker(len(inner), places, values, smoothness, envelope=envelope)
    top = min(bounds[1], max(float(values.max()) * 1.1, bounds[0]))
    curve = pd.Series(np.clip(smooth, bounds[0], top), index=inner)
    whole = curve.reindex(inner.union(pd.date_range(first, last, freq="D"))).ffill().bfill()
    daily: pd.Series = whole.loc[first:last].rename_axis("date")
    daily.name = observed.name
    return daily


def _whittaker(
    days: int, places: Any, values: Any, smoothness: float, *, envelope: bool
) -> NDArray[np.float64]:
    if days < 3:
        straight: NDArray[np.float64] = np.interp(np.arange(days), places, values)
        return straight
    weights = np.ones(len(values))
    curve = values
    for _ in range(ENVELOPE_ROUNDS if envelope else 1):
        weight, target = np.zeros(days), np.zeros(days)
        weight[places], target[places] = weights, weights * values
        curve = _solve_smoothing(weight, target, smoothness)
        weights = np.where(values < curve[places] - 0.05, ENVELOPE_WEIGHT, 1.0)
    return np.asarray(curve)


def _solve_smoothing(
    weight: NDArray[np.float64], target: NDArray[np.float64], smoothness: float
) -> NDArray[np.float64]:
    """Solve (W + s D'D) z = t for second differences D, by the band: U'DU elimination in one sweep.

    Plain numbers in a loop are faster here than a full solver, and do not wake all cores.
    """
    count = len(weight)
    second = np.diff(np.eye(3), n=2, axis=0)[0]  # 1, -2, 1
    bands = [np.zeros(count), np.zeros(count), np.zeros(count)]
    for place in range(3):
        for other in range(place, 3):
            bands[other - place][place : count - 2 + place] += second[place] * second[other]
    # A trace of first differences keeps the system well-posed with one or two observations.
    slope = 1e-6 / smoothness
    bands[0] += slope * np.r_[1.0, np.full(count - 2, 2.0), 1.0]
    bands[1][:-1] -= slope
    main = (smoothness * bands[0] + weight).tolist()
    near, far = (smoothness * bands[1]).tolist(), (smoothness * bands[2]).tolist()
    right = target.tolist()
    for row in range(count):
        for step, band in ((1, near), (2, far)):
            if row + step >= count:
                break
            share = band[row] / main[row]
            main[row + step] -= share * band[row]
            if step == 1 and row + 2 < count:
                near[row + 1] -= share * far[row]
            right[row + step] -= share * right[row]
    for row in range(count - 1, -1, -1):
        known = near[row] * right[row + 1] if row + 1 < count else 0.0
        known += far[row] * right[row + 2] if row + 2 < count else 0.0
        right[row] = (right[row] - known) / main[row]
    return np.array(right)
