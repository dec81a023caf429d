"""What counts as disagreement: the class that was seen, against the class of the declared crop."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pyoxigraph as ox
import pytest
import shapely

from extremeearth.knowledge.mapping import map_to_rdf
from extremeearth.knowledge.semantics import (
    disagreement_query,
    food_security_mapping,
    food_security_sources,
    reference_to_rdf,
)

MAIZE, GRAIN_MAIZE, WHEAT, OTHER = "3301010600", "3301010601", "3301010101", "3399000000"


@pytest.fixture
def graph(tmp_path):
    def build(rows: list[tuple[str, str, str]]) -> ox.Store:
        parcels = gpd.GeoDataFrame(
            {
                "parcel_id": range(len(rows)),
                "declared_code": "1",
                "declared_name": "x",
                "declared_hcat": [r[0] for r in rows],
                "declared_class": [r[1] for r in rows],
                "predicted_hcat": [r[2] for r in rows],
                "predicted_name": "y",
                "confidence": 0.9,
            },
            geometry=[
                shapely.box(11 + i / 100, 48, 11.005 + i / 100, 48.005) for i in range(len(rows))
            ],
            crs=4326,
        )
        taxonomy = pd.DataFrame(
            {
                "hcat_code": [
                    "3300000000",
                    "3301000000",
                    "3301010000",
                    MAIZE,
                    GRAIN_MAIZE,
                    WHEAT,
                    OTHER,
                ],
                "hcat_name": ["crop", "arable", "cereal", "maize", "grain_maize", "wheat", "other"],
            }
        )
        region = gpd.GeoDataFrame(
            {"name": ["Here"], "iso_a3": ["HER"]}, geometry=[shapely.box(10, 47, 13, 49)], crs=4326
        )
        sources = food_security_sources(season=2018, parcels=parcels)
        map_to_rdf(food_security_mapping(), sources=sources, target=tmp_path / "a.nt")
        reference_to_rdf(tmp_path / "b.nt", taxonomy=taxonomy, regions=region)
        store = ox.Store()
        for name in ("a.nt", "b.nt"):
            store.load(path=tmp_path / name)
        return store

    return build


def differing(store: ox.Store) -> int:
    rows = store.query(disagreement_query(region="Here"))
    return sum(int(row["parcels"].value) for row in rows)


@pytest.mark.parametrize(
    ("declared", "its_class", "seen", "differs"),
    [
        (GRAIN_MAIZE, MAIZE, MAIZE, 0),
        (GRAIN_MAIZE, MAIZE, WHEAT, 1),
        (WHEAT, WHEAT, OTHER, 1),
        (GRAIN_MAIZE, OTHER, OTHER, 0),
    ],
)
def test_a_parcel_differs_when_its_class_does(
    graph, declared: str, its_class: str, seen: str, differs: int
) -> None:
    assert differing(graph([(declared, its_class, seen)])) == differs


def test_without_classes_the_crops_themselves_are_compared() -> None:
    parcels = gpd.GeoDataFrame(
        {
            "parcel_id": [1], "declared_code": ["1"], "declared_name": ["x"], "declared_hcat": [WHEAT],
            "predicted_hcat": [MAIZE], "predicted_name": ["y"], "confidence": [0.5],
        },
        geometry=[shapely.box(11, 48, 12, 49)],
        crs=4326,
    )  # fmt: skip
    assert food_security_sources(season=2018, parcels=parcels)["parcels"][
        "declared_class"
    ].tolist() == [WHEAT]
