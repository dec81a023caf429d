"""Evapotranspiration, balance and yield against what others computed or measured."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from extremeearth.core.errors import InputError, NoDataError
from extremeearth.data.products import open_field_archive
from extremeearth.processing.water import (
    SOILS,
    CropWater,
    Irrigation,
    Soil,
    least_humidity,
    reference_evapotranspiration,
    season_totals,
    water_balance,
    yield_response,
)

MARICOPA = {"latitude_deg": 33.069, "elevation_m": 361.0}


def saturation(temperature):
    return 0.6108 * np.exp(17.27 * temperature / (temperature + 237.3))


def read_table(path) -> pd.DataFrame:
    lines = path.read_text().splitlines()
    head = next(index for index, line in enumerate(lines) if line.startswith("Year-DOY"))
    table = pd.read_csv(io.StringIO("\n".join(lines[head:])), sep=r"\s+")
    return table.assign(date=pd.to_datetime(table["Year-DOY"], format="%Y-%j"))


def maricopa_weather(path) -> pd.DataFrame:
    table = read_table(path)
    vapour = saturation(table.Tdew) / ((saturation(table.Tmin) + saturation(table.Tmax)) / 2)
    return pd.DataFrame(
        {
            "date": table.date,
            "tmin_c": table.Tmin,
            "tmax_c": table.Tmax,
            "tmean_c": (table.Tmin + table.Tmax) / 2,
            "humidity": vapour.clip(0, 1),
            "wind_m_s": table.Wndsp
            * 4.87
            / np.log(67.8 * 3 - 5.42),  # from 3 m to 2 m, FAO-56 equation 47
            "radiation_mj_m2": table.Srad,
            "rain_mm": table.Rain,
            "given": table.ETref,
        }
    )


@pytest.fixture(scope="module")
def cotton(data_folder):
    folder = data_folder / "crop-water-weather" / "maricopa-cotton"
    if not folder.is_dir():
        pytest.skip(f"no {folder.name} here: the cotton trials are not in the data folder")
    return folder


def test_evapotranspiration_of_arizona_is_that_of_pyfao56(cotton):
    weather = maricopa_weather(next(cotton.glob("AZMET_Maricopa_ETo.*")))
    year = weather[weather.date.dt.year == 2013].reset_index(drop=True)
    own = reference_evapotranspiration(year, **MARICOPA).to_numpy()
    assert np.abs(own - year.given).max() < 0.03
    assert own.sum() == pytest.approx(year.given.sum(), rel=1e-3)


@pytest.mark.parametrize("trial", ["wet", "dry"])
def test_season_of_cotton_is_near_that_of_pyfao56(cotton, trial):
    """Another implementation of FAO-56, with its crop coefficients turned into leaf area by equation 97."""
    weather = maricopa_weather(next(cotton.glob("cotton2013.w*")))
    days = pd.date_range("2013-04-23", "2013-11-08")
    ends = np.cumsum([31, 52, 50, 21])
    kcb = np.interp(np.arange(len(days)), [0, *ends, 300], [0.15, 0.15, 1.2, 1.2, 0.573, 0.573])
    full = 1.21
    lai = pd.Series(-np.log(1 - (kcb - 0.15) / (full - 0.15)) / 0.7, index=days)
    balance = water_balance(
        weather,
        lai,
        soil=Soil(
            name="maricopa", field_capacity=0.225, wilting_point=0.1, evaporable_first_mm=9.0,
            evaporation_depth_m=0.1143,
        ),
        crop=CropWater(
            name="cotton", full_coefficient=full, height_m=1.2, root_min_m=0.6, root_max_m=1.7,
            depletion_share=0.65,
        ),
        irrigation=Irrigation(
            strategy="schedule", wetted_share=0.2,
            scheduled=read_table(cotton / f"cotton{trial}2013.irr").set_index("date").Depth,
        ),
        initial_depletion_mm=75.0,
        et0_mm=weather.set_index("date").given,
        **MARICOPA,
    )  # fmt: skip
    theirs = {}
    for line in (cotton / f"cotton{trial}2013.sum").read_text().splitlines():
        value, _, name = line.partition(" : ")
        if name and value.strip().replace(".", "").replace("-", "").isdigit():
            theirs[name.strip()] = float(value)
    own = season_totals(balance)
    assert own["et0_mm"] == pytest.approx(theirs["ETref"], abs=0.1)
    assert own["irrigation_mm"] == pytest.approx(theirs["Irrig"], abs=0.1)
    assert own["eta_mm"] == pytest.approx(theirs["ETa"], rel=0.04)
    assert own["etc_mm"] == pytest.approx(theirs["ETc"], rel=0.08)
    assert own["drainage_mm"] == pytest.approx(theirs["DP"], abs=15)
    assert balance.depletion_mm.iloc[-1] == pytest.approx(theirs["Dr_end"], abs=20)


def test_evapotranspiration_of_bavaria_is_near_the_given_one(data_folder):
    weather = open_field_archive(data_folder).weather
    own, given = [], []
    for _, station in list(weather.groupby("station"))[::6]:
        own.append(
            reference_evapotranspiration(
                station, latitude_deg=48.4, elevation_m=float(station.elevation_m.iloc[0])
            ).to_numpy()
        )
        given.append(station.et0_mm.to_numpy())
    difference = np.concatenate(own) - np.concatenate(given)
    assert abs(difference.mean()) < 0.1
    assert np.sqrt((difference**2).mean()) < 0.15
    assert np.corrcoef(np.concatenate(own), np.concatenate(given))[0, 1] > 0.99


def test_evapotranspiration_refuses_places_off_the_globe(data_folder):
    weather = open_field_archive(data_folder).weather
    with pytest.raises(InputError, match="latitude 91"):
        reference_evapotranspiration(
            weather[weather.station == "D2"], latitude_deg=91, elevation_m=0
        )


def test_least_humidity_is_at_the_warmest_hour():
    days = pd.DataFrame({"tmin_c": [10.0, 15.0], "tmax_c": [30.0, 15.0], "humidity": [0.6, 0.6]})
    least = least_humidity(days)
    assert least.iloc[0] < 60
    assert least.iloc[1] == pytest.approx(60)


def real_wheat(data_folder, **changes):
    weather = open_field_archive(data_folder).weather
    given = {
        "latitude_deg": 48.4, "elevation_m": 480.0, "soil": SOILS["silt-loam"], "maturity": "2018-07-27",
    } | changes  # fmt: skip
    return yield_response(weather[weather.station == "Itzling2"], **given)


def test_yield_of_real_wheat_is_of_the_measured_size(data_folder, capfd):
    response = real_wheat(data_folder)
    assert 5 < response.yield_t_ha < 10  # measured on the trial fields: 5.0 to 8.8
    assert response.biomass_t_ha > response.yield_t_ha
    assert 200 < response.transpiration_mm + response.evaporation_mm < 600
    assert response.irrigation_mm == 0
    assert capfd.readouterr() == ("", "")


def test_thin_canopies_yield_less_and_irrigation_never_harms(data_folder):
    thin, dense = (real_wheat(data_folder, lai_max=value).yield_t_ha for value in (1.0, 5.0))
    assert thin < 0.8 * dense
    dry = real_wheat(data_folder, soil=SOILS["sand"])
    wet = real_wheat(data_folder, soil=SOILS["sand"], irrigated=True)
    assert wet.irrigation_mm > 0
    assert wet.yield_t_ha > dry.yield_t_ha
    assert wet.yield_t_ha == pytest.approx(wet.potential_t_ha, rel=0.05)


def test_yield_says_what_it_cannot_do(data_folder):
    with pytest.raises(NoDataError, match="does not hold"):
        real_wheat(data_folder, maturity="2018-09-01")
    with pytest.raises(NoDataError, match="does not hold"):
        real_wheat(data_folder, maturity="2018-03-20")
    other = Soil(name="moon", field_capacity=0.3, wilting_point=0.1, evaporable_first_mm=5)
    with pytest.raises(InputError, match="no soil 'moon'"):
        real_wheat(data_folder, soil=other)
    with pytest.raises(InputError, match="leaf area -1"):
        real_wheat(data_folder, lai_max=-1)
