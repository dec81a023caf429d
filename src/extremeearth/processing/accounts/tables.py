"""Tables of users, projects, members, keys and the audit log."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from extremeearth.core.database import Base, UtcDateTime

__all__ = ["AuditRow", "KeyRow", "MemberRow", "ProjectRow", "UserRow"]

ID = String(32)
NAME = String(64)


class UserRow(Base):
    """A person."""

    __tablename__ = "users"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    name: Mapped[str] = mapped_column(NAME, unique=True)
    email: Mapped[str | None] = mapped_column(String(254))
    created: Mapped[datetime] = mapped_column(UtcDateTime)


class ProjectRow(Base):
    """A project: the unit of isolation."""

    __tablename__ = "projects"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    name: Mapped[str] = mapped_column(NAME, unique=True)
    title: Mapped[str] = mapped_column(String(200))
    created: Mapped[datetime] = mapped_column(UtcDateTime)


class MemberRow(Base):
    """The role of a user in a project."""

    __tablename__ = "members"
    project_id: Mapped[str] = mapped_column(ForeignKey(ProjectRow.id), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey(UserRow.id), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    created: Mapped[datetime] = mapped_column(UtcDateTime)


class KeyRow(Base):
    """An API key; of its secret only the SHA-256 is here."""

    __tablename__ = "api_keys"
    prefix: Mapped[str] = mapped_column(String(16), primary_key=True)
    secret_sha256: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(100))
    user_id: Mapped[str] = mapped_column(ForeignKey(UserRow.id))
    project_id: Mapped[str] = mapped_column(ForeignKey(ProjectRow.id), index=True)
    job_id: Mapped[str | None] = mapped_column(ID, index=True)
    scopes: Mapped[list[str]] = mapped_column(JSON)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    expires: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AuditRow(Base):
    """One thing that somebody did."""

    __tablename__ = "audit_log"
    __table_args__ = (Index("ix_audit_log_project_number", "project_id", "number"),)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    user_id: Mapped[str | None] = mapped_column(ID)
    project_id: Mapped[str | None] = mapped_column(ID)
    key_id: Mapped[str | None] = mapped_column(String(48))
    action: Mapped[str] = mapped_column(String(64))
    target: Mapped[str] = mapped_column(Text)
