"""The same platform on a folder with SQLite, and on PostgreSQL with OpenStack Swift: a URL changes the back end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from extremeearth.app.demo.food_security.access import open_access
from extremeearth.app.demo.food_security.ingest import ingest
from extremeearth.app.demo.food_security.learn import make_dataset
from extremeearth.app.demo.food_security.place import DemoPlace
from extremeearth.core.progress import SILENT
from extremeearth.core.settings import Settings
from extremeearth.data.products import load_cube
from extremeearth.infrastructure.objects import key_of
from extremeearth.processing.datasets import load_dataset


@pytest.fixture(params=["folder", "servers"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    if request.param == "folder":
        return Settings(home=tmp_path)
    database: str = request.getfixturevalue("postgres_url")
    objects, access = request.getfixturevalue("swift_store")
    return Settings(home=tmp_path, database=database, objects=objects, **access)


@pytest.mark.timeout(280)
def test_two_events_of_the_demo_end_alike(settings: Settings, tmp_path: Path) -> None:
    place = DemoPlace(out=tmp_path, data=None, settings=settings)
    try:
        place.token, _ = open_access(place, SILENT)
        found: dict[str, Any] = ingest(place, SILENT)
        assert (found["cubes"], found["lai_cubes"], found["parcels"]) == (25, 25, 301)
        assert found["items_in_box"] >= 54
        made = make_dataset(place, SILENT)
        assert made["samples"] == 301
        catalogue, store = place.platform.catalogue, place.platform.store
        item = catalogue.get("training-datasets", "freising-crops", viewer=place.principal)
        assert [link.rel for link in item.links].count("derived_from") == 1
        assert len(load_dataset(store=store, prefix="training-datasets/freising-crops")) == 301
        cube = next(iter(place.platform.catalogue.items(_fields(), viewer=place.principal)))
        assert load_cube(store=store, prefix=key_of(cube.assets["cube"].href)).odc.crs is not None
    finally:
        place.close()
    assert (tmp_path / "extremeearth.sqlite").exists() == (settings.database is None)
    assert (tmp_path / "objects").exists() == (settings.objects is None)


def _fields() -> Any:
    from extremeearth.data.catalogue import ItemQuery

    return ItemQuery(collections=("field-series",), limit=1)
