"""Each rule alone: a plan goes in, a plan comes out, both written as trees."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from extremeearth.knowledge.sparql import parse_query, translate
from extremeearth.knowledge.sparql.terms import Variable
from extremeearth.knowledge.store.execution.run import Dataset
from extremeearth.knowledge.store.plan import build, nodes, plan_text
from extremeearth.knowledge.store.plan.facts import Facts
from extremeearth.knowledge.store.plan.rules import (
    gather_joins,
    improve,
    look_up_joins,
    match_geometries,
    nearest_first,
    order_joins,
    pass_constants,
    push_filters,
)
from extremeearth.knowledge.store.storage.contract import PredicateStatistics

PREFIXES = """
PREFIX : <urn:>
PREFIX geo: <http://www.opengis.net/ont/geosparql#>
PREFIX geof: <http://www.opengis.net/def/function/geosparql/>
PREFIX uom: <http://www.opengis.net/def/uom/OGC/1.0/>
"""
BOX = '"POLYGON ((0 0, 1 0, 1 1, 0 1, 0 0))"^^geo:wktLiteral'
COUNTS = {
    "urn:rare": 10,
    "urn:some": 1_000,
    "urn:many": 100_000,
    "http://www.opengis.net/ont/geosparql#asWKT": 50_000,
}


class FewThings:
    """A snapshot that only counts: each IRI of `COUNTS` is a predicate with so many triples."""

    version = 0

    def __init__(self, box_fraction: float = 0.01) -> None:
        names = list(COUNTS)
        self.terms = SimpleNamespace(
            find=lambda column: [
                names.index(v) + 1 if v in names else 99 for v in column.values.to_pylist()
            ]
        )
        self.geometries = [None] * 50_000
        self.statistics = SimpleNamespace(
            predicate=lambda n: (
                PredicateStatistics(
                    triples=list(COUNTS.values())[n - 1],
                    subjects=list(COUNTS.values())[n - 1],
                    objects=list(COUNTS.values())[n - 1],
                )
                if n <= len(COUNTS)
                else PredicateStatistics(triples=0, subjects=0, objects=0)
            ),
            box_fraction=lambda *box: box_fraction,
        )

    def __len__(self) -> int:
        return sum(COUNTS.values())

    def predicates(self) -> list[int]:
        return list(range(len(COUNTS)))

    def graphs(self) -> list[int]:
        return []

    def scan(self, **slots: Any) -> SimpleNamespace:
        return SimpleNamespace(num_rows=3)


def planned(text: str, *rules: Any, box_fraction: float = 0.01) -> str:
    shape = build(translate(parse_query(PREFIXES + text)))
    snapshot: Any = FewThings(box_fraction)  # what the rules ask of one
    facts = Facts(snapshot, shape.constants, Dataset())
    plan = shape.plan
    for rule in rules:
        plan = rule(plan, facts)
    return "\n" + plan_text(plan) + "\n"


def test_push_filters_to_the_side_that_binds_the_variable() -> None:
    text = "ASK { ?a :some ?b . ?b :many ?c FILTER(?c > 5 && ?b != ?a) }"
    assert (
        planned(text)
        == """
Filter (?c > 5) && (?b != ?a)
  Join
    Scan ?a <urn:some> ?b
    Scan ?b <urn:many> ?c
"""
    )
    assert (
        planned(text, push_filters)
        == """
Join
  Filter ?b != ?a
    Scan ?a <urn:some> ?b
  Filter ?c > 5
    Scan ?b <urn:many> ?c
"""
    )


def test_push_filters_into_every_branch_of_a_union() -> None:
    assert (
        planned("ASK { { ?a :some ?b } UNION { ?a :many ?c } FILTER(?b > 5) }", push_filters)
        == """
Union
  Filter ?b > 5
    Scan ?a <urn:some> ?b
  Filter ?b > 5
    Scan ?a <urn:many> ?c
"""
    )


def test_push_filters_never_below_the_optional_side() -> None:
    assert (
        planned(
            "ASK { ?a :some ?b OPTIONAL { ?a :many ?c } FILTER(?c > 5) FILTER(?b > 5) }",
            push_filters,
        )
        == """
