"""STAC items of products, and where they say they are."""

from __future__ import annotations

import json
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely
import xarray as xr
from odc.geo.geobox import GeoBox
from odc.geo.xr import wrap_xr

from extremeearth.core import Box, as_box, as_crs, as_time_range, grid_over
from extremeearth.core.errors import CrsError, InputError
from extremeearth.core.geodesy import transform
from extremeearth.data.hub.uploads import schema_faults
from extremeearth.data.products import (
    cube_item,
    feature_item,
    footprint_of_grid,
    footprint_of_shapes,
    footprint_of_stac,
    simulate_field_archive,
)

TIME = as_time_range("2018-03-01/2018-07-31")


def cube_on(grid: GeoBox, days: int = 2) -> xr.Dataset:
    times = np.datetime64("2018-03-08T10:00:00", "ns") + np.arange(days) * np.timedelta64(1, "D")
    values = np.zeros((days, *grid.shape), dtype=np.float32)
    return xr.Dataset({"lai": wrap_xr(values, grid, time=times, axis=1)})


def of_cube(cube: xr.Dataset) -> dict[str, Any]:
    item = cube_item(cube, item_id="i", collection="c", prefix="c/i/cube", title="T")
    body = item.to_dict(include_self_link=False, transform_hrefs=False)
    body["links"] = [{"rel": "collection", "href": "https://example.org/c"}]
    return body


def test_a_cube_says_where_when_and_what_it_is() -> None:
    grid = grid_over(as_box([11.60, 48.37, 11.62, 48.38]), resolution=10)
    body = of_cube(cube_on(grid))
    assert schema_faults(body) is None
    properties = body["properties"]
    assert properties["datetime"] is None
    assert properties["start_datetime"] == "2018-03-08T10:00:00Z"
    assert properties["end_datetime"] == "2018-03-09T10:00:00Z"
    assert properties["proj:code"] == "EPSG:32632"
    assert properties["proj:shape"] == list(grid.shape)
    np.testing.assert_allclose(properties["proj:transform"], tuple(grid.affine)[:6])
    assert properties["cube:dimensions"]["time"]["extent"][0].startswith("2018-03-08T10")
    assert properties["cube:variables"] == {
        "lai": {"type": "data", "dimensions": ["time", "y", "x"]}
    }
    assert body["assets"]["cube"]["href"] == "object:c/i/cube"
    # every corner of the grid lies in the footprint, up to its rounding
    left, bottom, right, top = grid.boundingbox.bbox
    corners = transform(shapely.points([[left, bottom], [right, top]]), source=32632, target=4326)
    outline = shapely.from_geojson(json.dumps(body["geometry"]))
    assert shapely.covers(outline.buffer(1e-6), corners).all()
    np.testing.assert_allclose(body["bbox"], outline.bounds, atol=1e-6)


def test_one_date_is_an_instant() -> None:
    grid = grid_over(as_box([11.60, 48.37, 11.62, 48.38]), resolution=10)
    properties = of_cube(cube_on(grid, days=1))["properties"]
    assert properties["datetime"] == "2018-03-08T10:00:00Z"
    assert "start_datetime" not in properties


def test_a_cube_at_the_pole_covers_all_longitudes() -> None:
    box = Box(xmin=-2e5, ymin=-2e5, xmax=2e5, ymax=2e5, crs=as_crs(3413))
    body = of_cube(cube_on(grid_over(box, resolution=1e4, crs=3413)))
    west, _, east, north = body["bbox"]
    assert (west, east, north) == (-180, 180, 90)
    assert schema_faults(body) is None


def test_a_cube_over_the_antimeridian_is_cut_there() -> None:
    box = Box(xmin=6.3e5, ymin=7e6, xmax=6.7e5, ymax=7.04e6, crs=as_crs(32660))
    place = footprint_of_grid(grid_over(box, resolution=1e3, crs=32660))
    assert place.bbox[0] > place.bbox[2]
    assert place.geometry.geom_type == "MultiPolygon"
    assert place.geometry.bounds[0] == -180
    assert place.geometry.bounds[2] == 180
    assert place.geometry.area < 5


def test_cubes_without_place_or_time_are_refused() -> None:
    cube = cube_on(grid_over(as_box([11.60, 48.37, 11.62, 48.38]), resolution=10))
    with pytest.raises(CrsError):
        of_cube(xr.Dataset({"lai": (("y", "x"), np.zeros((2, 2)))}))
    with pytest.raises(InputError, match="date"):
        of_cube(cube.isel(time=slice(0, 0)))


def test_features_of_any_system_lie_in_longitude_and_latitude() -> None:
    frame = simulate_field_archive().parcels
    items = [
        feature_item(
            f, item_id="i", collection="c", assets={}, time=TIME, title="T", properties={"n": 1}
        )
        for f in (frame, frame.to_crs(3035))
    ]
    np.testing.assert_allclose(items[0].bbox, items[1].bbox, atol=1e-6)
    np.testing.assert_allclose(items[0].bbox, frame.total_bounds, atol=1e-6)
    body = items[0].to_dict(include_self_link=False)
    assert body["properties"]["n"] == 1
    body["links"] = [{"rel": "collection", "href": "https://example.org/c"}]
    assert schema_faults(body) is None


def test_features_without_place_are_refused() -> None:
    nowhere = geopandas.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(1, 2)])
    empty = simulate_field_archive().parcels.iloc[:0]
    for frame, error in ((nowhere, CrsError), (empty, InputError)):
        with pytest.raises(error):
            feature_item(frame, item_id="i", collection="c", assets={}, time=TIME, title="T")


@pytest.mark.parametrize(
    ("longitudes", "span"),
    [
        ([10, 20], (10, 20)),
        ([-179, 179], (179, -179)),
        ([170, -170, -160], (170, -160)),
        ([-10, 0, 10], (-10, 10)),
        ([5], (5, 5)),
    ],
)
def test_the_shorter_way_around(longitudes: list[float], span: tuple[float, float]) -> None:
    place = footprint_of_shapes(
        [shapely.Point(x, 1.0) for x in longitudes] + [shapely.Point(longitudes[0], 2.0)], crs=4326
    )
    assert (place.bbox[0], place.bbox[2]) == span


def test_stac_geometries_in_all_spellings_are_one_place() -> None:
    cut = shapely.MultiPolygon([shapely.box(178, 0, 180, 2), shapely.box(-180, 0, -178, 2)])
    spellings = [
        (cut, None),
        (shapely.box(178, 0, 182, 2), None),
        (shapely.box(-182, 0, -178, 2), None),
        (shapely.box(-178, 0, 178, 2), [178, 0, -178, 2]),
    ]
    for shape, bbox in spellings:
        place = footprint_of_stac(shapely.geometry.mapping(shape), bbox)
        assert place is not None
        assert place.bbox == (178, 0, -178, 2)
        assert shapely.equals(place.geometry, cut)


@pytest.mark.parametrize(
    "geometry",
    [
        5, "x", {}, {"type": "Point"}, {"type": "Point", "coordinates": []}, {"type": "Nothing"},
        {"type": "Point", "coordinates": [0, 91]}, {"type": "Point", "coordinates": [1000, 0]},
        {"type": "Point", "coordinates": [0, float("nan")]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]},
        {"type": "GeometryCollection", "geometries": []},
    ],
)  # fmt: skip
def test_what_is_no_place_is_refused(geometry: object) -> None:
    with pytest.raises(InputError):
        footprint_of_stac(geometry)
