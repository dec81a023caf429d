"""What every engine can do, wherever it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol, TypeVar

from extremeearth.core.progress import SILENT, CancelToken, Progress

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlglot.expressions import Expression

__all__ = ["PREDICATES", "Engine"]

Item = TypeVar("Item")
Result = TypeVar("Result")

PREDICATES = (
    "contains", "coveredby", "covers", "crosses", "dwithin", "equals", "intersects", "overlaps", "touches", "within",
)  # fmt: skip
"""Names that `Engine.join_spatial` takes; all but `dwithin` as OGC Simple Features defines them."""


class Engine(Protocol):
    """Runs functions over items and queries over Arrow tables."""

    @property
    def shares_files(self) -> bool:
        """Whether the workers find this process's files under the same names, and it theirs."""

    def map(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        label: str,
        progress: Progress = SILENT,
        retries: int = 1,
    ) -> Iterator[Result]:
        """Run `function` on each item and yield the results in the order of the items.

        Only a bounded number of items is taken ahead, so `items` may be endless; no more results are held than a few
        items give. A worker that dies is replaced. Closing the iterator, an error, and `progress.token` end the work.

        Parameters
        ----------
        function
            With several workers it travels, as its arguments and results do.
        items
            What to work on.
        label
            Name of the work, for progress and errors.
        progress
            Where finished items are counted.
        retries
            How often an item is tried again. Wrong input and missing data are not tried again.

        Raises
        ------
        CancelledError
            `progress.token` was cancelled.
        ExtremeEarthError
            An item failed for good: the message names it, the cause is kept.
        """

    def map_batches(
        self,
        table: pa.Table,
        function: Callable[[pa.RecordBatch], pa.RecordBatch | pa.Table],
        schema: pa.Schema,
    ) -> pa.Table:
        """Run `function` on pieces of a table and put the results together in order.

        Parameters
        ----------
        table
            Any rows; the pieces have at most 65 536 of them.
        function
            Takes a record batch and gives a record batch or a table; it may change the number of rows.
        schema
            The columns of what `function` gives, and of the result.

        Raises
        ------
        InputError
            A piece came back with other columns.
        """

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
        """Find all pairs of rows whose geometries stand in a relation.

        Parameters
        ----------
        left, right
            Tables with a WKB column, plain or of the extension type ``geoarrow.wkb``. Coordinates are x then y.
            Where the columns carry a reference system it must be the same; without one it is longitude and
            latitude, the order used everywhere inside the platform.
        predicate
            One of `PREDICATES`: ``left <predicate> right``, in the plane of the coordinates. ``dwithin`` measures
            on the ellipsoid, across the antimeridian and over the poles.
        left_geometry, right_geometry
            Names of the geometry columns.
        distance_m
            Largest distance in metres, for ``dwithin`` and nothing else.

        Returns
        -------
        pyarrow.Table
            ``left_index`` and ``right_index``, int64 row numbers from 0, sorted. Missing and empty geometries
            have no pairs.

        Raises
        ------
        InputError
            Unknown predicate or column, or a distance where none belongs.
        CrsMismatchError
            The two columns say that they have different reference systems.
        DataBrokenError
            A geometry cannot be read.
        """

    def sql(
        self,
        statement: Expression | str,
        /,
        *,
        token: CancelToken | None = None,
        most_bytes: int | None = None,
        **tables: pa.Table,
    ) -> pa.Table:
        """Answer a query over named tables.

        Parameters
        ----------
        statement
            A SELECT as sqlglot tree or text, put together by code of this platform: no text of a caller belongs in it.
        token
            Ends the query soon after it is cancelled.
        most_bytes
            Largest answer.
        tables
            The tables that it names.

        Raises
        ------
        InputError
            It is no query, or cannot be run.
        CancelledError
            `token` was cancelled.
        LimitError
            The answer is larger than `most_bytes`.
        """
