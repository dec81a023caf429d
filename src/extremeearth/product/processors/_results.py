"""What a run leaves: names that are its own, files below them, and where they came from."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pystac

from extremeearth.data.catalogue import STAC_HREF
from extremeearth.infrastructure.objects import href_of

if TYPE_CHECKING:
    from extremeearth.core.security import Principal

__all__ = [
    "GEOJSON", "JSON", "PARQUET", "ResultFile", "data_assets", "derive_from", "digest_of", "owned_id", "plain_number",
]  # fmt: skip

GEOJSON, JSON = "application/geo+json", "application/json"
PARQUET = "application/vnd.apache.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFile:
    """A file of an item: its name below the item's folder, its media type, and its title if it has one."""

    name: str
    media_type: str
    title: str | None = None


def data_assets(folder: str, files: Mapping[str, ResultFile]) -> dict[str, pystac.Asset]:
    """Describe files below a folder of the object store as the assets of an item, by key.

    Examples
    --------
    >>> file = ResultFile(name="daily.parquet", media_type=PARQUET, title="Days")
    >>> data_assets("water-availability/a", {"table": file})["table"].href
    'object:water-availability/a/daily.parquet'
    """
    return {
        key: pystac.Asset(
            href_of(f"{folder}/{file.name}"),
            title=file.title,
            media_type=file.media_type,
            roles=["data"],
        )
        for key, file in files.items()
    }


def digest_of(request: Sequence[Any]) -> str:
    """Name what was asked for: the same request writes the same objects, any other leaves them alone.

    Examples
    --------
    >>> digest_of(["a", {"x": 1, "y": 2}]) == digest_of(["a", {"y": 2, "x": 1}])
    True
    """
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:12]


def owned_id(name: str, principal: Principal) -> str:
    """Make an item id that no other project's run of the same kind can have.

    Items of one collection share their names and object keys over all projects; a run must not write over
    another project's.
    """
    owner = hashlib.sha256((principal.project_id or "nobody").encode()).hexdigest()
    return f"{name}-{owner[:8]}"


def derive_from(item: pystac.Item, sources: list[pystac.Item]) -> None:
    """Link an item to what it was made from, as the catalogue names items."""
    for source in sources:
        link = pystac.Link(
            rel="derived_from",
            target=f"{STAC_HREF}{source.collection_id}/{source.id}",
            media_type="application/geo+json",
            title=str(source.properties.get("title") or source.id),
        )
        item.add_link(link)


def plain_number(value: Any) -> float | None:
    """Round for JSON, where NaN is no number."""
    number = float(value)
    return round(number, 3) if math.isfinite(number) else None
