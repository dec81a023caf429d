"""A query stops when nobody wants it any more, and before its answer fills the memory."""

from __future__ import annotations

import threading

import pyarrow as pa
import pytest

from extremeearth.core.errors import CancelledError, InputError, LimitError
from extremeearth.core.progress import CancelToken
from extremeearth.infrastructure.engine import LocalEngine

NUMBERS = pa.table({"n": list(range(20_000))})


def test_a_join_that_gives_no_row_stops_when_it_is_cancelled() -> None:
    token = CancelToken()
    timer = threading.Timer(0.2, token.cancel)
    timer.start()
    statement = """select count(*) from t a join t b on a.n * b.n < -1 and still_wanted(a.n, b.n)
                   join t c on c.n * b.n < -1 and still_wanted(b.n, c.n)"""
    try:
        with pytest.raises(CancelledError):
            LocalEngine().sql(statement, token=token, t=NUMBERS)
    finally:
        timer.cancel()


def test_a_long_answer_stops_when_it_is_cancelled() -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(CancelledError):
        LocalEngine().sql("select * from t", token=token, t=NUMBERS)


def test_an_answer_may_not_be_larger_than_asked_for() -> None:
    with pytest.raises(LimitError, match="larger than"):
        LocalEngine().sql("select a.n from t a cross join t b", most_bytes=1_000_000, t=NUMBERS)
    assert LocalEngine().sql("select n from t", most_bytes=1_000_000, t=NUMBERS).num_rows == 20_000


def test_still_wanted_is_true() -> None:
    found = LocalEngine().sql("select count(*) as n from t where still_wanted(n, n)", t=NUMBERS)
    assert found.to_pydict() == {"n": [20_000]}


class SilentOnce(CancelToken):
    """Raises an error without a text the first time it is asked."""

    asked = 0

    def check(self) -> None:
        self.asked += 1
        if self.asked == 1:
            raise MemoryError


def test_an_error_that_says_nothing_is_told_by_its_name() -> None:
    with pytest.raises(InputError, match="could not be run: MemoryError"):
        LocalEngine().sql("select 1 as n", token=SilentOnce())
