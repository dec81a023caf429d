"""The store over HTTP: SPARQL 1.1 Protocol, Graph Store Protocol, service description, VoID."""

from extremeearth.knowledge.store.service.protocol import sparql_router

__all__ = ["sparql_router"]
