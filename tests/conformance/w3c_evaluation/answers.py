"""Expected answers of the suites, and when an answer is the same: up to the names of blank nodes."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from extremeearth.knowledge.sparql import XSD, BlankNode, Iri, Literal, Term

__all__ = [
    "Statements", "Table", "comparable", "difference", "graph_of", "read_csv", "read_expected", "read_table",
    "same_in_order", "same_rows",
]  # fmt: skip

RS = "http://www.w3.org/2001/sw/DataAccess/tests/result-set#"
TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
RESULTS = {
    ".srx": ox.QueryResultsFormat.XML,
    ".srj": ox.QueryResultsFormat.JSON,
    ".tsv": ox.QueryResultsFormat.TSV,
}
RDF_FILES = {
    ".ttl": ox.RdfFormat.TURTLE,
    ".rdf": ox.RdfFormat.RDF_XML,
    ".nt": ox.RdfFormat.N_TRIPLES,
}
DECIMAL = XSD + "decimal"
FLOATING = frozenset(XSD + name for name in ("double", "float"))
Row = tuple[Term | None, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a SELECT; `ordered` where their order is part of the expected answer."""

    variables: tuple[str, ...]
    rows: tuple[Row, ...]
    ordered: bool = False

    def arranged(self, variables: Sequence[str]) -> tuple[Row, ...]:
        """Give the rows with their columns in another order."""
        places = [self.variables.index(name) for name in variables]
        return tuple(tuple(row[place] for place in places) for row in self.rows)


@dataclass(frozen=True, slots=True)
class Statements:
    """Triples or quads, each once."""

    rows: tuple[Row, ...]


def term_of(node: Any) -> Term | None:
    """Turn a node of the reader of expected answers into a term; languages compare without case."""
    if node is None or isinstance(node, ox.DefaultGraph):
        return None
    if isinstance(node, ox.NamedNode):
        return Iri(node.value)
    if isinstance(node, ox.BlankNode):
        return BlankNode(node.value)
    if node.language is not None:
        return Literal(node.value, language=node.language.lower())
    return Literal(node.value, Iri(node.datatype.value))


def read_table(content: bytes, form: Any) -> Table | bool:
    """Read an answer in one of the SPARQL result formats."""
    found = ox.parse_query_results(content, format=form)
    if isinstance(found, ox.QueryBoolean):
        return bool(found)
    names = tuple(variable.value for variable in found.variables)
    rows = tuple(tuple(term_of(row[name]) for name in names) for row in found)
    return Table(names, rows)


def read_csv(content: bytes) -> Table:
    """Read CSV, which tells no types: every field becomes a plain literal, or a blank node."""
    head, *lines = csv.reader(io.StringIO(content.decode("utf-8"), newline=""))
    rows = tuple(
        tuple(BlankNode(f[2:]) if f.startswith("_:") else Literal(f) for f in line)
        for line in lines
    )
    return Table(tuple(head), rows)


def graph_of(file: Path, base: str) -> Statements:
    """Read the triples of an RDF file."""
    parsed = ox.parse(path=str(file), format=RDF_FILES[file.suffix], base_iri=base)
    rows = {tuple(map(term_of, (q.subject, q.predicate, q.object))) for q in parsed}
    return Statements(tuple(rows))


