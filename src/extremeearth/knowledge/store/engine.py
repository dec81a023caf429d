"""Between the store and pyoxigraph: options and functions on the way in, answers and errors on the way out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pyoxigraph as ox

from extremeearth.core.errors import InputError, LimitError, QuerySyntaxError, StorageError
from extremeearth.knowledge.sparql import Iri
from extremeearth.knowledge.sparql.syntax import DatasetClause, DeleteWhere, Modify, Update
from extremeearth.knowledge.store.functions import FUNCTIONS
from extremeearth.knowledge.store.results import Row, Solutions, Triples
from extremeearth.knowledge.store.terms import from_oxigraph, to_oxigraph
from extremeearth.knowledge.store.workers import Deadline

__all__ = [
    "dataset_options",
    "functions_until",
    "graph_node",
    "read_answer",
    "translated",
    "with_using",
]

CHECK_EVERY = 256


def graph_node(graph: str | None) -> Any:
    """Give the engine's node of a named graph, or of the default graph for `None`.

    Examples
    --------
    >>> graph_node("urn:g")
    <NamedNode value=urn:g>
    """
    return ox.DefaultGraph() if graph is None else to_oxigraph(Iri(graph))


def dataset_options(default: Sequence[str] | None, named: Sequence[str] | None) -> dict[str, Any]:
    """Give the options that put graphs in place of those that a query names; none where none are given.

    Examples
    --------
    >>> dataset_options(["urn:g"], None)["default_graph"]
    [<NamedNode value=urn:g>]
    """
    if not default and not named:
        return {}
    return {
        "default_graph": [graph_node(g) for g in default or ()],
        "named_graphs": [graph_node(g) for g in named or ()],
    }


def with_using(parsed: Update, default: Sequence[str], named: Sequence[str]) -> str:
    """Put the graphs of the protocol in place of USING (SPARQL 1.1 Protocol, section 2.2.3).

    Raises
    ------
    InputError
        The update names graphs itself, by USING or WITH, or cannot name any.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import parse_update
    >>> "USING <urn:g>" in with_using(
    ...     parse_update("DELETE { ?a ?b ?c } WHERE { ?a ?b ?c }"), ["urn:g"], []
    ... )
    True
    """
    using = DatasetClause(tuple(map(Iri, default)), tuple(map(Iri, named)))
    operations = []
    for operation in parsed.operations:
        if isinstance(operation, DeleteWhere):
            raise InputError(
                "DELETE WHERE has no USING.", hint="Write DELETE { ... } WHERE { ... }."
            )
        if isinstance(operation, Modify):
            if operation.using or operation.graph is not None:
                raise InputError(
                    "Graphs are named both in the update and in the request.",
                    hint="Name them in one place.",
                )
            operation = replace(operation, using=using)  # noqa: PLW2901 - the changed one takes its place
        operations.append(operation)
    return str(replace(parsed, operations=tuple(operations)))


def functions_until(deadline: Deadline) -> dict[Any, Callable[..., Any]]:
    """Give the functions; after the deadline each is an error, so that a query given up ends sooner.

    Examples
    --------
    >>> len(functions_until(Deadline(5.0))) == len(FUNCTIONS)
    True
    """

    def bounded(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *terms: None if deadline.passed else function(*terms)

    return {name: bounded(function) for name, function in FUNCTIONS.items()}


def read_answer(found: Any, *, most: int | None, deadline: Deadline) -> Solutions | bool | Triples:
    """Read what the engine answers to its end.

    Raises
    ------
    LimitError
        There are more than `most` rows.
    TimeoutExceededError
        The deadline passed between two rows.

    Examples
    --------
    >>> read_answer(ox.Store().query("ASK {}"), most=None, deadline=Deadline(5.0))
    True
    """
    if isinstance(found, ox.QueryBoolean):
        return bool(found)
    known: dict[Any, Any] = {}

    def term(value: Any) -> Any:
        if value is None:
            return None
        mine = known.get(value)
        if mine is None:
            mine = known[value] = from_oxigraph(value)
        return mine

    rows: list[Any] = []
    solutions = isinstance(found, ox.QuerySolutions)
    for item in found:
        if most is not None and len(rows) >= most:
            raise LimitError(
                f"The answer has more than {most} rows.", hint="Ask for less, e.g. with a LIMIT."
            )
        if len(rows) % CHECK_EVERY == 0:
            deadline.check()
        rows.append(tuple(map(term, item)))
    if solutions:
        names: tuple[str, ...] = tuple(v.value for v in found.variables)
        answer: list[Row] = rows
        return Solutions(names, answer)
    return Triples(list(dict.fromkeys(rows)))


@contextmanager
def translated() -> Iterator[None]:
    """Turn errors of the engine into ours.

    Examples
    --------
    >>> try:
    ...     with translated():
    ...         ox.Store().query("oops")
    ... except QuerySyntaxError as err:
    ...     print(err.code)
    sparql.syntax
    """
    try:
        yield
    except SyntaxError as err:
        # The parser of the engine is asked after ours: what only it refuses is told in its words.
        raise QuerySyntaxError(f"The query was refused: {err}.", hint="Check it.") from err
    except (RuntimeError, ValueError) as err:
        raise InputError(
            f"The query cannot be answered: {err}.", hint="Check the functions it uses."
        ) from err
    except OSError as err:
        raise StorageError(
            f"The store cannot be read or written: {err}.", hint="Check the disk."
        ) from err
