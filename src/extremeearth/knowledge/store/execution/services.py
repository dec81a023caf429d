"""SERVICE: part of a pattern answered by another endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from extremeearth.core.errors import ExtremeEarthError, InputError
from extremeearth.knowledge.sparql.scope import visible
from extremeearth.knowledge.sparql.terms import Iri
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.compilation.steps import ServiceStep
from extremeearth.knowledge.store.execution.run import Run, ids_of, table_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["run_service"]


def run_service(step: ServiceStep, run: Run) -> pa.Table:
    """Ask the endpoint, or, where a variable names it, each endpoint for its own rows."""
    if isinstance(step.endpoint, Iri):
        return _asked(step, step.endpoint, step.variables, run)
    return _each(step, run)


def _asked(step: ServiceStep, endpoint: Iri, variables: tuple[str, ...], run: Run) -> pa.Table:
    try:
        columns, length = run.service(endpoint.value, step.pattern, variables)
    except ExtremeEarthError:
        if not step.silent:
            raise
        columns, length = {}, 1  # section 2.2 of Federated Query: one solution without bindings
    known = {
        name: run.terms.encode(columns.get(name, TermColumn.empty(length))) for name in variables
    }
    return table_of(known, length)


def _each(step: ServiceStep, run: Run) -> pa.Table:
    """Join the rows at hand with the answer of the endpoint that each of them names."""
    import pyarrow as pa

    assert step.input is not None
    assert isinstance(step.endpoint, str)
    given = run.tables[step.input]
    endpoints = ids_of(given, step.endpoint)
    asked = tuple(sorted(v.name for v in visible(step.pattern)))
    parts = []
    for number in np.unique(endpoints).tolist():
        term = run.terms.decode(np.array([number])).terms()[0]
        if not isinstance(term, Iri):
            if step.silent:
                continue
            raise InputError("SERVICE needs an IRI.", hint=f"Bind ?{step.endpoint} before it.")
        answer = _asked(step, term, asked, run)
        rows = given.filter(pa.array(endpoints == number))
        parts.append(_compatible(rows, answer, step.variables))
    return (
        pa.concat_tables(parts)
        if parts
        else table_of({v: np.zeros(0, np.int64) for v in step.variables}, 0)
    )


def _compatible(left: pa.Table, right: pa.Table, variables: tuple[str, ...]) -> pa.Table:
    """Pair every two compatible rows; both sides are small."""
    one = np.repeat(np.arange(left.num_rows), right.num_rows)
    two = np.tile(np.arange(right.num_rows), left.num_rows)
    keep = np.ones(len(one), bool)
    columns = {}
    for name in variables:
        a, b = ids_of(left, name)[one], ids_of(right, name)[two]
        keep &= (a == b) | (a == 0) | (b == 0)
        columns[name] = np.where(a > 0, a, b)
    return table_of({name: ids[keep] for name, ids in columns.items()}, int(keep.sum()))
