"""The faces of the catalogue: STAC API and download."""

from __future__ import annotations

from fastapi import APIRouter

from extremeearth.data.catalogue import Catalogue
from extremeearth.data.hub.downloads import download_router, media_type_of
from extremeearth.data.hub.stac import CONFORMANCE, stac_router
from extremeearth.infrastructure.objects import ObjectStore

__all__ = ["CONFORMANCE", "download_router", "hub_router", "media_type_of", "stac_router"]


def hub_router(catalogue: Catalogue, store: ObjectStore) -> APIRouter:
    """Make all routes of the hub: ``/stac`` and ``/download``.

    Parameters
    ----------
    catalogue
        What is offered.
    store
        Where the objects are.

    Examples
    --------
    >>> from fastapi import FastAPI
    >>> from extremeearth.core.database import Database
    >>> from extremeearth.infrastructure.objects import open_store
    >>> store, database = open_store("memory:///"), Database("sqlite://")
    >>> database.create_all()
    >>> app = FastAPI()
    >>> app.include_router(hub_router(Catalogue(database, store), store))
    >>> from fastapi.testclient import TestClient
    >>> TestClient(app).get("/stac").json()["type"]
    'Catalog'
    """
    router = APIRouter()
    router.include_router(stac_router(catalogue))
    router.include_router(download_router(catalogue, store))
    return router
