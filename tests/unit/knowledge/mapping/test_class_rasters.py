"""Classified rasters become polygons that cover what the pixels covered."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from extremeearth.core.errors import CrsError, DataBrokenError, InputError, MappingError
from extremeearth.knowledge.mapping import ClassifiedRaster, GeometryOptions, class_polygons


@pytest.fixture
def raster(tmp_path):
    def write(codes, *, crs="EPSG:32632", nodata=0, size=10.0):
        path = tmp_path / "classes.tif"
        codes = np.asarray(codes)
        with rasterio.open(
            path, "w", driver="GTiff", width=codes.shape[1], height=codes.shape[0], count=1, dtype=codes.dtype,
            crs=crs, nodata=nodata, transform=from_origin(600_000, 5_300_000, size, size),
        ) as file:  # fmt: skip
            file.write(codes, 1)
        return path

    return write


def random_classes(side=60, seed=1):
    rough = np.random.default_rng(seed).integers(1, 4, (side // 6, side // 6), dtype=np.uint8)
    return np.kron(rough, np.ones((6, 6), np.uint8))


def test_areas_by_class_are_those_of_the_pixels(raster):
    codes = random_classes()
    codes[:5, :5] = 0
    values, shapes, crs = class_polygons(ClassifiedRaster(path=raster(codes)))
    assert crs.epsg == 32632
    assert shapely.is_valid(shapes).all()
    for code in np.unique(codes[codes > 0]):
        area = shapely.area(shapes[values == code]).sum()
        assert area == pytest.approx((codes == code).sum() * 100)


def test_small_areas_go_to_their_neighbours(raster):
    codes = np.ones((20, 20), np.uint8)
    codes[10, 10] = 2
    codes[2:6, 2:6] = 3
    path = raster(codes)
    assert sorted(class_polygons(ClassifiedRaster(path=path))[0].tolist()) == [1, 2, 3]
    values, shapes, _ = class_polygons(ClassifiedRaster(path=path, smallest_m2=500))
    assert sorted(values.tolist()) == [1, 3]
    assert shapely.area(shapes).sum() == pytest.approx(40_000)


def test_simplified_borders_stay_shared(raster):
    rows, columns = np.mgrid[:80, :80]
    codes = (1 + (rows + columns > 80) + (rows - columns > 20)).astype(np.uint8)
    path = raster(codes)
    plain = class_polygons(ClassifiedRaster(path=path))[1]
    shapes = class_polygons(ClassifiedRaster(path=path, tolerance_m=30))[1]
    assert shapely.get_num_coordinates(shapes).sum() < shapely.get_num_coordinates(plain).sum() / 4
    assert shapely.coverage_is_valid(shapes)
    assert shapely.union_all(shapes).area == pytest.approx(shapely.union_all(plain).area, rel=0.02)


def test_a_raster_is_a_source(mapped, raster):
    codes = np.array([[1, 1], [2, 0]], np.uint8)
    mapping = """<urn:m> rml:logicalSource [ rml:source [ rml:path "map" ] ] ;
        rml:subjectMap [ rml:template "urn:{id}" ] ;
        rml:predicateObjectMap [ rml:predicate ex:class ; rml:objectMap [ rml:reference "label" ] ],
            [ rml:predicate ex:area ; rml:objectMap [ rml:reference "area_m2" ] ],
            [ rml:predicate geo:asWKT ; rml:objectMap [ rml:reference "geometry" ] ] ."""
    given = ClassifiedRaster(path=raster(codes), labels=((1, "wheat"), (2, "maize")), skip=(2,))
    found, report = mapped(mapping, sources={"map": given})
    assert report.rows == 1
    assert '<urn:0> <https://example.org/class> "wheat"' in found
    found, report = mapped(mapping.replace('"label"', '"value"'), sources={"map": given.path})
    assert report.rows == 2
    with pytest.raises(MappingError, match="does not have"):
        mapped(mapping.replace('"label"', '"name"'), sources={"map": given})


def test_what_is_no_map_of_classes_is_refused(raster, mapped, tmp_path):
    with pytest.raises(DataBrokenError, match="measurements"):
        class_polygons(
            ClassifiedRaster(path=raster(np.array([[0.5, 1.0]], np.float32), nodata=None))
        )
    with pytest.raises(DataBrokenError, match="different values"):
        class_polygons(
            ClassifiedRaster(path=raster(np.arange(1, 401, dtype=np.int32).reshape(20, 20)))
        )
    path = raster(np.ones((2, 2), np.uint8), crs=None)
    with pytest.raises(CrsError):
        class_polygons(ClassifiedRaster(path=path))
    assert class_polygons(ClassifiedRaster(path=path), crs=32632)[2].epsg == 32632
    with pytest.raises(InputError, match="no band"):
        class_polygons(ClassifiedRaster(path=path, band=2), crs=32632)
    (tmp_path / "broken.tif").write_bytes(b"II*\0nothing")
    with pytest.raises(DataBrokenError, match="cannot be read"):
        class_polygons(ClassifiedRaster(path=tmp_path / "broken.tif"))
    assert GeometryOptions(crs=4326).system().epsg == 4326


def test_a_real_mask(data_folder):
    path = data_folder / "ftw-two-season" / "bavaria_field_boundary_mask.tif"
    plain = class_polygons(ClassifiedRaster(path=path))
    values, shapes, crs = class_polygons(
        ClassifiedRaster(path=path, smallest_m2=2_000, tolerance_m=10)
    )
    assert 0 < len(values) < len(plain[0])
    assert shapely.coverage_is_valid(shapes)
    assert crs is not None
