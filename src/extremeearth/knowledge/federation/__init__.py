"""Federated GeoSPARQL: many endpoints asked as one graph, with rows equal to those over their union."""

from extremeearth.knowledge.federation.channel import Request
from extremeearth.knowledge.federation.endpoints import Endpoint
from extremeearth.knowledge.federation.federation import Answer, Federation
from extremeearth.knowledge.federation.router import federation_router

__all__ = ["Answer", "Endpoint", "Federation", "Request", "federation_router"]
