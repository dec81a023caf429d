"""Points and lines whose text is made without shapes: nothing else about them changes."""

from __future__ import annotations

import itertools
import struct

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from extremeearth.core.errors import DataBrokenError
from extremeearth.infrastructure.engine import LocalEngine
from extremeearth.knowledge.mapping import GeometryOptions, frames
from extremeearth.knowledge.mapping.sources import geometry_sources

LINES = """<urn:m> rml:logicalSource [ rml:source [ rml:path "%s" ] ] ;
    rml:subjectMap [ rml:template "urn:{id}" ] ;
    rml:predicateObjectMap [ rml:predicate geo:asWKT ; rml:objectMap [ rml:reference "geometry" ] ]"""
MEASURED = """ ;
    rml:predicateObjectMap [ rml:predicate ex:length ; rml:objectMap [ rml:functionExecution [
        rml:function ee:lengthM ; rml:input [ rml:parameter ee:geometry ; rml:inputValueMap [
            rml:reference "geometry" ] ] ] ] ]"""


def roads(crs=4326):
    """Make 300 lines with odd numbers, a line without length, a missing one, and one each beyond what is mapped."""
    generator = np.random.default_rng(5)
    shapes = list(shapely.linestrings(generator.uniform(-80, 80, (300, 4, 2))))
    shapes[3] = shapely.LineString([(1, 2), (1, 2)])
    shapes[7] = None
    shapes[8] = shapely.LineString([(1e-9, 0.1 + 0.2), (12, 4)])
    if crs == 4326:
        shapes[100] = shapely.LineString([(0, 89), (0, 91)])
        shapes[299] = shapely.LineString([(179, 0), (181, 1)])
    return gpd.GeoDataFrame({"id": range(300)}, geometry=shapes, crs=crs)


def slowly(mapped, monkeypatch, *args, **options):
    """Run a mapping where shapes are made of all."""
    with monkeypatch.context() as patched:
        patched.setattr(frames, "plain_shapes", lambda _: None)
        patched.setattr(geometry_sources, "plain_shapes", lambda _: None)
        return mapped(*args, **options)


@pytest.mark.parametrize("policy", ["keep", "repair", "reject"])
@pytest.mark.parametrize("crs", [4326, 32632, 31468])
@pytest.mark.parametrize("more", ["", MEASURED], ids=["text", "measured"])
def test_triples_and_counts_are_those_with_shapes(mapped, monkeypatch, crs, policy, more):
    options = {"geometry": GeometryOptions(invalid=policy), "batch_rows": 90}
    given = [f"{LINES % 't'}{more} ."]
    options["sources"] = {"t": roads(crs)}
    found, report = mapped(*given, **options)
    wanted, known = slowly(mapped, monkeypatch, *given, **options)
    assert found == wanted
    assert report.geometries == known.geometries
    if crs == 4326:
        assert sum(report.geometries.values()) == (2 if policy == "keep" else 3)


@pytest.mark.parametrize("name", ["t.gpkg", "t.parquet", "t.shp", "t.fgb"])
def test_files_are_written_without_a_shape(mapped, monkeypatch, tmp_path, name):
    frame = roads(32632).dropna()
    frame.to_parquet(tmp_path / name) if name.endswith("parquet") else frame.to_file(
        tmp_path / name
    )
    wanted, _ = slowly(mapped, monkeypatch, f"{LINES % name} .", folder=tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(geometry_sources, "read_shapes", None)
        patched.setattr(frames, "read_wkb", None)
        found, _ = mapped(f"{LINES % name} .", folder=tmp_path)
    assert found == wanted
    assert len(found) == 299


def test_workers_give_the_same(mapped):
    here, _ = mapped(f"{LINES % 't'} .", sources={"t": roads()})
    there, _ = mapped(
        f"{LINES % 't'} .", sources={"t": roads()}, engine=LocalEngine(workers=2), batch_rows=90
    )
    assert here == there


def test_the_text_reads_back_as_the_very_shape(mapped):
    frame = roads(32632).dropna()
    found, _ = mapped(f"{LINES % 't'} .", sources={"t": frame})
    texts = {int(line.split(">")[0][5:]): line.split('"')[1].split("> ")[1] for line in found}
    back = shapely.from_wkt([texts[n] for n in frame.id])
    assert (shapely.get_coordinates(back) == shapely.get_coordinates(frame.geometry)).all()


@pytest.mark.parametrize("at", [0, 1])
def test_a_curve_among_lines_is_told_or_counted(mapped, tmp_path, at):
    curve = struct.pack("<BII6d", 1, 8, 3, 0, 0, 1, 1, 2, 0)
    values = [shapely.LineString([(0, 0), (1, 1)]).wkb] * 2
    values[at] = curve
    frame = gpd.GeoDataFrame({"id": [0, 1]}, geometry=[shapely.Point(0, 0)] * 2, crs=4326)
    frame.to_parquet(tmp_path / "t.parquet")
    table = pq.read_table(tmp_path / "t.parquet")
    pq.write_table(table.set_column(1, "geometry", pa.array(values)), tmp_path / "t.parquet")
    with pytest.raises(DataBrokenError, match=f"row {at} of .* is a geometry that cannot be read"):
        mapped(f"{LINES % 't.parquet'} .", folder=tmp_path)
    found, report = mapped(f"{LINES % 't.parquet'} .", folder=tmp_path, on_error="skip")
    assert [line[5] for line in found] == [str(1 - at)]
    assert report.geometries == {"is a geometry that cannot be read": 1}


def test_rows_repeated_for_a_list_keep_their_geometry(mapped):
    table = pd.DataFrame({"id": [1, 2], "tag": [["a", "b"], ["c"]]})
    frame = gpd.GeoDataFrame(table, geometry=[shapely.Point(1, 2), shapely.Point(3, 4)], crs=4326)
    found, _ = mapped(
        LINES % "t"
        + """ ; rml:predicateObjectMap [ rml:predicateMap [ rml:template "urn:p/{tag}" ] ;
            rml:objectMap [ rml:reference "geometry" ] ] .""",
        sources={"t": frame},
    )
    said = [line.split(" ", 2) for line in found]
    points = {"<urn:1>": "POINT (1 2)", "<urn:2>": "POINT (3 4)"}
    assert len(said) == 5
    assert all(points[subject] in text for subject, _, text in said)
    assert len(list(itertools.filterfalse(lambda s: "urn:p/" not in s[1], said))) == 3
