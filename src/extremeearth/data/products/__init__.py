"""Data of a season in and out: field archives, Zarr cubes, (Geo)Parquet, GeoJSON, COG, and their STAC items."""

from extremeearth.data.products.archive import PARCEL_BANDS, SERIES_BANDS, FieldArchive
from extremeearth.data.products.bavaria import open_field_archive, station_pressure_hpa
from extremeearth.data.products.simulation import simulate_field_archive

__all__ = [
    "PARCEL_BANDS",
    "SERIES_BANDS",
    "FieldArchive",
    "open_field_archive",
    "simulate_field_archive",
    "station_pressure_hpa",
]
