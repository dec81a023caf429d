"""The engine of many machines: Apache Spark, by its DataFrame API, so that Spark Connect serves as well."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from extremeearth.core.errors import ExtremeEarthError, InputError, UnavailableError
from extremeearth.core.progress import SILENT, CancelToken, Progress, Task
from extremeearth.infrastructure.engine._batches import map_pieces
from extremeearth.infrastructure.engine._spark_items import SparkRun
from extremeearth.infrastructure.engine._spark_jobs import hint_for, run_job, said
from extremeearth.infrastructure.engine._spark_joins import JoinOnSpark
from extremeearth.infrastructure.engine._spark_session import (
    GAVE_UP,
    asked_for,
    close_session,
    is_connect,
    open_session,
)
from extremeearth.infrastructure.engine._spark_sql import run_sql
from extremeearth.infrastructure.engine._spark_tables import sent_again
from extremeearth.infrastructure.engine._spark_workers import Patience
from extremeearth.infrastructure.engine._spatial import sides_of

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlglot.expressions import Expression

__all__ = ["SparkEngine"]

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 4
"""Items per slot taken from an input of unknown length before their results were asked for."""
AHEAD_OF_KNOWN = 1024
"""The same for lists, which need not be spared."""


class SparkEngine:
    """Runs everything on a Spark cluster; does what `LocalEngine` does, with the same results.

    Parameters
    ----------
    url
        ``local[n]`` or ``local[*]`` (this machine), ``spark://host:port``, ``k8s://https://host:port``, or
        ``sc://host:port`` (Spark Connect).
    options
        Settings of Spark by name, e.g. ``{"spark.executor.memory": "8g"}``. A Connect server has its own; there
        only those of a session count.
    ship_code
        Whether this package is sent to the workers as an archive. Switch it off where their image has it. What it
        imports (NumPy, PyArrow, Shapely, SedonaDB ...) must be there in any case.
    cell_rows
        Most rows of both sides together that a cell of a spatial join should have.
    wait_s
        How long work waits, in seconds, while the cluster has no worker; then `UnavailableError`. Where nodes are
        started on demand, it must hold their start.

    shares_files
        Whether the workers find this process's files under the same names, and it theirs: on this machine they do, on
        a cluster if both see the same folders.

    Raises
    ------
    MissingExtraError
        PySpark is not installed.
    UnavailableError
        There is no Java, or the cluster does not answer.
    ConflictError
        This process already works with another cluster.

    Examples
    --------
    >>> with SparkEngine("spark://10.0.0.1:7077") as engine:  # doctest: +SKIP
    ...     list(engine.map(abs, [-1, 2, -3], label="numbers"))
    [1, 2, 3]
    """

    def __init__(
        self,
        url: str,
        *,
        options: Mapping[str, str] | None = None,
        ship_code: bool = True,
        cell_rows: int = 100_000,
        wait_s: float = 600.0,
        shares_files: bool | None = None,
    ) -> None:
        if cell_rows < 1:
            raise InputError(f"Cells of {cell_rows} rows are not possible.", hint="Give 1 or more.")
        self.url, self._cell_rows = url, cell_rows
        if not wait_s > 0:
            raise InputError(f"Waiting {wait_s} seconds is not possible.", hint="Give more than 0.")
        self._session = open_session(url, options or {}, ship_code=ship_code)
        self._patience = Patience(self._session, url, wait_s)
        self._shares_files = url.startswith("local") if shares_files is None else shares_files
        self._known_slots: int | None = None
        self._asked = 0
        if not is_connect(self._session):
            self._asked = asked_for(dict(self._session.sparkContext.getConf().getAll()))
        self._open = True

    def __repr__(self) -> str:
        return f"SparkEngine({self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the cluster; where several engines of this process work with it, the last one does."""
        if self._open:
            self._open = False
            close_session(self._session)

    @property
    def shares_files(self) -> bool:
        """Whether the workers find this process's files under the same names, and it theirs."""
        return self._shares_files

    @property
    def slots(self) -> int:
        """Tasks that the cluster runs at once; asked again each time, for a cluster may grow."""
        if not is_connect(self._session):
            try:
                # the first counts executors that have come
                return max(1, int(self._session.sparkContext.defaultParallelism), self._asked)
            except Exception as err:  # whatever a context that is no more says
                raise UnavailableError(f"Spark at {self.url} gave up.", hint=GAVE_UP) from err
        if self._known_slots is None:  # a server does not tell: count how it splits a range
            parts = self._session.range(100_000).mapInArrow(_one_each, "n int").toArrow()
            self._known_slots = max(1, parts.num_rows)
        return self._known_slots

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

        Items go out in windows, one job of Spark each, two at a time; windows grow until they take some seconds, or
        their results some megabytes. `function` is anything that cloudpickle can write; what it imports must be on
        the workers. An item that keeps killing workers is named in the error.
        """
        if retries < 0:
            raise InputError(f"{retries} retries are not possible.", hint="Give 0 or more.")
        total = len(items) if isinstance(items, Sized) else None
        slots = self.slots
        run = SparkRun(
            self._session, function, items, Task(progress, label, total=total),
            retries=retries, slots=slots, ahead=AHEAD if total is None else AHEAD_OF_KNOWN,
            patience=self._patience, grown=lambda: self.slots,
        )  # fmt: skip
        return run.results()

    def map_batches(
        self,
        table: pa.Table,
        function: Callable[[pa.RecordBatch], pa.RecordBatch | pa.Table],
        schema: pa.Schema,
    ) -> pa.Table:
        """Run `function` on pieces of a table and put them together; see `Engine.map_batches`.

        Pieces travel as Arrow IPC, so `function` sees the very types of the table, also those that Spark lacks.
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

        The plane is cut into cells by the density of both sides. Rows go to all cells that their boxes meet; a cell is
        joined by one task, and the cell that holds the lower left corner of what two boxes share reports the pair.
        `UnavailableError` where the cluster could not finish it.
        """
        import pyarrow as pa

        sides = sides_of(
            left, right, predicate, left_geometry=left_geometry, right_geometry=right_geometry, distance_m=distance_m
        )  # fmt: skip
        if not len(sides.left.wkb) or not len(sides.right.wkb):
            return pa.schema(
                [("left_index", pa.int64()), ("right_index", pa.int64())]
            ).empty_table()
        join = JoinOnSpark(
            sides, predicate, distance_m, cell_rows=self._cell_rows, slots=self.slots
        )
        try:
            return run_job(
                self._session,
                lambda: sent_again(lambda: join.run(self._session)),
                CancelToken(),
                self._patience,
            )
        except ExtremeEarthError:
            raise
        except Exception as err:  # Py4J, gRPC and Spark errors have no common class
            raise UnavailableError(
                f"Spark could not finish the join: {said(err)}",
                hint=hint_for(
                    err,
                    "It may have run out of memory: use smaller cells or more memory per worker.",
                ),
            ) from err

    def sql(
        self,
        statement: Expression | str,
        /,
        *,
        token: CancelToken | None = None,
        most_bytes: int | None = None,
        **tables: pa.Table,
    ) -> pa.Table:
        """Answer a query, in the dialect of the local engine translated for Spark; see `Engine.sql`.

        It reads the named tables and nothing else. With `most_bytes` the answer is fetched piece by piece.
        `UnavailableError` where it uses a function of space that Spark lacks without Sedona.
        """
        return run_sql(
            self._session, statement, tables,
            token=token or CancelToken(), patience=self._patience, most_bytes=most_bytes,
        )  # fmt: skip


def _one_each(batches: Any) -> Any:
    import pyarrow as pa

    for _ in batches:
        pass
    yield pa.RecordBatch.from_pydict({"n": pa.array([1], pa.int32())})
