"""What the endpoint says of itself: the SPARQL 1.1 Service Description."""

from __future__ import annotations

from extremeearth.knowledge.sparql import Iri
from extremeearth.knowledge.sparql.terms import BlankNode
from extremeearth.knowledge.store.results import Triple, Triples

__all__ = ["service_description"]

SD = "http://www.w3.org/ns/sparql-service-description#"
_TYPE = Iri("http://www.w3.org/1999/02/22-rdf-syntax-ns#type")
_FORMATS = (
    "SPARQL_Results_JSON", "SPARQL_Results_XML", "SPARQL_Results_CSV", "SPARQL_Results_TSV", "Turtle", "N-Triples",
    "RDF_XML", "JSON-LD",
)  # fmt: skip


def service_description(
    endpoint: str, *, update: bool = True, functions: tuple[str, ...] = (), federated: bool = False
) -> Triples:
    """Describe an endpoint.

    Parameters
    ----------
    endpoint
        Its URL.
    update
        Whether it takes updates.
    functions
        IRIs of the extension functions it knows.
    federated
        Whether it asks other endpoints.

    Examples
    --------
    >>> b"sparql-service-description#endpoint" in service_description(
    ...     "http://127.0.0.1/sparql"
    ... ).serialize("nt")
    True
    """
    service, dataset, graph = BlankNode("service"), BlankNode("dataset"), BlankNode("graph")
    triples: list[Triple] = [
        (service, _TYPE, Iri(SD + "Service")),
        (service, Iri(SD + "endpoint"), Iri(endpoint)),
        (service, Iri(SD + "supportedLanguage"), Iri(SD + "SPARQL11Query")),
        (service, Iri(SD + "defaultDataset"), dataset),
        (dataset, _TYPE, Iri(SD + "Dataset")),
        (dataset, Iri(SD + "defaultGraph"), graph),
        (graph, _TYPE, Iri(SD + "Graph")),
    ]
    if update:
        triples.append((service, Iri(SD + "supportedLanguage"), Iri(SD + "SPARQL11Update")))
    if federated:
        triples.append((service, Iri(SD + "feature"), Iri(SD + "BasicFederatedQuery")))
    triples += [
        (service, Iri(SD + "resultFormat"), Iri(f"http://www.w3.org/ns/formats/{name}"))
        for name in _FORMATS
    ]
    for function in functions:
        triples.append((service, Iri(SD + "extensionFunction"), Iri(function)))
        triples.append((Iri(function), _TYPE, Iri(SD + "Function")))
    return Triples(triples)
