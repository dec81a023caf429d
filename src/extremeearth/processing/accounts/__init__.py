"""Accounts: users, projects, roles and API keys; the project is the unit of isolation."""

from __future__ import annotations

from extremeearth.processing.accounts.accounts import Accounts
from extremeearth.processing.accounts.audit import write_audit
from extremeearth.processing.accounts.keys import IssuedKey, KeyInfo
from extremeearth.processing.accounts.people import AuditEntry, Member, Project, User
from extremeearth.processing.accounts.roles import Role, allowed
from extremeearth.processing.accounts.routes import accounts_router

__all__ = [
    "Accounts",
    "AuditEntry",
    "IssuedKey",
    "KeyInfo",
    "Member",
    "Project",
    "Role",
    "User",
    "accounts_router",
    "allowed",
    "write_audit",
]
