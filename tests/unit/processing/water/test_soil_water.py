"""The daily balance: nothing is lost, irrigation does what it says, FAO-56's own examples."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.core.errors import InputError, NoDataError
from extremeearth.processing.water import (
    CROPS,
    RAINFED,
    REFILL,
    SOILS,
    CropWater,
    Irrigation,
    Soil,
    basal_coefficient,
    crop_for,
    season_totals,
    water_balance,
)

PLACE = {"latitude_deg": 48.4, "elevation_m": 480.0}
START = pd.Timestamp("2018-04-01")


def weather_of(rain, *, tmean=15.0, wind=2.0, humidity=0.65, radiation=18.0) -> pd.DataFrame:
    count = len(rain)
    return pd.DataFrame(
        {
            "date": pd.date_range(START, periods=count),
            "tmin_c": tmean - 6.0,
            "tmax_c": tmean + 6.0,
            "tmean_c": tmean,
            "humidity": humidity,
            "wind_m_s": wind,
            "radiation_mj_m2": radiation,
            "rain_mm": np.asarray(rain, dtype=float),
        }
    )


def leaves_of(values) -> pd.Series:
    return pd.Series(values, index=pd.date_range(START, periods=len(values)), dtype=float)


def residuals(balance: pd.DataFrame, first_mm: float) -> np.ndarray:
    before = np.concatenate([[first_mm], balance.depletion_mm.to_numpy()[:-1]])
    change = (
        -(balance.rain_mm - balance.runoff_mm)
        - balance.irrigation_mm
        + balance.eta_mm
        + balance.drainage_mm
    )
    return (balance.depletion_mm.to_numpy() - before - change).to_numpy()


days = st.integers(2, 60)


@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_no_drop_of_water_is_lost(data):
    count = data.draw(days)
    rain = data.draw(st.lists(st.floats(0, 120), min_size=count, max_size=count))
    lai = data.draw(st.lists(st.floats(0, 8), min_size=count, max_size=count))
    et0 = data.draw(st.lists(st.floats(0, 12), min_size=count, max_size=count))
    soil = SOILS[data.draw(st.sampled_from(sorted(SOILS)))]
    crop = CROPS[data.draw(st.sampled_from(sorted(CROPS)))]
    watering = data.draw(
        st.sampled_from(
            [
                RAINFED,
                REFILL,
                Irrigation(strategy="refill", wetted_share=0.3),
                Irrigation(
                    strategy="schedule", scheduled=leaves_of([40.0] * count), wetted_share=0.5
                ),
            ]
        )
    )
    first = data.draw(st.floats(0, 400))
    weather = weather_of(
        rain,
        tmean=data.draw(st.floats(-5, 30)),
        wind=data.draw(st.floats(0, 15)),
        humidity=data.draw(st.floats(0, 1)),
    )
    balance = water_balance(
        weather, leaves_of(lai), soil=soil, crop=crop, irrigation=watering, initial_depletion_mm=first,
        et0_mm=leaves_of(et0), **PLACE,
    )  # fmt: skip
    began = min(first, soil.available_mm_per_m * balance.root_depth_m.iloc[0])
    assert np.abs(residuals(balance, began)).max() < 1e-6
    assert (balance.depletion_mm >= 0).all()
    assert (balance.depletion_mm <= balance.taw_mm + 1e-6).all()
    assert balance.ks.between(0, 1).all()
    assert (balance.eta_mm <= balance.etc_mm + 1e-9).all()
    assert (balance[["ke", "eta_mm", "drainage_mm", "runoff_mm", "irrigation_mm"]] >= 0).all(
        axis=None
    )
    assert (balance.runoff_mm <= balance.rain_mm).all()


def test_refilled_crops_never_thirst_and_rainfed_ones_do():
    weather, lai = weather_of([0.0] * 60, tmean=22.0, radiation=24.0), leaves_of([4.0] * 60)
    common = {"soil": SOILS["sandy-loam"], "crop": CROPS["winter-wheat"], **PLACE}
    wet = water_balance(weather, lai, irrigation=REFILL, **common)
    dry = water_balance(weather, lai, irrigation=RAINFED, **common)
    assert (wet.ks == 1).all()
    assert wet.irrigation_mm.sum() > 100
    assert dry.irrigation_mm.sum() == 0
    assert dry.ks.iloc[-1] < 0.3
    assert dry.eta_mm.sum() < 0.75 * wet.eta_mm.sum()


def test_irrigation_waits_for_readily_available_water_and_then_fills_up():
    wet = water_balance(
        weather_of([0.0] * 60, tmean=22.0, radiation=24.0),
        leaves_of([4.0] * 60),
        soil=SOILS["loam"], crop=CROPS["maize"],
        irrigation=REFILL, **PLACE,
    )  # fmt: skip
    watered = wet.index[wet.irrigation_mm > 0]
    assert len(watered) >= 2
    for day in watered:
        assert wet.depletion_mm[day - 1] > 0.9 * wet.raw_mm[day]
        assert wet.depletion_mm[day] == pytest.approx(wet.eta_mm[day])


def test_nobody_waters_bare_soil_or_ripe_grain():
    lai = leaves_of([0.2] * 30 + [4.0] * 20 + [0.4] * 30)
    wet = water_balance(
        weather_of([0.0] * 80),
        lai,
        soil=SOILS["sand"],
        crop=CROPS["maize"],
        irrigation=REFILL,
        **PLACE,
    )
    given_on = wet.lai[wet.irrigation_mm > 0]
    assert len(given_on)
    assert (given_on >= 1).all()


def test_heavier_soil_needs_less_irrigation_and_drains_less():
    rain = [25.0 if day % 15 == 0 else 0.0 for day in range(90)]
    totals = {
        name: season_totals(
            water_balance(
                weather_of(rain),
                leaves_of([4.0] * 90),
                soil=SOILS[name],
                crop=CROPS["winter-wheat"],
                **PLACE,
            )
        )
        for name in ("sand", "silt-loam")
    }
    assert totals["sand"]["drainage_mm"] >= totals["silt-loam"]["drainage_mm"]
    assert totals["sand"]["stress_days"] > totals["silt-loam"]["stress_days"]
    assert totals["sand"]["eta_mm"] < totals["silt-loam"]["eta_mm"]


def test_a_cloudburst_runs_off_by_the_curve_number():
    soil = Soil(
        name="x", field_capacity=0.3, wilting_point=0.1, evaporable_first_mm=8, curve_number=75
    )
    balance = water_balance(
        weather_of([10.0, 100.0]), leaves_of([1.0, 1.0]), soil=soil, crop=CROPS["grass"], **PLACE
    )
    storage = 254 * (100 / 75 - 1)
    expected = (100 - 0.2 * storage) ** 2 / (100 + 0.8 * storage)
    assert balance.runoff_mm.tolist() == pytest.approx([0, expected])


def test_bare_wet_soil_evaporates_and_dries_out():
    bare = water_balance(
        weather_of([30.0] + [0.0] * 25),
        leaves_of([0.0] * 26),
        soil=SOILS["loam"],
        crop=CROPS["maize"],
        **PLACE,
    )
    assert bare.kc.iloc[1] > 1.0
    assert bare.kc.iloc[-1] < 0.35
    assert (np.diff(bare.kc.to_numpy()[2:]) <= 1e-9).all()
    # What dries out is no more than the surface layer holds (besides the diffuse 0.15 of the basal coefficient).
    assert (bare.ke * bare.et0_mm).sum() < SOILS["loam"].evaporable_mm + 30


def test_roots_only_deepen():
    balance = water_balance(
        weather_of([1.0] * 30), leaves_of([*np.linspace(0, 5, 15), *np.linspace(5, 0, 15)]),
        soil=SOILS["loam"], crop=CROPS["winter-wheat"], **PLACE,
    )  # fmt: skip
    assert (np.diff(balance.root_depth_m) >= 0).all()
    assert balance.root_depth_m.iloc[[0, -1]].tolist() == [0.5, 1.5]


def test_coefficient_follows_equation_97():
    lai = np.array([0.0, 0.5, 1.0, 3.0, 10.0])
    expected = 0.15 + (1.2 - 0.15) * (1 - np.exp(-0.7 * lai))
    assert basal_coefficient(lai, full=1.2) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("soil", "evaporable"),
    [("sand", (6, 12)), ("loam", (16, 22)), ("silt-loam", (18, 25)), ("clay", (22, 29))],
)
def test_soils_evaporate_what_table_19_says(soil, evaporable):
    low, high = evaporable
    assert low <= SOILS[soil].evaporable_mm <= high


@pytest.mark.parametrize(("declared", "crop"), [
    ("winter wheat", "winter-wheat"), ("Winterweizen (Weichweizen)", "winter-wheat"), ("Wintergerste", "winter-barley"),
    ("Sommergerste", "spring-cereal"), ("Silomais", "maize"), ("Kleegras", "clover"), ("Weiden", "grass"),
    ("Kartoffeln", "potato"), ("Ackerbohne", "pulse"), ("Miscanthus", "other"), ("GRASS", "grass"),
])  # fmt: skip
def test_declared_names_find_their_crop(declared, crop):
    assert crop_for(declared).name == crop


def test_only_shared_days_are_computed():
    lai = pd.Series(2.0, index=pd.date_range("2018-04-05", "2018-05-30"))
    balance = water_balance(
        weather_of([0.0] * 10), lai, soil=SOILS["loam"], crop=CROPS["grass"], **PLACE
    )
    assert [f"{d:%m-%d}" for d in balance.date.iloc[[0, -1]]] == ["04-05", "04-10"]


def test_impossible_inputs_are_told():
    weather, lai = weather_of([0.0] * 5), leaves_of([1.0] * 5)
    common = {"soil": SOILS["loam"], "crop": CROPS["grass"], **PLACE}
    with pytest.raises(NoDataError, match="share no day"):
        water_balance(weather, lai.shift(100, freq="D"), **common)
    with pytest.raises(InputError, match="gaps"):
        water_balance(weather, lai.drop(lai.index[2]), **common)
    with pytest.raises(InputError, match="negative"):
        water_balance(weather, -lai, **common)
    with pytest.raises(InputError, match="negative"):
        water_balance(weather, lai, initial_depletion_mm=-1, **common)
    with pytest.raises(InputError, match="missing or given twice"):
        water_balance(weather.drop(index=2), lai, **common)
    with pytest.raises(InputError, match="missing or given twice"):
        water_balance(pd.concat([weather, weather]), lai, **common)
    with pytest.raises(InputError, match="rain_mm is -1"):
        water_balance(weather.assign(rain_mm=-1.0), lai, **common)
    with pytest.raises(InputError, match="humidity is 65"):
        water_balance(weather.assign(humidity=65.0), lai, **common)
    with pytest.raises(InputError, match="lacks rain_mm"):
        water_balance(weather.drop(columns="rain_mm"), lai, **common)
    with pytest.raises(InputError, match="reference evapotranspiration"):
        water_balance(weather, lai, et0_mm=leaves_of([1.0, 1.0]), **common)
    with pytest.raises(NoDataError):
        water_balance(weather.iloc[:0], lai, **common)


def test_impossible_soils_crops_and_irrigation_are_told():
    with pytest.raises(InputError, match="field capacity"):
        Soil(name="x", field_capacity=0.1, wilting_point=0.2, evaporable_first_mm=5)
    with pytest.raises(InputError, match="curve number"):
        Soil(name="x", field_capacity=0.3, wilting_point=0.2, evaporable_first_mm=5, curve_number=0)
    with pytest.raises(InputError, match="impossible"):
        CropWater(
            name="x",
            full_coefficient=1.1,
            height_m=1,
            root_min_m=2,
            root_max_m=1,
            depletion_share=0.5,
        )
    with pytest.raises(InputError, match="wet 0"):
        Irrigation(wetted_share=0)
    with pytest.raises(InputError, match="go together"):
        Irrigation(strategy="schedule")
    with pytest.raises(InputError, match="negative"):
        Irrigation(strategy="schedule", scheduled=leaves_of([-1.0]))
