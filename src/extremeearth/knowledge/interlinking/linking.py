"""Links between two sets of features: every topological relation, one DE-9IM code per pair.

Candidates come from bounding boxes; of them, pairs that do not meet and pairs where one lies properly inside the
other are settled by prepared geometries, and only the rest is related in full. Each distinct code is decoded once
(the holistic verification of JedAI-spatial, arXiv:2205.01905).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from geopandas import GeoDataFrame
from odc.geo.crs import CRS

from extremeearth.core.boxes import as_crs
from extremeearth.core.errors import CrsError, InputError
from extremeearth.core.geodesy import transform
from extremeearth.core.progress import SILENT, Progress, Task
from extremeearth.infrastructure.engine import Engine
from extremeearth.knowledge.interlinking.relations import (
    Relation,
    Vocabulary,
    choose_relations,
    holds,
    transposed,
)
from extremeearth.knowledge.rdf import (
    TEXT,
    as_text,
    iri_terms,
    join_text,
    open_statements,
    percent_encode,
    statement_lines,
    write_lines,
)

__all__ = [
    "LinkReport",
    "OnInvalid",
    "count_by_relation",
    "link",
    "link_with_report",
    "write_links",
]

OnInvalid = Literal["repair", "skip", "keep"]
"""What happens to invalid shapes: made valid, left out, or taken as they are."""

PAIRS_AT_ONCE = 200_000
_INSIDE = np.array(["0FFFFF212", "1FF0FF212", "2FF1FF212"])
"""Codes of a point, a line and a polygon properly inside a polygon."""
_APART = "FF*FF****"

Names = Iterable[str] | Literal["all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkReport:
    """What a run did.

    `candidates` are the pairs whose boxes meet, `related` those that needed a full DE-9IM code, `links` the count per
    relation, `invalid` the shapes that were not valid on each side, `empty` those without extent.

    Examples
    --------
    >>> LinkReport(
    ...     candidates=3, related=1, links={"within": 2}, invalid=(0, 0), empty=(0, 1)
    ... ).links["within"]
    2
    """

    candidates: int
    related: int
    links: Mapping[str, int]
    invalid: tuple[int, int]
    empty: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Side:
    iris: Any
    shapes: Any
    invalid: int
    empty: int


def link(
    left: GeoDataFrame,
    right: GeoDataFrame,
    *,
    left_id: str,
    right_id: str,
    relations: Names = "all",
    vocabulary: Vocabulary = "sf",
    left_prefix: str = "",
    right_prefix: str = "",
    engine: Engine | None = None,
    on_invalid: OnInvalid = "repair",
    progress: Progress = SILENT,
) -> pa.Table:
    """Find how the features of two sets relate.

    Parameters
    ----------
    left, right
        Features of any geometry type. Where their reference systems differ, both are compared in the left one's, or in
        longitude and latitude where only the right side has that.
    left_id, right_id
        Columns with the features' IRIs, or with what makes one after a prefix.
    relations
        ``"all"``, or some of equals, intersects, touches, within, contains, overlaps, crosses, covers, coveredBy
        (for ``"sf"``). Covers and coveredBy are GeoSPARQL's ``ehCovers`` and ``ehCoveredBy``: boundaries meet.
    vocabulary
        Family of the properties: ``"sf"``, ``"eh"`` or ``"rcc8"``; see :func:`choose_relations`.
    left_prefix, right_prefix
        Put before the percent-encoded values of the id columns.
    engine
        Finds the candidates by its spatial join; without one, an R-tree in this process does.
    on_invalid
        What to do with invalid shapes.
    progress
        Where progress is told to, in candidate pairs.

    Returns
    -------
    pyarrow.Table
        ``source, relation, target``: IRIs, ordered by the features' positions. Disjoint is never stated.

    Raises
    ------
    CrsError
        A side has no reference system, or lies outside of the common one.
    InputError
        A column is missing, an id is missing or makes no IRI, a relation is not known.

    Examples
    --------
    >>> fields = GeoDataFrame({"id": ["urn:f"]}, geometry=[shapely.box(1, 1, 2, 2)], crs=4326)
    >>> regions = GeoDataFrame({"id": ["urn:r"]}, geometry=[shapely.box(0, 0, 9, 9)], crs=4326)
    >>> [
    ...     r.rpartition("#")[2]
    ...     for r in link(fields, regions, left_id="id", right_id="id")["relation"].to_pylist()
    ... ]
    ['sfIntersects', 'sfWithin']
    """
    return link_with_report(
        left, right, left_id=left_id, right_id=right_id, relations=relations, vocabulary=vocabulary,
        left_prefix=left_prefix, right_prefix=right_prefix, engine=engine, on_invalid=on_invalid, progress=progress,
    )[0]  # fmt: skip


def link_with_report(
    left: GeoDataFrame,
    right: GeoDataFrame,
    *,
    left_id: str,
    right_id: str,
    relations: Names = "all",
    vocabulary: Vocabulary = "sf",
    left_prefix: str = "",
    right_prefix: str = "",
    engine: Engine | None = None,
    on_invalid: OnInvalid = "repair",
    progress: Progress = SILENT,
) -> tuple[pa.Table, LinkReport]:
    """Find how the features of two sets relate, and say what was done; parameters as for :func:`link`.

    Examples
    --------
    >>> fields = GeoDataFrame({"id": ["urn:f"]}, geometry=[shapely.box(1, 1, 2, 2)], crs=4326)
    >>> links, report = link_with_report(
    ...     fields, fields, left_id="id", right_id="id", relations=["equals"]
    ... )
    >>> report.candidates, dict(report.links)
    (1, {'equals': 1})
    """
    chosen = choose_relations(relations, vocabulary=vocabulary)
    crs = _common_crs(_crs_of(left, "left"), _crs_of(right, "right"))
    ours = _side(left, left_id, left_prefix, crs, on_invalid)
    theirs = _side(right, right_id, right_prefix, crs, on_invalid)
    rows, columns = _candidates(ours.shapes, theirs.shapes, engine)
    found: list[tuple[Any, Any]] = []
    related = 0
    with Task(progress, "pairs related", total=len(rows)) as task:
        for start in range(0, len(rows), PAIRS_AT_ONCE):
            part = slice(start, start + PAIRS_AT_ONCE)
            codes, full = _codes(ours.shapes[rows[part]], theirs.shapes[columns[part]])
            related += full
            pairs, kinds = _decoded(
                codes, ours.shapes[rows[part]], theirs.shapes[columns[part]], chosen
            )
            found.append((pairs + start, kinds))
            task.advance(len(codes))
    pairs = np.concatenate([p for p, _ in found]) if found else np.empty(0, dtype=np.int64)
    kinds = np.concatenate([k for _, k in found]) if found else np.empty(0, dtype=np.int64)
    names = pa.array([relation.iri for relation in chosen], TEXT)
    table = pa.table(
        {
            "source": ours.iris.take(pa.array(rows[pairs])),
            "relation": names.take(pa.array(kinds)),
            "target": theirs.iris.take(pa.array(columns[pairs])),
        }
    )
    counts = np.bincount(kinds, minlength=len(chosen))
    return table, LinkReport(
        candidates=len(rows), related=related,
        links={relation.name: int(n) for relation, n in zip(chosen, counts, strict=True)},
        invalid=(ours.invalid, theirs.invalid), empty=(ours.empty, theirs.empty),
    )  # fmt: skip


def write_links(links: pa.Table, target: Path | BinaryIO) -> int:
    r"""Write links as N-Triples, gzip where the name ends in ``.gz``; the file appears whole.

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


