"""The same features from every kind of source, linking what is new, and bad input."""

from __future__ import annotations

import gzip
import json

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyoxigraph as ox
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.core.errors import (
    AddressRefusedError,
    CrsError,
    DataBrokenError,
    DataMissingError,
    InputError,
    NoDataError,
    RemoteError,
)
from extremeearth.knowledge.interlinking import (
    LinkOptions,
    _text,
    feature_set,
    file_sources,
    link,
    link_files,
    link_with_report,
    read_features,
)
from extremeearth.knowledge.mapping import (
    GeometryOptions,
    describe_source,
    draft_mapping,
    list_layers,
    map_to_rdf,
)
from extremeearth.knowledge.rdf import GEO
from extremeearth.knowledge.store import open_graph

PREFIX = "urn:f:"


@pytest.fixture(scope="module")
def fields():
    rng = np.random.default_rng(9)
    low = rng.uniform(10, 11, (40, 2)).round(4)
    high = (low + rng.uniform(0.05, 0.2, (40, 2))).round(4)
    shapes = list(shapely.box(*low.T, *high.T))
    shapes[3] = shapely.Point(10.5, 10.5)
    shapes[4] = shapely.MultiLineString([[(10, 10), (11, 11)], [(10, 11), (11, 10)]])
    return gpd.GeoDataFrame(
        {"id": [str(i) for i in range(40)], "when": ["2020-01-01"] * 40}, geometry=shapes, crs=4326
    )


@pytest.fixture(scope="module")
def expected(fields):
    return link(
        fields, fields, left_id="id", right_id="id", left_prefix=PREFIX, right_prefix=PREFIX
    )


def turtle(fields, system="<http://www.opengis.net/def/crs/EPSG/0/4326> ", swap=True) -> str:
    rows = ["@prefix geo: <http://www.opengis.net/ont/geosparql#> ."]
    for i, shape in zip(fields["id"], fields.geometry, strict=True):
        written = shapely.transform(shape, lambda c: c[:, ::-1]) if swap else shape
        rows.append(f'<{PREFIX}{i}> geo:hasGeometry <urn:g:{i}> . <urn:g:{i}> geo:asWKT '
                    f'"{system}{shapely.to_wkt(written, rounding_precision=-1)}"^^geo:wktLiteral .')  # fmt: skip
    return "\n".join(rows)


def write(kind: str, fields, folder):
    path = folder / f"fields.{kind}"
    if kind in {"gpkg", "geojson", "fgb"}:
        fields.to_file(path)
    elif kind == "parquet":
        fields.to_parquet(path)
    elif kind in {"csv", "tsv", "csv.gz"}:
        text = fields.assign(shape=fields.geometry.to_wkt(rounding_precision=-1)).drop(
            columns="geometry"
        )
        text.to_csv(path, index=False, sep="\t" if kind == "tsv" else ",")
    elif kind == "ttl":
        path.write_text(turtle(fields))
    elif kind == "nt.gz":
        data = ox.serialize(
            ox.parse(turtle(fields), format=ox.RdfFormat.TURTLE), format=ox.RdfFormat.N_TRIPLES
        )
        path.write_bytes(gzip.compress(data))
    return path


@pytest.mark.parametrize(
    "kind", ["gpkg", "geojson", "fgb", "parquet", "csv", "tsv", "csv.gz", "ttl", "nt.gz"]
)
def test_every_kind_of_file_gives_the_same_links(kind, fields, expected, tmp_path):
    path = write(kind, fields, tmp_path)
    rdf = kind in {"ttl", "nt.gz"}
    read = read_features(path, id_column=None if rdf else "id", prefix="" if rdf else PREFIX,
                         crs=4326 if kind.startswith(("csv", "tsv")) else None)  # fmt: skip
    found = link(read, fields, right_id="id", right_prefix=PREFIX)
    assert sorted(found.to_pylist(), key=str) == sorted(expected.to_pylist(), key=str)


