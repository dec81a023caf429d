"""The GeoSPARQL store: load RDF, ask and change it, and serve it by the SPARQL 1.1 protocols."""

from extremeearth.knowledge.store.contract import GraphStore, LoadReport, Source, UpdateReport
from extremeearth.knowledge.store.graph import Graph, open_graph
from extremeearth.knowledge.store.results.solutions import Row, Solutions, Triple, Triples
from extremeearth.knowledge.store.service.protocol import sparql_router
from extremeearth.knowledge.store.summary import Summary

__all__ = [
    "Graph",
    "GraphStore",
    "LoadReport",
    "Row",
    "Solutions",
    "Source",
    "Summary",
    "Triple",
    "Triples",
    "UpdateReport",
    "open_graph",
    "sparql_router",
]
