"""Where geometries come from, and what happens to strange ones."""

from __future__ import annotations

import datetime
import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pystac
import pytest
import shapely

from extremeearth.core.errors import CrsError, DataBrokenError, InputError, MappingError
from extremeearth.knowledge.mapping import GeometryOptions
from extremeearth.knowledge.mapping.sources.geometry_sources import cut_at_antimeridian
from extremeearth.knowledge.mapping.sources.text_geometries import find_text_geometry

SHAPE = """<urn:m> rml:logicalSource [ rml:source [ rml:path "%s" %s ] ] ;
    rml:subjectMap [ rml:template "urn:{id}" ] ;
    rml:predicateObjectMap [ rml:predicate geo:asWKT ; rml:objectMap [ rml:reference "geometry" ] ] ."""


def wkt_of(found):
    """Give the WKT of each subject's number."""
    return {line.split(">")[0][5:]: line.split('"')[1] for line in found}


@pytest.mark.parametrize(
    "name", ["t.shp", "t.gpkg", "t.geojson", "t.geojsonl", "t.fgb", "t.kml", "t.gml", "t.parquet"]
)
def test_every_format_gives_the_same_shapes(mapped, tmp_path, name):
    shapes = [shapely.box(11, 48, 11.5, 48.5), shapely.box(12, 48, 12.5, 48.25)]
    frame = gpd.GeoDataFrame({"id": [1, 2]}, geometry=shapes, crs=4326)
    if name.endswith(".parquet"):
        frame.to_parquet(tmp_path / name)
    elif name.endswith(".geojsonl"):
        frame.to_file(tmp_path / name, driver="GeoJSONSeq")
    else:
        frame.to_file(tmp_path / name)
    found, report = mapped(SHAPE % (name, ""), folder=tmp_path)
    texts = wkt_of(found)
    flat = [shapely.force_2d(shapely.from_wkt(texts[n])) for n in ("1", "2")]
    assert [shape.normalize().equals(want) for shape, want in zip(flat, shapes, strict=True)] == [
        True,
        True,
    ]
    assert report.rows == 2


def test_wkt_is_found_in_a_table_of_texts(mapped, tmp_path):
    (tmp_path / "t.csv").write_text('id,outline\n1,"POINT (11 48)"\n2,\n')
    found, _ = mapped(SHAPE % ("t.csv", ""), folder=tmp_path, geometry=GeometryOptions(crs=4326))
    assert wkt_of(found) == {"1": "POINT (11 48)"}
    found, _ = mapped(SHAPE % ("t.csv", '; ee:crs "EPSG:3857" ; ee:wkt "outline"'), folder=tmp_path)
    assert wkt_of(found)["1"] == "<http://www.opengis.net/def/crs/EPSG/0/3857> POINT (11 48)"


def test_x_and_y_become_points_and_broken_ones_are_counted(mapped, tmp_path):
    (tmp_path / "t.tsv").write_text("id\tLon\tLat\n1\t11.5\t 48\n2\teast\t3\n3\t\t\n")
    options = {"folder": tmp_path, "geometry": GeometryOptions(crs="EPSG:4326")}
    with pytest.raises(DataBrokenError, match="no pair of coordinates"):
        mapped(SHAPE % ("t.tsv", ""), **options)
    found, report = mapped(SHAPE % ("t.tsv", ""), on_error="skip", **options)
    assert wkt_of(found) == {"1": "POINT (11.5 48)"}
    assert report.geometries == {"is no pair of coordinates": 1}


def test_texts_that_name_their_systems(mapped, tmp_path):
    (tmp_path / "t.csv").write_text(
        'id,wkt\n1,"SRID=32632;POINT (500000 0)"\n2,"SRID=4326;POINT (9 0)"\n'
    )
    found, _ = mapped(SHAPE % ("t.csv", ""), folder=tmp_path)
    texts = wkt_of(found)
    assert texts["1"] == "<http://www.opengis.net/def/crs/EPSG/0/32632> POINT (500000 0)"
    read = shapely.from_wkt(texts["2"].partition("> ")[2])
    assert (read.x, read.y) == pytest.approx((500_000, 0), abs=1e-3)


@pytest.mark.parametrize("text", ["id,lon,lat\n1,11,48\n", 'id,wkt\n1,"POINT (11 48)"\n'])
def test_a_missing_system_is_never_guessed(mapped, tmp_path, text):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(CrsError, match="reference system") as caught:
        mapped(SHAPE % ("t.csv", ""), folder=tmp_path)
    assert "ee:crs" in caught.value.hint


