"""RDF documents into a store, and a store into RDF documents."""

from extremeearth.knowledge.store.loading.batches import StatementBatch
from extremeearth.knowledge.store.loading.documents import Document
from extremeearth.knowledge.store.loading.dumping import dump, term_texts, write_nquads
from extremeearth.knowledge.store.loading.load import insert_statements, load_documents
from extremeearth.knowledge.store.loading.problems import ProblemList
from extremeearth.knowledge.store.loading.reading import read_statements

__all__ = [
    "Document",
    "ProblemList",
    "StatementBatch",
    "dump",
    "insert_statements",
    "load_documents",
    "read_statements",
    "term_texts",
    "write_nquads",
]
