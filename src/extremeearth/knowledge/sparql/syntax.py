"""Syntax nodes of SPARQL 1.1 Query and Update: immutable, prefixes and relative IRIs already resolved.

The names follow the grammar of the recommendation (section 19.8). `str()` of any node is its text.
"""

from __future__ import annotations

from dataclasses import dataclass

from extremeearth.knowledge.sparql.terms import Iri, Literal, Term, Variable

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
    "Transfer",
    "TriplePattern",
    "TriplesBlock",
    "Union",
    "Update",
]


class _Node:
    """Every node prints itself as SPARQL text."""

    __slots__ = ()

    def __str__(self) -> str:
        from extremeearth.knowledge.sparql.printer import to_text

        return to_text(self)


# ------------------------------------------------------------------------------------------ paths


@dataclass(frozen=True, slots=True)
class PathSequence(_Node):
    """``a / b``."""

    parts: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class PathAlternative(_Node):
    """``a | b``."""

    parts: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class PathInverse(_Node):
    """``^a``."""

    path: Path


@dataclass(frozen=True, slots=True)
class PathRepeat(_Node):
    """``a*``, ``a+`` or ``a?``; `modifier` is that character."""

    path: Path
    modifier: str

    @property
    def optional(self) -> bool:
        """Whether the path of no step matches, so that a node reaches itself."""
        return self.modifier != "+"


@dataclass(frozen=True, slots=True)
class NegatedSet(_Node):
    """``!(a | ^b)``: any predicate but these, in each direction that is named."""

    forward: tuple[Iri, ...]
    inverse: tuple[Iri, ...]


Path = Iri | PathSequence | PathAlternative | PathInverse | PathRepeat | NegatedSet

# ------------------------------------------------------------------------------------ expressions


@dataclass(frozen=True, slots=True)
class Logical(_Node):
    """``a || b || c`` or ``a && b``; `operator` is ``||`` or ``&&``."""

    operator: str
    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Comparison(_Node):
    """``a = b`` and the like; `operator` is one of ``= != < > <= >=``."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Membership(_Node):
    """``a IN (b, c)`` or ``a NOT IN (...)``."""

    operand: Expression
    items: tuple[Expression, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Arithmetic(_Node):
    """``first + b - c`` or ``first * b / c``: one chain of equal precedence, read from the left."""

    first: Expression
    rest: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class Negation(_Node):
    """``!a``, ``-a`` or ``+a``."""

    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class BuiltIn(_Node):
    """A function named by a keyword, in capitals (``STRLEN``)."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class FunctionCall(_Node):
    """A function named by an IRI: a cast, a ``geof:`` function, an extension."""

    function: Iri
    arguments: tuple[Expression, ...]
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Aggregate(_Node):
    """``COUNT(DISTINCT ?x)`` and its kin; `operand` is `None` for ``COUNT(*)``."""

    name: str
    operand: Expression | None
    distinct: bool = False
    separator: str | None = None


@dataclass(frozen=True, slots=True)
class Exists(_Node):
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
class TriplePattern(_Node):
    """Subject, predicate (a variable, an IRI or a path) and object."""

    subject: Node
    predicate: Variable | Path
    object: Node


@dataclass(frozen=True, slots=True)
class TriplesBlock(_Node):
    """Triple patterns written next to each other."""

    triples: tuple[TriplePattern, ...]


@dataclass(frozen=True, slots=True)
class GroupPattern(_Node):
    """``{ ... }``: its elements in the order they are written."""

    elements: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Optional(_Node):
    """``OPTIONAL { ... }``."""

    pattern: GroupPattern


@dataclass(frozen=True, slots=True)
class Union(_Node):
    """``{ ... } UNION { ... }``."""

    branches: tuple[GroupPattern, ...]


@dataclass(frozen=True, slots=True)
class Graph(_Node):
    """``GRAPH name { ... }``."""

    name: Variable | Iri
    pattern: GroupPattern


@dataclass(frozen=True, slots=True)
class Service(_Node):
    """``SERVICE name { ... }``."""

    name: Variable | Iri
    pattern: GroupPattern
    silent: bool


@dataclass(frozen=True, slots=True)
class Minus(_Node):
    """``MINUS { ... }``."""

    pattern: GroupPattern


@dataclass(frozen=True, slots=True)
class Filter(_Node):
    """``FILTER (...)``, over the whole group it stands in."""

    expression: Expression


@dataclass(frozen=True, slots=True)
class Bind(_Node):
    """``BIND (... AS ?v)``."""

    expression: Expression
    variable: Variable


