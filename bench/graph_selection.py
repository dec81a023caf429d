"""A spatial selection with a theme asked in GeoSPARQL: against SQL by hand, and against pyoxigraph's functions."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import sedonadb
import shapely

from bench._geographica import DECIMALS, GENERATOR, Geographica, selection_query
from bench._graphs import OURS, OXIGRAPH, ask, ask_oxigraph, filled
from bench.form import Benchmark, Case, Outcome

BY_HAND = "SedonaDB by hand"
KIND = "landOwnership"
FUNCTION = "sfIntersects"


def cases(quick: bool) -> Iterator[Case]:
    """Land ownerships in a rectangle: few and many, by place and by theme."""
    data = Geographica(20 if quick else 210)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "geographica.nt"
        count = data.write(file)
        ours, theirs = filled(file)
    database = tables(data)
    for selectivity in (0.001, 0.1, 0.5):
        for tag in (1, data.top_tag if quick else 64):
            window = data.window(KIND, selectivity)
            query = selection_query(KIND, FUNCTION, window, tag=tag)
            sql = (
                f"SELECT l.iri FROM land l JOIN tags t ON l.number = t.number WHERE t.key = '{tag}' "
                f"AND ST_Intersects(l.geometry, ST_GeomFromText('{shapely.to_wkt(window)}'))"
            )
            yield selection_case(
                f"{selectivity:.1%} by place, every {tag}th by theme" if tag > 1 else f"{selectivity:.1%} by place",
                f"Geographica, n = {data.n}, {count} statements, in memory, warm; {KIND} with tag {tag} that meet a "
                f"rectangle over {selectivity:.1%} of them",
                {
                    OURS: lambda query=query: ask(ours, query).num_rows,
                    BY_HAND: lambda sql=sql: database.sql(sql).to_arrow_table().num_rows,
                    OXIGRAPH: lambda query=query: ask_oxigraph(theirs, query),
                },
            )  # fmt: skip


def tables(data: Geographica) -> Any:
    """Lay the land ownerships out as somebody would by hand: a table of them, a table of their tags."""
    wkt = shapely.to_wkt(data.shapes(KIND), rounding_precision=DECIMALS)
    numbers, keys = data.tags(len(wkt))
    database = sedonadb.connect()
    land = pa.table(
        {
            "number": np.arange(1, len(wkt) + 1),
            "iri": [f"{GENERATOR}{KIND}/{number}" for number in range(1, len(wkt) + 1)],
            "wkb": shapely.to_wkb(shapely.from_wkt(wkt)),
        }
    )
    database.create_data_frame(land).to_view("land_wkb")
    made = database.sql("SELECT number, iri, ST_GeomFromWKB(wkb) AS geometry FROM land_wkb")
    made.to_memtable().to_view("land")
    tags = pa.table({"number": numbers, "key": keys.astype(str)})
    database.create_data_frame(tags).to_memtable().to_view("tags")
    return database


def selection_case(label: str, recipe: str, rivals: Mapping[str, Any]) -> Case:
    """Make the case of one query."""
    return Case(
        label=label,
        data=recipe,
        rivals={
            name: lambda rival=rival: Outcome(answer=rival()) for name, rival in rivals.items()
        },
        ours=OURS,
        check=equal,
        rounds=7,
    )


def equal(answers: Mapping[str, Any]) -> None:
    """Stop where the rivals found different numbers."""
    if len(set(answers.values())) != 1:
        raise AssertionError(f"the selections differ: {dict(answers)}")


BENCHMARK = Benchmark(
    name="graph_selection",
    title="Spatial selection in GeoSPARQL: against SQL by hand and pyoxigraph",
    cases=cases,
)
