"""Files that say where GDAL finds data are not followed, whatever they are called."""

from __future__ import annotations

import socket
import zipfile
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from extremeearth.core.errors import DataBrokenError
from extremeearth.knowledge.interlinking import read_features
from extremeearth.knowledge.mapping import map_to_rdf
from extremeearth.knowledge.mapping.drafting.description import describe_source, list_layers
from extremeearth.knowledge.mapping.sources.pointers import refuse_pointer
from extremeearth.knowledge.mapping.sources.rasters import ClassifiedRaster, class_polygons

MAPPING = """
@prefix rml: <http://w3id.org/rml/> .
<urn:m> rml:logicalSource [ rml:source [ rml:path "%s" ] ] ;
    rml:subjectMap [ rml:template "urn:{password}" ; rml:class <urn:Secret> ] .
"""
VIRTUAL = (
    '<OGRVRTDataSource><OGRVRTLayer name="secret"><SrcDataSource>%s</SrcDataSource></OGRVRTLayer>'
    "</OGRVRTDataSource>"
)
PIPELINE = '{"type": "gdal_streamed_alg", "command_line": "gdal vector pipeline ! read %s"}'
REFUSED = "holds no data but says where other data is"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "elsewhere" / "secret.csv"
    path.parent.mkdir()
    path.write_text("password\nsesame\n")
    return path


@pytest.mark.parametrize("name", ["fields.gpkg", "fields.geojson", "fields.shp", "fields.vrt"])
@pytest.mark.parametrize("said", [VIRTUAL, "\n<!-- fields -->" + VIRTUAL, PIPELINE])
def test_another_file_is_not_read(tmp_path: Path, secret: Path, name: str, said: str) -> None:
    (tmp_path / name).write_text(said % secret)
    for use in (describe_source, read_features):
        with pytest.raises(DataBrokenError, match=REFUSED):
            use(tmp_path / name)
    with pytest.raises(DataBrokenError, match=REFUSED):
        map_to_rdf(MAPPING % name, folder=tmp_path, target=tmp_path / "out.nt")
    assert not (tmp_path / "out.nt").exists()


def test_layers_of_another_file_are_not_listed(tmp_path: Path, secret: Path) -> None:
    path = tmp_path / "fields.gpkg"
    path.write_text(VIRTUAL % secret)
    with pytest.raises(DataBrokenError, match=REFUSED):
        list_layers(path)


def test_nothing_is_asked_of_a_server(tmp_path: Path) -> None:
    path = tmp_path / "fields.gpkg"
    raster = tmp_path / "classes.tif"
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        for said in (
            f"<OGRWFSDataSource><URL>{url}</URL></OGRWFSDataSource>",
            VIRTUAL % f"/vsicurl/{url}a.csv",
        ):
            path.write_text(said)
            with pytest.raises(DataBrokenError, match=REFUSED):
                describe_source(path)
        raster.write_text(
            '<VRTDataset rasterXSize="1" rasterYSize="1"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
            f"<SourceFilename>/vsicurl/{url}a.tif</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
        )
        with pytest.raises(DataBrokenError, match=REFUSED):
            class_polygons(ClassifiedRaster(path=raster))
        with pytest.raises(TimeoutError):
            server.accept()


def test_packed_files_are_looked_into(tmp_path: Path, secret: Path) -> None:
    path = tmp_path / "fields.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("readme.txt", "fields")
        packed.writestr("fields.gpkg", VIRTUAL % secret)
    with pytest.raises(DataBrokenError, match=REFUSED):
        describe_source(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataBrokenError, match="cannot be unpacked"):
        describe_source(path)


def test_data_is_read_that_speaks_of_such_files(tmp_path: Path) -> None:
    """What is behind a zero byte is no text; a shapefile in a packed file is read as it was."""
    shapes = gpd.GeoDataFrame(
        {"note": ["<OGRVRTDataSource>"]}, geometry=[shapely.Point(1, 2)], crs=4326
    )
    shapes.to_file(tmp_path / "fields.gpkg")
    shapes.to_file(tmp_path / "fields.shp")
    with zipfile.ZipFile(tmp_path / "fields.zip", "w") as packed:
        for part in tmp_path.glob("fields.[sdp]*"):
            packed.write(part, part.name)
    for name in ("fields.gpkg", "fields.shp", "fields.zip"):
        assert describe_source(tmp_path / name).geometry
    refuse_pointer(tmp_path)  # a folder is none
