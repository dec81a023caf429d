"""Data of a season in and out: field archives, Zarr cubes, (Geo)Parquet, GeoJSON, COG, and their STAC items."""

from extremeearth.data.products.archive import PARCEL_BANDS, SERIES_BANDS, FieldArchive
from extremeearth.data.products.bavaria import open_field_archive
from extremeearth.data.products.cubes import load_cube, save_cube
from extremeearth.data.products.footprints import (
    Footprint,
    footprint_of_grid,
    footprint_of_shapes,
    footprint_of_stac,
)
from extremeearth.data.products.items import cube_item, feature_item
from extremeearth.data.products.rasters import load_cog, save_cog
from extremeearth.data.products.simulation import simulate_field_archive
from extremeearth.data.products.stations import station_pressure_hpa
from extremeearth.data.products.tables import load_table, save_geojson, save_table

__all__ = [
    "PARCEL_BANDS",
    "SERIES_BANDS",
    "FieldArchive",
    "Footprint",
    "cube_item",
    "feature_item",
    "footprint_of_grid",
    "footprint_of_shapes",
    "footprint_of_stac",
    "load_cog",
    "load_cube",
    "load_table",
    "open_field_archive",
    "save_cog",
    "save_cube",
    "save_geojson",
    "save_table",
    "simulate_field_archive",
    "station_pressure_hpa",
]
