"""From reflectance to measures of the ground: clear pixels, leaf area index, daily curves."""

from extremeearth.processing.preprocessing.canopy import canopy_reflectance, leaf_angle_shares
from extremeearth.processing.preprocessing.clouds import clear_mask, is_snow
from extremeearth.processing.preprocessing.curves import daily_curve
from extremeearth.processing.preprocessing.lai import LAI_FLAGS, lai_curve, retrieve_lai
from extremeearth.processing.preprocessing.leaf import LeafConstants, leaf_constants, leaf_optics
from extremeearth.processing.preprocessing.network import (
    LaiEstimate,
    LaiNetwork,
    lai_network,
    network_inputs,
)
from extremeearth.processing.preprocessing.parcels import (
    field_mean_lai,
    interpolated_dates,
    subtract_dark_objects,
)
from extremeearth.processing.preprocessing.simulation import (
    INPUT_BANDS,
    CanopySample,
    simulate_canopies,
)
from extremeearth.processing.preprocessing.sun import sun_position

__all__ = [
    "INPUT_BANDS",
    "LAI_FLAGS",
    "CanopySample",
    "LaiEstimate",
    "LaiNetwork",
    "LeafConstants",
    "canopy_reflectance",
    "clear_mask",
    "daily_curve",
    "field_mean_lai",
    "interpolated_dates",
    "is_snow",
    "lai_curve",
    "lai_network",
    "leaf_angle_shares",
    "leaf_constants",
    "leaf_optics",
    "network_inputs",
    "retrieve_lai",
    "simulate_canopies",
    "subtract_dark_objects",
    "sun_position",
]
