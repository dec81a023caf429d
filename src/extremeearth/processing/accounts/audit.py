"""The one way to write the audit log: in the transaction of what is done, so that neither is without the other."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from extremeearth.core.security import Principal
from extremeearth.processing.accounts.tables import AuditRow

__all__ = ["write_audit"]


def write_audit(
    session: Session,
    by: Principal,
    action: str,
    target: str,
    *,
    project_id: str | None = None,
    user_id: str | None = None,
) -> None:
    """Add an entry to the session.

    Parameters
    ----------
    by
        Who does it; `user_id` and `project_id` stand in where that is nobody.
    action
        What is done, e.g. ``key.create``.
    target
        What it is done to.

    Examples
    --------
    >>> from extremeearth.core.database import Database
    >>> database = Database("sqlite://")
    >>> database.create_all()
    >>> with database.session() as session:
    ...     write_audit(session, Principal(user_id="u", key_id="k"), "key.create", "ee01")
    >>> with database.session() as session:
    ...     session.query(AuditRow).one().action
    'key.create'
    """
    session.add(
        AuditRow(
            at=datetime.now(UTC),
            user_id=by.user_id or user_id,
            project_id=project_id or by.project_id,
            key_id=by.key_id,
            action=action,
            target=target[:2000],
        )
    )
