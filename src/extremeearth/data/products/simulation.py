"""A simulated season with the shapes and columns of the real one, for machines without the data."""

from __future__ import annotations

from functools import partial
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray
from odc.geo.xr import assign_crs

from extremeearth.core.geodesy import area_m2, transform
from extremeearth.data.products.archive import PARCEL_BANDS, SERIES_BANDS, FieldArchive
from extremeearth.data.products.phenology import (
    CROPS,
    HIERARCHY,
    Crop,
    cloudy,
    leaf_area,
    surface,
    top_of_atmosphere,
)
from extremeearth.data.products.stations import station_pressure_hpa

__all__ = ["simulate_field_archive"]

SOURCE = (
    "Simulated: made-up crops, parcels and weather in the shape of the real data; no observation."
)
UTM = "EPSG:32632"
ORIGIN = (693_000.0, 5_361_000.0)  # south-west corner of the parcels, in UTM zone 32
PARCELS, PARCEL_COLUMNS, CELL_M = 301, 22, 200.0
FARM_FIELDS, TRIAL_FIELDS, SERIES_FIELDS, STATIONS = 149, 27, 25, 24
PARCEL_DATES = pd.DatetimeIndex(
    [f"2018-{month:02d}-{day}" for month in range(2, 9) for day in ((15, 28) if month == 2 else (15, 30))]
)  # fmt: skip
SERIES_DATES = pd.DatetimeIndex(
    [f"2018-{day}T10:20:21" for day in (
        "03-08", "04-07", "04-19", "04-22", "04-27", "05-07", "05-12", "06-03", "06-16", "07-01", "07-13",
        "07-26",
    )]
)  # fmt: skip
WEATHER_DATES = pd.date_range("2018-03-01", "2018-07-31", freq="D")
PIXEL = 15.0  # metres in Web Mercator, 10 m on the ground
COUNTRIES = (
    ("Germany", "DEU", (5.9, 47.3, 12.9, 55.0)),
    ("Austria", "AUT", (9.5, 46.4, 17.1, 47.3)),
    ("Czechia", "CZE", (12.9, 48.6, 18.8, 51.0)),
)


def simulate_field_archive(*, seed: int = 0) -> FieldArchive:
    """Simulate a season: same tables, columns and shapes as the real archive, with ``real=False``.

    Crops follow a plausible phenology, so that a classifier has something to learn; the same seed gives
    the same archive. Takes about a second.

    Parameters
    ----------
    seed
        Seed of the random numbers.

    Examples
    --------
    >>> archive = simulate_field_archive(seed=7)
    >>> archive.parcel_series.shape, len(archive.farm_fields), archive.weather.station.nunique()
    ((4214, 15), 149, 24)
    """
    rng = np.random.default_rng(seed)
    parcels, crops = _parcels(rng)
    trial_fields = _trial_fields(rng)
    names = tuple(trial_fields["field"].iloc[:SERIES_FIELDS])
    return FieldArchive(
        real=False,
        source=SOURCE,
        field_names=names,
        trial_fields=trial_fields,
        parcels=parcels,
        parcel_series=_parcel_series(rng, crops),
        farm_fields=_farm_fields(rng),
        weather=_weather(rng, trial_fields),
        taxonomy=_taxonomy(),
        national_crops=pd.DataFrame(
            [(c.code, c.name_de, c.name_en, c.hcat_code, c.hcat_name) for c in CROPS],
            columns=["crop_code", "name_de", "name_en", "hcat_code", "hcat_name"],
        ),
        countries=geopandas.GeoDataFrame(
            {"name": [c[0] for c in COUNTRIES], "iso_a3": [c[1] for c in COUNTRIES]},
            geometry=[shapely.box(*c[2]) for c in COUNTRIES],
            crs="EPSG:4326",
        ),
        read_series=partial(_series, seed, trial_fields.set_index("field")),
    )


def _taxonomy() -> pd.DataFrame:
    rows = sorted({*HIERARCHY, *((crop.hcat_code, crop.hcat_name) for crop in CROPS)})
    return pd.DataFrame(rows, columns=["hcat_code", "hcat_name"])


