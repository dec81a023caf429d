"""The engine of one machine: a few processes, and SedonaDB inside this one."""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TYPE_CHECKING, Self, TypeVar

from extremeearth.core.errors import InputError
from extremeearth.core.progress import SILENT, CancelToken, Progress, Task
from extremeearth.infrastructure.engine._batches import map_pieces
from extremeearth.infrastructure.engine._items import run_here
from extremeearth.infrastructure.engine._spatial import join_rows
from extremeearth.infrastructure.engine._sql import answer
from extremeearth.infrastructure.engine._workers import (
    IdleWorkers,
    OrderedRun,
    WorkerPool,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlglot.expressions import Expression

__all__ = ["LocalEngine"]

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 4
"""Items per worker that may be under way or finished before the oldest one is."""
_QUERY = re.compile(r"\s*(?:\(\s*)*(?:select|with|values)\b", re.IGNORECASE)


class LocalEngine:
    """Runs everything on this machine.

    Parameters
    ----------
    workers
        Processes for :meth:`map` and :meth:`map_batches`; with one, the work stays in this process. They start with
        the first work and wait for more until :meth:`close`, or until the engine is gone.

    Examples
    --------
    >>> engine = LocalEngine()
    >>> list(engine.map(abs, [-1, 2, -3], label="numbers"))
    [1, 2, 3]
    >>> with LocalEngine(workers=2) as engine:  # both maps have the same two processes
    ...     list(engine.map(abs, [-1, 2], label="numbers"))
    ...     list(engine.map(hex, [10, 11], label="numbers"))
    [1, 2]
    ['0xa', '0xb']
    """

    def __init__(self, workers: int = 1) -> None:
        if workers < 1:
            raise InputError(f"{workers} workers can do nothing.", hint="Give 1 or more.")
        self.workers = workers
        self._idle = IdleWorkers(workers)
        self._end = weakref.finalize(self, self._idle.close)

    def close(self) -> None:
        """End the processes that wait; work that comes later has new ones, which end with it."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"LocalEngine(workers={self.workers})"

    @property
    def shares_files(self) -> bool:
        """Whether the workers find this process's files; they are on the same machine."""
        return True

    def map(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        label: str,
        progress: Progress = SILENT,
        retries: int = 1,
    ) -> Iterator[Result]:
        """Run `function` on each item and yield the results in order; see `Engine.map`.

        With several workers `function` must be importable by name.

        Examples
        --------
        >>> list(LocalEngine().map(int, ["1", "x"], label="parse", retries=0))
        Traceback (most recent call last):
            ...
        extremeearth.core.errors.ExtremeEarthError: parse, item 1 ('x'): ValueError: invalid literal ...
        """
        if retries < 0:
            raise InputError(f"{retries} retries are not possible.", hint="Give 0 or more.")
        total = len(items) if isinstance(items, Sized) else None
        task = Task(progress, label, total=total)
        if self.workers == 1:
            return run_here(function, items, task, retries=retries)
        pool = WorkerPool(function, self._idle, size=self.workers)
        return OrderedRun(pool, items, task, retries=retries, ahead=AHEAD * self.workers).results()

    def map_batches(
        self,
        table: pa.Table,
        function: Callable[[pa.RecordBatch], pa.RecordBatch | pa.Table],
        schema: pa.Schema,
    ) -> pa.Table:
        """Run `function` on pieces of a table and put them together; see `Engine.map_batches`.

        Examples
        --------
        >>> import pyarrow as pa
        >>> table = pa.table({"n": [1, 2, 3]})
        >>> even = lambda batch: batch.filter(
        ...     pa.array([n % 2 == 0 for n in batch["n"].to_pylist()])
        ... )
        >>> LocalEngine().map_batches(table, even, table.schema).to_pydict()
        {'n': [2]}
        """
        return map_pieces(self, table, function, schema)

    def join_spatial(
        self,
        left: pa.Table,
        right: pa.Table,
        predicate: str,
        *,
        left_geometry: str = "geometry",
        right_geometry: str = "geometry",
        distance_m: float | None = None,
    ) -> pa.Table:
        """Find all pairs of rows whose geometries stand in a relation; see `Engine.join_spatial`.

        Examples
        --------
        >>> import pyarrow as pa, shapely
        >>> fields = pa.table(
        ...     {"geometry": shapely.to_wkb([shapely.box(0, 80, 1, 81), shapely.box(5, 80, 6, 81)])}
        ... )
        >>> points = pa.table(
        ...     {"geometry": shapely.to_wkb(shapely.points([[0.5, 80.5], [1.01, 80.5]]))}
        ... )
        >>> LocalEngine().join_spatial(fields, points, "contains").to_pydict()
        {'left_index': [0], 'right_index': [0]}
        >>> LocalEngine().join_spatial(fields, points, "dwithin", distance_m=200).to_pydict()
        {'left_index': [0, 0], 'right_index': [0, 1]}
        """
        return join_rows(
            left, right, predicate,
            left_geometry=left_geometry, right_geometry=right_geometry, distance_m=distance_m,
        )  # fmt: skip

    def sql(
        self,
        statement: Expression | str,
        /,
        *,
        token: CancelToken | None = None,
        most_bytes: int | None = None,
        **tables: pa.Table,
    ) -> pa.Table:
        """Answer a query in SedonaDB's SQL with its ``ST_`` functions; see `Engine.sql`.

        The statement may read what this process may read. The token is looked at with every batch of the answer, and
        wherever the statement says ``still_wanted(a, b)`` (two BIGINT; always true) with every batch of rows.

        Examples
        --------
        >>> import pyarrow as pa
        >>> numbers = pa.table({"n": [1, 2, 3]})
        >>> LocalEngine().sql("select sum(n) as total from numbers", numbers=numbers).to_pydict()
        {'total': [6]}
        """
        text = statement if isinstance(statement, str) else statement.sql()
        if not _QUERY.match(text):
            raise InputError(
                "This SQL statement is not a query.", hint="Begin it with SELECT or WITH."
            )
        return answer(text, tables, token=token, most_bytes=most_bytes)
