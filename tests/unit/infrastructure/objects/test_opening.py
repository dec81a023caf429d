"""From URL to store: what is read, what is refused, and that secrets stay out of sight."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from extremeearth.core.errors import InputError, StorageError
from extremeearth.core.settings import Settings
from extremeearth.infrastructure.objects import open_store


@pytest.mark.parametrize(
    "url",
    ["", "objects", "/tmp/objects", "file://host/objects", "file:objects", "file:///a%00b", "ftp://example.org/a",
     "s3://", "s3://UPPER/a", "s3://a", "s3://bucket/../x", "s3://key:secret@bucket/a", "s3://bucket?x=1", "file:///a#b"],
)  # fmt: skip
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(InputError):
        open_store(url, settings=Settings())


def test_a_password_in_a_url_is_not_repeated() -> None:
    with pytest.raises(InputError) as refused:
        open_store("s3://key:topsecret@bucket/a")
    assert "topsecret" not in str(refused.value)


def test_a_folder_is_made_and_odd_names_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "mit Leer%zeichen" / "ä"
    store = open_store(folder.as_uri())
    store.put("a", b"1")
    assert (folder / "a").read_bytes() == b"1"
    assert store.url == folder.as_uri()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="Not a directory"):
        open_store((tmp_path / "file" / "objects").as_uri())


def test_half_of_the_s3_keys_is_an_error() -> None:
    with pytest.raises(InputError, match="Only one"):
        open_store("s3://bucket", settings=Settings(s3_access_key="a"))


def test_secrets_are_in_no_text() -> None:
    settings = Settings(
        s3_access_key="a", s3_secret_key="topsecret", s3_endpoint="http://127.0.0.1:9"
    )
    store = open_store("s3://bucket/prefix", settings=settings)
    assert "topsecret" not in f"{store!r} {store.url} {settings!r}"


def test_a_folder_store_can_go_to_another_process_and_memory_cannot(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    store.put("a", b"1")
    assert copy.copy(store).get("a") == b"1"  # copies the way a process pool does
    with pytest.raises(InputError, match="this process only"):
        copy.copy(open_store("memory:///"))