def read_expected(file: Path, base: str) -> Table | Statements | bool:
    """Read the answer that a test expects: a result format, or RDF, which may describe a table (DAWG result sets)."""
    if file.suffix in RESULTS:
        return read_table(file.read_bytes(), RESULTS[file.suffix])
    if file.suffix == ".csv":
        return read_csv(file.read_bytes())
    graph = graph_of(file, base)
    edges: dict[Any, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for subject, predicate, value in graph.rows:
        assert isinstance(predicate, Iri)
        edges[subject][predicate.value].append(value)
    heads = [s for s, found in edges.items() if Iri(RS + "ResultSet") in found.get(TYPE, ())]
    if not heads:
        return graph
    (head,) = heads
    if RS + "boolean" in edges[head]:
        return edges[head][RS + "boolean"][0].lexical in ("true", "1")
    return _described_table(edges, head)


def _described_table(edges: Any, head: Any) -> Table:
    names = tuple(sorted(found.lexical for found in edges[head].get(RS + "resultVariable", ())))
    placed = []
    for solution in edges[head].get(RS + "solution", ()):
        row = {
            edges[binding][RS + "variable"][0].lexical: edges[binding][RS + "value"][0]
            for binding in edges[solution].get(RS + "binding", ())
        }
        place = [int(found.lexical) for found in edges[solution].get(RS + "index", ())]
        placed.append((place, tuple(row.get(name) for name in names)))
    ordered = bool(placed) and all(place for place, _ in placed)
    if ordered:
        placed.sort(key=lambda item: item[0])
    return Table(names, tuple(row for _, row in placed), ordered)


def difference(
    expected: Table | Statements | bool, found: Table | Statements | bool, *, lax: bool
) -> str | None:
    """Say how an answer differs from the expected one; `None` where it does not."""
    if type(expected) is not type(found):
        return f"a {type(expected).__name__} is expected, not a {type(found).__name__}"
    if isinstance(expected, bool):
        return None if expected == found else f"{expected} is expected, not {found}"
    if isinstance(expected, Table):
        assert isinstance(found, Table)
        if set(expected.variables) != set(found.variables):
            return f"variables {expected.variables} are expected, not {found.variables}"
        left, right = expected.rows, found.arranged(expected.variables)
        if lax:
            if not set(right) <= set(left) or len(set(right)) != len(set(left)):
                return _told(left, right)
            return None if len(right) <= len(left) else _told(left, right)
        same = same_in_order(left, right) if expected.ordered else same_rows(left, right)
    else:
        assert isinstance(found, Statements)
        left, right = expected.rows, found.rows
        same = same_rows(left, right)
    return None if same else _told(left, right)


def _told(expected: Sequence[Row], found: Sequence[Row]) -> str:
    """Show the rows that only one side has, as far as names of blank nodes let them be told apart."""
    wanted, given = (Counter(map(_shape, rows)) for rows in (expected, found))

    def lines(rows: Sequence[Row], more: Counter[Any]) -> str:
        left = Counter(more)
        shown = []
        for row in rows:
            if left[_shape(row)] > 0:
                left[_shape(row)] -= 1
                shown.append(" ".join("-" if t is None else str(t) for t in row))
        return "".join(
            f"\n    {line}" for line in [*shown[:12], *(["..."] if len(shown) > 12 else [])]
        )

    head = f"{len(expected)} rows are expected, not {len(found)}"
    missing, unexpected = lines(expected, wanted - given), lines(found, given - wanted)
    if not missing and not unexpected:
        return f"{head}; they differ in order, or in which blank nodes are the same"
    return f"{head}\n  missing:{missing}\n  unexpected:{unexpected}"


def comparable(term: Term | None) -> Any:
    """Give what a term is compared by: decimals, floats and doubles by value, anything else as it is written."""
    if isinstance(term, Literal):
        name = term.datatype.value
        if term.language is not None:
            return ("language", term.lexical, term.language.lower())
        try:
            if name == DECIMAL:
                return (name, Decimal(term.lexical))
            if name in FLOATING:
                return (name, repr(float(term.lexical)))
        except (InvalidOperation, ValueError):
            pass
    return term


def same_in_order(left: Sequence[Row], right: Sequence[Row]) -> bool:
    """Tell whether two sequences of rows are the same but for the names of blank nodes."""
    names: dict[Term, Term] = {}
    if len(left) != len(right):
        return False
    pairs = zip(left, right, strict=True)
    return all(_unify(one, other, names) is not None for one, other in pairs)


def same_rows(left: Sequence[Row], right: Sequence[Row]) -> bool:
    """Tell whether two bags of rows are the same but for the names of blank nodes.

    Rows without blank nodes are counted. Others are matched by backtracking among those that look alike.
    """
    if Counter(map(_shape, left)) != Counter(map(_shape, right)):
        return False
    alike = defaultdict(list)
    for row in right:
        alike[_shape(row)].append(row)
    rows = [row for row in left if any(isinstance(term, BlankNode) for term in row)]
    rows.sort(key=lambda row: len(alike[_shape(row)]))
    return _match(rows, alike, {})


def _shape(row: Row) -> tuple[Any, ...]:
    """Give a row with its blank nodes numbered by where they first stand in it."""
    seen: dict[Term, int] = {}
    return tuple(
        ("blank", seen.setdefault(t, len(seen))) if isinstance(t, BlankNode) else comparable(t)
        for t in row
    )


def _match(rows: Sequence[Row], alike: dict[Any, list[Row]], names: dict[Term, Term]) -> bool:
    if not rows:
        return True
    row, *rest = rows
    candidates = alike[_shape(row)]
    for place in range(len(candidates)):
        candidate = candidates[place]
        if candidate in candidates[:place]:
            continue
        added = _unify(row, candidate, names)
        if added is None:
            continue
        del candidates[place]
        if _match(rest, alike, names):
            return True
        candidates.insert(place, candidate)
        for term in added:
            del names[term]
    return False


def _unify(left: Row, right: Row, names: dict[Term, Term]) -> list[Term] | None:
    """Match two rows, noting which blank node stands for which; gives what was noted, `None` where they differ."""
    added: list[Term] = []
    for one, other in zip(left, right, strict=True):
        if isinstance(one, BlankNode) and isinstance(other, BlankNode):
            if names.get(one) == other:
                continue
            if one not in names and other not in names.values():
                names[one] = other
                added.append(one)
                continue
        elif comparable(one) == comparable(other):
            continue
        for term in added:
            del names[term]
        return None
    return added
