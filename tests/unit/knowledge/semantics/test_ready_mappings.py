"""The ready mappings of sea ice and of the catalogue, on real charts and on items of every kind."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import geopandas as gpd
import numpy as np
import pandas as pd
import pystac
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from extremeearth.core.errors import CrsError, InputError
from extremeearth.knowledge.mapping import ClassifiedRaster, map_to_rdf
from extremeearth.knowledge.semantics import (
    catalogue_mapping,
    catalogue_sources,
    ice_chart_sources,
    ice_map_sources,
    sea_ice_mapping,
)
from extremeearth.knowledge.store import open_graph

PREFIXES = """PREFIX ice: <https://w3id.org/extremeearth/def/sea-ice#> PREFIX geo: <http://www.opengis.net/ont/geosparql#>
PREFIX geof: <http://www.opengis.net/def/function/geosparql/> PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
PREFIX dcat: <http://www.w3.org/ns/dcat#> PREFIX prov: <http://www.w3.org/ns/prov#> PREFIX sosa: <http://www.w3.org/ns/sosa/>
PREFIX ds: <https://w3id.org/extremeearth/def/catalogue#> PREFIX dcterms: <http://purl.org/dc/terms/>
"""
TIME = datetime(2020, 11, 2, 18, tzinfo=UTC)


def asked(graph, text):
    rows = graph.query(PREFIXES + text).rows
    return [
        tuple(None if term is None else getattr(term, "lexical", str(term)) for term in row)
        for row in rows
    ]


def graph_of(mapping, sources):
    out = io.BytesIO()
    map_to_rdf(mapping, sources=sources, target=out)
    graph = open_graph()
    report = graph.load(out.getvalue(), "nt")
    assert report.geometry_problems == 0
    return graph


def test_a_real_ice_chart(data_folder):
    path = data_folder / "ice-chart-cis-eastern-arctic-20201102" / "cis_SGRDREA_20201102T.gpkg"
    chart = gpd.read_file(path)
    sources = ice_chart_sources(chart, chart_id="cis-2020-11-02", time=TIME, area_id="ID_NEW")
    graph = graph_of(sea_ice_mapping(), sources)
    assert asked(graph, "SELECT (COUNT(?a) AS ?n) { ?a a ice:IceArea }") == [("296",)]
    assert asked(graph, "SELECT (COUNT(?a) AS ?n) { ?a a ice:LandArea }") == [("128",)]
    whole = (chart["CT"] == "92").sum()
    assert asked(
        graph, "SELECT (COUNT(?a) AS ?n) { ?a a ice:ChartArea ; ice:lowestTenths 10 }"
    ) == [(str(whole),)]
    thick = asked(
        graph,
        "SELECT (COUNT(DISTINCT ?a) AS ?n) { ?a ice:hasIce ?i . ?i ice:rank 1 ; "
        'ice:stageOfDevelopment/skos:prefLabel "multi-year ice"@en }',
    )
    assert thick == [(str((chart["SA"] == "97").sum()),)]
    point = chart.to_crs(4326).geometry.iloc[0].representative_point()
    found = asked(
        graph,
        f"SELECT ?a {{ ?a geo:hasDefaultGeometry/geo:asWKT ?w "
        f'FILTER(geof:sfContains(?w, "{point.wkt}"^^geo:wktLiteral)) }}',
    )
    assert len(found) == 1


@pytest.mark.parametrize(
    ("code", "tenths"),
    [
        ("98", (0, 0)), ("02", (0, 1)), ("50", (5, 5)), ("12", (1, 2)), ("81", (8, 10)), ("89", (8, 9)),
        ("92", (10, 10)), ("64", (None, None)), ("05", (None, None)), ("-9", (None, None)),
    ],
)  # fmt: skip
def test_codes_of_concentrations(code, tenths):
    names = ("CA", "SA", "FA", "CB", "SB", "FB", "CC", "SC", "FC")
    codes = {name: ["-9"] for name in names} | {"CT": [code], "POLY_TYPE": ["I"]}
    chart = gpd.GeoDataFrame(codes, geometry=[shapely.box(0, 70, 1, 71)], crs=4326)
    area = ice_chart_sources(chart, chart_id="c", time=TIME)["ice_areas"].iloc[0]
    assert tuple(None if pd.isna(v) else v for v in (area["ct_low"], area["ct_high"])) == tenths


def test_concentrations_in_tenths():
    codes = {name: ["-9"] * 5 for name in ("CA", "CB", "SA", "SB", "FA", "FB", "CC", "SC", "FC")}
    codes |= {"CT": ["46", "91", "00", "99", None], "POLY_TYPE": ["I", "I", "W", "X", None]}
    boxes = [shapely.box(n, 70, n + 1, 71) for n in range(5)]
    chart = gpd.GeoDataFrame(codes, geometry=boxes, crs=4326)
    areas = ice_chart_sources(chart, chart_id="c", time=TIME)["ice_areas"]
    assert areas["ct_low"].fillna(-1).tolist() == [4, 9, 0, -1, -1]
    assert areas["ct_high"].fillna(-1).tolist() == [6, 10, 0, -1, -1]
    assert areas["kind"].tolist() == [
        "IceArea",
        "IceArea",
        "WaterArea",
        "UnknownArea",
        "UnknownArea",
    ]
    with pytest.raises(InputError, match="no column 'CT'"):
        ice_chart_sources(chart.drop(columns="CT"), chart_id="c", time=TIME)
    with pytest.raises(InputError, match="no time zone"):
        ice_chart_sources(chart, chart_id="c", time=datetime(2020, 1, 1))
    with pytest.raises(CrsError):
        ice_chart_sources(chart.set_crs(None, allow_override=True), chart_id="c", time=TIME)


def test_a_map_of_ice_classes(tmp_path):
    codes = np.array([[1, 1, 2], [1, 2, 2]], np.uint8)
    path = tmp_path / "ice.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=3, height=2, count=1, dtype="uint8", crs="EPSG:3413",
        transform=from_origin(0, -1_000_000, 1000, 1000),
    ) as file:  # fmt: skip
        file.write(codes, 1)
    raster = ClassifiedRaster(path=path, labels=((1, "open water"), (2, "first-year ice")))
    graph = graph_of(sea_ice_mapping(), ice_map_sources(raster, map_id="scene-1", time=TIME))
    rows = asked(
        graph,
        "SELECT ?label ?area { ?a a ice:MapArea ; sosa:hasSimpleResult ?label ; geo:hasMetricArea ?area }",
    )
    assert sorted(label for label, _ in rows) == ["first-year ice", "open water"]
    assert all(2.5e6 < float(area) < 3.7e6 for _, area in rows)
    assert asked(graph, "SELECT (COUNT(?w) AS ?n) { ?g geo:asWKT ?w }") == [("2",)]


def item(name, collection, **properties):
    made = pystac.Item(
        name, {"type": "Polygon", "coordinates": [[[11, 48], [12, 48], [12, 49], [11, 48]]]}, [11, 48, 12, 49],
        datetime(2018, 5, 1, tzinfo=UTC), properties, collection=collection,
    )  # fmt: skip
    made.add_asset(
        "data",
        pystac.Asset("https://example.org/data.tif", media_type="image/tiff; application=geotiff"),
    )
    made.add_asset("inside", pystac.Asset("data/inside.tif"))
    return made


def test_items_of_every_kind():
    product = item("p1", "products", title="A product", created="2018-05-02T00:00:00Z")
    dataset = item("d1", "training-datasets", **{"ee:rows": 301, "ee:folds": 5})
    model = item(
        "m1",
        "models",
        **{"mlm:name": "crop-type", "mlm:architecture": "CNN", "ee:version": 2, "ee:sha256": "ab"},
    )
    crops = item("c1", "crop-type-maps", **{"ee:model": "crop-type@2", "ee:mean_confidence": 0.75})
    model.add_link(pystac.Link("derived_from", "https://example.org/stac/d1"))
    graph = graph_of(catalogue_mapping(), catalogue_sources([product, dataset, model, crops]))
    assert asked(graph, "SELECT (COUNT(?d) AS ?n) { ?d a dcat:Dataset }") == [("4",)]
    assert asked(
        graph, "SELECT ?name ?v { ?m a ds:Model ; ds:modelName ?name ; ds:version ?v }"
    ) == [("crop-type", "2")]
    assert asked(graph, "SELECT ?n { ?d a ds:TrainingDataset ; ds:samples ?n }") == [("301",)]
    assert asked(graph, "SELECT ?m { ?x a ds:ThematicMap ; ds:madeByModel ?m }") == [
        ("crop-type@2",)
    ]
    assert len(asked(graph, "SELECT ?s { ?m a ds:Model ; prov:wasDerivedFrom ?s }")) == 1
    assert len(asked(graph, "SELECT ?u { ?d dcat:distribution ?a . ?a dcat:downloadURL ?u }")) == 4
    inside = '"POINT (11.6 48.2)"^^geo:wktLiteral'
    assert asked(graph, "SELECT DISTINCT ?t { ?a dcat:mediaType ?t }") == [
        ("<https://www.iana.org/assignments/media-types/image/tiff>",)
    ]
    assert (
        len(
            asked(
                graph,
                f"SELECT ?d {{ ?d geo:hasDefaultGeometry/geo:asWKT ?w FILTER(geof:sfContains(?w, {inside})) }}",
            )
        )
        == 4
    )


def test_nothing_at_all_maps_to_nothing():
    out = io.BytesIO()
    report = map_to_rdf(catalogue_mapping(), sources=catalogue_sources([]), target=out)
    assert (report.rows, report.triples) == (0, 0)
