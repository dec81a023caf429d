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


BY_VALUE = "literals are kept by value: the lexical form of a number or date is lost (RDF 1.1, section 3.3)"
GRAPH_SCOPE = "the variable of GRAPH is bound inside the group, not joined to it (SPARQL 1.1 Query, section 18.6)"
NO_FETCH = "nothing is fetched from other servers for a query or an update"
KNOWN_FAILURES: Mapping[str, Mapping[str, str]] = {
    "old": {
        "sparql10/distinct/distinct-1": BY_VALUE,
        "sparql10/distinct/distinct-9": BY_VALUE,
        "sparql10/distinct/no-distinct-1": BY_VALUE,
        "sparql10/distinct/no-distinct-9": BY_VALUE,
        "sparql10/expr-builtin/dawg-str-1": BY_VALUE,
        "sparql10/expr-builtin/dawg-str-2": BY_VALUE,
        "sparql10/expr-builtin/sameTerm-simple": BY_VALUE,
        "sparql10/expr-builtin/sameTerm-eq": BY_VALUE,
        "sparql10/expr-builtin/sameTerm-not-eq": BY_VALUE,
        "sparql10/expr-equals/eq-graph-1": BY_VALUE,
        "sparql10/expr-equals/eq-graph-2": BY_VALUE,
        "sparql10/expr-equals/eq-2-1": BY_VALUE,
        "sparql10/expr-equals/eq-2-2": BY_VALUE,
        "sparql10/open-world/open-eq-01": BY_VALUE,
        "sparql10/open-world/open-eq-03": BY_VALUE,
        "sparql10/open-world/open-eq-04": BY_VALUE,
        "sparql10/open-world/date-2": "dates with and without a time zone compare (SPARQL 1.1 Query, section 17.3)",
        "sparql10/open-world/date-3": BY_VALUE,
        "sparql10/graph/graph-variable-scope": GRAPH_SCOPE,
        "sparql10/graph/graph-optional": GRAPH_SCOPE,
        "sparql11/aggregates/agg-groupconcat-04": "GROUP_CONCAT keeps a language (SPARQL 1.1 Query, section 18.5.1.7)",
        "sparql11/aggregates/agg-groupconcat-06": "GROUP_CONCAT keeps a language (SPARQL 1.1 Query, section 18.5.1.7)",
        "sparql11/aggregates/agg-empty-group-count-graph": GRAPH_SCOPE,
        "sparql11/bindings/graph": GRAPH_SCOPE,
        "sparql11/cast/cast-bool": BY_VALUE,
        "sparql11/cast/cast-int": BY_VALUE,
        "sparql11/cast/cast-float": BY_VALUE,
        "sparql11/cast/cast-double": BY_VALUE,
        "sparql11/cast/cast-decimal": BY_VALUE,
        "sparql11/cast/cast-string": BY_VALUE,
        "sparql11/csv-tsv-res/csv03": BY_VALUE,
        "sparql11/csv-tsv-res/tsv03": BY_VALUE,
        "sparql11/functions/bnode01": "BNODE(label) gives the same node for each solution (section 17.4.2.9)",
        "sparql11/negation/graph-minus": GRAPH_SCOPE,
        "sparql11/property-path/zero_or_more_set_start": "a path of length zero from a constant that the graph lacks",
        "sparql11/property-path/zero_or_more_set_end": "a path of length zero to a constant that the graph lacks",
        "sparql11/property-path/zero_or_one_set_start": "a path of length zero from a constant that the graph lacks",
        "sparql11/property-path/zero_or_one_set_end": "a path of length zero to a constant that the graph lacks",
        **{f"sparql11/service/service{n}": NO_FETCH for n in ("1", "2", "3", "4a", "5", "6", "7")},
        "sparql11/update-silent/load-silent": NO_FETCH,
        "sparql11/update-silent/load-into-silent": NO_FETCH,
    },
}
"""Tests that fail, by store: name and the reason with its clause. One of them that passes fails the run."""
