"""API keys in the database: making, rotating, revoking and verifying them."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from extremeearth.core.database import Database
from extremeearth.core.errors import (
    ConflictError,
    InputError,
    KeyExpiredError,
    KeyInvalidError,
    NotFoundError,
    ScopeError,
    StorageError,
)
from extremeearth.core.security import ANONYMOUS, Principal, Scope
from extremeearth.core.times import format_instant
from extremeearth.processing.accounts._rows import key_of, role_of
from extremeearth.processing.accounts.audit import write_audit
from extremeearth.processing.accounts.keys import (
    IssuedKey,
    KeyInfo,
    hash_secret,
    is_prefix,
    make_token,
    same_secret,
    split_token,
)
from extremeearth.processing.accounts.people import Project, User, as_line
from extremeearth.processing.accounts.roles import Role, allowed
from extremeearth.processing.accounts.tables import KeyRow, MemberRow

__all__ = ["Keyring"]

log = logging.getLogger("extremeearth.accounts")

USE_NOTED_EVERY = timedelta(minutes=1)
MAX_KEY_NAME = 100


class Keyring:
    """The keys of all projects; verifies those that requests carry.

    Parameters
    ----------
    database
        Where the tables are.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def create_key(
        self,
        *,
        user: User,
        project: Project,
        name: str,
        scopes: frozenset[Scope] | set[Scope],
        expires: datetime | None = None,
        by: Principal = ANONYMOUS,
    ) -> IssuedKey:
        """Make a key; its token is in the answer and nowhere else.

        Raises
        ------
        InputError
            No scope, no name, or an expiry that is past.
        ScopeError
            The user's role in the project does not allow a scope, or there is no role.
        """
        with self.database.session() as session:
            return self._issue(
                session, user_id=user.id, project_id=project.id, name=name,
                scopes=frozenset(scopes), expires=expires, by=by,
            )  # fmt: skip

    def create_job_key(
        self,
        job_id: str,
        *,
        user_id: str,
        project_id: str,
        scopes: frozenset[Scope],
        lasts: timedelta,
    ) -> IssuedKey:
        """Make a short-lived key for a job; `revoke_job_keys` ends it."""
        with self.database.session() as session:
            return self._issue(
                session, user_id=user_id, project_id=project_id, name=f"job {job_id}",
                scopes=scopes, expires=_now() + lasts, job_id=job_id,
            )  # fmt: skip

    def revoke_job_keys(self, job_id: str) -> int:
        """Make every key of a job useless; give how many there were."""
        with self.database.session() as session:
            keys = session.scalars(
                update(KeyRow)
                .where(KeyRow.job_id == job_id, KeyRow.revoked.is_(None))
                .values(revoked=_now())
                .returning(KeyRow.prefix)
            ).all()
        return len(keys)

    def rotate(
        self, prefix: str, *, overlap: timedelta = timedelta(hours=24), by: Principal = ANONYMOUS,
        viewer: Principal | None = None,
    ) -> IssuedKey:  # fmt: skip
        """Make a new key with the same rights; the old one opens things for `overlap` more.

        Raises
        ------
        ConflictError
            The key is revoked or expired: there is nothing to hand over.
        """
        with self.database.session() as session:
            old = self._key(session, prefix, viewer)
            now = _now()
            if not key_of(old).active(now):
                raise ConflictError(
                    f"The key {prefix} is revoked or expired.", hint="Make a new key."
                )
            expires = None if old.expires is None else now + (old.expires - old.created)
            issued = self._issue(
                session, user_id=old.user_id, project_id=old.project_id, name=old.name,
                scopes=frozenset(map(Scope, old.scopes)), expires=expires, by=by,
            )  # fmt: skip
            until = now + overlap
            old.expires = until if old.expires is None else min(old.expires, until)
            write_audit(
                session, by, "key.rotate", f"{prefix} {issued.prefix}", project_id=old.project_id
            )
        return issued

    def revoke(
        self, prefix: str, *, by: Principal = ANONYMOUS, viewer: Principal | None = None
    ) -> None:
        """Make a key useless from now on.

        Raises
        ------
        NotFoundError
            There is no such key, or not in the project of `viewer`.
        """
        with self.database.session() as session:
            row = self._key(session, prefix, viewer)
            if row.revoked is None:
                row.revoked = _now()
                write_audit(session, by, "key.revoke", prefix, project_id=row.project_id)

    def keys(self, *, project: Project, user: User | None = None) -> list[KeyInfo]:
        """List the keys of a project (and user), newest first; those of jobs are left out."""
        wanted = select(KeyRow).where(KeyRow.project_id == project.id, KeyRow.job_id.is_(None))
        if user is not None:
            wanted = wanted.where(KeyRow.user_id == user.id)
        with self.database.session() as session:
            rows = session.scalars(wanted.order_by(KeyRow.created.desc(), KeyRow.prefix)).all()
        return [key_of(row) for row in rows]

    def verify(self, secret: str) -> Principal:
        """Tell who sends a key.

        An unknown prefix and a wrong secret are answered alike, after the same work; only who has the
        right secret learns that the key is revoked or expired.

        Parameters
        ----------
        secret
            The whole token, ``prefix.secret``.

        Raises
        ------
        KeyInvalidError
            The key is not known.
        KeyExpiredError
            The key was right once.
        """
        prefix, own_secret = split_token(secret)
        with self.database.session() as session:
            found = session.execute(
                select(KeyRow, MemberRow.role)
                .outerjoin(
                    MemberRow,
                    (MemberRow.project_id == KeyRow.project_id)
                    & (MemberRow.user_id == KeyRow.user_id),
                )
                .where(KeyRow.prefix == prefix)
            ).one_or_none()
        key, role = (None, None) if found is None else found
        if not same_secret(own_secret, None if key is None else key.secret_sha256) or key is None:
            log.warning("a key that is not known was sent")
            raise KeyInvalidError(
                "The API key is not known.",
                hint="Check that it was copied whole, or ask for a new one.",
            )
        now = _now()
        _must_be_active(key, now)
        rights = frozenset(map(Scope, key.scopes)) & (allowed(Role(role)) if role else frozenset())
        self._note_use(key, now)
        return Principal(
            user_id=key.user_id, project_id=key.project_id, key_id=key.prefix, scopes=rights
        )

    def _note_use(self, key: KeyRow, now: datetime) -> None:
        if key.last_used is not None and now - key.last_used < USE_NOTED_EVERY:
            return
        who = Principal(user_id=key.user_id, project_id=key.project_id, key_id=key.prefix)
        try:
            with self.database.session() as session:
                session.execute(
                    update(KeyRow).where(KeyRow.prefix == key.prefix).values(last_used=now)
                )
                write_audit(session, who, "key.use", key.prefix)
        except StorageError:  # a full disk must not lock people out of reading
            log.exception("the use of key %s could not be noted", key.prefix)

    def _issue(
        self,
        session: Session,
        *,
        user_id: str,
        project_id: str,
        name: str,
        scopes: frozenset[Scope],
        expires: datetime | None,
        job_id: str | None = None,
        by: Principal = ANONYMOUS,
    ) -> IssuedKey:
        now = _now()
        if not scopes:
            raise InputError(
                "A key without a scope opens nothing.", hint="Name at least one scope."
            )
        as_line(name, what="name of a key", longest=MAX_KEY_NAME, shortest=1)
        if expires is not None and expires <= now:
            raise InputError("The key would be expired already.", hint="Give a time to come.")
        role = role_of(session, project_id=project_id, user_id=user_id)
        missing = scopes - (allowed(role) if role else frozenset())
        if missing:
            raise ScopeError(
                f"The role {role or '(none)'} does not allow {', '.join(sorted(missing))}.",
                hint="Ask an owner of the project for another role, or for fewer scopes.",
            )
        prefix, secret = make_token()
        row = KeyRow(
            prefix=prefix, secret_sha256=hash_secret(secret), name=name, user_id=user_id,
            project_id=project_id, job_id=job_id, scopes=sorted(scopes), created=now, expires=expires,
        )  # fmt: skip
        session.add(row)
        write_audit(session, by, "key.create", prefix, project_id=project_id, user_id=user_id)
        return IssuedKey(
            prefix=prefix, name=name, user_id=user_id, project_id=project_id, scopes=scopes,
            created=now, expires=expires, token=f"{prefix}.{secret}",
        )  # fmt: skip

    def _key(self, session: Session, prefix: str, viewer: Principal | None) -> KeyRow:
        row = session.get(KeyRow, prefix, with_for_update=True) if is_prefix(prefix) else None
        if row is None or (viewer is not None and not viewer.may_see(row.project_id)):
            raise NotFoundError(
                f"There is no key '{prefix[:32]}'.",
                hint="Check the prefix, and that your key is of its project.",
            )
        return row


def _now() -> datetime:
    return datetime.now(UTC)


def _must_be_active(key: KeyRow, now: datetime) -> None:
    if key.revoked is not None:
        raise KeyExpiredError("The API key was revoked.", hint="Ask for a new one.")
    if key.expires is not None and key.expires <= now:
        raise KeyExpiredError(
            f"The API key expired on {format_instant(key.expires.replace(microsecond=0))}.",
            hint="Ask for a new one, or rotate keys before they expire.",
        )
