"""A real server of the hub alone, with keys that are written down here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pystac
import pytest
import shapely
from fastapi import FastAPI
from tests.servers.asgi import listening

from extremeearth.core.database import Database
from extremeearth.core.errors import KeyInvalidError
from extremeearth.core.problems import install_problem_handlers
from extremeearth.core.security import Principal, Scope
from extremeearth.core.times import as_instant
from extremeearth.data.catalogue import Catalogue
from extremeearth.data.hub import hub_router
from extremeearth.infrastructure.objects import ObjectStore, open_store

READ, WRITE = Scope.DATA_READ, Scope.DATA_WRITE
KEYS = {
    "alice.full": ("alice", {READ, WRITE}),
    "alice.read": ("alice", {READ}),
    "alice.infer": ("alice", {Scope.SERVING_INFER}),
    "bob.full": ("bob", {READ, WRITE}),
}
COUNT = 230


class Verifier:
    def verify(self, secret: str) -> Principal:
        if secret not in KEYS:
            raise KeyInvalidError("No such key.")
        project, scopes = KEYS[secret]
        return Principal(
            user_id=project, project_id=project, key_id=secret, scopes=frozenset(scopes)
        )


@dataclass(frozen=True)
class Hub:
    url: str
    catalogue: Catalogue
    store: ObjectStore

    def client(self, key: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"ApiKey {key}"} if key else {}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False)


def make_collection(name: str) -> pystac.Collection:
    extent = pystac.Extent(
        pystac.SpatialExtent([[-180, -90, 180, 90]]), pystac.TemporalExtent([[None, None]])
    )
    return pystac.Collection(name, f"All {name}", extent, title=name)


def fill(catalogue: Catalogue, store: ObjectStore) -> None:
    """Put public items on a grid, and one private item of each project with an object."""
    for name in ("maps", "cubes", "uploads"):
        catalogue.add_collection(make_collection(name))
    items = []
    for number in range(COUNT):
        x, y = 10 + (number % 20) * 0.1, 48 + (number // 20) * 0.1
        shape = shapely.box(x, y, x + 0.09, y + 0.09)
        items.append(
            pystac.Item(
                f"m{number:03}",
                shapely.geometry.mapping(shape),
                list(shape.bounds),
                as_instant("2018-03-01") + timedelta(days=number % 30),
                {"crop": ["wheat", "maize", "meadow"][number % 3], "number": number},
                collection="maps",
            )
        )
    catalogue.add(items, project_id="alice", public=True)
    for project in ("alice", "bob"):
        name = f"{project}-own"
        shape = shapely.box(10, 48, 10.1, 48.1)
        private = pystac.Item(
            name, shapely.geometry.mapping(shape), list(shape.bounds), as_instant("2018-03-01"), {},
            collection="maps",
        )  # fmt: skip
        key = f"maps/{name}/data.bin"
        store.put(key, bytes(range(256)) * 16)
        store.put(f"maps/{name}/unlisted.bin", b"no asset")
        private.add_asset("data", pystac.Asset(f"object:{key}"))
        catalogue.add([private], project_id=project)


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder: Path = tmp_path_factory.mktemp("hub")
    database = Database(f"sqlite:///{folder}/catalogue.sqlite")
    database.create_all()
    store = open_store((folder / "objects").as_uri())
    catalogue = Catalogue(database, store)
    fill(catalogue, store)
    app = FastAPI()
    app.state.verifier = Verifier()
    install_problem_handlers(app)
    app.include_router(hub_router(catalogue, store))
    with listening(app) as url:
        yield Hub(url, catalogue, store)
    database.close()
