"""Stores to load into, and what is in them as pyoxigraph's statements without labels of blank nodes."""

from __future__ import annotations

import io

import pyoxigraph as ox
import pytest

from extremeearth.knowledge.store.loading import write_nquads
from extremeearth.knowledge.store.storage import open_storage


def dataset(quads):
    found = ox.Dataset(quads)
    found.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
    return set(found)


def _stored(storage):
    out = io.BytesIO()
    write_nquads(storage.snapshot(), out)
    return dataset(ox.parse(out.getvalue(), format=ox.RdfFormat.N_QUADS))


@pytest.fixture
def storage():
    return open_storage(None)


@pytest.fixture
def stored():
    """What a storage holds."""
    return _stored


@pytest.fixture
def parsed():
    """What the oracle reads from a document."""

    def read(text, format, **options):
        return dataset(ox.parse(text, format=format, **options))

    return read
