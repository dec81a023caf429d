"""Answers as columns, and how they are written down: rows, graphs, tables."""

from extremeearth.knowledge.store.results.solutions import (
    Row,
    Solutions,
    Triple,
    Triples,
    boolean_text,
)

__all__ = ["Row", "Solutions", "Triple", "Triples", "boolean_text"]
