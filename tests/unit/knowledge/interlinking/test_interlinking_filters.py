"""Every filter and every partitioning finds what brute force finds, each pair once."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.core.errors import InputError
from extremeearth.infrastructure.engine import LocalEngine
from extremeearth.knowledge.interlinking import (
    LinkOptions,
    filtering,
    link_with_report,
    verification,
)
from extremeearth.knowledge.interlinking.filtering import FILTERS, choose_filter, filter_pairs
from extremeearth.knowledge.interlinking.partitioning import cut, in_cell

number = st.integers(-6, 6)
size = st.sampled_from([0, 0, 1, 2, 5, 13])
a_box = st.tuples(number, number, size, size).map(lambda v: (v[0], v[1], v[0] + v[2], v[1] + v[3]))
boxes = st.lists(a_box, min_size=1, max_size=25).map(lambda rows: np.array(rows, dtype=float))


def meeting(left, right):
    return sorted(
        (i, j)
        for i, a in enumerate(left)
        for j, b in enumerate(right)
        if a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]
    )


def listed(blocks):
    return sorted(
        pair
        for first, second in blocks
        for pair in zip(first.tolist(), second.tolist(), strict=True)
    )


@pytest.mark.parametrize("name", [*FILTERS, "auto"])
@settings(max_examples=60, deadline=None)
@given(boxes, boxes)
def test_a_filter_gives_each_meeting_pair_once(name, left, right):
    assert listed(filter_pairs(left, right, name=name)) == meeting(left, right)


@pytest.mark.parametrize("name", FILTERS)
def test_blocks_stay_small(name, monkeypatch):
    rng = np.random.default_rng(1)
    low = rng.uniform(0, 100, (400, 2))
    some = np.hstack([low, low + rng.uniform(0, 30, (400, 2))])
    expected = listed(filter_pairs(some, some, name="rtree"))
    monkeypatch.setattr(filtering, "PAIRS_AT_ONCE", 500)
    blocks = list(filter_pairs(some, some, name=name))
    assert listed(blocks) == expected
    assert len(blocks) > 5
    if name != "rtree":  # its first blocks are sized before anything is known
        assert max(len(first) for first, _ in blocks) <= 900


@pytest.mark.parametrize("most_rows", [2, 5, 17])
@settings(max_examples=60, deadline=None)
@given(boxes, boxes)
def test_each_pair_has_its_reference_point_in_one_cell(most_rows, left, right):
    found = []
    for cell in cut(left, right, most_rows=most_rows):
        for first, second in filter_pairs(left[cell.left], right[cell.right], name="sweep"):
            rows, columns = cell.left[first], cell.right[second]
            good = in_cell(left[rows], right[columns], cell.low, cell.high)
            found += zip(rows[good].tolist(), columns[good].tolist(), strict=True)
    assert sorted(found) == meeting(left, right)


@pytest.mark.parametrize("most_rows", [2, 5, 17])
@settings(max_examples=60, deadline=None)
@given(boxes, boxes)
def test_what_a_cell_shares_with_no_other_lies_in_no_other(most_rows, left, right):
    """Equal boxes count as one: one shape may stand in several rows and on both sides."""
    alone, everywhere = [], []
    for cell in cut(left, right, most_rows=most_rows):
        sides = ((left, cell.left), (right, cell.right))
        everywhere += {tuple(box) for boxes, rows in sides for box in boxes[rows]}
        alone += {tuple(b) for boxes, rows in sides for b in boxes[rows][~cell.shared(boxes, rows)]}
    assert len(alone) == len(set(alone))
    assert all(everywhere.count(box) == 1 for box in alone)


def test_few_boxes_are_shared_where_they_are_small():
    rng = np.random.default_rng(3)
    low = rng.uniform(0, 1000, (3000, 2))
    some = np.hstack([low, low + 0.5])
    cells = list(cut(some, some, most_rows=500))
    assert len(cells) > 8
    assert 0 < sum(c.shared(some, c.left).sum() for c in cells) < 100


def test_cells_hold_few_features_where_boxes_are_small():
    rng = np.random.default_rng(2)
    low = rng.gamma(1, 100, (3000, 2))
    some = np.hstack([low, low + 0.5])
    cells = list(cut(some, some, most_rows=500))
    assert max(len(c.left) + len(c.right) for c in cells) <= 500
    assert len(cells) > 8


def test_large_boxes_are_dealt_out():
    some = np.tile([0.0, 0, 9, 9], (100, 1))
    cells = list(cut(some, some, most_rows=30))
    assert [len(c.left) for c in cells] == [25] * 4
    assert sorted(np.concatenate([c.left for c in cells])) == list(range(100))


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("rows_per_cell", [16, 100_000])
def test_links_are_the_same_by_every_filter_and_partitioning(name, rows_per_cell, clusters, oracle):
    polygons, lines = clusters(150)
    options = LinkOptions(filter=name, rows_per_cell=rows_per_cell)
    found = oracle.linked(polygons, lines, options=options)
    names = [n for n in oracle.names if n != "sfDisjoint"]
    assert sorted(found) == sorted(oracle.brute_force(polygons, lines, names))


def test_the_report_tells_which_filter_ran(clusters, oracle):
    polygons, lines = clusters(60)
    for name in FILTERS:
        _, report = link_with_report(
            oracle.frame(polygons),
            oracle.frame(lines),
            **oracle.ids,
            options=LinkOptions(filter=name),
        )
        assert list(report.filters) == [name]
        assert report.candidates == report.verified > report.qualifying > 0


def test_processes_find_the_same(clusters, oracle):
    polygons, lines = clusters(120)
    options = LinkOptions(rows_per_cell=40)
    one = oracle.linked(polygons, lines, options=options)
    assert oracle.linked(polygons, lines, options=options, engine=LocalEngine(workers=2)) == one
    assert one == oracle.linked(polygons, lines)


@pytest.mark.parametrize("relations", ["all", ["eq", "po", "ec", "ntpp", "tpp"]])
def test_threads_find_the_same(relations, clusters, oracle, monkeypatch):
    monkeypatch.setattr(verification, "FEW_PAIRS", 10)
    polygons, lines = clusters(200)
    for left, right in ((polygons, lines), (lines, polygons), (polygons, None)):
        chosen = {"relations": relations, "vocabulary": "sf" if relations == "all" else "rcc8"}
        one = oracle.linked(left, right, options=LinkOptions(**chosen))
        assert oracle.linked(left, right, options=LinkOptions(**chosen, threads=3)) == one
    assert one


def test_asking_for_the_usual_code_gives_the_same_codes(clusters, oracle, monkeypatch):
    polygons, lines = clusters(200)
    plain = oracle.linked(polygons, lines)
    for name, value in (("FEW_PAIRS", 10), ("SAMPLE", 3), ("WORTH_ASKING", 0.0)):
        monkeypatch.setattr(verification, name, value)
    assert oracle.linked(polygons, lines, options=LinkOptions(threads=2)) == plain


def test_the_statistics_choose():
    rng = np.random.default_rng(3)
    low = rng.uniform(0, 1000, (3000, 2))
    small = np.hstack([low, low + 0.5])
    assert choose_filter(small[:10], small) == "sweep"
    wide = np.hstack([low, low + np.array([900, 0.01])])
    assert choose_filter(wide, wide) != "sweep"
    mixed = small.copy()
    mixed[::3, 2:] += rng.uniform(0, 500, (1000, 2))
    assert choose_filter(mixed, mixed) == "rtree"


def test_an_unknown_filter_is_named():
    some = np.zeros((1, 4))
    with pytest.raises(InputError, match="'quadtree' is no filter"):
        filter_pairs(some, some, name="quadtree")
    with pytest.raises(InputError, match="'quadtree' is no filter"):
        LinkOptions(filter="quadtree")


def test_points_without_extent_and_one_place():
    some = np.tile([1.0, 1, 1, 1], (5, 1))
    for name in FILTERS:
        assert len(listed(filter_pairs(some, some, name=name))) == 25
    assert shapely.box(*some[0]).area == 0
