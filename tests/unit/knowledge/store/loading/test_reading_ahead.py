"""Reading in another thread: in order, errors where the items are used, and an end when nobody listens."""

from __future__ import annotations

import itertools
import threading

import pytest

from extremeearth.knowledge.store.loading.documents import Document
from extremeearth.knowledge.store.loading.reading import ahead


def test_items_come_in_order_from_another_thread():
    threads = set()

    def items():
        for number in range(50):
            threads.add(threading.get_ident())
            yield number

    assert list(ahead(items(), count=3)) == list(range(50))
    assert threading.get_ident() not in threads


def test_an_error_comes_after_the_items_before_it():
    def items():
        yield 1
        raise KeyError("gone")

    read = ahead(items())
    assert next(read) == 1
    with pytest.raises(KeyError, match="gone"):
        next(read)


def test_it_is_only_so_far_ahead_and_stops_when_it_is_closed():
    taken = []

    def items():
        for number in itertools.count():
            taken.append(number)
            yield number

    read = ahead(items(), count=2)
    assert next(read) == 0
    read.close()
    assert len(taken) <= 5
    assert not [thread for thread in threading.enumerate() if thread.name == "reading"]


def test_a_document_is_named_by_its_file_or_not_at_all(tmp_path):
    path = tmp_path / "a.nt.gz"
    path.write_bytes(b"")
    with path.open("rb") as file, Document(file) as document, document.open() as stream:
        assert document.name == str(path)
        assert document.format.media_type == "application/n-triples"
        assert stream.read() == b""
    assert Document(b"", format="nt").name == "the document"
