"""Several threads: results in order, little taken ahead, errors where the results are used."""

from __future__ import annotations

import threading
import time

import pytest

from extremeearth.core.threads import in_order, put_aside


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_results_come_in_the_order_of_the_items(threads: int) -> None:
    def slow(number: int) -> int:
        time.sleep(0.01 if number % 3 == 0 else 0.0)
        return number * number

    assert list(in_order(slow, range(30), threads=threads)) == [n * n for n in range(30)]


@pytest.mark.parametrize("threads", [1, 3])
def test_only_a_few_items_are_taken_ahead(threads: int) -> None:
    taken = []
    items = (taken.append(number) or number for number in range(100))
    results = in_order(abs, items, threads=threads)
    for wanted in range(10):
        assert next(results) == wanted
        assert len(taken) <= wanted + 2 * threads
    results.close()
    assert len(taken) < 10 + 2 * threads


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_comes_after_the_results_before_it(threads: int) -> None:
    results = in_order(lambda number: 1 // (3 - number), range(10), threads=threads)
    assert [next(results) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_results_are_put_away_by_another_thread_while_more_are_made() -> None:
    shelf, second_made = [], threading.Event()

    def results():
        yield 0
        second_made.set()
        yield 1

    def put(number: int) -> None:
        assert second_made.wait(30), "the first is put away while the second is made"
        shelf.append((number, threading.get_ident()))

    put_aside(results(), put, threads=2)
    assert [number for number, _ in shelf] == [0, 1]
    assert threading.get_ident() not in {who for _, who in shelf}


@pytest.mark.parametrize("threads", [1, 2])
def test_nothing_is_made_long_after_it_cannot_be_put_away(threads: int) -> None:
    made = []

    def put(_: int) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        put_aside((made.append(n) or n for n in range(100)), put, threads=threads)
    assert len(made) <= 3


@pytest.mark.parametrize("threads", [1, 2])
def test_what_makes_results_has_ended_before_an_error_leaves(threads: int) -> None:
    """Workers of an engine end with its generator: they must not write to a folder that is taken away next."""
    ended = []

    def results():
        try:
            yield from range(100)
        finally:
            ended.append(True)

    made = results()
    with pytest.raises(ZeroDivisionError):
        put_aside(made, lambda number: 1 // number, threads=threads)
    assert ended == [True]
