"""What expressions work on and what they may ask: the rows at hand and the query they belong to."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.rdf.geometry_column import GeometryColumn
from extremeearth.knowledge.sparql.syntax import Exists
from extremeearth.knowledge.store.columns import TermColumn

__all__ = ["AggregateFunction", "Bindings", "ExpressionContext", "Function"]


@dataclass(frozen=True, slots=True)
class Bindings:
    """Rows of solutions as columns.

    Attributes
    ----------
    columns
        Terms of each variable, by its name without the question mark; one that is missing is unbound everywhere.
    length
        Rows; there may be rows without columns.

    Examples
    --------
    >>> Bindings({}, 3).column("x").present.tolist()
    [False, False, False]
    """

    columns: Mapping[str, TermColumn]
    length: int

    def column(self, name: str) -> TermColumn:
        """Give the terms of a variable."""
        found = self.columns.get(name)
        return TermColumn.empty(self.length) if found is None else found


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpressionContext:
    """What an expression may ask of the query it is part of.

    Attributes
    ----------
    now
        The answer of ``NOW()``, with a time zone, the same in the whole query.
    base
        IRI against which ``IRI("...")`` resolves a relative one.
    functions
        Functions named by an IRI: casts, ``geof:`` functions, extensions.
    aggregates
        Aggregates named by an IRI.
    geometries
        Reads geometry literals; stored ones come already parsed.
    exists
        For each ``EXISTS`` of the expression, whether its pattern matches, one truth a row; ``NOT`` is not applied.
    seed
        Start of ``RAND``, ``UUID``, ``STRUUID`` and ``BNODE``. Expressions over the same rows of a query (one
        projection) have one seed, so that ``BNODE("x")`` gives one node in a row; other rows have another.
    draws
        Counts the calls of these functions; a context made of another by `dataclasses.replace` counts on.
    """

    now: datetime
    base: str | None = None
    functions: Mapping[str, Function] = field(default_factory=dict)
    aggregates: Mapping[str, AggregateFunction] = field(default_factory=dict)
    geometries: Callable[[TermColumn], GeometryColumn]
    exists: Mapping[Exists, NDArray[np.bool_]] = field(default_factory=dict)
    seed: int = 0
    draws: Iterator[int] = field(default_factory=itertools.count)


Function = Callable[[Sequence[TermColumn], ExpressionContext], TermColumn]
"""A function over columns of one length; no term in the result is an error. Without arguments it gives one row."""


class AggregateFunction(Protocol):
    """An aggregate: values, the group of each (from 0), how many groups; gives one row a group. DISTINCT is done.

    `others` are what it is called with beside the values, a row for each of these.
    """

    def __call__(
        self,
        values: TermColumn,
        groups: NDArray[np.int64],
        count: int,
        context: ExpressionContext,
        /,
        *others: TermColumn,
    ) -> TermColumn:
        """Aggregate the values of each group; no term in the result is an error."""
