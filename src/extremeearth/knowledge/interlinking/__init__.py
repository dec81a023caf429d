"""Interlinking: all topological relations between two sets of features, as GeoSPARQL links."""

from extremeearth.knowledge.interlinking.linking import (
    LinkReport,
    OnInvalid,
    count_by_relation,
    link,
    link_with_report,
    write_links,
)
from extremeearth.knowledge.interlinking.relations import Relation, Vocabulary, choose_relations

__all__ = [
    "LinkReport",
    "OnInvalid",
    "Relation",
    "Vocabulary",
    "choose_relations",
    "count_by_relation",
    "link",
    "link_with_report",
    "write_links",
]
