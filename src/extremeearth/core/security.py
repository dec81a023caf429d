"""Who may do what: principals, scopes and the guards of routes.

`processing.accounts` supplies the verifier that turns a header into a principal; `app` wires it into the
application. Lower layers know only what is here.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Annotated, cast

from fastapi import Depends, Request

from extremeearth.core.errors import KeyInvalidError
from extremeearth.core.principals import ANONYMOUS, Principal, Scope, Verifier

__all__ = [
    "ANONYMOUS",
    "Caller",
    "LocalKey",
    "Principal",
    "Scope",
    "Verifier",
    "authorization_of",
    "identify",
    "requires",
]


class LocalKey:
    """A key that is made when a server starts and ends with it, for a store that is served alone.

    Examples
    --------
    >>> key = LocalKey()
    >>> Scope.GRAPH_WRITE in key.verify(key.secret).scopes
    True
    """

    def __init__(self) -> None:
        self.secret = f"local.{secrets.token_urlsafe(24)}"

    def verify(self, secret: str) -> Principal:
        """Give the principal that may read and write the graph.

        Raises
        ------
        KeyInvalidError
            It is another key.
        """
        if not secrets.compare_digest(secret.encode(), self.secret.encode()):
            raise KeyInvalidError(
                "The API key is not known.",
                hint="Use the key that was shown when the server started.",
            )
        scopes = frozenset({Scope.GRAPH_READ, Scope.GRAPH_WRITE})
        return Principal(user_id="local", project_id="local", key_id="local", scopes=scopes)


def authorization_of(request: Request) -> str | None:
    """Read ``prefix.secret`` from the header; both ``ApiKey`` and ``Bearer`` are accepted."""
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, value = header.partition(" ")
    if scheme.lower() not in {"apikey", "bearer"} or not value.strip():
        raise KeyInvalidError(
            "The Authorization header cannot be read.",
            hint="Write 'Authorization: ApiKey <prefix>.<secret>'.",
        )
    return value.strip()


def identify(request: Request) -> Principal:
    """FastAPI dependency: who calls; anonymous without a key, an error with a wrong one."""
    secret = authorization_of(request)
    if secret is None:
        return ANONYMOUS
    verifier = cast("Verifier | None", getattr(request.app.state, "verifier", None))
    if verifier is None:
        raise KeyInvalidError("This server knows no keys.", hint="Send the request without a key.")
    return verifier.verify(secret)


Caller = Annotated[Principal, Depends(identify)]
"""Annotation of a route's parameter that receives the caller."""


def requires(scope: Scope) -> Callable[[Principal], Principal]:
    """Make a FastAPI dependency that lets only callers with `scope` pass, before the route runs.

    Examples
    --------
    ``router.post("/jobs", dependencies=[Depends(requires(Scope.JOB_RUN))])``, or as annotation
    ``caller: Annotated[Principal, Depends(requires(Scope.JOB_RUN))]``.

    >>> guard = requires(Scope.JOB_RUN)
    >>> guard(Principal(key_id="k", scopes=frozenset({Scope.JOB_RUN}))).key_id
    'k'
    """

    def guard(caller: Caller) -> Principal:
        caller.need(scope)
        return caller

    guard.required_scope = scope  # type: ignore[attr-defined]  # read by the test that walks the route table
    return guard
