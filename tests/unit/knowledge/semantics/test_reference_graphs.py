from __future__ import annotations

import io

import geopandas as gpd
import pandas as pd
import pyoxigraph as ox
import pytest
import shapely

from extremeearth.core.errors import CrsError, InputError
from extremeearth.knowledge.rdf import BASE, FS, GEO, RDFS, SKOS, parse_wkt_literal
from extremeearth.knowledge.semantics import (
    NationalCrops,
    boundaries_to_rdf,
    crop_hierarchy,
    taxonomy_to_rdf,
)


def quads(data: bytes) -> list[ox.Quad]:
    return list(ox.parse(data, format=ox.RdfFormat.N_TRIPLES))


def above(code: str, codes: set[str]) -> list[str]:
    """Climb one level at a time, by hand."""
    found = []
    for keep in (8, 6, 4, 2):
        cut = code[:keep].ljust(10, "0")
        if cut != code and cut in codes and cut not in found:
            found.append(cut)
    return found


def test_the_real_hierarchy_is_read_from_its_codes(real):
    taxonomy = real.archive.taxonomy
    concepts, ancestors = crop_hierarchy(taxonomy)
    codes = set(taxonomy["hcat_code"])
    climbed = {code: above(code, codes) for code in codes}
    assert dict(zip(concepts["hcat_code"], concepts["broader"], strict=True)) == {
        code: (chain[0] if chain else None) for code, chain in climbed.items()
    }
    pairs = set(ancestors.itertuples(index=False, name=None))
    assert pairs == {(code, up) for code, chain in climbed.items() for up in chain}
    names = concepts.set_index("hcat_code")
    assert names.loc["3301010401", "group"] == "3301010000"
    assert names.loc[names.loc["3301010401", "group"], "label"] == "cereal"
    assert names.loc["3302000000", "group"] == "3302000000"
    assert names.loc["3301010401", "level"] == 5


def test_a_level_that_is_missing_is_stepped_over():
    concepts, _ = crop_hierarchy(
        pd.DataFrame(
            {"hcat_code": ["3301000000", "3301010101"], "hcat_name": ["arable_crops", "wheat"]}
        )
    )
    assert concepts["broader"].tolist() == [None, "3301000000"]
    assert concepts["group"].tolist() == ["3301000000", "3301010101"]


@pytest.mark.parametrize("codes", [["33"], ["330100000x"], ["3300000000", "3300000000"]])
def test_broken_codes_are_named(codes):
    with pytest.raises(InputError, match=codes[-1]):
        crop_hierarchy(pd.DataFrame({"hcat_code": codes, "hcat_name": ["a"] * len(codes)}))


def test_broader_transitive_is_what_broader_reaches(real):
    store = real.store(real.reference)
    by_path = store.query(f"SELECT ?a ?b {{ ?a <{SKOS.broader}>+ ?b }}")
    stated = store.query(f"SELECT ?a ?b {{ ?a <{SKOS.broaderTransitive}> ?b }}")
    assert {(s[0], s[1]) for s in by_path} == {(s[0], s[1]) for s in stated}


def national(rows) -> list[tuple[str, str]]:
    table = pd.DataFrame(rows, columns=["crop_code", "name", "name_en", "hcat_code"])
    out = io.BytesIO()
    taxonomy = pd.DataFrame({"hcat_code": ["3301010101"], "hcat_name": ["wheat"]})
    crops = NationalCrops(country="fr", year=2018, language="fr", table=table)
    taxonomy_to_rdf(taxonomy, out, national=[crops])
    prefix = f"{BASE}id/crop-code/fr/2018/"
    return sorted(
        (q.subject.value.removeprefix(prefix), q.predicate.value.removeprefix(str(SKOS)))
        for q in quads(out.getvalue())
        if q.predicate.value.endswith("Match")
    )


def test_only_a_code_of_its_own_matches_exactly():
    rows = [
        ("BTH", "Blé tendre d'hiver", "winter wheat", "3301010101"),
        ("A", "a", "a", "3301010401"), ("B", "b", "b", "3301010401"),
        ("X", "x", "x", "3399000000"), ("N", "n", "n", None), (None, "o", "o", "3301010102"),
    ]  # fmt: skip
    assert national(rows) == [
        ("A", "closeMatch"),
        ("B", "closeMatch"),
        ("BTH", "exactMatch"),
        ("X", "closeMatch"),
    ]


def test_national_names_carry_their_language(real):
    found = real.store(real.reference).query(
        f'SELECT ?name {{ ?code <{SKOS.notation}> "115" ; <{SKOS.prefLabel}> ?name }}'
    )
    assert {s["name"].language for s in found} == {"de", "en"}


def test_a_table_without_a_column_is_named():
    table = pd.DataFrame({"crop_code": [], "name": [], "hcat_code": []})
    crops = NationalCrops(country="fr", year=2018, language="fr", table=table)
    with pytest.raises(InputError, match="no column 'name_en'"):
        crops.rows()


def test_boundaries_are_features_with_label_code_and_shape():
    regions = gpd.GeoDataFrame(
        {"name": ["Côte d'Ivoire", "Nowhere"], "iso_a3": ["CIV", "-99"]},
        geometry=[shapely.box(-8, 4, -3, 10), shapely.box(0, 0, 1, 1)], crs=4326,
    )  # fmt: skip
    out = io.BytesIO()
    boundaries_to_rdf(regions.to_crs(3857), out)
    found = quads(out.getvalue())
    codes = {q.subject.value: q.object.value for q in found if q.predicate.value == FS.isoCode}
    assert codes == {f"{BASE}id/region/C%C3%B4te%20d%27Ivoire".replace("%C3%B4", "ô"): "CIV"}
    labels = {q.object.value for q in found if q.predicate.value == RDFS.label}
    assert {"Côte d'Ivoire", "Nowhere"} <= labels
    texts = [q.object.value for q in found if q.predicate.value == GEO.asWKT]
    shapes, systems = parse_wkt_literal(texts)
    assert [s.geom_type for s in shapes] == ["Polygon", "Polygon"]
    assert {s.epsg for s in systems} == {3857}


def test_boundaries_without_a_system_are_an_error():
    regions = gpd.GeoDataFrame({"name": ["a"], "iso_a3": ["AAA"]}, geometry=[shapely.Point(0, 0)])
    with pytest.raises(CrsError):
        boundaries_to_rdf(regions, io.BytesIO())
