"""Users, projects, members and audit entries as values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from extremeearth.core.errors import InputError
from extremeearth.processing.accounts.roles import Role

__all__ = ["AuditEntry", "Member", "Project", "User", "as_email", "as_line", "as_name", "is_name"]

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[A-Za-z0-9.-]{1,189}")


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person."""

    id: str
    name: str
    email: str | None
    created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project: who is no member sees nothing of it, not even that it exists."""

    id: str
    name: str
    title: str
    created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A user in a project."""

    user: User
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One thing that somebody did: ``action`` such as ``key.create`` on ``target``."""

    number: int
    at: datetime
    user_id: str | None
    project_id: str | None
    key_id: str | None
    action: str
    target: str


def as_name(value: str, *, what: str) -> str:
    """Check the name of a user or project.

    Raises
    ------
    InputError
        It is empty, too long, or has other characters than lower-case letters, digits and ``. _ -``.

    Examples
    --------
    >>> as_name("baltic-2018", what="project")
    'baltic-2018'
    """
    if not _NAME.fullmatch(value):
        raise InputError(
            f"'{value[:80]}' cannot name a {what}.",
            hint="Use 1 to 64 lower-case letters, digits, dots, hyphens or underscores.",
        )
    return value


def as_email(value: str | None) -> str | None:
    """Check that an address has the shape of one; nothing is ever trusted because of it.

    Raises
    ------
    InputError
        It has no ``@``, or characters that cannot be there.

    Examples
    --------
    >>> as_email("ada@example.org")
    'ada@example.org'
    """
    if value is not None and not _EMAIL.fullmatch(value):
        raise InputError(
            f"'{value[:80]}' is not an e-mail address.", hint="Write name@domain, or none."
        )
    return value


def is_name(value: str) -> bool:
    r"""Tell whether a text can be the name of a user or project; no other is ever shown to a database.

    Examples
    --------
    >>> is_name("ada"), is_name("a\x00")
    (True, False)
    """
    return _NAME.fullmatch(value) is not None


def as_line(value: str, *, what: str, longest: int, shortest: int = 0) -> str:
    """Check a text for people: one line that can be printed.

    Raises
    ------
    InputError
        It is too short, too long, or holds characters that cannot be printed.

    Examples
    --------
    >>> as_line("Ice in the Baltic", what="title", longest=200)
    'Ice in the Baltic'
    """
    if not shortest <= len(value.strip()) <= len(value) <= longest or not value.isprintable():
        raise InputError(
            f"The {what} is not one line of {shortest} to {longest} printable characters.",
            hint="Shorten it, and leave control characters out.",
        )
    return value
