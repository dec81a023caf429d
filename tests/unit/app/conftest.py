"""What the tests of commands share: a platform whose catalogue has items, and a hub that serves them."""

from __future__ import annotations

from datetime import timedelta

import pystac
import pytest
import shapely
from fastapi import FastAPI
from tests.servers.asgi import listening

from extremeearth.app.platform import Platform
from extremeearth.core.problems import install_problem_handlers
from extremeearth.core.settings import Settings
from extremeearth.core.times import as_instant
from extremeearth.data.hub import hub_router

COUNT = 12


@pytest.fixture(scope="module")
def catalogue_home(tmp_path_factory):
    """A platform whose catalogue has a public item each tenth of a degree and day, and a private one."""
    folder = tmp_path_factory.mktemp("home")
    extent = pystac.Extent(
        pystac.SpatialExtent([[-180, -90, 180, 90]]), pystac.TemporalExtent([[None, None]])
    )
    with Platform.open(Settings(home=folder)) as platform:
        for name in ("maps", "cubes"):
            platform.catalogue.add_collection(pystac.Collection(name, name, extent))
        for number in range(COUNT + 1):
            shape = shapely.box(10 + number / 10, 48, 10.1 + number / 10, 48.1)
            item = pystac.Item(
                f"m{number:02}", shapely.geometry.mapping(shape), list(shape.bounds),
                as_instant("2018-03-01") + timedelta(days=number), {"even": number % 2},
                collection="maps" if number < COUNT - 2 else "cubes",
            )  # fmt: skip
            platform.catalogue.add([item], project_id="p", public=number < COUNT)
    return folder


@pytest.fixture(scope="module")
def hub(catalogue_home):
    app = FastAPI()
    install_problem_handlers(app)
    with Platform.open(Settings(home=catalogue_home)) as platform:
        app.include_router(hub_router(platform.catalogue, platform.store))
        with listening(app) as url:
            yield f"{url}/stac"


@pytest.fixture(params=["hub", "home"])
def place(request, hub, catalogue_home):
    """A catalogue as a command names it: twelve public items, a tenth of a degree and a day apart."""
    return hub if request.param == "hub" else f"catalogue:{catalogue_home}"
