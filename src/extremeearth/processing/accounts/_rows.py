"""Rows to values."""

from __future__ import annotations

from sqlalchemy.orm import Session

from extremeearth.core.security import Scope
from extremeearth.processing.accounts.keys import KeyInfo
from extremeearth.processing.accounts.people import AuditEntry, Member, Project, User
from extremeearth.processing.accounts.roles import Role
from extremeearth.processing.accounts.tables import (
    AuditRow,
    KeyRow,
    MemberRow,
    ProjectRow,
    UserRow,
)


def user_of(row: UserRow) -> User:
    return User(id=row.id, name=row.name, email=row.email, created=row.created)


def project_of(row: ProjectRow) -> Project:
    return Project(id=row.id, name=row.name, title=row.title, created=row.created)


def member_of(user: UserRow, role: str) -> Member:
    return Member(user=user_of(user), role=Role(role))


def key_of(row: KeyRow) -> KeyInfo:
    return KeyInfo(
        prefix=row.prefix,
        name=row.name,
        user_id=row.user_id,
        project_id=row.project_id,
        scopes=frozenset(map(Scope, row.scopes)),
        created=row.created,
        expires=row.expires,
        last_used=row.last_used,
        revoked=row.revoked,
    )


def audit_of(row: AuditRow) -> AuditEntry:
    return AuditEntry(
        number=row.number,
        at=row.at,
        user_id=row.user_id,
        project_id=row.project_id,
        key_id=row.key_id,
        action=row.action,
        target=row.target,
    )


def role_of(session: Session, *, project_id: str, user_id: str) -> Role | None:
    row = session.get(MemberRow, (project_id, user_id))
    return None if row is None else Role(row.role)
