"""How yield answers to water: the FAO model AquaCrop, through the library `aquacrop`."""

from __future__ import annotations

import contextlib
import io
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from extremeearth.core.errors import DataBrokenError, InputError, NoDataError
from extremeearth.processing.water.evapotranspiration import (
    NEEDED,
    checked_weather,
    reference_evapotranspiration,
)
from extremeearth.processing.water.soils import Soil

__all__ = ["YieldResponse", "yield_response"]

AQUACROP_SOILS = {
    "sand": "Sand",
    "loamy-sand": "LoamySand",
    "sandy-loam": "SandyLoam",
    "loam": "Loam",
    "silt-loam": "SiltLoam",
    "silt": "Silt",
    "silty-clay-loam": "SiltClayLoam",
    "silty-clay": "SiltClay",
    "clay": "Clay",
}
WARMEST_C = 26.0  # growth does not gain above (upper temperature of wheat in AquaCrop)
# Degree days of AquaCrop's wheat from sowing to each stage; overwintered wheat has emerged already.
STAGES = {
    "Emergence": 30.0, "MaxRooting": 864.0, "HIstart": 1250.0, "Flowering": 200.0,
    "YldForm": 1100.0, "Senescence": 1700.0, "Maturity": 2400.0,
}  # fmt: skip
RATES = {"CGC": 0.005001, "CDC": 0.004}  # growth and decline of the canopy per degree day
CANOPY_MOST = 0.96
CANOPY_EXTINCTION = 0.65
REFILL_TARGETS = (60, 60, 60, 60)  # per cent of available water that irrigation keeps, per stage
LEAST_DAYS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class YieldResponse:
    """What AquaCrop says of one season.

    Attributes
    ----------
    yield_t_ha, biomass_t_ha
        Dry grain, and dry matter above ground, in tonnes per hectare.
    potential_t_ha
        Dry grain without lack of water.
    irrigation_mm, transpiration_mm, evaporation_mm
        Sums over the season.
    """

    yield_t_ha: float
    biomass_t_ha: float
    potential_t_ha: float
    irrigation_mm: float
    transpiration_mm: float
    evaporation_mm: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Season:
    """What AquaCrop gives of a season: its totals, and growth and water day by day."""

    totals: pd.Series
    growth: pd.DataFrame
    water: pd.DataFrame


def yield_response(
    weather: pd.DataFrame,
    *,
    latitude_deg: float,
    elevation_m: float,
    soil: Soil,
    maturity: Any,
    irrigated: bool = False,
    lai_max: float | None = None,
    et0_mm: pd.Series | None = None,
) -> YieldResponse:
    """Simulate growth and yield of wheat from the first day of the weather to maturity.

    The run starts with overwintered plants on soil at field capacity. AquaCrop's wheat (calibrated elsewhere) is fitted
    to the season in one way only: its degree days to each stage are scaled so that it is ripe at `maturity`.
    Nothing is fitted to measured yields; diseases, nitrogen, lodging and hail are not in the model.

    Parameters
    ----------
    weather
        As for :func:`~extremeearth.processing.water.water_balance`.
    latitude_deg, elevation_m
        Place of the field.
    soil
        One of :data:`~extremeearth.processing.water.SOILS`.
    maturity
        Day on which the crop was, or will be, ripe.
    irrigated
        Whether irrigation keeps 60 % of the available water.
    lai_max
        Greatest leaf area index of the field, if known: bounds the canopy cover by Beer's law.
    et0_mm
        Reference evapotranspiration by date, if known.

    Raises
    ------
    NoDataError
        The weather does not reach from at least 60 days before maturity to maturity.
    InputError
        The soil is none of the presets, or the weather is impossible.
    DataBrokenError
        AquaCrop gave no yield.

    Examples
    --------
    >>> from extremeearth.processing.water import SOILS
    >>> days = pd.date_range("2018-03-01", "2018-07-31")
    >>> weather = pd.DataFrame(
    ...     {
    ...         "date": days,
    ...         "tmin_c": 8.0,
    ...         "tmax_c": 19.0,
    ...         "tmean_c": 13.5,
    ...         "humidity": 0.7,
    ...         "wind_m_s": 2.5,
    ...         "radiation_mj_m2": 18.0,
    ...         "rain_mm": 0.5,
    ...     }
    ... )
    >>> dry = yield_response(
    ...     weather, latitude_deg=48.4, elevation_m=480.0, soil=SOILS["sand"], maturity="2018-07-25"
    ... )
    >>> wet = yield_response(
    ...     weather,
    ...     latitude_deg=48.4,
    ...     elevation_m=480.0,
    ...     soil=SOILS["sand"],
    ...     maturity="2018-07-25",
    ...     irrigated=True,
    ... )
    >>> dry.yield_t_ha < wet.yield_t_ha, wet.irrigation_mm > 0
    (True, True)
    """
    if soil.name not in AQUACROP_SOILS:
        raise InputError(
            f"AquaCrop knows no soil '{soil.name}'.",
            hint=f"Take one of {', '.join(AQUACROP_SOILS)}.",
        )
    if lai_max is not None and not lai_max > 0:
        raise InputError(f"A crop with leaf area {lai_max} does not grow.", hint="Leave it out.")
    table = checked_weather(weather, needed=(*NEEDED, "rain_mm"))
    ripe = _day_of_maturity(maturity, table)
    if et0_mm is None:
        et0_mm = reference_evapotranspiration(
            weather, latitude_deg=latitude_deg, elevation_m=elevation_m
        )
    return _response(
        _run(
            _daily(table, et0_mm),
            soil=AQUACROP_SOILS[soil.name],
            crop=_wheat(table, ripe, lai_max),
            irrigated=irrigated,
        )
    )


