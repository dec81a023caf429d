"""What the tests of linking share: shapes that relate in every way, and brute force."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pytest
import shapely

from extremeearth.knowledge.interlinking import link
from extremeearth.knowledge.rdf import GEO

PATTERNS = {
    "sfEquals": ["T*F**FFF*"], "sfDisjoint": ["FF*FF****"],
    "sfIntersects": ["T********", "*T*******", "***T*****", "****T****"],
    "ehCovers": ["T*TFT*FF*"], "ehCoveredBy": ["TFF*TFT**"], "ehDisjoint": ["FF*FF****"],
    "rcc8dc": ["FFTFFTTTT"],
}  # fmt: skip
PREDICATES = {
    "sfTouches": shapely.touches, "sfWithin": shapely.within, "sfContains": shapely.contains,
    "sfOverlaps": shapely.overlaps, "sfCrosses": shapely.crosses,
}  # fmt: skip
SHORT = {"sfEquals": "equals", "sfDisjoint": "disjoint", "sfIntersects": "intersects", "ehCovers": "covers",
         "ehCoveredBy": "coveredBy", "sfTouches": "touches", "sfWithin": "within", "sfContains": "contains",
         "sfOverlaps": "overlaps", "sfCrosses": "crosses"}  # fmt: skip


def brute_force(left, right, names) -> set[tuple[int, str, int]]:
    """Every pair and relation by GEOS' predicates and patterns; no index, no shared code."""
    found = set()
    for name in names:
        for i, a in enumerate(left):
            for j, b in enumerate(right):
                if a is None or b is None or a.is_empty or b.is_empty:
                    continue
                if name in PREDICATES:
                    holds = PREDICATES[name](a, b)
                else:
                    holds = any(shapely.relate_pattern(a, b, p) for p in PATTERNS[name])
                if holds:
                    found.add((i, name, j))
    return found


def frame(shapes, crs=32632, **columns):
    shapes = list(shapes)
    return gpd.GeoDataFrame(
        {"id": [str(i) for i in range(len(shapes))], **columns}, geometry=shapes, crs=crs
    )


def positions(links) -> list[tuple[int, str, int]]:
    return [
        (
            int(s.rpartition(":")[2]),
            r.removeprefix(str(GEO)).rpartition("#")[2],
            int(t.rpartition(":")[2]),
        )
        for s, r, t in zip(
            *(links[c].to_pylist() for c in ("source", "relation", "target")), strict=True
        )
    ]


def linked(left, right, **options) -> list[tuple[int, str, int]]:
    return positions(
        link(
            frame(left), None if right is None else frame(right), left_id="id", right_id="id",
            left_prefix="urn:l:", right_prefix="urn:r:", **options,
        )
    )  # fmt: skip


@pytest.fixture(scope="session")
def oracle() -> SimpleNamespace:
    return SimpleNamespace(
        brute_force=brute_force, frame=frame, linked=linked, positions=positions,
        names=tuple(SHORT), short=SHORT, ids={"left_id": "id", "right_id": "id", "left_prefix": "urn:l:",
                                              "right_prefix": "urn:r:"},
    )  # fmt: skip


@pytest.fixture(scope="session")
def clusters() -> Callable[..., tuple[list, list]]:
    """Polygons and lines that come in clusters, some large, some touching."""

    def make(count: int, seed: int = 7, side: float = 1000.0):
        rng = np.random.default_rng(seed)
        centres = rng.uniform(0, side, (max(count // 10, 1), 2))
        places = centres[rng.integers(0, len(centres), count)] + rng.normal(
            0, side / 50, (count, 2)
        )
        radius = rng.gamma(1.0, side / 100, count) + side / 500
        polygons = list(shapely.buffer(shapely.points(places), radius, quad_segs=3))
        starts = places[rng.integers(0, count, count)] + rng.normal(0, side / 60, (count, 2))
        lines = [
            shapely.LineString(np.cumsum(np.vstack([s, rng.normal(0, side / 80, (4, 2))]), axis=0))
            for s in starts
        ]
        return polygons, lines

    return make