def _frame(columns: dict[str, Any], outlines: Any) -> Any:
    """Put outlines in UTM into a table in longitude and latitude, its area measured on the ellipsoid."""
    lonlat = transform(np.asarray(outlines, dtype=object), source=UTM, target=4326)
    if "area_ha" in columns:
        columns["area_ha"] = area_m2(lonlat, crs=4326) / 10_000.0
    return geopandas.GeoDataFrame(columns, geometry=lonlat, crs="EPSG:4326")


def _cells(rng: np.random.Generator, count: int, *, columns: int, side: float, origin: Any) -> Any:
    """Cut quadrilaterals with small gaps out of a grid, each a little different."""
    corners = np.array([(0.04, 0.04), (0.96, 0.04), (0.96, 0.96), (0.04, 0.96)])
    places = np.column_stack(np.divmod(np.arange(count), columns))[:, ::-1]
    shaky = corners[None] + rng.uniform(-0.03, 0.03, size=(count, 4, 2))
    points = np.asarray(origin) + side * (places[:, None, :] + shaky)
    turn = np.deg2rad(3.0)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    points = (points - ORIGIN) @ rotation + ORIGIN
    return shapely.polygons(points)


def _parcels(rng: np.random.Generator) -> tuple[Any, list[Crop]]:
    counts = np.floor(np.array([crop.share for crop in CROPS]) * PARCELS).astype(int)
    counts[0] += PARCELS - counts.sum()
    order = rng.permutation(np.repeat(np.arange(len(CROPS)), counts))
    crops = [CROPS[i] for i in order]
    columns = {
        "parcel_id": np.arange(PARCELS, dtype=np.int64),
        "crop_code": [crop.code for crop in crops],
        "crop_name_de": [crop.name_de for crop in crops],
        "area_ha": None,
    }
    outlines = _cells(rng, PARCELS, columns=PARCEL_COLUMNS, side=CELL_M, origin=ORIGIN)
    return _frame(columns, outlines), crops


def _farm_fields(rng: np.random.Generator) -> Any:
    # The same grid, two cells to a field in x and other corners: they overlap, touch and contain parcels.
    outlines = _cells(rng, FARM_FIELDS, columns=11, side=CELL_M, origin=ORIGIN)
    outlines = shapely.transform(
        outlines, lambda xy: np.column_stack([ORIGIN[0] + 2 * (xy[:, 0] - ORIGIN[0]), xy[:, 1]])
    )
    columns = {
        "farm_field_id": np.arange(FARM_FIELDS, dtype=np.int64),
        "name": [f"Farm field {i + 1}" for i in range(FARM_FIELDS)],
        "area_ha": None,
    }
    return _frame(columns, outlines)


def _trial_fields(rng: np.random.Generator) -> Any:
    barley = np.arange(TRIAL_FIELDS) % 4 == 3
    origin = (ORIGIN[0] + 1_000.0, ORIGIN[1] + 4_000.0)
    columns = {
        "field": [f"Trial{i + 1:02d}" for i in range(TRIAL_FIELDS)],
        "crop": np.where(barley, "winter barley", "winter wheat"),
        "yield_t_ha": np.round(np.where(barley, 5.4, 7.0) + rng.normal(0, 0.6, TRIAL_FIELDS), 2),
        "sown": pd.DatetimeIndex(["2017-10-14"] * TRIAL_FIELDS).as_unit("ns"),
        "harvested": pd.DatetimeIndex(
            np.where(barley, np.datetime64("2018-06-30"), np.datetime64("2018-07-28"))
        ).as_unit("ns"),
    }
    return _frame(columns, _cells(rng, TRIAL_FIELDS, columns=7, side=300.0, origin=origin))


