"""Time frames: half-open or closed intervals in UTC, as STAC and OGC APIs write them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from extremeearth.core.errors import TimeRangeError

__all__ = [
    "TimeLike",
    "TimeRange",
    "TimeRangeLike",
    "as_instant",
    "as_time_range",
    "format_instant",
]

type_hint = "Write RFC 3339, e.g. 2018-03-01T00:00:00Z, a date, or an interval start/end with '..' for open."

TimeLike = str | date | datetime
"""What is accepted as one instant."""


def as_instant(value: TimeLike, *, end_of_day: bool = False) -> datetime:
    """Read one instant; a bare date is its first, or with `end_of_day` its last, microsecond.

    A time without an offset is taken as UTC, as STAC demands.

    Examples
    --------
    >>> as_instant("2018-03-08").isoformat()
    '2018-03-08T00:00:00+00:00'
    >>> as_instant("2018-03-08T12:00:00+02:00").isoformat()
    '2018-03-08T10:00:00+00:00'
    """
    if isinstance(value, str):
        text = value.strip()
        try:
            value = (
                date.fromisoformat(text)
                if len(text) == len("2018-03-08")
                else datetime.fromisoformat(text)
            )
        except ValueError as err:
            raise TimeRangeError(f"'{text}' is not a time.", hint=type_hint) from err
    if isinstance(value, datetime):
        try:
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        except OverflowError as err:  # year 1 or 9999, and an offset that leads out of them
            raise TimeRangeError(f"'{value}' is not a time in UTC.", hint=type_hint) from err
    return datetime.combine(value, time.max if end_of_day else time.min, tzinfo=UTC)


def format_instant(value: datetime) -> str:
    """Write an instant as RFC 3339 in UTC with `Z`.

    Examples
    --------
    >>> format_instant(as_instant("2018-03-08"))
    '2018-03-08T00:00:00Z'
    """
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """From `start` to `end`, both included and in UTC; `None` leaves that side open.

    Examples
    --------
    >>> frame = as_time_range("2018-03-01/2018-03-31")
    >>> frame.contains(as_instant("2018-03-31T23:00:00Z"))
    True
    >>> str(as_time_range("2018-03-01/.."))
    '2018-03-01T00:00:00Z/..'
    """

    start: datetime | None = None
    end: datetime | None = None

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.end < self.start:
            raise TimeRangeError(
                f"The time frame ends ({format_instant(self.end)}) before it starts ({format_instant(self.start)}).",
                hint="Swap the two.",
            )

    def contains(self, instant: datetime) -> bool:
        """Tell whether `instant` lies inside."""
        return (self.start is None or self.start <= instant) and (
            self.end is None or instant <= self.end
        )

    def overlaps(self, other: TimeRange) -> bool:
        """Tell whether the two frames share an instant."""
        return (self.start is None or other.end is None or self.start <= other.end) and (
            other.start is None or self.end is None or other.start <= self.end
        )

    def __str__(self) -> str:
        start = ".." if self.start is None else format_instant(self.start)
        end = ".." if self.end is None else format_instant(self.end)
        return f"{start}/{end}"


TimeRangeLike = TimeRange | str | date | datetime | Iterable[TimeLike | None]
"""What is accepted as a time frame."""


def as_time_range(value: TimeRangeLike) -> TimeRange:
    """Read a time frame from an interval text, one instant, or a pair.

    Raises
    ------
    TimeRangeError
        The text cannot be read, both sides are open, or the end lies before the start.

    Examples
    --------
    >>> str(as_time_range("2018-03-08"))
    '2018-03-08T00:00:00Z/2018-03-08T23:59:59.999999Z'
    >>> str(as_time_range(("2018-03-08", None)))
    '2018-03-08T00:00:00Z/..'
    """
    if isinstance(value, TimeRange):
        return value
    if isinstance(value, str):
        parts: list[TimeLike | None] = [part.strip() for part in value.split("/")]
    elif isinstance(value, date):
        parts = [value]
    else:
        parts = list(value)
    if len(parts) == 1:
        parts = [parts[0], parts[0]]
    if len(parts) != 2:
        raise TimeRangeError(f"'{value}' is not a time frame.", hint=type_hint)
    start, end = (None if part in (None, "", "..") else part for part in parts)
    if start is None and end is None:
        raise TimeRangeError(
            "A time frame that is open on both sides says nothing.", hint=type_hint
        )
    return TimeRange(
        start=None if start is None else as_instant(start),
        end=None if end is None else as_instant(end, end_of_day=True),
    )
