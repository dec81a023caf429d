"""Loading: documents into a store, all of them or nothing, with a report of what was done and what was wrong."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.core.errors import InputError
from extremeearth.core.progress import SILENT, Progress, Task
from extremeearth.knowledge.rdf import check_iri
from extremeearth.knowledge.sparql.terms import Iri
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.contract import DocumentProblem, LoadReport, Source
from extremeearth.knowledge.store.loading.batches import StatementBatch
from extremeearth.knowledge.store.loading.documents import Document
from extremeearth.knowledge.store.loading.problems import MOST_EXAMPLES, ProblemList
from extremeearth.knowledge.store.loading.reading import ahead, read_document
from extremeearth.knowledge.store.storage.contract import DEFAULT_GRAPH, Storage, Writing

__all__ = ["insert_statements", "load_documents"]


def load_documents(
    storage: Storage,
    sources: Sequence[Source],
    *,
    format: str | None = None,
    graph: str | None = None,
    base: str | None = None,
    skip_bad: bool = False,
    progress: Progress = SILENT,
) -> LoadReport:
    """Add RDF documents to a store in one transaction: all of them, or nothing.

    Parameters
    ----------
    storage
        Where to.
    sources
        Files, bytes or open binary files, packed with gzip or zstd or not.
    format
        Short name (``nt``, ``nq``, ``ttl``, ``trig``, ``rdf``, ``jsonld``) or media type, of all; by default from the
        ending of each file's name.
    graph
        IRI of the graph for triples; the default graph by default. N-Quads and TriG name their own.
    base
        IRI that relative ones are resolved against; that of each file by default.
    skip_bad
        Whether to leave out what is broken and count it, in place of an error.
    progress
        Told of the bytes that were read.

    Returns
    -------
    LoadReport
        What was new, and what was wrong.

    Raises
    ------
    DataMissingError
        There is no such file.
    DataBrokenError
        A document is broken, or a geometry literal cannot be read; says in which line.
    InputError
        A format is unknown, or the graph is no IRI.
    """
    if not sources:
        raise InputError("There is nothing to load.", hint="Name a file.")
    if graph is not None:
        check_iri(graph)
    documents = [Document(source, format=format, base=base) for source in sources]
    started = time.perf_counter()

    def change(writing: Writing) -> LoadReport:
        return _load(writing, documents, graph=graph, skip_bad=skip_bad, progress=progress)

    note = {"operation": "load", "documents": [document.name for document in documents][:100]}
    report = storage.transact(change, note=note)
    return LoadReport(
        **{name: getattr(report, name) for name in report.__slots__ if name != "seconds"},
        seconds=time.perf_counter() - started,
    )


def insert_statements(
    writing: Writing, batches: Iterable[StatementBatch], *, graph: str | None = None
) -> int:
    """Add statements within a transaction; give how many were read.

    Parameters
    ----------
    writing
        The transaction.
    batches
        What to add.
    graph
        IRI of the graph for what is in the default graph of the document.
    """
    target = _graph_number(writing, graph)
    count = 0
    for batch in batches:
        _insert(writing, batch, target)
        count += len(batch)
    return count


def _graph_number(writing: Writing, graph: str | None) -> int:
    if graph is None:
        return DEFAULT_GRAPH
    return int(writing.number(TermColumn.of([Iri(check_iri(graph))]))[0])


def _insert(writing: Writing, batch: StatementBatch, target: int) -> NDArray[np.int64]:
    """Add one batch; give the numbers of its terms."""
    import pyarrow as pa

    numbers = writing.number(batch.terms)
    with_default = np.append(numbers, target)  # row -1
    columns = [
        pa.array(with_default[batch.quads.column(name).to_numpy()]) for name in ("s", "p", "o", "g")
    ]
    writing.insert(pa.table(columns, names=["s", "p", "o", "g"]))
    return numbers


def _load(
    writing: Writing,
    documents: Sequence[Document],
    *,
    graph: str | None,
    skip_bad: bool,
    progress: Progress,
) -> LoadReport:
    """Read all documents into a transaction."""
    skipped = ProblemList(skip_bad=skip_bad)
    shapes = _ShapeProblems(skip_bad=skip_bad)
    target = _graph_number(writing, graph)
    statements = 0
    with Task(progress, "Load", total=sum(document.size for document in documents)) as task:
        for document in documents:
            with document.open() as stream:
                told = 0
                for batch in ahead(read_document(document, stream, problems=skipped)):
                    numbers = _insert(writing, batch, target)
                    shapes.look(document, batch, numbers, writing.problems)
                    statements += len(batch)
                    now = stream.consumed
                    task.advance(now - told)
                    told = now
                task.advance(stream.consumed - told)
            shapes.locate(document)
    return LoadReport(
        triples=writing.inserted,
        seconds=0.0,
        format=", ".join(dict.fromkeys(document.format.media_type for document in documents)),
        graph=graph,
        statements=statements,
        skipped=skipped.count,
        geometry_problems=shapes.list.count,
        examples=tuple(skipped.examples),
        geometry_examples=tuple(shapes.list.examples),
    )


class _ShapeProblems:
    """Geometry literals that the storage could not read, with the lines where they stand."""

    def __init__(self, *, skip_bad: bool) -> None:
        self.list = ProblemList(skip_bad=True)
        self._skip_bad = skip_bad
        self._seen = 0
        self._texts: dict[
            int, str
        ] = {}  # example -> what to look for, where the parser told no line

    def look(
        self, document: Document, batch: StatementBatch, numbers: NDArray[np.int64], problems: Any
    ) -> None:
        """Take note of the problems that came with a batch."""
        if len(problems) == self._seen:
            return
        fresh = np.array(list(problems)[self._seen :], np.int64)
        self._seen = len(problems)
        rows = np.flatnonzero(np.isin(numbers, fresh) & types.flags(batch.terms.types, "geometry"))
        rows = rows[np.argsort(batch.lines[rows], kind="stable")]
        for row in rows.tolist():
            line = int(batch.lines[row]) or None
            if line is None and self.list.count < MOST_EXAMPLES:
                self._texts[self.list.count] = _longest_piece(str(batch.terms.values[row]))
            self.list.add(document.name, line, problems[int(numbers[row])])
        if rows.size and not self._skip_bad:
            self.locate(document)
            ProblemList().add(*_parts(self.list.examples[0]))

    def locate(self, document: Document) -> None:
        """Find the lines of examples whose parser told none."""
        for number, line in document.lines_with(self._texts).items() if self._texts else ():
            old = self.list.examples[number]
            self.list.examples[number] = DocumentProblem(
                document=old.document, line=line, message=old.message
            )
        self._texts.clear()


def _parts(problem: DocumentProblem) -> tuple[str, int | None, str]:
    return problem.document, problem.line, problem.message


def _longest_piece(text: str) -> str:
    """Give the longest part of a literal that no format writes in another way."""
    return max(re.split(r"[<>&\"'\\\s]*[<>&\"'\\\n\r\t]+[<>&\"'\\\s]*", text), key=len)[:500]
