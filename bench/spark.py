"""Spark inside one process (`local[2]`) against the engine of this machine: mapping, interlinking, spatial join.

On one machine Spark can only cost more: the figures say how much, so that one knows when a cluster pays. Spark starts
once, before anything is timed. EXTREMEEARTH_BENCH_ROWS says how many lines are mapped, 100 000 by default;
EXTREMEEARTH_BENCH_FEATURES how many features each side of the links has, 10 000.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import shapely

from bench.form import Benchmark, Case, Outcome, Skip
from bench.interlinking import clustered
from bench.mapping import ROWS, SEED, outcome, same_triples, write_sources
from bench.spatial_join import random_polygons
from extremeearth.infrastructure.engine import LocalEngine, SparkEngine

if TYPE_CHECKING:
    from extremeearth.infrastructure.engine import Engine

FEATURES = "EXTREMEEARTH_BENCH_FEATURES"
OURS = "Spark local[2]"


def cases(quick: bool) -> Iterator[Case]:
    """Start Spark, then compare; one round of warming for all."""
    if find_spec("pyspark") is None:
        raise Skip("PySpark is not installed")
    if "JAVA_HOME" not in os.environ and shutil.which("java") is None:
        raise Skip("there is no Java")
    rows = 5_000 if quick else int(os.environ.get(ROWS, "100000"))
    features = 1_000 if quick else int(os.environ.get(FEATURES, "10000"))
    with SparkEngine("local[2]", options={"spark.driver.memory": "2g"}) as spark:
        engines: dict[str, Engine] = {
            OURS: spark,
            "two processes": LocalEngine(workers=2),
            "one process": LocalEngine(workers=1),
        }
        with tempfile.TemporaryDirectory(prefix="bench-spark-") as name:
            folder = Path(name)
            write_sources(folder, rows)
            yield mapping(folder, rows, engines)
        yield interlinking(features, engines)
        yield spatial_join(
            2_000 if quick else 50_000, {k: engines[k] for k in (OURS, "one process")}
        )


def mapping(folder: Path, rows: int, engines: Mapping[str, Engine]) -> Case:
    """CSV with WKT to N-Triples, to the file."""

    def run(engine: Engine) -> Outcome:
        from extremeearth.knowledge.mapping import map_to_rdf

        target = folder / "ours.nt"
        map_to_rdf(folder / "roads.csv.ttl", target=target, engine=engine)
        return Outcome(answer=outcome(target, rows, 1.0, 0.0).answer)

    return Case(
        label="mapping CSV with WKT",
        data=f"{rows:,} lines of 2 to 15 points with six columns, eight triples each, seed {SEED}; the time holds "
        "reading the file back to compare",
        rivals={name: partial(run, engine) for name, engine in engines.items()},
        ours=OURS, check=same_triples, rounds=3,
    )  # fmt: skip


def interlinking(count: int, engines: Mapping[str, Engine]) -> Case:
    """All relations, features in memory."""
    import geopandas as gpd

    from extremeearth.knowledge.interlinking import feature_set, link_with_report

    left, right = (
        feature_set(
            gpd.GeoDataFrame({"id": [f"urn:{side}:{i}" for i in range(len(shapes))]}, geometry=shapes, crs=32632),
            id_column="id",
        )
        for side, shapes in zip("ab", clustered(count), strict=True)
    )  # fmt: skip

    def run(engine: Engine) -> Outcome:
        table, report = link_with_report(left, right, engine=engine)
        order = [(name, "ascending") for name in ("source", "relation", "target")]
        links = table.sort_by(order)
        return Outcome(answer=(report.qualifying, links.num_rows, _digest(links)))

    return Case(
        label="interlinking, all relations",
        data=f"{count} star-shaped polygons and {count} winding lines of 10 to 100 vertices, in clusters; in memory",
        rivals={name: partial(run, engine) for name, engine in engines.items()},
        ours=OURS, check=_same, rounds=3,
    )  # fmt: skip


def spatial_join(count: int, engines: Mapping[str, Engine]) -> Case:
    """Polygons x polygons by `join_spatial`."""
    generator = np.random.default_rng(SEED)
    radius = 0.2 if count < 10_000 else 0.03
    left, right = (
        pa.table({"geometry": shapely.to_wkb(random_polygons(count, radius=radius, generator=generator))})
        for _ in range(2)
    )  # fmt: skip

    def run(engine: Engine) -> Outcome:
        pairs = engine.join_spatial(left, right, "intersects")
        return Outcome(answer=(pairs.num_rows, _digest(pairs)))

    return Case(
        label="spatial join, polygons x polygons",
        data=f"two sets of {count} star-shaped polygons of 16 vertices and radius up to {radius}, seed {SEED}; WKB",
        rivals={name: partial(run, engine) for name, engine in engines.items()},
        ours=OURS, check=_same, rounds=3,
    )  # fmt: skip


def _digest(table: pa.Table) -> str:
    from hashlib import sha256

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return sha256(sink.getvalue()).hexdigest()


def _same(answers: Mapping[str, Any]) -> None:
    if len(set(answers.values())) != 1 or not all(answers.values()):
        raise AssertionError(f"the answers differ: {dict(answers)}")


BENCHMARK = Benchmark(
    name="spark", title="Spark on one machine: what it costs against the local engine", cases=cases
)
