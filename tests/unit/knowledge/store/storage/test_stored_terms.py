"""The dictionary in memory, and the values of its literals."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.storage import dictionary as dictionary_module
from extremeearth.knowledge.store.storage import open_storage
from extremeearth.knowledge.store.storage.dictionary import (
    StoredTerms,
    file_of_terms,
    hash_terms,
    terms_of_file,
)
from extremeearth.knowledge.store.storage.typed_values import NO_INSTANT, instants, numbers

KEYS = st.tuples(
    st.sampled_from([types.IRI, types.BLANK, types.STRING, types.INTEGER]), st.text(max_size=3)
)


def column_of(keys: list[tuple[int, str]]) -> TermColumn:
    codes = np.array([code for code, _ in keys], np.int32)
    return TermColumn(codes, pa.array([text for _, text in keys], pa.large_string()))


def keys_of(column: TermColumn) -> list[tuple[int, str]]:
    return list(zip(column.types.tolist(), column.values.to_pylist(), strict=True))


@settings(deadline=None)
@given(st.lists(st.lists(KEYS, max_size=8), max_size=6), st.booleans())
def test_the_dictionary_is_a_dictionary(batches: list[list[tuple[int, str]]], hashed: bool) -> None:
    expected: dict[tuple[int, str], int] = {}
    terms = StoredTerms()
    for batch in batches:
        column = column_of(batch)
        assert terms.find(column).tolist() == [expected.get(key, -1) for key in batch]
        new = [key for key in dict.fromkeys(batch) if key not in expected]
        expected |= {key: len(expected) + i + 1 for i, key in enumerate(new)}
        added = column_of(new)
        terms = terms.extended(added, hash_terms(added) if hashed else None)
    every = list(expected)
    assert terms.find(column_of(every)).tolist() == list(expected.values())
    assert keys_of(terms.take(np.arange(1, len(terms) + 1))) == every
    assert keys_of(terms.after(len(every) // 2)) == every[len(every) // 2 :]
    backwards = np.arange(len(terms), 0, -1)
    assert keys_of(terms.take(backwards)) == every[::-1]
    assert terms.types(backwards).tolist() == [code for code, _ in every[::-1]]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.lists(KEYS, max_size=12), max_size=4))
def test_terms_of_one_hash_are_told_apart(batches: list[list[tuple[int, str]]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            dictionary_module, "hash_terms", lambda column: (column.types % 2).astype(np.uint64)
        )
        patch.setattr(
            "extremeearth.knowledge.store.storage.transaction.hash_terms",
            lambda column: (column.types % 2).astype(np.uint64),
        )
        storage = open_storage(None)
        from extremeearth.knowledge.store.storage.transaction import Transaction

        writing = Transaction(storage.snapshot())
        given_numbers: dict[tuple[int, str], int] = {}
        for batch in batches:
            found = writing.number(column_of(batch)).tolist()
            for key, number in zip(batch, found, strict=True):
                assert given_numbers.setdefault(key, number) == number
        assert sorted(given_numbers.values()) == list(range(1, len(given_numbers) + 1))


def test_numbers_follow_the_order_of_terms() -> None:
    from extremeearth.knowledge.store.storage.transaction import Transaction

    writing = Transaction(open_storage(None).snapshot())
    keys = [(types.IRI, text) for text in ["z", "a", "z", "m", "a"]]
    assert writing.number(column_of(keys)).tolist() == [1, 2, 1, 3, 2]
    assert writing.number(column_of([(types.IRI, "m"), (types.IRI, "b")])).tolist() == [3, 4]


def test_many_small_pieces_are_put_together() -> None:
    terms = StoredTerms()
    for i in range(300):
        column = column_of([(types.IRI, f"{i}"), (types.STRING, f"{i}")])
        terms = terms.extended(column, hash_terms(column))
    assert len(terms._chunks) < 12
    assert len(terms._indexes) < 12
    assert terms.find(column_of([(types.STRING, "299"), (types.IRI, "0")])).tolist() == [600, 1]


def test_a_file_of_terms_reads_back() -> None:
    keys = [
        (types.IRI, "urn:a"),
        (types.language_code("de"), "x"),
        (types.INTEGER, "7"),
        (types.BLANK, ""),
    ]
    ids, column = terms_of_file(file_of_terms(column_of(keys), 5))
    assert ids.tolist() == [5, 6, 7, 8]
    assert keys_of(column) == keys
    assert terms_of_file(file_of_terms(column_of([]), 1))[0].tolist() == []


def values(code: int, texts: list[str]) -> list[float]:
    codes = np.full(len(texts), code, np.int32)
    return numbers(codes, pa.array(texts, pa.large_string())).tolist()


@given(st.integers(-(10**30), 10**30))
def test_integers(number: int) -> None:
    assert values(types.INTEGER, [str(number), f" +{abs(number)}\n"]) == [
        float(number),
        float(abs(number)),
    ]


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=9, min_value=-(10**12), max_value=10**12
    )
)
def test_decimals(number: Decimal) -> None:
    assert values(types.DECIMAL, [f"{number:f}"]) == [float(number)]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_doubles(number: float) -> None:
    assert values(types.DOUBLE, [repr(number)]) == [number]


def test_forms_of_numbers() -> None:
    nan = math.nan
    np.testing.assert_array_equal(
        values(
            types.DOUBLE,
            ["INF", "-INF", "+INF", "NaN", "inf", "1e5", ".5E-1", "1.", "", "1f", "0x1"],
        ),
        [math.inf, -math.inf, math.inf, nan, nan, 1e5, 0.05, 1.0, nan, nan, nan],
    )
    np.testing.assert_array_equal(
        values(types.INTEGER, ["1.0", "1e1", "--1", "-0"]), [nan, nan, nan, 0]
    )
    np.testing.assert_array_equal(
        values(types.DECIMAL, ["1e1", "INF", "-.5", "5."]), [nan, nan, -0.5, 5]
    )
    assert values(types.FLOAT, ["0.1", "1e39"]) == [float(np.float32(0.1)), math.inf]
    byte = types.datatype_code("http://www.w3.org/2001/XMLSchema#byte")
    np.testing.assert_array_equal(values(byte, ["127", "128", "-129", "+1"]), [127, nan, nan, 1])
    np.testing.assert_array_equal(values(types.STRING, ["1"]), [nan])


def moments(code: int, texts: list[str]) -> list[int]:
    return instants(
        np.full(len(texts), code, np.int32), pa.array(texts, pa.large_string())
    ).tolist()


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.datetimes(timezones=st.just(UTC)), st.integers(-14 * 60, 14 * 60))
def test_moments(moment: datetime, offset: int) -> None:
    shifted = moment.replace(tzinfo=None)
    zone = f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
    expected = (moment - EPOCH) // timedelta(microseconds=1)
    texts = [f"{shifted.isoformat()}Z", f"{shifted.isoformat()}{zone}"]
    assert moments(types.DATE_TIME, texts) == [expected, expected - offset * 60_000_000]


def test_forms_of_moments() -> None:
    day = 86_400_000_000
    assert moments(types.DATE, ["1970-01-02", "1970-01-02Z", "1970-01-02+01:00", "-0001-01-01"])[:3] == [
        day, day, day - 3_600_000_000,
    ]  # fmt: skip
    bad = [
        "1970-01-01T00:00:00", "1970-02-30T00:00:00Z", "1970-01-01T24:00:01Z", "1970-13-01T00:00:00Z", "x",
        "1970-01-01T00:60:00Z", "1970-01-01T00:00:00+15:00", "99999999-01-01T00:00:00Z", "1900-02-29T00:00:00Z",
        "01970-01-01T00:00:00Z", "1970-01-01",
    ]  # fmt: skip
    assert set(moments(types.DATE_TIME, bad)) == {NO_INSTANT}
    assert moments(types.DATE_TIME, ["1970-01-01T24:00:00Z", "1970-01-01T00:00:00.1234567Z"]) == [
        day,
        123_456,
    ]
    assert moments(types.DATE_TIME, ["0000-01-01T00:00:00Z"]) == [-719_528 * day]
    assert moments(types.STRING, ["1970-01-02"]) == [NO_INSTANT]
