"""Clear pixels, leaf area index of series, curves, sun: on made-up and on the real fields."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.xr import assign_crs

from extremeearth.core.errors import InputError, NoDataError
from extremeearth.data.products import open_field_archive
from extremeearth.processing.preprocessing import (
    INPUT_BANDS,
    LAI_FLAGS,
    clear_mask,
    daily_curve,
    lai_curve,
    retrieve_lai,
    sun_position,
)

WHEAT = [0.03, 0.05, 0.03, 0.08, 0.30, 0.42, 0.44, 0.18, 0.08]
SNOW = [0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.08, 0.07]
BRIGHT = [0.4, 0.35, 0.3, 0.3, 0.4, 0.5, 0.5, 0.3, 0.25]
ANGLES = {"sun_zenith": 30.0, "sun_azimuth": 160.0, "view_zenith": 5.0, "view_azimuth": 290.0}


def series_of(*spectra, cloud=None, inside=None) -> xr.Dataset:
    """One date, one row of pixels."""
    values = np.array(spectra, dtype="float32").T[None, :, None, :]
    count = len(spectra)
    flags = {
        "cloud": np.zeros((1, 1, count), bool) if cloud is None else np.array([[cloud]]),
        "inside": np.ones((1, 1, count), bool) if inside is None else np.array([[inside]]),
    }
    made = xr.Dataset(
        {
            "reflectance": (("time", "band", "y", "x"), values),
            **{name: (("time", "y", "x"), flag) for name, flag in flags.items()},
            **{name: ("time", np.array([value], "float32")) for name, value in ANGLES.items()},
        },
        coords={
            "time": pd.to_datetime(["2018-05-07T10:26:48"]),
            "band": ["B02", *INPUT_BANDS],
            "y": [5.0],
            "x": 10.0 * np.arange(count),
        },
    )
    return assign_crs(made, "EPSG:32632")


def test_each_reason_hides_a_pixel():
    hole = [*WHEAT[:4], np.nan, *WHEAT[5:]]
    empty = [0.0] * 9
    series = series_of(
        WHEAT, WHEAT, WHEAT, SNOW, BRIGHT, hole, empty,
        cloud=[False, True, False, False, False, False, False],
        inside=[True, True, False, True, True, True, True],
    )  # fmt: skip
    clear = clear_mask(series)
    assert clear.values[0, 0].tolist() == [True, False, False, False, False, False, False]
    assert clear.odc.crs.epsg == 32632
    lai = retrieve_lai(series)
    assert np.isfinite(lai.lai.values[0, 0]).tolist() == clear.values[0, 0].tolist()
    assert lai.flags.values[0, 0].tolist() == [0, 2, 1, 2, 2, 2, 2]
    assert lai.odc.crs.epsg == 32632
    assert lai.lai.dtype == np.float32
    assert "measured" in lai.attrs["comment"]


def test_order_of_axes_and_bands_does_not_matter():
    series = series_of(WHEAT, BRIGHT, [0.06, 0.09, 0.10, 0.13, 0.16, 0.18, 0.19, 0.24, 0.19])
    turned = series.transpose("x", "y", "band", "time").isel(band=slice(None, None, -1))
    np.testing.assert_array_equal(
        retrieve_lai(series).lai.values, retrieve_lai(turned).lai.transpose("time", "y", "x").values
    )


@pytest.mark.parametrize("lost", ["reflectance", "cloud", "inside", "sun_zenith"])
def test_a_missing_variable_is_told(lost):
    with pytest.raises(InputError, match=lost):
        retrieve_lai(series_of(WHEAT).drop_vars(lost))


def test_a_missing_band_is_told():
    series = series_of(WHEAT)
    with pytest.raises(InputError, match="lacks B8A"):
        retrieve_lai(series.sel(band=[b for b in series.band.values if b != "B8A"]))


def test_curve_leaves_out_dates_that_were_hardly_seen():
    series = series_of(WHEAT, WHEAT, WHEAT, cloud=[False, True, True])
    lai = retrieve_lai(series)
    assert lai_curve(lai, min_share=0.5).empty
    curve = lai_curve(lai, min_share=0.3)
    assert curve.clear_share.tolist() == [pytest.approx(1 / 3)]
    assert curve.date.tolist() == [pd.Timestamp("2018-05-07")]
    with pytest.raises(InputError, match="share of 2"):
        lai_curve(lai, min_share=2)


def test_curve_keeps_the_clearer_of_two_looks_on_one_day():
    hazy = retrieve_lai(series_of(WHEAT, BRIGHT, WHEAT))
    clear = retrieve_lai(series_of(WHEAT, WHEAT, WHEAT))
    both = xr.concat([hazy, clear], "time")
    assert lai_curve(both).clear_share.tolist() == [1.0]


@pytest.fixture(scope="module")
def bavaria(data_folder):
    return open_field_archive(data_folder)


@pytest.fixture(scope="module")
def bavaria_lai(bavaria):
    return {name: retrieve_lai(bavaria.field_series(name)) for name in bavaria.field_names}


def test_real_wheat_greens_in_spring_peaks_by_june_and_ripens_in_july(bavaria, bavaria_lai):
    crop = dict(zip(bavaria.trial_fields.field, bavaria.trial_fields.crop, strict=True))
    curves = [lai_curve(bavaria_lai[n]) for n in bavaria.field_names if crop[n] == "winter wheat"]
    assert len(curves) >= 15
    months = pd.concat(curves).assign(month=lambda t: t.date.dt.month).groupby("month").lai.median()
    assert months[3] < 0.8
    assert months[3] < months[4] < months[5] < months[6]
    assert 2 < months[6] < 6
    assert months[7] < months[6] / 2
    last = [
        curve.lai.iloc[-1] for curve in curves if curve.date.iloc[-1] >= pd.Timestamp("2018-07-20")
    ]
    assert np.median(last) < 0.8


def test_real_leaf_area_goes_with_ndvi_and_few_pixels_are_doubtful(bavaria, bavaria_lai):
    leaf, index, doubt = [], [], []
    for name in bavaria.field_names[::4]:
        lai, red = bavaria_lai[name], bavaria.field_series(name).reflectance
        near, low = red.sel(band="B8A").values, red.sel(band="B04").values
        seen = np.isfinite(lai.lai.values)
        leaf.append(lai.lai.values[seen])
        index.append(((near - low) / (near + low))[seen])
        doubt.append((lai.flags.values[seen] > 0).mean())
    ranks = pd.DataFrame({"lai": np.concatenate(leaf), "ndvi": np.concatenate(index)}).rank()
    assert ranks.corr().iloc[0, 1] > 0.9
    assert np.mean(doubt) < 0.1
    assert (lai.flags.values[lai.flags.values > 0] & sum(LAI_FLAGS.values()) > 0).all()


def test_sun_stands_where_the_products_say(bavaria):
    outline = bavaria.trial_fields.set_index("field").geometry
    for name in bavaria.field_names[::6]:
        series, place = bavaria.field_series(name), outline[name].centroid
        zenith, azimuth = sun_position(series.time.values, lon_deg=place.x, lat_deg=place.y)
        # The products give one angle per tile and time stamp of its acquisition, up to some minutes apart.
        assert np.abs(zenith - series.sun_zenith.values).max() < 0.7
        assert np.abs(azimuth - series.sun_azimuth.values).max() < 4


@pytest.mark.parametrize(("time", "lon", "lat", "zenith", "azimuth"), [
    # NREL SPA report (Reda and Andreas 2008), its worked example, without refraction
    ("2003-10-17T19:30:30", -105.1786, 39.742476, 50.12, 194.34),
    ("2018-03-20T12:07:00", 0.0, 0.0, 0.3, None),
])  # fmt: skip
def test_sun_stands_where_others_compute_it(time, lon, lat, zenith, azimuth):
    own = sun_position(time, lon_deg=lon, lat_deg=lat)
    assert float(own[0]) == pytest.approx(zenith, abs=0.3 if azimuth is None else 0.05)
    if azimuth is not None:
        assert float(own[1]) == pytest.approx(azimuth, abs=0.05)


@given(
    values=st.dictionaries(st.integers(0, 200), st.floats(0, 8), min_size=1, max_size=20),
    smoothness=st.floats(0.1, 1000),
    envelope=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_daily_curves_stay_within_nature(values, smoothness, envelope):
    start = pd.Timestamp("2018-02-01")
    observed = pd.Series(
        list(values.values()), index=[start + pd.Timedelta(days=d) for d in values], dtype=float
    )
    curve = daily_curve(
        observed, start=start, end="2018-09-30", smoothness=smoothness, envelope=envelope
    )
    assert len(curve) == 242
    assert curve.notna().all()
    assert curve.min() >= 0
    assert curve.max() <= observed.max() * 1.1 + 1e-9
    assert (curve[: observed.index.min()] == curve[observed.index.min()]).all()


def test_a_stiff_curve_keeps_to_a_line_and_a_loose_one_to_the_points():
    days = pd.date_range("2018-04-01", periods=9, freq="10D")
    bumpy = pd.Series([1.0, 2, 1, 3, 2, 4, 3, 5, 4], index=days)
    assert daily_curve(bumpy, smoothness=0.01)[days].to_numpy() == pytest.approx(
        bumpy.to_numpy(), abs=0.02
    )
    assert np.abs(np.diff(daily_curve(bumpy, smoothness=1e7).to_numpy(), n=2)).max() < 1e-3


def test_envelope_passes_over_a_hazy_dip():
    days = pd.date_range("2018-04-01", periods=7, freq="10D")
    dip = pd.Series([2.0, 2.5, 3.0, 0.5, 4.0, 4.5, 5.0], index=days)
    assert daily_curve(dip, envelope=True)[days[3]] > daily_curve(dip)[days[3]] + 0.5


def test_curve_refuses_what_it_cannot_draw():
    days = pd.to_datetime(["2018-04-01", "2018-04-01"])
    with pytest.raises(InputError, match="share a date"):
        daily_curve(pd.Series([1.0, 2.0], index=days))
    with pytest.raises(NoDataError, match="no clear observation"):
        daily_curve(pd.Series([np.nan], index=days[:1]))
    with pytest.raises(InputError, match="cannot be drawn"):
        daily_curve(pd.Series([1.0], index=days[:1]), end="2017-01-01")


@given(
    seen=st.dictionaries(st.integers(0, 90), st.floats(0, 8), min_size=2, max_size=12),
    smoothness=st.floats(0.1, 1000),
)
@settings(max_examples=30, deadline=None)
def test_daily_curve_is_the_smoothest_near_the_points(seen, smoothness):
    """The banded sweep against a plain dense solution of the same equations."""
    start = pd.Timestamp("2018-04-01")
    observed = pd.Series(
        list(seen.values()), index=[start + pd.Timedelta(days=d) for d in seen], dtype=float
    ).sort_index()
    curve = daily_curve(observed, smoothness=smoothness, bounds=(-100.0, 100.0))
    count = len(curve)
    if count < 3:
        return
    weight, target = np.zeros(count), np.zeros(count)
    places = (observed.index - observed.index[0]).days
    weight[places], target[places] = 1.0, observed.to_numpy()
    bend, slope = np.diff(np.eye(count), n=2, axis=0), np.diff(np.eye(count), axis=0)
    system = np.diag(weight) + smoothness * bend.T @ bend + 1e-6 * slope.T @ slope
    dense = np.minimum(np.linalg.solve(system, target), observed.max() * 1.1)
    assert curve.to_numpy() == pytest.approx(dense, abs=1e-4)
