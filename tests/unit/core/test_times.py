"""Time frames: what is read, what is refused, and that writing and reading agree."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extremeearth.core.errors import TimeRangeError
from extremeearth.core.times import TimeRange, as_instant, as_time_range, format_instant

offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=offsets)
frames = (
    st.tuples(instants, instants)
    .map(sorted)
    .map(lambda pair: TimeRange(start=pair[0], end=pair[1]))
)


@given(instants)
def test_what_is_written_is_read_as_the_same_instant(instant: datetime) -> None:
    text = format_instant(instant)
    assert text.endswith("Z")
    assert as_instant(text) == instant


@given(frames)
def test_a_frame_survives_its_text(frame: TimeRange) -> None:
    assert as_time_range(str(frame)) == frame


@given(frames, frames)
def test_frames_overlap_when_they_share_an_instant(a: TimeRange, b: TimeRange) -> None:
    assert a.start is not None
    assert b.start is not None
    later = max(a.start, b.start)
    assert a.overlaps(b) == b.overlaps(a) == (a.contains(later) and b.contains(later))


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2018-03-08", "2018-03-08T00:00:00Z", "2018-03-08T23:59:59.999999Z"),
        ("2018-03-08T10:00:00+02:00", "2018-03-08T08:00:00Z", "2018-03-08T08:00:00Z"),
        ("2018-03-01/2018-03-02", "2018-03-01T00:00:00Z", "2018-03-02T23:59:59.999999Z"),
        ("2018-03-01T12:00:00/2018-03-02T12:00:00", "2018-03-01T12:00:00Z", "2018-03-02T12:00:00Z"),
        ("../2018-03-02", None, "2018-03-02T23:59:59.999999Z"),
        ("2018-03-01/", "2018-03-01T00:00:00Z", None),
        (" 2018-03-01 / .. ", "2018-03-01T00:00:00Z", None),
    ],
)
def test_intervals_are_read_as_stac_writes_them(
    text: str, start: str | None, end: str | None
) -> None:
    frame = as_time_range(text)
    assert (frame.start and format_instant(frame.start)) == start
    assert (frame.end and format_instant(frame.end)) == end


@pytest.mark.parametrize(
    "value",
    ["", "..", "../..", "/", "yesterday", "2018-13-01", "2018-02-30", "2018-03-02/2018-03-01", "a/b", "1/2/3",
     "2018-03-01/2018-03-02/2018-03-03", (None, None), (), ("2018-03-01",) * 3],
)  # fmt: skip
def test_what_is_no_time_frame_is_refused_with_a_hint(value: object) -> None:
    with pytest.raises(TimeRangeError) as refused:
        as_time_range(value)  # type: ignore[arg-type]  # the point of the test
    assert refused.value.hint


def test_dates_instants_and_pairs_are_taken() -> None:
    noon = datetime(2018, 3, 8, 12, tzinfo=UTC)
    assert as_time_range(noon) == TimeRange(start=noon, end=noon)
    assert as_time_range(date(2018, 3, 8)) == as_time_range("2018-03-08")
    assert as_time_range([None, noon]) == TimeRange(end=noon)
    frame = TimeRange(start=noon)
    assert as_time_range(frame) is frame


def test_both_ends_belong_to_the_frame_and_open_sides_are_endless() -> None:
    frame = as_time_range("2018-03-01/2018-03-31")
    assert frame.start is not None
    assert frame.end is not None
    assert frame.contains(frame.start)
    assert frame.contains(frame.end)
    assert not frame.contains(frame.end + timedelta(microseconds=1))
    assert not frame.contains(frame.start - timedelta(microseconds=1))
    assert TimeRange().overlaps(frame)
    assert TimeRange(start=frame.end).overlaps(frame)
    assert not TimeRange(end=frame.start - timedelta(1)).overlaps(frame)