def test_a_file_without_a_system_takes_the_one_given(mapped, tmp_path):
    frame = gpd.GeoDataFrame({"id": [1]}, geometry=[shapely.Point(1, 2)])
    with pytest.warns(UserWarning, match="crs"):
        frame.to_file(tmp_path / "t.gpkg")
    with pytest.raises(CrsError):
        mapped(SHAPE % ("t.gpkg", ""), folder=tmp_path)
    found, _ = mapped(SHAPE % ("t.gpkg", ""), folder=tmp_path, geometry=GeometryOptions(crs=32632))
    assert "32632" in wkt_of(found)["1"]
    with pytest.raises(CrsError):
        mapped(SHAPE % ("t", ""), sources={"t": frame})
    found, _ = mapped(SHAPE % ("t", ""), sources={"t": frame}, geometry=GeometryOptions(crs=4326))
    assert wkt_of(found) == {"1": "POINT (1 2)"}


def test_finding_geometry_columns():
    assert find_text_geometry(["a", "b"]) is None
    assert find_text_geometry(["x", "lon", "y", "lat"]) is None  # two could be meant
    assert find_text_geometry(["the_geom"]).wkt == "the_geom"
    with pytest.raises(MappingError, match="either"):
        type(find_text_geometry(["wkt"]))(wkt="a", x="b", y="c")


BOW = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])


@pytest.mark.parametrize(
    ("policy", "kept"), [("keep", {"1", "2"}), ("repair", {"1", "2"}), ("reject", {"1"})]
)
def test_invalid_rings_follow_the_policy(mapped, policy, kept):
    frame = gpd.GeoDataFrame({"id": [1, 2]}, geometry=[shapely.box(0, 0, 1, 1), BOW], crs=4326)
    found, report = mapped(
        SHAPE % ("t", ""), sources={"t": frame}, geometry=GeometryOptions(invalid=policy)
    )
    texts = wkt_of(found)
    assert set(texts) == kept
    if policy == "repair":
        assert shapely.from_wkt(texts["2"]).is_valid
        assert report.geometries == {"invalid geometries repaired": 1}
    elif policy == "reject":
        assert report.geometries == {"invalid geometries left out": 1}
    with pytest.raises(InputError, match="no policy"):
        GeometryOptions(invalid="mend")


def test_nothing_remains_of_a_ring_without_area(mapped):
    flat = shapely.Polygon([(0, 0), (1, 1), (2, 2), (0, 0)])
    frame = gpd.GeoDataFrame({"id": [1]}, geometry=[flat], crs=4326)
    found, report = mapped(
        SHAPE % ("t", ""), sources={"t": frame}, geometry=GeometryOptions(invalid="repair")
    )
    assert found == set()
    assert report.geometries == {"invalid geometries left out, as nothing remains of them": 1}


def test_the_edges_of_the_globe(mapped):
    shapes = [
        shapely.box(179, 0, 181, 1),
        shapely.Point(0, 91),
        shapely.Point(700, 0),
        shapely.Point(1, 2),
    ]
    frame = gpd.GeoDataFrame({"id": range(4)}, geometry=shapes, crs=4326)
    found, report = mapped(SHAPE % ("t", ""), sources={"t": frame})
    assert len(found) == 4
    assert report.geometries == {
        "geometries beyond a pole kept": 1,
        "geometries beyond longitude 180 kept": 2,
    }
    found, report = mapped(
        SHAPE % ("t", ""), sources={"t": frame}, geometry=GeometryOptions(invalid="repair")
    )
    texts = wkt_of(found)
    assert set(texts) == {"0", "3"}
    assert shapely.from_wkt(texts["0"]).bounds == (-180, 0, 180, 1)
    assert report.geometries == {
        "geometries beyond a pole left out": 1,
        "geometries across the antimeridian cut": 1,
        "geometries beyond longitude 180 left out": 1,
    }


def test_cutting_keeps_the_area_and_the_kind():
    generator = np.random.default_rng(5)
    for _ in range(50):
        centre = generator.uniform(170, 190)
        shape = shapely.Point(centre, generator.uniform(-80, 80)).buffer(generator.uniform(0.5, 15))
        cut = cut_at_antimeridian(shape)
        assert cut.area == pytest.approx(shape.area)
        assert -180 <= cut.bounds[0] <= cut.bounds[2] <= 180
    line = cut_at_antimeridian(shapely.LineString([(-181, 0), (-179, 1)]))
    assert line.geom_type == "MultiLineString"
    assert cut_at_antimeridian(shapely.Point(-190, 3)).equals(shapely.Point(170, 3))


