"""What processors of a season ask for, what the catalogue holds of it, and words for what it does not hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pystac

from extremeearth.core.boxes import Box
from extremeearth.core.errors import DataBrokenError, NoDataError
from extremeearth.core.times import TimeRange
from extremeearth.infrastructure.objects import key_of
from extremeearth.product.processors.contract import InputDescription, OutputDescription, Services

if TYPE_CHECKING:
    from extremeearth.core.security import Principal
    from extremeearth.processing.jobs import JobContext

__all__ = ["ITEMS_OUTPUT", "PLACE_AND_TIME", "PUBLIC", "asset_key", "find_items"]

PLACE_AND_TIME: Mapping[str, InputDescription] = {
    "bbox": InputDescription(
        title="Region",
        description="Box in longitude and latitude (WGS 84): west, south, east, north.",
        schema={
            "type": "array",
            "items": {"type": "number"},
            "minItems": 4,
            "maxItems": 4,
            "format": "ogc-bbox",
        },
    ),
    "datetime": InputDescription(
        title="Time frame",
        description="RFC 3339 interval, e.g. 2018-03-01/2018-07-31; '..' leaves a side open.",
        schema={"type": "string", "minLength": 1, "maxLength": 100},
    ),
}
"""The inputs that every processor of fields has."""

PUBLIC = InputDescription(
    title="Public",
    description="Whether everybody may see what comes out, not only the project.",
    schema={"type": "boolean", "default": False},
    required=False,
)

ITEMS_OUTPUT: Mapping[str, OutputDescription] = {
    "items": OutputDescription(
        title="Items",
        description="STAC items of what was made.",
        schema={"type": "object", "properties": {"type": {"const": "FeatureCollection"}}},
    )
}


def find_items(
    services: Services,
    context: JobContext,
    collection: str,
    *,
    box: Box | None,
    time: TimeRange | None,
) -> list[pystac.Item]:
    """List the items of a collection in a box and time frame that the caller may see.

    Raises
    ------
    NoDataError
        There is none; the hint says where and when there are some.
    """
    from extremeearth.data.catalogue import ItemQuery

    viewer = context.principal
    query = ItemQuery(collections=(collection,), box=box, time=time)
    found = list(services.catalogue.items(query, viewer=viewer))
    if not found:
        asked = [] if box is None else [f"the box {_numbers(box.bounds)}"]
        asked += [] if time is None else [f"the time frame {time}"]
        raise NoDataError(
            f"There is no {collection} in {' and '.join(asked) or 'the catalogue'}.",
            hint=_what_there_is(services, collection, viewer),
        )
    return sorted(found, key=lambda item: str(item.id))


def _what_there_is(services: Services, collection: str, viewer: Principal) -> str:
    from extremeearth.data.catalogue import ItemQuery

    items = list(services.catalogue.items(ItemQuery(collections=(collection,)), viewer=viewer))
    if not items:
        return f"The catalogue holds no {collection} that you may see: ingest some first."
    boxes = [item.bbox for item in items if item.bbox]
    starts = [
        str(item.properties.get("start_datetime") or item.properties.get("datetime"))
        for item in items
    ]
    ends = [
        str(item.properties.get("end_datetime") or item.properties.get("datetime"))
        for item in items
    ]
    frame = f"from {min(starts)[:10]} to {max(ends)[:10]}"
    if not boxes:
        return f"There are {len(items)}, {frame}."
    around = (
        min(b[0] for b in boxes), min(b[1] for b in boxes),
        max(b[2] for b in boxes), max(b[3] for b in boxes),
    )  # fmt: skip
    return f"There are {len(items)}, in the box {_numbers(around)}, {frame}."


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.3f}" for value in values)


def asset_key(item: pystac.Item, name: str) -> str:
    """Give the object key of an item's asset.

    Raises
    ------
    DataBrokenError
        The item has no such asset in the object store.
    """
    asset = item.assets.get(name)
    if asset is None or not asset.href.startswith("object:"):
        raise DataBrokenError(
            f"The item {item.collection_id}/{item.id} has no asset '{name}' in the object store.",
            hint="Ingest it again.",
        )
    return key_of(asset.href)
