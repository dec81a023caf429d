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

    def map(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        label: str,
        progress: Progress = SILENT,
        retries: int = 1,
    ) -> Iterator[Result]:
        """Run `function` on each item and yield the results in the order of the items."""

    def map_batches(
        self,
        table: pa.Table,
        function: Callable[[pa.RecordBatch], pa.RecordBatch | pa.Table],
        schema: pa.Schema,
    ) -> pa.Table:
        """Run `function` on pieces of a table and put the results together in order."""

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
        """Find all pairs of rows whose geometries stand in a relation."""

    def sql(
        self,
        statement: Expression | str,
        /,
        *,
        token: CancelToken | None = None,
        most_bytes: int | None = None,
        **tables: pa.Table,
    ) -> pa.Table:
        """Answer a query over named tables."""
