"""An empty database with accounts, one project and its owner."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from extremeearth.core.database import Database
from extremeearth.core.security import Scope
from extremeearth.processing.accounts import Accounts, IssuedKey, Project, User


@dataclass(frozen=True)
class Place:
    accounts: Accounts
    owner: User
    project: Project

    def key(self, *scopes: Scope, **options) -> IssuedKey:
        return self.accounts.create_key(
            user=self.owner,
            project=self.project,
            name="test",
            scopes=frozenset(scopes or Scope),
            **options,
        )


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/accounts.sqlite")
    database.create_all()
    yield database
    database.close()


@pytest.fixture
def place(database: Database) -> Place:
    accounts = Accounts(database)
    owner = accounts.create_user("ada")
    return Place(accounts, owner, accounts.create_project("baltic", owner=owner))
