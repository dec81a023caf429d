"""Property paths that repeat: which nodes are reached over edges, breadth first, for all starts at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.sparql.terms import Iri, Literal, Term
from extremeearth.knowledge.store.compilation.steps import ClosureStep
from extremeearth.knowledge.store.execution.run import Run, group_rows, ids_of, table_of
from extremeearth.knowledge.store.plan.nodes import Constant

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["reach", "run_closure"]

Ids = NDArray[np.int64]


def run_closure(step: ClosureStep, run: Run) -> pa.Table:
    """Give the pairs of a path, each once, in each graph that it stays in."""
    edges = run.tables[step.edges]
    backwards = _is_backwards(step)
    source, target = ids_of(edges, step.source), ids_of(edges, step.target)
    if backwards:
        source, target = target, source
    graph = ids_of(edges, step.graph) if step.graph else np.zeros(len(source), np.int64)
    starts, in_graph = _starts(step, run, source, graph, backwards=backwards)
    one, two, where = _pairs(step, run, (source, target, graph), (starts, in_graph))
    return _table(step, run, (two, one) if backwards else (one, two), where)


def _is_backwards(step: ClosureStep) -> bool:
    """Tell whether the path is followed from its object: the end that is known."""
    if step.starts is not None:
        return step.starts == step.object and step.starts != step.subject
    return isinstance(step.subject, str) and not isinstance(step.object, str)


def _starts(
    step: ClosureStep, run: Run, source: Ids, graph: Ids, *, backwards: bool
) -> tuple[Ids, Ids]:
    """Give the nodes to start from, and the graph of each."""
    slot = step.object if backwards else step.subject
    if step.starts is not None:
        nodes = np.unique(ids_of(run.tables[step.starts_table or ""], step.starts))
        if (
            step.nodes is not None and not step.graph
        ):  # a term that is no node has no path, not even of no step
            nodes = np.intersect1d(nodes, ids_of(run.tables[step.nodes], step.source))
    elif not isinstance(slot, str):
        nodes = np.array([run.terms.encode_term(_term(run, slot))], np.int64)
    elif step.nodes is not None:
        table = run.tables[step.nodes]
        return ids_of(table, step.source), (
            ids_of(table, step.graph) if step.graph else np.zeros(table.num_rows, np.int64)
        )
    else:
        first, _ = group_rows([source, graph], len(source))
        return source[first], graph[first]
    if not step.graph:
        return nodes, np.zeros(len(nodes), np.int64)
    if step.nodes is not None:
        table = run.tables[step.nodes]
        known = np.isin(ids_of(table, step.source), nodes)
        return ids_of(table, step.source)[known], ids_of(table, step.graph)[known]
    graphs = np.array(run.named_graphs(), np.int64)
    return np.repeat(nodes, len(graphs)), np.tile(graphs, len(nodes))


def _term(run: Run, slot: Constant | Iri | Literal) -> Term:
    return run.constants[slot.index] if isinstance(slot, Constant) else slot


def _pairs(
    step: ClosureStep, run: Run, edges: tuple[Ids, Ids, Ids], starts: tuple[Ids, Ids]
) -> tuple[Ids, Ids, Ids]:
    """Follow edges inside each graph: nodes are numbered anew, a node once for each graph it is in."""
    source, target, graph = edges
    nodes = np.concatenate([source, target, starts[0]])
    places = np.concatenate([graph, graph, starts[1]])
    first, code = group_rows([places, nodes], len(nodes))
    n, m = len(source), len(starts[0])
    begin = np.unique(code[2 * n : 2 * n + m])
    one, two = reach(
        code[:n],
        code[n : 2 * n],
        begin,
        minimum=step.minimum,
        maximum=step.maximum,
        check=run.token.check,
    )
    return nodes[first[one]], nodes[first[two]], places[first[one]]


def reach(
    source: Ids,
    target: Ids,
    starts: Ids,
    *,
    minimum: int,
    maximum: int | None,
    check: object = None,
) -> tuple[Ids, Ids]:
    """Find the nodes reached from each start in between `minimum` (0 or 1) and `maximum` (1 or any) steps.

    Semi-naive: each round follows the edges from the pairs that the round before found new.

    Returns
    -------
    starts, ends
        Each pair once.

    Examples
    --------
    >>> import numpy as np
    >>> one, two = reach(
    ...     np.array([0, 1, 2]), np.array([1, 2, 0]), np.array([0]), minimum=1, maximum=None
    ... )
    >>> sorted(zip(one.tolist(), two.tolist()))
    [(0, 0), (0, 1), (0, 2)]
    """
    size = int(max(source.max(initial=-1), target.max(initial=-1), starts.max(initial=-1))) + 1
    order = np.argsort(source, kind="stable")
    along, ends = source[order], target[order]
    row = np.arange(len(starts), dtype=np.int64)
    seen = row * size + starts if minimum == 0 else np.zeros(0, np.int64)
    seen.sort()
    frontier_row, frontier = row, starts
    rounds = 0
    while len(frontier) and (maximum is None or rounds < maximum):
        if callable(check):
            check()
        low, high = (
            np.searchsorted(along, frontier, "left"),
            np.searchsorted(along, frontier, "right"),
        )
        counts = high - low
        total = int(counts.sum())
        offsets = np.repeat(low - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
        found = ends[np.arange(total) + offsets]
        codes = np.unique(np.repeat(frontier_row, counts) * size + found)
        if len(seen):
            at = np.minimum(np.searchsorted(seen, codes), len(seen) - 1)
            codes = codes[seen[at] != codes]
        seen = np.union1d(seen, codes)
        frontier_row, frontier = codes // max(size, 1), codes % max(size, 1)
        rounds += 1
    return starts[seen // max(size, 1)], seen % max(size, 1)


def _table(step: ClosureStep, run: Run, ends: tuple[Ids, Ids], graph: Ids) -> pa.Table:
    keep = np.ones(len(ends[0]), bool)
    columns: dict[str, Ids] = {}
    for slot, ids in zip((step.subject, step.object), ends, strict=True):
        if not isinstance(slot, str):
            keep &= ids == run.terms.encode_term(_term(run, slot))
        elif slot in columns:
            keep &= ids == columns[slot]
        else:
            columns[slot] = ids
    if step.graph:
        columns[step.graph] = graph
    return table_of({name: ids[keep] for name, ids in columns.items()}, int(keep.sum()))
