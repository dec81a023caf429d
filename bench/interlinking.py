"""Interlinking two CSV files with WKT: the command as a whole, against parsing plus SedonaDB's join with ST_Relate.

`EXTREMEEARTH_BENCH_FEATURES` sets how many features each side has (default 50 000).
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from bench._processes import installed_environment
from bench.form import Benchmark, Case, Outcome

SEED = 20_260_601
SIDE = 100_000.0
IDS = ("--source-prefix", "urn:p:", "--target-prefix", "urn:l:", "--crs", "EPSG:32632")
RIVAL = """
import sys, pyarrow as pa, pyarrow.csv as pcsv, sedonadb
big = pcsv.ParseOptions(newlines_in_values=True), pcsv.ReadOptions(block_size=256 << 20)
session = sedonadb.connect()
for name, path in (("l", sys.argv[1]), ("r", sys.argv[2])):
    session.create_data_frame(pcsv.read_csv(path, read_options=big[1], parse_options=big[0])).to_view(name)
found = session.sql(
    "SELECT l.id AS a, r.id AS b, ST_Relate(l.g, r.g) AS code"
    " FROM (SELECT id, ST_GeomFromWKT(wkt) AS g FROM l) l JOIN (SELECT id, ST_GeomFromWKT(wkt) AS g FROM r) r"
    " ON ST_Intersects(l.g, r.g)"
).to_arrow_table()
print(found.num_rows)
"""
PARSE = """
import sys, pyarrow.csv as pcsv, shapely
options = pcsv.ParseOptions(newlines_in_values=True), pcsv.ReadOptions(block_size=256 << 20)
for path in sys.argv[1:3]:
    table = pcsv.read_csv(path, read_options=options[1], parse_options=options[0])
    shapely.from_wkt(table["wkt"].to_numpy())
"""


def clustered(count: int, *, length_spread: float = 0.0, seed: int = SEED) -> tuple[Any, Any]:
    """Star-shaped polygons and winding lines of 10 to 100 vertices, in 1 cluster per 250 features.

    With a `length_spread`, lengths of lines are log-normal with this sigma: short ditches and long roads.
    """
    rng = np.random.default_rng(seed)
    centres = rng.uniform(0, SIDE, (max(count // 250, 2), 2))
    spread = SIDE / 50

    def places() -> Any:
        return centres[rng.integers(0, len(centres), count)] + rng.normal(0, spread, (count, 2))

    sizes = rng.integers(10, 101, count)
    scale = SIDE / 400 * np.sqrt(50_000 / max(count, 1)) ** 0.5
    polygons, lines = [], []
    for at, size in zip(places(), sizes, strict=True):
        angle = np.linspace(0, 2 * np.pi, size, endpoint=False)
        reach = rng.gamma(2, scale / 4) * rng.uniform(0.6, 1.0, size)
        polygons.append(
            shapely.Polygon(at + np.column_stack([reach * np.cos(angle), reach * np.sin(angle)]))
        )
    for at, size in zip(places(), sizes[::-1], strict=True):
        turn = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.15, size))
        long = 1.5 * rng.lognormal(0, length_spread) if length_spread else rng.gamma(2)
        step = long * scale / size
        lines.append(
            shapely.LineString(
                at + np.cumsum(np.column_stack([np.cos(turn), np.sin(turn)]), axis=0) * step
            )
        )
    return np.array(polygons, dtype=object), np.array(lines, dtype=object)


def write_csv(path: Path, shapes: Any) -> None:
    texts = shapely.to_wkt(shapes, rounding_precision=3)
    path.write_text("id,wkt\n" + "".join(f'{i},"{text}"\n' for i, text in enumerate(texts)))


def run(*command: str, environment: Mapping[str, str] | None = None) -> tuple[str, float]:
    """Run a program to its end; give what it printed and its CPU seconds, children and threads included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *command], check=True, capture_output=True, text=True,
        env={**installed_environment(), **(environment or {})},
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cases(quick: bool) -> Iterator[Case]:
    count = 2_000 if quick else int(os.environ.get("EXTREMEEARTH_BENCH_FEATURES", "50000"))
    polygons, lines = clustered(count)
    recipe = f"{count} star-shaped polygons and {count} winding lines of 10 to 100 vertices, in clusters, seed {SEED}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        left, right = folder / "polygons.csv", folder / "lines.csv"
        write_csv(left, polygons)
        write_csv(right, lines)
        yield whole_process(left, right, folder, recipe)
        yield side_by_side(left, right, recipe)
    roads = f"{recipe}, lengths of lines log-normal (sigma 1.5)"
    yield progressive(
        *clustered(min(count, 20_000), length_spread=1.5),
        roads.replace(str(count), str(min(count, 20_000))),
    )


