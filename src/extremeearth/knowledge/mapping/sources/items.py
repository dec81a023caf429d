"""A catalogue search as a source: STAC items, each a row with its footprint."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import shapely

from extremeearth.core.boxes import LONLAT
from extremeearth.core.errors import DataBrokenError, LimitError
from extremeearth.core.progress import SILENT, Progress, Task
from extremeearth.knowledge.mapping.frames import Frame
from extremeearth.knowledge.mapping.sources.column_files import GEOMETRY
from extremeearth.knowledge.mapping.sources.contract import Source, SourceRequest, check_columns
from extremeearth.knowledge.mapping.sources.stored_items import StoredItems
from extremeearth.knowledge.rdf import TEXT

if TYPE_CHECKING:
    import pystac

__all__ = ["ITEM_COLUMNS", "ITEM_TIMES", "ItemSearch", "ItemSource", "open_items", "stored"]

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
MOST_ITEMS = 1_000
"""Items that are in memory at a time, as they may have many properties that are not wanted."""
_ASSETS = ("asset_keys", "asset_hrefs", "asset_types")
_LINKS = ("derived_from",)
_HEAD_BYTES = 1 << 16
_ARROW_TYPES = {bool: pa.bool_(), int: pa.int64(), float: pa.float64()}


@runtime_checkable
class ItemSearch(Protocol):
    """A search of a catalogue that waits to be asked, such as `CatalogueSearch`."""

    def find_items(self) -> Iterator[pystac.Item]:
        """Ask for the items."""


@dataclass(slots=True)
class _Seen:
    """Types of the values of each property, and the collections; of all items, as each may have its own."""

    kinds: dict[str, set[type]] = field(default_factory=dict)
    collections: set[Any] = field(default_factory=set)

    def take(self, item: dict[str, Any]) -> dict[str, Any]:
        """Look at one item, and give it back."""
        self.collections.add(item.get("collection"))
        for name, value in _flat(item.get("properties")).items():
            several = value if isinstance(value, list) else [value]
            self.kinds.setdefault(name, set()).update(type(v) for v in several if v is not None)
        return item


@dataclass(frozen=True)
class ItemSource:
    """STAC items as rows. A property that is an object gives its members as ``name.member``, a list several values.

    Assets are told by ``asset_keys``, ``asset_hrefs`` and ``asset_types``, lists in one order. `seen_before` is what
    was seen of all items while they came.
    """

    name: str
    items: list[dict[str, Any]] | StoredItems
    seen_before: _Seen | None = field(default=None, compare=False, repr=False)

    @cached_property
    def _seen(self) -> _Seen:
        if self.seen_before is not None:
            return self.seen_before
        seen = _Seen()
        for item in self.items:
            seen.take(item)
        return seen

    def columns(self) -> list[str]:
        """List what the items have."""
        return list(dict.fromkeys((*ITEM_COLUMNS, *_ASSETS, *self._seen.kinds)))

    def types(self) -> dict[str, Any]:
        """Give the Arrow type that all values of a property have, a text's where they differ."""
        found = {}
        for name, kinds in self._seen.kinds.items():
            kind = float if kinds == {int, float} else next(iter(kinds)) if len(kinds) == 1 else str
            found[name] = _ARROW_TYPES.get(kind, TEXT)
        return found | {name: pa.timestamp("us", "UTC") for name in ITEM_TIMES}

    def key(self) -> tuple[str, ...]:
        """Give what tells items apart: ids are those of a collection, which may be one among others."""
        several = len(self._seen.collections) > 1 and None not in self._seen.collections
        return ("collection", "id") if several else ("id",)

    def check(self, references: tuple[str, ...]) -> None:
        """Raise `MappingError` if a reference leads nowhere; properties that no item has are missing everywhere."""
        if len(self.items):
            check_columns(self.name, self.columns(), references)

    def frames(self, references: tuple[str, ...], *, batch_rows: int) -> Iterator[Frame]:
        """Give the items in batches, of which only the columns that are wanted stay."""
        items, start = iter(self.items), 0
        while part := list(islice(items, min(batch_rows, MOST_ITEMS))):
            rows = [_row(item) for item in part]
            columns = {name: self._column(name, rows) for name in references}
            systems = {GEOMETRY: LONLAT} if GEOMETRY in references else {}
            yield Frame(columns=columns, rows=len(part), systems=systems, first_row=start)
            start += len(part)

    def _column(self, name: str, rows: list[dict[str, Any]]) -> Any:
        try:
            return _column(name, rows)
        except UnicodeEncodeError as err:  # JSON can write half a character
            raise DataBrokenError(
                f"An item of '{self.name}' has a text in '{name}' that is no Unicode.",
                hint="Ask whoever made the items.",
            ) from err


def stored(name: str, items: Iterable[pystac.Item], *, progress: Progress = SILENT) -> ItemSource:
    """Take items as they come, and keep them on disk, so that they can be read again and are the same each time.

    How many have come is told to `progress`, as it can take long.
    """
    seen = _Seen()
    with Task(progress, "items found") as task:
        kept = StoredItems.of(seen.take(_dict(item)) for item in task.track(items))
    return ItemSource(name, kept, seen)


def _dict(item: pystac.Item) -> dict[str, Any]:
    return item.to_dict(include_self_link=True, transform_hrefs=False)


def open_items(request: SourceRequest) -> Source | None:
    """Open STAC items: a search, an iterable of `pystac.Item`, an `ItemCollection`, or a file that holds one.

    What a search finds is read to its end here, page by page, and kept on disk.

    Raises
    ------
    DataBrokenError
        Something is no item.
    LimitError
        The file is too large.
    """
    if request.path is not None:
        return _open_file(request.source.name, request.path, request.source.formulation)
    name, given = request.source.name, request.given
    if isinstance(given, ItemSource):
        return given
    if isinstance(given, ItemSearch):
        return stored(name, given.find_items(), progress=request.progress)
    if given is None or hasattr(given, "columns") or isinstance(given, Mapping | str | bytes):
        return None
    items = _given_items(given)
    return None if items is None else ItemSource(name, items)


def _given_items(given: Any) -> list[dict[str, Any]] | None:
    """Take items that are there; `None` if it is something else."""
    import pystac

    if not isinstance(given, Iterable | pystac.Item):
        return None
    items = []
    for item in [given] if isinstance(given, pystac.Item) else given:
        if not isinstance(item, pystac.Item):
            return None
        items.append(_dict(item))
    return items


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


def _flat(properties: Any, prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in (properties if isinstance(properties, Mapping) else {}).items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _row(item: dict[str, Any]) -> dict[str, Any]:
    row = _flat(item.get("properties"))
    assets, links = item.get("assets"), item.get("links")
    assets = assets if isinstance(assets, Mapping) else {}
    assets = {key: asset for key, asset in assets.items() if isinstance(asset, Mapping)}
    links = [link for link in (links or []) if isinstance(link, Mapping)]
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
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):  # numbers here, texts there
        return pa.array([None if value is None else _text(value) for value in values], TEXT)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)
