"""The GeoSPARQL store: load RDF, ask and change it, and serve it by the SPARQL 1.1 protocols."""

from extremeearth.knowledge.store.contract import GraphStore, LoadReport, Source
from extremeearth.knowledge.store.embedded import EmbeddedGraph, open_graph
from extremeearth.knowledge.store.protocol import sparql_router
from extremeearth.knowledge.store.results import Row, Solutions, Triple, Triples

__all__ = [
    "EmbeddedGraph",
    "GraphStore",
    "LoadReport",
    "Row",
    "Solutions",
    "Source",
    "Triple",
    "Triples",
    "open_graph",
    "sparql_router",
]
