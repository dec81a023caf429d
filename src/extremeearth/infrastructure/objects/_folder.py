"""Writing into a folder store: whole files only, on the disk before the call returns."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from extremeearth.infrastructure.objects._errors import already_there

COPY_BYTES = 1024**2


def write_file(target: Path, data: bytes | Path, *, key: str, if_absent: bool) -> None:
    """Write `target` so that nobody ever sees a part of it, not even after a kill or a power cut.

    The bytes go to ``<name>#<digits>`` beside it, a form of name that obstore's folder store hides, are
    flushed to the disk, and then take the name in one step.

    Raises
    ------
    ConflictError
        `if_absent` is set and the file exists.
    OSError
        The disk is full, or the folder cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = target.with_name(f"{target.name}#{secrets.randbits(63)}")
    try:
        with staged.open("xb") as file:
            if isinstance(data, Path):
                with data.open("rb") as source:
                    shutil.copyfileobj(source, file, COPY_BYTES)
            else:
                file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if if_absent:
            _take_name_once(staged, target, key)
        else:
            staged.replace(target)
        _flush_folder(target.parent)
    finally:
        staged.unlink(missing_ok=True)


def _take_name_once(staged: Path, target: Path, key: str) -> None:
    try:
        os.link(staged, target)  # fails where the name is taken, unlike a rename
    except FileExistsError as err:
        raise already_there(key) from err


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
