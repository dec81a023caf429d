"""Loading: documents into a store, all of them or nothing, with a report of what was done and what was wrong."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from extremeearth.core.errors import DataBrokenError, InputError
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
    started = time.perf_counter()
    with ExitStack() as opened:
        documents = [
            opened.enter_context(Document(source, format=format, base=base)) for source in sources
        ]

        def change(writing: Writing) -> LoadReport:
            return _load(writing, documents, graph=graph, skip_bad=skip_bad, progress=progress)

        note = {"operation": "load", "documents": [document.name for document in documents][:100]}
        report = storage.transact(change, note=note)
    return replace(report, seconds=time.perf_counter() - started)


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
    shapes = _GeometryLines()
    target = _graph_number(writing, graph)
    statements = 0
    with Task(progress, "Load", total=sum(document.size for document in documents)) as task:
        for document in documents:
            with document.open() as stream, ExitStack() as opened:
                told = 0
                batches = opened.enter_context(
                    closing(ahead(read_document(document, stream, problems=skipped)))
                )
                for batch in batches:
                    numbers = _insert(writing, batch, target)
                    shapes.note(document, batch, numbers)
                    statements += len(batch)
                    now = stream.consumed
                    task.advance(now - told)
                    told = now
                task.advance(stream.consumed - told)
    count, examples = shapes.problems(writing)
    if count and not skip_bad:
        raise DataBrokenError(
            str(examples[0]) if examples else f"{count} geometry literals cannot be read.",
            hint="Mend it, or load with --skip-bad. Nothing was loaded.",
        )
    return LoadReport(
        triples=writing.inserted,
        seconds=0.0,
        format=", ".join(dict.fromkeys(document.format.media_type for document in documents)),
        graph=graph,
        statements=statements,
        skipped=skipped.count,
        geometry_problems=count,
        examples=tuple(skipped.examples),
        geometry_examples=examples,
    )


class _GeometryLines:
    """Remembers where geometry literals stand, for what the storage says about them in the end."""

    def __init__(self) -> None:
        self._numbers: list[NDArray[np.int64]] = []
        self._lines: list[NDArray[np.int64]] = []
        self._documents: list[Document] = []

    def note(self, document: Document, batch: StatementBatch, numbers: NDArray[np.int64]) -> None:
        """Remember the geometry literals of a batch."""
        rows = np.flatnonzero(types.flags(batch.terms.types, "geometry"))
        if len(rows):
            self._numbers.append(numbers[rows])
            self._lines.append(batch.lines[rows])
            self._documents.append(document)

    def problems(self, writing: Writing) -> tuple[int, tuple[DocumentProblem, ...]]:
        """Give how many literals have no shape, and the first of them."""
        said = writing.problems
        if not said:
            return 0, ()
        found = []
        for number, message in islice(said.items(), MOST_EXAMPLES):
            place = self._place(number)
            if place is not None:
                document, line = place
                if line is None:
                    (text,) = writing.snapshot.terms.take(np.array([number])).values.to_pylist()
                    line = document.lines_with({0: _longest_piece(text)}).get(0)
                found.append(
                    DocumentProblem(document=document.name, line=line, message=_sentence(message))
                )
        return len(said), tuple(found)

    def _place(self, number: int) -> tuple[Document, int | None] | None:
        """Find the document and the first line of a literal."""
        best: tuple[Document, int | None] | None = None
        for document, numbers, lines in zip(
            self._documents, self._numbers, self._lines, strict=True
        ):
            if best is not None and best[0] is not document:
                break
            for row in np.flatnonzero(numbers == number)[:1].tolist():
                line = int(lines[row]) or None
                if best is None or (line is not None and (best[1] or line) >= line):
                    best = document, line
        return best


def _sentence(message: str) -> str:
    return message if message.endswith(".") else f"{message}."


def _longest_piece(text: str) -> str:
    """Give the longest part of a literal that no format writes in another way."""
    return max(re.split(r"[<>&\"'\\\s]*[<>&\"'\\\n\r\t]+[<>&\"'\\\s]*", text), key=len)[:500]
