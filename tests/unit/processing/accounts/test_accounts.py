"""Users, projects, roles and keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from extremeearth.core.errors import (
    ConflictError,
    InputError,
    KeyExpiredError,
    KeyInvalidError,
    NotFoundError,
    ScopeError,
)
from extremeearth.core.security import Principal, Scope
from extremeearth.processing.accounts import Role, allowed, keyring, keys
from extremeearth.processing.accounts.tables import AuditRow, KeyRow


def test_a_key_opens_its_project_with_its_scopes(place):
    key = place.key(Scope.JOB_RUN, Scope.JOB_READ)
    caller = place.accounts.verify(key.token)
    assert caller.user_id == place.owner.id
    assert caller.project_id == place.project.id
    assert caller.key_id == key.prefix
    assert caller.scopes == {Scope.JOB_RUN, Scope.JOB_READ}


def test_the_secret_is_stored_nowhere_and_not_printed(place, database):
    key = place.key()
    secret = key.token.split(".")[1]
    with database.session() as session:
        row = session.scalars(select(KeyRow)).one()
        stored = " ".join(str(value) for value in vars(row).values())
        audit = " ".join(a.target for a in session.scalars(select(AuditRow)))
    assert secret not in stored + audit
    assert secret not in repr(key)
    assert key.token not in {
        getattr(k, "token", None) for k in place.accounts.keys(project=place.project)
    }


def test_two_keys_never_share_a_secret(place):
    tokens = {place.key().token for _ in range(20)}
    assert len({t.split(".")[1] for t in tokens}) == 20
    assert all(len(t.split(".")[1]) == 43 for t in tokens)  # 256 bits in base64url


def _refusal(place, token: str) -> tuple[type, str, str | None]:
    with pytest.raises(KeyInvalidError) as caught:
        place.accounts.verify(token)
    return type(caught.value), caught.value.message, caught.value.hint


def test_a_wrong_secret_and_an_unknown_prefix_are_answered_alike(place):
    key = place.key()
    prefix, secret = key.token.split(".")
    wrong_secret = f"{prefix}.{'A' * 43}"
    unknown = f"ee0000000000.{secret}"
    assert _refusal(place, wrong_secret) == _refusal(place, unknown)


def test_a_wrong_secret_of_a_revoked_key_does_not_tell_that_it_is_revoked(place):
    key = place.key()
    place.accounts.revoke(key.prefix)
    known = _refusal(place, f"{key.prefix}.{'A' * 43}")
    assert known == _refusal(place, f"ee0000000000.{'A' * 43}")


def test_every_refused_key_is_compared_in_constant_time(place, monkeypatch):
    compared = []
    real = keys.hmac.compare_digest
    monkeypatch.setattr(
        keys.hmac, "compare_digest", lambda a, b: compared.append((len(a), len(b))) or real(a, b)
    )
    key = place.key()
    for token in (f"{key.prefix}.{'A' * 43}", f"ee0000000000.{'A' * 43}"):
        _refusal(place, token)
    assert compared == [(64, 64), (64, 64)]


@pytest.mark.parametrize(
    "token", ["", "ee", "x.y", "ee0123456789.", "ee0123456789." + "é" * 43, "a" * 10_000]
)
def test_what_is_no_key_is_told_so(place, token):
    with pytest.raises(KeyInvalidError, match="not an API key"):
        place.accounts.verify(token)


def test_a_revoked_key_opens_nothing_at_once(place):
    key = place.key()
    place.accounts.verify(key.token)
    place.accounts.revoke(key.prefix)
    with pytest.raises(KeyExpiredError, match="revoked"):
        place.accounts.verify(key.token)


def test_an_expired_key_says_since_when(place, monkeypatch):
    key = place.key(expires=datetime.now(UTC) + timedelta(hours=1))
    later = datetime.now(UTC) + timedelta(hours=2)
    monkeypatch.setattr(keyring, "_now", lambda: later)
    with pytest.raises(KeyExpiredError, match=r"expired on \d{4}-\d\d-\d\dT"):
        place.accounts.verify(key.token)


def test_a_key_cannot_be_made_expired(place):
    with pytest.raises(InputError, match="expired already"):
        place.key(expires=datetime.now(UTC) - timedelta(seconds=1))


def test_rotation_overlaps(place, monkeypatch):
    old = place.key(Scope.DATA_READ)
    new = place.accounts.rotate(old.prefix, overlap=timedelta(hours=1))
    assert place.accounts.verify(old.token).scopes == place.accounts.verify(new.token).scopes
    later = datetime.now(UTC) + timedelta(hours=2)
    monkeypatch.setattr(keyring, "_now", lambda: later)
    place.accounts.verify(new.token)
    with pytest.raises(KeyExpiredError):
        place.accounts.verify(old.token)


def test_rotation_never_makes_an_old_key_live_longer(place):
    soon = datetime.now(UTC) + timedelta(minutes=5)
    old = place.key(expires=soon)
    place.accounts.rotate(old.prefix, overlap=timedelta(days=1))
    found = {k.prefix: k for k in place.accounts.keys(project=place.project)}
    assert found[old.prefix].expires == soon


def test_a_revoked_key_cannot_be_rotated(place):
    key = place.key()
    place.accounts.revoke(key.prefix)
    with pytest.raises(ConflictError):
        place.accounts.rotate(key.prefix)


def test_scopes_are_cut_down_to_the_role(place):
    bob = place.accounts.create_user("bob")
    place.accounts.add_member(place.project, bob, Role.CONTRIBUTOR)
    key = place.accounts.create_key(
        user=bob, project=place.project, name="k", scopes={Scope.JOB_RUN, Scope.DATA_READ}
    )
    place.accounts.add_member(place.project, bob, Role.VIEWER)
    assert place.accounts.verify(key.token).scopes == {Scope.DATA_READ}
    place.accounts.remove_member(place.project, bob)
    assert place.accounts.verify(key.token).scopes == frozenset()


@pytest.mark.parametrize("role", [Role.CONTRIBUTOR, Role.VIEWER])
def test_a_key_cannot_ask_for_more_than_the_role(place, role):
    bob = place.accounts.create_user("bob")
    place.accounts.add_member(place.project, bob, role)
    with pytest.raises(ScopeError, match=role.value):
        place.accounts.create_key(
            user=bob, project=place.project, name="k", scopes=frozenset(Scope)
        )


def test_a_stranger_gets_no_key(place):
    bob = place.accounts.create_user("bob")
    with pytest.raises(ScopeError, match="none"):
        place.accounts.create_key(
            user=bob, project=place.project, name="k", scopes={Scope.DATA_READ}
        )


def test_roles_are_nested():
    assert allowed(Role.VIEWER) < allowed(Role.CONTRIBUTOR) < allowed(Role.OWNER)


def test_the_last_owner_stays(place):
    with pytest.raises(ConflictError, match="last owner"):
        place.accounts.remove_member(place.project, place.owner)
    with pytest.raises(ConflictError, match="last owner"):
        place.accounts.add_member(place.project, place.owner, Role.VIEWER)
    bob = place.accounts.create_user("bob")
    place.accounts.add_member(place.project, bob, Role.OWNER)
    place.accounts.remove_member(place.project, place.owner)
    assert [m.user.name for m in place.accounts.members(place.project)] == ["bob"]


def test_names_are_taken_once(place):
    with pytest.raises(ConflictError, match="ada"):
        place.accounts.create_user("ada")
    with pytest.raises(ConflictError, match="baltic"):
        place.accounts.create_project("baltic", owner=place.owner)


@pytest.mark.parametrize("name", ["", "Ada", "a b", "../x", "-a", "a" * 65, "é", "a\n"])
def test_names_that_cannot_be(place, name):
    with pytest.raises(InputError):
        place.accounts.create_user(name)
    with pytest.raises(InputError):
        place.accounts.create_project(name, owner=place.owner)


def test_what_is_not_there_is_told(place):
    for find in (place.accounts.find_user, place.accounts.find_project, place.accounts.revoke):
        with pytest.raises(NotFoundError):
            find("nobody")
        with pytest.raises(NotFoundError):
            find("a\x00b")


@pytest.mark.parametrize("text", ["a\x00b", "a\nb", "a" * 500])
def test_texts_that_cannot_be_printed_are_refused(place, text):
    with pytest.raises(InputError, match="printable"):
        place.accounts.create_project("arctic", owner=place.owner, title=text)
    with pytest.raises(InputError, match="printable"):
        place.accounts.create_key(
            user=place.owner, project=place.project, name=text, scopes={Scope.DATA_READ}
        )


def test_another_project_is_as_if_it_were_not_there(place):
    other = place.accounts.create_project("arctic", owner=place.owner)
    key = place.key()
    caller = place.accounts.verify(key.token)
    with pytest.raises(NotFoundError) as hidden:
        place.accounts.project(other.name, viewer=caller)
    with pytest.raises(NotFoundError) as absent:
        place.accounts.project("nowhere", viewer=caller)
    assert hidden.value.message.replace("arctic", "X") == absent.value.message.replace(
        "nowhere", "X"
    )


def test_another_projects_key_cannot_be_revoked(place):
    other = place.accounts.create_project("arctic", owner=place.owner)
    theirs = place.accounts.create_key(
        user=place.owner, project=other, name="k", scopes={Scope.DATA_READ}
    )
    caller = Principal(user_id=place.owner.id, project_id=place.project.id, key_id="k")
    with pytest.raises(NotFoundError):
        place.accounts.revoke(theirs.prefix, viewer=caller)
    place.accounts.verify(theirs.token)


def test_use_is_noted_but_not_on_every_request(place, database):
    key = place.key()
    for _ in range(5):
        place.accounts.verify(key.token)
    uses = [e for e in place.accounts.audit(place.project) if e.action == "key.use"]
    assert len(uses) == 1
    assert place.accounts.keys(project=place.project)[0].last_used is not None
    with database.session() as session:
        long_ago = datetime.now(UTC) - timedelta(hours=1)
        session.execute(update(KeyRow).values(last_used=long_ago))
    place.accounts.verify(key.token)
    assert len([e for e in place.accounts.audit(place.project) if e.action == "key.use"]) == 2


def test_writes_are_in_the_audit_log_of_their_project(place):
    key = place.key()
    place.accounts.revoke(key.prefix, by=Principal(user_id=place.owner.id, key_id="other"))
    entries = place.accounts.audit(place.project)
    assert [(e.action, e.target) for e in entries][:2] == [
        ("key.revoke", key.prefix),
        ("key.create", key.prefix),
    ]
    assert entries[0].key_id == "other"
    older = place.accounts.audit(place.project, before=entries[0].number)
    assert older == entries[1:]


def test_job_keys_are_short_lived_hidden_and_revoked_together(place):
    key = place.accounts.create_job_key(
        "j" * 32,
        user_id=place.owner.id,
        project_id=place.project.id,
        scopes=frozenset({Scope.SERVING_INFER}),
        lasts=timedelta(minutes=5),
    )
    assert place.accounts.verify(key.token).scopes == {Scope.SERVING_INFER}
    assert place.accounts.keys(project=place.project) == []
    assert place.accounts.revoke_job_keys("j" * 32) == 1
    with pytest.raises(KeyExpiredError):
        place.accounts.verify(key.token)
