"""Approximate leaf area of parcels: haze, clouds, filled-in dates, real phenology."""

from __future__ import annotations

from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from extremeearth.core.errors import CrsError, InputError
from extremeearth.data.products import PARCEL_BANDS, open_field_archive
from extremeearth.processing.preprocessing import (
    field_mean_lai,
    interpolated_dates,
    subtract_dark_objects,
)

CLEAR = dict(
    zip(
        PARCEL_BANDS,
        [0.13, 0.10, 0.09, 0.06, 0.11, 0.30, 0.40, 0.39, 0.44, 0.1, 0.001, 0.18, 0.09],
        strict=True,
    )
)


def frame(rows):
    return pd.DataFrame(rows), gpd.GeoDataFrame(
        {"parcel_id": sorted({row["parcel_id"] for row in rows})},
        geometry=[shapely.box(11.6, 48.3, 11.61, 48.31)] * len({row["parcel_id"] for row in rows}),
        crs=4326,
    )


def day(text, parcel=1, **changes):
    return {"parcel_id": parcel, "date": pd.Timestamp(text), **CLEAR, **changes}


@pytest.mark.parametrize(
    "changes",
    [{"B01": 0.3}, {"B02": 0.25}, {"B10": 0.02}, {"B03": 0.6, "B11": 0.08}, {"B05": np.nan}],
)
def test_cloud_cirrus_snow_and_holes_are_screened(changes):
    series, parcels = frame([day("2018-05-01"), day("2018-05-11", **changes)])
    lai = field_mean_lai(series, parcels)
    assert lai.clear.tolist() == [True, False]
    assert np.isfinite(lai.lai).tolist() == [True, False]
    assert lai.approximate.all()


def test_more_green_is_more_leaf():
    pale = {
        "B04": 0.11,
        "B05": 0.15,
        "B06": 0.2,
        "B07": 0.23,
        "B8A": 0.26,
        "B11": 0.25,
        "B12": 0.18,
    }
    series, parcels = frame([day("2018-05-01", 1), day("2018-05-01", 2, **pale)])
    lai = field_mean_lai(series, parcels).set_index("parcel_id").lai
    assert lai[1] > 2 * lai[2]


def test_filled_in_dates_are_found_and_left_out():
    generator = np.random.default_rng(1)
    rows = []
    for parcel in (1, 2, 3):
        bands = {band: generator.uniform(0.02, 0.15, 4) for band in PARCEL_BANDS}
        for b in bands.values():
            b[2] = (b[1] + b[3]) / 2
        rows += [
            day(
                f"2018-05-{1 + 7 * i:02}", parcel, **{band: bands[band][i] for band in PARCEL_BANDS}
            )
            for i in range(4)
        ]
    series, parcels = frame(rows)
    assert interpolated_dates(series) == [pd.Timestamp("2018-05-15")]
    assert pd.Timestamp("2018-05-15") not in set(field_mean_lai(series, parcels).date)


def test_haze_falls_with_wavelength_and_reflectance_stays_positive():
    surface, haze = subtract_dark_objects(pd.DataFrame([CLEAR] * 5))
    names = ["B02", "B03", "B04", "B05", "B8A", "B11", "B12"]
    assert all(haze[a] > haze[b] for a, b in pairwise(names))
    assert (surface > 0).all(axis=None)
    assert surface.B02.iloc[0] < CLEAR["B02"]


def test_added_haze_is_taken_off_again():
    generator = np.random.default_rng(2)
    ground = pd.DataFrame([CLEAR] * 40) * generator.uniform(0.7, 1.6, (40, 1))
    clean, thin = subtract_dark_objects(ground)
    air = {b: 0.03 * (thin[b] / thin["B04"]) for b in thin}
    hazy, _ = subtract_dark_objects(ground.assign(**{b: ground[b] + air[b] for b in air}))
    assert np.abs(hazy - clean).max(axis=None) < 0.006


def test_what_is_missing_is_told():
    series, parcels = frame([day("2018-05-01")])
    with pytest.raises(InputError, match="lacks B10"):
        field_mean_lai(series.drop(columns="B10"), parcels)
    with pytest.raises(CrsError):
        field_mean_lai(series, parcels.set_crs(None, allow_override=True))
    with pytest.raises(InputError, match="no geometry"):
        field_mean_lai(series.assign(parcel_id=9), parcels)


def test_real_parcels_follow_the_calendar_of_their_crop(data_folder):
    archive = open_field_archive(data_folder)
    # Two of the fourteen dates are exact means of their neighbours: nobody saw the fields then.
    filled = interpolated_dates(archive.parcel_series)
    assert [f"{d:%m-%d}" for d in filled] == ["03-30", "05-30"]
    lai = field_mean_lai(archive.parcel_series, archive.parcels)
    assert lai[lai.date == "2018-02-28"].clear.sum() == 0  # snow and cloud
    named = lai.merge(archive.parcels[["parcel_id", "crop_name_de"]], on="parcel_id")
    curve = named.pivot_table(index="crop_name_de", columns="date", values="lai", aggfunc="median")
    wheat, maize = curve.loc["Winterweizen (Weichweizen)"], curve.loc["Koernermais"]
    assert wheat.idxmax() in (pd.Timestamp("2018-06-15"), pd.Timestamp("2018-06-30"))
    assert maize.idxmax() in (
        pd.Timestamp("2018-07-15"),
        pd.Timestamp("2018-07-30"),
        pd.Timestamp("2018-08-15"),
    )
    assert wheat["2018-07-30"] < 1
    assert maize["2018-07-30"] > 3
    assert maize["2018-05-15"] < 1 < wheat["2018-05-15"]
