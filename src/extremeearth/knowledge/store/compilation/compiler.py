"""From a plan to steps: what SQL can say becomes one query as large as possible, the rest steps between queries."""

from __future__ import annotations

from extremeearth.core.progress import CancelToken
from extremeearth.knowledge.store.compilation import relations as r
from extremeearth.knowledge.store.compilation import steps as t
from extremeearth.knowledge.store.compilation.joins import JoinCompiler
from extremeearth.knowledge.store.compilation.leaves import LeafCompiler
from extremeearth.knowledge.store.compilation.rows import RowCompiler
from extremeearth.knowledge.store.plan import nodes as p

__all__ = ["compile_plan"]


def compile_plan(plan: p.Plan, *, token: CancelToken | None = None) -> t.Program:
    """Make the steps of a plan.

    Raises
    ------
    CancelledError
        The token was cancelled; it is looked at for each node.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import parse_query, translate
    >>> from extremeearth.knowledge.store.plan import build
    >>> shape = build(translate(parse_query("SELECT ?a { ?a <urn:p> ?b . ?b <urn:q> ?c }")))
    >>> for step in compile_plan(shape.plan).steps:
    ...     print(step.name, step)
    t1 scan ?a <urn:p> ?b
    t2 scan ?b <urn:q> ?c
    t3 sql SELECT ...
    """
    compiler = _Compiler(token or CancelToken())
    with r.fresh_names():
        result = compiler.table(compiler.relation(plan))
    return t.Program(tuple(compiler.steps.values()), result, plan.variables, plan)


class _Compiler(LeafCompiler, JoinCompiler, RowCompiler):
    """Knows every kind of node."""
