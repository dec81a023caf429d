"""The processors `leaf-area-index` and `water-availability`, run as a job runs them."""

from __future__ import annotations

import json
import math

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator

from extremeearth.core.errors import CancelledError, DataBrokenError, InputError, NoDataError
from extremeearth.core.progress import CancelToken, EventProgress
from extremeearth.core.security import ANONYMOUS, Principal
from extremeearth.core.times import as_instant
from extremeearth.data.catalogue import ItemQuery
from extremeearth.data.products import (
    load_cube,
    load_table,
    open_field_archive,
    save_cube,
    save_table,
)
from extremeearth.infrastructure.objects import key_of
from extremeearth.processing.jobs import JobContext
from extremeearth.product.processors import LeafAreaIndexProcessor, WaterAvailabilityProcessor
from extremeearth.product.processors.contract import Processor

BOTH = (LeafAreaIndexProcessor, WaterAvailabilityProcessor)
WATER_COLUMNS = {
    "feature_id", "date", "lai", "et0_mm", "kc", "etc_mm", "rain_mm", "taw_mm", "raw_mm", "depletion_mm",
    "ks", "eta_mm", "irrigation_mm", "drainage_mm",
}  # fmt: skip
TOTALS = {
    "feature_id", "name", "crop", "et0_mm", "etc_mm", "eta_mm", "rain_mm", "irrigation_mm",
    "max_depletion_mm", "lai_max", "colour",
}  # fmt: skip


def read(platform, item, asset):
    return platform.store.get(key_of(item.assets[asset].href))


def totals_of(platform, item):
    document = json.loads(read(platform, item, "geojson"))
    return pd.DataFrame([f["properties"] for f in document["features"]]).set_index("feature_id")


@pytest.mark.parametrize("kind", BOTH)
def test_descriptions_are_sound(kind, simulated_season):
    processor: Processor = kind(simulated_season.services)
    for about in processor.description.inputs.values():
        Draft202012Validator.check_schema(about.schema)
        assert about.required != ("default" in about.schema)
    assert set(processor.description.inputs) >= {"bbox", "datetime", "public"}
    assert "items" in processor.description.outputs


@pytest.mark.parametrize("kind", BOTH)
def test_region_or_time_without_data_says_what_there_is(kind, simulated_season):
    with pytest.raises(NoDataError, match=r"There are 3, in the box 1\d\."):
        simulated_season.run(kind, bbox=[0, 0, 1, 1])
    with pytest.raises(NoDataError, match="from 2018-03"):
        simulated_season.run(kind, datetime="2031-01-01/2031-02-01")
    stranger = Principal(user_id="v", project_id="q", key_id="k")
    assert simulated_season.run(kind, principal=stranger)  # the input is public


def test_private_series_are_not_there_for_others(simulated_season, make_season):
    season = make_season(simulated_season.archive, fields=1)
    (item,) = season.catalogue.items(ItemQuery(collections=("field-series",)), viewer=season.owner)
    season.catalogue.add([item], project_id="p", public=False)
    stranger = Principal(user_id="v", project_id="q", key_id="k")
    with pytest.raises(NoDataError, match="no field-series that you may see"):
        season.run(LeafAreaIndexProcessor, principal=stranger)


def test_leaf_area_items_hold_cube_curve_and_provenance(simulated_season):
    items = simulated_season.run(LeafAreaIndexProcessor)
    assert len(items) == 3
    for item in items:
        assert item.collection_id == "leaf-area-index"
        assert all(
            key_of(a.href).startswith(f"leaf-area-index/{item.id}/") for a in item.assets.values()
        )
        cube = load_cube(store=simulated_season.store, prefix=key_of(item.assets["cube"].href))
        assert cube.lai.dims == ("time", "y", "x")
        assert cube.odc.crs.epsg == 3857
        assert np.nanmax(cube.lai.values) <= 8
        curve = load_table(store=simulated_season.store, key=key_of(item.assets["curve"].href))
        assert len(curve) == item.properties["ee:clear_dates"] > 3
        assert set(curve.field) == {item.properties["ee:field"]}
        plain = json.loads(read(simulated_season, item, "curve-json"))
        assert plain["lai"] == pytest.approx(curve.lai.tolist(), abs=1e-3)
        assert item.properties["ee:lai_network"]["trained_on"].startswith("simulated")
        assert "no measured leaf area" in item.properties["description"]
        assert [link.rel for link in item.links if link.rel == "derived_from"] == ["derived_from"]
    found = list(
        simulated_season.catalogue.items(
            ItemQuery(collections=("leaf-area-index",)), viewer=simulated_season.owner
        )
    )
    assert {i.id for i in items} <= {i.id for i in found}


