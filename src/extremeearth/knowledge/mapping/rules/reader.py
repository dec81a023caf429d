"""Reading a mapping document: RML (w3id.org/rml), its older vocabulary and R2RML's words, checked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from extremeearth.core.errors import DataMissingError, MappingError
from extremeearth.knowledge.mapping.rules import vocabulary as words
from extremeearth.knowledge.mapping.rules.document import (
    SQL_QUERY,
    SQL_TABLE,
    Constant,
    Join,
    LogicalSource,
    Mapping,
    PredicateObjectMap,
    ReferencingMap,
    TermMap,
    TermType,
    TriplesMap,
)
from extremeearth.knowledge.mapping.rules.places import like, not_turtle, with_line
from extremeearth.knowledge.mapping.rules.term_maps import TermMapReader, constant_of
from extremeearth.knowledge.mapping.rules.vocabulary import RML
from extremeearth.knowledge.rdf import FUNCTIONS, RDF, is_absolute_iri

__all__ = ["read_mapping"]

_NO_BASE = "http://mapping.invalid/"
_RDF_TYPE = RDF["type"]


class Document:
    """The triples of a mapping, looked up by node and property, in today's vocabulary."""

    def __init__(self, text: str) -> None:
        self._said: dict[Any, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
        try:
            parser = ox.parse(text, format=ox.RdfFormat.TURTLE, base_iri=_NO_BASE)
            for quad in parser:
                term = quad.object
                value = words.current(term) if isinstance(term, ox.NamedNode) else term
                self._said[quad.subject][words.current(quad.predicate).value].append(value)
        except SyntaxError as err:
            raise not_turtle(err.msg, text) from err
        self.prefixes = dict(parser.prefixes)

    def nodes_with(self, *properties: str) -> list[Any]:
        """List the nodes that have one of these properties."""
        return [node for node, said in self._said.items() if any(p in said for p in properties)]

    def all(self, node: Any, name: str) -> list[Any]:
        """Give every value of an RML property."""
        return list(self._said[node][RML[name]]) if node in self._said else []

    def one(self, node: Any, name: str) -> Any:
        """Give the only value of an RML property, or `None`; several are an error."""
        values = self.all(node, name)
        if len(values) > 1:
            raise MappingError(
                f"{node} has {len(values)} values of rml:{name}, where one is allowed.",
                hint="Keep one of them.",
            )
        return values[0] if values else None

    def text(self, node: Any, name: str) -> str | None:
        """Give the only value of an RML property as text, or `None`."""
        value = self.one(node, name)
        if value is not None and not isinstance(value, ox.Literal):
            raise MappingError(f"rml:{name} of {node} is not a text.", hint="Put it in quotes.")
        return None if value is None else value.value

    def other(self, node: Any, iri: str) -> list[Any]:
        """Give every value of a property of any vocabulary."""
        return list(self._said.get(node, {}).get(iri, ()))

    def geometry(self, node: Any) -> tuple[tuple[str, str], ...]:
        """Give what is said at a source about its geometries: ``ee:crs``, ``ee:wkt``, ``ee:x``, ``ee:y``."""
        said = self._said.get(node, {})
        return tuple(
            (name, value.value)
            for name in ("crs", "wkt", "x", "y")
            for value in said.get(FUNCTIONS[name], ())[:1]
        )

    def allow(self, node: Any, allowed: Iterable[str]) -> None:
        """Refuse properties of RML that mean nothing here: a typing error, or not supported."""
        known = {*allowed, _RDF_TYPE}
        for name in self._said.get(node, ()):
            if name in words.NOT_SUPPORTED:
                raise MappingError(
                    f"rml:{name.removeprefix(RML)} of {node} is not supported.",
                    hint=words.NOT_SUPPORTED[name],
                )
            if name.startswith(RML) and name not in known:
                raise MappingError(
                    f"rml:{name.removeprefix(RML)} of {node} is not known here.",
                    hint=like(name.removeprefix(RML), (k.removeprefix(RML) for k in known))
                    + "Check its spelling, or leave it out if it is of a part of RML that is not supported.",
                )


def read_mapping(mapping: str | Path) -> Mapping:
    """Read and check an RML document.

    Parameters
    ----------
    mapping
        Turtle text, or the path of a file that holds it.

    Returns
    -------
    Mapping
        Its triples maps, ready to run.

    Raises
    ------
    MappingError
        It is no Turtle, has no triples map, or says something that RML does not allow.
    DataMissingError
        The file is not there.

    Examples
    --------
    >>> mapping = read_mapping('''
    ... @prefix rml: <http://w3id.org/rml/> .
    ... <urn:fields> rml:logicalSource [ rml:source [ rml:path "fields" ] ] ;
    ...     rml:subjectMap [ rml:template "https://example.org/field/{id}" ] .
    ... ''')
    >>> list(mapping.triples_maps)
    ['<urn:fields>']
    """
    if isinstance(mapping, Path):
        mapping = _text_of(mapping)
    document = Document(mapping)
    try:
        return _read(document)
    except MappingError as err:
        raise with_line(err, mapping) from err


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as err:
        raise DataMissingError(
            f"The mapping {path} cannot be read: {err.strerror or err}.", hint="Check its path."
        ) from err
    except UnicodeDecodeError as err:
        raise MappingError(
            f"The mapping {path} is no text in UTF-8.",
            hint="A mapping is Turtle. Make one of a source of data: extremeearth rdf mapping FILE, or draft_mapping "
            "in Python.",
        ) from err


def _read(document: Document) -> Mapping:
    nodes = document.nodes_with(RML.logicalSource, RML.subjectMap, RML.subject)
    if not nodes:
        raise MappingError(
            "The mapping has no triples map.",
            hint="Give one an rml:logicalSource and an rml:subjectMap.",
        )
    maps = {str(node): _triples_map(document, node) for node in nodes}
    result = Mapping(triples_maps=maps, prefixes=document.prefixes)
    for triples_map in maps.values():
        _check_parents(result, triples_map)
    return result


def _triples_map(document: Document, node: Any) -> TriplesMap:
    document.allow(node, words.TRIPLES_MAP_PROPERTIES)
    source = document.one(node, "logicalSource")
    if source is None:
        raise MappingError(f"{node} has no rml:logicalSource.", hint="Say what it reads.")
    read = TermMapReader(document)
    subjects = [*document.all(node, "subjectMap"), *document.all(node, "subject")]
    if len(subjects) != 1:
        raise MappingError(
            f"{node} has {len(subjects)} subject maps, where exactly one is needed.",
            hint="Give it one rml:subjectMap or one rml:subject.",
        )
    is_map = bool(document.all(node, "subjectMap"))
    subject = read.subject(subjects[0]) if is_map else constant_of(subjects[0])
    read.check_position(subject, position="subject", node=node)
    classes = (
        [_constant_iri(c, "class") for c in document.all(subjects[0], "class")] if is_map else []
    )
    graphs = read.graphs(subjects[0]) if is_map else ()
    base = document.one(node, "baseIRI")
    base_iri = None if base is None else str(base.value)
    if base_iri is not None and not is_absolute_iri(base_iri):
        raise MappingError(f"The base '{base_iri}' of {node} is not an absolute IRI.")
    return TriplesMap(
        name=str(node), source=_source(document, source), subject=subject, classes=tuple(classes), graphs=graphs,
        properties=tuple(_properties(document, read, n) for n in document.all(node, "predicateObjectMap")),
        base_iri=base_iri,
    )  # fmt: skip


def _constant_iri(value: Any, what: str) -> TermMap:
    if not isinstance(value, ox.NamedNode):
        raise MappingError(f"rml:{what} {value} is not an IRI.", hint="Put it in angle brackets.")
    return TermMap(expression=Constant(str(value), value.value), term_type=TermType.IRI)


def _properties(document: Document, read: TermMapReader, node: Any) -> PredicateObjectMap:
    document.allow(node, words.PREDICATE_OBJECT_PROPERTIES)
    predicates = [_constant_iri(p, "predicate") for p in document.all(node, "predicate")]
    predicates += [read.resource(p) for p in document.all(node, "predicateMap")]
    for predicate in predicates:
        read.check_position(predicate, position="predicate", node=node)
    objects: list[TermMap | ReferencingMap] = [constant_of(o) for o in document.all(node, "object")]
    for value in document.all(node, "objectMap"):
        parent = document.one(value, "parentTriplesMap")
        objects.append(
            read.object(value) if parent is None else _referencing(document, read, value, parent)
        )
    if not predicates or not objects:
        raise MappingError(
            f"A predicate-object map ({node}) has no {'object' if predicates else 'predicate'}.",
            hint="Give it at least one predicate and one object.",
        )
    return PredicateObjectMap(
        predicates=tuple(predicates), objects=tuple(objects), graphs=read.graphs(node)
    )


def _referencing(document: Document, read: TermMapReader, node: Any, parent: Any) -> ReferencingMap:
    document.allow(node, words.TERM_MAP_PROPERTIES)
    joins = []
    for condition in document.all(node, "joinCondition"):
        document.allow(condition, words.JOIN_PROPERTIES)
        joins.append(
            Join(
                child=read.join_side(condition, "child"), parent=read.join_side(condition, "parent")
            )
        )
    return ReferencingMap(parent=str(parent), joins=tuple(joins))


def _check_parents(mapping: Mapping, triples_map: TriplesMap) -> None:
    for said in triples_map.properties:
        for joined in said.objects:
            if not isinstance(joined, ReferencingMap):
                continue
            parent = mapping.triples_maps.get(joined.parent)
            if parent is None:
                raise MappingError(
                    f"{triples_map.name} names the parent triples map {joined.parent}, which is not there.",
                    hint="Check its IRI.",
                )
            if not joined.joins and parent.source != triples_map.source:
                raise MappingError(
                    f"{triples_map.name} refers to {parent.name} of another source without a join condition.",
                    hint="Add an rml:joinCondition.",
                )


def _logical_table(document: Document, node: Any) -> LogicalSource | None:
    """Read R2RML's table or view, and the like of the older RML; `None` if it is no such thing."""
    table, query = document.text(node, "tableName"), document.text(node, "sqlQuery")
    if table is None and query is None:
        return None
    if table is not None and query is not None:
        raise MappingError(
            f"The logical table {node} has a table's name and a query.", hint="Keep one."
        )
    given = document.one(node, "source")
    return LogicalSource(
        name=given.value if isinstance(given, ox.Literal) else table or "",
        formulation=SQL_TABLE if query is None else SQL_QUERY,
        iterator=table if query is None else query,
        geometry=document.geometry(node),
    )


def _source(document: Document, node: Any) -> LogicalSource:
    document.allow(node, words.SOURCE_PROPERTIES)
    table = _logical_table(document, node)
    if table is not None:
        return table
    given = document.one(node, "source")
    if given is None:
        raise MappingError(
            f"The logical source {node} has no rml:source.", hint="Name a table or a file."
        )
    if isinstance(given, ox.Literal):
        name: str | None = given.value
    else:
        document.allow(given, words.SOURCE_PROPERTIES)
        name = document.text(given, "path") or document.text(given, "tableName")
    if not name:
        raise MappingError(
            f"The source {given} names neither a table nor a file.",
            hint='Give it an rml:path, e.g. "parcels" or "parcels.csv".',
        )
    formulation, namespaces = _formulation(document, node)
    return LogicalSource(
        name=name,
        formulation=formulation,
        iterator=document.text(node, "iterator"),
        nulls=tuple(
            value.value
            for value in (() if isinstance(given, ox.Literal) else document.all(given, "null"))
        ),
        geometry=() if isinstance(given, ox.Literal) else document.geometry(given),
        namespaces=namespaces,
    )


def _formulation(document: Document, node: Any) -> tuple[str | None, tuple[tuple[str, str], ...]]:
    """Read the reference formulation; one that is described is XPath with its namespaces."""
    given = document.one(node, "referenceFormulation")
    described = [] if given is None else document.all(given, "namespace")
    if not described:
        return None if given is None else given.value.removeprefix(RML), ()
    document.allow(given, words.FORMULATION_PROPERTIES)
    prefixes = []
    for namespace in described:
        document.allow(namespace, words.NAMESPACE_PROPERTIES)
        prefix = document.text(namespace, "namespacePrefix")
        url = document.one(namespace, "namespaceURL")
        if not prefix or url is None:
            raise MappingError(
                f"The namespace {namespace} needs an rml:namespacePrefix and an rml:namespaceURL."
            )
        prefixes.append((prefix, str(url.value)))
    return "XPath", tuple(sorted(prefixes))
