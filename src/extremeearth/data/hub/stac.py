"""The STAC API 1.0 of the catalogue: browse, search, filter, and write with the right key."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

import pystac
from fastapi import APIRouter, Body, Depends, Request, Response
from fastapi.responses import JSONResponse

from extremeearth.core.errors import InputError
from extremeearth.core.security import Caller, Principal, Scope, requires
from extremeearth.data.catalogue import Catalogue, ItemPage, ItemQuery
from extremeearth.data.hub.downloads import viewer_of
from extremeearth.data.hub.links import GEOJSON, SCHEMA, Links
from extremeearth.data.hub.searches import query_of, text_parameters
from extremeearth.data.hub.uploads import read_item

__all__ = ["CONFORMANCE", "stac_router"]

CQL2 = "http://www.opengis.net/spec/cql2/1.0/conf"
FEATURES = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf"
FEATURES_3 = "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf"
STAC = "https://api.stacspec.org/v1.0.0"
CONFORMANCE = (
    f"{STAC}/core",
    f"{STAC}/collections",
    f"{STAC}/ogcapi-features",
    f"{STAC}/item-search",
    f"{STAC}/item-search#sort",
    f"{STAC}/item-search#query",
    f"{STAC}/item-search#filter",
    f"{STAC}/ogcapi-features#sort",
    f"{STAC}/ogcapi-features#query",
    f"{STAC}/ogcapi-features#filter",
    f"{FEATURES}/core",
    f"{FEATURES}/oas30",
    f"{FEATURES}/geojson",
    f"{FEATURES_3}/filter",
    f"{FEATURES_3}/features-filter",
    f"{FEATURES_3}/queryables",
    f"{CQL2}/cql2-text",
    f"{CQL2}/cql2-json",
    f"{CQL2}/basic-cql2",
    f"{CQL2}/advanced-comparison-operators",
    f"{CQL2}/basic-spatial-functions",
    f"{CQL2}/spatial-functions",
    f"{CQL2}/temporal-functions",
)
"""What this API promises."""

MAX_BATCH = 1_000
Writer = Annotated[Principal, Depends(requires(Scope.DATA_WRITE))]
Document = Annotated[dict[str, Any], Body()]
KINDS = {
    "string": {"type": "string"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "array": {"type": "array"},
    "time": {"type": "string", "format": "date-time"},
}


def _geojson(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(content, status_code=status, media_type=GEOJSON, headers=headers)


def stac_router(catalogue: Catalogue) -> APIRouter:
    """Make the routes below ``/stac``; those that write need the scope ``data:write``.

    Examples
    --------
    >>> from extremeearth.core.database import Database
    >>> from extremeearth.infrastructure.objects import open_store
    >>> router = stac_router(Catalogue(Database("sqlite://"), open_store("memory:///")))
    >>> "/stac/search" in {route.path for route in router.routes}
    True
    """
    router = APIRouter(prefix="/stac", tags=["stac"])
    _browse(router, catalogue)
    _describe(router, catalogue)
    _search(router, catalogue)
    _write(router, catalogue)
    return router


def _browse(router: APIRouter, catalogue: Catalogue) -> None:
    """Add what a visitor follows from link to link: landing page, collections, single items."""

    @router.get("")
    @router.get("/", include_in_schema=False)
    def landing(request: Request) -> dict[str, Any]:
        """Landing page: what there is, and where."""
        return {
            "type": "Catalog",
            "id": "extremeearth",
            "stac_version": "1.1.0",
            "title": "ExtremeEarth data hub",
            "description": "Products, cubes, training data, models and maps of this platform.",
            "conformsTo": list(CONFORMANCE),
            "links": Links(request).landing(catalogue.collections()),
        }

    @router.get("/collections")
    def collections(request: Request) -> dict[str, Any]:
        """All collections."""
        links = Links(request)
        return {
            "collections": [links.collection(one) for one in catalogue.collections()],
            "links": [
                links.link("self", f"{links.stac}/collections"),
                links.link("root", links.stac),
                links.link("parent", links.stac),
            ],
        }

    @router.get("/collections/{collection}")
    def collection(collection: str, request: Request) -> dict[str, Any]:
        """One collection."""
        return Links(request).collection(catalogue.collection(collection))

    @router.get("/collections/{collection}/items/{item_id}")
    def item(collection: str, item_id: str, request: Request, caller: Caller) -> Response:
        """One item."""
        body = _body(catalogue.get(collection, item_id, viewer=viewer_of(caller)))
        return _geojson(Links(request).item(body))


def _describe(router: APIRouter, catalogue: Catalogue) -> None:
    """Add what a client asks before it searches: conformance classes and names that a filter may use."""

    @router.get("/conformance")
    def conformance() -> dict[str, Any]:
        """Conformance classes."""
        return {"conformsTo": list(CONFORMANCE)}

    @router.get("/queryables")
    @router.get("/collections/{collection}/queryables")
    def queryables(request: Request, caller: Caller, collection: str | None = None) -> Response:
        """Properties that a filter may name, as JSON Schema."""
        found = catalogue.queryables(collection, viewer=viewer_of(caller))
        properties: dict[str, Any] = {
            "id": {"type": "string"},
            "collection": {"type": "string"},
            "geometry": {"$ref": "https://geojson.org/schema/Geometry.json"},
            "datetime": KINDS["time"],
            "start_datetime": KINDS["time"],
            "end_datetime": KINDS["time"],
        }
        schema = {
            "$schema": "https://json-schema.org/draft/2019-09/schema",
            "$id": Links(request).here,
            "type": "object",
            "title": "Queryables",
            "properties": properties | {name: KINDS[kind] for name, kind in found.items()},
            "additionalProperties": False,
        }
        return JSONResponse(schema, media_type=SCHEMA)


def _search(router: APIRouter, catalogue: Catalogue) -> None:
    @router.get("/collections/{collection}/items")
    def items(collection: str, request: Request, caller: Caller) -> Response:
        """Items of one collection; takes the parameters of a search."""
        catalogue.collection(collection)
        parameters = text_parameters(request.query_params)
        query = query_of(parameters, collection=collection)
        page = catalogue.search(query, viewer=viewer_of(caller))
        links = Links(request)
        path = f"{links.collection_href(collection)}/items"
        return _page(page, links, _next_by_get(links, path, request, page))

    @router.get("/search")
    def search(request: Request, caller: Caller) -> Response:
        """Find items: bbox, intersects, datetime, collections, ids, filter, query, sortby, limit, token."""
        query = query_of(text_parameters(request.query_params))
        page = catalogue.search(query, viewer=viewer_of(caller))
        links = Links(request)
        return _page(page, links, _next_by_get(links, f"{links.stac}/search", request, page))

    @router.post("/search")
    def search_by_body(body: Document, request: Request, caller: Caller) -> Response:
        """Find items: the same search with its members in a JSON object."""
        query: ItemQuery = query_of(body)
        page = catalogue.search(query, viewer=viewer_of(caller))
        links = Links(request)
        following = None
        if page.next_token is not None:
            following = links.link(
                "next", f"{links.stac}/search", GEOJSON, method="POST", merge=False,
                body=body | {"token": page.next_token},
            )  # fmt: skip
        return _page(page, links, following)


def _write(router: APIRouter, catalogue: Catalogue) -> None:
    @router.post("/collections/{collection}/items", status_code=201)
    def add(collection: str, body: Document, request: Request, caller: Writer) -> Response:
        """Add an item, or the items of a FeatureCollection, to the key's project; seen by it alone."""
        catalogue.collection(collection)
        links = Links(request)
        many = body.get("type") == "FeatureCollection"
        features = body.get("features") if many else [body]
        if not isinstance(features, list) or not 1 <= len(features) <= MAX_BATCH:
            raise InputError(f"Send 1 to {MAX_BATCH} items.", hint="Send a Feature, or several.")
        items = [read_item(feature, collection=collection, links=links) for feature in features]
        catalogue.add(items, project_id=_project(caller), public=None)
        if many:
            return _geojson({"added": [item.id for item in items]}, 201)
        stored = _body(catalogue.get(collection, items[0].id, viewer=caller))
        href = links.item_href(collection, items[0].id)
        return _geojson(links.item(stored), 201, {"Location": href})

    @router.put("/collections/{collection}/items/{item_id}")
    def replace(
        collection: str, item_id: str, body: Document, request: Request, caller: Writer
    ) -> Response:
        """Replace an item of the key's project."""
        catalogue.get(collection, item_id, viewer=caller)
        links = Links(request)
        item = read_item(body | {"id": body.get("id", item_id)}, collection=collection, links=links)
        if item.id != item_id:
            raise InputError("The body has another id than the path.", hint="Make them the same.")
        catalogue.add([item], project_id=_project(caller), public=None)
        return _geojson(links.item(_body(catalogue.get(collection, item_id, viewer=caller))))

    @router.delete("/collections/{collection}/items/{item_id}", status_code=204)
    def remove(collection: str, item_id: str, caller: Writer) -> Response:
        """Remove an item of the key's project, and its assets."""
        catalogue.delete(collection, item_id, viewer=caller)
        return Response(status_code=204)


def _project(caller: Principal) -> str:
    if caller.project_id is None:
        raise InputError("The key is of no project.", hint="Use a key of a project.")
    return caller.project_id


def _body(item: pystac.Item) -> dict[str, Any]:
    body: dict[str, Any] = item.to_dict(include_self_link=False, transform_hrefs=False)
    return body


def _next_by_get(
    links: Links, path: str, request: Request, page: ItemPage
) -> dict[str, Any] | None:
    if page.next_token is None:
        return None
    parameters = dict(request.query_params) | {"token": page.next_token}
    return links.link("next", f"{path}?{urlencode(parameters)}", GEOJSON, method="GET")


def _page(page: ItemPage, links: Links, following: dict[str, Any] | None) -> Response:
    content = {
        "type": "FeatureCollection",
        "features": [links.item(body) for body in page.bodies],
        "links": [
            links.link("self", links.here, GEOJSON),
            links.link("root", links.stac),
            *([following] if following else []),
        ],
        "numberMatched": page.matched,
        "numberReturned": len(page.bodies),
    }
    return _geojson(content)
