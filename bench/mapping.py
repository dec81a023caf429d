"""Lines with WKT and six columns to N-Triples: against Morph-KGC, other sources against CSV, two workers against one.

Morph-KGC 2.10.0 runs in an environment of its own, as it wants other versions of our libraries::

    python3.11 -m venv morph-kgc && morph-kgc/bin/pip install morph-kgc==2.10.0
    EXTREMEEARTH_BENCH_MORPH_KGC=$PWD/morph-kgc/bin/python python -m bench mapping

EXTREMEEARTH_BENCH_ROWS says how many lines there are, 500 000 by default. Each then runs once after a run to warm up,
as Morph-KGC takes half a minute.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from bench._processes import installed_environment
from bench.form import Benchmark, Case, Outcome

SEED = 20_260_103
ROWS = "EXTREMEEARTH_BENCH_ROWS"
MORPH = "EXTREMEEARTH_BENCH_MORPH_KGC"
MORPH_ONCE_ROWS = 200_000
MEMORY = Path("/dev/shm")
"""Where files are in memory: what a disk can take does not show there."""
KINDS = ("motorway", "primary", "secondary", "residential", "track")
HEAD = """@prefix rml: <http://semweb.mmlab.be/ns/rml#> .
@prefix rr: <http://www.w3.org/ns/r2rml#> .
@prefix ql: <http://semweb.mmlab.be/ns/ql#> .
@prefix geo: <http://www.opengis.net/ont/geosparql#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix ex: <http://example.org/> .
"""
BODY = """<urn:roads> rml:logicalSource [ rml:source "SOURCE" ; rml:referenceFormulation ql:CSV ] ;
    rr:subjectMap [ rr:template "http://example.org/road/{id}" ; rr:class ex:Road ] ;
    rr:predicateObjectMap [ rr:predicate ex:name ; rr:objectMap [ rml:reference "name" ] ] ;
    rr:predicateObjectMap [ rr:predicate ex:kind ; rr:objectMap [ rml:reference "kind" ] ] ;
    rr:predicateObjectMap [ rr:predicate ex:maxspeed ;
        rr:objectMap [ rml:reference "maxspeed" ; rr:datatype xsd:integer ] ] ;
    rr:predicateObjectMap [ rr:predicate ex:length ;
        rr:objectMap [ rml:reference "length" ; rr:datatype xsd:double ] ] ;
    rr:predicateObjectMap [ rr:predicate geo:hasGeometry ;
        rr:objectMap [ rr:template "http://example.org/road/{id}/geometry" ] ] .
<urn:geometries> rml:logicalSource [ rml:source "SOURCE" ; rml:referenceFormulation ql:CSV ] ;
    rr:subjectMap [ rr:template "http://example.org/road/{id}/geometry" ; rr:class geo:Geometry ] ;
    rr:predicateObjectMap [ rr:predicate geo:asWKT ; rr:objectMap [ WKT ] ] .