def _day_of_maturity(maturity: Any, table: pd.DataFrame) -> pd.Timestamp:
    """Give the day of maturity, if the weather reaches far enough before it and up to it."""
    ripe = pd.Timestamp(maturity).normalize()
    if not table.index[0] + pd.Timedelta(days=LEAST_DAYS) <= ripe <= table.index[-1]:
        raise NoDataError(
            f"The weather from {table.index[0].date()} to {table.index[-1].date()} does not hold "
            f"the {LEAST_DAYS} days before {ripe.date()}.",
            hint="Give the weather of the whole season.",
        )
    return ripe


def _daily(table: pd.DataFrame, et0_mm: pd.Series) -> pd.DataFrame:
    """Write the weather as AquaCrop reads it."""
    daily = pd.DataFrame(
        {
            "MinTemp": table["tmin_c"],
            "MaxTemp": table["tmax_c"],
            "Precipitation": table["rain_mm"],
            # AquaCrop divides by it.
            "ReferenceET": et0_mm.reindex(table.index).clip(lower=0.1),
            "Date": table.index,
        }
    ).reset_index(drop=True)
    if daily.isna().any(axis=None):
        raise InputError("The weather has missing values.", hint="Fill them first.")
    return daily


def _response(season: _Season) -> YieldResponse:
    values = {
        "yield_t_ha": float(season.totals["Dry yield (tonne/ha)"]),
        "biomass_t_ha": float(season.growth["biomass"].max()) / 100,  # g/m2
        "potential_t_ha": float(season.totals["Yield potential (tonne/ha)"]),
        "irrigation_mm": float(season.totals["Seasonal irrigation (mm)"]),
        "transpiration_mm": float(season.water["Tr"].sum()),
        "evaporation_mm": float(season.water["Es"].sum()),
    }
    if not np.isfinite(list(values.values())).all():
        raise DataBrokenError("AquaCrop gave no yield.", hint="Check the weather for odd values.")
    return YieldResponse(**{name: round(value, 3) for name, value in values.items()})


def _wheat(table: pd.DataFrame, ripe: pd.Timestamp, lai_max: float | None) -> dict[str, Any]:
    """Parameters of wheat that is ripe on the day: degree days scaled, rates against them."""
    season = table.loc[: ripe - pd.Timedelta(days=1)]
    warm = season[["tmin_c", "tmax_c"]].clip(0.0, WARMEST_C).mean(axis=1)
    scale = float(warm.sum()) / STAGES["Maturity"]
    if scale <= 0:
        raise InputError("The season has no day above freezing.", hint="Check the temperatures.")
    canopy = CANOPY_MOST
    if lai_max is not None:
        canopy = min(CANOPY_MOST, float(-np.expm1(-CANOPY_EXTINCTION * lai_max)))
    end = min(ripe + pd.Timedelta(days=5), table.index[-1])
    return {
        "c_name": "WheatGDD",
        "planting_date": f"{table.index[0]:%m/%d}",
        "harvest_date": f"{end:%m/%d}",
        "CCx": canopy,
        **{name: value * scale for name, value in STAGES.items()},
        **{name: value / scale for name, value in RATES.items()},
    }


def _run(daily: pd.DataFrame, *, soil: str, crop: dict[str, Any], irrigated: bool) -> _Season:
    """Run the library, keeping its words and warnings to itself."""
    first, last = daily["Date"].iloc[0], daily["Date"].iloc[-1]
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        from aquacrop import AquaCropModel, Crop, InitialWaterContent, IrrigationManagement
        from aquacrop import Soil as AquaSoil

        management = (
            IrrigationManagement(irrigation_method=1, SMT=list(REFILL_TARGETS))
            if irrigated
            else IrrigationManagement(irrigation_method=0)
        )
        model = AquaCropModel(
            f"{first:%Y/%m/%d}",
            f"{last:%Y/%m/%d}",
            daily,
            AquaSoil(soil),
            Crop(**crop),
            InitialWaterContent(value=["FC"]),
            irrigation_management=management,
        )
        model.run_model(till_termination=True)
        seasons = model.get_simulation_results()
        growth, water = model.get_crop_growth(), model.get_water_flux()
    if len(seasons) == 0:
        raise DataBrokenError(
            "AquaCrop did not finish a season.", hint="Check the weather's dates."
        )
    return _Season(totals=seasons.iloc[0], growth=growth, water=water)
