"""A catalogue search as a source: STAC items, each a row with its footprint."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely

from extremeearth.core.boxes import LONLAT
from extremeearth.core.errors import DataBrokenError, LimitError
from extremeearth.knowledge.mapping._files import GEOMETRY
from extremeearth.knowledge.mapping.contract import Source, SourceRequest, check_columns
from extremeearth.knowledge.mapping.frames import Frame
from extremeearth.knowledge.rdf import TEXT

__all__ = ["ITEM_COLUMNS", "ITEM_TIMES", "ItemSource", "open_items"]

ITEM_COLUMNS = (
    "id",
    "collection",
    GEOMETRY,
    "datetime",
    "start_datetime",
    "end_datetime",
    "self",
    "derived_from",
)
"""Columns that every item has, beside its properties by name; ``self`` and ``derived_from`` are the links' targets."""

ITEM_TIMES = frozenset({"datetime", "start_datetime", "end_datetime", "created", "updated"})
"""Properties that are instants (RFC 3339) by the common metadata of STAC."""

MAX_BYTES = 1 << 28
"""An item collection is parsed in one piece; a larger file is refused."""
_LINKS = ("derived_from",)
_HEAD_BYTES = 1 << 16


@dataclass(frozen=True)
class ItemSource:
    """STAC items as rows. A property that is an object gives its members as ``name.member``, a list several values.

    Assets are told by ``asset_keys``, ``asset_hrefs`` and ``asset_types``, lists in one order.
    """

    name: str
    items: list[dict[str, Any]]

    def columns(self) -> list[str]:
        """List what the items have."""
        names = dict.fromkeys(ITEM_COLUMNS)
        names.update(dict.fromkeys(("asset_keys", "asset_hrefs", "asset_types")))
        for item in self.items:
            names.update(dict.fromkeys(_flat(item.get("properties") or {})))
        return list(names)

    def check(self, references: tuple[str, ...]) -> None:
        """Raise `MappingError` if a reference leads nowhere; properties that no item has are missing everywhere."""
        if self.items:
            check_columns(self.name, self.columns(), references)

    def frames(self, references: tuple[str, ...], *, batch_rows: int) -> Iterator[Frame]:
        """Give the items in batches."""
        for start in range(0, len(self.items), batch_rows):
            part = self.items[start : start + batch_rows]
            rows = [_row(item) for item in part]
            columns = {name: _column(name, rows) for name in references}
            systems = {GEOMETRY: LONLAT} if GEOMETRY in references else {}
            yield Frame(columns=columns, rows=len(part), systems=systems, first_row=start)


def open_items(request: SourceRequest) -> Source | None:
    """Open STAC items: an iterable of `pystac.Item`, a `pystac.ItemCollection`, or a file that holds one.

    Raises
    ------
    DataBrokenError
        Something is no item.
    LimitError
        The file is too large.
    """
    if request.path is not None:
        return _open_file(request.source.name, request.path, request.source.formulation)
    given = request.given
    if given is None or hasattr(given, "columns") or isinstance(given, Mapping | str | bytes):
        return None
    import pystac

    if not isinstance(given, Iterable | pystac.Item):
        return None
    items = []
    for item in [given] if isinstance(given, pystac.Item) else given:
        if not isinstance(item, pystac.Item):
            return None
        items.append(item.to_dict(include_self_link=True, transform_hrefs=False))
    return ItemSource(request.source.name, items)


def _open_file(name: str, path: Path, formulation: str | None) -> Source | None:
    if formulation is not None or path.suffix.lower() not in {".json", ".geojson"}:
        return None
    with path.open("rb") as file:
        if b'"stac_version"' not in file.read(_HEAD_BYTES):
            return None
    if (size := path.stat().st_size) > MAX_BYTES:
        raise LimitError(
            f"{name} has {size} bytes, more than {MAX_BYTES} for STAC items.",
            hint="Split the search.",
        )
    try:
        said = json.loads(path.read_bytes())
        items = said["features"] if said.get("type") == "FeatureCollection" else [said]
        if not all(isinstance(item, dict) and item.get("type") == "Feature" for item in items):
            raise TypeError("not all of it are items")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
        raise DataBrokenError(
            f"{name} holds no STAC items: {err}.",
            hint="Give an ItemCollection, as a search answers.",
        ) from err
    return ItemSource(name, items)


def _flat(properties: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in properties.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _row(item: dict[str, Any]) -> dict[str, Any]:
    row = _flat(item.get("properties") or {})
    assets = item.get("assets") or {}
    links = item.get("links") or []
    row |= {
        "id": item.get("id"),
        "collection": item.get("collection"),
        GEOMETRY: item.get("geometry"),
        "self": next((link.get("href") for link in links if link.get("rel") == "self"), None),
        "asset_keys": list(assets),
        "asset_hrefs": [asset.get("href") for asset in assets.values()],
        "asset_types": [asset.get("type") for asset in assets.values()],
    }
    for kind in _LINKS:
        row[kind] = [link.get("href") for link in links if link.get("rel") == kind]
    return row


def _column(name: str, rows: list[dict[str, Any]]) -> Any:
    values = [row.get(name) for row in rows]
    if name == GEOMETRY:
        texts = np.array([None if v is None else json.dumps(v) for v in values], dtype=object)
        return pa.array(
            shapely.to_wkb(shapely.from_geojson(texts, on_invalid="ignore")), pa.large_binary()
        )
    if any(isinstance(value, list) for value in values):
        lists = [
            value if isinstance(value, list) else [] if value is None else [value]
            for value in values
        ]
        return pa.array([[_text(v) for v in value] for value in lists], pa.large_list(TEXT))
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # numbers here, texts there
        return pa.array([None if value is None else _text(value) for value in values], TEXT)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)
