"""Links between two sets of features: every topological relation, one DE-9IM code per pair.

Candidates come from bounding boxes, cell by cell of the plane; of them, pairs that do not meet and pairs where one lies
properly inside the other are settled by prepared geometries, and only the rest is related in full. Each distinct code
is decoded once (the holistic verification of JedAI-spatial, arXiv:2205.01905).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypedDict, Unpack

from extremeearth.core.errors import InputError
from extremeearth.core.progress import SILENT, Progress
from extremeearth.infrastructure.engine import Engine
from extremeearth.knowledge.interlinking.features import (
    FeatureSet,
    OnInvalid,
    Times,
    feature_set,
)
from extremeearth.knowledge.interlinking.options import LinkOptions, Names
from extremeearth.knowledge.interlinking.relations import Vocabulary
from extremeearth.knowledge.interlinking.running import LinkReport, LinkRun
from extremeearth.knowledge.rdf import iri_terms, open_statements, statement_lines, write_lines

if TYPE_CHECKING:
    import pyarrow as pa
    from geopandas import GeoDataFrame

__all__ = ["count_by_relation", "link", "link_batches", "link_with_report", "write_links"]


class LinkChoices(TypedDict, total=False):
    """What may be said of a run; see :func:`link`."""

    left_id: str | None
    right_id: str | None
    relations: Names
    vocabulary: Vocabulary
    left_prefix: str
    right_prefix: str
    left_times: Times | None
    right_times: Times | None
    options: LinkOptions | None
    engine: Engine | None
    on_invalid: OnInvalid
    progress: Progress


def link(
    left: GeoDataFrame | FeatureSet,
    right: GeoDataFrame | FeatureSet | None,
    **choices: Unpack[LinkChoices],
) -> pa.Table:
    """Find how the features of two sets relate.

    Parameters
    ----------
    left, right
        Features of any geometry type. Where their reference systems differ, both are compared in the left one's, or in
        longitude and latitude where only the right side has that. `None` for `right` links the left set with itself:
        each pair is verified once and stated in both directions, and no feature is linked with itself.
    left_id, right_id
        Columns with the features' IRIs, or with what makes one after a prefix; not for a `FeatureSet`.
    relations
        ``"all"``, or some of equals, intersects, touches, within, contains, overlaps, crosses, covers, coveredBy
        (for ``"sf"``). Covers and coveredBy are GeoSPARQL's ``ehCovers`` and ``ehCoveredBy``: boundaries meet.
        Disjoint holds for nearly every pair: it is stated only where it is named.
    vocabulary
        Family of the properties: ``"sf"``, ``"eh"`` or ``"rcc8"``; see :func:`choose_relations`.
    left_prefix, right_prefix
        Put before the percent-encoded values of the id columns.
    left_times, right_times
        Columns (one or two) or functions that say when features hold. Where both are given, only features whose times
        meet are linked.
    options
        Filter, partitions, distances, budget; where given, it decides, and `relations` and `vocabulary` are its own.
    engine
        With more than one worker, cells of the plane are worked on side by side.
    on_invalid
        What to do with invalid shapes.
    progress
        Where progress is told to, in candidate pairs.

    Returns
    -------
    pyarrow.Table
        ``source, relation, target``: IRIs, ordered by the features' positions.

    Raises
    ------
    CrsError
        A side has no reference system, or lies outside of the common one.
    InputError
        A column is missing, an id is missing or makes no IRI, a relation is not known.

    Examples
    --------
    >>> import shapely
    >>> from geopandas import GeoDataFrame
    >>> fields = GeoDataFrame({"id": ["urn:f"]}, geometry=[shapely.box(1, 1, 2, 2)], crs=4326)
    >>> regions = GeoDataFrame({"id": ["urn:r"]}, geometry=[shapely.box(0, 0, 9, 9)], crs=4326)
    >>> [
    ...     r.rpartition("#")[2]
    ...     for r in link(fields, regions, left_id="id", right_id="id")["relation"].to_pylist()
    ... ]
    ['sfIntersects', 'sfWithin']
    """
    return link_with_report(left, right, **choices)[0]


def link_with_report(
    left: GeoDataFrame | FeatureSet,
    right: GeoDataFrame | FeatureSet | None,
    **choices: Unpack[LinkChoices],
) -> tuple[pa.Table, LinkReport]:
    """Find how the features of two sets relate, and say what was done; parameters as for :func:`link`.

    Examples
    --------
    >>> import shapely
    >>> from geopandas import GeoDataFrame
    >>> fields = GeoDataFrame({"id": ["urn:f"]}, geometry=[shapely.box(1, 1, 2, 2)], crs=4326)
    >>> links, report = link_with_report(
    ...     fields, fields, left_id="id", right_id="id", relations=["equals"]
    ... )
    >>> report.candidates, dict(report.links)
    (1, {'equals': 1})
    """
    run = link_batches(left, right, **choices)
    return run.collect(), run.report


def link_batches(
    left: GeoDataFrame | FeatureSet,
    right: GeoDataFrame | FeatureSet | None,
    *,
    left_id: str | None = None,
    right_id: str | None = None,
    relations: Names = "all",
    vocabulary: Vocabulary = "sf",
    left_prefix: str = "",
    right_prefix: str = "",
    left_times: Times | None = None,
    right_times: Times | None = None,
    options: LinkOptions | None = None,
    engine: Engine | None = None,
    on_invalid: OnInvalid = "repair",
    progress: Progress = SILENT,
) -> LinkRun:
    """Prepare a run that yields links as Arrow batches while they are found; parameters as for :func:`link`.

    Examples
    --------
    >>> import shapely
    >>> from geopandas import GeoDataFrame
    >>> fields = GeoDataFrame({"id": ["urn:f"]}, geometry=[shapely.box(1, 1, 2, 2)], crs=4326)
    >>> run = link_batches(fields, fields, left_id="id", right_id="id", relations=["equals"])
    >>> [batch.num_rows for batch in run], run.report.candidates
    ([1], 1)
    """
    if options is None:
        options = LinkOptions(relations=relations, vocabulary=vocabulary)
    elif relations != "all" or vocabulary != "sf":
        raise InputError(
            "Relations are given twice: on their own and in the options.", hint="Say it once."
        )
    ours = feature_set(left, id_column=left_id, prefix=left_prefix, times=left_times, side="left")
    theirs = (
        None
        if right is None
        else feature_set(
            right, id_column=right_id, prefix=right_prefix, times=right_times, side="right"
        )
    )
    return LinkRun(
        ours, theirs, options=options, on_invalid=on_invalid, engine=engine, progress=progress
    )


def write_links(links: pa.Table, target: Path | BinaryIO) -> int:
    r"""Write links as N-Triples, packed where the name ends in ``.gz`` or ``.zst``; the file appears whole.

    Parameters
    ----------
    links
        What :func:`link` returned.
    target
        A path, or an open binary file.

    Returns
    -------
    int
        Statements written.

    Examples
    --------
    >>> import io
    >>> import pyarrow as pa
    >>> out = io.BytesIO()
    >>> write_links(
    ...     pa.table({"source": ["urn:a"], "relation": ["urn:r"], "target": ["urn:b"]}), out
    ... )
    1
    >>> out.getvalue()
    b'<urn:a> <urn:r> <urn:b> .\n'
    """
    with open_statements(target) as file:
        return sum(
            write_lines(
                statement_lines(
                    *(
                        iri_terms(batch.column(name), checked=name != "relation")
                        for name in ("source", "relation", "target")
                    )
                ),
                file,
            )
            for batch in links.to_batches(max_chunksize=100_000)
        )


def count_by_relation(links: pa.Table) -> dict[str, int]:
    """Count links by the IRI of their relation.

    Examples
    --------
    >>> import pyarrow as pa
    >>> count_by_relation(
    ...     pa.table({"source": ["urn:a"], "relation": ["urn:r"], "target": ["urn:b"]})
    ... )
    {'urn:r': 1}
    """
    import pyarrow.compute as pc

    counted: list[dict[str, Any]] = pc.value_counts(links["relation"]).to_pylist()
    return {row["values"]: row["counts"] for row in counted}
