"""Reading, comparing and shifting points in time and durations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.expressions.durations import (
    DURATION_CODES,
    read_duration_texts,
    read_durations,
    shifted,
)
from extremeearth.knowledge.store.expressions.time_reading import read_times
from extremeearth.knowledge.store.expressions.times import civil, days

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
zones = st.one_of(
    st.just(UTC),
    st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
moments = st.datetimes(
    min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=zones
)


def _written(moment: datetime) -> str:
    text = moment.isoformat()
    return text.replace("+00:00", "Z") if moment.utcoffset() == timedelta(0) else text


@settings(max_examples=150, deadline=None)
@given(st.lists(moments, min_size=1, max_size=8), st.booleans())
def test_instants_like_python(given_moments, offset):
    texts = [_written(moment) for moment in given_moments]
    if offset:  # the bytes of a slice do not start where its buffer starts
        texts = ["2000-01-01T00:00:00Z", *texts]
    column = TermColumn.of_values(types.DATE_TIME, texts)
    if offset:
        column = TermColumn(column.types[1:], column.values[1:])
    times = read_times(column)
    for row, moment in enumerate(given_moments):
        passed = moment - EPOCH
        assert times.instants[row] == passed.days * 86_400 + passed.seconds
        assert times.fractions[row] == passed.microseconds * 10**12
        assert times.zones[row] * 60 == moment.utcoffset().total_seconds()


@pytest.mark.parametrize(
    ("code", "good", "bad"),
    [
        (
            types.DATE_TIME,
            ["2000-02-29T00:00:00", "2000-01-01T24:00:00Z", "-0044-03-15T12:00:00Z", "2000-01-01T00:00:00+14:00",
             "12345-01-01T00:00:00.000000000000000000000001Z", "0000-01-01T00:00:00"],
            ["2001-02-29T00:00:00", "2000-01-01T24:00:01Z", "2000-01-01T25:00:00Z", "2000-01-01T00:60:00Z",
             "2000-01-01T00:00:60Z", "2000-00-01T00:00:00Z", "2000-13-01T00:00:00Z", "2000-01-00T00:00:00Z",
             "2000-01-01T00:00:00+14:01", "2000-01-01T00:00:00+13:60", "2000-01-01 00:00:00Z", "00000-01-01T00:00:00",
             "2000-01-01T00:00:00.", "2000-01-01T00:00:00.Z", "2000-01-01", " 2000-01-01T00:00:00Z", "",
             "200a-01-01T00:00:00Z", "99999999999999-01-01T00:00:00Z"],
        ),
        (types.DATE, ["2000-02-29", "2000-01-01Z", "2000-01-01-05:00", "-0001-01-01"],
         ["2000-02-30", "2000-1-1", "2000-01-01T00:00:00", "2000-01-01+15:00", "20000101", "2000-01-01z"]),
        (types.TIME, ["00:00:00", "24:00:00", "23:59:59.999Z"], ["24:00:01", "23:59:60", "1:00:00", "10:00"]),
    ],
)  # fmt: skip
def test_lexical_forms(code, good, bad):
    for texts, expected in ((good, True), (bad, False)):
        alone = [bool(read_times(TermColumn.of_values(code, [text])).present[0]) for text in texts]
        assert alone == [expected] * len(texts), dict(zip(texts, alone, strict=True))
        assert read_times(TermColumn.of_values(code, texts)).present.tolist() == alone
    mixed = [text for pair in zip(good * 20, bad * 20, strict=False) for text in pair]
    assert read_times(TermColumn.of_values(code, mixed)).present.tolist() == [True, False] * (
        len(mixed) // 2
    )


def test_calendar_there_and_back():
    counted = np.arange(-1_000_000, 1_000_000, 97)
    assert (days(*civil(counted)) == counted).all()


@settings(max_examples=100, deadline=None)
@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), st.integers(-(10**8), 10**8))
def test_shift_like_python(moment, seconds):
    times = read_times(TermColumn.of_values(types.DATE_TIME, [moment.isoformat()]))
    sign = "-" if seconds < 0 else ""
    span = read_durations(
        TermColumn.of_values(types.DAY_TIME_DURATION, [f"{sign}PT{abs(seconds)}S"])
    )
    text = shifted(times, span).column().values[0].as_py()
    assert datetime.fromisoformat(text) == moment + timedelta(seconds=seconds)


def test_forms_of_durations():
    good = {
        types.DURATION: ["P1Y", "P1Y2M3DT4H5M6.7S", "-P0D", "PT0S", "P1M1D"],
        types.DAY_TIME_DURATION: ["P1D", "PT36H", "-PT0.5S", "P1DT1M"],
        types.YEAR_MONTH_DURATION: ["P1Y", "-P14M", "P0M"],
    }
    bad = ["P", "PT", "P1DT", "1D", "P1S", "PT1D", "P1M1Y", "P-1D", "P1.5D", "PT1.S", "", "p1d"]
    for code in DURATION_CODES:
        wrong = [*bad, *(["P1Y", "P1M"] if code == types.DAY_TIME_DURATION else [])]
        wrong += ["P1D", "PT1S"] if code == types.YEAR_MONTH_DURATION else []
        column = TermColumn.of_values(code, good[code] + wrong)
        found = read_duration_texts(code, column.values).present.tolist()
        assert found == [True] * len(good[code]) + [False] * len(wrong)
