"""Syntax nodes of updates; import them from `syntax`."""

from __future__ import annotations

from dataclasses import dataclass

from extremeearth.knowledge.sparql.path_nodes import SyntaxNode
from extremeearth.knowledge.sparql.query_nodes import DatasetClause, GroupPattern, TriplePattern
from extremeearth.knowledge.sparql.terms import Iri, Variable

__all__ = [
    "Clear", "Create", "DeleteData", "DeleteWhere", "Drop", "GraphTarget", "InsertData", "Load", "Modify",
    "Operation", "QuadBlock", "Transfer", "Update",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class QuadBlock(SyntaxNode):
    """Triples of one graph, of the default graph where `graph` is `None`."""

    graph: Variable | Iri | None
    triples: tuple[TriplePattern, ...]


GraphTarget = Iri | str
"""A graph, or one of the words ``DEFAULT``, ``NAMED``, ``ALL``."""


@dataclass(frozen=True, slots=True)
class Load(SyntaxNode):
    """``LOAD <source> INTO GRAPH <target>``."""

    source: Iri
    target: Iri | None
    silent: bool


@dataclass(frozen=True, slots=True)
class Clear(SyntaxNode):
    """``CLEAR``."""

    target: GraphTarget
    silent: bool


@dataclass(frozen=True, slots=True)
class Drop(SyntaxNode):
    """``DROP``."""

    target: GraphTarget
    silent: bool


@dataclass(frozen=True, slots=True)
class Create(SyntaxNode):
    """``CREATE GRAPH``."""

    graph: Iri
    silent: bool


@dataclass(frozen=True, slots=True)
class Transfer(SyntaxNode):
    """``ADD``, ``MOVE`` or ``COPY`` from one graph to another."""

    verb: str
    source: GraphTarget
    target: GraphTarget
    silent: bool


@dataclass(frozen=True, slots=True)
class InsertData(SyntaxNode):
    """``INSERT DATA``."""

    quads: tuple[QuadBlock, ...]


@dataclass(frozen=True, slots=True)
class DeleteData(SyntaxNode):
    """``DELETE DATA``."""

    quads: tuple[QuadBlock, ...]


@dataclass(frozen=True, slots=True)
class DeleteWhere(SyntaxNode):
    """``DELETE WHERE``."""

    quads: tuple[QuadBlock, ...]


@dataclass(frozen=True, slots=True)
class Modify(SyntaxNode):
    """``WITH ... DELETE ... INSERT ... USING ... WHERE``; a part that is absent is `None`."""

    graph: Iri | None
    delete: tuple[QuadBlock, ...] | None
    insert: tuple[QuadBlock, ...] | None
    using: DatasetClause
    where: GroupPattern


Operation = Load | Clear | Drop | Create | Transfer | InsertData | DeleteData | DeleteWhere | Modify


@dataclass(frozen=True, slots=True)
class Update(SyntaxNode):
    """A sequence of operations."""

    operations: tuple[Operation, ...]
    base: str | None = None
