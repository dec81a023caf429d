from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pyoxigraph as ox
import pytest
import rdflib
import shapely

from extremeearth.core.errors import CrsError, InputError
from extremeearth.core.geodesy import area_m2
from extremeearth.knowledge.mapping import read_mapping
from extremeearth.knowledge.rdf import BASE, FS, GEO, RDF, RDFS, SOSA
from extremeearth.knowledge.semantics import (
    IRI_PREFIXES,
    QUERIES,
    bind_query,
    disagreement_query,
    expected_columns,
    food_security_mapping,
    food_security_ontology,
    food_security_shapes,
    food_security_sources,
    query_text,
)


def test_the_mapping_reads_exactly_the_columns_that_are_listed():
    needed = {
        source.name: set(names)
        for source, names in read_mapping(food_security_mapping()).sources().items()
    }
    assert needed == {name: set(columns) for name, columns in expected_columns().items()}


def test_every_own_term_that_is_written_is_defined_with_label_and_comment(simulated):
    store = simulated.store(simulated.season, simulated.reference)
    used = set()
    for quad in store:
        used.update(
            t.value
            for t in (quad.predicate, quad.object)
            if isinstance(t, ox.NamedNode) and t.value.startswith(FS)
        )
    ontology = ox.Store()
    ontology.load(food_security_ontology().encode(), format=ox.RdfFormat.TURTLE)
    for term in used:
        said = {
            q.predicate.value for q in ontology.quads_for_pattern(ox.NamedNode(term), None, None)
        }
        assert {RDF["type"], RDFS.label, RDFS.comment} <= said, term
    assert FS.Parcel in used


def validate(graph: str) -> tuple[bool, str]:
    import pyshacl

    conforms, _, text = pyshacl.validate(
        rdflib.Graph().parse(data=graph, format="nt"),
        shacl_graph=rdflib.Graph().parse(data=food_security_shapes(), format="turtle"), inference="none",
    )  # fmt: skip
    return conforms, text


def about(data: bytes, *subjects: str) -> list[str]:
    """Choose the lines whose subjects are or begin with these: validating a whole graph takes long."""
    return [
        line
        for line in data.decode().splitlines()
        if line.startswith(tuple(f"<{s}" for s in subjects))
    ]


def test_what_the_mappings_write_has_the_shapes(simulated):
    field = simulated.archive.trial_fields["field"].iloc[0]
    lines = about(
        simulated.season, *(f"{IRI_PREFIXES['parcel']}{end}" for end in ("7>", "7/", "8>", "8/")),
        *(f"{IRI_PREFIXES['field']}{field}{end}" for end in (">", "/")), f"{IRI_PREFIXES['farm-field']}1",
        f"{BASE}id/day/", f"{BASE}id/season/",
    )  # fmt: skip
    conforms, text = validate("\n".join(lines))
    assert conforms, text
    for kind in (
        FS.Parcel,
        FS.TrialField,
        FS.FarmField,
        FS.CropObservation,
        FS.WaterBalanceObservation,
    ):
        assert any(line.endswith(f"<{kind}> .") for line in lines), kind
    mixed = [line.replace("LeafAreaIndexObservation", "WaterBalanceObservation") for line in lines]
    assert not validate("\n".join(mixed))[0]
    assert not validate("\n".join(line for line in lines if "asWKT" not in line))[0]


def test_the_reference_graph_has_the_shapes(simulated):
    hcat = IRI_PREFIXES["hcat"]
    lines = about(
        simulated.reference, f"{BASE}id/hcat>", f"{hcat}33010104", f"{hcat}3301010000", f"{hcat}3301000000",
        f"{hcat}3300000000", f"{hcat}3000000000",
        f"{IRI_PREFIXES['region']}Germany", f"{IRI_PREFIXES['crop-code']}de/2018>",
        f"{IRI_PREFIXES['crop-code']}de/2018/115>",
    )  # fmt: skip
    conforms, report = validate("\n".join(lines))
    assert conforms, report
    assert not validate("\n".join(line for line in lines if "prefLabel" not in line))[0]