def test_tables_in_memory_and_stores(fields, expected, tmp_path):
    table = pa.table(
        {"id": fields["id"].to_list(), "geometry": pa.array(fields.geometry.to_wkb(), pa.binary())}
    )
    assert link(
        read_features(table, prefix=PREFIX, crs=4326), fields, right_id="id", right_prefix=PREFIX
    ).equals(expected)
    assert (
        len(read_features(fields.set_crs(None, allow_override=True), prefix=PREFIX, crs=4326)) == 40
    )
    graph = open_graph(tmp_path / "store")
    graph.load(turtle(fields).encode(), "ttl")
    from_open = read_features(graph)
    graph.close()
    for features in (from_open, read_features(tmp_path / "store")):
        found = link(features, fields, right_id="id", right_prefix=PREFIX)
        assert sorted(found.to_pylist(), key=str) == sorted(expected.to_pylist(), key=str)


class FakeClient:
    """Answers as an endpoint would."""

    def __init__(self, content: bytes) -> None:
        self.content, self.asked = content, []

    def get(self, url, *, headers, timeout_s):
        from extremeearth.core.http import Answer

        return Answer(status=400, headers={}, content=b"No query.", url=url)

    def post(self, url, *, content, headers, timeout_s):
        from extremeearth.core.http import Answer

        self.asked.append((url, content, headers["Accept"]))
        return Answer(status=200, headers={}, content=self.content, url=url)


def test_an_endpoint_is_asked(fields, expected):
    rows = [
        {"feature": {"type": "uri", "value": f"{PREFIX}{i}"},
         "geometry": {"type": "literal", "datatype": f"{GEO}wktLiteral", "value": shape.wkt}}
        for i, shape in zip(fields["id"], fields.geometry, strict=True)
    ]  # fmt: skip
    client = FakeClient(json.dumps({"results": {"bindings": rows}}).encode())
    read = read_features("https://example.org/sparql", client=client)
    found = link(read, fields, right_id="id", right_prefix=PREFIX)
    assert sorted(found.to_pylist(), key=str) == sorted(expected.to_pylist(), key=str)
    assert b"hasGeometry" in client.asked[0][1]
    with pytest.raises(RemoteError, match="did not answer with rows"):
        read_features("https://example.org/sparql", client=FakeClient(b'{"boolean": true}'))
    with pytest.raises(AddressRefusedError):
        read_features("http://127.0.0.1:1/sparql")


def test_systems_are_aligned_between_sources_and_within_one(fields, tmp_path):
    path = tmp_path / "mixed.ttl"
    utm = fields.iloc[:5].to_crs(32632)
    text = turtle(fields.iloc[5:]) + turtle(
        utm, system="<http://www.opengis.net/def/crs/EPSG/0/32632> ", swap=False
    )
    path.write_text(text)
    found = link(
        read_features(path), fields, right_id="id", right_prefix=PREFIX, relations="intersects"
    )
    assert {
        (f"{PREFIX}{i}",) * 2 for i in range(40) if i != 3
    } <= set(  # a projected point is off by nanometres
        zip(found["source"].to_pylist(), found["target"].to_pylist(), strict=True)
    )


def test_a_default_geometry_wins_and_blank_features_have_no_links(tmp_path):
    geo = "http://www.opengis.net/ont/geosparql#"
    path = tmp_path / "f.nt"
    path.write_text(
        f'<urn:a> <{geo}hasGeometry> <urn:g1> .\n<urn:a> <{geo}hasDefaultGeometry> _:g2 .\n'
        f'<urn:g1> <{geo}asWKT> "POINT (1 1)"^^<{geo}wktLiteral> .\n'
        f'_:g2 <{geo}asWKT> "POINT (2 2)"^^<{geo}wktLiteral> .\n'
        f'<urn:own> <{geo}asWKT> "POINT (3 3)"^^<{geo}wktLiteral> .\n_:b <{geo}hasGeometry> <urn:g1> .\n'
        f'<urn:bad> <{geo}asWKT> "POINT (3"^^<{geo}wktLiteral> .\n'
    )  # fmt: skip
    read = read_features(path)
    assert dict(zip(read.iris.to_pylist(), read.shapes, strict=True)) == {
        "urn:a": shapely.Point(2, 2), "urn:own": shapely.Point(3, 3), "urn:bad": None,
    }  # fmt: skip
    assert read.unread == 1


