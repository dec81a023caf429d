"""How simulated crops grow and what they look like: leaf area over the year, and a mixture of spectra.

The curves are double logistic functions of the day of year (Beck et al. 2006, Remote Sensing of
Environment 100) with dates that are usual in southern Germany; the spectra are three end members, leaf
canopy, bare soil and dry residue, mixed by Beer's law. They are made up: good enough that a classifier
has something to learn, and nothing that a measurement may be compared with.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extremeearth.data.products.archive import PARCEL_BANDS

__all__ = ["CROPS", "HIERARCHY", "Crop", "cloudy", "leaf_area", "surface", "top_of_atmosphere"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """One simulated crop: its national code, its names, how common it is and how it grows.

    `rise` and `fall` are the days of year at which half of the leaf area has come and gone, `spread` the
    days either takes, `cuts` the days on which it is mown.
    """

    code: str
    name_de: str
    name_en: str
    hcat_code: str
    hcat_name: str
    share: float
    floor: float
    peak: float
    rise: float
    fall: float
    spread: float = 9.0
    cuts: tuple[float, ...] = ()
    residue: bool = True


CROPS = (
    Crop(code="451", name_de="Wiesen", name_en="Meadow", hcat_code="3302000000",
         hcat_name="pasture_meadow_grassland_grass", share=0.31, floor=1.2, peak=3.6, rise=100, fall=310,
         cuts=(138, 182, 226), residue=False),
    Crop(code="115", name_de="Winterweizen", name_en="Winter wheat", hcat_code="3301010101",
         hcat_name="winter_common_soft_wheat", share=0.21, floor=0.7, peak=5.6, rise=107, fall=189),
    Crop(code="411", name_de="Silomais", name_en="Silage maize", hcat_code="3301090400",
         hcat_name="green_silo_maize", share=0.11, floor=0.05, peak=5.2, rise=171, fall=252, residue=False),
    Crop(code="171", name_de="Körnermais", name_en="Grain maize", hcat_code="3301010600",
         hcat_name="grain_maize_corn_popcorn", share=0.09, floor=0.05, peak=4.6, rise=164, fall=270,
         residue=False),
    Crop(code="131", name_de="Wintergerste", name_en="Winter barley", hcat_code="3301010401",
         hcat_name="winter_barley", share=0.08, floor=0.9, peak=5.0, rise=98, fall=167),
    Crop(code="311", name_de="Winterraps", name_en="Winter rapeseed", hcat_code="3301060401",
         hcat_name="winter_rapeseed_rape", share=0.06, floor=1.6, peak=4.6, rise=92, fall=180),
    Crop(code="422", name_de="Kleegras", name_en="Clover grass", hcat_code="3301090303",
         hcat_name="clover", share=0.06, floor=1.6, peak=4.6, rise=90, fall=320, cuts=(128, 166, 206),
         residue=False),
    Crop(code="132", name_de="Sommergerste", name_en="Spring barley", hcat_code="3301010402",
         hcat_name="spring_barley", share=0.05, floor=0.1, peak=4.2, rise=128, fall=190),
    Crop(code="602", name_de="Kartoffeln", name_en="Potatoes", hcat_code="3301030000",
         hcat_name="potatoes", share=0.03, floor=0.05, peak=4.0, rise=150, fall=225, residue=False),
)  # fmt: skip
"""The crops of the simulation, the most common first; shares add up to 1."""

HIERARCHY = (
    ("3000000000", "characteristics"),
    ("3300000000", "crop_type"),
    ("3301000000", "arable_crops"),
    ("3301010000", "cereal"),
    ("3301010100", "common_soft_wheat"),
    ("3301010400", "barley"),
    ("3301060000", "industrial_nonfood_crops"),
    ("3301060400", "rapeseed_rape"),
    ("3301090000", "plants_harvested_green"),
    ("3301090300", "legumes_harvested_green"),
)
"""The classes of the EuroCrops hierarchy above those of `CROPS`."""

#                 B01   B02   B03   B04   B05   B06   B07   B08   B8A   B09   B10   B11   B12
_CANOPY = np.array([.020, .030, .070, .030, .100, .320, .420, .450, .470, .460, .001, .200, .090])  # fmt: skip
_SOIL = np.array([.080, .100, .130, .170, .190, .210, .230, .250, .270, .280, .001, .330, .280])  # fmt: skip
_RESIDUE = np.array([.100, .125, .170, .220, .250, .280, .310, .340, .360, .370, .001, .420, .340])  # fmt: skip
_PATH = np.array([.125, .085, .050, .030, .025, .020, .018, .015, .012, .005, .001, .004, .002])  # fmt: skip
_THROUGH = np.array([.75, .80, .85, .88, .90, .92, .93, .94, .95, .40, .01, .95, .94])  # fmt: skip
_CLOUD = np.array([.62, .62, .60, .61, .62, .63, .64, .64, .65, .35, .05, .48, .36])  # fmt: skip
assert _CANOPY.size == len(PARCEL_BANDS)


def leaf_area(crop: Crop, days: Floats, *, shift: Floats, vigour: Floats) -> Floats:
    """Give the leaf area index (m2/m2) of stands of one crop.

    Parameters
    ----------
    crop
        What grows.
    days
        Days of year, shape ``[t]``.
    shift, vigour
        Days by which each stand is late, and the factor on its peak; shape ``[n]``.

    Returns
    -------
    numpy.ndarray
        Shape ``[n, t]``.

    Examples
    --------
    >>> import numpy as np
    >>> wheat = next(crop for crop in CROPS if crop.code == "115")
    >>> lai = leaf_area(wheat, np.array([60.0, 150.0, 230.0]), shift=np.zeros(1), vigour=np.ones(1))
    >>> bool(lai[0, 1] > 5 > 1 > lai[0, 0]), bool(lai[0, 2] < 0.1)
    (True, True)
    """
    late = days[None, :] - shift[:, None]
    rise = 1.0 / (1.0 + np.exp(-(late - crop.rise) / crop.spread))
    fall = 1.0 / (1.0 + np.exp(-(late - crop.fall) / (crop.spread * 0.7)))
    lai = (crop.floor + (crop.peak * vigour[:, None] - crop.floor) * rise) * (1.0 - fall)
    for cut in crop.cuts:  # mown to the ground, grown again within about five weeks
        since = late - cut
        lai = np.where(since >= 0, lai * (0.15 + 0.85 * (1.0 - np.exp(-since / 13.0))), lai)
    return np.asarray(lai)


def surface(crop: Crop, days: Floats, lai: Floats, *, wetness: Floats) -> Floats:
    """Give the surface reflectance of stands in the 13 bands.

    Parameters
    ----------
    crop
        What grows; decides whether dry residue remains after the harvest.
    days
        Days of year, shape ``[t]``.
    lai
        Leaf area index, shape ``[n, t]``.
    wetness
        Factor that darkens the soil of each stand, shape ``[n]``.

    Returns
    -------
    numpy.ndarray
        Shape ``[n, t, 13]``, 0 to 1.
    """
    covered = (1.0 - np.exp(-0.55 * lai))[..., None]
    dry = 1.0 / (1.0 + np.exp(-(days - crop.fall) / 4.0)) if crop.residue else np.zeros_like(days)
    ground = dry[None, :, None] * _RESIDUE + (1.0 - dry[None, :, None]) * _SOIL
    ground = ground * wetness[:, None, None]
    return np.asarray(covered * _CANOPY + (1.0 - covered) * ground)


def top_of_atmosphere(reflectance: Floats) -> Floats:
    """Lay a plain atmosphere (path radiance and transmission per band) over a surface."""
    return np.asarray(_PATH + _THROUGH * reflectance)


def cloudy(reflectance: Floats, *, cover: Floats) -> Floats:
    """Mix bright cloud in, by its cover from 0 to 1."""
    return np.asarray((1.0 - cover)[..., None] * reflectance + cover[..., None] * _CLOUD)
