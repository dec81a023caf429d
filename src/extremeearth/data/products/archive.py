"""One season of fields, parcels and weather: what a food-security analysis starts from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd
import xarray as xr
from geopandas import GeoDataFrame

from extremeearth.core.errors import NotFoundError

__all__ = ["PARCEL_BANDS", "SERIES_BANDS", "FieldArchive"]

PARCEL_BANDS = (
    "B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12"
)  # fmt: skip
"""The 13 bands of Sentinel-2 MSI, in the order of the parcels' table."""

SERIES_BANDS = tuple(band for band in PARCEL_BANDS if band != "B10")
"""The 12 bands of Sentinel-2 at level 2A, which has no B10."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FieldArchive:
    """One season of image series, declared parcels, farm fields, weather and crop names.

    Every geometry is in EPSG:4326 with longitude first. The image series are read one by one, on
    demand; everything else is small and in memory.

    Attributes
    ----------
    real
        Whether these are observations; `False` for a simulation.
    source
        One sentence on where the data come from, with the attribution that must be shown.
    field_names
        Trial fields that have an image series.
    trial_fields
        ``field, crop, yield_t_ha, sown, harvested, geometry``.
    parcels
        ``parcel_id, crop_code, crop_name_de, area_ha, geometry``; the area is on the ellipsoid.
    parcel_series
        ``parcel_id, date, B01 ... B12``: mean top-of-atmosphere reflectance per parcel and date, 0 to 1.
    farm_fields
        ``farm_field_id, name, area_ha, geometry``.
    weather
        ``station, date, tmin_c, tmax_c, tmean_c, humidity`` (0 to 1), ``wind_m_s`` (at 2 m),
        ``radiation_mj_m2, sunshine_h, pressure_hpa`` (at the station's height),
        ``sea_level_pressure_hpa, cloud_cover, rain_mm, et0_mm, elevation_m, lon, lat`` (NaN where the
        place of the station is not known).
    taxonomy
        ``hcat_code`` (10 digits), ``hcat_name``: the EuroCrops hierarchy.
    national_crops
        ``crop_code, name_de, name_en, hcat_code, hcat_name``.
    countries
        ``name, iso_a3, geometry``.

    Examples
    --------
    >>> from extremeearth.data.products import simulate_field_archive
    >>> archive = simulate_field_archive(seed=1)
    >>> archive.real, len(archive.parcels), len(archive.field_names)
    (False, 301, 25)
    >>> series = archive.field_series(archive.field_names[0])
    >>> series.reflectance.dims, series.odc.crs.epsg
    (('time', 'band', 'y', 'x'), 3857)
    """

    real: bool
    source: str
    field_names: tuple[str, ...]
    trial_fields: GeoDataFrame = field(repr=False)
    parcels: GeoDataFrame = field(repr=False)
    parcel_series: pd.DataFrame = field(repr=False)
    farm_fields: GeoDataFrame = field(repr=False)
    weather: pd.DataFrame = field(repr=False)
    taxonomy: pd.DataFrame = field(repr=False)
    national_crops: pd.DataFrame = field(repr=False)
    countries: GeoDataFrame = field(repr=False)
    read_series: Callable[[str], xr.Dataset] = field(repr=False)

    def field_series(self, name: str) -> xr.Dataset:
        """Read the Sentinel-2 level 2A series of one trial field.

        Parameters
        ----------
        name
            One of `field_names`.

        Returns
        -------
        xarray.Dataset
            ``reflectance(time, band, y, x)`` float32 (0 to 1, above 1 over bright cloud, NaN outside the
            field), ``cloud(time, y, x)`` and ``inside(time, y, x)`` bool, and per date ``sun_zenith,
            sun_azimuth, view_zenith, view_azimuth`` in degrees. The reference system is ``.odc.crs``.

        Raises
        ------
        NotFoundError
            No field of this name has an image series.
        DataBrokenError
            The file cannot be read.
        """
        if name not in self.field_names:
            raise NotFoundError(
                f"No trial field '{name}' has an image series.",
                hint=f"There are: {', '.join(self.field_names)}.",
            )
        return self.read_series(name)
