"""Real shapes: Natural Earth, parcels and farm fields, an ice chart; links equal what GEOS says pair by pair."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from extremeearth.knowledge.interlinking import LinkOptions

SETS = (
    "countries",
    "parcels x farm fields",
    "parcels x shifted parcels",
    "ice chart",
    "ice chart x lines and points",
)


@pytest.fixture(scope="module")
def real(data_folder):
    """Give left and right of one of the sets, `None` for a self-join; read once."""
    read = {}

    def sides(name):
        if name in read:
            return read[name]
        fields = data_folder / "bavaria-fields"
        if name == "countries":
            world = gpd.read_file(data_folder / "admin-boundaries" / "ne_50m_admin_0_countries.shp")
            west = world.cx[-10:30, 35:60].geometry.make_valid()
            read[name] = list(west.iloc[:30]), None
        elif name.startswith("parcels"):
            parcels = gpd.read_file(fields / "lpis_test_area_2018.gpkg").to_crs(32632)
            other = gpd.read_file(fields / "farm_field_polygons_2017.gpkg").to_crs(32632)
            shifted = parcels.geometry.translate(30, 20)
            read[name] = list(parcels.geometry), list(other.geometry if "farm" in name else shifted)
        else:
            chart = gpd.read_file(
                data_folder / "ice-chart-cis-eastern-arctic-20201102" / "cis_SGRDREA_20201102T.gpkg"
            ).geometry.make_valid()
            shapes = list(chart.iloc[:150])
            edges = [g.boundary for g in shapes[:60]] + [
                g.representative_point() for g in shapes[60:120]
            ]
            mixed = shapely.GeometryCollection([shapes[7], shapes[8].centroid.buffer(1e5).boundary])
            read[name] = shapes, [*edges, mixed] if "lines" in name else None
        return read[name]

    return sides


@pytest.fixture(scope="module")
def truth(real, oracle):
    """Give all links of a set by GEOS' own predicates on the pairs whose boxes meet; computed once."""
    known = {}

    def links(name):
        if name not in known:
            left, right = real(name)
            right_shapes = left if right is None else right
            near = shapely.STRtree(right_shapes).query(left).T
            near = near[near[:, 0] != near[:, 1]] if right is None else near
            names = [n for n in oracle.names if n != "sfDisjoint"]
            known[name] = {
                (int(i), relation, int(j))
                for i, j in near
                for _, relation, _ in oracle.brute_force([left[i]], [right_shapes[j]], names)
            }
        return known[name]

    return links


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(
    "options",
    [
        LinkOptions(),
        LinkOptions(filter="rtree", rows_per_cell=40),
        LinkOptions(filter="giant", rows_per_cell=60),
        LinkOptions(filter="radon", rows_per_cell=80),
        LinkOptions(filter="sweep", rows_per_cell=100),
    ],
    ids=lambda options: options.filter,
)
def test_links_of_real_data_equal_brute_force(name, options, real, truth, oracle):
    left, right = real(name)
    found = oracle.linked(left, right, options=options)
    assert len(found) == len(set(found))
    assert set(found) == truth(name)
    assert found


def test_disjoint_and_touches_of_a_chart_make_up_all_pairs(real, oracle):
    shapes, _ = real("ice chart")
    options = LinkOptions(relations=["disjoint", "intersects"], rows_per_cell=50)
    found = oracle.linked(shapes, None, options=options)
    pairs = {(i, j) for i, _, j in found}
    assert len(pairs) == len(found) == len(shapes) * (len(shapes) - 1)
    assert np.unique([i for i, _ in pairs]).tolist() == list(range(len(shapes)))