def _parcel_series(rng: np.random.Generator, crops: list[Crop]) -> pd.DataFrame:
    days = PARCEL_DATES.dayofyear.to_numpy(dtype=np.float64)
    values = np.empty((PARCELS, days.size, len(PARCEL_BANDS)))
    codes = np.array([crop.code for crop in crops])
    for crop in CROPS:
        rows = np.flatnonzero(codes == crop.code)
        lai = leaf_area(
            crop, days, shift=rng.normal(0, 6, rows.size), vigour=rng.normal(1, 0.12, rows.size)
        )
        values[rows] = surface(crop, days, lai, wetness=rng.uniform(0.75, 1.15, rows.size))
    values = top_of_atmosphere(values * rng.normal(1.0, 0.05, values.shape))
    # one overcast date, and broken cloud on others, as in the half-monthly original
    cover = np.where(
        rng.random(values.shape[:2]) < 0.12, rng.uniform(0.1, 0.9, values.shape[:2]), 0.0
    )
    cover[:, 1] = rng.uniform(0.5, 1.0, PARCELS)
    values = np.clip(cloudy(values, cover=cover), 0.0, 1.2).astype(np.float32)
    frame = pd.DataFrame(
        {
            "parcel_id": np.repeat(np.arange(PARCELS, dtype=np.int64), days.size),
            "date": np.tile(PARCEL_DATES.as_unit("ns").to_numpy(), PARCELS),
        }
    )
    bands = pd.DataFrame(values.reshape(-1, len(PARCEL_BANDS)), columns=list(PARCEL_BANDS))
    return pd.concat([frame, bands], axis=1)


def _weather(rng: np.random.Generator, trial_fields: Any) -> pd.DataFrame:
    """Draw one season for the region, with small differences from station to station."""
    days = WEATHER_DATES.dayofyear.to_numpy(dtype=np.float64)
    count = days.size
    season = np.sin((days - 105.0) / 365.0 * 2 * np.pi)
    cloud = np.clip(
        0.62 + np.convolve(rng.normal(0, 0.45, count + 2), np.ones(3) / 3, "valid"), 0, 1
    )
    rain = np.where(rng.random(count) < 0.15 + 0.45 * cloud, rng.gamma(0.7, 6.0, count), 0.0)
    mean = 8.0 + 12.0 * season + np.convolve(rng.normal(0, 4.0, count + 4), np.ones(5) / 5, "valid")
    swing = 7.5 - 3.5 * cloud
    daylight = 12.0 + 4.2 * np.sin((days - 80.0) / 365.0 * 2 * np.pi)
    centre = trial_fields.geometry.representative_point()
    stations = []
    for number in range(STATIONS):
        local = mean + rng.normal(0, 0.2)
        elevation = float(np.round(rng.uniform(445.0, 508.0), 2))
        stations.append(
            pd.DataFrame(
                {
                    "station": trial_fields["field"].iloc[number],
                    "date": WEATHER_DATES.as_unit("ns"),
                    "tmin_c": local - swing,
                    "tmax_c": local + swing,
                    "tmean_c": local,
                    "humidity": np.clip(
                        0.6 + 0.25 * cloud + rng.normal(0, 0.03, count), 0.35, 0.98
                    ),
                    "wind_m_s": np.clip(rng.gamma(5.0, 0.55, count), 0.8, 9.0),
                    "radiation_mj_m2": (20.0 + 9.0 * season) * (1.15 - 0.7 * cloud),
                    "sunshine_h": daylight * (1.0 - cloud),
                    "sea_level_pressure_hpa": 1016.0 - 6.0 * cloud + rng.normal(0, 3.0, count),
                    "cloud_cover": cloud,
                    "rain_mm": np.round(rain * rng.uniform(0.85, 1.15), 1),
                    "elevation_m": elevation,
                    "lon": float(centre.x.iloc[number]),
                    "lat": float(centre.y.iloc[number]),
                }
            )
        )
    frame = pd.concat(stations, ignore_index=True)
    frame["pressure_hpa"] = station_pressure_hpa(
        frame["sea_level_pressure_hpa"], elevation_m=frame["elevation_m"]
    )
    frame["et0_mm"] = _reference_et0(frame)
    return frame