def _crs_of(frame: GeoDataFrame, side: str) -> CRS:
    if frame.crs is None:
        raise CrsError(
            f"The {side} features have no reference system.",
            hint="Set it, e.g. with .set_crs(4326).",
        )
    return as_crs(frame.crs)


def _common_crs(left: CRS, right: CRS) -> CRS:
    """Take the left side's system, or longitude and latitude where only the right side has it."""
    return right if right.geographic and not left.geographic else left


def _side(
    frame: GeoDataFrame, id_column: str, prefix: str, crs: CRS, on_invalid: OnInvalid
) -> _Side:
    if id_column not in frame.columns:
        raise InputError(
            f"There is no column '{id_column}'.",
            hint=f"There are: {', '.join(map(str, frame.columns))}.",
        )
    own = as_crs(frame.crs)
    iris = as_text(frame[id_column])
    if iris.null_count:
        raise InputError(
            f"{iris.null_count} features have no '{id_column}'.", hint="Give each an id."
        )
    if prefix:
        iris = join_text(prefix, percent_encode(iris))
    iri_terms(iris)  # raises, naming the first id that makes no IRI
    shapes = np.asarray(transform(frame.geometry.to_numpy(), source=own, target=crs), dtype=object)
    if not np.isfinite(shapely.get_coordinates(shapes)).all():
        raise CrsError(
            f"Some features cannot be brought from {own} to {crs}: they lie outside of it.",
            hint="Give both sides in a system that covers them, e.g. EPSG:4326.",
        )
    empty = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    broken = ~empty & ~shapely.is_valid(shapes)
    if broken.any() and on_invalid != "keep":
        shapes = shapes.copy()
        shapes[broken] = shapely.make_valid(shapes[broken]) if on_invalid == "repair" else None
    return _Side(iris, shapes, int(broken.sum()), int(empty.sum()))