def test_broken_features_are_counted(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text('id,wkt\n1,POINT (1 1)\n2,POINT (1\n3,\n4,"POINT Z (1 1 5)"\n')
    read = read_features(path, prefix="urn:", crs=4326)
    assert read.unread == 1
    links, report = link_with_report(read, read, relations="equals")
    assert report.unread == (1, 1)
    assert report.empty == (2, 2)
    assert links.num_rows == 4


def test_lines_longer_than_a_block_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(_text, "BLOCK_BYTES", 2000)
    path = tmp_path / "f.csv"
    long = shapely.Point(0, 0).buffer(1, quad_segs=500)
    path.write_text(
        "id,wkt\n" + "".join(f"{i},POINT ({i} 1)\n" for i in range(300)) + f'300,"{long.wkt}"\n'
    )
    read = read_features(path, prefix="urn:", crs=4326)
    assert len(read) == 301
    assert read.shapes[299] == shapely.Point(299, 1)
    assert shapely.get_num_coordinates(read.shapes[300]) == 2001


def test_x_and_y_columns(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text("id,lon,lat\n1,11.5,48\n2,,\n")
    assert read_features(path, prefix="urn:", crs=4326).shapes.tolist() == [
        shapely.Point(11.5, 48),
        None,
    ]


@pytest.mark.parametrize(
    "case",
    [
        ("f.csv", "id,wkt\n1,POINT (1 1)\n", {}, CrsError, "--crs"),
        ("f.csv", "a,wkt\n1,POINT (1 1)\n1,POINT (2 1)\n", {"crs": 4326}, InputError, "not said which column"),
        ("f.csv", "a,wkt\n1,POINT (1 1)\n1,POINT (2 1)\n", {}, InputError, "not said which column(.|\n)*system"),
        ("f.csv", "id,wkt\n1,POINT (1 1)\n", {"crs": 4326, "id_column": "nr"}, InputError, "no column 'nr'"),
        ("f.csv", "id,a\n1,2\n", {"crs": 4326}, InputError, "no column with WKT"),
        ("f.csv", "id,a,b\n1,POINT (1 1),POINT (1 1)\n", {"crs": 4326}, InputError, "several columns with WKT"),
        ("f.csv", "id,wkt\n1,POINT (1 1)\n", {"crs": 4326}, InputError, "not an absolute IRI"),
        ("f.csv", "id,wkt\n1,2,3\n", {"crs": 4326}, DataBrokenError, "cannot be read"),
        ("f.ttl", "<urn:a> <urn:b>", {}, DataBrokenError, "as RDF"),
        ("f.ttl", "<urn:a> <urn:b> 1 .", {}, NoDataError, "no features with geometries"),
        ("f.ttl", "", {"times": "when"}, InputError, "no path"),
        ("f.gpkg", "nothing", {}, DataBrokenError, "cannot be read"),
        ("f.parquet", "nothing", {}, DataBrokenError, "as Parquet"),
    ],
)  # fmt: skip
def test_bad_files_are_named(case, tmp_path):
    name, text, options, error, message = case
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(error, match=message):
        read_features(path, **options)


def test_a_table_without_rows_has_no_features(tmp_path):
    path = tmp_path / "f.csv"
    for text in ("id,wkt\n", "id,wkt"):
        path.write_text(text)
        found = read_features(path, prefix="urn:", crs=4326)
        assert len(found) == 0
        assert link(found, found).num_rows == 0
    with pytest.raises(CrsError):
        read_features(path, prefix="urn:")
    path.write_text("")
    with pytest.raises(DataBrokenError, match=r"f\.csv is empty"):
        read_features(path, prefix="urn:", crs=4326)


def test_missing_and_changing_files(tmp_path, monkeypatch):
    with pytest.raises(DataMissingError):
        read_features(tmp_path / "none.csv")
    path = tmp_path / "f.csv"
    path.write_text("id,wkt\n1,POINT (1 1)\n")
    original = file_sources.read_text_table

    def growing(*args):
        with path.open("a") as file:
            file.write("2,POINT (2 2)\n")
        return original(*args)

    monkeypatch.setattr(file_sources, "read_text_table", growing)
    with pytest.raises(DataBrokenError, match="changed while"):
        read_features(path, prefix="urn:", crs=4326)
    with pytest.raises(InputError, match="no source"):
        read_features(5)


numbered = st.dictionaries(st.integers(0, 12), st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 3)),
                           min_size=1, max_size=8)  # fmt: skip


