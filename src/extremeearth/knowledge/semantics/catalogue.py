"""The ready mapping of the catalogue: products, training datasets, models and maps as linked data."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import geopandas as gpd
import pandas as pd
import pystac
import shapely

from extremeearth.knowledge.rdf import is_absolute_iri
from extremeearth.knowledge.semantics._resources import read_resource

__all__ = ["catalogue_mapping", "catalogue_ontology", "catalogue_sources"]

_ITEMS = ("id", "collection", "title", "description", "created", "start", "end", "derived_from")
_ASSETS = ("collection", "id", "key", "href", "type")
_EXTRA = {
    "models": ("models", ("mlm:name", "mlm:architecture", "ee:version", "ee:sha256")),
    "training-datasets": ("datasets", ("ee:rows", "ee:folds")),
}
_MEDIA_TYPES = "https://www.iana.org/assignments/media-types/"
_MEDIA = re.compile(r"[a-z0-9][a-z0-9.+_-]*/[a-z0-9][a-z0-9.+_-]*")
_MAPS = ("ee:model", "ee:mean_confidence")


def catalogue_mapping() -> str:
    """Give the RML mapping (Turtle) of the tables of `catalogue_sources`: DCAT, PROV and GeoSPARQL.

    Examples
    --------
    >>> "dcat:Distribution" in catalogue_mapping()
    True
    """
    return read_resource("catalogue.rml.ttl")


def catalogue_ontology() -> str:
    """Give the ontology (OWL, Turtle) of the mapping's own words.

    Examples
    --------
    >>> "ds:TrainingDataset a owl:Class" in catalogue_ontology()
    True
    """
    return read_resource("catalogue.ttl")


def catalogue_sources(items: Iterable[pystac.Item]) -> dict[str, Any]:
    """Make the tables that the mapping reads, of items as a search gives them.

    Items of the collections ``models`` and ``training-datasets`` are also in tables of their own, and those that a
    model made (``ee:model``) in that of maps. References that are no absolute IRIs are left out.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> place = {"type": "Point", "coordinates": [11, 48]}
    >>> item = pystac.Item("a", place, [11, 48, 11, 48], datetime(2018, 5, 1, tzinfo=UTC), {})
    >>> tables = catalogue_sources([item])
    >>> len(tables["items"]), len(tables["models"])
    (1, 0)
    """
    rows: list[dict[str, Any]] = []
    assets: list[dict[str, Any]] = []
    extra: dict[str, list[dict[str, Any]]] = {"models": [], "datasets": [], "maps": []}
    for item in items:
        named = {"id": item.id, "collection": item.collection_id or "none"}
        said = item.properties
        sources = [
            str(link.target)
            for link in item.get_links("derived_from")
            if isinstance(link.target, str)
        ]
        rows.append(
            {
                **named,
                "title": said.get("title"),
                "description": said.get("description"),
                "created": said.get("created"),
                "start": said.get("start_datetime") or said.get("datetime") or _text(item),
                "end": said.get("end_datetime") or said.get("datetime") or _text(item),
                "derived_from": [source for source in sources if is_absolute_iri(source)],
                "geometry": None
                if item.geometry is None
                else shapely.geometry.shape(item.geometry),
            }
        )
        for key, asset in item.assets.items():
            href = asset.href if is_absolute_iri(asset.href) else None
            assets.append({**named, "key": key, "href": href, "type": _media(asset)})
        if named["collection"] in _EXTRA:
            table, columns = _EXTRA[named["collection"]]
            extra[table].append({**named, **{column: said.get(column) for column in columns}})
        if "ee:model" in said:
            extra["maps"].append({**named, **{column: said.get(column) for column in _MAPS}})
    geometries = [row.pop("geometry") for row in rows]
    made: dict[str, Any] = {
        "items": gpd.GeoDataFrame(
            pd.DataFrame(rows, columns=list(_ITEMS)), geometry=geometries, crs=4326
        ),
        "assets": pd.DataFrame(assets, columns=list(_ASSETS)),
        "maps": pd.DataFrame(extra["maps"], columns=["id", "collection", *_MAPS]),
    }
    for table, columns in _EXTRA.values():
        made[table] = pd.DataFrame(extra[table], columns=["id", "collection", *columns])
    return made


def _media(asset: pystac.Asset) -> str | None:
    """Give the IRI of an asset's media type, without its parameters: DCAT wants a resource."""
    name = (asset.media_type or "").partition(";")[0].strip().lower()
    return f"{_MEDIA_TYPES}{name}" if _MEDIA.fullmatch(name) else None


def _text(item: pystac.Item) -> str | None:
    return None if item.datetime is None else item.datetime.strftime("%Y-%m-%dT%H:%M:%SZ")
