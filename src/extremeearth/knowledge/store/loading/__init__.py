"""RDF documents into a store, and a store into RDF documents."""

from extremeearth.knowledge.store.loading.batches import StatementBatch
from extremeearth.knowledge.store.loading.documents import Document
from extremeearth.knowledge.store.loading.load import insert_statements, load_documents
from extremeearth.knowledge.store.loading.problems import ProblemList
from extremeearth.knowledge.store.loading.reading import read_statements

__all__ = [
    "Document",
    "ProblemList",
    "StatementBatch",
    "insert_statements",
    "load_documents",
    "read_statements",
]
