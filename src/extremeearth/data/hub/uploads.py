"""Items that users send: checked against the STAC schema, and pointing at nothing but their own objects."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pystac
from jsonschema import Draft7Validator
from jsonschema.exceptions import best_match
from pystac.validation.local_validator import get_local_schema_cache
from referencing import Registry, Resource

from extremeearth.core.errors import InputError
from extremeearth.data.catalogue import STAC_HREF
from extremeearth.data.hub.links import Links
from extremeearth.infrastructure.objects import key_of

__all__ = ["read_item", "schema_faults"]

OBJECT = "object:"
WEB = ("https://", "http://", STAC_HREF)


@lru_cache(maxsize=1)
def _validator() -> Draft7Validator:
    """Make the validator of STAC items from the schemas that pystac ships; it fetches nothing."""
    schemas = get_local_schema_cache()
    registry: Registry[Any] = Registry().with_resources(
        [(name, Resource.from_contents(schema)) for name, schema in schemas.items()]
    )
    item = next(schema for name, schema in schemas.items() if name.endswith("/item.json"))
    return Draft7Validator(item, registry=registry)


def schema_faults(body: dict[str, Any]) -> str | None:
    """Say what in an item is against the STAC 1.1 item schema; `None` where nothing is.

    Examples
    --------
    >>> schema_faults({"type": "Feature"}) is None
    False
    """
    fault = best_match(_validator().iter_errors(body))
    if fault is None:
        return None
    where = "/".join(str(part) for part in fault.absolute_path) or "the item"
    return f"{where}: {fault.message[:200]}"


def read_item(feature: Any, *, collection: str, links: Links) -> pystac.Item:
    """Read an item that somebody sent to a collection.

    Addresses of this server among its assets become what is kept.

    Raises
    ------
    InputError
        It is no STAC item, is of another collection, has an asset that is not in the object store below the
        item's own name (no address that a user gives is ever read), or a link that is no web address.
    """
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise InputError("The body is no STAC item.", hint="Send a GeoJSON Feature.")
    if feature.get("collection", collection) != collection:
        raise InputError("The item is of another collection.", hint="Send it there.")
    body = feature | {
        "collection": collection,
        "assets": feature.get("assets") or {},
        "links": feature.get("links") or [],
    }
    try:
        item = pystac.Item.from_dict(body, preserve_dict=True)
        body = item.to_dict(include_self_link=False, transform_hrefs=False)
    # pystac reads without checking: a wrong member can fail anywhere inside it
    except (pystac.STACError, KeyError, TypeError, ValueError, AttributeError) as err:
        raise InputError(
            f"The body is no STAC item: {str(err)[:200]}.", hint="Validate it with pystac."
        ) from err
    parent = [{"rel": "collection", "href": links.collection_href(collection)}]
    other = [link for link in body["links"] if link.get("rel") != "collection"]
    fault = schema_faults(body | {"links": parent + other})
    if fault is not None:
        raise InputError(f"The body is no STAC item: {fault}.", hint="Validate it with pystac.")
    _check_links(other)
    mine = f"{collection}/{item.id}/"
    for name, asset in item.assets.items():
        asset.href = _own_href(name, asset.href, mine=mine, server=f"{links.root}/download/")
    return item


def _check_links(links: list[dict[str, Any]]) -> None:
    for link in links:
        if not str(link["href"]).startswith(WEB):
            raise InputError("A link is no web address.", hint="Write https://...")


def _own_href(name: str, href: str, *, mine: str, server: str) -> str:
    if href.startswith(server):
        href = OBJECT + href.removeprefix(server)
    if not href.startswith(OBJECT) or not key_of(href).startswith(mine):
        raise InputError(
            f"The asset '{name[:100]}' is not in this platform's store below '{mine[:200]}'.",
            hint=f"Write its href as 'object:{mine[:200]}<file>'.",
        )
    return href
