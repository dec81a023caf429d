"""The trial farm north of Freising, Bavaria, season 2018: files in, one `FieldArchive` out.

What the files say and what they mean differ in four places; each is settled here, once:

* **Wind.** The table names no unit. FAO-56 reference evapotranspiration was computed with pyet from the
  table's own columns and compared with its ``et0`` over all 24 stations and 153 days. Taken as m/s at 2 m
  the root mean square error is 0.11 mm/day (bias -0.04, slope 0.99); as km/h it is 0.46 mm/day (bias -0.36).
  Scaled by k, the error has its minimum at k = 1.0. So the wind is in m/s at 2 m already and is not changed.
* **Pressure** is reduced to sea level: its mean is 1013 hPa at 480 m, where the standard atmosphere has
  957 hPa. It is brought to the station's height as in FAO-56 equation 7; the given value stays beside it.
* **Yield** is in 0.1 t/ha.
* **Area.** The polygons' own area column is 1.21 times the area on the ellipsoid, while the declared one
  agrees with it to 0.04 %; areas are therefore measured anew, on the ellipsoid.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import xarray as xr

# Imported for its effect: datasets get the accessor `.odc`.
from odc.geo.xr import assign_crs

from extremeearth.core.errors import DataBrokenError, DataMissingError
from extremeearth.core.geodesy import area_m2
from extremeearth.data.products.archive import PARCEL_BANDS, SERIES_BANDS, FieldArchive
from extremeearth.data.products.stations import station_pressure_hpa

__all__ = ["open_field_archive"]

SOURCE = (
    "Trial fields near Freising (Chair of Plant Nutrition, TU Munich, via ESA-PhiLab/WorldCrops, MIT); "
    "EuroCrops HCAT (CC BY-SA 4.0); Natural Earth. Contains modified Copernicus Sentinel data 2018."
)
FIELDS, CROPS, BORDERS = "bavaria-fields", "hcat-crop-taxonomy", "admin-boundaries"

FILES = {
    "trial_fields": f"{FIELDS}/trial_fields_2018.gpkg",
    "parcels": f"{FIELDS}/lpis_test_area_2018.gpkg",
    "farm_fields": f"{FIELDS}/farm_field_polygons_2017.gpkg",
    "parcel_series": f"{FIELDS}/s2_l1c_field_means_2018.parquet",
    "weather": f"{FIELDS}/daily_weather_2018.parquet",
    "taxonomy": f"{CROPS}/HCAT3.csv",
    "national_crops": f"{CROPS}/de.csv",
    "countries": f"{BORDERS}/ne_50m_admin_0_countries.shp",
}
CHIPS = f"{FIELDS}/s2_l2a_chips"
REFLECTANCE_SCALE = 10_000.0
NO_CODE = "-99"  # Natural Earth's mark for countries whose ISO code is disputed
ANGLES = ("sun_zenith", "sun_azimuth", "view_zenith", "view_azimuth")


def open_field_archive(folder: Path) -> FieldArchive:
    """Open the real field data below `folder`.

    Parameters
    ----------
    folder
        Data root that holds ``bavaria-fields``, ``hcat-crop-taxonomy`` and ``admin-boundaries``.

    Raises
    ------
    DataMissingError
        A file or folder is not there; the message names it.
    DataBrokenError
        A file is there but cannot be read; the message names it.

    Examples
    --------
    >>> open_field_archive(Path("/nowhere"))
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.DataMissingError: There is no folder /nowhere. Name the folder that holds
    bavaria-fields, hcat-crop-taxonomy and admin-boundaries.
    """
    folder = Path(folder).absolute()
    if not folder.is_dir():
        raise DataMissingError(
            f"There is no folder {folder}.",
            hint=f"Name the folder that holds {FIELDS}, {CROPS} and {BORDERS}.",
        )
    files = {name: folder / path for name, path in FILES.items()}
    chips = folder / CHIPS
    for path in (*files.values(), chips):
        if not path.exists():
            raise DataMissingError(
                f"{path} is missing.", hint=f"Is {folder} the right data folder, and complete?"
            )
    names = tuple(sorted(path.stem for path in chips.glob("*.nc")))
    if not names:
        raise DataMissingError(
            f"{chips} holds no image series (*.nc).", hint=f"Is {folder} complete?"
        )
    trial_fields = _trial_fields(files["trial_fields"])
    return FieldArchive(
        real=True,
        source=SOURCE,
        field_names=names,
        trial_fields=trial_fields,
        parcels=_parcels(files["parcels"]),
        parcel_series=_parcel_series(files["parcel_series"]),
        farm_fields=_farm_fields(files["farm_fields"]),
        weather=_weather(files["weather"], trial_fields),
        taxonomy=_csv(files["taxonomy"], {"HCAT3_code": "hcat_code", "HCAT3_name": "hcat_name"}),
        national_crops=_csv(
            files["national_crops"],
            {
                "original_code": "crop_code",
                "original_name": "name_de",
                "translated_name": "name_en",
                "HCAT3_code": "hcat_code",
                "HCAT3_name": "hcat_name",
            },
        ),
        countries=_countries(files["countries"]),
        read_series=partial(_read_series, chips),
    )


def _broken(path: Path, err: Exception) -> DataBrokenError:
    text = " ".join(str(err).split())
    return DataBrokenError(f"{path} cannot be read: {text}.", hint="Fetch the file again.")


def _columns(frame: Any, columns: dict[str, str], path: Path) -> Any:
    """Keep and rename columns; one that is missing means that the file is not what it should be."""
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise DataBrokenError(
            f"{path} lacks the column {missing[0]}.", hint="Is it the file it should be?"
        )
    return frame[list(columns)].rename(columns=columns)


def _vector(path: Path, columns: dict[str, str], driver: str) -> Any:
    try:
        found = pyogrio.read_info(path)["driver"]
        frame = geopandas.read_file(path, engine="pyogrio")
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError) as err:
        raise _broken(path, err) from err
    if found != driver:
        raise DataBrokenError(f"{path} is no {driver} file.", hint="Fetch the file again.")
    if frame.crs is None:
        raise DataBrokenError(
            f"{path} names no coordinate reference system.", hint="Fetch the file again."
        )
    placeless = int((frame.geometry.isna() | frame.geometry.is_empty).sum())
    if placeless:  # what GDAL makes of a shapefile that was cut off
        raise DataBrokenError(
            f"{path} has {placeless} features without a geometry.", hint="Fetch the file again."
        )
    return _columns(frame, columns | {"geometry": "geometry"}, path).to_crs("EPSG:4326")


def _table(path: Path, columns: dict[str, str]) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as err:  # pyarrow's errors are ValueErrors
        raise _broken(path, err) from err
    table: pd.DataFrame = _columns(frame, columns, path)
    return table


def _csv(path: Path, columns: dict[str, str]) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as err:
        raise _broken(path, err) from err
    table: pd.DataFrame = _columns(frame, columns, path)
    return table


def _area_ha(frame: Any) -> Any:
    return area_m2(frame.geometry.to_numpy(), crs=4326) / 10_000.0


def _trial_fields(path: Path) -> Any:
    frame = _vector(
        path,
        {
            "Name": "field",
            "crop": "crop",
            "Ertrag": "yield_t_ha",
            "Aussaat": "sown",
            "Ernte": "harvested",
        },
        "GPKG",
    )
    frame["yield_t_ha"] = frame["yield_t_ha"] / 10.0
    for column in ("sown", "harvested"):
        frame[column] = pd.to_datetime(frame[column]).astype("datetime64[ns]")
    return frame


def _parcels(path: Path) -> Any:
    frame = _vector(
        path,
        {"field_id": "parcel_id", "crop_code": "crop_code", "crop_name_de": "crop_name_de"},
        "GPKG",
    )
    frame.insert(3, "area_ha", _area_ha(frame))
    return frame


def _farm_fields(path: Path) -> Any:
    frame = _vector(path, {"Name": "name"}, "GPKG")
    frame.insert(0, "farm_field_id", np.arange(len(frame), dtype=np.int64))
    frame.insert(2, "area_ha", _area_ha(frame))
    return frame


def _countries(path: Path) -> Any:
    codes = ("ISO_A3", "ISO_A3_EH", "ADM0_A3")
    frame = _vector(path, {"NAME": "name"} | {code: code for code in codes}, "ESRI Shapefile")
    iso = frame["ISO_A3"]
    for code in codes[1:]:
        iso = iso.where(iso != NO_CODE, frame[code])
    frame.insert(1, "iso_a3", iso)
    return frame.drop(columns=list(codes))


def _parcel_series(path: Path) -> pd.DataFrame:
    plain = {"B" + band[1:].lstrip("0"): band for band in PARCEL_BANDS}
    frame = _table(path, {"field_id": "parcel_id", "date": "date"} | plain)
    frame["date"] = frame["date"].astype("datetime64[ns]")
    frame[list(PARCEL_BANDS)] = (frame[list(PARCEL_BANDS)] / REFLECTANCE_SCALE).astype("float32")
    return frame.sort_values(["parcel_id", "date"], ignore_index=True)


def _weather(path: Path, trial_fields: Any) -> pd.DataFrame:
    frame = _table(
        path,
        {
            "Name": "station",
            "date": "date",
            "temperatureMin": "tmin_c",
            "temperatureMax": "tmax_c",
            "temp_mean": "tmean_c",
            "humidity": "humidity",
            "windSpeed": "wind_m_s",
            "solarradiation": "radiation_mj_m2",
            "sunshine": "sunshine_h",
            "pressure": "sea_level_pressure_hpa",
            "cloudCover": "cloud_cover",
            "rain": "rain_mm",
            "et0": "et0_mm",
            "elevation": "elevation_m",
        },
    )
    frame["date"] = frame["date"].astype("datetime64[ns]")
    frame["pressure_hpa"] = station_pressure_hpa(
        frame["sea_level_pressure_hpa"], elevation_m=frame["elevation_m"]
    )
    centre = trial_fields.set_index("field").geometry.representative_point()
    frame["lon"] = frame["station"].map(centre.x).astype("float64")
    frame["lat"] = frame["station"].map(centre.y).astype("float64")
    return frame.sort_values(["station", "date"], ignore_index=True)


def _read_series(chips: Path, name: str) -> xr.Dataset:
    path = chips / f"{name}.nc"
    if not path.is_file():
        raise DataMissingError(f"{path} is missing.", hint="Is the data folder complete?")
    try:
        with xr.open_dataset(path, engine="h5netcdf") as opened:
            raw = opened.load()
    # h5py reports a truncated or foreign file as any of these, depending on where it breaks
    except (OSError, ValueError, KeyError, RuntimeError) as err:
        raise _broken(path, err) from err
    missing = {"reflectance", "CLM", "dataMask", *ANGLES} - set(raw.variables)
    if missing or "crs" not in raw.attrs:
        what = sorted(missing)[0] if missing else "its coordinate reference system"
        raise DataBrokenError(f"{path} lacks {what}.", hint="Fetch the file again.")
    if tuple(raw["band"].values.tolist()) != SERIES_BANDS:
        raise DataBrokenError(
            f"{path} does not hold the 12 bands of level 2A.", hint="Fetch the file again."
        )
    inside = raw["dataMask"] == 1
    series = xr.Dataset(
        {
            "reflectance": raw["reflectance"].where(inside).astype("float32"),
            "cloud": raw["CLM"] != 0,
            "inside": inside,
            **{angle: raw[angle].astype("float32") for angle in ANGLES},
        },
        attrs={"field": name, "sensor": str(raw.attrs.get("sensor", ""))},
    )
    series["reflectance"] = series["reflectance"].transpose("time", "band", "y", "x")
    for variable in series.variables.values():
        variable.encoding.clear()
    assigned: xr.Dataset = assign_crs(series, str(raw.attrs["crs"]))
    return assigned
