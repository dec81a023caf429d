"""Syntax nodes of SPARQL 1.1 Query and Update: immutable, prefixes and relative IRIs already resolved.

The names follow the grammar of the recommendation (section 19.8). `str()` of any node is its text.
"""

from __future__ import annotations

from dataclasses import dataclass

from extremeearth.knowledge.sparql.expression_nodes import (
    Aggregate,
    Arithmetic,
    BuiltIn,
    Comparison,
    Exists,
    Expression,
    FunctionCall,
    Logical,
    Membership,
    NegatedSet,
    Negation,
    Path,
    PathAlternative,
    PathInverse,
    PathRepeat,
    PathSequence,
    SyntaxNode,
)
from extremeearth.knowledge.sparql.pattern_nodes import (
    Bind,
    Filter,
    Graph,
    GroupPattern,
    InlineData,
    Minus,
    Node,
    Optional,
    Pattern,
    Service,
    SubSelect,
    TriplePattern,
    TriplesBlock,
    Union,
)
from extremeearth.knowledge.sparql.terms import Iri, Variable

__all__ = [
    "Aggregate",
    "Arithmetic",
    "AskQuery",
    "Bind",
    "BuiltIn",
    "Clear",
    "Comparison",
    "ConstructQuery",
    "Create",
    "DatasetClause",
    "DeleteData",
    "DeleteWhere",
    "DescribeQuery",
    "Drop",
    "Exists",
    "Expression",
    "Filter",
    "FunctionCall",
    "Graph",
    "GroupCondition",
    "GroupPattern",
    "InlineData",
    "InsertData",
    "Load",
    "Logical",
    "Membership",
    "Minus",
    "Modify",
    "NegatedSet",
    "Negation",
    "Node",
    "Operation",
    "Optional",
    "OrderCondition",
    "Path",
    "PathAlternative",
    "PathInverse",
    "PathRepeat",
    "PathSequence",
    "Pattern",
    "Projection",
    "QuadBlock",
    "Query",
    "SelectQuery",
    "Service",
    "SolutionModifier",
    "SubSelect",
    "SyntaxNode",
    "Transfer",
    "TriplePattern",
    "TriplesBlock",
    "Union",
    "Update",
]


# ---------------------------------------------------------------------------------------- queries


@dataclass(frozen=True, slots=True)
class Projection(SyntaxNode):
    """``?v`` or ``(expression AS ?v)``."""

    variable: Variable
    expression: Expression | None = None


@dataclass(frozen=True, slots=True)
class GroupCondition(SyntaxNode):
    """One condition of GROUP BY, with the variable it is named by, if any."""

    expression: Expression
    variable: Variable | None = None


@dataclass(frozen=True, slots=True)
class OrderCondition(SyntaxNode):
    """One condition of ORDER BY."""

    expression: Expression
    descending: bool = False


@dataclass(frozen=True, slots=True)
class DatasetClause(SyntaxNode):
    """``FROM`` and ``FROM NAMED`` (or ``USING`` in an update)."""

    default: tuple[Iri, ...] = ()
    named: tuple[Iri, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.default or self.named)


@dataclass(frozen=True, slots=True)
class SolutionModifier(SyntaxNode):
    """What follows the WHERE clause."""

    group_by: tuple[GroupCondition, ...] = ()
    having: tuple[Expression, ...] = ()
    order_by: tuple[OrderCondition, ...] = ()
    limit: int | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectQuery(SyntaxNode):
    """SELECT; `projection` is `None` for ``*``."""

    projection: tuple[Projection, ...] | None
    where: GroupPattern
    distinct: bool = False
    reduced: bool = False
    dataset: DatasetClause = DatasetClause()
    modifier: SolutionModifier = SolutionModifier()
    values: InlineData | None = None
    base: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstructQuery(SyntaxNode):
    """CONSTRUCT."""

    template: tuple[TriplePattern, ...]
    where: GroupPattern
    dataset: DatasetClause = DatasetClause()
    modifier: SolutionModifier = SolutionModifier()
    values: InlineData | None = None
    base: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeQuery(SyntaxNode):
    """DESCRIBE; `resources` is `None` for ``*``, `where` where there is no pattern."""

    resources: tuple[Variable | Iri, ...] | None
    where: GroupPattern | None
    dataset: DatasetClause = DatasetClause()
    modifier: SolutionModifier = SolutionModifier()
    values: InlineData | None = None
    base: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskQuery(SyntaxNode):
    """ASK."""

    where: GroupPattern
    dataset: DatasetClause = DatasetClause()
    modifier: SolutionModifier = SolutionModifier()
    values: InlineData | None = None
    base: str | None = None


Query = SelectQuery | ConstructQuery | DescribeQuery | AskQuery

# ---------------------------------------------------------------------------------------- updates


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
