"""What the Delta log says of a data file: read, and written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from extremeearth.knowledge.store.storage._log import DataFile, TableKind

__all__ = ["add_action", "described", "remove_action"]


def described(actions: Mapping[str, list[Any]], kind: TableKind) -> Iterator[DataFile]:
    """Read the data files of a version, as deltalake lists them."""
    none = [None] * len(actions["path"])
    parts = actions.get(f"partition.{kind.partition}", none)
    ends = {
        name: (actions.get(f"min.{name}", none), actions.get(f"max.{name}", none))
        for name in kind.ranges
    }
    for row, path in enumerate(actions["path"]):
        ranges = {
            name: (int(low[row]), int(high[row]))
            for name, (low, high) in ends.items()
            if low[row] is not None and high[row] is not None
        }
        yield DataFile(
            path=path,
            rows=int(actions["num_records"][row] or 0),
            size=int(actions["size_bytes"][row]),
            part=int(parts[row] or 0),
            ranges=ranges,
        )


def _values(file: DataFile, kind: TableKind) -> dict[str, str | None]:
    return {} if kind.partition is None else {kind.partition: str(file.part)}


def add_action(file: DataFile, kind: TableKind, now: int, changes: bool) -> Any:
    """Say that a file belongs to the table from `now` on, milliseconds since 1970; `changes`: that it has new rows."""
    from deltalake.transaction import AddAction

    stats = {
        "numRecords": file.rows,
        "minValues": {name: low for name, (low, _) in file.ranges.items()},
        "maxValues": {name: high for name, (_, high) in file.ranges.items()},
        "nullCount": dict.fromkeys(file.ranges, 0),
    }
    return AddAction(file.path, file.size, _values(file, kind), now, changes, json.dumps(stats))


def remove_action(file: DataFile, kind: TableKind, now: int) -> Any:
    """Say that a file whose rows are in others now belongs to the table no more."""
    from deltalake.transaction import RemoveAction

    return RemoveAction(file.path, False, now, file.size, _values(file, kind))
