"""The RML vocabulary, and the older words for the same things."""

from __future__ import annotations

from types import MappingProxyType

import pyoxigraph as ox

from extremeearth.knowledge.rdf import Namespace

RML = Namespace("http://w3id.org/rml/")
_R2RML = "http://www.w3.org/ns/r2rml#"
_OLD_RML = "http://semweb.mmlab.be/ns/rml#"
_OLD_QUERY_LANGUAGES = "http://semweb.mmlab.be/ns/ql#"
_RENAMED = {
    f"{_R2RML}column": RML.reference,
    f"{_R2RML}logicalTable": RML.logicalSource,
    f"{_OLD_RML}query": RML.sqlQuery,
}

TERM_MAP_PROPERTIES = frozenset(
    RML[name]
    for name in (
        "constant", "reference", "template", "functionExecution", "return", "termType", "datatype", "datatypeMap",
        "language", "languageMap", "class", "graph", "graphMap", "parentTriplesMap", "joinCondition",
        "inverseExpression",
    )
)  # fmt: skip
TRIPLES_MAP_PROPERTIES = frozenset(
    RML[name]
    for name in ("logicalSource", "subject", "subjectMap", "predicateObjectMap", "baseIRI")
)
PREDICATE_OBJECT_PROPERTIES = frozenset(
    RML[name] for name in ("predicate", "predicateMap", "object", "objectMap", "graph", "graphMap")
)
SOURCE_PROPERTIES = frozenset(
    RML[name]
    for name in (
        "source", "referenceFormulation", "iterator", "path", "root", "null", "tableName", "sqlQuery", "sqlVersion",
    )
)  # fmt: skip
FORMULATION_PROPERTIES = frozenset({RML.namespace})
NAMESPACE_PROPERTIES = frozenset({RML.namespacePrefix, RML.namespaceURL})
JOIN_PROPERTIES = frozenset(RML[name] for name in ("child", "childMap", "parent", "parentMap"))

NOT_SUPPORTED = MappingProxyType(
    {
        RML.logicalTarget: "Statements go where the run says: -o OUT on the command line, target= in Python.",
        RML.viewOn: "Join triples maps, or give the view as a query of a database.",
        RML.structuralAnnotation: "Leave it out.",
    }
)
"""Words of RML that are understood and refused, and what to do instead."""


def current(node: ox.NamedNode) -> ox.NamedNode:
    """Give today's word for a word of R2RML or of RML before 2024; others stay as they are."""
    iri = node.value
    if iri in _RENAMED:
        return ox.NamedNode(_RENAMED[iri])
    for old in (_R2RML, _OLD_RML, _OLD_QUERY_LANGUAGES):
        if iri.startswith(old):
            return ox.NamedNode(RML[iri.removeprefix(old)])
    return node
