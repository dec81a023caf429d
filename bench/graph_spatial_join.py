"""A spatial join asked in GeoSPARQL against the same join written by hand for SedonaDB."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import sedonadb
import shapely

from bench._graphs import OURS, ask, written
from bench.form import Benchmark, Case, Outcome
from bench.spatial_join import SEED, SIDE, VERTICES, random_polygons
from extremeearth.knowledge.store import GraphStore, open_graph

E = "http://example.org/"
GEO = "http://www.opengis.net/ont/geosparql#"
GEOF = "http://www.opengis.net/def/function/geosparql/"
BY_HAND = "SedonaDB by hand"
DECIMALS = 7
PATTERN = (
    f"?a a <{E}Left> ; <{GEO}asWKT> ?g . ?b a <{E}Right> ; <{GEO}asWKT> ?h "
    f"FILTER(<{GEOF}sfIntersects>(?g, ?h))"
)


def lines(side: str, wkt: Any) -> pl.DataFrame:
    """Give the statements of one side: a class and a geometry for each subject."""
    frame = pl.DataFrame({"n": np.arange(len(wkt)), "wkt": pl.Series(wkt, dtype=pl.String)})
    subject, kind = f"<{E}{side.lower()}/{{}}>", "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
    return pl.concat(
        [
            frame.select(line=pl.format(f"{subject} {kind} <{E}{side}> .", pl.col("n"))),
            frame.select(
                line=pl.format(
                    f'{subject} <{GEO}asWKT> "{{}}"^^<{GEO}wktLiteral> .',
                    pl.col("n"),
                    pl.col("wkt"),
                )
            ),
        ]
    )


def cases(quick: bool) -> Iterator[Case]:
    """Polygons x polygons: how many pairs meet, and which."""
    count = 2_000 if quick else 100_000
    radius = 0.2 if quick else 0.03
    generator = np.random.default_rng(SEED)
    database = sedonadb.connect()
    graph = open_graph(None)
    for side in ("Left", "Right"):
        polygons = random_polygons(count, radius=radius, generator=generator)
        wkt = shapely.to_wkt(polygons, rounding_precision=DECIMALS)
        with written(lines(side, wkt)) as file:
            graph.load(file)
        iris = pa.array([f"{E}{side.lower()}/{n}" for n in range(count)])
        wkb = pa.array(shapely.to_wkb(shapely.from_wkt(wkt)))
        table = database.create_data_frame(pa.table({"iri": iris, "wkb": wkb}))
        table.to_view(f"{side.lower()}_wkb")
        made = database.sql(f"SELECT iri, ST_GeomFromWKB(wkb) AS geometry FROM {side.lower()}_wkb")
        made.to_memtable().to_view(f"{side.lower()}_side")
    recipe = (
        f"two sets of {count} star-shaped polygons of {VERTICES} vertices and radius up to {radius} in a square of "
        f"{SIDE:g} x {SIDE:g}, seed {SEED}; warm: geometries are in memory on both sides"
    )
    yield join_case("number of pairs", "COUNT(*)", graph, database, recipe)
    yield join_case(
        "pairs of IRIs", None, graph, database, recipe + "; all pairs as an Arrow table"
    )


def join_case(
    label: str, counted: str | None, graph: GraphStore, database: Any, recipe: str
) -> Case:
    """Make the case that gives the pairs, or their number."""
    asked = "?a ?b" if counted is None else f"({counted} AS ?n)"
    by_hand = 'l.iri AS "a", r.iri AS "b"' if counted is None else f'{counted} AS "n"'
    sql = f"SELECT {by_hand} FROM left_side l JOIN right_side r ON ST_Intersects(l.geometry, r.geometry)"

    def summary(table: pa.Table) -> tuple[int, ...]:
        return (table.num_rows,) if counted is None else (table.column("n")[0].as_py(),)

    return Case(
        label=label,
        data=recipe,
        rivals={
            OURS: lambda: Outcome(
                answer=summary(ask(graph, f"SELECT {asked} WHERE {{ {PATTERN} }}"))
            ),
            BY_HAND: lambda: Outcome(answer=summary(database.sql(sql).to_arrow_table())),
        },
        ours=OURS,
        check=equal,
    )


def equal(answers: Mapping[str, Any]) -> None:
    """Stop where the rivals found different numbers of pairs, or none at all."""
    if len(set(answers.values())) != 1 or not all(answers.values()):
        raise AssertionError(f"the joins differ: {dict(answers)}")


BENCHMARK = Benchmark(
    name="graph_spatial_join",
    title="Spatial join in GeoSPARQL: against SedonaDB by hand",
    cases=cases,
)