def test_only_dates_in_the_time_frame_are_retrieved(simulated_season):
    items = simulated_season.run(LeafAreaIndexProcessor, datetime="2018-05-01/2018-05-31")
    times = load_cube(
        store=simulated_season.store, prefix=key_of(items[0].assets["cube"].href)
    ).time
    assert times.size > 0
    assert set(pd.DatetimeIndex(times.values).month) == {5}
    simulated_season.run(LeafAreaIndexProcessor)  # the whole season again for other tests


def test_a_time_frame_between_two_images_has_no_data(simulated_season):
    with pytest.raises(NoDataError, match="has an image"):
        simulated_season.run(LeafAreaIndexProcessor, datetime="2018-03-09/2018-03-10")


def test_projects_never_write_over_each_others_items(simulated_season):
    mine = simulated_season.run(LeafAreaIndexProcessor)
    theirs = simulated_season.run(
        LeafAreaIndexProcessor, principal=Principal(user_id="v", project_id="q", key_id="k")
    )
    assert {i.id for i in mine}.isdisjoint({i.id for i in theirs})
    again = simulated_season.run(LeafAreaIndexProcessor)
    assert [i.id for i in again] == [i.id for i in mine]
    assert again[0].assets["cube"].href == mine[0].assets["cube"].href


def test_public_items_are_seen_by_all_and_others_are_not(simulated_season):
    simulated_season.run(WaterAvailabilityProcessor, yields=False)
    (shown,) = simulated_season.run(WaterAvailabilityProcessor, yields=False, public=True)
    seen = simulated_season.catalogue.items(
        ItemQuery(collections=("water-availability",)), viewer=ANONYMOUS
    )
    assert [item.id for item in seen] == [shown.id]


@pytest.mark.parametrize("targets", ["fields", "parcels"])
def test_water_items_keep_the_conventions(simulated_season, targets):
    (item,) = simulated_season.run(WaterAvailabilityProcessor, targets=targets, yields=False)
    assert item.properties["ee:targets"] == targets
    assert set(item.assets) == {"geojson", "table", "series"}
    assert all(
        key_of(a.href).startswith(f"water-availability/{item.id}/") for a in item.assets.values()
    )
    totals = totals_of(simulated_season, item)
    daily = load_table(store=simulated_season.store, key=key_of(item.assets["table"].href))
    series = json.loads(read(simulated_season, item, "series"))
    assert set(totals.reset_index().columns) >= TOTALS
    assert set(daily.columns) >= WATER_COLUMNS
    assert (
        set(series) == {str(i) for i in totals.index} == {str(i) for i in daily.feature_id.unique()}
    )
    assert totals.colour.str.fullmatch("#[0-9a-f]{6}").all()
    for feature, days in daily.groupby("feature_id"):
        curves = series[str(feature)]
        assert len({len(values) for values in curves.values()}) == 1
        assert curves["dates"][0] == f"{days.date.iloc[0]:%Y-%m-%d}"
        assert all(math.isfinite(v) for name, c in curves.items() if name != "dates" for v in c)
        for name in ("et0_mm", "etc_mm", "eta_mm", "rain_mm", "irrigation_mm"):
            assert totals.loc[feature, name] == pytest.approx(days[name].sum(), abs=0.01)
    if targets == "parcels":
        assert set(totals.index) <= set(simulated_season.archive.parcels.parcel_id)
        assert "approximate" in item.properties["ee:leaf_area"]


def test_water_of_a_box_is_that_of_its_parcels(simulated_season):
    parcels = simulated_season.archive.parcels
    one = parcels.geometry.iloc[10].representative_point()
    box = [one.x - 1e-4, one.y - 1e-4, one.x + 1e-4, one.y + 1e-4]
    (small,) = simulated_season.run(WaterAvailabilityProcessor, targets="parcels", bbox=box)
    near = totals_of(simulated_season, small)
    assert parcels.parcel_id.iloc[10] in near.index
    assert len(near) < 6
    everywhere = totals_of(
        simulated_season, simulated_season.run(WaterAvailabilityProcessor, targets="parcels")[0]
    )
    # Haze is told from all parcels, so the box must not change what a parcel drinks.
    pd.testing.assert_frame_equal(near.sort_index(), everywhere.loc[near.index].sort_index())


def test_days_of_a_shorter_frame_are_those_of_the_season(simulated_season):
    whole, part = (
        load_table(
            store=simulated_season.store,
            key=key_of(
                simulated_season.run(WaterAvailabilityProcessor, datetime=frame, yields=False)[0]
                .assets["table"]
                .href
            ),
        )
        for frame in ("2018-03-01/2018-07-31", "2018-05-10/2018-07-31")
    )
    assert f"{part.date.min():%m-%d}" == "05-10"
    # The soil remembers the spring although only later days were asked for.
    same = whole[whole.date >= part.date.min()].reset_index(drop=True)
    pd.testing.assert_frame_equal(same, part)


