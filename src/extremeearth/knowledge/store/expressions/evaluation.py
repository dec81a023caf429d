"""Expressions evaluated over all rows at once (SPARQL 1.1, section 17)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.core.errors import InputError
from extremeearth.knowledge.sparql.syntax import (
    Aggregate,
    Arithmetic,
    BuiltIn,
    Comparison,
    Exists,
    Expression,
    FunctionCall,
    Logical,
    Membership,
    Negation,
)
from extremeearth.knowledge.sparql.terms import Iri, Literal, Variable
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.expressions import arithmetic
from extremeearth.knowledge.store.expressions._arrays import scatter
from extremeearth.knowledge.store.expressions.casts import CASTS, OPERAND_CASTS
from extremeearth.knowledge.store.expressions.comparing import (
    DURATIONS,
    NUMBERS,
    TIMES,
    compare_operands,
    families,
)
from extremeearth.knowledge.store.expressions.constructing import (
    TERM_FUNCTIONS,
    blank_nodes,
    drawn,
    resolve_iris,
)
from extremeearth.knowledge.store.expressions.context import Bindings, ExpressionContext
from extremeearth.knowledge.store.expressions.durations import (
    add_durations,
    difference,
    negated,
    shifted,
)
from extremeearth.knowledge.store.expressions.operands import Operand
from extremeearth.knowledge.store.expressions.strings import STRING_FUNCTIONS

__all__ = ["evaluate", "truth"]

_FUNCTIONS = {**STRING_FUNCTIONS, **TERM_FUNCTIONS}


def evaluate(expression: Expression, rows: Bindings, context: ExpressionContext) -> TermColumn:
    """Give the value of an expression in every row; no term where it is unbound or an error.

    Parameters
    ----------
    expression
        Syntax of an expression without aggregates.
    rows
        The solutions.
    context
        What the expression may ask of its query.

    Raises
    ------
    InputError
        A function is not known or has the wrong number of arguments.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from extremeearth.knowledge.sparql import XSD
    >>> context = ExpressionContext(now=datetime.now(UTC), geometries=lambda terms: None)
    >>> rows = Bindings({"a": TermColumn.of_values(types.INTEGER, ["1", "x"])}, 2)
    >>> half = Arithmetic(Variable("a"), (("/", Literal("2", Iri(XSD + "integer"))),))
    >>> [str(term) for term in evaluate(half, rows, context).terms()]
    ['"0.5"^^<http://www.w3.org/2001/XMLSchema#decimal>', 'None']
    """
    return _Evaluation(rows, context).of(expression).widened(rows.length)


def truth(expression: Expression, rows: Bindings, context: ExpressionContext) -> NDArray[np.int8]:
    """Give the effective boolean value of an expression in every row: 1, 0, or -1 for an error.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> context = ExpressionContext(now=datetime.now(UTC), geometries=lambda terms: None)
    >>> rows = Bindings({"a": TermColumn.of_values(types.STRING, ["x", ""])}, 2)
    >>> truth(Negation("!", Variable("a")), rows, context).tolist()
    [0, 1]
    """
    found = _Evaluation(rows, context).of(expression).truths
    return np.broadcast_to(found, (rows.length,)).copy()


class _Evaluation:
    """One walk over an expression; what a variable holds is read once."""

    def __init__(self, rows: Bindings, context: ExpressionContext) -> None:
        self.rows = rows
        self.context = context
        self.variables: dict[str, Operand] = {}

    def of(self, node: Expression) -> Operand:
        return _WAYS[type(node)](self, node)

    def variable(self, node: Variable) -> Operand:
        if node.name not in self.variables:
            self.variables[node.name] = Operand(self.rows.column(node.name))
        return self.variables[node.name]

    def constant(self, node: Iri | Literal) -> Operand:
        return Operand(TermColumn.of([node]))

    def logical(self, node: Logical) -> Operand:
        """Three-valued logic (section 17.2): ``true || error`` is true, ``false && error`` is false."""
        decisive = 1 if node.operator == "||" else 0
        decided: Any = np.zeros(1, bool)
        failed: Any = np.zeros(1, bool)
        for operand in node.operands:
            truths = self.of(operand).truths
            decided = decided | (truths == decisive)
            failed = failed | (truths < 0)
        found = np.where(decided, decisive, np.where(failed, -1, 1 - decisive))
        return Operand(truths=found.astype(np.int8))

    def comparison(self, node: Comparison) -> Operand:
        return Operand(
            truths=compare_operands(node.operator, self.of(node.left), self.of(node.right))
        )

    def membership(self, node: Membership) -> Operand:
        """``IN``: true where one is equal, else an error where one comparison is (section 17.4.1.9)."""
        operand = self.of(node.operand)
        found: Any = np.zeros(operand.length, np.int8)
        failed: Any = np.zeros(operand.length, bool)
        for item in node.items:
            truths = compare_operands("=", operand, self.of(item))
            found = (found == 1) | (truths == 1)
            failed = failed | (truths < 0)
        answer = np.where(found == 1, 1, np.where(failed, -1, 0)).astype(np.int8)
        return Operand(
            truths=np.where(answer < 0, -1, 1 - answer).astype(np.int8) if node.negated else answer
        )

    def arithmetic(self, node: Arithmetic) -> Operand:
        found = self.of(node.first)
        for operator, right in node.rest:
            found = _computed(operator, found, self.of(right))
        return found

    def negation(self, node: Negation) -> Operand:
        operand = self.of(node.operand)
        if node.operator == "!":
            truths = operand.truths
            return Operand(truths=np.where(truths < 0, -1, 1 - truths).astype(np.int8))
        positive = node.operator == "+"
        numbers = operand.numbers if positive else arithmetic.negative(operand.numbers)
        if operand.is_number or operand.is_truth or not operand.durations.present.any():
            return Operand(numbers=numbers)
        durations = operand.durations if positive else negated(operand.durations)
        mask = durations.present
        return _chosen([mask, ~mask], [Operand(durations.column()), Operand(numbers=numbers)])

    def exists(self, node: Exists) -> Operand:
        found = self.context.exists.get(node)
        if found is None:
            found = self.context.exists[Exists(node.pattern, not node.negated)]
        return Operand(truths=(found != node.negated).astype(np.int8))

    def aggregate(self, node: Aggregate) -> Operand:
        raise InputError(
            f"{node.name} may not stand here.", hint="Aggregates belong to grouped queries."
        )

    def function_call(self, node: FunctionCall) -> Operand:
        iri = node.function.value
        given = self.context.functions.get(iri, CASTS.get(iri))
        if given is None:
            raise InputError(
                f"The function <{iri}> is not known.", hint="See the list of functions."
            )
        operands = [self.of(argument) for argument in node.arguments]
        if given is CASTS.get(iri) and len(operands) == 1:
            return OPERAND_CASTS[iri](operands[0])
        length = _length(operands) if operands else 1
        return Operand(given([operand.widened(length) for operand in operands], self.context))

    def built_in(self, node: BuiltIn) -> Operand:
        special = _SPECIAL.get(node.name)
        if special is not None:
            return special(self, node.arguments)
        return _FUNCTIONS[node.name]([self.of(argument) for argument in node.arguments])

    def bound(self, arguments: Sequence[Expression]) -> Operand:
        return Operand(truths=self.of(arguments[0]).present.astype(np.int8))

    def choice(self, arguments: Sequence[Expression]) -> Operand:
        test, then, other = (self.of(argument) for argument in arguments)
        return _chosen([test.truths == 1, test.truths == 0], [then, other])

    def coalesce(self, arguments: Sequence[Expression]) -> Operand:
        operands: list[Operand] = []
        masks: list[NDArray[np.bool_]] = []
        left: Any = np.ones(1, bool)
        for argument in arguments:
            operand = self.of(argument)
            operands.append(operand)
            masks.append(left & operand.present)
            left = left & ~operand.present
            if not left.any():
                break
        return _chosen(masks, operands)

    def iri(self, arguments: Sequence[Expression]) -> Operand:
        return resolve_iris(self.of(arguments[0]), self.context.base)

    def blank_node(self, arguments: Sequence[Expression]) -> Operand:
        label = self.of(arguments[0]) if arguments else None
        return blank_nodes(label, self.rows.length, self.context)

    def now(self, _: Sequence[Expression]) -> Operand:
        text = self.context.now.isoformat().replace("+00:00", "Z")
        return Operand(TermColumn.of_values(types.DATE_TIME, [text]))


def _length(operands: Sequence[Operand]) -> int:
    lengths = {operand.length for operand in operands}
    return 0 if 0 in lengths else max(lengths, default=1)


def _chosen(masks: Sequence[NDArray[np.bool_]], operands: Sequence[Operand]) -> Operand:
    """Take each row from the operand whose mask has it; no term where none has it. Masks do not overlap."""
    if not operands:
        return Operand(TermColumn.empty(1))
    lengths = {len(mask) for mask in masks} | {operand.length for operand in operands}
    length = 0 if 0 in lengths else max(lengths)
    if all(operand.is_truth for operand in operands):
        truths = np.full(length, -1, np.int8)
        for mask, operand in zip(masks, operands, strict=True):
            truths = np.where(mask, operand.truths, truths).astype(np.int8)
        return Operand(truths=truths)
    codes = np.full(length, types.NONE, np.int32)
    parts = []
    for mask, operand in zip(masks, operands, strict=True):
        wide = np.broadcast_to(mask, (length,))
        if wide.all():
            return Operand(operand.widened(length))
        if wide.any():
            some = (
                np.flatnonzero(wide) if operand.length > 1 else np.zeros(int(wide.sum()), np.int64)
            )
            taken = operand.terms.take(some)
            codes[wide] = taken.types
            parts.append((wide, taken.values))
    return Operand(TermColumn(codes, scatter(length, parts)))


def _computed(operator: str, left: Operand, right: Operand) -> Operand:
    """Compute an operator on numbers, or on points in time and durations where the operands are such."""
    if left.is_number and right.is_number:
        return Operand(numbers=arithmetic.combine(operator, left.numbers, right.numbers))
    a, b = families(left), families(right)
    pairs = (a != NUMBERS) & (b != NUMBERS)
    temporal = pairs & np.isin(a, (TIMES, DURATIONS)) & np.isin(b, (TIMES, DURATIONS))
    numbers = Operand(numbers=arithmetic.combine(operator, left.numbers, right.numbers))
    if operator in "*/" or not temporal.any():
        return numbers
    masks, operands = [~temporal], [numbers]
    turned = right.durations if operator == "+" else negated(right.durations)
    cases: list[tuple[int, int, Callable[[], TermColumn]]] = [
        (TIMES, DURATIONS, lambda: shifted(left.times, turned).column()),
        (DURATIONS, DURATIONS, lambda: add_durations(left.durations, turned).column()),
    ]
    if operator == "+":
        cases.append((DURATIONS, TIMES, lambda: shifted(right.times, left.durations).column()))
    else:
        cases.append((TIMES, TIMES, lambda: difference(left.times, right.times).column()))
    for first, second, compute in cases:
        mask = (a == first) & (b == second)
        if mask.any():
            masks.append(mask)
            operands.append(Operand(compute()))
    return _chosen(masks, operands)


def _drawing(name: str) -> Callable[[_Evaluation, Sequence[Expression]], Operand]:
    return lambda evaluation, _: drawn(name, evaluation.rows.length, evaluation.context)


_SPECIAL: dict[str, Callable[[_Evaluation, Sequence[Expression]], Operand]] = {
    "BOUND": _Evaluation.bound,
    "IF": _Evaluation.choice,
    "COALESCE": _Evaluation.coalesce,
    "IRI": _Evaluation.iri,
    "URI": _Evaluation.iri,
    "BNODE": _Evaluation.blank_node,
    "NOW": _Evaluation.now,
    **{name: _drawing(name) for name in ("RAND", "UUID", "STRUUID")},
}
_WAYS: dict[type, Callable[[_Evaluation, Any], Operand]] = {
    Variable: _Evaluation.variable,
    Iri: _Evaluation.constant,
    Literal: _Evaluation.constant,
    Logical: _Evaluation.logical,
    Comparison: _Evaluation.comparison,
    Membership: _Evaluation.membership,
    Arithmetic: _Evaluation.arithmetic,
    Negation: _Evaluation.negation,
    BuiltIn: _Evaluation.built_in,
    FunctionCall: _Evaluation.function_call,
    Exists: _Evaluation.exists,
    Aggregate: _Evaluation.aggregate,
}
