"""What crops drink: reference evapotranspiration, soil water, irrigation need, yield."""

from extremeearth.processing.water.balance import (
    RAINFED,
    REFILL,
    Irrigation,
    season_totals,
    water_balance,
)
from extremeearth.processing.water.crops import CROPS, CropWater, basal_coefficient, crop_for
from extremeearth.processing.water.evapotranspiration import (
    DailyClimate,
    checked_weather,
    daily_climate,
    least_humidity,
    reference_evapotranspiration,
)
from extremeearth.processing.water.soils import SOILS, Soil
from extremeearth.processing.water.yields import YieldResponse, yield_response

__all__ = [
    "CROPS",
    "RAINFED",
    "REFILL",
    "SOILS",
    "CropWater",
    "DailyClimate",
    "Irrigation",
    "Soil",
    "YieldResponse",
    "basal_coefficient",
    "checked_weather",
    "crop_for",
    "daily_climate",
    "least_humidity",
    "reference_evapotranspiration",
    "season_totals",
    "water_balance",
    "yield_response",
]
