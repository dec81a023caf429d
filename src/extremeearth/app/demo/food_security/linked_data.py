"""Event 5: results become linked data, are interlinked, and go into the GeoSPARQL store."""

from __future__ import annotations

import shutil
from typing import Any

import geopandas as gpd
import pandas as pd
import pyarrow as pa

from extremeearth.app.demo.food_security.ingest import slug
from extremeearth.app.demo.food_security.place import DemoPlace
from extremeearth.core.progress import Progress, Task
from extremeearth.data.catalogue import ItemQuery
from extremeearth.data.products import load_table
from extremeearth.infrastructure.engine import LocalEngine
from extremeearth.infrastructure.objects import key_of
from extremeearth.knowledge.interlinking import link, write_links
from extremeearth.knowledge.mapping import map_to_rdf
from extremeearth.knowledge.semantics import (
    IRI_PREFIXES,
    NationalCrops,
    food_security_mapping,
    food_security_sources,
    reference_to_rdf,
)
from extremeearth.knowledge.store import open_graph

__all__ = ["make_linked_data"]

TARGETS = {"fields": "field", "parcels": "parcel"}


def make_linked_data(place: DemoPlace, progress: Progress) -> dict[str, Any]:
    """Compute the water need of fields and parcels, map all results to RDF, link them, load them."""
    water = {target: _water_of(place, target, progress) for target in TARGETS}
    with Task(progress, "5 linked data", total=5) as task:
        mapped = map_to_rdf(
            food_security_mapping(),
            sources=_sources(place, water),
            target=place.out / "food-security.nt",
        )
        task.advance()
        links = _links(place)
        write_links(links, place.out / "links.nt")
        task.advance()
        reference = reference_to_rdf(
            place.out / "reference.nt",
            taxonomy=place.archive.taxonomy,
            national=[
                NationalCrops(
                    country="de",
                    year=_year(place),
                    language="de",
                    table=place.archive.national_crops,
                )
            ],
            regions=place.archive.countries,
        )
        task.advance()
        stored = _load(place, "graph", "food-security.nt", "links.nt")
        task.advance()
        beside = _load(place, "reference-graph", "reference.nt")
        task.advance()
    counts = links["relation"].value_counts().to_pylist()
    return {
        "mapped_rows": mapped.rows,
        "triples": mapped.triples,
        "links": len(links),
        "links_by_relation": {
            entry["values"].rpartition("#")[2]: entry["counts"]
            for entry in sorted(counts, key=lambda e: -e["counts"])
        },
        "reference_triples": reference.triples,
        "store_triples": stored,
        "reference_store_triples": beside,
    }


def _year(place: DemoPlace) -> int:
    return int(place.archive.parcel_series["date"].max().year)


def _water_of(place: DemoPlace, target: str, progress: Progress) -> dict[str, pd.DataFrame]:
    inputs = {
        "bbox": list(place.box.bounds), "datetime": str(place.season), "targets": target, "public": True,
    }  # fmt: skip
    item = place.run_here("water-availability", inputs, progress)[0]
    store = place.platform.store
    daily = load_table(store=store, key=key_of(item.assets["table"].href))
    return {"daily": daily.assign(kind=TARGETS[target], feature_id=daily["feature_id"].astype(str))}


def _sources(place: DemoPlace, water: dict[str, dict[str, pd.DataFrame]]) -> dict[str, Any]:
    daily = pd.concat([tables["daily"] for tables in water.values()], ignore_index=True)
    season = (
        daily.groupby(["feature_id", "kind"], as_index=False)[
            ["et0_mm", "etc_mm", "rain_mm", "irrigation_mm"]
        ]
        .sum()
        .assign(season=_year(place))
    )
    fields = place.archive.trial_fields.rename(columns={"field": "name"})
    fields = fields.assign(field=fields["name"].map(slug))
    predictions = gpd.read_parquet(place.out / "predictions.parquet")
    return food_security_sources(
        season=_year(place),
        parcels=predictions.drop(columns="declared_class").rename(
            columns={
                "declared_class_hcat": "declared_class",
                "predicted_class_hcat": "predicted_hcat",
                "predicted_class": "predicted_name",
            }
        ),
        fields=fields,
        farm_fields=place.archive.farm_fields,
        lai=_observed_lai(place),
        water=daily,
        water_season=season,
    )


def _observed_lai(place: DemoPlace) -> pd.DataFrame:
    """Gather the field means of leaf area index on clear dates, for the graph and the report."""
    tables = []
    query = ItemQuery(collections=("leaf-area-index",))
    for item in place.platform.catalogue.items(query, viewer=place.principal):
        curve = load_table(store=place.platform.store, key=key_of(item.assets["curve"].href))
        tables.append(
            curve.assign(
                feature_id=item.id,
                field=item.properties["ee:field"],
                crop=item.properties.get("ee:crop", ""),
            )
        )
    table: pd.DataFrame = pd.concat(tables, ignore_index=True)
    table.to_parquet(place.out / "lai-fields.parquet")
    observed: pd.DataFrame = table.assign(kind="field")[["feature_id", "kind", "date", "lai"]]
    return observed


def _links(place: DemoPlace) -> pa.Table:
    """Relate parcels with farm fields and with countries, by every DE-9IM relation but disjoint."""
    parcels, engine = place.archive.parcels, LocalEngine(workers=1)
    countries = place.archive.countries
    countries = countries[countries["iso_a3"].str.fullmatch("[A-Z]{3}")]
    found = [
        link(
            parcels, other, left_id="parcel_id", right_id=column, left_prefix=IRI_PREFIXES["parcel"],
            right_prefix=IRI_PREFIXES[kind], engine=engine,
        )
        for other, column, kind in (
            (place.archive.farm_fields, "farm_field_id", "farm-field"),
            (countries, "iso_a3", "region"),
        )
    ]  # fmt: skip
    return pa.concat_tables(found)


def _load(place: DemoPlace, name: str, *files: str) -> int:
    """Make a graph anew from files: it is made beside the old one, which it then replaces."""
    folder = place.settings.home / name
    if folder.is_dir():
        open_graph(folder).close()  # refuses, with a clear word, while a server has it
    fresh = folder.with_name(f"{name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    graph = open_graph(fresh)
    for file in files:
        graph.load(place.out / file)
    size = len(graph)
    graph.close()
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    return size
