"""What people look at after a run: links with both shapes as tables, and links on a map."""

from __future__ import annotations

import csv
import json
import re
import xml.etree.ElementTree as ET

import geopandas as gpd
import pyproj
import pytest
import shapely

from extremeearth.core.errors import DataMissingError, InputError
from extremeearth.knowledge.interlinking import (
    draw_links,
    feature_set,
    link,
    links_with_shapes,
    write_link_table,
    write_links,
)
from extremeearth.knowledge.interlinking.results import pictures, tables

GEO = "http://www.opengis.net/ont/geosparql#"


@pytest.fixture
def sides():
    """Two fields in a region and one beyond; regions come in another reference system."""
    fields = gpd.GeoDataFrame(
        {"id": ["urn:f:1", "urn:f:2", "urn:f:3"]},
        geometry=[
            shapely.box(11, 48, 11.1, 48.1),
            shapely.Point(11.5, 48.5),
            shapely.Point(20, 20),
        ],
        crs=4326,
    )
    regions = gpd.GeoDataFrame(
        {"id": ["urn:r:<a&b>".replace("<", "").replace(">", ""), "urn:r:far"]},
        geometry=[shapely.box(10.9, 47.9, 11.9, 48.9), shapely.box(170, 1, 171, 2)],
        crs=4326,
    ).to_crs(3857)
    return feature_set(fields, id_column="id"), feature_set(regions, id_column="id")


@pytest.fixture
def links(sides, tmp_path):
    write_links(link(*sides, relations=["within", "intersects"]), tmp_path / "links.nt.gz")
    return tmp_path / "links.nt.gz"


def expected(sides):
    return {
        (s, r, t)
        for s, r, t in zip(
            *(link(*sides, relations=["within", "intersects"])[n].to_pylist()
              for n in ("source", "relation", "target")), strict=True
        )
    }  # fmt: skip


