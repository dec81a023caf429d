"""Interlinking: all topological relations between two sets of features, as GeoSPARQL links."""

from extremeearth.knowledge.interlinking.features import FeatureSet, OnInvalid, Times, feature_set
from extremeearth.knowledge.interlinking.incremental import link_files
from extremeearth.knowledge.interlinking.linking import (
    count_by_relation,
    link,
    link_batches,
    link_with_report,
    write_links,
)
from extremeearth.knowledge.interlinking.options import Budget, LinkOptions
from extremeearth.knowledge.interlinking.progressive import ProgressiveReport
from extremeearth.knowledge.interlinking.relations import Relation, Vocabulary, choose_relations
from extremeearth.knowledge.interlinking.results.pictures import draw_links
from extremeearth.knowledge.interlinking.results.shapes import links_with_shapes
from extremeearth.knowledge.interlinking.results.tables import write_link_table
from extremeearth.knowledge.interlinking.running import LinkReport, LinkRun
from extremeearth.knowledge.interlinking.sources import read_features
from extremeearth.knowledge.mapping.sources.searches import Search

__all__ = [
    "Budget",
    "FeatureSet",
    "LinkOptions",
    "LinkReport",
    "LinkRun",
    "OnInvalid",
    "ProgressiveReport",
    "Relation",
    "Search",
    "Times",
    "Vocabulary",
    "choose_relations",
    "count_by_relation",
    "draw_links",
    "feature_set",
    "link",
    "link_batches",
    "link_files",
    "link_with_report",
    "links_with_shapes",
    "read_features",
    "write_link_table",
    "write_links",
]
