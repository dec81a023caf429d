"""Reading a Parquet file around row groups that are damaged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from extremeearth.core.errors import DataBrokenError
from extremeearth.knowledge.mapping.sources.geometry_options import GeometryOptions

__all__ = ["batches_of", "why_no_parquet"]

LOST_ROWS = "is a row in a part of the file that cannot be read"
_HINT = "Mend the file, or read the other rows: on_error='skip' in Python, --skip-bad on the command line."


def why_no_parquet(path: Path, err: Exception) -> DataBrokenError:
    """Make the error that says that a file cannot be opened as Parquet."""
    said = str(err).splitlines()[0].rstrip(". :") if str(err) else type(err).__name__
    if path.is_file() and not path.stat().st_size:
        said = "it is empty"
    elif "magic bytes not found" in said:
        said = "it does not end as such a file, and what is in it is said at the end, so nothing can be read"
    return DataBrokenError(
        f"{path.name} cannot be read as Parquet: {said}.",
        hint="Check that it is Parquet, and was copied whole.",
    )


def batches_of(
    file: Any, path: Path, columns: list[str], *, batch_rows: int, groups: range | None,
    options: GeometryOptions, found: Counter[str],
) -> Iterator[Any]:  # fmt: skip
    """Give the batches; leave row groups out that cannot be read, and count their rows, if the options say so.

    `groups` are those to be read, of a file that several workers read; all by default.

    Raises
    ------
    DataBrokenError
        A row group cannot be read, or not one of the whole file can.
    """
    if options.on_error == "raise":
        try:
            yield from file.iter_batches(batch_size=batch_rows, columns=columns, row_groups=groups)
        except (pa.ArrowException, OSError) as err:
            raise DataBrokenError(
                f"{path.name} cannot be read{_place(file, columns)}: {_said(err)}.", hint=_HINT
            ) from err
        return
    first = lost = wanted = 0
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if groups is not None and group not in groups:
            first += rows
            continue
        done = 0
        wanted += rows
        try:
            for batch in file.iter_batches(
                batch_size=batch_rows, row_groups=[group], columns=columns
            ):
                yield batch
                done += batch.num_rows
        except (pa.ArrowException, OSError):
            lost += rows - done
            place = f"rows {first + done} to {first + rows - 1} of {path.name}"
            options.broken(found, LOST_ROWS, place, rows - done)
        first += rows
    if lost and lost == wanted and not _is_readable_besides(file, columns, groups):
        raise DataBrokenError(
            f"{path.name} is damaged: not one row of it can be read.", hint="Check the file."
        )


def _is_readable_besides(file: Any, columns: list[str], groups: range | None) -> bool:
    """Tell whether any row can be read of the row groups that others read: no piece alone is the whole file."""
    for group in range(file.num_row_groups):
        if groups is None or group in groups:
            continue
        try:
            if any(b.num_rows for b in file.iter_batches(row_groups=[group], columns=columns)):
                return True
        except (pa.ArrowException, OSError):
            continue
    return False


def _place(file: Any, columns: list[str]) -> str:
    """Tell which rows are in the first row group that is broken."""
    first = 0
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        try:
            for _ in file.iter_batches(row_groups=[group], columns=columns):
                pass
        except (pa.ArrowException, OSError):
            return f" in its rows {first} to {first + rows - 1}"
        first += rows
    return ""


def _said(err: Exception) -> str:
    return " ".join(str(err).split()).rstrip(". :") or type(err).__name__