def expected_disagreement(graphs, region: str) -> dict[str, tuple[int, int]]:
    """Count with pandas and shapely what the question asks of the graphs."""
    parcels, archive = graphs.sources["parcels"], graphs.archive
    boundary = archive.countries.set_index("name").geometry[region]
    codes = set(archive.taxonomy["hcat_code"])
    differ = parcels["predicted_hcat"].notna() & parcels["declared_hcat"].isin(codes)
    differ &= parcels["predicted_hcat"] != parcels["declared_hcat"]
    chosen = parcels[differ & shapely.within(parcels.geometry.to_numpy(), boundary)]
    group = chosen["declared_hcat"].map(
        lambda c: c[:6].ljust(10, "0") if c[:6].ljust(10, "0") in codes else c
    )
    return {
        code: (len(part), round(part["area_m2"].sum()))
        for code, part in chosen.groupby(group.to_numpy())
    }


@pytest.mark.parametrize("kind", ["real", "simulated"])
def test_the_question_of_the_demo_equals_a_count_without_rdf(kind, request):
    graphs = request.getfixturevalue(kind)
    store = graphs.store(graphs.season, graphs.reference)
    found = {
        row["group"].value.rpartition("/")[2]: (int(row["parcels"].value), int(row["areaM2"].value))
        for row in store.query(disagreement_query(region="Germany"))
    }
    assert found == expected_disagreement(graphs, "Germany")
    assert len(found) > 3
    assert list(store.query(disagreement_query(region="Atlantis"))) == []


def test_hectares_are_square_metres_divided(simulated):
    store = simulated.store(simulated.season, simulated.reference)
    for row in store.query(disagreement_query(region="Germany")):
        assert float(row["areaHa"].value) == pytest.approx(
            int(row["areaM2"].value) / 1e4, abs=0.006
        )


def test_parcels_without_a_judgement_are_not_in_the_answer(simulated):
    parcels = simulated.sources["parcels"]
    assert parcels["predicted_hcat"].isna().any()
    answered = sum(n for n, _ in expected_disagreement(simulated, "Germany").values())
    assert 0 < answered < len(parcels)


def test_links_answer_which_farm_fields_meet_a_crop_group(real):
    store = real.store(real.season, real.reference, real.links)
    rows = list(store.query(bind_query(query_text("farm_fields"), groupName="cereal")))
    counted = sum(int(row["parcels"].value) for row in rows)
    by_function = store.query(
        f"""SELECT (COUNT(*) AS ?n) {{ ?p a <{FS.Parcel}> ; <{FS.declaredCrop}>/<{FS.inGroup}> ?g ;
        <{GEO.hasDefaultGeometry}>/<{GEO.asWKT}> ?a .
        ?g <http://www.w3.org/2004/02/skos/core#hiddenLabel> "cereal" .
        ?f a <{FS.FarmField}> ; <{GEO.hasDefaultGeometry}>/<{GEO.asWKT}> ?b .
        FILTER(<http://www.opengis.net/def/function/geosparql/sfIntersects>(?a, ?b)) }}"""
    )
    assert counted == int(next(iter(by_function))["n"].value)
    assert counted > 0


def test_irrigation_is_listed_for_every_field(simulated):
    store = simulated.store(simulated.season)
    rows = list(store.query(query_text("irrigation")))
    assert {row["field"].value for row in rows} == {
        IRI_PREFIXES["field"] + name for name in simulated.archive.trial_fields["field"]
    }


def test_every_query_that_comes_with_the_package_can_be_read():
    for name in QUERIES:
        text = query_text(name)
        values = dict.fromkeys(
            (line.split()[1] for line in text.splitlines() if line.strip().startswith("#@")), "a"
        )
        ox.Store().query(bind_query(text, **values))
    assert "disagreement" in QUERIES
    with pytest.raises(InputError, match="no query"):
        query_text("../food_security")


@pytest.mark.parametrize(
    "value",
    [
        '" } } DROP ALL #',
        "a\\",
        'x"@en',
        "line\nbreak",
        "\r",
        "{?s ?p ?o}",
        "\x00\x7f",
        "ü€𝄞",
        "",
        "'\t",
    ],
)
def test_a_value_is_only_ever_a_value(value):
    store = ox.Store()
    store.add(ox.Quad(ox.NamedNode("urn:s"), ox.NamedNode("urn:p"), ox.Literal(value)))
    store.add(ox.Quad(ox.NamedNode("urn:t"), ox.NamedNode("urn:p"), ox.Literal("other")))
    text = bind_query("SELECT ?s {\n  #@ label\n  ?s <urn:p> ?label }", label=value)
    assert [row["s"].value for row in store.query(text)] == ["urn:s"]


