"""Mapping and interlinking on a Spark cluster give what they give in this process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import shapely
from geopandas import GeoDataFrame

from extremeearth.knowledge.interlinking import link
from extremeearth.knowledge.mapping import map_to_rdf

if TYPE_CHECKING:
    from extremeearth.infrastructure.engine import SparkEngine

MAPPING = """
@prefix rr: <http://www.w3.org/ns/r2rml#> .
@prefix rml: <http://semweb.mmlab.be/ns/rml#> .
@prefix ql: <http://semweb.mmlab.be/ns/ql#> .
@prefix ex: <http://example.org/> .
<#fields> a rr:TriplesMap ;
  rml:logicalSource [ rml:source "fields.csv"; rml:referenceFormulation ql:CSV ] ;
  rr:subjectMap [ rr:template "http://example.org/field/{id}"; rr:class ex:Field ] ;
  rr:predicateObjectMap [ rr:predicate ex:crop; rr:objectMap [ rml:reference "crop" ] ] .
"""


def test_mapping_gives_the_same_triples(spark_engine: SparkEngine, tmp_path: Path) -> None:
    (tmp_path / "mapping.ttl").write_text(MAPPING)
    rows = pd.DataFrame({"id": range(500), "crop": [f"crop {n % 7}" for n in range(500)]})
    rows.to_csv(tmp_path / "fields.csv", index=False)
    lines = {}
    for name, engine in (("here", None), ("spark", spark_engine)):
        out = tmp_path / f"{name}.nt"
        map_to_rdf(
            tmp_path / "mapping.ttl", sources={"fields.csv": tmp_path / "fields.csv"}, target=out,
            base_iri="http://example.org/", engine=engine,
        )  # fmt: skip
        lines[name] = sorted(out.read_text().splitlines())
    assert len(lines["here"]) == 1000
    assert lines["spark"] == lines["here"]


@pytest.mark.parametrize("vocabulary", ["sf"])
def test_interlinking_gives_the_same_links(spark_engine: SparkEngine, vocabulary: str) -> None:
    generator = np.random.default_rng(11)
    frames = []
    for name in "ab":
        corners, sizes = generator.integers(0, 30, (120, 2)), generator.integers(1, 6, (120, 2))
        shapes = shapely.box(*corners.T, *(corners + sizes).T)
        ids = [f"urn:{name}{n}" for n in range(120)]
        frames.append(GeoDataFrame({"id": ids}, geometry=shapes, crs=4326))
    here, spark = (
        link(*frames, left_id="id", right_id="id", vocabulary=vocabulary, engine=engine)  # type: ignore[arg-type]  # a literal
        for engine in (None, spark_engine)
    )
    order = [(name, "ascending") for name in ("source", "relation", "target")]
    assert here.num_rows > 200
    assert spark.sort_by(order).equals(here.sort_by(order))
