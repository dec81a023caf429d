"""Cubes, tables, GeoJSON and COG: what goes in comes out, with its reference system."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
import xarray as xr
from odc.geo.xr import wrap_xr

from extremeearth.core import as_box, grid_over
from extremeearth.core.errors import CrsError, DataBrokenError, DataMissingError, InputError
from extremeearth.data.products import (
    load_cog,
    load_cube,
    load_table,
    save_cog,
    save_cube,
    save_geojson,
    save_table,
    simulate_field_archive,
)
from extremeearth.infrastructure.objects import ObjectStore, open_store

GRID = grid_over(as_box([11.60, 48.37, 11.64, 48.40]), resolution=10)


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    return open_store((tmp_path / "o").as_uri() if request.param == "folder" else "memory:///")


@pytest.fixture(scope="module")
def series() -> xr.Dataset:
    return simulate_field_archive(seed=1).field_series("Trial03")


# --- cubes ---------------------------------------------------------------------------------------


def test_a_cube_comes_back_as_it_was(store: ObjectStore, series: xr.Dataset) -> None:
    before = series.copy(deep=True)
    save_cube(series, store=store, prefix="c/i/cube/")
    again = load_cube(store=store, prefix="c/i/cube").load()
    xr.testing.assert_identical(again.drop_attrs(), series.drop_attrs())
    assert again.attrs == series.attrs
    assert again.odc.geobox == series.odc.geobox
    assert again.band.dtype == series.band.dtype
    # the caller's dataset is as before, also in how it would be written
    assert before.identical(series)
    assert all("chunks" not in v.encoding for v in series.variables.values())
    save_cube(again, store=store, prefix="c/j/cube")
    assert load_cube(store=store, prefix="c/j/cube").load().identical(again)


def test_a_new_cube_replaces_all_of_the_old(store: ObjectStore, series: xr.Dataset) -> None:
    save_cube(series, store=store, prefix="c/i/cube")
    save_cube(series[["cloud"]], store=store, prefix="c/i/cube")
    assert set(load_cube(store=store, prefix="c/i/cube").data_vars) == {"cloud"}
    assert not any("reflectance" in info.key for info in store.list("c/i/cube"))


def test_a_cube_that_was_not_finished_does_not_open(
    store: ObjectStore, series: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_cube(series, store=store, prefix="c/i/cube")
    put, calls = store.put, []

    def full(key: str, data: bytes | Path, *, if_absent: bool = False) -> None:
        calls.append(key)
        if len(calls) > 5:
            raise OSError("disk full")
        put(key, data, if_absent=if_absent)

    monkeypatch.setattr(store, "put", full)
    with pytest.raises(OSError, match="disk full"):
        save_cube(series, store=store, prefix="c/i/cube")
    with pytest.raises(DataMissingError, match="c/i/cube"):
        load_cube(store=store, prefix="c/i/cube")
    monkeypatch.undo()
    save_cube(series, store=store, prefix="c/i/cube")
    load_cube(store=store, prefix="c/i/cube")


def test_large_cubes_are_cut_into_tiles(store: ObjectStore) -> None:
    grid = grid_over(as_box([11.60, 48.37, 11.70, 48.40]), resolution=10)
    values = np.zeros((2, *grid.shape), dtype=np.float32)
    times = np.array(["2018-01-01", "2018-01-02"], dtype="datetime64[ns]")
    cube = xr.Dataset({"v": wrap_xr(values, grid, time=times, axis=1)})
    save_cube(cube, store=store, prefix="big")
    meta = json.loads(store.get("big/v/zarr.json"))
    assert meta["chunk_grid"]["configuration"]["chunk_shape"] == [2, 256, 256]
    assert meta["zarr_format"] == 3


def test_broken_and_missing_cubes(store: ObjectStore, series: xr.Dataset) -> None:
    with pytest.raises(DataMissingError, match="'no'"):
        load_cube(store=store, prefix="no")
    store.put("bad/zarr.json", b"{")
    with pytest.raises(DataBrokenError, match="'bad'"):
        load_cube(store=store, prefix="bad")
    with pytest.raises(CrsError):
        save_cube(series.drop_vars("spatial_ref"), store=store, prefix="x")


# --- tables -----------------------------------------------------------------------------------------


def test_tables_come_back_as_they_were(store: ObjectStore) -> None:
    archive = simulate_field_archive()
    save_table(archive.weather, store=store, key="t/w.parquet")
    pd.testing.assert_frame_equal(load_table(store=store, key="t/w.parquet"), archive.weather)
    utm = archive.parcels.to_crs(32632)
    save_table(utm, store=store, key="t/p.parquet")
    again = load_table(store=store, key="t/p.parquet")
    assert isinstance(again, geopandas.GeoDataFrame)
    assert again.crs.to_epsg() == 32632
    assert again.geom_equals(utm).all()
    assert again.drop(columns="geometry").equals(utm.drop(columns="geometry"))


def test_broken_and_missing_tables(store: ObjectStore) -> None:
    with pytest.raises(DataMissingError):
        load_table(store=store, key="no.parquet")
    for content in (b"", b"PAR1", b"nonsense" * 100):
        store.put("bad.parquet", content)
        with pytest.raises(DataBrokenError, match=r"bad\.parquet"):
            load_table(store=store, key="bad.parquet")
    nowhere = geopandas.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(1, 2)])
    with pytest.raises(CrsError):
        save_table(nowhere, store=store, key="x.parquet")
    with pytest.raises(CrsError):
        save_geojson(nowhere, store=store, key="x.geojson")


def test_geojson_is_as_rfc_7946_wants_it(store: ObjectStore) -> None:
    clockwise = shapely.Polygon([(0, 0), (0, 1), (1, 1), (1, 0)])
    frame = geopandas.GeoDataFrame(
        {
            "n": [1, 2],
            "x": [0.5, np.nan],
            "t": ["a", None],
            "d": pd.to_datetime(["2018-01-01", None]),
            "b": [True, False],
        },
        geometry=[clockwise, shapely.Point(1.123456789, 2)],
        crs=4326,
    )
    save_geojson(frame, store=store, key="f.geojson")
    content = json.loads(store.get("f.geojson"))
    first, second = content["features"]
    assert "crs" not in content
    assert shapely.from_geojson(json.dumps(first["geometry"])).exterior.is_ccw
    assert second["geometry"]["coordinates"] == [1.1234568, 2.0]
    assert second["properties"] == {"n": 2, "x": None, "t": None, "d": None, "b": False}
    save_geojson(frame.iloc[:0], store=store, key="e.geojson")
    assert json.loads(store.get("e.geojson"))["features"] == []


# --- rasters ------------------------------------------------------------------------------------------


def test_a_class_map_keeps_values_colours_and_place(store: ObjectStore) -> None:
    rng = np.random.default_rng(0)
    classes = wrap_xr(rng.integers(0, 4, GRID.shape).astype(np.uint8), GRID)
    colours = {1: (255, 0, 0), 2: (0, 255, 0), 3: (0, 0, 255)}
    save_cog(classes, store=store, key="m.tif", nodata=0, colours=colours)
    again = load_cog(store=store, key="m.tif")
    np.testing.assert_array_equal(again.values, classes.values)
    assert again.odc.geobox == GRID
    assert again.odc.nodata == 0
    with store.local("m.tif") as path, rasterio.open(path) as source:
        assert source.colormap(1)[2] == (0, 255, 0, 255)
        assert source.colormap(1)[0][3] == 0
        assert source.compression.name == "zstd"
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        # classes are picked, never averaged, in the overviews
        assert source.overviews(1) == [2]
        small = source.read(1, out_shape=(source.height // 2, source.width // 2))
        assert set(np.unique(small)) <= {0, 1, 2, 3}


def test_floats_keep_their_gaps_and_bands_their_names(store: ObjectStore) -> None:
    values = np.random.default_rng(0).normal(size=(2, *GRID.shape)).astype(np.float32)
    values[0, :5] = np.nan
    array = wrap_xr(values, GRID, axis=1, dims=("band", "y", "x")).assign_coords(band=["lai", "sd"])
    save_cog(array, store=store, key="f.tif")
    again = load_cog(store=store, key="f.tif")
    assert again.dims == ("band", "y", "x")
    np.testing.assert_array_equal(again.values, values)
    assert again.band.values.tolist() == ["lai", "sd"]
    assert again.odc.crs.epsg == 32632


def test_rasters_that_cannot_be_written_or_read(store: ObjectStore) -> None:
    plain = xr.DataArray(np.zeros((3, 3), dtype=np.float32), dims=("y", "x"))
    with pytest.raises(CrsError):
        save_cog(plain, store=store, key="x.tif")
    floats = wrap_xr(np.zeros(GRID.shape, dtype=np.float32), GRID)
    with pytest.raises(InputError, match="uint8"):
        save_cog(floats, store=store, key="x.tif", colours={1: (1, 2, 3)})
    with pytest.raises(InputError, match="dimensions"):
        save_cog(floats.expand_dims(time=1, band=1), store=store, key="x.tif")
    with pytest.raises(DataMissingError):
        load_cog(store=store, key="x.tif")
    vrt = b'<VRTDataset rasterXSize="1" rasterYSize="1"></VRTDataset>'
    for content in (b"", b"II*\0", vrt):
        store.put("bad.tif", content)
        with pytest.raises(DataBrokenError, match=r"bad\.tif"):
            load_cog(store=store, key="bad.tif")
