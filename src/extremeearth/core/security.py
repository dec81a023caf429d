"""Who may do what: principals, scopes and the guards of routes.

`processing.accounts` supplies the verifier that turns a header into a principal; `app` wires it into the
application. Lower layers know only what is here.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Protocol, cast

from fastapi import Depends, Request

from extremeearth.core.errors import KeyInvalidError, NotFoundError, ScopeError

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


class Scope(StrEnum):
    """A right that an API key can carry; what a caller may do is these, cut down to the role in the project."""

    DATA_READ = "data:read"
    DATA_WRITE = "data:write"
    JOB_READ = "job:read"
    JOB_RUN = "job:run"
    MODEL_READ = "model:read"
    MODEL_WRITE = "model:write"
    SERVING_INFER = "serving:infer"
    GRAPH_READ = "graph:read"
    GRAPH_WRITE = "graph:write"
    PROJECT_ADMIN = "project:admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A caller: a user acting in one project by a key, or nobody.

    Attributes
    ----------
    user_id, project_id, key_id
        `None` for an anonymous caller.
    scopes
        The effective rights: the key's scopes intersected with what the user's role allows.
    """

    user_id: str | None = None
    project_id: str | None = None
    key_id: str | None = None
    scopes: frozenset[Scope] = frozenset()

    @property
    def anonymous(self) -> bool:
        """Whether no key was sent."""
        return self.key_id is None

    def need(self, scope: Scope) -> None:
        """Raise unless the caller has `scope`.

        Examples
        --------
        >>> Principal(user_id="u", project_id="p", key_id="k").need(Scope.JOB_RUN)
        Traceback (most recent call last):
            ...
        extremeearth.core.errors.ScopeError: The API key lacks the scope job:run. Use a key that has it.
        """
        if self.anonymous:
            raise KeyInvalidError(
                "This needs an API key.",
                hint="Send it in the header 'Authorization: ApiKey <prefix>.<secret>'.",
            )
        if scope not in self.scopes:
            raise ScopeError(f"The API key lacks the scope {scope}.", hint="Use a key that has it.")

    def may_see(self, project_id: str | None, *, public: bool = False) -> bool:
        """Tell whether a resource of `project_id` is visible to this caller."""
        return public or (project_id is not None and project_id == self.project_id)

    def must_see(self, what: str, project_id: str | None, *, public: bool = False) -> None:
        """Raise `NotFoundError`, as if it did not exist, unless the resource is visible."""
        if not self.may_see(project_id, public=public):
            raise NotFoundError(
                f"There is no {what}.", hint="Check the name, and that your key is of its project."
            )


ANONYMOUS = Principal()
"""Nobody: sees what is public, may change nothing."""


class Verifier(Protocol):
    """Turns the value of an ``Authorization`` header into a principal."""

    def verify(self, secret: str) -> Principal:
        """Give the principal of ``prefix.secret``, or raise `KeyInvalidError` or `KeyExpiredError`."""


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
