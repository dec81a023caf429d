"""What the endpoint says of itself: the SPARQL 1.1 Service Description."""

from __future__ import annotations

from extremeearth.knowledge.sparql import Iri
from extremeearth.knowledge.sparql.terms import BlankNode
from extremeearth.knowledge.store.results.solutions import Triple, Triples

__all__ = ["MOST_GRAPHS", "service_description"]

MOST_GRAPHS = 1_000
"""Most named graphs that a description lists; all of them are in the VoID description's counts and in ``GRAPH ?g``."""

SD = "http://www.w3.org/ns/sparql-service-description#"
_TYPE = Iri("http://www.w3.org/1999/02/22-rdf-syntax-ns#type")
_FORMATS = (
    "SPARQL_Results_JSON", "SPARQL_Results_XML", "SPARQL_Results_CSV", "SPARQL_Results_TSV", "Turtle", "N-Triples",
    "RDF_XML", "JSON-LD", "N-Quads", "TriG",
)  # fmt: skip


def service_description(
    endpoint: str,
    *,
    update: bool = True,
    functions: tuple[str, ...] = (),
    aggregates: tuple[str, ...] = (),
    federated: bool = False,
    dataset: str | None = None,
    graphs: tuple[str, ...] = (),
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
    aggregates
        IRIs of the aggregates it knows beside those of SPARQL.
    federated
        Whether it asks other endpoints.
    dataset
        IRI of the dataset; its VoID description says what is in it.
    graphs
        IRIs of the named graphs.

    Examples
    --------
    >>> b"sparql-service-description#endpoint" in service_description(
    ...     "http://127.0.0.1/sparql"
    ... ).serialize("nt")
    True
    """
    service, graph = BlankNode("service"), BlankNode("graph")
    asked = BlankNode("dataset") if dataset is None else Iri(dataset)
    triples: list[Triple] = [
        (service, _TYPE, Iri(SD + "Service")),
        (service, Iri(SD + "endpoint"), Iri(endpoint)),
        (service, Iri(SD + "supportedLanguage"), Iri(SD + "SPARQL11Query")),
        (service, Iri(SD + "defaultDataset"), asked),
        (asked, _TYPE, Iri(SD + "Dataset")),
        (asked, Iri(SD + "defaultGraph"), graph),
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
    for at, name in enumerate(graphs):
        part = BlankNode(f"graph{at}")
        triples += [
            (asked, Iri(SD + "namedGraph"), part),
            (part, _TYPE, Iri(SD + "NamedGraph")),
            (part, Iri(SD + "name"), Iri(name)),
        ]
    for names, kind in ((functions, "Function"), (aggregates, "Aggregate")):
        for function in names:
            triples.append((service, Iri(f"{SD}extension{kind}"), Iri(function)))
            triples.append((Iri(function), _TYPE, Iri(SD + kind)))
    return Triples(triples)