def interlink(left: Path, right: Path, out: Path, *more: str) -> Any:
    import json

    text, cpu = run(
        "-m", "extremeearth", "interlink", str(left), str(right), "-o", str(out), *IDS, "--json", "-", *more
    )  # fmt: skip
    return json.loads(text), cpu


def whole_process(left: Path, right: Path, folder: Path, recipe: str) -> Case:
    def ours() -> Outcome:
        report, cpu = interlink(left, right, folder / "links.nt")
        return Outcome(answer=report["qualifying"], metrics={"cpu_s": cpu})

    def theirs() -> Outcome:
        _, parsing = run("-c", PARSE, str(left), str(right))
        pairs, joining = run("-c", RIVAL, str(left), str(right))
        return Outcome(
            answer=int(pairs), metrics={"cpu_s": parsing + joining, "join_cpu_s": joining}
        )

    return Case(
        label="all relations to N-Triples, whole process",
        data=f"{recipe}; CSV with WKT",
        rivals={"extremeearth interlink": ours, "parsing both + SedonaDB join with ST_Relate": theirs},
        ours="extremeearth interlink", check=same, metric="cpu_s", rounds=3, warm_up=False,
    )  # fmt: skip


def side_by_side(left: Path, right: Path, recipe: str) -> Case:
    """Linking alone, with the features in memory: two threads, and two processes, against one thread."""
    from extremeearth.infrastructure.engine import LocalEngine
    from extremeearth.knowledge.interlinking import LinkOptions, link_with_report, read_features

    ours, theirs = (read_features(path, prefix="urn:", crs=32632) for path in (left, right))

    processes = LocalEngine(workers=2)
    list(processes.map(abs, range(4), label="start"))  # they stay from one run to the next

    def linked(threads: int, workers: int) -> Outcome:
        engine = processes if workers > 1 else None
        options = LinkOptions(threads=threads)
        found = link_with_report(ours, theirs, engine=engine, options=options)[1]
        return Outcome(answer=found.qualifying)

    return Case(
        label="two threads or processes against one",
        data=f"{recipe}; in memory; processes are there already",
        rivals={
            "two threads": partial(linked, 2, 1),
            "two processes": partial(linked, 1, 2),
            "one thread": partial(linked, 1, 1),
        },
        ours="two threads", check=same, rounds=3, warm_up=False,
    )  # fmt: skip


def progressive(polygons: Any, lines: Any, recipe: str) -> Case:
    """Links that the first 10 % of all candidates give, by each order."""
    import geopandas as gpd

    from extremeearth.knowledge.interlinking import (
        Budget,
        LinkOptions,
        feature_set,
        link_with_report,
    )

    left, right = (
        feature_set(
            gpd.GeoDataFrame({"id": [f"urn:{i}" for i in range(len(s))]}, geometry=s, crs=32632),
            id_column="id",
        )
        for s in (polygons, lines)
    )
    _, full = link_with_report(left, right)
    tenth = max(full.candidates // 10, 1)
    links = sum(full.links.values())

    def ordered(weighting: str) -> Outcome:
        options = LinkOptions(budget=Budget(pairs=tenth), weighting=weighting)
        _, report = link_with_report(left, right, options=options)
        assert report.progressive is not None
        found = sum(report.links.values())
        return Outcome(
            metrics={
                "links": found, "share_of_links": found / links,
                "pgr": report.progressive.progressive_geometry_recall,
            }
        )  # fmt: skip

    def by_chance() -> Outcome:
        return Outcome(metrics={"links": links / 10, "share_of_links": 0.1})

    names = ("mbro+js", "js", "cf", "x2", "isp", "js*mbro", "mbro*isp", "x2*isp", "js*isp")
    return Case(
        label="progressive: links of the first 10 % of pairs",
        data=f"{recipe}; {full.candidates} candidates, {full.qualifying} qualify; the random order is its expectation",
        rivals={**{name: partial(ordered, name) for name in names}, "random order": by_chance},
        ours="mbro+js", metric="links", higher_is_better=True, rounds=1, warm_up=False,
    )  # fmt: skip


def same(answers: Mapping[str, Any]) -> None:
    if len(set(answers.values())) != 1 or not all(answers.values()):
        raise AssertionError(f"the answers differ: {dict(answers)}")


BENCHMARK = Benchmark(
    name="interlinking", title="Interlinking: against parsing plus SedonaDB, processes, progressive order", cases=cases
)  # fmt: skip
