"""Folders of unfinished files that change hands while one looks at them."""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from extremeearth.core import files
from extremeearth.core.files import unfinished_folder, written_behind


def test_a_folder_that_goes_away_before_it_is_locked_is_not_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, gone = fcntl.flock, list[str]()

    def too_late(lock: int, how: int) -> None:
        if not gone:
            [place] = tmp_path.iterdir()
            place.rmdir()
            gone.append(place.name)
        flock(lock, how)

    monkeypatch.setattr(fcntl, "flock", too_late)
    with unfinished_folder(tmp_path / "a") as folder:
        assert gone
        assert folder.is_dir()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_took_the_name_of_a_renamed_one_stays(tmp_path: Path) -> None:
    target = tmp_path / "parts"
    with ExitStack() as later:
        with unfinished_folder(target) as folder:
            folder.rename(target)
            again = later.enter_context(unfinished_folder(target))
            assert again == folder
        assert again.is_dir()


def test_what_others_write_goes_to_the_disk_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = list[str]()
    monkeypatch.setattr(os, "fsync", lambda _: threads.append(threading.current_thread().name))
    monkeypatch.setattr(files, "BEHIND_BYTES", 1000)
    with (tmp_path / "a").open("wb") as file, written_behind(file) as behind:
        behind.grown(600)
        assert not threads
        behind.grown(600)
    assert len(threads) == 1
    assert threads[0].startswith("to-disk")