def test_csv_has_both_shapes_as_wkt_in_longitude_and_latitude(sides, links, tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "ROWS", 3)  # so that there are two batches
    assert write_link_table(links, *sides, tmp_path / "links.csv") == 4
    with (tmp_path / "links.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(r["source"], r["relation"], r["target"]) for r in rows} == expected(sides)
    for row in rows:
        shape = shapely.from_wkt(row["source_geometry"])
        assert shape.equals(sides[0].shapes[int(row["source"][-1]) - 1])
        assert shape.within(shapely.from_wkt(row["target_geometry"]))


def test_geoparquet_has_two_geometry_columns(sides, links, tmp_path):
    write_link_table(links, *sides, tmp_path / "links.parquet")
    frame = gpd.read_parquet(tmp_path / "links.parquet")
    assert set(zip(frame["source"], frame["relation"], frame["target"], strict=True)) == expected(
        sides
    )
    assert frame.crs.to_authority() == ("OGC", "CRS84")
    assert frame["target_geometry"].crs == frame.crs
    assert frame.geometry.within(frame["target_geometry"]).all()


def test_geojson_has_both_in_one_feature(sides, links, tmp_path):
    write_link_table(links, *sides, tmp_path / "links.geojson")
    found = json.loads((tmp_path / "links.geojson").read_text())["features"]
    assert len(found) == 4
    assert {tuple(f["properties"].values()) for f in found} == expected(sides)
    kinds = {f["geometry"]["geometries"][0]["type"] for f in found}
    assert kinds == {"Polygon", "Point"}
    assert {f["geometry"]["geometries"][1]["type"] for f in found} == {"Polygon"}


def test_no_links_are_a_table_without_rows(sides, tmp_path):
    (tmp_path / "none.nt").write_text("")
    for ending in tables.TABLE_ENDINGS:
        assert write_link_table(tmp_path / "none.nt", *sides, tmp_path / f"t{ending}") == 0
    assert json.loads((tmp_path / "t.geojson").read_text())["features"] == []
    assert len(gpd.read_parquet(tmp_path / "t.parquet")) == 0


def test_tables_of_other_names_and_of_other_sources_are_refused(sides, links, tmp_path):
    with pytest.raises(InputError, match="no table of links"):
        write_link_table(links, *sides, tmp_path / "links.xlsx")
    with pytest.raises(InputError, match="no feature of the source"):
        write_link_table(links, sides[1], sides[0], tmp_path / "links.csv")
    with pytest.raises(DataMissingError, match=r"nothing\.nt"):
        write_link_table(tmp_path / "nothing.nt", *sides, tmp_path / "links.csv")
    assert [p.name for p in tmp_path.iterdir()] == ["links.nt.gz"]


def test_a_frame_of_links_is_in_the_left_system(sides):
    ours, theirs = sides
    frame = links_with_shapes(link(theirs, ours, relations=["contains"]), theirs, ours)
    assert frame.crs.to_epsg() == 3857
    assert frame["target_geometry"].crs == frame.crs
    assert frame.geometry.contains(frame["target_geometry"]).all()
    assert len(frame) == 2
    alone = links_with_shapes(link(ours, None, relations=["equals"]), ours)
    assert len(alone) == 0


def test_a_picture_says_what_is_linked(sides, links, tmp_path):
    draw_links(links, *sides, tmp_path / "links.svg")
    svg = (tmp_path / "links.svg").read_text()
    words = " ".join(
        "".join(e.itertext()) for e in ET.fromstring(svg).iter() if e.tag.endswith("}text")
    )
    assert "4 links of 2 pairs" in words
    assert "within (2)" in words
    assert "intersects (" not in words, "a pair has the colour of what says most"
    assert "longitude, latitude" in words
    draw_links(links, *sides, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_text() == svg, "the same links give the same picture"


def test_the_map_shows_where_features_meet(sides, links):
    ours, theirs = pictures.align(*sides, on_invalid="keep", threads=1)
    pairs = pictures._pairs(links, *sides)
    xmin, ymin, xmax, ymax = pictures._view(pairs, ours, theirs)
    # not the whole region, nor what is far away
    assert (xmin, ymin) == pytest.approx((10.96, 47.96))
    assert (xmax, ymax) == pytest.approx((11.54, 48.54))


def test_a_page_has_the_map_counts_and_links(sides, links, tmp_path):
    draw_links(links, *sides, tmp_path / "links.html")
    page = (tmp_path / "links.html").read_text()
    assert page.count("<svg") == 1
    assert "urn:r:a&amp;b" in page
    assert "urn:r:a&b" not in page
    assert re.search(r"<td>intersects</td><td[^>]*>2</td>", page)
    assert not re.search(r"<script|(?:src|href)=[\"']http", page), "it asks nobody for anything"


def test_many_pairs_are_drawn_in_part_and_counted_in_full(sides, links, tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "MOST_PAIRS", 1)
    draw_links(links, *sides, tmp_path / "links.svg")
    assert "4 links of 2 pairs, 1 of them drawn" in (tmp_path / "links.svg").read_text()


def test_links_of_features_that_have_no_shape_any_more_are_counted_and_not_drawn(
    sides, links, tmp_path
):
    fields = gpd.GeoDataFrame(
        {"id": ["urn:f:1", "urn:f:2", "urn:f:3"]},
        geometry=[shapely.box(11, 48, 11.1, 48.1), shapely.Point(), shapely.Point(20, 20)],
        crs=4326,
    )
    draw_links(links, feature_set(fields, id_column="id"), sides[1], tmp_path / "a.svg")
    assert "4 links of 2 pairs, 1 of them drawn" in (tmp_path / "a.svg").read_text()


def test_no_more_features_are_drawn_than_can_be_looked_at(sides, links, tmp_path, monkeypatch):
    drawn = []
    plot = gpd.GeoSeries.plot
    monkeypatch.setattr(
        gpd.GeoSeries, "plot", lambda s, *a, **k: (drawn.append(len(s)), plot(s, *a, **k))
    )
    many = gpd.GeoDataFrame(
        {"id": [f"urn:f:{n}" for n in range(1, 40)]},
        geometry=[shapely.Point(11.2 + n % 2 / 10 + n / 1000, 48.2) for n in range(1, 40)],
        crs=4326,
    )
    monkeypatch.setattr(pictures, "MOST_SHAPES", 7)
    draw_links(links, feature_set(many, id_column="id"), sides[1], tmp_path / "a.svg")
    assert drawn[:2] == [2, 5]  # those with links first, then as many others as there is room for


def test_names_of_systems_are_written_as_they_are(tmp_path):
    system = pyproj.CRS(32632).to_wkt().replace("WGS 84 / UTM zone 32N", "x_$ y^$")
    places = gpd.GeoDataFrame({"id": ["urn:a"]}, geometry=[shapely.Point(1, 1)], crs=system)
    features = feature_set(places, id_column="id")
    write_links(link(features, None, relations=["equals"]), tmp_path / "l.nt")
    draw_links(tmp_path / "l.nt", features, None, tmp_path / "a.svg")
    assert "x_$ y^$" in (tmp_path / "a.svg").read_text()


def test_a_folder_is_no_file_of_links(sides, tmp_path):
    with pytest.raises(DataMissingError, match="There is no file"):
        draw_links(tmp_path, *sides, tmp_path / "a.svg")


def test_pictures_without_links_of_one_side_and_of_other_names(sides, tmp_path):
    (tmp_path / "none.nt").write_text("")
    draw_links(tmp_path / "none.nt", *sides, tmp_path / "none.png")
    assert (tmp_path / "none.png").read_bytes()[:4] == b"\x89PNG"
    write_links(link(sides[0], None, relations=["equals"]), tmp_path / "self.nt")
    draw_links(tmp_path / "self.nt", sides[0], None, tmp_path / "self.svg")
    assert "0 links of 0 pairs" in (tmp_path / "self.svg").read_text()
    with pytest.raises(InputError, match="no picture"):
        draw_links(tmp_path / "none.nt", *sides, tmp_path / "links.gif")


@pytest.mark.parametrize(
    ("iri", "name"),
    [("sfWithin", "within"), ("ehCoveredBy", "coveredBy"), ("rcc8ntppi", "ntppi"), ("nearest", "nearest")],
)  # fmt: skip
def test_relations_have_the_names_of_reports(iri, name):
    assert pictures._short(f"{GEO}{iri}") == name
