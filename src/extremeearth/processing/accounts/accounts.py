"""Users, projects, roles and keys, in the database."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from extremeearth.core.errors import (
    ConflictError,
    NotFoundError,
)
from extremeearth.core.security import ANONYMOUS, Principal
from extremeearth.processing.accounts._rows import (
    audit_of,
    member_of,
    project_of,
    user_of,
)
from extremeearth.processing.accounts.audit import write_audit
from extremeearth.processing.accounts.keyring import Keyring
from extremeearth.processing.accounts.people import (
    AuditEntry,
    Member,
    Project,
    User,
    as_email,
    as_line,
    as_name,
    is_name,
)
from extremeearth.processing.accounts.roles import Role
from extremeearth.processing.accounts.tables import (
    AuditRow,
    MemberRow,
    ProjectRow,
    UserRow,
)

__all__ = ["Accounts"]


class Accounts(Keyring):
    """Who may use the platform; verifies the keys that requests carry.

    Parameters
    ----------
    database
        Where the tables are.

    Examples
    --------
    >>> from extremeearth.core.database import Database
    >>> from extremeearth.core.security import Scope
    >>> database = Database("sqlite://")
    >>> database.create_all()
    >>> accounts = Accounts(database)
    >>> ada = accounts.create_user("ada")
    >>> baltic = accounts.create_project("baltic", owner=ada)
    >>> key = accounts.create_key(user=ada, project=baltic, name="laptop", scopes={Scope.JOB_RUN})
    >>> accounts.verify(key.token).scopes
    frozenset({<Scope.JOB_RUN: 'job:run'>})
    """

    def create_user(
        self, name: str, *, email: str | None = None, by: Principal = ANONYMOUS
    ) -> User:
        """Add a person.

        Raises
        ------
        ConflictError
            There is a user of this name.
        InputError
            The name or the address cannot be right.
        """
        row = UserRow(
            id=uuid.uuid4().hex, name=as_name(name, what="user"), email=as_email(email), created=_now()
        )  # fmt: skip
        try:
            with self.database.session() as session:
                session.add(row)
                session.flush()
                write_audit(session, by, "user.create", name)
        except IntegrityError as err:
            raise ConflictError(
                f"There is a user '{name}' already.", hint="Choose another name."
            ) from err
        return user_of(row)

    def create_project(
        self, name: str, *, owner: User, title: str = "", by: Principal = ANONYMOUS
    ) -> Project:
        """Add a project with its first owner.

        Raises
        ------
        ConflictError
            There is a project of this name.
        InputError
            The name or title cannot be right.
        """
        as_line(title, what="title", longest=200)
        now = _now()
        row = ProjectRow(
            id=uuid.uuid4().hex, name=as_name(name, what="project"), title=title, created=now
        )
        try:
            with self.database.session() as session:
                session.add(row)
                session.flush()
                session.add(
                    MemberRow(project_id=row.id, user_id=owner.id, role=Role.OWNER, created=now)
                )
                write_audit(
                    session, by, "project.create", name, project_id=row.id, user_id=owner.id
                )
        except IntegrityError as err:
            raise ConflictError(
                f"There is a project '{name}' already.", hint="Choose another name."
            ) from err
        return project_of(row)

    def find_user(self, name: str) -> User:
        """Give the user of this name.

        Raises
        ------
        NotFoundError
            There is none.
        """
        with self.database.session() as session:
            query = select(UserRow).where(UserRow.name == name)
            row = session.scalar(query) if is_name(name) else None
        if row is None:
            raise NotFoundError(
                f"There is no user '{name}'.", hint="See 'extremeearth user create'."
            )
        return user_of(row)

    def find_project(self, name: str) -> Project:
        """Give the project of this name; for operators, as it looks at no key.

        Raises
        ------
        NotFoundError
            There is none.
        """
        with self.database.session() as session:
            query = select(ProjectRow).where(ProjectRow.name == name)
            row = session.scalar(query) if is_name(name) else None
        if row is None:
            raise NotFoundError(
                f"There is no project '{name}'.",
                hint="Check the name, and that your key is of its project.",
            )
        return project_of(row)

    def project(self, name: str, *, viewer: Principal) -> Project:
        """Give a project that the caller is in.

        Raises
        ------
        NotFoundError
            It does not exist, or is another one than the caller's.
        """
        found = self.find_project(name)
        viewer.must_see(f"project '{name}'", found.id)
        return found

    def own_project(self, viewer: Principal) -> Project:
        """Give the project of the caller's key."""
        with self.database.session() as session:
            row = session.get(ProjectRow, viewer.project_id) if viewer.project_id else None
        if row is None:
            raise NotFoundError("The key is of no project.")
        return project_of(row)

    def own_user(self, viewer: Principal) -> User:
        """Give the user of the caller's key."""
        with self.database.session() as session:
            row = session.get(UserRow, viewer.user_id) if viewer.user_id else None
        if row is None:
            raise NotFoundError("The key is of no user.")
        return user_of(row)

    def members(self, project: Project) -> list[Member]:
        """List the members of a project by name."""
        with self.database.session() as session:
            rows = session.execute(
                select(UserRow, MemberRow.role)
                .join(MemberRow, MemberRow.user_id == UserRow.id)
                .where(MemberRow.project_id == project.id)
                .order_by(UserRow.name)
            ).all()
        return [member_of(user, role) for user, role in rows]

    def add_member(
        self, project: Project, user: User, role: Role, *, by: Principal = ANONYMOUS
    ) -> Member:
        """Give a user a role in a project, or another role; it holds at once for all keys.

        Raises
        ------
        ConflictError
            The project would be left without an owner.
        """
        with self.database.session() as session:
            row = session.get(MemberRow, (project.id, user.id), with_for_update=True)
            if row is None:
                session.add(
                    MemberRow(project_id=project.id, user_id=user.id, role=role, created=_now())
                )
            else:
                if role is not Role.OWNER:
                    _keep_an_owner(session, project, leaving=user)
                row.role = role
            write_audit(session, by, "member.set", f"{user.name} {role}", project_id=project.id)
        return Member(user=user, role=role)

    def remove_member(self, project: Project, user: User, *, by: Principal = ANONYMOUS) -> None:
        """Take a user out of a project; the user's keys for it open nothing from now on.

        Raises
        ------
        ConflictError
            The project would be left without an owner.
        NotFoundError
            The user is no member.
        """
        with self.database.session() as session:
            row = session.get(MemberRow, (project.id, user.id), with_for_update=True)
            if row is None:
                raise NotFoundError(f"There is no member '{user.name}'.")
            _keep_an_owner(session, project, leaving=user)
            session.delete(row)
            write_audit(session, by, "member.remove", user.name, project_id=project.id)

    def audit(
        self, project: Project, *, limit: int = 100, before: int | None = None
    ) -> list[AuditEntry]:
        """List what was done in a project, newest first; `before` pages on by number."""
        wanted = select(AuditRow).where(AuditRow.project_id == project.id)
        if before is not None:
            wanted = wanted.where(AuditRow.number < before)
        with self.database.session() as session:
            rows = session.scalars(wanted.order_by(AuditRow.number.desc()).limit(limit)).all()
        return [audit_of(row) for row in rows]

    def record(self, principal: Principal, action: str, target: str) -> None:
        """Note in the audit log that a caller did something."""
        with self.database.session() as session:
            write_audit(session, principal, action, target)


def _now() -> datetime:
    return datetime.now(UTC)


def _keep_an_owner(session: Session, project: Project, *, leaving: User) -> None:
    others = session.scalars(
        select(MemberRow.user_id).where(
            MemberRow.project_id == project.id,
            MemberRow.role == Role.OWNER,
            MemberRow.user_id != leaving.id,
        )
    ).first()
    if others is None:
        raise ConflictError(
            f"'{leaving.name}' is the last owner of '{project.name}'.",
            hint="Make somebody else owner first.",
        )