"""
TEXT_WKT = 'rml:reference "wkt" ; rr:datatype geo:wktLiteral'
SHAPE_WKT = 'rml:reference "geometry"'


def roads(rows: int) -> pd.DataFrame:
    """Make lines of 2 to 15 points, each a short walk, with four attributes and an id."""
    generator = np.random.default_rng(SEED)
    sizes = generator.integers(2, 16, rows)
    owners = np.repeat(np.arange(rows), sizes)
    steps = np.round(generator.normal(0, 0.001, (len(owners), 2)), 6)
    first = np.r_[0, np.cumsum(sizes)[:-1]]
    steps[first] = np.round(generator.uniform((-10, 40), (20, 60), (rows, 2)), 6)
    walked = np.cumsum(steps, axis=0)
    walked -= np.repeat(walked[first] - steps[first], sizes, axis=0)
    lines = shapely.linestrings(np.round(walked, 6), indices=owners)
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "name": [f"Road {n % 10_007} \u201cof\u201d {n}" for n in range(rows)],
            "kind": np.array(KINDS)[generator.integers(0, len(KINDS), rows)],
            "maxspeed": generator.integers(1, 14, rows) * 10,
            "length": np.round(generator.uniform(1, 9_999, rows), 2),
            "geometry": lines,
        }
    )


def write_sources(folder: Path, rows: int) -> None:
    """Write the same lines as CSV, GeoPackage and GeoParquet, and a mapping for each."""
    table = roads(rows)
    write_csv(folder, table)
    frame = gpd.GeoDataFrame(table, crs=4326)
    frame.to_file(folder / "roads.gpkg")
    frame.to_parquet(folder / "roads.parquet")
    body = BODY.replace("WKT ]", f"{SHAPE_WKT} ]").replace(" ; rml:referenceFormulation ql:CSV", "")
    for name in ("roads.gpkg", "roads.parquet"):
        (folder / f"{name}.ttl").write_text(HEAD + body.replace("SOURCE", name))


def write_csv(folder: Path, table: pd.DataFrame) -> None:
    """Write lines as CSV with WKT, and mappings of it: by the file's name, and by its whole path."""
    wkt = shapely.to_wkt(table["geometry"].to_numpy(), rounding_precision=-1)
    table.drop(columns="geometry").assign(wkt=wkt).to_csv(folder / "roads.csv", index=False)
    body = HEAD + BODY.replace("WKT ]", f"{TEXT_WKT} ]")
    (folder / "roads.csv.ttl").write_text(body.replace("SOURCE", "roads.csv"))
    path = str(folder / "roads.csv")
    (folder / "roads.csv.absolute.ttl").write_text(body.replace("SOURCE", path))


def cases(quick: bool) -> Iterator[Case]:
    """Against Morph-KGC where it is there; then kinds of source; then threads."""
    rows = 5_000 if quick else int(os.environ.get(ROWS, "500000"))
    recipe = f"{rows:,} lines of 2 to 15 points with six columns, eight triples each, seed {SEED}; "
    recipe += "each run in a process of its own, CPU of all its processes"
    with tempfile.TemporaryDirectory(prefix="bench-mapping-") as name:
        folder = Path(name)
        write_sources(folder, rows)
        rivals = {"extremeearth": platform(folder, "roads.csv", rows)}
        if morph := os.environ.get(MORPH):
            rivals["Morph-KGC"] = morph_kgc(morph, folder, rows)
        common: dict[str, Any] = {"rounds": 1 if quick else 3, "warm_up": False}
        rate: dict[str, Any] = {"metric": "rows_per_cpu_s", "higher_is_better": True, **common}
        once = {"rounds": 1, "warm_up": True} if rows > MORPH_ONCE_ROWS else {}
        yield Case(
            label="CSV with WKT",
            data=recipe,
            rivals=rivals,
            ours="extremeearth",
            check=same_triples,
            **{**rate, **once},
        )
        yield Case(
            label="kinds of source",
            data=recipe,
            rivals={
                kind: platform(folder, f"roads.{kind}", rows) for kind in ("csv", "gpkg", "parquet")
            },
            ours="csv",
            check=same_numbers,
            **rate,
        )
        yield _two_workers(folder, rows, folder, rounds=common["rounds"])
        if MEMORY.is_dir():
            with tempfile.TemporaryDirectory(prefix="bench-mapping-", dir=MEMORY) as place:
                yield _two_workers(folder, rows, Path(place), rounds=5 if not quick else 1)
        many = 4 * rows
        (folder / "many").mkdir()
        write_csv(folder / "many", roads(many))
        rounds = min(2, common["rounds"])
        yield _two_workers(folder / "many", many, folder, parts=True, rounds=rounds)


