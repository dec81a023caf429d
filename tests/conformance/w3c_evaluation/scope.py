"""Which tests are not for this store, which it fails, and why."""

from __future__ import annotations

from collections.abc import Mapping

from tests.conformance.w3c_evaluation.manifests import Case

__all__ = ["KNOWN_FAILURES", "out_of_scope"]

REGIMES = {
    "RIF": "RIF entailment (SPARQL 1.1 Entailment Regimes, section 8): the store has no rule engine",
    "OWL": "OWL entailment (SPARQL 1.1 Entailment Regimes, sections 6 and 7): the store is no OWL reasoner",
    "RDFS": "RDFS entailment over any vocabulary (SPARQL 1.1 Entailment Regimes, section 4): the store entails by "
    "RDFS over the GeoSPARQL vocabulary only (GeoSPARQL, clause 11)",
    "RDF": "RDF entailment (SPARQL 1.1 Entailment Regimes, section 3): the store does not entail that every "
    "predicate is an rdf:Property",
}
"""Why tests of an entailment regime are left out; those of them that simple entailment answers alike are run."""

ENTAILED = frozenset(
    "sparql11/entailment/" + name
    for name in (
        "paper-sparqldl-Q1", "paper-sparqldl-Q1-rdfs", "paper-sparqldl-Q2", "paper-sparqldl-Q3", "paper-sparqldl-Q4",
        "parent10", "parent3", "parent4", "parent5", "parent6", "parent7", "parent8", "parent9", "rdf01",
        "rdfs01", "rdfs02", "rdfs03", "rdfs04", "rdfs05", "rdfs06", "rdfs07", "rdfs09", "rdfs10", "rdfs11",
        "rif01", "rif03", "rif04", "rif06",
        "simple1", "simple2", "simple3", "simple4", "simple5", "simple6", "simple7", "simple8",
        "sparqldl-02", "sparqldl-03", "sparqldl-10", "sparqldl-11", "sparqldl-12", "sparqldl-13",
    )
)  # fmt: skip
"""Tests whose answer is not that of simple entailment."""


def out_of_scope(case: Case) -> str | None:
    """Say why a test is not run; `None` where it is."""
    if case.name not in ENTAILED:
        return None
    for regime, reason in (("RDF", "RDF"), ("RDFS", "RDFS"), ("RIF", "RIF")):
        if regime in case.regimes:
            return REGIMES[reason]
    return REGIMES["OWL"]


KNOWN_FAILURES: Mapping[str, str] = {}
"""Tests that fail: name, and the reason with its clause. One of them that passes fails the run."""
