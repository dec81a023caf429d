"""What is done for the keeping of a store: dumps, folding of what is scattered, cleaning, checks."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from extremeearth.core.progress import SILENT, Progress
from extremeearth.knowledge.store.loading import dump
from extremeearth.knowledge.store.storage import (
    CheckReport,
    CompactReport,
    check,
    compact,
    compact_scattered,
    count_scattered,
    vacuum,
)
from extremeearth.knowledge.store.view import GraphView

__all__ = ["TendedGraph"]


class TendedGraph(GraphView):
    """The side of a `Graph` that keeps what is stored in order, and changes no statement.

    Examples
    --------
    >>> from extremeearth.knowledge.store.storage import open_storage
    >>> TendedGraph(open_storage(None)).check().problems
    ()
    """

    def dump(
        self,
        target: Path | BinaryIO,
        format: str | None = None,
        *,
        graph: str | None = None,
        version: int | None = None,
        progress: Progress = SILENT,
    ) -> int:
        """Write the store, or one graph of it, as a document; give the number of statements.

        Parameters
        ----------
        target
            A file, packed where its name ends in ``.gz`` or ``.zst``, or an open binary file.
        format
            Short name or media type; by default from the ending of the file's name, else ``nq``.
        graph
            IRI of the graph to write alone.
        version
            Number of an older state.
        progress
            Told of the statements that were written.

        Raises
        ------
        InputError
            The format has no place for named graphs, and there are some.
        NotFoundError
            There is no such graph or version.
        """
        return dump(
            self.storage.snapshot(version=version), target,
            format=format if isinstance(target, Path) else format or "nq",
            graphs=None if graph is None else [graph], progress=progress,
        )  # fmt: skip

    def compact(self) -> CompactReport:
        """Fold what many small commits wrote into few files; readers notice nothing."""
        return compact(self.storage)

    def scattered_files(self) -> int:
        """Count the files of small changes: with many of them asking is slow, and `compact` folds them.

        Examples
        --------
        >>> from extremeearth.knowledge.store import open_graph
        >>> with open_graph() as graph:
        ...     graph.update("INSERT DATA { <urn:a> <urn:p> 1 }").inserted
        ...     graph.scattered_files()
        1
        1
        """
        self.storage.snapshot()  # of the newest
        return count_scattered(self.storage)

    def vacuum(self, *, keep_days: float = 7.0) -> int:
        """Delete files that no version of the last days needs; give how many. Older versions cannot be asked then."""
        return vacuum(self.storage, keep_days=keep_days)

    def check(self) -> CheckReport:
        """Read everything that is stored, and tell what is missing or broken."""
        return check(self.storage)

    def _tidy(self) -> None:
        """Fold what many small commits wrote, so that asking stays fast without anybody thinking of it."""
        if self._tidying.acquire(blocking=False):
            try:
                compact_scattered(self.storage, most_files=self._settings.graph_compact_files)
            finally:
                self._tidying.release()
