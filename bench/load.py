"""Loading N-Triples with geometries into a folder, against pyoxigraph's `bulk_load`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from bench._load_once import LOADERS
from bench.form import Benchmark, Case, Outcome
from extremeearth.knowledge.rdf import GEO, RDF, RDFS, XSD

SEED = 20_260_102
VERTICES = 16
PER_FEATURE = 10
CHUNK = 20_000
SIZE = "EXTREMEEARTH_BENCH_TRIPLES"
ONT = "http://example.org/ont#"


def write_features(file: Path, triples: int) -> None:
    """Write features with a type, a polygon, a value, a label and five tags each: ten triples."""
    generator = np.random.default_rng(SEED)
    angles = np.linspace(0, 2 * np.pi, VERTICES, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    with file.open("w") as out:
        for start in range(0, triples // PER_FEATURE, CHUNK):
            count = min(CHUNK, triples // PER_FEATURE - start)
            radii = generator.uniform(0.005, 0.02, (count, 1, 1))
            rings = generator.uniform(-10, 10, (count, 1, 2)) + radii * circle * generator.uniform(
                0.7, 1, (count, VERTICES, 1)
            )
            shapes = shapely.to_wkt(shapely.polygons(rings), rounding_precision=7)
            out.writelines(map(feature, range(start, start + count), shapes))


def feature(number: int, wkt: str) -> str:
    """Write the triples of one feature."""
    subject = f"<http://example.org/feature/{number}>"
    geometry = f"<http://example.org/geometry/{number}>"
    lines = [
        f"{subject} <{RDF}type> <{ONT}LandOwnership> .",
        f"{subject} <{GEO}hasGeometry> {geometry} .",
        f'{geometry} <{GEO}asWKT> "{wkt}"^^<{GEO}wktLiteral> .',
        f'{subject} <{ONT}value> "{number % 1000}"^^<{XSD}integer> .',
        f'{subject} <{RDFS}label> "feature {number}" .',
    ]
    tags = ((number * 7 + tag * 13) % 5000 for tag in range(PER_FEATURE - len(lines)))
    lines += [f"{subject} <{ONT}hasTag> <http://example.org/tag/{tag}> ." for tag in tags]
    return "\n".join(lines) + "\n"


def cases(quick: bool) -> Iterator[Case]:
    """Time of a million triples; peak memory, of as many as EXTREMEEARTH_BENCH_TRIPLES says."""
    triples = 20_000 if quick else 1_000_000
    large = 20_000 if quick else int(os.environ.get(SIZE, "2000000"))
    recipe = f"triples as N-Triples, a tenth of them polygons of {VERTICES} vertices, seed {SEED}"
    with tempfile.TemporaryDirectory(prefix="bench-load-") as name:
        folder = Path(name)
        write_features(folder / "features.nt", triples)
        yield Case(
            label="time",
            data=f"{triples:,} {recipe}",
            rivals={each: in_process(each, folder / "features.nt") for each in LOADERS},
            ours="extremeearth",
            check=same_counts,
        )
        write_features(folder / "large.nt", large)
        yield Case(
            label="peak memory",
            data=f"{large:,} {recipe}; each load in a process of its own",
            rivals={each: in_subprocess(each, folder / "large.nt") for each in LOADERS},
            ours="extremeearth",
            check=same_counts,
            metric="peak_mb",
            rounds=1,
            warm_up=False,
        )


def in_process(name: str, file: Path) -> Callable[[], Outcome]:
    """Load into a new folder each time."""

    def run() -> Outcome:
        folder = file.parent / f"{name}-store"
        shutil.rmtree(folder, ignore_errors=True)
        return Outcome(answer=LOADERS[name](file, folder))

    return run


def in_subprocess(name: str, file: Path) -> Callable[[], Outcome]:
    """Load in a process of its own, which tells its peak memory."""

    def run() -> Outcome:
        folder = file.parent / f"{name}-alone"
        shutil.rmtree(folder, ignore_errors=True)
        command = [sys.executable, "-m", "bench._load_once", name, str(file), str(folder)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=3600)
        told = json.loads(done.stdout)
        return Outcome(answer=told["triples"], metrics={"peak_mb": told["peak_mb"]})

    return run


def same_counts(answers: Mapping[str, Any]) -> None:
    """Stop where the stores do not hold the same number of triples."""
    if len(set(answers.values())) != 1 or not all(answers.values()):
        raise AssertionError(f"the stores differ: {dict(answers)}")


BENCHMARK = Benchmark(
    name="load", title="Loading N-Triples: Delta tables against pyoxigraph", cases=cases
)
