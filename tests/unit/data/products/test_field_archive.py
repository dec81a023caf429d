"""The real season, the simulated one, and what is wrong with broken files."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from extremeearth.core.errors import DataBrokenError, DataMissingError, NotFoundError
from extremeearth.core.geodesy import area_m2
from extremeearth.data.products import (
    PARCEL_BANDS,
    SERIES_BANDS,
    FieldArchive,
    open_field_archive,
    simulate_field_archive,
)

TABLES = {
    "trial_fields": ["field", "crop", "yield_t_ha", "sown", "harvested", "geometry"],
    "parcels": ["parcel_id", "crop_code", "crop_name_de", "area_ha", "geometry"],
    "parcel_series": ["parcel_id", "date", *PARCEL_BANDS],
    "farm_fields": ["farm_field_id", "name", "area_ha", "geometry"],
    "weather": [
        "station", "date", "tmin_c", "tmax_c", "tmean_c", "humidity", "wind_m_s", "radiation_mj_m2",
        "sunshine_h", "pressure_hpa", "rain_mm", "et0_mm", "elevation_m", "lon", "lat",
    ],
    "taxonomy": ["hcat_code", "hcat_name"],
    "national_crops": ["crop_code", "name_de", "name_en", "hcat_code", "hcat_name"],
    "countries": ["name", "iso_a3", "geometry"],
}  # fmt: skip
ROWS = {
    "trial_fields": 27,
    "parcels": 301,
    "parcel_series": 4214,
    "farm_fields": 149,
    "weather": 3672,
}


@pytest.fixture(scope="module")
def simulated() -> FieldArchive:
    return simulate_field_archive(seed=3)


@pytest.fixture(scope="module")
def real(data_folder: Path) -> FieldArchive:
    return open_field_archive(data_folder)


def check_shape(archive: FieldArchive) -> None:
    for name, columns in TABLES.items():
        frame = getattr(archive, name)
        assert set(columns) <= set(frame.columns), name
        if "geometry" in columns:
            assert frame.crs.to_epsg() == 4326
            assert frame.geometry.notna().all()
    for name, count in ROWS.items():
        assert len(getattr(archive, name)) == count, name
    assert len(archive.field_names) == 25
    assert set(archive.field_names) <= set(archive.trial_fields["field"])
    assert archive.parcels.parcel_id.dtype == np.int64
    assert set(archive.parcel_series.parcel_id) == set(archive.parcels.parcel_id)
    assert archive.parcel_series.groupby("parcel_id").size().eq(14).all()
    bands = archive.parcel_series[list(PARCEL_BANDS)].to_numpy()
    assert np.isfinite(bands).all()
    assert 0 <= bands.min() < bands.max() < 2
    assert set(archive.national_crops.hcat_code) <= set(archive.taxonomy.hcat_code)
    assert archive.taxonomy.hcat_code.str.fullmatch(r"\d{10}").all()
    # a parcel lies in the region that its series is of
    areas = area_m2(archive.parcels.geometry.to_numpy(), crs=4326) / 1e4
    np.testing.assert_allclose(archive.parcels.area_ha, areas)


def check_series(archive: FieldArchive, name: str) -> None:
    series = archive.field_series(name)
    assert series.reflectance.dims == ("time", "band", "y", "x")
    assert series.reflectance.dtype == np.float32
    assert tuple(series.band.values) == SERIES_BANDS
    assert series.cloud.dtype == series.inside.dtype == bool
    assert series.cloud.dims == series.inside.dims == ("time", "y", "x")
    assert series.odc.crs.epsg == 3857
    assert series.time.to_index().is_monotonic_increasing
    values = series.reflectance.values
    inside = np.broadcast_to(series.inside.values[:, None], values.shape)
    assert np.isfinite(values[inside]).all()
    assert np.isnan(values[~inside]).all()
    assert 10 < float(series.sun_zenith.min()) < float(series.sun_zenith.max()) < 70
    assert set(series.sun_zenith.dims) == {"time"}
    # the image lies on the field
    outline = archive.trial_fields.set_index("field").to_crs(3857).geometry[name]
    left, bottom, right, top = series.odc.geobox.boundingbox.bbox
    assert left < outline.centroid.x < right
    assert bottom < outline.centroid.y < top


def test_the_real_season_is_whole(real: FieldArchive) -> None:
    assert real.real
    check_shape(real)
    assert len(real.taxonomy) == 384
    assert len(real.national_crops) == 421
    assert len(real.countries) == 242
    for name in real.field_names:
        check_series(real, name)


def test_the_simulated_season_has_the_same_shape(simulated: FieldArchive) -> None:
    assert not simulated.real
    assert "imulated" in simulated.source
    check_shape(simulated)
    for name in simulated.field_names[:3]:
        check_series(simulated, name)


def test_columns_and_kinds_are_the_same_in_both(
    real: FieldArchive, simulated: FieldArchive
) -> None:
    for name in TABLES:
        mine, theirs = (getattr(a, name).dtypes.astype(str).to_dict() for a in (real, simulated))
        assert mine == theirs, name


def test_a_seed_gives_the_same_season_again(simulated: FieldArchive) -> None:
    again, other = simulate_field_archive(seed=3), simulate_field_archive(seed=4)
    pd.testing.assert_frame_equal(simulated.parcel_series, again.parcel_series)
    name = simulated.field_names[0]
    assert simulated.field_series(name).identical(again.field_series(name))
    assert not simulated.parcel_series.equals(other.parcel_series)


def test_simulated_crops_can_be_told_apart(simulated: FieldArchive) -> None:
    """The nearest class mean on other parcels is right far more often than the commonest class."""
    wide = simulated.parcel_series.pivot(index="parcel_id", columns="date", values=["B04", "B08"])
    values = wide.to_numpy()
    codes = simulated.parcels.set_index("parcel_id").crop_code.loc[wide.index].to_numpy()
    train = np.arange(len(codes)) % 2 == 0
    names = np.unique(codes)
    means = np.stack([np.median(values[train & (codes == c)], axis=0) for c in names])
    distance = ((values[~train, None] - means[None]) ** 2).sum(axis=2)
    right = (names[distance.argmin(axis=1)] == codes[~train]).mean()
    commonest = pd.Series(codes).value_counts(normalize=True).iloc[0]
    assert right > commonest + 0.25


def test_wind_is_in_metres_per_second(real: FieldArchive) -> None:
    """FAO-56 on the table's own columns meets its et0 for m/s, and not for km/h or knots."""
    import pyet

    def error(factor: float) -> float:
        squares = []
        for name in ("Baumacker", "D4", "Feldhof1", "Thalhausen86"):
            station = real.weather[real.weather.station == name]
            daily = station.set_index("date")
            et0 = pyet.pm_fao56(
                daily.tmean_c, daily.wind_m_s * factor, rs=daily.radiation_mj_m2,
                elevation=float(daily.elevation_m.iloc[0]), lat=float(np.deg2rad(48.4)),
                tmax=daily.tmax_c, tmin=daily.tmin_c, rh=daily.humidity * 100,
            )  # fmt: skip
            squares.append((et0 - daily.et0_mm).to_numpy() ** 2)
        return float(np.sqrt(np.mean(squares)))

    assert error(1.0) < 0.15
    assert error(1 / 3.6) > 3 * error(1.0)
    assert error(0.514) > 2 * error(1.0)
    assert error(1.0) < min(error(0.748), error(1.3))


