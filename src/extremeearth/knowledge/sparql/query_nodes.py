"""Syntax nodes of expressions, graph patterns and queries; import them from `syntax`.

They hold each other: an EXISTS a pattern, a FILTER an expression, a sub-query a whole SELECT.
"""

from __future__ import annotations

from dataclasses import dataclass

from extremeearth.knowledge.sparql.path_nodes import Path, SyntaxNode
from extremeearth.knowledge.sparql.terms import Iri, Literal, Term, Variable

__all__ = [
    "Aggregate", "Arithmetic", "AskQuery", "Bind", "BuiltIn", "Comparison", "ConstructQuery",
    "DatasetClause", "DescribeQuery", "Exists", "Expression", "Filter", "FunctionCall", "Graph",
    "GroupCondition", "GroupPattern", "InlineData", "Logical", "Membership", "Minus", "Negation", "Node",
    "Optional", "OrderCondition", "Pattern", "Projection", "Query", "SelectQuery", "Service",
    "SolutionModifier", "SubSelect", "TriplePattern", "TriplesBlock", "Union",
]  # fmt: skip

# ------------------------------------------------------------------------------------ expressions


@dataclass(frozen=True, slots=True)
class Logical(SyntaxNode):
    """``a || b || c`` or ``a && b``; `operator` is ``||`` or ``&&``."""

    operator: str
    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Comparison(SyntaxNode):
    """``a = b`` and the like; `operator` is one of ``= != < > <= >=``."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Membership(SyntaxNode):
    """``a IN (b, c)`` or ``a NOT IN (...)``."""

    operand: Expression
    items: tuple[Expression, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Arithmetic(SyntaxNode):
    """``first + b - c`` or ``first * b / c``: one chain of equal precedence, read from the left."""

    first: Expression
    rest: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class Negation(SyntaxNode):
    """``!a``, ``-a`` or ``+a``."""

    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class BuiltIn(SyntaxNode):
    """A function named by a keyword, in capitals (``STRLEN``)."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class FunctionCall(SyntaxNode):
    """A function named by an IRI: a cast, a ``geof:`` function, an extension."""

    function: Iri
    arguments: tuple[Expression, ...]
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Aggregate(SyntaxNode):
    """``COUNT(DISTINCT ?x)`` and its kin; `operand` is `None` for ``COUNT(*)``."""

    name: str
    operand: Expression | None
    distinct: bool = False
    separator: str | None = None


@dataclass(frozen=True, slots=True)
class Exists(SyntaxNode):
    """``EXISTS { ... }`` or ``NOT EXISTS { ... }``."""

    pattern: GroupPattern
    negated: bool


Expression = (
    Variable
    | Iri
    | Literal
    | Logical
    | Comparison
    | Membership
    | Arithmetic
    | Negation
    | BuiltIn
    | FunctionCall
    | Aggregate
    | Exists
)

# --------------------------------------------------------------------------------------- patterns

Node = Variable | Term
"""What may stand as subject or object."""


@dataclass(frozen=True, slots=True)
class TriplePattern(SyntaxNode):
    """Subject, predicate (a variable, an IRI or a path) and object."""

    subject: Node
    predicate: Variable | Path
    object: Node


@dataclass(frozen=True, slots=True)
class TriplesBlock(SyntaxNode):
    """Triple patterns written next to each other."""

    triples: tuple[TriplePattern, ...]


@dataclass(frozen=True, slots=True)
class GroupPattern(SyntaxNode):
    """``{ ... }``: its elements in the order they are written."""

    elements: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Optional(SyntaxNode):
    """``OPTIONAL { ... }``."""

    pattern: GroupPattern


@dataclass(frozen=True, slots=True)
class Union(SyntaxNode):
    """``{ ... } UNION { ... }``."""

    branches: tuple[GroupPattern, ...]


@dataclass(frozen=True, slots=True)
class Graph(SyntaxNode):
    """``GRAPH name { ... }``."""

    name: Variable | Iri
    pattern: GroupPattern


@dataclass(frozen=True, slots=True)
class Service(SyntaxNode):
    """``SERVICE name { ... }``."""

    name: Variable | Iri
    pattern: GroupPattern
    silent: bool


@dataclass(frozen=True, slots=True)
class Minus(SyntaxNode):
    """``MINUS { ... }``."""

    pattern: GroupPattern


@dataclass(frozen=True, slots=True)
class Filter(SyntaxNode):
    """``FILTER (...)``, over the whole group it stands in."""

    expression: Expression


@dataclass(frozen=True, slots=True)
class Bind(SyntaxNode):
    """``BIND (... AS ?v)``."""

    expression: Expression
    variable: Variable


@dataclass(frozen=True, slots=True)
class InlineData(SyntaxNode):
    """``VALUES``: rows of terms, `None` for UNDEF."""

    variables: tuple[Variable, ...]
    rows: tuple[tuple[Iri | Literal | None, ...], ...]


@dataclass(frozen=True, slots=True)
class SubSelect(SyntaxNode):
    """A SELECT inside braces."""

    query: SelectQuery


Pattern = (
    TriplesBlock
    | GroupPattern
    | Optional
    | Union
    | Graph
    | Service
    | Minus
    | Filter
    | Bind
    | InlineData
    | SubSelect
)

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
