"""A mapping as values: what :func:`read_mapping` makes of a document, and what execution runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

__all__ = [
    "Call", "Constant", "Expression", "Join", "LogicalSource", "Mapping", "Nothing", "PredicateObjectMap",
    "SQL_QUERY", "SQL_TABLE", "ReferencingMap", "Reference", "Template", "TermMap", "TermType", "TriplesMap",
    "calls_of", "joins_of", "needs_no_join", "numbers_rows", "references_of", "term_maps_of",
]  # fmt: skip


SQL_TABLE = "SQL2008Table"
"""Reference formulation of a table or a view of a database; the iterator is its name."""

SQL_QUERY = "SQL2008Query"
"""Reference formulation of a query; the iterator is its text."""


class TermType(Enum):
    """What kind of term a term map makes; the ``UNSAFE`` ones do not percent-encode."""

    IRI = "IRI"
    URI = "URI"
    UNSAFE_IRI = "UnsafeIRI"
    UNSAFE_URI = "UnsafeURI"
    BLANK = "BlankNode"
    LITERAL = "Literal"

    @property
    def is_iri(self) -> bool:
        """Whether the terms are IRIs of any kind."""
        return self not in {TermType.BLANK, TermType.LITERAL}


@dataclass(frozen=True, slots=True)
class Constant:
    """The same term in every row: as it stands in N-Triples, and its bare value."""

    term: str
    value: str


@dataclass(frozen=True, slots=True)
class Reference:
    """The value of a column, or of a JSONPath."""

    name: str


@dataclass(frozen=True, slots=True)
class Template:
    """Texts and references in turn."""

    parts: tuple[str | Reference, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function applied to expressions, by the IRIs of its parameters."""

    function: str
    arguments: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class Nothing:
    """No expression: a new blank node in every row."""