def _candidates(left: Any, right: Any, engine: Engine | None) -> tuple[Any, Any]:
    """Give the positions of pairs that may relate, ordered by left, then right."""
    if engine is None:
        rows, columns = shapely.STRtree(right).query(left)
    else:
        first, second = (
            pa.table({"geometry": pa.array(shapely.to_wkb(side), pa.binary())})
            for side in (left, right)
        )
        joined = engine.join_spatial(first, second, "intersects")
        rows, columns = (joined[name].to_numpy() for name in ("left_index", "right_index"))
    order = np.lexsort((columns, rows))
    return rows[order].astype(np.int64), columns[order].astype(np.int64)


def _codes(left: Any, right: Any) -> tuple[Any, int]:
    """Give the DE-9IM code of each pair, and how many of them needed a full relate."""
    flipped = shapely.get_num_coordinates(left).sum() > shapely.get_num_coordinates(right).sum()
    inner, outer = (right, left) if flipped else (left, right)
    shapely.prepare(outer)
    codes = np.full(len(left), _APART.replace("*", "F"), dtype="<U9")
    meets = shapely.intersects(outer, inner)
    inside = np.zeros(len(left), dtype=bool)
    settled = meets & _is_polygon(outer) & _is_simple_type(inner)
    inside[settled] = shapely.contains_properly(outer[settled], inner[settled])
    codes[inside] = _INSIDE[shapely.get_dimensions(inner[inside])]
    rest = meets & ~inside
    codes[rest] = shapely.relate(inner[rest], outer[rest])
    if flipped:
        distinct, back = np.unique(codes, return_inverse=True)
        codes = np.array([transposed(code) for code in distinct], dtype="<U9")[back]
    return codes, int(rest.sum())


def _is_polygon(shapes: Any) -> Any:
    return np.isin(shapely.get_type_id(shapes), (3, 6))


def _is_simple_type(shapes: Any) -> Any:
    return shapely.get_type_id(shapes) != 7  # a collection can mix dimensions


def _decoded(codes: Any, left: Any, right: Any, chosen: tuple[Relation, ...]) -> tuple[Any, Any]:
    """Give (pair, relation) positions, ordered by pair, with one decision per distinct code and dimensions."""
    dimensions = shapely.get_dimensions(left) * 3 + shapely.get_dimensions(right)
    keys = np.char.add(codes, dimensions.astype("<U2"))
    distinct, back = np.unique(keys, return_inverse=True)
    table = np.zeros((len(distinct), len(chosen)), dtype=bool)
    for row, key in enumerate(distinct):
        if key[:9] == _APART.replace("*", "F"):
            continue
        ours, theirs = divmod(int(key[9:]), 3)
        table[row] = [holds(r, key[:9], left=ours, right=theirs) for r in chosen]
    pairs, kinds = np.nonzero(table[back])
    return pairs, kinds


def count_by_relation(links: pa.Table) -> dict[str, int]:
    """Count links by the IRI of their relation.

    Examples
    --------
    >>> count_by_relation(
    ...     pa.table({"source": ["urn:a"], "relation": ["urn:r"], "target": ["urn:b"]})
    ... )
    {'urn:r': 1}
    """
    counted = pc.value_counts(links["relation"])
    return {row["values"]: row["counts"] for row in counted.to_pylist()}
