"""Reference knowledge as RDF: the crop hierarchy with national codes, and administrative boundaries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import geopandas as gpd
import pandas as pd

from extremeearth.core.errors import InputError
from extremeearth.knowledge.mapping import MappingReport, map_to_rdf
from extremeearth.knowledge.rdf import BASE
from extremeearth.knowledge.semantics._resources import read_resource

__all__ = [
    "GROUP_LEVEL", "NationalCrops", "boundaries_to_rdf", "crop_hierarchy", "reference_to_rdf", "taxonomy_to_rdf",
]  # fmt: skip

GROUP_LEVEL = 3
"""Level of the crop groups that people compare: cereal, plants harvested green, orchards ..."""

CODE_DIGITS, PAIR = 10, 2
_CONCEPTS = ["hcat_code", "hcat_name", "label", "level", "broader", "group", "top_of"]
_NATIONAL = ["country", "year", "crop_code", "name", "language", "name_en", "hcat_code", "match"]


@dataclass(frozen=True, kw_only=True, eq=False)
class NationalCrops:
    """Crop codes of one country and year; codes change from year to year, so both are part of their IRIs.

    `table` has ``crop_code, name, name_en, hcat_code``; `name` is in `language` (a BCP 47 tag), and may also be called
    ``name_{language}``.

    Examples
    --------
    >>> codes = pd.DataFrame(
    ...     {
    ...         "crop_code": ["BTH"],
    ...         "name": ["Blé"],
    ...         "name_en": ["wheat"],
    ...         "hcat_code": ["3301010101"],
    ...     }
    ... )
    >>> NationalCrops(country="fr", year=2018, language="fr", table=codes).country
    'fr'
    """

    country: str
    year: int
    language: str
    table: pd.DataFrame

    def rows(self) -> pd.DataFrame:
        """Give the codes with what their concepts need; codes without a HCAT concept stay, unmapped.

        A code that is the only one for its concept matches it exactly; where several share one, each is close to it,
        as an exact match would make them equal to each other.

        Examples
        --------
        >>> codes = pd.DataFrame(
        ...     {
        ...         "crop_code": ["115"],
        ...         "name_de": ["Winterweizen"],
        ...         "name_en": ["winter wheat"],
        ...         "hcat_code": ["3301010101"],
        ...     }
        ... )
        >>> NationalCrops(country="de", year=2018, language="de", table=codes).rows().match.item()
        'exact'
        """
        own = "name" if "name" in self.table else f"name_{self.language}"
        _need(
            self.table, ["crop_code", own, "name_en", "hcat_code"], f"crop codes of {self.country}"
        )
        rows = self.table.rename(columns={own: "name"}).copy()
        rows = rows[rows["crop_code"].notna()].drop_duplicates(["crop_code", "hcat_code"])
        several = rows["hcat_code"].duplicated(keep=False) | rows["crop_code"].duplicated(
            keep=False
        )
        rows["match"] = several.map({True: "close", False: "exact"}).astype(object)
        # concepts for what is not known are no crop, so nothing is the same as them
        rows.loc[rows["hcat_code"].astype(str).str.startswith("3399"), "match"] = "close"
        if self.language == "en":
            rows["name_en"] = None
        return rows.assign(country=self.country, year=self.year, language=self.language)[_NATIONAL]


def _need(frame: pd.DataFrame, columns: Iterable[str], what: str) -> None:
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise InputError(
            f"The table of {what} has no column '{missing[0]}'.",
            hint=f"It has: {', '.join(map(str, frame.columns))}.",
        )


def crop_hierarchy(taxonomy: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the hierarchy out of the ten-digit codes of HCAT: two digits per level, zeros for what is not used.

    Parameters
    ----------
    taxonomy
        ``hcat_code`` (text of ten digits), ``hcat_name``.

    Returns
    -------
    tuple of pandas.DataFrame
        Concepts: ``hcat_code, hcat_name, label, level`` (1 to 5), ``broader`` (the next code above that exists, none
        at the top), ``group`` (the concept on level 3 that it is or falls under, or itself above that), ``top_of``.
        And pairs ``hcat_code, ancestor``, one for each code above each.

    Raises
    ------
    InputError
        A code has not ten digits, or comes twice.

    Examples
    --------
    >>> codes = pd.DataFrame(
    ...     {
    ...         "hcat_code": ["3300000000", "3301000000", "3301010000", "3301010100"],
    ...         "hcat_name": ["crop_type", "arable_crops", "cereal", "common_soft_wheat"],
    ...     }
    ... )
    >>> concepts, _ = crop_hierarchy(codes)
    >>> concepts[["label", "broader", "group"]].iloc[-1].tolist()
    ['common soft wheat', '3301010000', '3301010000']
    """
    _need(taxonomy, ["hcat_code", "hcat_name"], "crops")
    codes = taxonomy["hcat_code"].astype(str)
    wrong = codes[~codes.str.fullmatch(rf"\d{{{CODE_DIGITS}}}") | codes.duplicated()]
    if len(wrong):
        raise InputError(
            f"'{wrong.iloc[0]}' is not a HCAT code of ten digits that comes once.",
            hint="Check the table of crops.",
        )
    concepts = pd.DataFrame({"hcat_code": codes, "hcat_name": taxonomy["hcat_name"].astype(str)})
    concepts["label"] = concepts["hcat_name"].str.replace("_", " ", regex=False)
    levels = CODE_DIGITS // PAIR
    concepts["level"] = sum(
        (codes.str.slice(i * PAIR, (i + 1) * PAIR) != "00").astype(int) for i in range(levels)
    )
    broader = pd.Series([None] * len(codes), index=codes.index, dtype=object)
    pairs = []
    for level in range(levels - 1, 0, -1):
        cut = codes.str.slice(0, level * PAIR).str.pad(CODE_DIGITS, side="right", fillchar="0")
        exists = (cut != codes) & cut.isin(set(codes))
        broader = broader.where(broader.notna() | ~exists, cut)
        pairs.append(pd.DataFrame({"hcat_code": codes[exists], "ancestor": cut[exists]}))
    concepts["broader"] = broader
    group = codes.str.slice(0, GROUP_LEVEL * PAIR).str.pad(CODE_DIGITS, side="right", fillchar="0")
    concepts["group"] = group.where(group.isin(set(codes)), codes)
    concepts["top_of"] = concepts["broader"].isna().map({True: f"{BASE}id/hcat", False: None})
    ancestors = pd.concat(pairs).drop_duplicates().sort_values(["hcat_code", "ancestor"])
    return concepts[_CONCEPTS], ancestors.reset_index(drop=True)


