"""Event 8: one GeoSPARQL question over two endpoints, checked against the union of their graphs."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pandas as pd

from extremeearth.app.demo.food_security.place import DemoPlace
from extremeearth.client import Client
from extremeearth.core.files import write_atomic
from extremeearth.core.progress import Progress, Task
from extremeearth.knowledge.semantics import disagreement_query
from extremeearth.knowledge.store import Solutions, open_graph

__all__ = ["REGION", "ask"]

REGION = "Germany"

Row = dict[str, dict[str, str]]


def ask(place: DemoPlace, client: Client, progress: Progress) -> dict[str, Any]:
    """Ask the federation over HTTP, and ask the same of one graph that holds everything."""
    query = disagreement_query(region=REGION)
    write_atomic(place.out / "question.rq", query)
    with Task(progress, "8 question", total=3) as task:
        rows = client.sparql(query, federated=True)
        assert isinstance(rows, list), "the question is a SELECT"
        task.advance()
        union = open_graph()
        for name in ("food-security.nt", "links.nt", "reference.nt"):
            union.load(place.out / name)
        task.advance()
        expected = union.query(query, timeout_s=place.settings.query_timeout_s)
        assert isinstance(expected, Solutions), "the question is a SELECT"
        wanted: list[Row] = json.loads(expected.serialize("json"))["results"]["bindings"]
        task.advance()
    plain = [{name: term["value"] for name, term in row.items()} for row in rows]
    write_atomic(place.out / "answer.csv", pd.DataFrame(plain).to_csv(index=False))
    equal = _counted(rows) == _counted(wanted)
    return {
        "ok": equal and bool(rows),
        "region": REGION,
        "endpoints": 2,
        "rows": len(rows),
        "rows_equal_union": equal,
        "parcels_that_differ": sum(int(row["parcels"]) for row in plain),
        "answer": plain,
    }


def _counted(rows: list[Row]) -> Counter[str]:
    """Count the rows, every term with its type: order does not matter, how often a row stands there does."""
    return Counter(json.dumps(row, sort_keys=True) for row in rows)
