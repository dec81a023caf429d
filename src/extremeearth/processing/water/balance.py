"""The water in the root zone, day by day (FAO-56, dual crop coefficient)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from extremeearth.core.errors import InputError, NoDataError
from extremeearth.processing.water.crops import BARE_COEFFICIENT, CropWater, basal_coefficient
from extremeearth.processing.water.evapotranspiration import DailyClimate, daily_climate
from extremeearth.processing.water.soils import Soil

__all__ = ["RAINFED", "REFILL", "Irrigation", "season_totals", "water_balance"]

ROOTS_GROWN_LAI = 3.0  # leaf area index at which roots have reached their depth
COLUMNS = (
    "date", "lai", "et0_mm", "kcb", "ke", "kc", "etc_mm", "rain_mm", "runoff_mm", "root_depth_m",
    "taw_mm", "raw_mm", "depletion_mm", "ks", "eta_mm", "irrigation_mm", "drainage_mm",
)  # fmt: skip
TOTALS = ("et0_mm", "etc_mm", "eta_mm", "rain_mm", "runoff_mm", "irrigation_mm", "drainage_mm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Irrigation:
    """When and how much is irrigated.

    Attributes
    ----------
    strategy
        ``"rainfed"``: never. ``"refill"``: on the morning on which depletion exceeds the readily available water,
        as much as fills the root zone. ``"schedule"``: what `scheduled` says.
    scheduled
        Millimetres by date, for ``"schedule"``; days without an entry get none.
    wetted_share
        Share of the ground that irrigation wets, above 0 to 1.
    least_lai
        With ``"refill"``, no irrigation on days with less green leaf: nobody waters bare soil or ripe grain.

    Raises
    ------
    InputError
        The wetted share is not above 0 to 1, or a schedule is missing or negative.
    """

    strategy: Literal["rainfed", "refill", "schedule"] = "rainfed"
    scheduled: pd.Series | None = None
    wetted_share: float = 1.0
    least_lai: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.wetted_share <= 1:
            raise InputError(
                f"Irrigation cannot wet {self.wetted_share} of the ground.", hint="Give 0 to 1."
            )
        if (self.strategy == "schedule") != (self.scheduled is not None):
            raise InputError(
                "A schedule of irrigation and the strategy 'schedule' go together.",
                hint="Give both or none.",
            )
        if self.scheduled is not None and not (self.scheduled >= 0).all():
            raise InputError("Irrigation cannot be negative.", hint="Correct the schedule.")


RAINFED = Irrigation()
"""No irrigation."""
REFILL = Irrigation(strategy="refill", least_lai=1.0)
"""Fill the root zone whenever the readily available water is used up and green leaves cover the ground."""


@dataclass(slots=True)
class _State:
    """Water missing in the root zone and in the surface layer, and how much of the ground is wetted."""

    depletion_mm: float
    surface_mm: float
    wetted_share: float = 1.0


def water_balance(
    weather: pd.DataFrame | DailyClimate,
    lai: pd.Series,
    *,
    latitude_deg: float,
    elevation_m: float,
    soil: Soil,
    crop: CropWater,
    irrigation: Irrigation = RAINFED,
    initial_depletion_mm: float = 0.0,
    et0_mm: pd.Series | None = None,
) -> pd.DataFrame:
    """Compute evapotranspiration, soil water and irrigation need of one field for each day.

    FAO-56 (Allen et al. 1998) with the dual crop coefficient: transpiration by the basal coefficient from leaf area
    (equation 97), evaporation from the wetted surface (equations 71 to 77), water stress below readily available water
    (equations 82 to 84), root-zone balance (equation 85), runoff by curve number. Roots deepen with the
    greatest leaf area so far; the soil that they reach is taken to be at field capacity.

    Parameters
    ----------
    weather
        One station, one row per day: the columns of :func:`reference_evapotranspiration` and `rain_mm`; or what
        :func:`daily_climate` made of it, which saves time where many fields share a station.
    lai
        Leaf area index by date; every day from its first to its last that the weather covers is computed.
    latitude_deg, elevation_m
        Place of the field.
    soil, crop
        See :data:`SOILS`, :data:`CROPS`.
    irrigation
        :data:`RAINFED`, :data:`REFILL` or a schedule.
    initial_depletion_mm
        Water missing in the root zone before the first day; 0 is field capacity.
    et0_mm
        Reference evapotranspiration by date where it is known; else computed by Penman-Monteith.

    Returns
    -------
    pandas.DataFrame
        Per day `date`, `lai`, `et0_mm`, `kcb`, `ke`, `kc` (their sum), `etc_mm` (potential), `rain_mm`, `runoff_mm`,
        `root_depth_m`, `taw_mm`, `raw_mm`, `depletion_mm` (at day's end), `ks`, `eta_mm` (actual), `irrigation_mm`,
        `drainage_mm`. Each day depletion changes by ``-(rain - runoff) - irrigation + eta + drainage``.

    Raises
    ------
    NoDataError
        Weather and leaf area share no day.
    InputError
        Something is missing, negative or impossible.

    Examples
    --------
    >>> from extremeearth.processing.water import CROPS, SOILS
    >>> days = pd.date_range("2018-06-01", periods=30)
    >>> weather = pd.DataFrame(
    ...     {
    ...         "date": days,
    ...         "tmin_c": 12.0,
    ...         "tmax_c": 24.0,
    ...         "tmean_c": 18.0,
    ...         "humidity": 0.65,
    ...         "wind_m_s": 2.0,
    ...         "radiation_mj_m2": 22.0,
    ...         "rain_mm": 0.0,
    ...     }
    ... )
    >>> balance = water_balance(
    ...     weather,
    ...     pd.Series(4.0, index=days),
    ...     latitude_deg=48.4,
    ...     elevation_m=480.0,
    ...     soil=SOILS["sand"],
    ...     crop=CROPS["winter-wheat"],
    ...     irrigation=REFILL,
    ... )
    >>> bool(balance.irrigation_mm.sum() > 50), bool((balance.ks == 1).all())
    (True, True)
    """
    climate = (
        weather
        if isinstance(weather, DailyClimate)
        else daily_climate(
            weather, latitude_deg=latitude_deg, elevation_m=elevation_m, et0_mm=et0_mm
        )
    )
    if initial_depletion_mm < 0:
        raise InputError("A depletion cannot be negative.", hint="Give 0 for field capacity.")
    days, leaves, shared = _shared_days(climate, lai)
    adjusted = 0.04 * (climate.wind_m_s[shared].clip(1, 6) - 2) - 0.004 * (
        climate.least_humidity[shared].clip(20, 80) - 45
    )
    adjusted = adjusted * (crop.height_m / 3) ** 0.3
    kcb = basal_coefficient(leaves, full=crop.full_coefficient + adjusted)
    grown = np.minimum(np.maximum.accumulate(leaves) / ROOTS_GROWN_LAI, 1.0)
    given = {
        "lai": leaves,
        "et0_mm": climate.et0_mm[shared],
        "kcb": kcb,
        # Equation 72: evaporation and transpiration together cannot exceed this.
        "kc_max": np.maximum(1.2 + adjusted, kcb + 0.05),
        "rain_mm": climate.rain_mm[shared],
        "root_depth_m": crop.root_min_m + (crop.root_max_m - crop.root_min_m) * grown,
        "scheduled": _scheduled(irrigation, days),
    }
    rows = _steps(
        given, soil=soil, crop=crop, irrigation=irrigation, depletion_mm=initial_depletion_mm
    )
    found = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    whole = given | found | {"date": days, "kc": kcb + found["ke"]}
    return pd.DataFrame({name: whole[name] for name in COLUMNS})


def _shared_days(
    climate: DailyClimate, lai: pd.Series
) -> tuple[pd.DatetimeIndex, NDArray[np.float64], slice]:
    """Days that weather and leaf area share, the leaf area on them, and where they are in the weather."""
    leaves = lai.set_axis(pd.DatetimeIndex(lai.index).normalize()).dropna()
    days = climate.days.intersection(pd.DatetimeIndex(leaves.index)).sort_values()
    if days.empty:
        raise NoDataError(
            f"Weather ({climate.days[0].date()} to {climate.days[-1].date()}) and leaf area share no day.",
            hint="Choose a time frame that both cover.",
        )
    if len(days) != (days[-1] - days[0]).days + 1:
        raise InputError("The leaf area index has gaps.", hint="Draw a daily curve first.")
    if not leaves.index.is_unique:
        raise InputError("The leaf area index has two values on a day.", hint="Keep one.")
    values = leaves.reindex(days).to_numpy(dtype=np.float64)
    if not (values >= 0).all():
        raise InputError("A leaf area index is negative.", hint="Clip it at 0.")
    first = int((days[0] - climate.days[0]).days)
    return days, values, slice(first, first + len(days))


def _scheduled(irrigation: Irrigation, days: pd.DatetimeIndex) -> NDArray[np.float64]:
    if irrigation.scheduled is None:
        return np.zeros(len(days))
    dated = irrigation.scheduled.set_axis(pd.DatetimeIndex(irrigation.scheduled.index).normalize())
    return dated.groupby(level=0).sum().reindex(days).fillna(0.0).to_numpy(dtype=np.float64)


def _steps(
    given: dict[str, NDArray[np.float64]],
    *,
    soil: Soil,
    crop: CropWater,
    irrigation: Irrigation,
    depletion_mm: float,
) -> list[dict[str, float]]:
    first_mm = soil.available_mm_per_m * float(given["root_depth_m"][0])
    state = _State(depletion_mm=min(depletion_mm, first_mm), surface_mm=0.0)
    return [
        _step(
            state,
            dict(zip(given, values, strict=True)),
            soil=soil,
            crop=crop,
            irrigation=irrigation,
        )
        for values in zip(*(column.tolist() for column in given.values()), strict=True)
    ]


def _runoff_mm(rain_mm: float, curve_number: float | None) -> float:
    """Runoff of one day's rain by the curve-number method (USDA NEH 630, chapter 10)."""
    if curve_number is None:
        return 0.0
    storage = 254.0 * (100.0 / curve_number - 1.0)
    excess = max(rain_mm - 0.2 * storage, 0.0)
    return excess * excess / (rain_mm + 0.8 * storage) if excess else 0.0


def _step(
    state: _State, day: dict[str, float], *, soil: Soil, crop: CropWater, irrigation: Irrigation
) -> dict[str, float]:
    """Move the state on by one day and tell what happened."""
    et0, kcb = day["et0_mm"], day["kcb"]
    taw = soil.available_mm_per_m * day["root_depth_m"]
    # The crop bears less depletion on days of high demand (FAO-56 table 22, footnote).
    share = min(max(crop.depletion_share + 0.04 * (5.0 - kcb * et0), 0.1), 0.8)
    raw = share * taw
    water = day["scheduled"]
    thirsty = state.depletion_mm > raw and day["lai"] >= irrigation.least_lai
    if irrigation.strategy == "refill" and thirsty:
        water = state.depletion_mm
    runoff = _runoff_mm(day["rain_mm"], soil.curve_number)
    soaked = day["rain_mm"] - runoff
    missing = max(state.depletion_mm - water, 0.0)  # what the roots meet in the morning
    stress = 1.0 if missing <= raw else max((taw - missing) / (taw - raw), 0.0)
    ke = _evaporation(
        state, day, soil=soil, crop=crop, wet_mm=(soaked, water), irrigation=irrigation
    )
    potential = (kcb + ke) * et0
    actual = min((stress * kcb + ke) * et0, max(taw - state.depletion_mm + soaked + water, 0.0))
    after = state.depletion_mm - soaked - water + actual
    drainage = max(-after, 0.0)
    state.depletion_mm = after + drainage
    return {
        "ke": ke, "etc_mm": potential, "runoff_mm": runoff, "taw_mm": taw, "raw_mm": raw,
        "depletion_mm": state.depletion_mm, "ks": stress, "eta_mm": actual, "irrigation_mm": water,
        "drainage_mm": drainage,
    }  # fmt: skip


def _evaporation(
    state: _State,
    day: dict[str, float],
    *,
    soil: Soil,
    crop: CropWater,
    wet_mm: tuple[float, float],
    irrigation: Irrigation,
) -> float:
    """Coefficient of evaporation from the soil's surface, and the surface layer's own balance."""
    rain, water = wet_mm
    kcb, kc_max = day["kcb"], day["kc_max"]
    if rain >= 3.0:
        state.wetted_share = 1.0
    elif water > 0:
        state.wetted_share = irrigation.wetted_share
    bare_gap = max(kcb - BARE_COEFFICIENT, 0.0) / max(kc_max - BARE_COEFFICIENT, 0.01)
    cover: float = bare_gap ** (1 + 0.5 * crop.height_m)  # equation 76
    exposed = max(min(1 - cover, state.wetted_share), 0.01)  # equation 75
    total, first = soil.evaporable_mm, min(soil.evaporable_first_mm, 0.99 * soil.evaporable_mm)
    before = max(state.surface_mm - rain - water / state.wetted_share, 0.0)
    drying: float = 1.0 if before <= first else max((total - before) / (total - first), 0.0)
    ke: float = max(min(drying * (kc_max - kcb), exposed * kc_max), 0.0)
    state.surface_mm = min(before + ke * day["et0_mm"] / exposed, total)
    return ke


def season_totals(balance: pd.DataFrame) -> dict[str, float]:
    """Sum a balance over its days.

    Returns
    -------
    dict
        The sums in mm, `max_depletion_mm`, `stress_days` (stress coefficient below 1) and `lai_max`.

    Examples
    --------
    >>> days = pd.DataFrame({name: [1.0, 2.0] for name in (*TOTALS, "depletion_mm", "lai")})
    >>> totals = season_totals(days.assign(ks=[1.0, 0.9]))
    >>> totals["etc_mm"], totals["stress_days"], totals["lai_max"]
    (3.0, 1.0, 2.0)
    """
    totals = {name: round(float(balance[name].sum()), 2) for name in TOTALS}
    return {
        **totals,
        "max_depletion_mm": round(float(balance["depletion_mm"].max()), 2),
        "stress_days": float((balance["ks"] < 1).sum()),
        "lai_max": round(float(balance["lai"].max()), 3),
    }