def test_numbers_iris_and_wrong_parameters():
    text = "SELECT * {\n#@ a\n}"
    assert "VALUES ?a { <urn:x> }" in bind_query(text, a=ox.NamedNode("urn:x"))
    assert "integer" in bind_query(text, a=5) or "VALUES ?a { 5 }" in bind_query(text, a=5)
    for wrong in ({}, {"b": 1}, {"a": 1, "b": 1}):
        with pytest.raises(InputError, match="takes a"):
            bind_query(text, **wrong)


def test_observations_lead_to_their_feature_and_time(simulated):
    store = simulated.store(simulated.season)
    orphans = store.query(
        f"""SELECT ?o {{ ?o a <{SOSA.Observation}> . FILTER NOT EXISTS {{
        ?o <{SOSA.hasFeatureOfInterest}>/a <{GEO.Feature}> ; <{SOSA.phenomenonTime}>/a ?kind }} }}"""
    )
    assert list(orphans) == []


def test_days_without_a_value_make_no_observation(simulated):
    store = simulated.store(simulated.season)
    count = store.query(f"SELECT (COUNT(*) AS ?n) {{ ?o a <{FS.LeafAreaIndexObservation}> }}")
    values = simulated.tables["lai"]["lai"]
    assert values.isna().any()
    assert int(next(iter(count))["n"].value) == values.notna().sum()


@pytest.fixture
def parcels():
    return gpd.GeoDataFrame(
        {
            "parcel_id": [1], "declared_code": ["115"], "declared_name": ["Weizen"], "declared_hcat": ["3301010101"],
            "predicted_hcat": [None], "predicted_name": ["other"], "confidence": [0.5],
        },
        geometry=[shapely.box(11.6, 48.3, 11.61, 48.31)], crs=4326,
    )  # fmt: skip


def test_area_and_season_are_filled_in(parcels):
    table = food_security_sources(season=2018, parcels=parcels.to_crs(32632))["parcels"]
    assert table["season"].tolist() == [2018]
    assert table["area_m2"].iloc[0] == pytest.approx(
        float(area_m2(parcels.geometry.iloc[0], crs=4326)), rel=1e-5
    )
    given = food_security_sources(season=2018, parcels=parcels.assign(area_m2=5.0, season=2017))[
        "parcels"
    ]
    assert (given["area_m2"].iloc[0], given["season"].iloc[0]) == (5.0, 2017)


def test_tables_that_cannot_be_right_are_refused(parcels):
    for change, error, message in (
        ({"declared_hcat": ["33"]}, InputError, "'33'"),
        ({"predicted_hcat": [3301010101.0]}, InputError, "3301010101.0"),
    ):
        with pytest.raises(error, match=message):
            food_security_sources(season=2018, parcels=parcels.assign(**change))
    with pytest.raises(InputError, match="no column 'confidence'"):
        food_security_sources(season=2018, parcels=parcels.drop(columns="confidence"))
    with pytest.raises(CrsError):
        food_security_sources(season=2018, parcels=parcels.set_crs(None, allow_override=True))
    with pytest.raises(InputError, match="not a year"):
        food_security_sources(season=18)
    lai = pd.DataFrame(
        {"feature_id": ["a"], "kind": ["tree"], "date": ["2018-05-01"], "lai": [1.0]}
    )
    with pytest.raises(InputError, match="kind"):
        food_security_sources(season=2018, lai=lai)


def test_two_endpoints_answer_the_question_as_one_graph_does(real):
    from extremeearth.knowledge.federation import Endpoint, Federation
    from extremeearth.knowledge.store import open_graph

    season, reference, union = open_graph(None), open_graph(None), open_graph(None)
    for graph, parts in (
        (season, (real.season,)),
        (reference, (real.reference,)),
        (union, (real.season, real.reference)),
    ):
        for part in parts:
            graph.load(part, "application/n-triples")
    federation = Federation(
        [Endpoint(name="store", graph=season), Endpoint(name="reference", graph=reference)]
    )
    question = disagreement_query(region="Germany")
    answer, expected = federation.query(question, timeout_s=60), union.query(question, timeout_s=60)
    assert answer.serialize("csv") == expected.serialize("csv")
    assert answer.serialize("csv").count(b"\n") > 3
