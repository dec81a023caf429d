"""What a role in a project allows."""

from __future__ import annotations

from enum import StrEnum

from extremeearth.core.errors import InputError
from extremeearth.core.security import Scope

__all__ = ["Role", "allowed", "as_role"]


class Role(StrEnum):
    """What a user is in a project."""

    OWNER = "owner"
    CONTRIBUTOR = "contributor"
    VIEWER = "viewer"


_READ = frozenset({Scope.DATA_READ, Scope.JOB_READ, Scope.MODEL_READ, Scope.GRAPH_READ})
_ALLOWED = {
    Role.OWNER: frozenset(Scope),
    Role.CONTRIBUTOR: frozenset(Scope) - {Scope.PROJECT_ADMIN},
    Role.VIEWER: _READ,
}


def allowed(role: Role) -> frozenset[Scope]:
    """Give the scopes that a key of somebody with `role` can have.

    Examples
    --------
    >>> Scope.PROJECT_ADMIN in allowed(Role.CONTRIBUTOR)
    False
    >>> sorted(allowed(Role.VIEWER))
    [<Scope.DATA_READ: 'data:read'>, <Scope.GRAPH_READ: 'graph:read'>, <Scope.JOB_READ: 'job:read'>,
     <Scope.MODEL_READ: 'model:read'>]
    """
    return _ALLOWED[role]


def as_role(value: str) -> Role:
    """Read a role.

    Raises
    ------
    InputError
        There is no such role.

    Examples
    --------
    >>> as_role("viewer")
    <Role.VIEWER: 'viewer'>
    """
    try:
        return Role(value)
    except ValueError as err:
        raise InputError(
            f"'{value}' is not a role.", hint=f"Roles are: {', '.join(Role)}."
        ) from err