def test_pressure_is_that_of_the_station(real: FieldArchive) -> None:
    weather = real.weather
    standard = 1013.0 * ((293 - 0.0065 * weather.elevation_m) / 293) ** 5.26
    assert abs((weather.pressure_hpa - standard).mean()) < 3
    assert abs(weather.sea_level_pressure_hpa.mean() - 1013) < 3


def test_stations_without_a_field_stay(real: FieldArchive) -> None:
    placeless = real.weather[real.weather.lon.isna()]
    assert set(placeless.station) == {"Baumacker", "Itzling6", "Thalhausen141"}
    assert real.weather.station.nunique() == 24


def test_codes_keep_their_zeros_and_countries_their_names(real: FieldArchive) -> None:
    assert {"056", "115"} <= set(real.parcels.crop_code)
    assert not (real.countries.iso_a3 == "-99").any()
    assert real.countries.set_index("name").iso_a3.loc[["Germany", "France", "Norway"]].tolist() == [
        "DEU", "FRA", "NOR",
    ]  # fmt: skip
    assert real.trial_fields.set_index("field").yield_t_ha["D2"] == pytest.approx(6.3)


def test_an_unknown_field_is_named(simulated: FieldArchive) -> None:
    with pytest.raises(NotFoundError, match="Nowhere"):
        simulated.field_series("Nowhere")
    with pytest.raises(NotFoundError):
        simulated.field_series("../Trial01")


