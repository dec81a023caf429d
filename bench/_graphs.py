"""What the benchmarks of the graph store share: the rivals opened and filled, answers brought to one form."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyoxigraph as ox

from extremeearth.knowledge.sparql import Literal
from extremeearth.knowledge.store import GraphStore, Solutions, open_graph

__all__ = ["OURS", "OXIGRAPH", "ask", "ask_oxigraph", "filled", "same_answer", "solutions"]

OURS, OXIGRAPH = "extremeearth", "pyoxigraph"
GEOGRAPHY = "http://www.opengis.net/def/function/geosparql/"
TIMEOUT_S = 600.0


@contextmanager
def written(lines: pa.Table | Any, name: str = "data.nt") -> Iterator[Path]:
    """Give a file with the lines of a polars frame."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        lines.write_csv(file, include_header=False, quote_style="never")
        yield file


def filled(file: Path) -> tuple[GraphStore, ox.Store]:
    """Load one file into both rivals, in memory."""
    ours = open_graph(None)
    ours.load(file)
    theirs = ox.Store()
    theirs.bulk_load(path=str(file), format=ox.RdfFormat.N_TRIPLES)
    if len(ours) != len(theirs):
        raise AssertionError(f"{len(ours)} statements were loaded, not {len(theirs)}")
    return ours, theirs


def solutions(graph: GraphStore, text: str) -> Solutions:
    """Ask ours a SELECT query."""
    answer = graph.query(text, timeout_s=TIMEOUT_S)
    if not isinstance(answer, Solutions):
        raise TypeError(f"not a SELECT query: {text}")
    return answer


def ask(graph: GraphStore, text: str) -> pa.Table:
    """Ask ours; the answer is an Arrow table with all terms written out."""
    return solutions(graph, text).to_arrow()


def ask_oxigraph(store: ox.Store, text: str) -> int:
    """Ask the rival and go through all its rows."""
    return sum(1 for _ in store.query(text))


def same_answer(graph: GraphStore, store: ox.Store, text: str) -> int:
    """Stop where the two answer differently; give the number of rows. Numbers are compared to nine digits."""
    found = solutions(graph, text)
    theirs = store.query(text)
    names = [variable.value for variable in theirs.variables]
    places = [found.variables.index(name) for name in names]
    left = Counter(tuple(_plain(row[place]) for place in places) for row in found)
    right = Counter(tuple(_plain(row[name]) for name in names) for row in theirs)
    if left != right:
        only = list((left - right).items())[:3], list((right - left).items())[:3]
        raise AssertionError(f"the answers differ, ours and theirs: {only}\n{text}")
    return left.total()


def _plain(term: Any) -> Any:
    if term is None:
        return None
    if isinstance(term, Literal | ox.Literal):
        text = term.lexical if isinstance(term, Literal) else term.value
        try:
            return f"{float(text):.9g}"
        except ValueError:
            return text
    return term.value if hasattr(term, "value") else str(term)