def test_soil_and_strategy_matter(simulated_season):
    def run(**inputs):
        return totals_of(
            simulated_season,
            simulated_season.run(WaterAvailabilityProcessor, yields=False, **inputs)[0],
        )

    sand, silt = run(soil="sand"), run(soil="silt-loam")
    rainfed = run(soil="sand", irrigation="rainfed")
    assert (sand.irrigation_mm > silt.irrigation_mm).all()
    assert (rainfed.irrigation_mm == 0).all()
    assert (rainfed.eta_mm < sand.eta_mm).all()
    assert rainfed.eta_mm.tolist() == pytest.approx(sand.rainfed_eta_mm.tolist())
    with pytest.raises(InputError, match="soil"):
        simulated_season.run(WaterAvailabilityProcessor, soil="cheese")


def test_water_without_leaf_area_items_retrieves_it(simulated_season, make_season):
    fresh = make_season(simulated_season.archive, fields=1)
    (item,) = fresh.run(WaterAvailabilityProcessor, yields=False)
    from_series = totals_of(fresh, item)
    assert "field-series" in str([link.target for link in item.links])
    fresh.run(LeafAreaIndexProcessor)
    (again,) = fresh.run(WaterAvailabilityProcessor, yields=False)
    assert "leaf-area-index" in str([link.target for link in again.links])
    pd.testing.assert_frame_equal(from_series, totals_of(fresh, again))


def test_broken_weather_is_told(simulated_season, make_season):
    season = make_season(simulated_season.archive, fields=1)
    (item,) = season.catalogue.items(ItemQuery(collections=("weather",)), viewer=season.owner)
    key = key_of(item.assets["table"].href)
    season.store.put(key, b"no parquet")
    with pytest.raises(DataBrokenError, match="cannot be read"):
        season.run(WaterAvailabilityProcessor)
    season.store.delete(key)
    with pytest.raises(Exception, match=r"weather/season/table\.parquet"):
        season.run(WaterAvailabilityProcessor)


def test_weather_far_away_is_refused(simulated_season, make_season):
    season = make_season(simulated_season.archive, fields=1)
    weather = season.archive.weather
    save_table(
        weather.assign(lon=weather.lon + 10), store=season.store, key="weather/season/table.parquet"
    )
    with pytest.raises(NoDataError, match=r"nearest weather to .* km away"):
        season.run(WaterAvailabilityProcessor)
    save_table(weather.assign(lon=np.nan), store=season.store, key="weather/season/table.parquet")
    with pytest.raises(DataBrokenError, match="No station"):
        season.run(WaterAvailabilityProcessor)
    save_table(weather.drop(columns="lat"), store=season.store, key="weather/season/table.parquet")
    with pytest.raises(DataBrokenError, match="lacks lat"):
        season.run(WaterAvailabilityProcessor)


def test_fields_seen_too_rarely_are_refused(simulated_season, make_season):
    season = make_season(simulated_season.archive, fields=1)
    name = season.archive.field_names[0]
    series = season.archive.field_series(name)
    hidden = series.assign(cloud=series.cloud | True)
    save_cube(hidden, store=season.store, prefix=f"field-series/{name.lower()}/cube")
    with pytest.raises(NoDataError, match="None of the 1 fields"):
        season.run(WaterAvailabilityProcessor)
    (item,) = season.run(LeafAreaIndexProcessor)
    assert item.properties["ee:clear_dates"] == 0


def test_a_cancelled_run_stops_and_adds_nothing(simulated_season, make_season):
    season = make_season(simulated_season.archive, fields=2)
    token = CancelToken()

    def stop(event):
        if event.done:
            token.cancel()

    context = JobContext(
        workspace=season.workspace,
        principal=season.owner,
        progress=EventProgress(stop, token=token),
    )
    with pytest.raises(CancelledError):
        LeafAreaIndexProcessor(season.services).run(
            {"bbox": season.box, "datetime": "2018-03-01/2018-07-31"}, context
        )
    query = ItemQuery(collections=("leaf-area-index",))
    assert not list(season.catalogue.items(query, viewer=season.owner))


def test_real_fields_have_a_plausible_season(data_folder, make_season):
    season = make_season(open_field_archive(data_folder), fields=4)
    items = season.run(LeafAreaIndexProcessor)
    assert all(1 < item.properties["ee:lai_max"] < 7 for item in items)
    (item,) = season.run(WaterAvailabilityProcessor)
    totals = totals_of(season, item)
    assert totals.et0_mm.between(450, 560).all()
    assert totals.etc_mm.between(350, 650).all()
    assert totals.irrigation_mm.between(0, 250).all()
    assert (totals.rainfed_eta_mm < totals.et0_mm).all()
    assert totals.yield_rainfed_t_ha.between(4, 10).all()
    assert item.get_datetime() is None
    assert as_instant(item.properties["end_datetime"]) == as_instant("2018-07-31")
    outline = gpd.GeoDataFrame.from_features(json.loads(read(season, item, "geojson")), crs=4326)
    assert outline.geometry.is_valid.all()
    assert 11 < outline.total_bounds[0] < 12
