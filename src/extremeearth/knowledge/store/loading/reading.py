"""Documents into batches of statements, read ahead in a thread of its own."""

from __future__ import annotations

import queue
import secrets
import threading
from collections.abc import Generator, Iterator
from typing import IO, TypeVar, cast

import pyoxigraph as ox

from extremeearth.knowledge.rdf import BLOCK_BYTES, read_ntriples
from extremeearth.knowledge.store.contract import Source
from extremeearth.knowledge.store.loading._parsed import read_parsed
from extremeearth.knowledge.store.loading.batches import StatementBatch
from extremeearth.knowledge.store.loading.documents import Document, DocumentStream
from extremeearth.knowledge.store.loading.problems import ProblemList

__all__ = ["ahead", "read_document", "read_statements"]

Item = TypeVar("Item")

_LINES = {ox.RdfFormat.N_TRIPLES: False, ox.RdfFormat.N_QUADS: True}


def read_statements(
    source: Source,
    format: str | None = None,
    *,
    base: str | None = None,
    problems: ProblemList | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[StatementBatch]:
    r"""Read an RDF document.

    Parameters
    ----------
    source
        A file, bytes or an open binary file, packed with gzip or zstd or not.
    format
        Short name (``nt``, ``nq``, ``ttl``, ``trig``, ``rdf``, ``jsonld``) or media type; by default from the ending
        of the file's name.
    base
        IRI that relative ones are resolved against; that of the file by default.
    problems
        Takes note of what is broken; by default the first problem is an error.
    block_bytes
        How much of N-Triples and N-Quads is read at once.

    Yields
    ------
    StatementBatch
        Labels of blank nodes are new ones, the same for the same node throughout the document.

    Raises
    ------
    DataMissingError
        There is no such file.
    DataBrokenError
        The document is broken; says in which line.
    InputError
        The format is unknown.

    Examples
    --------
    >>> text = b'@prefix e: <urn:e:> . e:a e:p 1, "b"@en .'
    >>> for batch in read_statements(text, "turtle"):
    ...     [str(term) for term in batch.terms.terms()]
    ['<urn:e:a>', '<urn:e:p>', '"1"^^<http://www.w3.org/2001/XMLSchema#integer>', '"b"@en']
    """
    with Document(source, format=format, base=base) as document, document.open() as stream:
        yield from read_document(
            document, stream, problems=problems or ProblemList(), block_bytes=block_bytes
        )


def read_document(
    document: Document,
    stream: DocumentStream,
    *,
    problems: ProblemList,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[StatementBatch]:
    """Read a document that is open."""
    prefix = f"d{secrets.token_hex(8)}"
    quads = _LINES.get(document.format)
    if quads is None:
        found = read_parsed(document, stream, prefix=prefix, problems=problems)
    else:
        found = read_ntriples(
            cast(IO[bytes], stream),
            quads=quads,
            prefix=prefix,
            bad=lambda line, message: problems.add(document.name, line, message),
            block_bytes=block_bytes,
        )
    yield from map(StatementBatch.of, found)


def ahead(items: Iterator[Item], *, count: int = 1) -> Generator[Item, None, None]:
    """Give the items of an iterator that another thread runs, at most `count` items ahead.

    Examples
    --------
    >>> list(ahead(iter("abc")))
    ['a', 'b', 'c']
    """
    ready: queue.Queue[tuple[str, object]] = queue.Queue(maxsize=count)
    stop = threading.Event()

    def put(kind: str, thing: object) -> bool:
        while not stop.is_set():
            try:
                ready.put((kind, thing), timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def run() -> None:
        try:
            for item in items:
                if not put("item", item):
                    return
        except BaseException as err:  # raised again where the items are used
            put("error", err)
        else:
            put("end", None)

    thread = threading.Thread(target=run, name="reading", daemon=True)
    thread.start()
    try:
        while True:
            kind, thing = ready.get()
            if kind == "end":
                return
            if kind == "error":
                assert isinstance(thing, BaseException)
                raise thing
            yield thing  # type: ignore[misc]  # what was put there as an item
    finally:
        stop.set()
        thread.join()
