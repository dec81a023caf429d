"""Copies of damaged files that hold what can be read of them, and the word of what they do not hold."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from extremeearth.core.errors import DataBrokenError

__all__ = ["ENDS", "RECORD", "Loss", "Mended", "mended_copy"]

RECORD = "is a record that cannot be read"
ENDS = "is where the file breaks off: nobody can tell what followed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What is not in a copy: how many, of what, and where the first of them was."""

    count: int
    reason: str
    place: str


@dataclass(frozen=True, kw_only=True)
class Mended:
    """A file to read in place of a damaged one; it goes away with this object.

    Attributes
    ----------
    path
        The copy.
    losses
        What is not in it.
    blanks
        Numbers of its rows, from 0, that stand where something was lost and are to be left out.
    """

    path: Path
    losses: tuple[Loss, ...] = ()
    blanks: frozenset[int] = field(default_factory=frozenset)


Mend = Callable[[Path, Path], list[Loss]]
"""Writes what can be read of one file to another; raises `DataBrokenError` where nothing can."""


def mended_copy(path: Path, mend: Mend) -> Mended:
    """Make a copy of what can be read of a file, in a folder of its own.

    The folder is below the system's temporary one, is called ``extremeearth-mended-...``, and goes away with the
    object that is returned; of a process that was killed it stays.

    Raises
    ------
    DataBrokenError
        Nothing can be read.

    Examples
    --------
    >>> def keep_lines(source, target):
    ...     lines = source.read_text().split()
    ...     target.write_text("".join(line for line in lines if line.isdigit()))
    ...     return [Loss(count=1, reason=RECORD, place="line 2")]
    >>> path = Path(tempfile.mkdtemp()) / "numbers.txt"
    >>> _ = path.write_text("1 x 3")
    >>> mended = mended_copy(path, keep_lines)
    >>> mended.path.read_text(), mended.losses[0].place
    ('13', 'line 2')
    """
    folder = Path(tempfile.mkdtemp(prefix="extremeearth-mended-"))
    try:
        copy = folder / path.name
        mended = Mended(path=copy, losses=tuple(mend(path, copy)))
    except BaseException as err:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(err, OSError):
            raise DataBrokenError(
                f"{path.name} is damaged, and no copy of what can be read was made: {err.strerror or err}.",
                hint=f"Free some space in {folder.parent}, or set TMPDIR.",
            ) from err
        raise
    weakref.finalize(mended, shutil.rmtree, folder, ignore_errors=True)
    return mended