def item(number, **properties):
    made = pystac.Item(
        f"i{number}", {"type": "Point", "coordinates": [11 + number, 48]}, [11, 48, 12, 49],
        datetime.datetime(2018, 5, number, tzinfo=datetime.UTC), properties, collection="maps",
    )  # fmt: skip
    made.add_asset("map", pystac.Asset("map.tif", media_type="image/tiff"))
    made.add_link(pystac.Link("derived_from", "https://example.org/source"))
    return made


ITEMS = """<urn:m> rml:logicalSource [ rml:source [ rml:path "t" ] ] ;
    rml:subjectMap [ rml:template "urn:{collection}/{id}" ] ;
    rml:predicateObjectMap [ rml:predicate ex:wkt ; rml:objectMap [ rml:reference "geometry" ] ],
        [ rml:predicate ex:cloud ; rml:objectMap [ rml:reference "eo:cloud_cover" ] ],
        [ rml:predicate ex:from ; rml:objectMap [ rml:reference "derived_from" ; rml:termType rml:IRI ] ],
        [ rml:predicate ex:asset ; rml:objectMap [ rml:reference "asset_hrefs" ] ] ."""


def test_catalogue_items_are_features(mapped, tmp_path):
    items = [item(1, **{"eo:cloud_cover": 2.5}), item(2)]
    found, report = mapped(ITEMS, sources={"t": iter(items)})
    assert (
        '<urn:maps/i1> <https://example.org/cloud> "2.5"^^<http://www.w3.org/2001/XMLSchema#double>'
        in found
    )
    assert "<urn:maps/i2> <https://example.org/from> <https://example.org/source>" in found
    assert '<urn:maps/i1> <https://example.org/asset> "map.tif"' in found
    assert sum("POINT (12 48)" in line for line in found) == 1
    assert report.rows == 2
    path = tmp_path / "items.json"
    path.write_text(json.dumps(pystac.ItemCollection(items).to_dict()))
    assert mapped(ITEMS, sources={"t": path})[0] == found
    assert mapped(ITEMS, sources={"t": pystac.ItemCollection(items)})[0] == found
    with pytest.raises(MappingError, match="does not have"):
        mapped(ITEMS.replace("eo:cloud_cover", "eo:snow"), sources={"t": items})
    path.write_text('{"stac_version": "1.0.0", "type": "FeatureCollection", "features": [1]}')
    with pytest.raises(DataBrokenError, match="no STAC items"):
        mapped(ITEMS, sources={"t": path})


def test_a_broken_geometry_in_the_middle_is_counted(mapped, tmp_path):
    rows = [f'{n},"POINT ({n % 180} 1)"' for n in range(1000)]
    rows[500] = '500,"POINT (1 1"'
    (tmp_path / "t.csv").write_text("id,wkt\n" + "\n".join(rows) + "\n")
    options = {"folder": tmp_path, "geometry": GeometryOptions(crs=4326), "batch_rows": 300}
    with pytest.raises(DataBrokenError, match="not a geometry"):
        mapped(SHAPE % ("t.csv", '; ee:wkt "wkt"'), **options)
    found, report = mapped(SHAPE % ("t.csv", '; ee:wkt "wkt"'), on_error="skip", **options)
    assert len(found) == 999
    assert sum(report.geometries.values()) == 1


def test_mixed_types_and_real_parcels(mapped, data_folder):
    found, report = mapped(
        SHAPE.replace("{id}", "{field_id}") % ("t", ""),
        sources={"t": data_folder / "bavaria-fields" / "lpis_test_area_2018.gpkg"},
    )
    assert (
        len(found)
        == report.rows
        == len(gpd.read_file(data_folder / "bavaria-fields" / "lpis_test_area_2018.gpkg"))
    )
    mixed = gpd.GeoDataFrame(
        {"id": [1, 2, 3]}, geometry=[shapely.Point(1, 2), shapely.box(0, 0, 1, 1), None], crs=4326
    )
    found, _ = mapped(SHAPE % ("t", ""), sources={"t": mixed})
    assert set(wkt_of(found)) == {"1", "2"}
    assert pd.isna(mixed.geometry[2])
