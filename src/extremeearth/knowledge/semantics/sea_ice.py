"""The ready mapping for sea ice: charts with SIGRID-3 codes, and maps of ice classes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import geopandas as gpd
import pandas as pd

from extremeearth.core.errors import CrsError, InputError
from extremeearth.core.geodesy import area_m2
from extremeearth.knowledge.mapping import ClassifiedRaster, class_polygons
from extremeearth.knowledge.semantics._resources import read_resource

__all__ = [
    "ICE_STAGES", "ice_chart_sources", "ice_map_sources", "sea_ice_mapping", "sea_ice_ontology",
]  # fmt: skip

ICE_STAGES: Mapping[str, str] = MappingProxyType(
    {
        "74": "new lake ice", "75": "thin lake ice", "76": "medium lake ice", "77": "thick lake ice",
        "78": "very thick lake ice",
        "81": "new ice", "82": "nilas, ice rind", "83": "young ice", "84": "grey ice", "85": "grey-white ice",
        "86": "first-year ice", "87": "thin first-year ice", "88": "thin first-year ice, first stage",
        "89": "thin first-year ice, second stage", "91": "medium first-year ice", "93": "thick first-year ice",
        "95": "old ice", "96": "second-year ice", "97": "multi-year ice", "98": "glacier ice",
    }
)  # fmt: skip
"""Stages of development by their SIGRID-3 code (version 3.0: JCOMM Technical Report 23, WMO/TD-No. 1214, 2014)."""

_KINDS = {"I": "IceArea", "W": "WaterArea", "L": "LandArea", "S": "IceShelf", "N": "UnknownArea"}
_PARTS = ("A", "B", "C")
_UNKNOWN = frozenset({"-9", "99", ""})
_TENTHS = re.compile(r"^[0-9]{2}$")
_AREAS = ("chart", "area", "kind", "poly_type", "ct", "ct_low", "ct_high", "time", "geometry")
_TYPES = (
    "chart", "area", "rank", "concentration", "low", "high", "stage", "stage_known", "stage_name", "form",
)  # fmt: skip
_MAP = ("map", "id", "time", "value", "label", "area_m2", "geometry")


def sea_ice_mapping() -> str:
    """Give the RML mapping (Turtle) of the tables of `ice_chart_sources` and `ice_map_sources` to RDF.

    Examples
    --------
    >>> "ChartArea" in sea_ice_mapping()
    True
    """
    return read_resource("sea_ice.rml.ttl")


def sea_ice_ontology() -> str:
    """Give the ontology (OWL, Turtle) that the mapping uses.

    Examples
    --------
    >>> "ice:stageOfDevelopment a owl:ObjectProperty" in sea_ice_ontology()
    True
    """
    return read_resource("sea_ice.ttl")


def _tenths(code: str | None) -> tuple[int | None, int | None]:
    """Give the lowest and highest concentration that a code means, in tenths.

    00 (98 since version 3) is ice free, 01 less than one tenth, 02 bergy water, 10 to 90 whole tenths, 91 more than
    nine, 92 ten; two other digits are an interval, such as 46 for four to six, where a second 1 stands for ten: 81.
    """
    if code is None or code in _UNKNOWN or not _TENTHS.match(code):
        return None, None
    special = {
        "00": (0, 0),
        "98": (0, 0),
        "01": (0, 1),
        "02": (0, 1),
        "81": (8, 10),
        "91": (9, 10),
        "92": (10, 10),
    }
    if code in special:
        return special[code]
    low, high = int(code[0]), int(code[1])
    if high == 0:
        return low, low
    return (low, high) if high > low > 0 else (None, None)


def ice_chart_sources(
    chart: gpd.GeoDataFrame, *, chart_id: str, time: datetime, area_id: str | None = None
) -> dict[str, Any]:
    """Make the tables that the mapping reads of an ice chart with SIGRID-3 columns.

    Parameters
    ----------
    chart
        Areas with ``CT``, ``CA SA FA``, ``CB SB FB``, ``CC SC FC`` and ``POLY_TYPE``; codes are texts.
    chart_id
        Part of the IRIs, such as ``cis-eastern-arctic-2020-11-02``.
    time
        When the chart holds, with its time zone.
    area_id
        Column that tells areas apart; by default their number from 0.

    Returns
    -------
    dict
        Tables by the names that the mapping uses; that of maps is empty.

    Raises
    ------
    InputError
        A column is missing, or the time has no zone.
    CrsError
        The chart has no reference system.

    Examples
    --------
    >>> import shapely
    >>> from datetime import UTC
    >>> codes = {name: ["-9"] for name in ("CA", "CB", "SB", "FB", "CC", "SC", "FC")}
    >>> codes |= {"CT": ["91"], "SA": ["84"], "FA": ["06"], "POLY_TYPE": ["I"]}
    >>> chart = gpd.GeoDataFrame(codes, geometry=[shapely.box(-60, 70, -59, 71)], crs=4326)
    >>> tables = ice_chart_sources(chart, chart_id="c", time=datetime(2020, 11, 2, 18, tzinfo=UTC))
    >>> tables["ice_areas"].ct_low[0], tables["ice_types"].stage_name[0]
    (np.int64(9), 'grey ice')
    """
    _check_time(time)
    codes = _codes(chart, area_id)
    ids = chart[area_id].astype(str) if area_id else pd.Series(range(len(chart))).astype(str)
    tenths = [_tenths(code) for code in codes["CT"]]
    areas = gpd.GeoDataFrame(
        {
            "chart": chart_id,
            "area": ids.to_numpy(),
            "kind": codes["POLY_TYPE"].map(lambda code: _KINDS.get(code, "UnknownArea")).to_numpy(),
            "poly_type": codes["POLY_TYPE"].to_numpy(),
            "ct": codes["CT"].to_numpy(),
            "ct_low": pd.array([low for low, _ in tenths], dtype="Int64"),
            "ct_high": pd.array([high for _, high in tenths], dtype="Int64"),
            "time": pd.Timestamp(time),
        },
        geometry=chart.geometry.to_numpy(), crs=chart.crs,
    )  # fmt: skip
    types = pd.concat([_types(codes, ids, chart_id, rank) for rank in range(len(_PARTS))])
    return {"ice_areas": areas, "ice_types": types.reset_index(drop=True), "ice_map": _no_map()}


def _codes(chart: gpd.GeoDataFrame, area_id: str | None) -> pd.DataFrame:
    """Check a chart, and give its codes."""
    if chart.crs is None:
        raise CrsError("The chart has no reference system.", hint="Set it with .set_crs(...).")
    wanted = ["CT", *(f"{kind}{part}" for part in _PARTS for kind in "CSF"), "POLY_TYPE"]
    missing = [name for name in (*wanted, *([area_id] if area_id else [])) if name not in chart]
    if missing:
        raise InputError(
            f"The chart has no column '{missing[0]}'.", hint=f"It needs {', '.join(wanted)}."
        )
    return pd.DataFrame(chart[wanted].astype(object).where(chart[wanted].notna(), None))


def _types(codes: pd.DataFrame, ids: pd.Series[Any], chart_id: str, rank: int) -> pd.DataFrame:
    """Gather the ice of one place in the egg; where there is one type alone, its concentration is the total."""
    part = _PARTS[rank]
    stages = codes[f"S{part}"]
    there = stages.notna() & ~stages.isin(_UNKNOWN)
    concentration = codes[f"C{part}"]
    if rank == 0:
        concentration = concentration.where(~concentration.isin(_UNKNOWN), codes["CT"])
    tenths = [_tenths(code) for code in concentration[there]]
    known = stages[there].where(stages[there].isin(list(ICE_STAGES)), None)
    return pd.DataFrame(
        {
            "chart": chart_id,
            "area": ids.to_numpy()[there.to_numpy()],
            "rank": rank + 1,
            "concentration": concentration[there].to_numpy(),
            "low": pd.array([low for low, _ in tenths], dtype="Int64"),
            "high": pd.array([high for _, high in tenths], dtype="Int64"),
            "stage": stages[there].to_numpy(),
            "stage_known": known.to_numpy(),
            "stage_name": known.map(dict(ICE_STAGES).get).to_numpy(),
            "form": codes[f"F{part}"][there].to_numpy(),
        }
    )


def ice_map_sources(raster: ClassifiedRaster, *, map_id: str, time: datetime) -> dict[str, Any]:
    """Make the tables that the mapping reads of a map of ice classes.

    Parameters
    ----------
    raster
        The map; its `labels` name the classes.
    map_id
        Part of the IRIs: the id of the map's catalogue item.
    time
        When the scene was taken, with its time zone.

    Returns
    -------
    dict
        Tables by the names that the mapping uses; those of charts are empty.

    Raises
    ------
    InputError
        The time has no zone.
    """
    _check_time(time)
    values, shapes, crs = class_polygons(raster)
    labels = dict(raster.labels)
    areas = gpd.GeoDataFrame(
        {
            "map": map_id,
            "id": range(len(values)),
            "time": pd.Timestamp(time),
            "value": values,
            "label": [labels.get(int(value)) for value in values],
            "area_m2": area_m2(shapes, crs=crs),
        },
        geometry=list(shapes), crs=crs.proj,
    )  # fmt: skip
    empty = gpd.GeoDataFrame({n: [] for n in _AREAS if n != "geometry"}, geometry=[], crs=4326)
    return {
        "ice_areas": empty,
        "ice_types": pd.DataFrame({n: [] for n in _TYPES}),
        "ice_map": areas,
    }


def _no_map() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({n: [] for n in _MAP if n != "geometry"}, geometry=[], crs=4326)


def _check_time(time: datetime) -> None:
    if time.tzinfo is None:
        raise InputError(f"{time} has no time zone.", hint="Give it, e.g. tzinfo=UTC.")
