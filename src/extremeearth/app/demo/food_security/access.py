"""Event 1: a project, a user and an API key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from extremeearth.app.demo.food_security.place import PROJECT, USER, DemoPlace
from extremeearth.core.errors import NotFoundError
from extremeearth.core.progress import Progress, Task
from extremeearth.core.security import Scope

__all__ = ["KEY_SCOPES", "open_access"]

KEY_NAME = "demo"
KEY_LIFETIME = timedelta(days=7)
KEY_SCOPES = frozenset(
    {
        Scope.DATA_READ, Scope.DATA_WRITE, Scope.JOB_READ, Scope.JOB_RUN, Scope.MODEL_READ,
        Scope.SERVING_INFER, Scope.GRAPH_READ,
    }
)  # fmt: skip
"""What the demo's key may do: no more than its steps need."""


def open_access(place: DemoPlace, progress: Progress) -> tuple[str, dict[str, Any]]:
    """Create what is not there yet, replace the key of an earlier run, and give the new secret."""
    accounts = place.platform.accounts
    with Task(progress, "1 access", total=3) as task:
        try:
            user = accounts.find_user(USER)
        except NotFoundError:
            user = accounts.create_user(USER)
        task.advance()
        try:
            project = accounts.find_project(PROJECT)
        except NotFoundError:
            project = accounts.create_project(PROJECT, owner=user, title="Food security")
        task.advance()
        for old in accounts.keys(project=project):
            if old.name == KEY_NAME and old.revoked is None:
                accounts.revoke(old.prefix)
        key = accounts.create_key(
            user=user, project=project, name=KEY_NAME, scopes=KEY_SCOPES,
            expires=datetime.now(UTC) + KEY_LIFETIME,
        )  # fmt: skip
        task.advance()
    result = {
        "project": project.name, "user": user.name, "key": key.prefix, "scopes": sorted(KEY_SCOPES),
    }  # fmt: skip
    return key.token, result
