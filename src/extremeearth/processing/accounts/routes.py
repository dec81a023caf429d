"""``/projects`` and ``/keys``: every write needs the scope ``project:admin``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from extremeearth.core.errors import KeyInvalidError
from extremeearth.core.security import Caller, Principal, Scope, requires
from extremeearth.core.times import format_instant
from extremeearth.processing.accounts.accounts import Accounts
from extremeearth.processing.accounts.keys import IssuedKey, KeyInfo
from extremeearth.processing.accounts.people import AuditEntry, Member, Project
from extremeearth.processing.accounts.roles import Role

__all__ = ["accounts_router"]

Admin = Annotated[Principal, Depends(requires(Scope.PROJECT_ADMIN))]


def _known(caller: Caller) -> Principal:
    if caller.anonymous:
        raise KeyInvalidError(
            "This needs an API key.",
            hint="Send it in the header 'Authorization: ApiKey <prefix>.<secret>'.",
        )
    return caller


Known = Annotated[Principal, Depends(_known)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewProject(_Body):
    """A project to make; its owner is the user of the key."""

    name: str = Field(max_length=64)
    title: str = Field("", max_length=200)


class NewKey(_Body):
    """A key to make in the project of the caller's key, for its user or another member."""

    name: str = Field(min_length=1, max_length=100)
    scopes: frozenset[Scope] = Field(min_length=1)
    days: int | None = Field(90, ge=1, le=3650, description="Days until it expires; null: never.")
    user: str | None = Field(
        None, max_length=64, description="Name of a member; default: the caller."
    )


class NewRole(_Body):
    """The role that a member shall have."""

    role: Role


class Overlap(_Body):
    """How long the old key goes on beside the new one."""

    overlap_hours: float = Field(24.0, ge=0, le=24 * 30)


def accounts_router(accounts: Accounts) -> APIRouter:
    """Make the routes ``/projects`` and ``/keys``.

    A project of somebody else is answered with 404, as if it did not exist.

    Examples
    --------
    >>> from extremeearth.core.database import Database
    >>> sorted({route.path for route in accounts_router(Accounts(Database("sqlite://"))).routes})[
    ...     :2
    ... ]
    ['/keys', '/keys/{prefix}']
    """
    router = APIRouter(tags=["accounts"])
    _add_projects(router, accounts)
    _add_members(router, accounts)
    _add_keys(router, accounts)
    return router


def _add_projects(router: APIRouter, accounts: Accounts) -> None:
    @router.get("/projects")
    def list_projects(caller: Known) -> dict[str, Any]:
        """List the projects that the key opens."""
        return {"projects": [_project(accounts.own_project(caller))]}

    @router.post("/projects", status_code=HTTPStatus.CREATED)
    def create_project(body: NewProject, caller: Admin) -> dict[str, Any]:
        """Make a project owned by the key's user, and its first key."""
        user = accounts.own_user(caller)
        project = accounts.create_project(body.name, owner=user, title=body.title, by=caller)
        key = accounts.create_key(
            user=user, project=project, name="first key", scopes=frozenset(Scope),
            expires=datetime.now(UTC) + timedelta(days=90), by=caller,
        )  # fmt: skip
        return {"project": _project(project), "key": _issued(key)}

    @router.get("/projects/{project}")
    def read_project(project: str, caller: Known) -> dict[str, Any]:
        """Describe a project."""
        return _project(accounts.project(project, viewer=caller))

    @router.get("/projects/{project}/audit")
    def read_audit(
        project: str,
        caller: Admin,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        before: Annotated[int | None, Query(ge=1, le=2**31)] = None,
    ) -> dict[str, Any]:
        """List what was done in a project, newest first."""
        found = accounts.project(project, viewer=caller)
        entries = accounts.audit(found, limit=limit, before=before)
        return {"entries": [_entry(entry) for entry in entries]}


def _add_members(router: APIRouter, accounts: Accounts) -> None:
    @router.get("/projects/{project}/members")
    def list_members(project: str, caller: Known) -> dict[str, Any]:
        """List the members of a project and their roles."""
        found = accounts.project(project, viewer=caller)
        return {"members": [_member(member) for member in accounts.members(found)]}

    @router.put("/projects/{project}/members/{user}")
    def set_member(project: str, user: str, body: NewRole, caller: Admin) -> dict[str, Any]:
        """Give a user a role in a project."""
        found = accounts.project(project, viewer=caller)
        member = accounts.add_member(found, accounts.find_user(user), body.role, by=caller)
        return _member(member)

    @router.delete("/projects/{project}/members/{user}", status_code=HTTPStatus.NO_CONTENT)
    def remove_member(project: str, user: str, caller: Admin) -> Response:
        """Take a user out of a project."""
        found = accounts.project(project, viewer=caller)
        accounts.remove_member(found, accounts.find_user(user), by=caller)
        return Response(status_code=HTTPStatus.NO_CONTENT)


def _add_keys(router: APIRouter, accounts: Accounts) -> None:
    @router.get("/keys")
    def list_keys(caller: Known) -> dict[str, Any]:
        """List keys without secrets: all of the project for its owners, for others their own."""
        project = accounts.own_project(caller)
        only = None if Scope.PROJECT_ADMIN in caller.scopes else accounts.own_user(caller)
        return {"keys": [_key(key) for key in accounts.keys(project=project, user=only)]}

    @router.post("/keys", status_code=HTTPStatus.CREATED)
    def create_key(body: NewKey, caller: Admin) -> dict[str, Any]:
        """Make a key; the answer is the only place where its token ever is."""
        expires = None if body.days is None else datetime.now(UTC) + timedelta(days=body.days)
        user = accounts.own_user(caller) if body.user is None else accounts.find_user(body.user)
        key = accounts.create_key(
            user=user, project=accounts.own_project(caller), name=body.name, scopes=body.scopes,
            expires=expires, by=caller,
        )  # fmt: skip
        return _issued(key)

    @router.post("/keys/{prefix}/rotation", status_code=HTTPStatus.CREATED)
    def rotate_key(prefix: str, body: Overlap, caller: Admin) -> dict[str, Any]:
        """Make a new key with the rights of an old one, which goes on for a while."""
        overlap = timedelta(hours=body.overlap_hours)
        return _issued(accounts.rotate(prefix, overlap=overlap, by=caller, viewer=caller))

    @router.delete("/keys/{prefix}", status_code=HTTPStatus.NO_CONTENT)
    def revoke_key(prefix: str, caller: Admin) -> Response:
        """Make a key useless from now on."""
        accounts.revoke(prefix, by=caller, viewer=caller)
        return Response(status_code=HTTPStatus.NO_CONTENT)


def _time(value: datetime | None) -> str | None:
    return None if value is None else format_instant(value)


def _project(project: Project) -> dict[str, Any]:
    return {"name": project.name, "title": project.title, "created": _time(project.created)}


def _member(member: Member) -> dict[str, Any]:
    return {"user": member.user.name, "role": member.role}


def _key(key: KeyInfo) -> dict[str, Any]:
    return {
        "prefix": key.prefix,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created": _time(key.created),
        "expires": _time(key.expires),
        "last_used": _time(key.last_used),
        "revoked": _time(key.revoked),
    }


def _issued(key: IssuedKey) -> dict[str, Any]:
    return _key(key) | {"token": key.token}


def _entry(entry: AuditEntry) -> dict[str, Any]:
    return {
        "number": entry.number,
        "at": _time(entry.at),
        "user_id": entry.user_id,
        "key": entry.key_id,
        "action": entry.action,
        "target": entry.target,
    }
