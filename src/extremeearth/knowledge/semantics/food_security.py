"""The ready mapping for food security: what tables it reads, and the things it names."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from extremeearth.core.errors import CrsError, InputError
from extremeearth.core.geodesy import area_m2
from extremeearth.knowledge.rdf import BASE
from extremeearth.knowledge.semantics._resources import read_resource

__all__ = [
    "IRI_PREFIXES", "expected_columns", "food_security_mapping", "food_security_ontology", "food_security_shapes",
    "food_security_sources",
]  # fmt: skip

IRI_PREFIXES: Mapping[str, str] = MappingProxyType(
    {
        kind: f"{BASE}id/{kind}/"
        for kind in ("parcel", "field", "farm-field", "region", "hcat", "crop-code")
    }
)
"""Start of the IRIs of each kind of thing; the percent-encoded id follows."""

_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "parcels": (
            "parcel_id", "declared_code", "declared_name", "declared_hcat", "declared_class", "predicted_hcat",
            "predicted_name",
            "confidence", "area_m2", "season", "geometry",
        ),
        "fields": ("field", "name", "crop", "geometry"),
        "farm_fields": ("farm_field_id", "name", "geometry"),
        "lai": ("feature_id", "kind", "date", "lai"),
        "water": ("feature_id", "kind", "date", "et0_mm", "etc_mm", "irrigation_mm"),
        "water_season": ("feature_id", "kind", "season", "et0_mm", "etc_mm", "rain_mm", "irrigation_mm"),
    }
)  # fmt: skip
_KINDS = ("parcel", "field")
_HCAT = r"\d{10}"


def food_security_mapping() -> str:
    """Give the RML mapping (Turtle) of :func:`food_security_sources`' tables to RDF.

    Parcels, fields and farm fields become GeoSPARQL features with geometries, crops concepts of HCAT, and crop
    predictions, leaf area index and water balances SOSA observations with unit and time.

    Examples
    --------
    >>> "CropObservation" in food_security_mapping()
    True
    """
    return read_resource("food_security.rml.ttl")


def food_security_ontology() -> str:
    """Give the ontology (OWL, Turtle) that the mapping uses.

    Examples
    --------
    >>> "owl:Ontology" in food_security_ontology()
    True
    """
    return read_resource("food_security.ttl")


def food_security_shapes() -> str:
    """Give the SHACL shapes (Turtle) of what the mapping and the reference graphs hold.

    Examples
    --------
    >>> "sh:NodeShape" in food_security_shapes()
    True
    """
    return read_resource("shapes.ttl")


def expected_columns() -> Mapping[str, tuple[str, ...]]:
    """List the columns of each table that the mapping reads.

    Examples
    --------
    >>> expected_columns()["farm_fields"]
    ('farm_field_id', 'name', 'geometry')
    """
    return _COLUMNS


def food_security_sources(
    *,
    season: int,
    parcels: gpd.GeoDataFrame | None = None,
    fields: gpd.GeoDataFrame | None = None,
    farm_fields: gpd.GeoDataFrame | None = None,
    lai: pd.DataFrame | None = None,
    water: pd.DataFrame | None = None,
    water_season: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """Check tables and complete them to what :func:`food_security_mapping` reads.

    Parameters
    ----------
    season
        Year of the growing season; filled in where a table has no ``season``.
    parcels
        ``parcel_id, declared_code, declared_name, declared_hcat, declared_class`` (HCAT code of the class that the
        declared crop belongs to; by default the crop itself), ``predicted_hcat, predicted_name, confidence`` (0 to 1),
        ``area_m2`` (computed on the ellipsoid if it is not there), ``geometry``. HCAT codes have ten digits or are
        missing.
    fields
        ``field`` (the id), ``name, crop, geometry``.
    farm_fields
        ``farm_field_id, name, geometry``.
    lai
        ``feature_id, kind`` ("field" or "parcel"), ``date, lai`` (m2/m2); rows without a value are left out.
    water
        ``feature_id, kind, date, et0_mm, etc_mm, irrigation_mm``, per day.
    water_season
        ``feature_id, kind, season, et0_mm, etc_mm, rain_mm, irrigation_mm``, sums.

    Returns
    -------
    dict
        The tables by the names that the mapping uses; one that was not given is empty.

    Raises
    ------
    InputError
        A column is missing, a HCAT code has not ten digits, or a kind is not known.
    CrsError
        A table with geometries has no reference system.

    Examples
    --------
    >>> import shapely
    >>> farm = gpd.GeoDataFrame(
    ...     {"farm_field_id": [1], "name": ["a"]}, geometry=[shapely.box(11, 48, 12, 49)], crs=4326
    ... )
    >>> sources = food_security_sources(season=2018, farm_fields=farm)
    >>> len(sources["farm_fields"]), len(sources["parcels"])
    (1, 0)
    """
    given: dict[str, Any] = {
        "parcels": parcels, "fields": fields, "farm_fields": farm_fields, "lai": lai, "water": water,
        "water_season": water_season,
    }  # fmt: skip
    if not 1000 <= season <= 9999:
        raise InputError(f"{season} is not a year.", hint="Give four digits.")
    return {
        name: _empty(name) if table is None else _completed(name, table, season)
        for name, table in given.items()
    }


def _empty(name: str) -> Any:
    columns: dict[str, list[Any]] = {
        column: [] for column in _COLUMNS[name] if column != "geometry"
    }
    if "geometry" in _COLUMNS[name]:
        return gpd.GeoDataFrame(columns, geometry=[], crs=4326)
    return pd.DataFrame(columns)


def _completed(name: str, table: Any, season: int) -> Any:
    columns = _COLUMNS[name]
    table = table.copy()
    if "geometry" in columns and getattr(table, "crs", None) is None:
        raise CrsError(
            f"The table '{name}' has no reference system.", hint="Set it with .set_crs(4326)."
        )
    if "season" in columns and "season" not in table:
        table["season"] = np.int64(season)
    if "area_m2" in columns and "area_m2" not in table:
        table["area_m2"] = area_m2(table.geometry.to_numpy(), crs=table.crs)
    if "declared_class" in columns and "declared_class" not in table and "declared_hcat" in table:
        table["declared_class"] = table["declared_hcat"]
    missing = [column for column in columns if column not in table]
    if missing:
        raise InputError(
            f"The table '{name}' has no column '{missing[0]}'.",
            hint=f"It needs: {', '.join(columns)}.",
        )
    if "kind" in columns and not table["kind"].isin(_KINDS).all():
        raise InputError(f"A kind in '{name}' is not known.", hint=f"Use {' or '.join(_KINDS)}.")
    for column in ("declared_hcat", "declared_class", "predicted_hcat"):
        if column in columns:
            table[column] = _hcat_codes(table[column], column)
    if "date" in columns:
        table["date"] = pd.to_datetime(table["date"]).dt.date
    if name == "lai":
        table = table[table["lai"].notna()]
    return table[list(columns)]


def _hcat_codes(codes: pd.Series[Any], column: str) -> pd.Series[Any]:
    present = codes.notna() & (codes.astype(str) != "")
    wrong = codes[present & ~codes.astype(str).str.fullmatch(_HCAT)]
    if len(wrong):
        raise InputError(
            f"'{wrong.iloc[0]}' in '{column}' is not a HCAT code.",
            hint="Give ten digits as text, or nothing.",
        )
    return codes.where(present, None).astype(object)
