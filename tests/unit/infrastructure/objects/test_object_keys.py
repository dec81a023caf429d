"""Names of objects: what is let through can be stored anywhere, what could leave the store is not let through."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extremeearth.core.errors import InputError
from extremeearth.infrastructure.objects import check_key, check_prefix, href_of, key_of, open_store

MEMORY = open_store("memory:///")


@given(st.text(max_size=40))
@example("a/../../etc/passwd")
@example("a/./b")
@example("\udcff")
@example("a#12/b")
def test_a_key_is_refused_or_stays_below_its_root(key: str) -> None:
    try:
        check_key(key)
    except InputError:
        return
    path = PurePosixPath("/root/objects", key)
    assert str(path) == f"/root/objects/{key}"
    assert ".." not in path.parts
    MEMORY.put(key, key.encode())
    assert MEMORY.get(key) == key.encode()
    assert key_of(href_of(key)) == key


@pytest.mark.parametrize("key", ["x" * 221, "/".join(["abcdefgh"] * 120), "ä" * 111])
def test_keys_have_a_longest_length_in_bytes(key: str) -> None:
    with pytest.raises(InputError, match="longer than"):
        check_key(key)


def test_a_hostile_key_is_shown_short_and_harmless() -> None:
    with pytest.raises(InputError) as refused:
        check_key("\x1b[31m" + "x" * 10_000)
    assert "\x1b" not in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    "href", ["", "a", "http://example.org/a", "Object:a", "object:", "object:../a", "object:/etc"]
)
def test_other_references_are_refused(href: str) -> None:
    with pytest.raises(InputError):
        key_of(href)


def test_prefixes() -> None:
    assert check_prefix("") == ""
    assert check_prefix("a/b/") == check_prefix("a/b") == "a/b"
    for wrong in ("/", "//", "..", "a//"):
        with pytest.raises(InputError):
            check_prefix(wrong)
