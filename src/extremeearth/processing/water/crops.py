"""How crops use water, and their coefficients from leaf area."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from extremeearth.core.errors import InputError

__all__ = ["CROPS", "CropWater", "basal_coefficient", "crop_for"]

BARE_COEFFICIENT = 0.15
"""Basal coefficient of dry bare soil, Kc min of FAO-56 equation 97."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CropWater:
    """What the water balance needs to know of a crop.

    Attributes
    ----------
    full_coefficient
        Basal coefficient at full cover in a moderate climate (Kcb mid of FAO-56, table 17).
    height_m
        Height when full grown (table 12).
    root_min_m, root_max_m
        Depth of roots in spring and when the canopy has closed (table 22, lower end for no stress).
    depletion_share
        Share of available water that can be used before growth suffers, at 5 mm/d (p of table 22).

    Raises
    ------
    InputError
        A number is not positive, or the roots end above where they begin.
    """

    name: str
    full_coefficient: float
    height_m: float
    root_min_m: float
    root_max_m: float
    depletion_share: float

    def __post_init__(self) -> None:
        if not (
            self.full_coefficient > BARE_COEFFICIENT
            and self.height_m > 0
            and 0 < self.root_min_m <= self.root_max_m
            and 0 < self.depletion_share < 1
        ):
            raise InputError(
                f"The crop '{self.name}' has an impossible number.",
                hint="Heights and depths are positive, the depletion share lies between 0 and 1.",
            )


def basal_coefficient(
    lai: ArrayLike, *, full: ArrayLike, bare: float = BARE_COEFFICIENT
) -> NDArray[np.float64]:
    """Compute the basal crop coefficient from leaf area: FAO-56 equation 97.

    ``Kcb = Kc_min + (Kcb_full - Kc_min) (1 - exp(-0.7 LAI))``.

    Parameters
    ----------
    lai
        Leaf area index in m2/m2.
    full
        Coefficient at full cover.
    bare
        Coefficient of dry bare soil.

    Examples
    --------
    >>> basal_coefficient([0.0, 1.0, 6.0], full=1.1).round(2).tolist()
    [0.15, 0.63, 1.09]
    """
    cover = -np.expm1(-0.7 * np.asarray(lai, dtype=np.float64))
    return bare + (np.asarray(full, dtype=np.float64) - bare) * cover


def _presets() -> dict[str, CropWater]:
    # FAO-56: Kcb mid (table 17), height (table 12), rooting depth and p (table 22). Crops sown in spring start with
    # the roots of a seedling, those sown in autumn or standing for years with 0.3 to 0.5 m.
    table = {
        "winter-wheat": (1.10, 1.0, 0.5, 1.5, 0.55),
        "winter-barley": (1.10, 1.0, 0.5, 1.2, 0.55),
        "spring-cereal": (1.10, 1.0, 0.3, 1.1, 0.55),
        "rye": (1.10, 1.2, 0.5, 1.4, 0.55),
        "maize": (1.15, 2.0, 0.3, 1.2, 0.55),
        "rapeseed": (1.00, 0.8, 0.5, 1.2, 0.60),
        "sunflower": (1.00, 2.0, 0.3, 1.1, 0.45),
        "sugar-beet": (1.15, 0.5, 0.3, 0.9, 0.55),
        "potato": (1.10, 0.6, 0.3, 0.5, 0.35),
        "soybean": (1.10, 0.7, 0.3, 0.9, 0.50),
        "pulse": (1.10, 0.5, 0.3, 0.8, 0.45),
        "clover": (1.10, 0.6, 0.5, 0.9, 0.50),
        "grass": (0.95, 0.3, 0.5, 0.7, 0.60),
        "hops": (1.00, 5.0, 0.6, 1.1, 0.50),
        "orchard": (0.90, 4.0, 0.8, 1.2, 0.50),
        "other": (1.05, 0.8, 0.4, 1.0, 0.50),
    }
    return {
        name: CropWater(
            name=name,
            full_coefficient=full,
            height_m=height,
            root_min_m=least,
            root_max_m=most,
            depletion_share=share,
        )
        for name, (full, height, least, most, share) in table.items()
    }


CROPS: Mapping[str, CropWater] = MappingProxyType(_presets())
"""Crops by name; `other` is what is taken for a crop that has no entry."""

# Parts of crop names in English and German, the special before the general.
_WORDS: tuple[tuple[str, str], ...] = (
    ("klee", "clover"), ("luzern", "clover"), ("clover", "clover"), ("alfalfa", "clover"),
    ("sommerweizen", "spring-cereal"), ("sommergerste", "spring-cereal"), ("spring", "spring-cereal"),
    ("hafer", "spring-cereal"), ("oat", "spring-cereal"),
    ("weizen", "winter-wheat"), ("wheat", "winter-wheat"), ("dinkel", "winter-wheat"),
    ("spelt", "winter-wheat"), ("triticale", "winter-wheat"),
    ("gerste", "winter-barley"), ("barley", "winter-barley"),
    ("roggen", "rye"), ("rye", "rye"),
    ("mais", "maize"), ("maize", "maize"), ("corn", "maize"),
    ("raps", "rapeseed"), ("rape", "rapeseed"), ("canola", "rapeseed"),
    ("sonnenblume", "sunflower"), ("sunflower", "sunflower"),
    ("zuckerrübe", "sugar-beet"), ("zuckerruebe", "sugar-beet"), ("beet", "sugar-beet"),
    ("rübe", "sugar-beet"), ("kartoffel", "potato"), ("potato", "potato"),
    ("soja", "soybean"), ("soy", "soybean"),
    ("erbse", "pulse"), ("bohne", "pulse"), ("pea", "pulse"), ("bean", "pulse"), ("lupin", "pulse"),
    ("wiese", "grass"), ("weide", "grass"), ("gras", "grass"), ("meadow", "grass"),
    ("pasture", "grass"), ("hopfen", "hops"), ("hop", "hops"),
    ("obst", "orchard"), ("orchard", "orchard"), ("apfel", "orchard"),
)  # fmt: skip


def crop_for(name: str) -> CropWater:
    """Find the crop that a declared name in English or German means; `other` where none is known.

    Examples
    --------
    >>> crop_for("Winterweizen (Weichweizen)").name
    'winter-wheat'
    >>> crop_for("Wiesen (einschl. Streuobstwiesen)").name
    'grass'
    >>> crop_for("Heil- und Gewürzpflanzen").name
    'other'
    """
    text = name.casefold()
    if text in CROPS:
        return CROPS[text]
    return CROPS[next((crop for word, crop in _WORDS if word in text), "other")]
