"""Who calls, and what such a caller may do: scopes and principals."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from extremeearth.core.errors import KeyInvalidError, NotFoundError, ScopeError

__all__ = ["ANONYMOUS", "Principal", "Scope", "Verifier"]


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
