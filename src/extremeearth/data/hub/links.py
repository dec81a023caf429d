"""From what is kept to what goes out: absolute addresses, and the links of the STAC API."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pystac
from fastapi import Request

from extremeearth.data.catalogue import STAC_HREF
from extremeearth.infrastructure.objects import key_of

__all__ = ["GEOJSON", "JSON", "Links"]

JSON, GEOJSON = "application/json", "application/geo+json"
HTML, OPENAPI, SCHEMA = (
    "text/html",
    "application/vnd.oai.openapi+json;version=3.0",
    "application/schema+json",
)
OBJECT = "object:"


class Links:
    """Writes addresses as the caller of one request sees the server.

    Parameters
    ----------
    request
        The request that is answered.
    """

    def __init__(self, request: Request) -> None:
        self.root = str(request.base_url).rstrip("/")
        self.stac = f"{self.root}/stac"
        self.here = str(request.url)
        self._description: str | None = request.app.openapi_url
        self._documentation: str | None = request.app.docs_url

    def link(self, rel: str, href: str, media_type: str = JSON, **more: Any) -> dict[str, Any]:
        """Write one link; members that are `None` are left out."""
        members = {"rel": rel, "type": media_type, "href": href} | more
        return {key: value for key, value in members.items() if value is not None}

    def download(self, key: str) -> str:
        """Write where an object can be downloaded."""
        return f"{self.root}/download/{quote(key)}"

    def collection_href(self, collection: str) -> str:
        """Write where a collection is."""
        return f"{self.stac}/collections/{quote(collection, safe='')}"

    def item_href(self, collection: str, item_id: str) -> str:
        """Write where an item is."""
        return f"{self.collection_href(collection)}/items/{quote(item_id, safe='')}"

    def landing(self, collections: list[pystac.Collection]) -> list[dict[str, Any]]:
        """Write the links of the landing page."""
        return [
            self.link("self", self.stac),
            self.link("root", self.stac),
            self.link("conformance", f"{self.stac}/conformance"),
            *self._service(),
            self.link("data", f"{self.stac}/collections"),
            self.link("search", f"{self.stac}/search", GEOJSON, method="GET"),
            self.link("search", f"{self.stac}/search", GEOJSON, method="POST"),
            self.link(
                "http://www.opengis.net/def/rel/ogc/1.0/queryables",
                f"{self.stac}/queryables",
                SCHEMA,
            ),
            *(
                self.link("child", self.collection_href(c.id), title=c.title or c.id)
                for c in collections
            ),
        ]

    def _service(self) -> list[dict[str, Any]]:
        """Link the description of the service, in the forms that the application gives."""
        forms = (
            ("service-desc", self._description, OPENAPI),
            ("service-doc", self._documentation, HTML),
        )
        return [
            self.link(rel, f"{self.root}{path}", media_type)
            for rel, path, media_type in forms
            if path is not None
        ]

    def collection(self, collection: pystac.Collection) -> dict[str, Any]:
        """Write a collection as it goes out."""
        body: dict[str, Any] = collection.to_dict(include_self_link=False, transform_hrefs=False)
        href = self.collection_href(collection.id)
        body["links"] = [
            self.link("self", href),
            self.link("root", self.stac),
            self.link("parent", self.stac),
            self.link("items", f"{href}/items", GEOJSON),
            self.link(
                "http://www.opengis.net/def/rel/ogc/1.0/queryables", f"{href}/queryables", SCHEMA
            ),
        ]
        return body

    def item(self, body: dict[str, Any]) -> dict[str, Any]:
        """Write an item as it goes out: assets become addresses, links to other items too."""
        collection = self.collection_href(body["collection"])
        assets = {}
        for name, asset in body.get("assets", {}).items():
            href = asset["href"]
            assets[name] = (
                asset | {"href": self.download(key_of(href))} if href.startswith(OBJECT) else asset
            )
        links = [
            self.link("self", self.item_href(body["collection"], body["id"]), GEOJSON),
            self.link("root", self.stac),
            self.link("parent", collection),
            self.link("collection", collection),
            *(link | {"href": self._outgoing(link["href"])} for link in body.get("links", [])),
        ]
        return body | {"assets": assets, "links": links}

    def _outgoing(self, href: str) -> str:
        if not href.startswith(STAC_HREF):
            return href
        collection, _, item_id = href.removeprefix(STAC_HREF).partition("/")
        return self.item_href(collection, item_id)
