"""Sets of quads as sorted arrays, against Python's sets; data files against bits that flip."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.core.errors import DataBrokenError
from extremeearth.knowledge.store.storage import Writing, open_storage, quads_table
from extremeearth.knowledge.store.storage._files import OWN_FILE_ROWS
from extremeearth.knowledge.store.storage._parquet import read_parquet, to_parquet
from extremeearth.knowledge.store.storage._sorting import (
    locate,
    merged,
    net_changes,
    sorted_unique,
)
from extremeearth.knowledge.store.storage.quads import PredicateQuads
from extremeearth.knowledge.store.storage.state import split_by

Row = tuple[int, int, int]
SMALL = st.tuples(st.integers(1, 4), st.integers(1, 4), st.sampled_from([0, 0, 7, 9]))
HUGE = st.tuples(*[st.integers(1, 2**62) for _ in range(3)])
ROWS = st.one_of(st.lists(SMALL, max_size=30), st.lists(HUGE, max_size=10))


def columns(rows: list[Row]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    s, o, g = (np.array([row[i] for row in rows], np.int64) for i in range(3))
    return s, o, g


def rows_of(found: tuple[np.ndarray, np.ndarray, np.ndarray]) -> list[Row]:
    return list(zip(*(column.tolist() for column in found), strict=True))


@given(ROWS)
def test_sorting(rows: list[Row]) -> None:
    assert rows_of(sorted_unique(columns(rows))) == sorted(set(rows))


@given(ROWS, ROWS, st.booleans())
def test_finding_and_merging(have: list[Row], want: list[Row], by_one: bool) -> None:
    table, wanted = sorted_unique(columns(have)), sorted_unique(columns(want))
    with pytest.MonkeyPatch.context() as patch:
        if by_one:
            patch.setattr("extremeearth.knowledge.store.storage._sorting.FEW", 0)
        places, there = locate(table, wanted)
    assert there.tolist() == [row in set(have) for row in sorted(set(want))]
    s, o, g = (column[~there] for column in wanted)
    assert rows_of(merged(table, places[~there], (s, o, g))) == sorted({*have, *want})


@given(ROWS, ROWS)
def test_adding_and_taking_away(have: list[Row], want: list[Row]) -> None:
    quads, wanted = PredicateQuads.of(5, columns(have)), sorted_unique(columns(want))
    more, new = quads.plus(wanted)
    assert (rows_of(more.columns), rows_of(new)) == (
        sorted({*have, *want}),
        sorted({*want} - {*have}),
    )
    less, gone = quads.minus(wanted)
    assert (rows_of(less.columns), rows_of(gone)) == (
        sorted({*have} - {*want}),
        sorted({*want} & {*have}),
    )


@given(st.lists(st.tuples(SMALL, st.sampled_from([1, -1])), max_size=30))
def test_changes_add_up(changes: list[tuple[Row, int]]) -> None:
    found, sums = net_changes(
        columns([row for row, _ in changes]), np.array([c for _, c in changes], np.int8)
    )
    expected: dict[Row, int] = {}
    for row, change in changes:
        expected[row] = expected.get(row, 0) + change
    left = {row: total for row, total in expected.items() if total}
    assert dict(zip(rows_of(found), sums.tolist(), strict=True)) == left


@given(st.lists(SMALL, max_size=30), st.sampled_from([None, [], [0], [7], [0, 7], [0, 7, 9], [8]]))
def test_scans_filter(rows: list[Row], graphs: list[int] | None) -> None:
    quads = PredicateQuads.of(5, columns(rows))
    every = [row for row in sorted(set(rows)) if graphs is None or row[2] in graphs]
    for s in (None, 1, 4, 5):
        for o in (None, 2, 9):
            found = quads.rows(subject=s, object=o, graphs=graphs)
            listed = list(zip(*(found[name].to_pylist() for name in "sog"), strict=True))
            wanted = [row for row in every if s in {None, row[0]} and o in {None, row[1]}]
            assert sorted(listed) == wanted
            assert set(found["p"].to_pylist()) <= {5}
    assert quads.subject_count == len({s for s, _, _ in rows})
    assert quads.object_count == len({o for _, o, _ in rows})


@given(st.lists(st.integers(0, 3)))
def test_splitting(values: list[int]) -> None:
    parts = split_by(np.array(values, np.int64))
    found = {value: list(range(len(values))) if r is None else r.tolist() for value, r in parts}
    assert found == {v: [i for i, x in enumerate(values) if x == v] for v in sorted(set(values))}


def test_a_slice_is_not_copied() -> None:
    quads = PredicateQuads.of(5, columns([(s, o, 0) for s in range(1, 50) for o in range(1, 50)]))
    whole = quads.rows()
    part = quads.rows(subject=7, graphs=[0])
    assert part.num_rows == 49
    address = whole["o"].chunk(0).buffers()[1].address
    assert part["o"].chunk(0).buffers()[1].address == address


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 3 * OWN_FILE_ROWS), min_size=1, max_size=3), st.integers(0, 2**32))
def test_large_and_small_predicates_are_kept(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], seed: int
) -> None:
    """Rows go to files of their own or to a mixed one; another process must find the same."""
    from extremeearth.knowledge.sparql.terms import Iri
    from extremeearth.knowledge.store.columns import TermColumn
    from extremeearth.knowledge.store.storage import check, compact

    random = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("graph")
    storage = open_storage(folder)
    expected: set[tuple[int, ...]] = set()
    for size in sizes:

        def change(writing: Writing, size: int = size) -> None:
            ids = writing.number(TermColumn.of(Iri(f"urn:{i}") for i in range(500)))
            s, o = random.choice(ids, (2, size))
            p = random.choice(ids[:3], size, p=[0.9, 0.09, 0.01])
            rows = quads_table(s, p, o, np.zeros(size, np.int64))
            writing.insert(rows)
            gone = rows.slice(0, size // 3)
            writing.delete(gone)
            expected.update(as_rows(rows))
            expected.difference_update(as_rows(gone))

        storage.transact(change)
    for _ in range(2):
        for opened in (storage, open_storage(folder)):
            snapshot = opened.snapshot()
            assert len(snapshot) == len(expected)
            assert set(as_rows(snapshot.scan())) == expected
            assert len(snapshot.predicates()) == len({p for _, p, _, _ in expected})
        assert check(storage).problems == ()
        compact(storage)


def as_rows(table: pa.Table) -> list[tuple[int, ...]]:
    return list(zip(*(table[name].to_pylist() for name in "spog"), strict=True))


def test_a_bit_that_flips_is_noticed() -> None:
    table = pa.table(
        {"id": pa.array(np.arange(100)), "value": [f"urn:{i * 7919}" for i in range(100)]}
    )
    content = to_parquet(table)
    footer = int.from_bytes(content[-8:-4], "little") + 8
    noticed = 0
    for place in range(len(content) - footer):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        try:
            read = read_parquet(bytes(damaged), name="damaged")
        except DataBrokenError:
            noticed += 1
        else:
            assert read.equals(table), "what was changed says nothing of the values"
    assert noticed > (len(content) - footer) * 0.7