def _two_workers(folder: Path, rows: int, place: Path, *, parts: bool = False, rounds: int) -> Case:
    where = (
        "a folder of parts" if parts else "one file" if place == folder else "one file in memory"
    )
    run = partial(platform, folder, "roads.csv", rows, place=place, parts=parts)
    return Case(
        label=f"two workers, {where}",
        data=f"{rows:,} lines as above; seconds of the mapping alone, after the imports; processes are there already, "
        "but for the first run; one thread has Arrow read in others, but where it may use one core only",
        rivals={
            "two threads": run(threads=2),
            "two processes": run(workers=2),
            "two processes, first run": run(workers=2, first=True),
            "one": run(),
            "one on one core": run(cores=1),
        },
        ours="two processes" if parts else "two threads",
        metric="mapping_s",
        check=same_triples,
        rounds=rounds,
        warm_up=False,
    )


def platform(
    folder: Path,
    source: str,
    rows: int,
    *,
    threads: int = 1,
    workers: int = 1,
    cores: int = 0,
    parts: bool = False,
    first: bool = False,
    place: Path | None = None,
) -> Callable[[], Outcome]:
    """Run our mapping in a process of its own; the target is in `place`, or beside the source."""

    def run() -> Outcome:
        kind = source.rpartition(".")[2]
        target = (place or folder) / f"ours-{kind}-{threads}-{workers}{'' if parts else '.nt'}"
        command = [
            sys.executable,
            "-m",
            "bench._mapping_once",
            str(folder / f"{source}.ttl"),
            str(target),
        ]
        done = subprocess.run(
            [*command, str(threads), str(workers), str(cores), *["first"] * first],
            check=True, capture_output=True, text=True, timeout=3600, env=installed_environment(),
        )  # fmt: skip
        told = json.loads(done.stdout)
        return outcome(
            target, rows, told["cpu_s"], told["peak_mb"], mapping_s=told["mapping_s"], process_s=told["seconds"]
        )  # fmt: skip

    return run


def morph_kgc(python: str, folder: Path, rows: int) -> Callable[[], Outcome]:
    """Run Morph-KGC with one process."""
    target = folder / "morph.nt"
    mapping = folder / "roads.csv.absolute.ttl"
    (folder / "morph.ini").write_text(
        f"[CONFIGURATION]\noutput_file: {target}\noutput_format: N-TRIPLES\nnumber_of_processes: 1\n"
        f"logging_level: ERROR\n[roads]\nmappings: {mapping}\n"
    )

    def run() -> Outcome:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = ["/usr/bin/env", python, "-c", _MORPH, str(folder / "morph.ini")]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=3600)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return outcome(target, rows, cpu, float(done.stdout.split()[-1]))

    return run


_MORPH = """
import runpy, sys
sys.argv = ["morph_kgc", sys.argv[1]]
runpy.run_module("morph_kgc", run_name="__main__")
print(int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) / 1024)
"""


def outcome(target: Path, rows: int, cpu_s: float, peak_mb: float, **others: float) -> Outcome:
    """Give the numbers, and the triples to compare: how many, and a sum over all that no order changes."""
    lines = digest = 0
    for part in target.iterdir() if target.is_dir() else (target,):
        with part.open("rb") as file:
            for line in file:
                lines += 1
                digest = (digest + hash(line.rstrip())) & 0xFFFFFFFFFFFFFFFF
        part.unlink()
    if target.is_dir():
        target.rmdir()
    return Outcome(
        answer=(lines, digest),
        metrics={"rows_per_cpu_s": rows / cpu_s, "cpu_s": cpu_s, "peak_mb": peak_mb, **others},
    )


def same_triples(answers: Mapping[str, Any]) -> None:
    """Stop where the triples differ."""
    if len(set(answers.values())) != 1:
        raise AssertionError(f"the triples differ: {dict(answers)}")


def same_numbers(answers: Mapping[str, Any]) -> None:
    """Stop where not as many triples came out; a number may be spelled in another way."""
    if len({lines for lines, _ in answers.values()}) != 1:
        raise AssertionError(f"the numbers of triples differ: {dict(answers)}")


BENCHMARK = Benchmark(
    name="mapping", title="Mapping lines to RDF: the platform against Morph-KGC", cases=cases
)
