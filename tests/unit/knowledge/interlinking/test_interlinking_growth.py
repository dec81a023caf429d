"""Nearest features of sources that grow, change and shrink: those of a full run, without looking for all again."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from extremeearth.core.errors import DataBrokenError, InputError, StorageError
from extremeearth.knowledge.interlinking import (
    Budget,
    LinkOptions,
    feature_set,
    incremental,
    link_files,
)
from extremeearth.knowledge.interlinking.link_state import LinkState

feature = st.tuples(
    st.integers(0, 14),
    st.integers(-3, 3),
    st.integers(0, 3),
    st.sampled_from([None, "2020", "2021"]),
)
features = st.lists(feature, max_size=12, unique_by=lambda described: described[0])
"""Number, place on a small grid (so that many are equally near), and year."""


def feature_set_of(described, letter: str, *, timed: bool):
    shapes = [shapely.Point(179.5 + x / 3 - 360 * (x > 1), 88 + y / 2) for _, x, y, _ in described]
    frame = gpd.GeoDataFrame(
        {"id": [f"urn:{letter}:ü{number}" for number, *_ in described],
         "year": np.array([year for *_, year in described], dtype=object)},
        geometry=shapes, crs=4326,
    )  # fmt: skip
    return feature_set(frame, id_column="id", times="year" if timed else None)


def lines_of(path):
    return sorted(path.read_bytes().splitlines())


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(features, features), min_size=2, max_size=4), st.booleans(), st.booleans(),
    st.integers(1, 4),
)  # fmt: skip
@example(
    [
        ([(0, 0, 0, None)], [(1, 1, 0, None)]),
        ([(0, 0, 0, None)], [(2, 1, 0, None), (1, 1, 0, None)]),
    ],
    False,
    False,
    1,
)  # a new feature as near as the known one, and before it
@example(
    [
        ([(0, 0, 0, None)], [(1, 1, 0, None), (2, 1, 0, None)]),
        ([(0, 0, 0, None)], [(2, 1, 0, None), (1, 1, 0, None)]),
    ],
    False,
    False,
    1,
)  # only the order is other
@example([([(0, 0, 0, None)], []), ([(0, 0, 0, None)], [(1, 3, 3, None)])], False, False, 2)
def test_nearest_features_of_what_grew_are_those_of_a_full_run(
    tmp_path_factory, stages, alone, timed, count
):
    folder = tmp_path_factory.mktemp("grow")
    options = LinkOptions(relations=(), nearest=count)
    for left, right in stages:
        ours = feature_set_of(left, "a", timed=timed)
        theirs = None if alone else feature_set_of(right, "b", timed=timed)
        report = link_files(
            ours, theirs, folder / "l.nt", options=options, state=folder / "s.parquet"
        )
        full = link_files(ours, theirs, folder / "full.nt", options=options)
        assert lines_of(folder / "l.nt") == lines_of(folder / "full.nt")
        assert report.links == full.links


@pytest.fixture
def many():
    rng = np.random.default_rng(5)
    places = rng.uniform((10, 48), (11, 49), (600, 2))
    return [
        (number, shapely.Point(place)) for number, place in enumerate(places.tolist())
    ]  # fmt: skip


def test_only_what_is_new_is_looked_for(many, tmp_path):
    def linked(left, right, out="l.nt"):
        sides = (
            feature_set(
                gpd.GeoDataFrame(
                    {"id": [f"urn:{letter}:{n}" for n, _ in side]}, geometry=[p for _, p in side], crs=4326
                ),
                id_column="id",
            )
            for letter, side in (("a", left), ("b", right))
        )  # fmt: skip
        state = tmp_path / "s.parquet" if out == "l.nt" else None
        return link_files(
            *sides, tmp_path / out, options=LinkOptions(relations=(), nearest=3), state=state
        )

    targets = many[300:]
    first = linked(many[:200], targets[:280])
    assert first.reused == 0
    same = linked(many[:200], targets[:280])
    assert (same.measured, same.reused) == (0, 600)
    grown = linked(many[:200], targets)
    full = linked(many[:200], targets, "full.nt")
    assert 0 < grown.measured < full.measured / 3
    assert 300 < grown.reused < 600
    assert lines_of(tmp_path / "l.nt") == lines_of(tmp_path / "full.nt")
    more = linked(many[:210], targets)
    assert 0 < more.measured < full.measured / 10
    assert more.reused == 600
    lost = linked(many[:210], targets[5:])
    assert lost.measured < full.measured / 3
    linked(many[:210], targets[5:], "full.nt")
    assert lines_of(tmp_path / "l.nt") == lines_of(tmp_path / "full.nt")


@pytest.mark.parametrize("steps", [(50, 70, 5000), (1, 5000, 5)])
def test_a_budget_goes_on_where_the_last_run_stopped(steps, clusters, oracle, tmp_path):
    polygons, lines = clusters(150)

    def linked(budget, *, count=150, out="l.nt", weighting="mbro+js", **options):
        sides = (
            feature_set(oracle.frame(side[:count]), id_column="id", prefix=f"urn:{letter}:")
            for letter, side in (("p", polygons), ("l", lines))
        )
        chosen = LinkOptions(budget=budget, weighting=weighting, nearest=2, within_m=20, **options)
        state = tmp_path / "s.parquet" if out == "l.nt" else None
        return link_files(*sides, tmp_path / out, options=chosen, state=state)

    whole = linked(None, out="whole.nt")
    done = found = 0
    for step in steps:
        report = linked(Budget(pairs=step), measure=True)
        at_once = linked(Budget(pairs=done + step), measure=True, out="once.nt")
        assert lines_of(tmp_path / "l.nt") == lines_of(tmp_path / "once.nt")
        assert report.links == at_once.links
        assert report.progressive.recall == at_once.progressive.recall
        assert report.progressive.verified_before == done
        assert report.verified == min(step, whole.candidates - done)
        assert report.progressive.qualifying_before == found
        done += report.verified
        found += report.qualifying
    assert done == whole.candidates
    assert report.progressive.stopped_by == ""
    assert lines_of(tmp_path / "l.nt") == lines_of(tmp_path / "whole.nt")
    # another order, or other features, begin anew
    assert linked(Budget(pairs=9), weighting="js").progressive.verified_before == 0
    assert linked(Budget(pairs=9), weighting="js").progressive.verified_before == 9
    assert linked(Budget(pairs=9), weighting="js", count=140).progressive.verified_before == 0


@pytest.mark.parametrize("place", ["links", "state"])
def test_a_run_that_ends_before_its_state_is_written_leaves_none(
    place, clusters, oracle, tmp_path, monkeypatch
):
    """The links are those of one run and the state that of another: pairs would be linked twice, or missed."""
    polygons, lines = clusters(60)
    sides = [
        feature_set(oracle.frame(side), id_column="id", prefix=prefix)
        for side, prefix in ((polygons, "urn:p:"), (lines, "urn:l:"))
    ]

    def linked(pairs, out="l.nt"):
        state = tmp_path / "s.parquet" if out == "l.nt" else None
        options = LinkOptions(budget=Budget(pairs=pairs), nearest=1)
        return link_files(*sides, tmp_path / out, options=options, state=state)

    def killed(*_):
        raise KeyboardInterrupt

    linked(40)
    first = lines_of(tmp_path / "l.nt")
    with monkeypatch.context() as patched:
        if place == "state":
            patched.setattr(LinkState, "write", killed)
        else:
            patched.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            linked(40)
    assert (lines_of(tmp_path / "l.nt") == first) == (place == "links")
    again = linked(40)
    assert again.progressive.verified_before == 0
    linked(40, "once.nt")
    assert lines_of(tmp_path / "l.nt") == lines_of(tmp_path / "once.nt") == first


def test_an_error_before_the_links_are_written_leaves_the_state(
    clusters, oracle, tmp_path, monkeypatch
):
    polygons, lines = clusters(20)
    sides = [
        feature_set(oracle.frame(side), id_column="id", prefix=prefix)
        for side, prefix in ((polygons, "urn:p:"), (lines, "urn:l:"))
    ]
    paths = tmp_path / "l.nt", tmp_path / "s.parquet"

    def linked():
        return link_files(*sides, paths[0], options=LinkOptions(), state=paths[1])

    def killed(*_):
        raise KeyboardInterrupt

    linked()
    before = [path.read_bytes() for path in paths]
    with monkeypatch.context() as patched:
        patched.setattr(incremental.LinkRun, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            linked()
    assert [path.read_bytes() for path in paths] == before


def changed_column(name, values):
    return lambda table: table.set_column(table.column_names.index(name), name, [values])


def said(**words):
    def say(table):
        metadata = {**table.schema.metadata, **{f"extremeearth.{k}": v for k, v in words.items()}}
        return table.replace_schema_metadata(metadata)

    return say


@pytest.mark.parametrize(
    "change",
    [
        said(verified="-3", qualifying="-3"),
        said(verified="3", qualifying="4"),
        said(verified="many"),
        changed_column("side", ["0", "1"]),
        changed_column("iri", [1, 2]),
        changed_column("iri", pa.array(["urn:p:0", None], pa.large_string())),
        changed_column("hash", pa.array(["a", None], pa.string())),
        changed_column("hash", [1.0, 2.0]),
        changed_column("reach", ["far", "near"]),
        changed_column("reach", [np.nan, 1.0]),
        changed_column("reach", [-1.0, 1.0]),
    ],
)
def test_states_of_other_hands_are_refused(change, oracle, tmp_path):
    sides = [
        feature_set(oracle.frame([shapely.Point(1, 1)]), id_column="id", prefix=prefix)
        for prefix in ("urn:p:", "urn:l:")
    ]
    out, state = tmp_path / "l.nt", tmp_path / "s.parquet"
    options = LinkOptions(nearest=1)
    link_files(*sides, out, options=options, state=state)
    pq.write_table(change(pq.read_table(state)), state)
    with pytest.raises(DataBrokenError, match="no state of a linking run"):
        link_files(*sides, out, options=options, state=state)


def test_a_state_is_not_written_over_links_or_folders(oracle, tmp_path):
    side = feature_set(oracle.frame([shapely.Point(1, 1)]), id_column="id", prefix="urn:")
    out = tmp_path / "l.nt"
    with pytest.raises(InputError, match="over the links"):
        link_files(side, None, out, options=LinkOptions(), state=tmp_path / "." / "l.nt")
    with pytest.raises(StorageError, match="cannot be written anew"):
        link_files(side, None, out, options=LinkOptions(), state=tmp_path)
    assert list(tmp_path.iterdir()) == []