def some_features(described, letter):
    shapes = [shapely.box(x, y, x + s, y + s) for x, y, s in described.values()]
    frame = gpd.GeoDataFrame(
        {"id": [f"urn:{letter}{k}" for k in described]}, geometry=shapes, crs=32632
    )
    return feature_set(frame, id_column="id")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(numbered, numbered), min_size=2, max_size=3), st.booleans(), st.booleans(),
    st.sampled_from([None, 1, 2]),
)  # fmt: skip
def test_linking_what_is_new_equals_linking_all(tmp_path_factory, stages, alone, disjoint, nearest):
    """Features come, change and go; after each stage the file holds what a full run gives."""
    folder = tmp_path_factory.mktemp("grow")
    options = LinkOptions(
        relations=["intersects", "touches", "equals", "within", *["disjoint"] * disjoint],
        within_m=1.0, nearest=nearest,
    )  # fmt: skip
    for left, right in (*stages, stages[-1]):
        ours, theirs = some_features(left, "a"), None if alone else some_features(right, "b")
        report = link_files(
            ours, theirs, folder / "l.nt.gz", options=options, state=folder / "s.parquet"
        )
        link_files(ours, theirs, folder / "full.nt", options=options)
        lines = gzip.decompress((folder / "l.nt.gz").read_bytes()).splitlines()
        assert sorted(lines) == sorted((folder / "full.nt").read_bytes().splitlines())
        assert sum(report.links.values()) == len(lines)


def test_only_what_is_new_is_verified_and_other_choices_start_anew(clusters, oracle, tmp_path):
    polygons, lines = clusters(100)
    ours = feature_set(oracle.frame(polygons[:90]), id_column="id", prefix="urn:p:")
    grown = feature_set(oracle.frame(polygons), id_column="id", prefix="urn:p:")
    theirs = feature_set(oracle.frame(lines), id_column="id", prefix="urn:l:")
    out, state = tmp_path / "l.nt", tmp_path / "s.parquet"
    first = link_files(ours, theirs, out, options=LinkOptions(), state=state)
    second = link_files(grown, theirs, out, options=LinkOptions(filter="sweep"), state=state)
    assert second.reused == sum(first.links.values())
    assert 0 < second.verified < first.verified / 3
    other = link_files(grown, theirs, out, options=LinkOptions(relations="touches"), state=state)
    assert other.reused == 0
    assert other.verified == first.verified + second.verified


def test_states_that_cannot_be_used(oracle, tmp_path):
    some = feature_set(oracle.frame([shapely.Point(1, 1)]), id_column="id", prefix="urn:")
    out, state = tmp_path / "l.nt", tmp_path / "s.parquet"
    for options, message in (
        (LinkOptions(nearest=1, nearest_property=str(GEO.sfWithin)), "property of their own"),
    ):
        with pytest.raises(InputError, match=message):
            link_files(some, some, out, options=options, state=state)
    link_files(some, some, out, options=LinkOptions(), state=state)
    whole = out.read_bytes()
    out.write_bytes(whole + b"no link\n")
    with pytest.raises(DataBrokenError, match="no links"):
        link_files(some, some, out, options=LinkOptions(), state=state)
    assert out.read_bytes() == whole + b"no link\n"
    state.write_text("broken")
    with pytest.raises(DataBrokenError, match="no state"):
        link_files(some, some, out, options=LinkOptions(), state=state)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["l.nt", "s.parquet"]


