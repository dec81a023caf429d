"""Syntax nodes of property paths, and what all syntax nodes have; import them from `syntax`."""

from __future__ import annotations

from dataclasses import dataclass

from extremeearth.knowledge.sparql.terms import Iri

__all__ = [
    "NegatedSet", "Path", "PathAlternative", "PathInverse", "PathRepeat", "PathSequence", "SyntaxNode",
]  # fmt: skip


class SyntaxNode:
    """Every node prints itself as SPARQL text.

    The printer knows all nodes, so a node asks for it only when it is to be printed.
    """

    __slots__ = ()

    def __str__(self) -> str:
        from extremeearth.knowledge.sparql.printer import to_text

        return to_text(self)


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
