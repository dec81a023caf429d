"""Section 17 of SPARQL 1.1 over columns of terms: operators, functions, casts, aggregates, order.

Everything works on whole columns. An error is no term (`types.NONE`) in a column, or -1 in a column of truths.
"""

from extremeearth.knowledge.store.expressions.context import (
    AggregateFunction,
    Bindings,
    ExpressionContext,
    Function,
)

__all__ = ["AggregateFunction", "Bindings", "ExpressionContext", "Function"]
