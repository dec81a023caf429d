"""A platform in memory with a season ingested, as the demo does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pystac
import pytest

from extremeearth.core.boxes import as_box
from extremeearth.core.database import Database
from extremeearth.core.security import Principal
from extremeearth.core.settings import Settings
from extremeearth.core.times import as_time_range
from extremeearth.data.catalogue import Catalogue
from extremeearth.data.products import (
    FieldArchive,
    cube_item,
    feature_item,
    save_cube,
    save_table,
    simulate_field_archive,
)
from extremeearth.infrastructure.objects import href_of, open_store
from extremeearth.processing.jobs import JobContext
from extremeearth.product.processes import run_processor
from extremeearth.product.processors import Services

COLLECTIONS = (
    "field-series", "leaf-area-index", "parcel-series", "trial-fields", "weather", "water-availability",
)  # fmt: skip


def _season(frame: pd.DataFrame) -> Any:
    dates = frame["date"]
    return as_time_range((dates.min().to_pydatetime(), dates.max().to_pydatetime()))


class SeasonPlatform:
    """Catalogue and store with one season in them, and a way to run a processor."""

    def __init__(self, archive: FieldArchive, workspace: Path, *, fields: int) -> None:
        self.archive, self.workspace = archive, workspace
        database = Database("sqlite://")
        database.create_all()
        self.store = open_store("memory:///")
        self.catalogue = Catalogue(database, self.store)
        self.owner = Principal(user_id="u", project_id="p", key_id="k")
        everywhere = pystac.Extent(
            pystac.SpatialExtent([[-180, -90, 180, 90]]), pystac.TemporalExtent([[None, None]])
        )
        for name in COLLECTIONS:
            self.catalogue.add_collection(pystac.Collection(name, name, everywhere))
        self.catalogue.add(
            [self._series(name) for name in archive.field_names[:fields]],
            project_id="p",
            public=True,
        )
        self.catalogue.add(self._tables(), project_id="p", public=True)
        self.services = Services(
            settings=Settings(home=workspace),
            catalogue=self.catalogue,
            store=self.store,
            registry=SimpleNamespace(),
        )

    @property
    def box(self) -> list[float]:
        bounds = [self.archive.parcels.total_bounds, self.archive.trial_fields.total_bounds]
        low, high = (
            [f(b[i] for b in bounds) for i in pair] for f, pair in ((min, (0, 1)), (max, (2, 3)))
        )
        return [float(v) for v in (*low, *high)]

    def _series(self, name: str) -> pystac.Item:
        series = self.archive.field_series(name)
        item_id = name.lower()
        prefix = f"field-series/{item_id}/cube"
        save_cube(series, store=self.store, prefix=prefix)
        return cube_item(
            series, item_id=item_id, collection="field-series", prefix=prefix, title=name,
            properties={"ee:field": name},
        )  # fmt: skip

    def _tables(self) -> list[pystac.Item]:
        archive = self.archive
        parts = {
            "parcel-series": (archive.parcels, {"parcels": archive.parcels, "series": archive.parcel_series},
                              _season(archive.parcel_series)),
            "trial-fields": (archive.trial_fields, {"features": archive.trial_fields}, _season(archive.weather)),
            "weather": (archive.trial_fields, {"table": archive.weather}, _season(archive.weather)),
        }  # fmt: skip
        items = []
        for collection, (outline, tables, time) in parts.items():
            assets = {}
            for name, table in tables.items():
                key = f"{collection}/season/{name}.parquet"
                save_table(table, store=self.store, key=key)
                assets[name] = pystac.Asset(href_of(key))
            items.append(
                feature_item(outline, item_id="season", collection=collection, assets=assets, time=time,
                             title=collection)
            )  # fmt: skip
        return items

    def run(
        self, kind: Callable[[Services], Any], *, principal: Principal | None = None, **inputs: Any
    ) -> list[pystac.Item]:
        """Run a processor class as the owner; its items go to the catalogue."""
        context = JobContext(workspace=self.workspace, principal=principal or self.owner)
        given = {"bbox": self.box, "datetime": "2018-03-01/2018-07-31"} | inputs
        as_box(given["bbox"])
        return run_processor(kind(self.services), given, context, self.catalogue)


@pytest.fixture(scope="module")
def simulated_season(tmp_path_factory: pytest.TempPathFactory) -> SeasonPlatform:
    """Three simulated fields and forty simulated parcels."""
    archive = simulate_field_archive(seed=3)
    parcels = archive.parcels.iloc[:40]
    series = archive.parcel_series
    archive = replace(
        archive, parcels=parcels, parcel_series=series[series.parcel_id.isin(parcels.parcel_id)]
    )
    return SeasonPlatform(archive, tmp_path_factory.mktemp("season"), fields=3)


@pytest.fixture(scope="session")
def make_season(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., SeasonPlatform]:
    """Make a platform of any archive."""
    return lambda archive, *, fields: SeasonPlatform(
        archive, tmp_path_factory.mktemp("season"), fields=fields
    )
