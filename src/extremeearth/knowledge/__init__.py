"""Linked data tools: RDF, SPARQL, mapping, interlinking, the GeoSPARQL store, federation and ontologies."""

__all__: list[str] = []
