"""Which triples maps could say the same statement, found in the mapping alone.

A graph is a set, so a statement that two triples maps make is written once. To look every line up for that would cost
much, and most maps cannot meet: their predicates, classes or the texts around their columns differ.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Generic, TypeVar

from extremeearth.knowledge.mapping.rules import document as doc
from extremeearth.knowledge.mapping.rules.statements import (
    DEFAULT_GRAPH,
    Maker,
    Shape,
    Statement,
    statements_of,
)

__all__ = ["Circle", "circles_of"]

_DEFAULT = Shape("iri", (DEFAULT_GRAPH[1:-1],))
_Item = TypeVar("_Item", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Circle:
    """Statements among which one may come again: those of one triples map, or of several that may say the same.

    `in_a_row` tells whether two of one map may already be the same in one row.
    """

    maps: tuple[str, ...]
    in_a_row: bool = False


@dataclass(frozen=True, slots=True)
class _Said:
    """A statement with the shapes of its places."""

    map: str
    subject: Shape
    predicate: Shape
    object: Shape
    graphs: tuple[Shape, ...]

    def may_equal(self, other: _Said) -> bool:
        return (
            self.predicate.may_equal(other.predicate)
            and self.object.may_equal(other.object)
            and (self.map == other.map or self.subject.may_equal(other.subject))
            and any(a.may_equal(b) for a in self.graphs for b in other.graphs)
        )

    def key(self) -> tuple[str | None, str | None]:
        """Give the predicate and the object, where they are always the same."""
        return _constant(self.predicate), _constant(self.object)


def _constant(shape: Shape) -> str | None:
    pattern = shape.pattern
    if not pattern:
        return f"{shape.kind} "
    whole = len(pattern) == 1 and isinstance(pattern[0], str)
    return f"{shape.kind} {pattern[0]}" if whole else None


@dataclass(slots=True)
class _Groups(Generic[_Item]):
    """Items that belong together, directly or by others."""

    parents: dict[_Item, _Item] = field(default_factory=dict)

    def of(self, item: _Item) -> _Item:
        """Give the item that stands for all of its group."""
        parent = self.parents.setdefault(item, item)
        while parent != (above := self.parents[parent]):
            parent = above
        self.parents[item] = parent
        return parent

    def join(self, one: _Item, other: _Item) -> None:
        self.parents[self.of(one)] = self.of(other)


def circles_of(mapping: doc.Mapping, *, base_iri: str) -> dict[str, tuple[Circle, ...]]:
    """Give for each triples map the circle of each of its statements.

    Parameters
    ----------
    base_iri
        That of the run, for triples maps without one of their own.

    Examples
    --------
    >>> from extremeearth.knowledge.mapping import read_mapping
    >>> mapping = read_mapping('''
    ... @prefix rml: <http://w3id.org/rml/> .
    ... <urn:a> rml:logicalSource [ rml:source "t" ] ; rml:subjectMap [ rml:template "urn:{id}" ; rml:class <urn:C> ] .
    ... <urn:b> rml:logicalSource [ rml:source "u" ] ; rml:subjectMap [ rml:template "urn:{nr}" ; rml:class <urn:C> ] ;
    ...     rml:predicateObjectMap [ rml:predicate <urn:p> ; rml:objectMap [ rml:reference "a" ] ] .
    ... ''')
    >>> [circle.maps for circle in circles_of(mapping, base_iri="urn:x:")["<urn:b>"]]
    [('<urn:a>', '<urn:b>'), ('<urn:b>',)]
    """
    said = list(_all_said(mapping, base_iri))
    groups, in_a_row = _linked(said)
    members: dict[int, set[str]] = defaultdict(set)
    for number, statement in enumerate(said):
        members[groups.of(number)].add(statement.map)
    together: _Groups[str] = _Groups()
    for names in members.values():
        first, *others = names
        for name in others:
            together.join(first, name)
    of_group: dict[str, list[str]] = defaultdict(list)
    for name in mapping.triples_maps:
        of_group[together.of(name)].append(name)
    circles: dict[str, list[Circle]] = {name: [] for name in mapping.triples_maps}
    for number, statement in enumerate(said):
        group, name = groups.of(number), statement.map
        maps = of_group[together.of(name)] if len(members[group]) > 1 else [name]
        circles[name].append(Circle(tuple(maps), group in in_a_row))
    return {name: tuple(its) for name, its in circles.items()}


def _linked(said: list[_Said]) -> tuple[_Groups[int], set[int]]:
    """Put statements together that may be the same, and tell in which groups that may be in one row."""
    groups: _Groups[int] = _Groups()
    repeating = [n for n, s in enumerate(said) if _meet(s.graphs)]
    for one, other in _candidates(said):
        a, b = said[one], said[other]
        if a.map != b.map and groups.of(one) == groups.of(other):
            continue  # more would not be found
        if a.may_equal(b):
            groups.join(one, other)
            if a.map == b.map:
                repeating.append(one)
    return groups, {groups.of(number) for number in repeating}


def _meet(graphs: tuple[Shape, ...]) -> bool:
    return any(a.may_equal(b) for a, b in combinations(graphs, 2))


def _all_said(mapping: doc.Mapping, base_iri: str) -> Iterator[_Said]:
    makers = {
        name: Maker(m.base_iri or base_iri, str(number))
        for number, (name, m) in enumerate(mapping.triples_maps.items())
    }
    for name, triples_map in mapping.triples_maps.items():
        maker = makers[name]
        subject = maker.shape(triples_map.subject)
        for statement in statements_of(triples_map):
            graphs = tuple(maker.shape(graph) for graph in statement.graphs) or (_DEFAULT,)
            yield _Said(
                name, subject, maker.shape(statement.predicate), _object(statement, mapping, makers, maker), graphs,
            )  # fmt: skip


def _object(
    statement: Statement, mapping: doc.Mapping, makers: dict[str, Maker], maker: Maker
) -> Shape:
    if isinstance(statement.object, doc.TermMap):
        return maker.shape(statement.object)
    parent = mapping.triples_maps[statement.object.parent]
    return makers[parent.name].shape(parent.subject)


def _candidates(said: list[_Said]) -> Iterator[tuple[int, int]]:
    """Give the pairs whose constant predicates and objects do not differ."""
    alike: dict[tuple[str | None, str | None], list[int]] = defaultdict(list)
    for number, statement in enumerate(said):
        alike[statement.key()].append(number)
    for numbers in alike.values():
        yield from combinations(numbers, 2)
    by_predicate: dict[str | None, list[tuple[str | None, str | None]]] = defaultdict(list)
    for key in alike:
        by_predicate[key[0]].append(key)
    for predicate, keys in by_predicate.items():
        open_objects = [key for key in keys if key[1] is None]
        for key in open_objects:
            for other in keys:
                if other != key:
                    yield from ((a, b) for a in alike[key] for b in alike[other])
        if predicate is None:
            others = [key for key in alike if key[0] is not None]
            yield from (
                (a, b)
                for key in keys
                for other in others
                if key[1] is None or other[1] in {None, key[1]}
                for a in alike[key]
                for b in alike[other]
            )
