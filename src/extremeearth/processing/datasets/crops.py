"""Crop classes from declared crop codes: the crop hierarchy rolled up until every class has enough parcels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from extremeearth.core.errors import InputError

__all__ = ["OTHER_HCAT", "CropClass", "CropGrouping", "group_crops"]

OTHER_HCAT = "3399000000"
"""HCAT 3 code of `not_known_and_other`."""

HCAT_DIGITS = 10
MAIN_GROUP_DIGITS = 4
"""Digits of HCAT's main groups (arable crops, grassland, ...); arable crops alone say too little for a class."""

SAME_CROP: Mapping[str, str] = {"3301090400": "3301010600"}
"""Silage maize is filed under plants harvested green, grain maize under cereals: one crop in the field, two uses."""

_SHORT_NAMES: Mapping[str, str] = {
    "3301010000": "cereals",
    "3301010101": "winter wheat",
    "3301010600": "maize",
    "3301060401": "winter rapeseed",
    "3301090300": "green legumes",
    "3302000000": "grassland",
    OTHER_HCAT: "other",
}
"""Names for a legend where HCAT's own are long."""

_NODE_NAMES: Mapping[str, str] = {
    "3301010000": "cereal",
    "3301090300": "legumes_harvested_green",
    OTHER_HCAT: "not_known_and_other",
}
"""HCAT names of inner nodes that pooled crops end at, for callers without the whole taxonomy."""

_COLOURS: Mapping[str, str] = {
    "3302000000": "#6ab04c",
    "3301010101": "#e6b422",
    "3301010600": "#d35400",
    "3301010401": "#8e5ea2",
    "3301010402": "#c39bd3",
    "3301010000": "#a0703c",
    "3301060401": "#f7e01e",
    "3301090303": "#1f8a70",
    "3301090300": "#1f8a70",
    OTHER_HCAT: "#9aa0a6",
}
_SPARE_COLOURS = (
    "#1b6ca8", "#e84393", "#00a8a8", "#b71540", "#574b90", "#3dc1d3", "#786fa6", "#c44569", "#546de5", "#e15f41",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CropClass:
    """One class of a crop map.

    Attributes
    ----------
    name
        Short name for a legend.
    hcat_code, hcat_name
        Node of the Hierarchical Crop and Agriculture Taxonomy (HCAT 3) that the class stands for.
    colour
        ``#rrggbb``.

    Examples
    --------
    >>> CropClass(
    ...     name="maize", hcat_code="3301010600", hcat_name="grain_maize", colour="#d35400"
    ... ).name
    'maize'
    """

    name: str
    hcat_code: str
    hcat_name: str
    colour: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CropGrouping:
    """Which class each parcel belongs to.

    Attributes
    ----------
    classes
        By number of parcels, largest first; "other" last.
    labels
        Index into `classes` for each parcel.
    """

    classes: tuple[CropClass, ...]
    labels: tuple[int, ...]


def _ancestors(code: str) -> Iterable[str]:
    """Give the code and the nodes above it, two digits at a time, down to the main group."""
    for digits in range(HCAT_DIGITS, MAIN_GROUP_DIGITS - 1, -2):
        yield code[:digits].ljust(HCAT_DIGITS, "0")


def _level(code: str) -> int:
    return len(code.rstrip("0") or "0") + len(code.rstrip("0")) % 2


def group_crops(
    codes: Sequence[str | None],
    *,
    names: Mapping[str, str],
    min_parcels: int = 10,
    same_crop: Mapping[str, str] = SAME_CROP,
) -> CropGrouping:
    """Group crops by climbing the hierarchy until a node has at least `min_parcels` parcels.

    A crop with enough parcels is a class. The rest moves up one node of HCAT at a time and is pooled there
    with its kin; what arrives at "arable crops" or higher without company becomes "other". Grassland is a
    main group with no nodes below, and is a class as soon as it has enough parcels.

    Parameters
    ----------
    codes
        HCAT 3 code of each parcel, ten digits; `None` where the declared crop has no code.
    names
        HCAT names by code.
    min_parcels
        Fewest parcels of a class.
    same_crop
        Codes to be taken as another code before grouping.

    Raises
    ------
    InputError
        A code is not of HCAT 3, or fewer than two classes would remain.

    Examples
    --------
    >>> codes = ["3301010101"] * 4 + ["3301010301", "3301011001", "3301010801", None]
    >>> names = {"3301010101": "winter_common_soft_wheat", "3301010000": "cereal"}
    >>> grouping = group_crops(codes, names=names, min_parcels=3)
    >>> [c.name for c in grouping.classes]
    ['winter wheat', 'other cereals', 'other']
    >>> grouping.labels
    (0, 0, 0, 0, 1, 1, 1, 2)
    """
    for code in set(codes) - {None}:
        if code is None or len(code) != HCAT_DIGITS or not code.isdigit():
            raise InputError(f"'{code}' is not an HCAT 3 code.", hint="Codes have ten digits.")
    nodes = [None if code is None else same_crop.get(code, code) for code in codes]
    found: Counter[str] = Counter()
    whole = set(nodes)
    for digits in range(HCAT_DIGITS, MAIN_GROUP_DIGITS - 1, -2):
        counts = Counter(n for n in nodes if n is not None and n not in found and n != OTHER_HCAT)
        found.update({
            node: count
            for node, count in counts.items()
            if count >= min_parcels and (_level(node) > MAIN_GROUP_DIGITS or node in whole)
        })  # fmt: skip
        nodes = [
            n if n is None or n in found or _level(n) < digits else n[: digits - 2].ljust(HCAT_DIGITS, "0")
            for n in nodes
        ]  # fmt: skip
    order = sorted(found, key=lambda node: (-found[node], node))
    if len(order) < 2:
        raise InputError(
            f"Only {len(order)} crop has {min_parcels} parcels or more.",
            hint="Give more parcels, or a smaller min_parcels.",
        )
    index = {node: position for position, node in enumerate(order)}
    labels = tuple(index.get(n, len(order)) if n is not None else len(order) for n in nodes)
    if len(order) in labels:
        order.append(OTHER_HCAT)
    return CropGrouping(classes=_classes(order, names), labels=labels)


def _classes(order: Sequence[str], names: Mapping[str, str]) -> tuple[CropClass, ...]:
    spare = iter(_SPARE_COLOURS * (1 + len(order) // len(_SPARE_COLOURS)))
    classes = []
    for code in order:
        hcat_name = names.get(code, _NODE_NAMES.get(code, code))
        name = _SHORT_NAMES.get(code, hcat_name.replace("_", " "))
        if any(other != code and code in _ancestors(other) for other in order):
            name = f"other {name}"
        colour = _COLOURS.get(code) or next(spare)
        classes.append(CropClass(name=name, hcat_code=code, hcat_name=hcat_name, colour=colour))
    return tuple(classes)
