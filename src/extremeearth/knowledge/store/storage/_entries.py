"""What the log of a Delta table says, and what its library raises."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from extremeearth.core.errors import DataMissingError, ExtremeEarthError, StorageError
from extremeearth.knowledge.store.storage._log import Commit, LostRaceError

__all__ = ["FACTS", "HINT", "commit_of", "facts_of", "first_line", "translated"]

FACTS = "extremeearth"
"""Entry of a commit that holds what the writer says about it."""
HINT = (
    "Check that the disk is not full, that you may write there, and that the store can be reached."
)


@contextmanager
def translated(doing: str, table: str) -> Iterator[None]:
    """Turn what deltalake and the system raise inside the block into errors of our tree."""
    from deltalake.exceptions import DeltaError, TableNotFoundError

    try:
        yield
    except (ExtremeEarthError, LostRaceError):
        raise
    except TableNotFoundError as err:
        raise DataMissingError(
            f"There is no table '{table}' of a graph store.",
            hint="Check the path, or create the store.",
        ) from err
    except (DeltaError, OSError, ValueError) as err:
        raise StorageError(
            f"The table '{table}' of the graph store could not be {doing}: {first_line(err)}.",
            hint=HINT,
        ) from err


def first_line(error: Exception) -> str:
    """Leave out what a library adds for its developers."""
    return (str(error) or type(error).__name__).split("\n", 1)[0][:300].rstrip(". ")


def facts_of(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give what our writers said in an entry of the log; nothing where others wrote it."""
    try:
        found = json.loads(entry.get(FACTS, "{}"))
    except (TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def commit_of(entry: Mapping[str, Any]) -> Commit:
    """Read an entry of the log."""
    moment = datetime.fromtimestamp(int(entry.get("timestamp", 0)) / 1000, UTC)
    return Commit(version=int(entry["version"]), time=moment, facts=facts_of(entry))
