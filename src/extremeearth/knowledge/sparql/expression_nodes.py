"""Syntax nodes of property paths and expressions; import them from `syntax`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extremeearth.knowledge.sparql.terms import Iri, Literal, Variable

if TYPE_CHECKING:
    from extremeearth.knowledge.sparql.pattern_nodes import GroupPattern

__all__ = [
    "Aggregate",
    "Arithmetic",
    "BuiltIn",
    "Comparison",
    "Exists",
    "Expression",
    "FunctionCall",
    "Logical",
    "Membership",
    "NegatedSet",
    "Negation",
    "Path",
    "PathAlternative",
    "PathInverse",
    "PathRepeat",
    "PathSequence",
    "SyntaxNode",
]


class SyntaxNode:
    """Every node prints itself as SPARQL text."""

    __slots__ = ()

    def __str__(self) -> str:
        from extremeearth.knowledge.sparql.printer import to_text

        return to_text(self)


# ------------------------------------------------------------------------------------------ paths


@dataclass(frozen=True, slots=True)
class PathSequence(SyntaxNode):
    """``a / b``."""

    parts: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class PathAlternative(SyntaxNode):
    """``a | b``."""

    parts: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class PathInverse(SyntaxNode):
    """``^a``."""

    path: Path


@dataclass(frozen=True, slots=True)
class PathRepeat(SyntaxNode):
    """``a*``, ``a+`` or ``a?``; `modifier` is that character."""

    path: Path
    modifier: str

    @property
    def optional(self) -> bool:
        """Whether the path of no step matches, so that a node reaches itself."""
        return self.modifier != "+"


@dataclass(frozen=True, slots=True)
class NegatedSet(SyntaxNode):
    """``!(a | ^b)``: any predicate but these, in each direction that is named."""

    forward: tuple[Iri, ...]
    inverse: tuple[Iri, ...]


Path = Iri | PathSequence | PathAlternative | PathInverse | PathRepeat | NegatedSet

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