@pytest.mark.parametrize("ending", ["shp", "gpkg", "geojson", "fgb", "parquet", "csv"])
def test_features_are_named_as_a_mapping_of_their_source_names_them(ending, tmp_path):
    columns = {"crop": ["a", "a", "b"], "size": [1.5, 2.5, 3.5], "plot_code": ["x y", "é", "z"]}
    numbered = ending in ("shp", "gpkg", "geojson", "fgb")
    for name, key in (("plots", "plot_code"), ("bare", "fid"))[: 1 + numbered]:
        path = tmp_path / f"{name}.{ending}"
        shown = columns if key in columns else {"crop": columns["crop"]}
        frame = gpd.GeoDataFrame(shown, geometry=[shapely.Point(n, 1) for n in range(3)], crs=4326)
        if ending == "csv":
            frame.drop(columns="geometry").assign(wkt=frame.geometry.to_wkt()).to_csv(
                path, index=False
            )
        elif ending == "parquet":
            frame.to_parquet(path)
        else:
            frame.to_file(path)
        told: list[str] = []
        base = "https://fields.example/"
        found = read_features(path, prefix=None, base=base, crs=4326, notice=told.append)
        options = GeometryOptions(crs=4326)
        described = describe_source(path, layer=list_layers(path)[0], geometry=options)
        (tmp_path / "m.ttl").write_text(
            draft_mapping(described, base_iri=base, path=path.name).mapping
        )
        map_to_rdf(tmp_path / "m.ttl", target=tmp_path / "m.nt")
        assert sorted(found.iris.to_pylist()) == sorted(
            read_features(tmp_path / "m.nt").iris.to_pylist()
        )
        assert found.iris[0].as_py().startswith(f"https://fields.example/{name}/")
        assert described.key == (key,)
        assert len(told) == 1
        assert f"named by {key}" in told[0]


def test_ids_that_are_iris_take_no_prefix_of_the_source(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text("uri,wkt\nurn:f:1,POINT (1 1)\n")
    told: list[str] = []
    read = read_features(path, prefix=None, crs=4326, notice=told.append)
    assert read.iris.to_pylist() == ["urn:f:1"]
    assert told == []


def test_of_several_layers_none_is_guessed(tmp_path):
    path = tmp_path / "f.gpkg"
    frame = gpd.GeoDataFrame({"id": [1]}, geometry=[shapely.Point(0, 0)], crs=4326)
    for layer in ("roads", "fields"):
        frame.to_file(path, layer=layer)
    with pytest.raises(InputError, match=r"f\.gpkg has several layers: roads, fields"):
        read_features(path, prefix="urn:")
    read = read_features(path, layer="roads", prefix=None)
    assert read.iris.to_pylist() == ["https://example.org/roads/1"]


def test_a_table_in_memory_is_named_by_its_key(tmp_path):
    table = pa.table(
        {
            "nr": [7, 8],
            "crop": ["a", "a"],
            "geometry": shapely.to_wkb(shapely.points([[0, 0], [1, 1]])),
        }
    )
    assert read_features(table, prefix="urn:", crs=4326).iris.to_pylist() == ["urn:7", "urn:8"]
    with pytest.raises(InputError, match="not an absolute IRI"):
        read_features(table, prefix=None, crs=4326)


def test_an_address_of_no_kind_shows_no_secret():
    with pytest.raises(InputError, match="'mysql://' is no address") as caught:
        read_features("mysql://me:s3cret@host/fields")
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"


def test_features_of_a_packed_table_are_named_by_its_key(tmp_path):
    path = tmp_path / "plots.csv.gz"
    path.write_bytes(gzip.compress(b"crop,nr,wkt\na,7,POINT (1 1)\na,8,POINT (2 1)\n"))
    read = read_features(path, prefix=None, crs=4326)
    assert read.iris.to_pylist() == [f"https://example.org/plots/{nr}" for nr in (7, 8)]
