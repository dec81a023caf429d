"""Work in several threads, with results in order and little taken ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["in_order", "put_aside"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], *, threads: int
) -> Iterator[Result]:
    """Do some work on each item, several at once, and give the results in the order of the items.

    Arrow, Shapely and Polars work outside Python's lock, so threads share the cores without copies. At most
    ``2 * threads`` items are taken before their results are given; items come from the caller's thread.

    Examples
    --------
    >>> list(in_order(abs, [-1, 2, -3], threads=2))
    [1, 2, 3]
    """
    if threads == 1:
        yield from map(work, items)
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="in-order") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def put_aside(results: Iterable[Item], put: Callable[[Item], None], *, threads: int) -> None:
    """Put results away in their order; with several threads in one of its own, so that reading goes on.

    Where one cannot be put away, no more are made: a generator is closed before the error leaves.

    Examples
    --------
    >>> shelf: list[int] = []
    >>> put_aside([1, 2, 3], shelf.append, threads=2)
    >>> shelf
    [1, 2, 3]
    """
    try:
        if threads == 1:
            for result in results:
                put(result)
        else:
            _put_behind(results, put)
    finally:
        if isinstance(results, Generator):
            results.close()


def _put_behind(results: Iterable[Item], put: Callable[[Item], None]) -> None:
    waiting: deque[Future[None]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="put-aside") as pool:
        try:
            for result in results:
                waiting.append(pool.submit(put, result))
                if len(waiting) > 1:
                    waiting.popleft().result()
            while waiting:
                waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
