"""Section 17 of SPARQL 1.1 over columns of terms: operators, functions, casts, aggregates, order.

Everything works on whole columns. An error is no term (`types.NONE`) in a column, or -1 in a column of truths.
"""

from extremeearth.knowledge.store.expressions.aggregation import aggregate
from extremeearth.knowledge.store.expressions.casts import CASTS
from extremeearth.knowledge.store.expressions.comparing import compare
from extremeearth.knowledge.store.expressions.context import (
    AggregateFunction,
    Bindings,
    ExpressionContext,
    Function,
)
from extremeearth.knowledge.store.expressions.evaluation import evaluate, truth
from extremeearth.knowledge.store.expressions.number_reading import read_numbers
from extremeearth.knowledge.store.expressions.numbers import Numbers, number_column
from extremeearth.knowledge.store.expressions.ordering import order_keys, sorted_rows

__all__ = [
    "CASTS",
    "AggregateFunction",
    "Bindings",
    "ExpressionContext",
    "Function",
    "Numbers",
    "aggregate",
    "compare",
    "evaluate",
    "number_column",
    "order_keys",
    "read_numbers",
    "sorted_rows",
    "truth",
]