@dataclass(frozen=True, slots=True)
class InlineData(_Node):
    """``VALUES``: rows of terms, `None` for UNDEF."""

    variables: tuple[Variable, ...]
    rows: tuple[tuple[Iri | Literal | None, ...], ...]


@dataclass(frozen=True, slots=True)
class SubSelect(_Node):
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
class Projection(_Node):
    """``?v`` or ``(expression AS ?v)``."""

    variable: Variable
    expression: Expression | None = None


@dataclass(frozen=True, slots=True)
class GroupCondition(_Node):
    """One condition of GROUP BY, with the variable it is named by, if any."""

    expression: Expression
    variable: Variable | None = None


@dataclass(frozen=True, slots=True)
class OrderCondition(_Node):
    """One condition of ORDER BY."""

    expression: Expression
    descending: bool = False


@dataclass(frozen=True, slots=True)
class DatasetClause(_Node):
    """``FROM`` and ``FROM NAMED`` (or ``USING`` in an update)."""

    default: tuple[Iri, ...] = ()
    named: tuple[Iri, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.default or self.named)


@dataclass(frozen=True, slots=True)
class SolutionModifier(_Node):
    """What follows the WHERE clause."""

    group_by: tuple[GroupCondition, ...] = ()
    having: tuple[Expression, ...] = ()
    order_by: tuple[OrderCondition, ...] = ()
    limit: int | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectQuery(_Node):
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
class ConstructQuery(_Node):
    """CONSTRUCT."""

    template: tuple[TriplePattern, ...]
    where: GroupPattern
    dataset: DatasetClause = DatasetClause()
    modifier: SolutionModifier = SolutionModifier()
    values: InlineData | None = None
    base: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeQuery(_Node):
    """DESCRIBE; `resources` is `None` for ``*``, `where` where there is no pattern."""

    resources: tuple[Variable | Iri, ...] | None
    where: GroupPattern | None
    dataset: DatasetClause = DatasetClause()
    modifier: SolutionModifier = SolutionModifier()
    values: InlineData | None = None
    base: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskQuery(_Node):
    """ASK."""

    where: GroupPattern
    dataset: DatasetClause = DatasetClause()
    modifier: SolutionModifier = SolutionModifier()
    values: InlineData | None = None
    base: str | None = None


Query = SelectQuery | ConstructQuery | DescribeQuery | AskQuery

# ---------------------------------------------------------------------------------------- updates


@dataclass(frozen=True, slots=True)
class QuadBlock(_Node):
    """Triples of one graph, of the default graph where `graph` is `None`."""

    graph: Variable | Iri | None
    triples: tuple[TriplePattern, ...]


GraphTarget = Iri | str
"""A graph, or one of the words ``DEFAULT``, ``NAMED``, ``ALL``."""


@dataclass(frozen=True, slots=True)
class Load(_Node):
    """``LOAD <source> INTO GRAPH <target>``."""

    source: Iri
    target: Iri | None
    silent: bool


@dataclass(frozen=True, slots=True)
class Clear(_Node):
    """``CLEAR``."""

    target: GraphTarget
    silent: bool


@dataclass(frozen=True, slots=True)
class Drop(_Node):
    """``DROP``."""

    target: GraphTarget
    silent: bool


@dataclass(frozen=True, slots=True)
class Create(_Node):
    """``CREATE GRAPH``."""

    graph: Iri
    silent: bool


@dataclass(frozen=True, slots=True)
class Transfer(_Node):
    """``ADD``, ``MOVE`` or ``COPY`` from one graph to another."""

    verb: str
    source: GraphTarget
    target: GraphTarget
    silent: bool


@dataclass(frozen=True, slots=True)
class InsertData(_Node):
    """``INSERT DATA``."""

    quads: tuple[QuadBlock, ...]


@dataclass(frozen=True, slots=True)
class DeleteData(_Node):
    """``DELETE DATA``."""

    quads: tuple[QuadBlock, ...]


@dataclass(frozen=True, slots=True)
class DeleteWhere(_Node):
    """``DELETE WHERE``."""

    quads: tuple[QuadBlock, ...]


@dataclass(frozen=True, slots=True)
class Modify(_Node):
    """``WITH ... DELETE ... INSERT ... USING ... WHERE``; a part that is absent is `None`."""

    graph: Iri | None
    delete: tuple[QuadBlock, ...] | None
    insert: tuple[QuadBlock, ...] | None
    using: DatasetClause
    where: GroupPattern


Operation = Load | Clear | Drop | Create | Transfer | InsertData | DeleteData | DeleteWhere | Modify


@dataclass(frozen=True, slots=True)
class Update(_Node):
    """A sequence of operations."""

    operations: tuple[Operation, ...]
    base: str | None = None