def test_an_archive_is_frozen(simulated: FieldArchive) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        simulated.real = True  # type: ignore[misc]  # that is the test


# --- missing and broken files -------------------------------------------------------------------------

PLACES = [
    "bavaria-fields/trial_fields_2018.gpkg",
    "bavaria-fields/lpis_test_area_2018.gpkg",
    "bavaria-fields/farm_field_polygons_2017.gpkg",
    "bavaria-fields/s2_l1c_field_means_2018.parquet",
    "bavaria-fields/daily_weather_2018.parquet",
    "hcat-crop-taxonomy/HCAT3.csv",
    "hcat-crop-taxonomy/de.csv",
    "admin-boundaries/ne_50m_admin_0_countries.shp",
]


@pytest.fixture
def copied(data_folder: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for name in ("bavaria-fields", "hcat-crop-taxonomy", "admin-boundaries"):
        (folder / name).mkdir(parents=True)
        for path in (data_folder / name).iterdir():
            if path.is_file() and not path.name.startswith(("combine", "slovenia")):
                shutil.copyfile(path, folder / name / path.name)
    chips = folder / "bavaria-fields" / "s2_l2a_chips"
    chips.mkdir()
    shutil.copyfile(data_folder / "bavaria-fields/s2_l2a_chips/D2.nc", chips / "D2.nc")
    return folder


@pytest.mark.parametrize("place", [*PLACES, "bavaria-fields/s2_l2a_chips/D2.nc"])
def test_a_missing_file_is_named(copied: Path, place: str) -> None:
    (copied / place).unlink()
    with pytest.raises(DataMissingError, match=Path(place).name.replace("D2.nc", "s2_l2a_chips")):
        open_field_archive(copied)


@pytest.mark.parametrize("kept", [0, 100, 5000])
def test_a_broken_file_is_named(copied: Path, kept: int) -> None:
    for place in PLACES:
        path = copied / place
        whole = path.read_bytes()
        if place.endswith(".csv"):
            path.write_bytes(b"a,b\n" + whole[:kept])
        else:
            path.write_bytes(whole[:kept])
        with pytest.raises(DataBrokenError, match=path.name):
            open_field_archive(copied)
        path.write_bytes(whole)
    assert open_field_archive(copied).field_names == ("D2",)


def test_a_broken_image_series_is_named(copied: Path) -> None:
    path = copied / "bavaria-fields/s2_l2a_chips/D2.nc"
    whole = path.read_bytes()
    archive = open_field_archive(copied)
    for kept in (0, 10, 1000, len(whole) // 2, len(whole) - 50):
        path.write_bytes(whole[:kept])
        with pytest.raises(DataBrokenError, match=r"D2\.nc"):
            archive.field_series("D2")
    path.unlink()
    with pytest.raises(DataMissingError, match=r"D2\.nc"):
        archive.field_series("D2")


def test_a_file_of_another_kind_is_not_opened(copied: Path) -> None:
    path = copied / "bavaria-fields/trial_fields_2018.gpkg"
    path.write_text('{"type":"FeatureCollection","features":[]}')
    with pytest.raises(DataBrokenError, match=r"trial_fields"):
        open_field_archive(copied)
