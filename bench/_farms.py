"""A seeded graph of farms without geometry, and queries of many shapes over it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

__all__ = ["LOOK_UPS", "QUERIES", "farm_graph"]

E = "http://example.org/"
XSD = "http://www.w3.org/2001/XMLSchema#"
TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
CROPS, FIELDS_A_FARM, FARMS_A_VILLAGE, VILLAGES_A_DISTRICT = 40, 8, 25, 20
LOOK_UPS = 100


def farm_graph(fields: int, *, seed: int) -> pl.DataFrame:
    """Give the statements, one column ``line``: some 8.5 for each field.

    Fields have a crop, an area, a year, a name and a farm; farms an owner, a village and a day; villages a district;
    owners know each other; crops form a tree of three levels.
    """
    generator = np.random.default_rng(seed)
    farms = max(1, fields // FIELDS_A_FARM)
    villages = max(1, farms // FARMS_A_VILLAGE)
    field = pl.DataFrame(
        {
            "n": np.arange(fields),
            "crop": (CROPS * generator.power(2, fields)).astype(np.int64),
            "area": (generator.gamma(2.0, 1.5, fields) + 0.05).round(2),
            "year": generator.integers(2015, 2024, fields),
            "farm": generator.integers(0, farms, fields),
            "organic": generator.random(fields) < 0.1,
        }
    )
    farm = pl.DataFrame(
        {
            "n": np.arange(farms),
            "village": generator.integers(0, villages, farms),
            "owner": generator.integers(0, farms, farms),
            "year": generator.integers(1950, 2015, farms),
            "day": generator.integers(10, 29, farms),
        }
    )
    knows = pl.DataFrame({"n": np.arange(farms), "other": generator.integers(0, farms, farms)})
    village = pl.DataFrame(
        {"n": np.arange(villages), "district": np.arange(villages) // VILLAGES_A_DISTRICT}
    )
    crop = pl.DataFrame({"n": np.arange(CROPS), "group": CROPS + np.arange(CROPS) // 8})
    group = pl.DataFrame(
        {"n": CROPS + np.arange(CROPS // 8), "root": [CROPS + CROPS // 8] * (CROPS // 8)}
    )

    def lines(frame: pl.DataFrame, subject: str, name: str, form: str, column: str) -> pl.DataFrame:
        predicate = name if "://" in name else E + name
        text = f"<{E}{subject}/{{}}> <{predicate}> {form} ."
        marks = [pl.col("n"), *([pl.col(column)] if column else [])]
        return frame.select(line=pl.format(text, *marks))

    def node(kind: str) -> str:
        return f"<{E}{kind}/{{}}>"

    return pl.concat(
        [
            lines(field, "field", TYPE, f"<{E}Field>", ""),
            lines(field, "field", "crop", node("crop"), "crop"),
            lines(field, "field", "area", f'"{{}}"^^<{XSD}double>', "area"),
            lines(field, "field", "year", f'"{{}}"^^<{XSD}integer>', "year"),
            lines(field, "field", "farm", node("farm"), "farm"),
            lines(field, "field", LABEL, '"field {}"@en', "n"),
            lines(field.filter(pl.col("organic")), "field", "organic", f'"true"^^<{XSD}boolean>', ""),
            lines(farm, "farm", TYPE, f"<{E}Farm>", ""),
            lines(farm, "farm", "village", node("village"), "village"),
            lines(farm, "farm", "owner", node("person"), "owner"),
            lines(farm, "farm", LABEL, '"farm {}"', "n"),
            lines(
                farm.with_columns(date=pl.format("{}-06-{}", pl.col("year"), pl.col("day"))),
                "farm", "founded", f'"{{}}"^^<{XSD}date>', "date",
            ),
            lines(knows, "person", "knows", node("person"), "other"),
            lines(knows, "person", "name", '"person {}"', "n"),
            lines(village, "village", "district", node("district"), "district"),
            lines(village, "village", LABEL, '"village {}"', "n"),
            lines(crop, "crop", "broader", node("crop"), "group"),
            lines(crop, "crop", LABEL, '"crop {}"', "n"),
            lines(group, "crop", "broader", node("crop"), "root"),
        ]
    ).sample(fraction=1.0, shuffle=True, seed=seed)  # fmt: skip


HEAD = (
    f"PREFIX : <{E}> PREFIX xsd: <{XSD}> PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#> "
    f"PREFIX crop: <{E}crop/> PREFIX village: <{E}village/> PREFIX district: <{E}district/> "
)
QUERIES: Mapping[str, str] = {
    "star": "SELECT ?f ?area ?name { ?f a :Field ; :crop crop:7 ; :area ?area ; rdfs:label ?name }",
    "star with numbers": "SELECT ?f ?area { ?f :crop ?c ; :area ?area ; :year 2020 FILTER(?area > 12) }",
    "path of joins": "SELECT ?f ?o { ?f :farm ?m . ?m :village village:3 ; :owner ?p . ?p :name ?o }",
    "long path": "SELECT (COUNT(?f) AS ?n) { ?f :farm/:village/:district district:1 }",
    "two stars": "SELECT ?f ?g { ?f :farm ?m ; :crop ?c ; :year 2016 . ?g :farm ?m ; "
    ":crop ?c ; :year 2017 ; :organic true }",
    "sum a group": "SELECT ?c (SUM(?area) AS ?total) (COUNT(*) AS ?n) { ?f :crop ?c ; :area ?area } GROUP BY ?c",
    "mean of a path, having": "SELECT ?v (AVG(?area) AS ?mean) { ?f :farm ?m ; :area ?area . ?m :village ?v } "
    "GROUP BY ?v HAVING (AVG(?area) > 3.3)",
    "count distinct": "SELECT ?y (COUNT(DISTINCT ?m) AS ?farms) { ?f :year ?y ; :farm ?m } GROUP BY ?y",
    "optional": "SELECT ?f ?organic { ?f :crop crop:30 ; :area ?a OPTIONAL { ?f :organic ?organic } "
    "FILTER(?a > 8) }",
    "not exists": "SELECT ?m ?p { ?m :owner ?p FILTER NOT EXISTS { ?q :knows ?p } }",
    "tree of crops": "SELECT (COUNT(?f) AS ?n) { ?f :crop ?c . ?c :broader+ crop:42 }",
    "largest first": "SELECT ?f ?area ?name { ?f :year 2019 ; :area ?area ; rdfs:label ?name } "
    "ORDER BY DESC(?area) ?f LIMIT 20",
    "dates": "SELECT ?m ?day { ?m :founded ?day "
    "FILTER(?day >= '2010-06-01'^^xsd:date && ?day < '2011-01-01'^^xsd:date) }",
}  # fmt: skip
"""By name; each is asked with the prefixes of `HEAD`."""
