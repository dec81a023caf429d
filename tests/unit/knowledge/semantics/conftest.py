"""Tables of a season and the graphs that the ready mappings make of them."""

from __future__ import annotations

import io

import geopandas as gpd
import numpy as np
import pandas as pd
import pyoxigraph as ox
import pytest

from extremeearth.data.products import open_field_archive, simulate_field_archive
from extremeearth.knowledge.interlinking import link, write_links
from extremeearth.knowledge.mapping import map_to_rdf
from extremeearth.knowledge.semantics import (
    IRI_PREFIXES,
    NationalCrops,
    food_security_mapping,
    food_security_sources,
    reference_to_rdf,
)


def season_tables(archive, seed: int = 0) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    crops = archive.national_crops.drop_duplicates("crop_code").set_index("crop_code")
    parcels = archive.parcels.drop(columns="area_ha").rename(
        columns={"crop_code": "declared_code", "crop_name_de": "declared_name"}
    )
    parcels["declared_hcat"] = parcels["declared_code"].map(crops["hcat_code"])
    known = parcels["declared_hcat"].dropna().to_numpy()
    predicted = parcels["declared_hcat"].where(
        rng.random(len(parcels)) < 0.7, rng.choice(known, len(parcels))
    )
    parcels["predicted_hcat"] = predicted.where(rng.random(len(parcels)) < 0.95, None)
    parcels["predicted_name"] = "some crop"
    parcels["confidence"] = rng.random(len(parcels))
    fields = gpd.GeoDataFrame(archive.trial_fields[["field", "crop", "geometry"]]).assign(
        name=lambda f: f["field"]
    )
    days = pd.date_range("2018-05-01", periods=6)
    rows = [(name, "field", day) for name in fields["field"] for day in days]
    daily = pd.DataFrame(rows, columns=["feature_id", "kind", "date"])
    leaves = rng.random(len(daily)) * 6
    water = daily.assign(et0_mm=3.5, etc_mm=rng.random(len(daily)), irrigation_mm=0.0)
    total = water.groupby(["feature_id", "kind"], as_index=False)[
        ["et0_mm", "etc_mm", "irrigation_mm"]
    ].sum()
    return {
        "parcels": parcels, "fields": fields, "farm_fields": archive.farm_fields,
        "lai": daily.assign(lai=np.where(leaves > 1, leaves, np.nan)),
        "water": water, "water_season": total.assign(rain_mm=100.0),
    }  # fmt: skip


class Graphs:
    """What one archive becomes: tables, N-Triples, and stores over them."""

    def __init__(self, archive) -> None:
        self.archive = archive
        self.tables = season_tables(archive)
        self.sources = food_security_sources(season=2018, **self.tables)
        season, reference, links = io.BytesIO(), io.BytesIO(), io.BytesIO()
        self.report = map_to_rdf(food_security_mapping(), sources=self.sources, target=season)
        national = NationalCrops(
            country="de", year=2018, language="de", table=archive.national_crops
        )
        reference_to_rdf(
            reference, taxonomy=archive.taxonomy, national=[national], regions=archive.countries
        )
        write_links(
            link(archive.parcels, archive.farm_fields, left_id="parcel_id", left_prefix=IRI_PREFIXES["parcel"],
                 right_id="farm_field_id", right_prefix=IRI_PREFIXES["farm-field"]), links,
        )  # fmt: skip
        self.season, self.reference, self.links = (
            season.getvalue(),
            reference.getvalue(),
            links.getvalue(),
        )

    def store(self, *parts: bytes) -> ox.Store:
        store = ox.Store()
        for part in parts:
            store.load(part, format=ox.RdfFormat.N_TRIPLES)
        return store


@pytest.fixture(scope="session")
def simulated():
    return Graphs(simulate_field_archive(seed=3))


@pytest.fixture(scope="session")
def real(data_folder):
    return Graphs(open_field_archive(data_folder))