def reference_to_rdf(
    target: Path | BinaryIO,
    *,
    taxonomy: pd.DataFrame | None = None,
    national: Iterable[NationalCrops] = (),
    regions: gpd.GeoDataFrame | None = None,
) -> MappingReport:
    r"""Write crop hierarchy, national crop codes and boundaries as one N-Triples file.

    Parameters
    ----------
    target
        File, which appears whole, or an open binary file.
    taxonomy
        ``hcat_code, hcat_name``; see :func:`crop_hierarchy`.
    national
        Code lists of countries.
    regions
        ``name, iso_a3, geometry``; an ISO code that is not three letters is left out.

    Returns
    -------
    MappingReport
        What was written.

    Raises
    ------
    InputError, CrsError
        A table lacks a column or has broken codes; the regions have no reference system.

    Examples
    --------
    >>> import io
    >>> codes = pd.DataFrame({"hcat_code": ["3300000000"], "hcat_name": ["crop_type"]})
    >>> out = io.BytesIO()
    >>> reference_to_rdf(out, taxonomy=codes).triples == out.getvalue().count(b"\n")
    True
    """
    if taxonomy is None:
        taxonomy = pd.DataFrame({"hcat_code": [], "hcat_name": []}, dtype=object)
    concepts, ancestors = crop_hierarchy(taxonomy)
    lists = [crops.rows() for crops in national]
    codes = pd.concat(lists, ignore_index=True) if lists else pd.DataFrame(columns=_NATIONAL)
    sources: dict[str, Any] = {
        "concepts": concepts, "ancestors": ancestors, "national": codes, "regions": _regions(regions),
    }  # fmt: skip
    return map_to_rdf(read_resource("reference.rml.ttl"), sources=sources, target=target)


def taxonomy_to_rdf(
    taxonomy: pd.DataFrame, target: Path | BinaryIO, *, national: Iterable[NationalCrops] = ()
) -> MappingReport:
    """Write the crop hierarchy and national codes as SKOS; see :func:`reference_to_rdf`.

    Examples
    --------
    >>> import io
    >>> out = io.BytesIO()
    >>> _ = taxonomy_to_rdf(
    ...     pd.DataFrame({"hcat_code": ["3301010000"], "hcat_name": ["cereal"]}), out
    ... )
    >>> b'"cereal"@en' in out.getvalue()
    True
    """
    return reference_to_rdf(target, taxonomy=taxonomy, national=national)


def boundaries_to_rdf(regions: gpd.GeoDataFrame, target: Path | BinaryIO) -> MappingReport:
    """Write administrative units as GeoSPARQL features; see :func:`reference_to_rdf`.

    Examples
    --------
    >>> import io
    >>> import shapely
    >>> regions = gpd.GeoDataFrame(
    ...     {"name": ["A"], "iso_a3": ["AAA"]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326
    ... )
    >>> boundaries_to_rdf(regions, io.BytesIO()).rows
    2
    """
    return reference_to_rdf(target, regions=regions)


def _regions(regions: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame:
    if regions is None:
        regions = gpd.GeoDataFrame({"name": [], "iso_a3": []}, geometry=[], crs=4326)
    _need(regions, ["name", "iso_a3", "geometry"], "regions")
    iso = regions["iso_a3"].astype(str)
    return regions.assign(iso_a3=iso.where(iso.str.fullmatch(r"[A-Z]{3}"), None))
