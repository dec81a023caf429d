"""What happens when the work on one item fails: tried again or not, and how the error names it."""

from __future__ import annotations

import copy
import errno
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from extremeearth.core import errors
from extremeearth.core.progress import Task

Item = TypeVar("Item")
Result = TypeVar("Result")

NOT_RETRIED = (
    errors.InputError,
    errors.DataError,
    errors.AccessError,
    errors.NotFoundError,
    errors.ConflictError,
    errors.CancelledError,
)
"""Errors that would come again: another try only costs time."""
MAX_NAME = 120


def is_retried(error: BaseException) -> bool:
    """Tell whether the same work may succeed next time."""
    return not isinstance(error, NOT_RETRIED)


def named(
    error: BaseException, *, label: str, index: int, item: object
) -> errors.ExtremeEarthError:
    """Make the error to raise for an item: what it was, which item, and the cause kept.

    Errors of our tree keep their class, code and hint; others become one of the tree.
    """
    text = repr(item)
    short = text if len(text) <= MAX_NAME else f"{text[: MAX_NAME - 1]}…"
    place = f"{label}, item {index} ({short})"
    if isinstance(error, errors.ExtremeEarthError):
        result = copy.copy(error)
        result.message = f"{place}: {error.message}"
        return result
    what = f"{place}: {type(error).__name__}: {error}"
    if isinstance(error, OSError):
        hint = (
            "Free some space." if error.errno == errno.ENOSPC else "Check the disk and your rights."
        )
        return errors.StorageError(what, hint=hint)
    if isinstance(error, MemoryError):
        return errors.UnavailableError(what, hint="Use fewer workers or smaller pieces.")
    return errors.ExtremeEarthError(what, hint="The cause is kept with this error.")


def run_here(
    function: Callable[[Item], Result], items: Iterable[Item], task: Task, *, retries: int
) -> Iterator[Result]:
    """Run the items one after the other in this process."""
    with task:
        for index, item in enumerate(items):
            yield _run_one(function, index, item, task, retries)
            task.advance()


def _run_one(
    function: Callable[[Item], Result], index: int, item: Item, task: Task, retries: int
) -> Result:
    attempt = 0
    while True:
        task.progress.token.check()
        try:
            return function(item)
        except Exception as err:
            if attempt == retries or not is_retried(err):
                raise named(err, label=task.label, index=index, item=item) from err
            attempt += 1
