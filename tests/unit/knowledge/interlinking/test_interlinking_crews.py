"""Threads and processes find what one thread finds, for everything that can be asked."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.infrastructure.engine import LocalEngine
from extremeearth.knowledge.interlinking import (
    Budget,
    LinkOptions,
    choose_relations,
    feature_set,
    link_with_report,
    plane,
    verification,
)
from extremeearth.knowledge.interlinking.questions import question_for
from extremeearth.knowledge.interlinking.relations import holds, transposed

CHOICES = {
    "all": {},
    "budget": {"budget": Budget(pairs=150), "measure": True},
    "points": {"budget": Budget(pairs=150), "weighting": "isp"},
    "distance": {"relations": (), "within_m": 40.0},
    "nearest": {"relations": (), "nearest": 3},
    "disjoint": {"relations": ("disjoint", "touches")},
}


@pytest.fixture
def small_cells(monkeypatch):
    monkeypatch.setattr(plane, "FEWEST_ROWS", 30)


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("name", CHOICES)
def test_a_crew_finds_what_one_thread_finds(name, alone, clusters, oracle, small_cells):
    polygons, lines = clusters(120)
    left = feature_set(oracle.frame(polygons), id_column="id", prefix="urn:l:")
    right = None if alone else feature_set(oracle.frame(lines), id_column="id", prefix="urn:r:")
    one, report = link_with_report(left, right, options=LinkOptions(**CHOICES[name]))
    assert one.num_rows
    for threads, engine in ((3, None), (1, LocalEngine(workers=2))):
        options = LinkOptions(**CHOICES[name], threads=threads)
        found, told = link_with_report(left, right, options=options, engine=engine)
        assert found.equals(one)
        assert (told.candidates, told.links, told.progressive) == (
            report.candidates, report.links, report.progressive,
        )  # fmt: skip


def test_seconds_of_a_budget_end_the_work_of_an_engine(clusters, oracle):
    polygons, lines = clusters(300)
    left, right = (
        feature_set(oracle.frame(s), id_column="id", prefix="urn:") for s in (polygons, lines)
    )
    options = LinkOptions(budget=Budget(seconds=1e-6))
    _, report = link_with_report(left, right, options=options, engine=LocalEngine(workers=2))
    assert 0 < report.verified < report.candidates
    assert report.progressive.stopped_by == "seconds"


def test_the_same_shape_in_many_places_is_prepared_by_one_thread_at_a_time(oracle, small_cells):
    """One object stands on both sides and in every row; each cell works on a copy of its own."""
    area = shapely.box(0, 0, 1, 1)
    others = list(shapely.box(np.arange(200) / 200, 0, np.arange(200) / 200 + 0.5, 1))
    frame = oracle.frame([area] * 100 + others)
    some = feature_set(frame, id_column="id", prefix="urn:")
    options = {"relations": ["equals", "covers"], "rows_per_cell": 40}
    one, _ = link_with_report(some, some, options=LinkOptions(**options))
    many, report = link_with_report(some, some, options=LinkOptions(**options, threads=4))
    assert many.equals(one)
    assert report.cells > 4
    assert area.is_valid


@pytest.mark.parametrize("vocabulary", ["sf", "eh", "rcc8"])
def test_questions_settle_what_codes_say(vocabulary, clusters, oracle, monkeypatch):
    polygons, lines = clusters(200)
    sides = [(polygons, lines), (polygons, polygons), (lines, polygons), (lines, lines)]
    plain = [oracle.linked(*side, vocabulary=vocabulary) for side in sides]
    monkeypatch.setattr(verification, "SAMPLE", 2)
    monkeypatch.setattr(verification, "WORTH_A_QUESTION", 0.0)
    assert [oracle.linked(*side, vocabulary=vocabulary) for side in sides] == plain


CODES = st.tuples(*[st.sampled_from("F012")] * 8).map(lambda signs: "".join(signs) + "2")


@settings(max_examples=300, deadline=None)
@given(CODES, CODES, st.sampled_from([(2, 2), (2, 1), (1, 2), (2, 0), (0, 2), (1, 1)]),
       st.sampled_from(["sf", "eh", "rcc8"]))  # fmt: skip
def test_who_says_yes_to_a_question_has_the_relations_of_its_code(code, other, dims, vocabulary):
    first, second = dims
    relations = choose_relations("all", vocabulary=vocabulary)
    question = question_for(code, relations, first=first, second=second)
    if question is None or (first > second and other[2] == "F") or (second > first and other[6] == "F"):  # fmt: skip
        return
    assert holds(question.relation, code, left=first, right=second)
    if holds(question.relation, other, left=first, right=second):
        for relation in relations:
            assert holds(relation, code, left=first, right=second) == holds(
                relation, other, left=first, right=second
            )
            assert holds(relation, transposed(code), left=second, right=first) == holds(
                relation, transposed(other), left=second, right=first
            )