Filter ?c > 5
  LeftJoin
    Filter ?b > 5
      Scan ?a <urn:some> ?b
    Scan ?a <urn:many> ?c
"""
    )


def test_push_filters_leaves_a_condition_that_answers_differently_each_time() -> None:
    assert planned(
        "ASK { ?a :some ?b . ?b :many ?c FILTER(RAND() < ?b) }", push_filters
    ).startswith("\nFilter RAND")


def test_push_filters_not_into_a_subquery_that_hides_the_variable() -> None:
    found = planned("ASK { { SELECT ?a { ?a :some ?b } } FILTER(BOUND(?b)) }", push_filters)
    assert found.startswith("\nFilter BOUND(?b)\n  Project ?a")


def test_gather_joins_flattens_joins_and_their_conditions() -> None:
    assert (
        planned(
            "ASK { { ?a :some ?b . ?b :many ?c } { ?c :rare ?d } FILTER(?d > ?a) }", gather_joins
        )
        == """
JoinGraph ?d > ?a
  Scan ?a <urn:some> ?b
  Scan ?b <urn:many> ?c
  Scan ?c <urn:rare> ?d
"""
    )


def test_pass_constants_into_scans() -> None:
    assert (
        planned("ASK { ?a :some ?b . ?b :many ?c FILTER(?b = :x) }", gather_joins, pass_constants)
        == """
JoinGraph
  Scan ?a <urn:some> <urn:x>
  Scan <urn:x> <urn:many> ?c
  Values ?b (1 rows)
"""
    )
    assert "Values ?b (2 rows)" in planned(
        "ASK { ?a :some ?b FILTER(?b IN (:x, :y)) }", gather_joins, pass_constants
    )
    literal = planned(
        "ASK { ?a :some ?b . ?b :many ?c FILTER(?c = 5) }", gather_joins, pass_constants
    )
    assert "Values" not in literal, "5 and 5.0 are one number and two terms"


def test_match_geometries_by_the_index() -> None:
    text = f"ASK {{ ?g geo:asWKT ?w . ?f :many ?g FILTER(geof:sfIntersects(?w, {BOX})) }}"
    found = planned(text, gather_joins, match_geometries)
    assert found.count("SpatialMatch ?w sfIntersects") == 1
    assert found.startswith("\nJoinGraph\n"), "nothing of the condition is left"


def test_match_geometries_keeps_the_order_of_arguments() -> None:
    found = planned(
        f"ASK {{ ?g geo:asWKT ?w FILTER(geof:sfContains({BOX}, ?w)) }}",
        gather_joins,
        match_geometries,
    )
    assert 'SpatialMatch "POLYGON' in found


@pytest.mark.parametrize(
    "condition",
    [
        f"geof:sfDisjoint(?w, {BOX})",
        f"!geof:sfIntersects(?w, {BOX})",
        f'geof:relate(?w, {BOX}, "FF*FF****")',
    ],
)
def test_match_geometries_leaves_what_no_index_finds(condition: str) -> None:
    assert "SpatialMatch" not in planned(
        f"ASK {{ ?g geo:asWKT ?w FILTER({condition}) }}", gather_joins, match_geometries
    )


def test_match_geometries_only_for_what_is_stored() -> None:
    text = f"ASK {{ ?g geo:asWKT ?o BIND(geof:envelope(?o) AS ?w) FILTER(geof:sfIntersects(?w, {BOX})) }}"
    assert "SpatialMatch" not in planned(text, push_filters, gather_joins, match_geometries)


def test_match_geometries_lets_a_selective_theme_go_first() -> None:
    text = f"ASK {{ ?g geo:asWKT ?w . ?f :rare ?g FILTER(geof:sfIntersects(?w, {BOX})) }}"
    assert "SpatialMatch" not in planned(text, gather_joins, match_geometries, box_fraction=0.5)
    assert "SpatialMatch" in planned(text, gather_joins, match_geometries, box_fraction=0.0001)


def test_match_geometries_within_a_distance() -> None:
    text = f"ASK {{ ?g geo:asWKT ?w FILTER(geof:distance(?w, {BOX}, uom:metre) < 500) }}"
    found = planned(text, gather_joins, match_geometries)
    assert "SpatialMatch ?w within 500 m" in found
    assert "JoinGraph geof:distance" in found.replace(
        "<http://www.opengis.net/def/function/geosparql/distance>", "geof:distance"
    ), "the index finds distances up to 500 m, the condition wants less"


def test_order_joins_starts_with_the_smallest() -> None:
    assert (
        planned("ASK { ?a :many ?b . ?b :some ?c . ?c :rare ?d }", gather_joins, order_joins)
        == """
