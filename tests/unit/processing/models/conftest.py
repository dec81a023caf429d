"""A registry in memory and a card."""

from __future__ import annotations

from types import SimpleNamespace

import pystac
import pytest

from extremeearth.core.database import Database
from extremeearth.core.times import as_instant
from extremeearth.data.catalogue import Catalogue
from extremeearth.infrastructure.objects import open_store
from extremeearth.processing.datasets import CropClass
from extremeearth.processing.models import ModelCard, ModelRegistry


@pytest.fixture
def place() -> SimpleNamespace:
    database = Database("sqlite://")
    database.create_all()
    store = open_store("memory:///")
    catalogue = Catalogue(database, store)
    source = pystac.Item(
        "d", {"type": "Point", "coordinates": [11.6, 48.4]}, [11.6, 48.4, 11.6, 48.4], None, {},
        collection="training-datasets", start_datetime=as_instant("2018-02-15"), end_datetime=as_instant("2018-08-30"),
    )  # fmt: skip
    return SimpleNamespace(
        store=store, catalogue=catalogue, source=source, registry=ModelRegistry(catalogue, store)
    )


@pytest.fixture
def card() -> ModelCard:
    classes = (
        CropClass(name="maize", hcat_code="3301010600", hcat_name="grain_maize", colour="#d35400"),
        CropClass(
            name="other", hcat_code="3399000000", hcat_name="not_known_and_other", colour="#9aa0a6"
        ),
    )
    return ModelCard(
        title="Small", architecture="linear", intended_use="Tests.", training_data="None.", limits=("Knows nothing.",),
        licence="Apache-2.0", classes=classes, bands=tuple(f"B{n}" for n in range(13)), days=(100, 130, 160),
        parameters=26,
    )  # fmt: skip
