"""Files that are whole, but written in ways that readers stumble over."""

from __future__ import annotations

import json

import geopandas as gpd
import pytest
import shapely

from extremeearth.core.errors import DataBrokenError
from extremeearth.knowledge.mapping import (
    GeometryOptions,
    describe_source,
    draft_mapping,
    map_to_rdf,
)

SYSTEM = "http://www.opengis.net/def/crs/EPSG/0/"


@pytest.fixture
def mapped(tmp_path):
    """Draft a mapping of a file and run it; give the lines."""

    def call(path, **options):
        described = describe_source(path, **options)
        draft = draft_mapping([described], base_iri="https://e.example/", path=path.name)
        target = tmp_path / "out.nt"
        map_to_rdf(draft.mapping, folder=tmp_path, target=target, **options)
        return described, target.read_text()

    return call


def test_geojson_with_heights_is_in_longitude_and_latitude(tmp_path, mapped):
    path = tmp_path / "t.geojson"
    features = [
        {"type": "Feature", "properties": {"id": n}, "geometry": {"type": "Point", "coordinates": [n, 48, 500]}}
        for n in range(3)
    ]  # fmt: skip
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    _, said = mapped(path)
    assert said.count("POINT Z (") == 3
    assert '"POINT Z (2 48 500)"' in said


@pytest.mark.parametrize(("declared", "flat"), [("EPSG:25832+7837", 25832), ("EPSG:4937", 4258)])
@pytest.mark.parametrize("suffix", ["gpkg", "parquet"])
def test_a_system_with_heights_is_told_as_that_of_the_plane(
    tmp_path, mapped, declared, flat, suffix
):
    path = tmp_path / f"t.{suffix}"
    frame = gpd.GeoDataFrame({"id": [1]}, geometry=[shapely.Point(9, 48, 5)], crs=declared)
    frame.to_parquet(path) if suffix == "parquet" else frame.to_file(path)
    described, said = mapped(path)
    assert described.crs is not None
    assert described.crs.epsg == flat
    order = "48 9 5" if flat == 4258 else "9 48 5"
    assert f"<{SYSTEM}{flat}> POINT Z ({order})" in said


@pytest.mark.parametrize("index", ["NO", "YES"])
def test_a_flatgeobuf_may_have_features_without_a_shape(tmp_path, mapped, index):
    """GDAL 3.12 ends the process at the first batch of such a file, if it is let."""
    path = tmp_path / "t.fgb"
    shapes = [shapely.Point(1, 2), None if index == "NO" else shapely.Point(5, 6), shapely.Point(3, 4)]  # fmt: skip
    frame = gpd.GeoDataFrame({"id": [1, 2, 3]}, geometry=shapes, crs=4326)
    frame.to_file(path, driver="FlatGeobuf", SPATIAL_INDEX=index)
    _, said = mapped(path)
    assert '"POINT (1 2)"' in said
    assert '"POINT (3 4)"' in said
    assert said.count("asWKT") == (2 if index == "NO" else 3)


@pytest.mark.parametrize("sign", [";", "\t", "|"])
def test_values_are_parted_by_what_the_header_has(tmp_path, mapped, sign):
    path = tmp_path / "t.csv"
    rows = [("id", "name", "wkt"), ("1", '"a, b"', "POINT (11 48)"), ("2", "c,d", "POINT (12 49)")]
    path.write_text("".join(f"{sign.join(row)}\n" for row in rows))
    described, said = mapped(path, geometry=GeometryOptions(crs=4326))
    assert [(c.name, c.datatype.rpartition("#")[2]) for c in described.columns] == [
        ("id", "integer"), ("name", "string"),
    ]  # fmt: skip
    assert '"a, b"' in said
    assert '"c,d"' in said
    assert '"POINT (12 49)"' in said


def test_a_header_with_commas_or_in_quotes_is_parted_by_nothing_else(tmp_path, mapped):
    path = tmp_path / "t.csv"
    path.write_text("id,a;b\n1,x;y\n")
    assert [c.name for c in mapped(path)[0].columns] == ["id", "a;b"]
    path.write_text('"a;b"\n"x"\n')
    assert [c.name for c in mapped(path)[0].columns] == ["a;b"]


def test_columns_without_a_name_are_left_out(tmp_path, mapped):
    path = tmp_path / "t.csv"
    path.write_text(",id,name,, \n0,7,a,x,y\n1,8,b,x,y\n")
    described, said = mapped(path)
    assert [c.name for c in described.columns] == ["id", "name"]
    assert '"a"' in said
    assert '"x"' not in said


def test_two_columns_of_one_name_are_told(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,name,name\n1,a,b\n")
    with pytest.raises(DataBrokenError, match=r"t\.csv has 2 columns called 'name'"):
        describe_source(path)