def _reference_et0(frame: pd.DataFrame) -> pd.Series:
    """FAO-56 reference evapotranspiration per station, mm/day."""
    import pyet

    parts = []
    for _, station in frame.groupby("station", sort=False):
        daily = station.set_index("date")
        et0 = pyet.pm_fao56(
            daily["tmean_c"],
            daily["wind_m_s"],
            rs=daily["radiation_mj_m2"],
            elevation=float(daily["elevation_m"].iloc[0]),
            lat=float(np.deg2rad(daily["lat"].iloc[0])),
            tmax=daily["tmax_c"],
            tmin=daily["tmin_c"],
            rh=daily["humidity"] * 100.0,
        )
        parts.append(pd.Series(np.clip(et0.to_numpy(), 0.0, None), index=station.index))
    return pd.concat(parts)


def _series(seed: int, fields: Any, name: str) -> xr.Dataset:
    """Draw the image series of one field; the same field and seed give the same series."""
    number = int(fields.index.get_loc(name))
    rng = np.random.default_rng([seed, number])
    outline = transform(fields.geometry.iloc[number], source=4326, target=3857)
    xmin, ymin, xmax, ymax = shapely.bounds(outline)
    x = np.arange(xmin + PIXEL / 2, xmax, PIXEL)
    y = np.arange(ymax - PIXEL / 2, ymin, -PIXEL)
    inside = shapely.contains_xy(outline, *np.meshgrid(x, y))
    code = {"winter wheat": "115", "winter barley": "131"}[fields["crop"].iloc[number]]
    crop = next(crop for crop in CROPS if crop.code == code)
    days = SERIES_DATES.dayofyear.to_numpy(dtype=np.float64)
    values, cloud = _pixels(rng, crop, days, x.size * y.size)
    cube = values.reshape(y.size, x.size, days.size, -1).transpose(2, 3, 0, 1)
    present = np.broadcast_to(inside, (days.size, *inside.shape))
    reflectance = np.where(present[:, None], np.clip(cube, 0.0, 1.2), np.nan).astype(np.float32)
    overcast = cloud.reshape(y.size, x.size, days.size).transpose(2, 0, 1)
    series = xr.Dataset(
        {
            "reflectance": (("time", "band", "y", "x"), reflectance),
            "cloud": (("time", "y", "x"), overcast.copy()),
            "inside": (("time", "y", "x"), present.copy()),
            **{
                angle: ("time", degrees.astype(np.float32))
                for angle, degrees in _angles(days).items()
            },
        },
        coords={
            "time": SERIES_DATES.as_unit("ns").to_numpy(),
            "band": list(SERIES_BANDS),
            "y": y,
            "x": x,
        },
        attrs={"field": name, "sensor": "simulated Sentinel-2 MSI L2A"},
    )
    assigned: xr.Dataset = assign_crs(series, "EPSG:3857")
    return assigned


def _pixels(
    rng: np.random.Generator, crop: Crop, days: NDArray[np.float64], pixels: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Draw reflectance [pixels, days, bands] of one field's crop, and on which days a cloud lies over it."""
    lai = leaf_area(
        crop,
        days,
        shift=rng.normal(0, 3) + rng.normal(0, 1.5, pixels),
        vigour=rng.normal(1, 0.08) + rng.normal(0, 0.06, pixels),
    )
    values = surface(crop, days, lai, wetness=np.full(pixels, rng.uniform(0.8, 1.1)))
    values = values * rng.normal(1.0, 0.02, values.shape)
    cloud = np.zeros((pixels, days.size), dtype=bool)
    cloud[:, rng.choice(days.size, size=2, replace=False)] = True
    values = cloudy(values, cover=np.where(cloud, rng.uniform(0.6, 1.0, cloud.shape), 0.0))
    return values[..., [PARCEL_BANDS.index(band) for band in SERIES_BANDS]], cloud


def _angles(days: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Give the angles of sun and view in degrees: the sun climbs with the season, orbits take turns."""
    season = np.sin((days - 81.0) / 365.0 * 2 * np.pi)
    return {
        "sun_zenith": 48.5 - 23.0 * season,
        "sun_azimuth": 158.0 - 8.0 * season,
        "view_zenith": np.full(days.size, 7.4),
        "view_azimuth": np.where(np.arange(days.size) % 2, 296.0, 115.0),
    }
