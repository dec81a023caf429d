"""Budgets, weights, the measures of an order, and links that stream."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import shapely

from extremeearth.core.errors import CancelledError, InputError
from extremeearth.core.progress import CancelToken, EventProgress
from extremeearth.knowledge.interlinking import (
    Budget,
    LinkOptions,
    feature_set,
    link_batches,
    link_with_report,
    progressive,
)
from extremeearth.knowledge.interlinking.features import align
from extremeearth.knowledge.interlinking.progressive import TopPairs, budgeted, geometry_recall
from extremeearth.knowledge.interlinking.weighting import SCHEMES, Extent, Grid, read_weighting


@pytest.fixture(scope="module")
def sides(clusters, oracle):
    polygons, lines = clusters(300)
    return oracle.frame(polygons), oracle.frame(lines)


def test_a_budget_of_all_pairs_finds_what_a_full_run_finds(sides, oracle):
    full, report = link_with_report(*sides, **oracle.ids)
    for weighting in (*SCHEMES, "js+mbro", "js*isp"):
        options = LinkOptions(budget=Budget(pairs=10**6), weighting=weighting, rows_per_cell=100)
        links, found = link_with_report(*sides, **oracle.ids, options=options)
        assert links.equals(full)
        assert found.progressive.recall == 1.0
        assert found.progressive.stopped_by == ""
        assert found.verified == report.verified


def test_a_budget_stops_and_is_judged(sides, oracle):
    _, full = link_with_report(*sides, **oracle.ids)
    limit = full.candidates // 4
    options = LinkOptions(budget=Budget(pairs=limit), measure=True, rows_per_cell=100)
    links, report = link_with_report(*sides, **oracle.ids, options=options)
    quality = report.progressive
    assert report.verified == quality.verified == limit
    assert quality.stopped_by == "pairs"
    assert quality.all_qualifying == full.qualifying
    assert quality.recall == pytest.approx(quality.qualifying / full.qualifying)
    assert quality.precision == pytest.approx(quality.qualifying / limit)
    # every pair found shares a point, and one of them says so
    assert report.links["intersects"] == quality.qualifying
    assert links.num_rows == sum(report.links.values())
    # the best quarter has more than a quarter
    assert quality.recall > 0.3


def weigh(name, left, right, rows, columns):
    ours = Extent.of(left, rows, by_points=True)
    theirs = Extent.of(right, columns, by_points=True)
    return read_weighting(name).weigh(ours, theirs, Grid.of(left, right))


def test_the_order_and_the_curve_equal_a_plain_computation(sides, oracle):
    """Weights by loops over tiles, then the curve step by step."""
    left, right = (feature_set(f, id_column="id", prefix="urn:") for f in sides)
    a, b = align(left, right, on_invalid="repair")
    pairs = shapely.STRtree(b.shapes).query(a.shapes)
    weights, _ = weigh("js", a, b, *pairs)
    size = (a.bounds[:, 2:] - a.bounds[:, :2]).mean(axis=0)
    origin = np.minimum(a.bounds[:, :2].min(axis=0), b.bounds[:, :2].min(axis=0))

    def tiles(box):
        low, high = (np.floor((box[k : k + 2] - origin) / size).astype(int) for k in (0, 2))
        return {(x, y) for x in range(low[0], high[0] + 1) for y in range(low[1], high[1] + 1)}

    for at in range(0, pairs.shape[1], 7):
        one, two = tiles(a.bounds[pairs[0, at]]), tiles(b.bounds[pairs[1, at]])
        assert weights[at] == pytest.approx(len(one & two) / len(one | two))
    order = np.lexsort((pairs[1], pairs[0], -weights))[:500]
    hits = shapely.intersects(a.shapes[pairs[0][order]], b.shapes[pairs[1][order]])
    found = np.cumsum(hits).sum() / np.minimum(np.arange(1, 501), hits.sum()).sum()
    options = LinkOptions(budget=Budget(pairs=500), weighting="js")
    _, report = link_with_report(*sides, **oracle.ids, options=options)
    assert report.progressive.qualifying == hits.sum()
    assert report.progressive.progressive_geometry_recall == pytest.approx(found)


def test_weights_by_hand(oracle):
    a, b = (
        feature_set(oracle.frame([s]), id_column="id", prefix="urn:")
        for s in (shapely.box(0, 0, 2, 2), shapely.box(1, 1, 3, 3))
    )
    one, two = align(a, b, on_invalid="keep")
    rows = np.array([0])
    value = {name: float(weigh(name, one, two, rows, rows)[0][0]) for name in SCHEMES}
    # tiles of 2 x 2: the first box takes 4 (its far edge is in the next tile), the second 4, the same ones
    assert value == pytest.approx({"cf": 4, "js": 1, "x2": 0, "mbro": 1 / 7, "isp": 1 / 10})
    main, tie = weigh("mbro+isp", one, two, rows, rows)
    assert (main[0], tie[0]) == pytest.approx((1 / 7, 1 / 10))
    assert weigh("mbro*isp", one, two, rows, rows)[0][0] == pytest.approx(1 / 70)


def test_top_pairs_are_the_best_whatever_the_pieces():
    rng = np.random.default_rng(4)
    weights = rng.integers(0, 50, 1000).astype(float)
    top = TopPairs(60)
    for start in range(0, 1000, 90):
        at = np.arange(start, min(start + 90, 1000))
        top.add(at, at * 2, weights[at], np.zeros(len(at)))
    rows, columns = top.ordered()
    expected = np.lexsort((np.arange(1000), -weights))[:60]
    assert rows.tolist() == expected.tolist()
    assert columns.tolist() == (expected * 2).tolist()
    assert top.seen == 1000


def test_recall_of_an_order_is_exact_for_large_numbers():
    hits = np.zeros(2**20, dtype=bool)
    hits[: 2**19] = True
    assert geometry_recall(hits, 2**19) == 1.0
    assert geometry_recall(hits[::-1], 2**19) == pytest.approx(1 / 3, rel=1e-5)
    assert geometry_recall(np.empty(0, dtype=bool), 5) == 0.0


def test_seconds_stop_too(monkeypatch):
    clock = iter(np.arange(0.0, 1000.0, 0.25))
    monkeypatch.setattr(progressive.time, "monotonic", lambda: float(next(clock)))
    steps = list(budgeted(10**6, Budget(seconds=5.0), since=0.0))
    assert 3 <= len(steps) <= 12
    assert steps[0].start == 0
    assert all(a.stop == b.start for a, b in pairwise(steps))
    assert steps[-1].stop < 10**6


def test_budgets_are_read():
    assert Budget.read("5min") == Budget(seconds=300)
    assert Budget.read(" 2h ") == Budget(seconds=7200)
    for text in ("", "5 weeks", "-3", "1.5", "0"):
        with pytest.raises(InputError):
            Budget.read(text)
    with pytest.raises(InputError, match="without a limit"):
        Budget()
    with pytest.raises(InputError, match="Disjoint"):
        LinkOptions(relations=["disjoint"], budget=Budget(pairs=5))


def test_links_stream_before_the_run_ends(sides, oracle):
    run = link_batches(*sides, **oracle.ids, options=LinkOptions(rows_per_cell=50))
    batches = iter(run)
    first = next(batches)
    assert first.schema.names == ["source", "relation", "target"]
    early = run.report.verified
    rest = sum(batch.num_rows for batch in batches)
    assert 0 < early < run.report.verified
    assert first.num_rows + rest == sum(run.report.links.values())


def test_a_run_can_be_cancelled(sides, oracle):
    token = CancelToken()
    progress = EventProgress(lambda event: token.cancel() if event.done > 50 else None, token=token)
    run = link_batches(
        *sides, **oracle.ids, options=LinkOptions(rows_per_cell=50), progress=progress
    )
    with pytest.raises(CancelledError):
        list(run)


def test_importing_does_not_load_geopandas():
    code = "import sys, json, extremeearth.knowledge.interlinking; print(json.dumps('geopandas' in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) is False