Expression = Constant | Reference | Template | Call | Nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class TermMap:
    """How one term of a statement is made. `datatype` and `language` are expressions themselves."""

    expression: Expression
    term_type: TermType
    datatype: TermMap | None = None
    language: TermMap | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicalSource:
    """What is read: a named table or a file; `iterator` is a JSONPath, or a layer's name.

    `geometry` has what the mapping says of the source's geometries: ``crs``, ``wkt``, ``x``, ``y``. A table
    or a query of a database is the `iterator`, and the `name` that of the database, empty for the only one.
    `namespaces` are the prefixes that XPaths use.
    """

    name: str
    formulation: str | None = None
    iterator: str | None = None
    nulls: tuple[str, ...] = ()
    geometry: tuple[tuple[str, str], ...] = ()
    namespaces: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """Equality of an expression over the child's row and one over the parent's."""

    child: Expression
    parent: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferencingMap:
    """An object that is the subject of another triples map, found by joins."""

    parent: str
    joins: tuple[Join, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PredicateObjectMap:
    """Every predicate with every object, in these graphs."""

    predicates: tuple[TermMap, ...]
    objects: tuple[TermMap | ReferencingMap, ...]
    graphs: tuple[TermMap, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TriplesMap:
    """A source, how its rows are named, and what is said of them."""

    name: str
    source: LogicalSource
    subject: TermMap
    classes: tuple[TermMap, ...]
    graphs: tuple[TermMap, ...]
    properties: tuple[PredicateObjectMap, ...]
    base_iri: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """All triples maps of a document, by name, and the prefixes that it declares."""

    triples_maps: dict[str, TriplesMap]
    prefixes: dict[str, str] = field(default_factory=dict)

    @property
    def has_graphs(self) -> bool:
        """Whether any statement may go to a named graph."""
        return any(
            m.graphs or any(p.graphs for p in m.properties) for m in self.triples_maps.values()
        )

    def sources(self) -> dict[LogicalSource, tuple[str, ...]]:
        """List what is read, and which references each source must answer.

        Examples
        --------
        >>> Mapping(triples_maps={}).sources()
        {}
        """
        needed: dict[LogicalSource, dict[str, None]] = {}
        for triples_map in self.triples_maps.values():
            ours = needed.setdefault(triples_map.source, {})
            ours.update(dict.fromkeys(self.reads(triples_map)))
            for joined in joins_of(triples_map):
                theirs = needed.setdefault(self.triples_maps[joined.parent].source, {})
                theirs.update(dict.fromkeys(self.joined_on(joined)))
        return {source: tuple(names) for source, names in needed.items()}

    def reads(self, triples_map: TriplesMap) -> tuple[str, ...]:
        """List what a triples map needs of its own source."""
        names = list(self._references(triples_map))
        for joined in joins_of(triples_map):
            if not joined.joins:  # the parent reads the same row
                names += references_of(self.triples_maps[joined.parent].subject)
            for join in joined.joins:
                names += references_of(join.child)
        return tuple(dict.fromkeys(names))

    def joined_on(self, joined: ReferencingMap) -> tuple[str, ...]:
        """List what a join needs of the parent's source."""
        names = list(references_of(self.triples_maps[joined.parent].subject))
        for join in joined.joins:
            names += references_of(join.parent)
        return tuple(dict.fromkeys(names))

    @staticmethod
    def _references(triples_map: TriplesMap) -> Iterator[str]:
        yield from references_of(triples_map.subject)
        for term_map in (*triples_map.classes, *triples_map.graphs):
            yield from references_of(term_map)
        for said in triples_map.properties:
            for part in (*said.predicates, *said.objects, *said.graphs):
                if isinstance(part, TermMap):
                    yield from references_of(part)


def joins_of(triples_map: TriplesMap) -> Iterator[ReferencingMap]:
    """List the objects of a triples map that are subjects of another.

    Examples
    --------
    >>> iri = TermMap(expression=Reference("id"), term_type=TermType.IRI)
    >>> other = PredicateObjectMap(
    ...     predicates=(iri,), objects=(ReferencingMap(parent="n", joins=()),)
    ... )
    >>> list(
    ...     joins_of(
    ...         TriplesMap(
    ...             name="m",
    ...             source=LogicalSource(name="t"),
    ...             subject=iri,
    ...             classes=(),
    ...             graphs=(),
    ...             properties=(other,),
    ...         )
    ...     )
    ... )
    [ReferencingMap(parent='n', joins=())]
    """
    for said in triples_map.properties:
        yield from (o for o in said.objects if isinstance(o, ReferencingMap))


def needs_no_join(triples_map: TriplesMap) -> bool:
    """Tell whether a triples map can be worked on row by row: nothing of another source is looked up.

    Examples
    --------
    >>> blank = TermMap(expression=Nothing(), term_type=TermType.BLANK)
    >>> source = LogicalSource(name="t")
    >>> said = TriplesMap(
    ...     name="m", source=source, subject=blank, classes=(), graphs=(), properties=()
    ... )
    >>> needs_no_join(said)
    True
    """
    return not any(joined.joins for joined in joins_of(triples_map))


def references_of(part: TermMap | Expression | None) -> Iterator[str]:
    """List the references that a term map or an expression reads, in order, with repeats.

    Examples
    --------
    >>> list(references_of(Template(("a/", Reference("id")))))
    ['id']
    """
    if isinstance(part, TermMap):
        for inner in (part.expression, part.datatype, part.language):
            yield from references_of(inner)
    elif isinstance(part, Reference):
        yield part.name
    elif isinstance(part, Template):
        yield from (piece.name for piece in part.parts if isinstance(piece, Reference))
    elif isinstance(part, Call):
        for _, argument in part.arguments:
            yield from references_of(argument)


def term_maps_of(triples_map: TriplesMap) -> Iterator[TermMap]:
    """List the term maps of a triples map; joins have none of their own.

    Examples
    --------
    >>> blank = TermMap(expression=Nothing(), term_type=TermType.BLANK)
    >>> source = LogicalSource(name="t")
    >>> said = TriplesMap(
    ...     name="m", source=source, subject=blank, classes=(), graphs=(), properties=()
    ... )
    >>> list(term_maps_of(said)) == [blank]
    True
    """
    yield from (triples_map.subject, *triples_map.classes, *triples_map.graphs)
    for said in triples_map.properties:
        yield from (*said.predicates, *said.graphs)
        yield from (o for o in said.objects if isinstance(o, TermMap))


def numbers_rows(mapping: Mapping) -> bool:
    """Tell whether a mapping makes blank nodes of nothing but the number of a row.

    Examples
    --------
    >>> numbers_rows(Mapping(triples_maps={}))
    False
    """
    return any(
        isinstance(term_map.expression, Nothing)
        for triples_map in mapping.triples_maps.values()
        for term_map in term_maps_of(triples_map)
    )


def calls_of(triples_map: TriplesMap) -> Iterator[Call]:
    """List the function calls of a triples map, those inside of others too.

    Examples
    --------
    >>> iri = TermMap(expression=Call("urn:f", ()), term_type=TermType.IRI)
    >>> source = LogicalSource(name="t")
    >>> said = TriplesMap(
    ...     name="m", source=source, subject=iri, classes=(), graphs=(), properties=()
    ... )
    >>> [call.function for call in calls_of(said)]
    ['urn:f']
    """
    parts: list[TermMap | ReferencingMap] = [
        triples_map.subject, *triples_map.classes, *triples_map.graphs
    ]  # fmt: skip
    for said in triples_map.properties:
        parts += [*said.predicates, *said.objects, *said.graphs]
    for part in parts:
        if isinstance(part, ReferencingMap):
            for join in part.joins:
                yield from _calls(join.child)
                yield from _calls(join.parent)
        else:
            for expression in (part, part.datatype, part.language):
                if expression is not None:
                    yield from _calls(expression.expression)


def _calls(expression: Expression) -> Iterator[Call]:
    if isinstance(expression, Call):
        yield expression
        for _, argument in expression.arguments:
            yield from _calls(argument)
