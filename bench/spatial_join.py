"""SedonaDB, through the engine of the platform, against the spatial join of geopandas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pyarrow as pa
import shapely

from bench.form import Benchmark, Case, Outcome
from extremeearth.infrastructure.engine import LocalEngine

SEED = 20_260_101
SIDE = 10.0
VERTICES = 16


def random_polygons(count: int, *, radius: float, generator: np.random.Generator) -> Any:
    """Star-shaped polygons of 16 vertices, scattered over a square of 10 x 10 units."""
    centres = generator.uniform(0, SIDE, (count, 1, 2))
    angles = np.sort(generator.uniform(0, 2 * np.pi, (count, VERTICES)), axis=1)
    reach = radius * generator.uniform(0.5, 1, (count, VERTICES))
    rings = centres + np.stack([reach * np.cos(angles), reach * np.sin(angles)], axis=2)
    return shapely.polygons(rings)


def cases(quick: bool) -> Iterator[Case]:
    """Polygons x points, and polygons x polygons."""
    count = 2_000 if quick else 100_000
    radius = 0.2 if quick else 0.03
    generator = np.random.default_rng(SEED)
    polygons = random_polygons(count, radius=radius, generator=generator)
    points = shapely.points(generator.uniform(0, SIDE, (count, 2)))
    others = random_polygons(count, radius=radius, generator=generator)
    recipe = f"{count} star-shaped polygons of {VERTICES} vertices and radius up to {radius} in a square of {SIDE:g} x "
    recipe += f"{SIDE:g}, seed {SEED}; both sides begin as WKB"
    yield join_case("polygons x points", polygons, points, f"{recipe}; {count} uniform points")
    yield join_case("polygons x polygons", polygons, others, f"{recipe}; two such sets")


def join_case(label: str, left: Any, right: Any, recipe: str) -> Case:
    """Make the case of one pair of inputs: WKB in, pairs of row numbers out."""
    left_wkb, right_wkb = (pa.array(shapely.to_wkb(side), pa.binary()) for side in (left, right))

    def engine() -> Outcome:
        tables = (pa.table({"geometry": wkb}) for wkb in (left_wkb, right_wkb))
        return Outcome(answer=LocalEngine().join_spatial(*tables, "intersects").num_rows)

    def geopandas() -> Outcome:
        frames = [
            gpd.GeoDataFrame(geometry=gpd.GeoSeries.from_wkb(wkb.to_numpy(zero_copy_only=False)))
            for wkb in (left_wkb, right_wkb)
        ]
        return Outcome(answer=len(frames[0].sjoin(frames[1], predicate="intersects")))

    return Case(
        label=label,
        data=recipe,
        rivals={"SedonaDB": engine, "geopandas sjoin": geopandas},
        ours="SedonaDB",
        check=equal_counts,
    )


def equal_counts(answers: Mapping[str, Any]) -> None:
    """Stop where the rivals found different numbers of pairs, or none at all."""
    if len(set(answers.values())) != 1 or not all(answers.values()):
        raise AssertionError(f"the joins differ: {dict(answers)}")


BENCHMARK = Benchmark(
    name="spatial_join", title="Spatial join: SedonaDB against geopandas", cases=cases
)