Join
  Join
    Scan ?c <urn:rare> ?d
    Scan ?b <urn:some> ?c
  Scan ?a <urn:many> ?b
"""
    )


def test_order_joins_makes_no_product_while_something_is_connected() -> None:
    found = planned("ASK { ?a :rare ?b . ?c :some ?d . ?b :many ?c }", gather_joins, order_joins)
    assert found.splitlines()[1:] == [
        "Join", "  Join", "    Scan ?a <urn:rare> ?b", "    Scan ?b <urn:many> ?c", "  Scan ?c <urn:some> ?d",
    ]  # fmt: skip


def test_order_joins_puts_unconnected_parts_together_by_a_spatial_condition() -> None:
    sides = "?a :some ?g1 . ?g1 geo:asWKT ?w1 . ?b :rare ?g2 . ?g2 geo:asWKT ?w2"
    text = f"ASK {{ {sides} FILTER(geof:sfTouches(?w1, ?w2)) }}"
    found = planned(text, gather_joins, order_joins)
    assert "SpatialJoin ?w1 sfTouches ?w2" in found
    assert "Filter" not in found


def test_nearest_first_below_the_order() -> None:
    text = f"SELECT ?g {{ ?g geo:asWKT ?w }} ORDER BY geof:distance(?w, {BOX}, uom:metre) LIMIT 7"
    assert "Nearest 7 by ?w" in planned(text, nearest_first)
    bound = f"?g geo:asWKT ?w BIND(geof:distance(?w, {BOX}, uom:metre) AS ?d)"
    later = f"SELECT ?d {{ {bound} }} ORDER BY ?d LIMIT 7 OFFSET 3"
    assert "Nearest 10 by ?w" in planned(later, nearest_first)
    for other in (
        f"DESC(geof:distance(?w, {BOX}, uom:metre))",
        f"?g geof:distance(?w, {BOX}, uom:metre)",
    ):
        assert "Nearest" not in planned(
            f"SELECT ?g {{ ?g geo:asWKT ?w }} ORDER BY {other} LIMIT 7", nearest_first
        )


def test_rules_leave_a_plan_that_they_cannot_better() -> None:
    text = "SELECT ?a { ?a :some ?b }"
    assert planned(text, improve) == planned(text)


def test_look_up_joins_where_one_side_is_small() -> None:
    text = "ASK { ?a :rare ?b . ?b :many ?c OPTIONAL { ?c :some ?d } FILTER(?c > 5) }"
    assert (
        planned(text, push_filters, gather_joins, order_joins, look_up_joins)
        == """
LookUp ?c, optional
  Filter ?c > 5
    LookUp ?b
      Scan ?a <urn:rare> ?b
      Scan ?b <urn:many> ?c
  Scan ?c <urn:some> ?d
"""
    )
    large = planned("ASK { ?a :many ?b . ?b :many ?c }", gather_joins, order_joins, look_up_joins)
    assert "LookUp" not in large


def test_facts_of_a_chain_of_binds_are_asked_once():
    class Counted:
        asked = 0
        variables = ("a",)

        @property
        def certain(self) -> frozenset[str]:
            self.asked += 1
            return frozenset({"a"})

    counted: Any = Counted()
    chain = counted
    for number in range(10):
        chain = nodes.Extend(chain, f"v{number}", Variable("a"))
    assert chain.certain == {"a", *(f"v{number}" for number in range(10))}
    assert counted.asked == 1  # asked twice by each BIND, sixty of them would take for ever
