"""Work for a request that stops when nobody waits for it any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio
from fastapi import Request
from starlette.concurrency import run_in_threadpool

from extremeearth.core.progress import CancelToken

__all__ = ["run_watched"]

Result = TypeVar("Result")


async def run_watched(request: Request, function: Callable[[CancelToken], Result]) -> Result:
    """Run a function in a thread; its token is cancelled when the client goes away.

    Parameters
    ----------
    request
        A request whose body has been read.
    function
        Takes the token and looks at it.

    Raises
    ------
    Exception
        What `function` raises.
    """
    token = CancelToken()
    outcome: list[Result] = []
    failure: list[BaseException] = []

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        token.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        try:
            outcome.append(await run_in_threadpool(function, token))
        except Exception as err:  # raised again below: a task group would wrap it
            failure.append(err)
        group.cancel_scope.cancel()
    if failure:
        raise failure[0]
    return outcome[0]
