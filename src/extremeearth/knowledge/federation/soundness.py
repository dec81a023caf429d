"""What may be told of a pattern or an expression without evaluating it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.scope import is_grouped, operands
from extremeearth.knowledge.sparql.terms import XSD, Variable

__all__ = ["GEOF", "certain", "certain_of", "conjuncts", "is_nullable", "is_pure", "uses_geosparql"]

GEOF = "http://www.opengis.net/def/function/geosparql/"
PURE = frozenset(
    {
        "STR", "LANG", "DATATYPE", "ABS", "CEIL", "FLOOR", "ROUND", "STRLEN", "UCASE", "LCASE", "YEAR", "MONTH", "DAY",
        "HOURS", "MINUTES", "SECONDS", "ISIRI", "ISBLANK", "ISLITERAL", "ISNUMERIC", "LANGMATCHES", "CONTAINS",
        "STRSTARTS", "STRENDS", "SAMETERM", "BOUND", "CONCAT", "COALESCE", "IF", "SUBSTR", "REGEX",
    }
)  # fmt: skip
"""Built-in functions that every endpoint evaluates alike."""


def uses_geosparql(expression: s.Expression) -> bool:
    """Tell whether an expression calls a ``geof:`` function."""
    own = isinstance(expression, s.FunctionCall) and expression.function.value.startswith(GEOF)
    return own or any(uses_geosparql(o) for o in operands(expression))


def is_pure(e: s.Expression) -> bool:
    """Tell whether an expression depends on its variables alone, and on nothing that endpoints do differently.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import parse_query
    >>> filters = parse_query("ASK { FILTER(RAND() < ?a) FILTER(?a < 1) }").where.elements
    >>> [is_pure(f.expression) for f in filters]
    [False, True]
    """
    if isinstance(e, s.Exists | s.Aggregate):
        return False
    if isinstance(e, s.BuiltIn) and e.name not in PURE:
        return False
    if isinstance(e, s.FunctionCall) and not e.function.value.startswith((XSD, GEOF)):
        return False
    return all(is_pure(o) for o in operands(e))


def certain(pattern: s.Pattern) -> frozenset[Variable]:  # noqa: PLR0911 - one branch for each kind of node
    """Give the variables that every solution of a pattern binds."""
    if isinstance(pattern, s.TriplesBlock):
        return frozenset(
            n
            for t in pattern.triples
            for n in (t.subject, t.predicate, t.object)
            if isinstance(n, Variable)
        )
    if isinstance(pattern, s.GroupPattern):
        return certain_of(pattern.elements)
    if isinstance(pattern, s.Union):
        return frozenset.intersection(*(certain(b) for b in pattern.branches))
    if isinstance(pattern, s.Graph):
        inner = certain(pattern.pattern)
        return inner | {pattern.name} if isinstance(pattern.name, Variable) else inner
    if isinstance(pattern, s.InlineData):
        return frozenset(
            v
            for i, v in enumerate(pattern.variables)
            if all(r[i] is not None for r in pattern.rows)
        )
    if isinstance(pattern, s.SubSelect):
        inner = certain(pattern.query.where)
        if pattern.query.projection is None:
            return inner
        if is_grouped(pattern.query):
            return frozenset()
        return inner & {p.variable for p in pattern.query.projection if p.expression is None}
    return frozenset()


def certain_of(elements: Iterable[s.Pattern]) -> frozenset[Variable]:
    """Give the variables that every solution of a sequence of patterns binds.

    Examples
    --------
    >>> certain_of([])
    frozenset()
    """
    return frozenset().union(*(certain(e) for e in elements))


def conjuncts(expression: s.Expression) -> Iterator[s.Expression]:
    """Give the conditions that an expression joins by ``&&``.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import parse_query
    >>> (only,) = parse_query("ASK { FILTER(?a && (?b && ?c)) }").where.elements
    >>> [str(c) for c in conjuncts(only.expression)]
    ['?a', '?b', '?c']
    """
    if isinstance(expression, s.Logical) and expression.operator == "&&":
        for operand in expression.operands:
            yield from conjuncts(operand)
    else:
        yield expression


def is_nullable(path: s.Path) -> bool:
    """Tell whether a path matches without a step, so that a node reaches itself.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import parse_query
    >>> (block,) = parse_query("ASK { ?a <urn:p>* ?b . ?a <urn:p>+ ?b }").where.elements
    >>> [is_nullable(t.predicate) for t in block.triples]
    [True, False]
    """
    if isinstance(path, s.PathRepeat):
        return path.optional or is_nullable(path.path)
    if isinstance(path, s.PathInverse):
        return is_nullable(path.path)
    if isinstance(path, s.PathSequence):
        return all(map(is_nullable, path.parts))
    return isinstance(path, s.PathAlternative) and any(map(is_nullable, path.parts))
