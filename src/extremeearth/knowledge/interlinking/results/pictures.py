"""Links on a map: both sources, what is linked, and a line for each pair, in the colour of its relation."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from extremeearth.core.errors import InputError
from extremeearth.core.files import write_atomic
from extremeearth.core.html_tables import html_table
from extremeearth.knowledge.interlinking.features import align
from extremeearth.knowledge.interlinking.results.shapes import links_in, rows_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from extremeearth.knowledge.interlinking.features import FeatureSet, Side

__all__ = ["PICTURE_ENDINGS", "draw_links"]

PICTURE_ENDINGS = (".svg", ".png", ".html")
MOST_PAIRS = 5_000
"""Pairs that get a line; more are a black spot. All their features are coloured."""
MOST_SHAPES = 50_000
"""Features of a side that are drawn, those with links first."""
_LISTED = 200
_FEW = 300
"""Pairs up to which lines are thick."""
_PIXELS = 1_500
_MARGIN = 0.08
_INK, _MUTED, _LEFT, _RIGHT = "#1c2b33", "#8a9aa3", "#0f766e", "#b45309"
_FILLED, _CLEAR, _LINE, _FAINT = "2b", "00", "dd", "66"
"""Opacity, as the end of a colour: linked shapes are filled, the others faint outlines."""
_SPECIFIC = (
    ("equals", "#7c3aed"), ("eq", "#7c3aed"), ("within", "#2563eb"), ("inside", "#2563eb"), ("ntpp", "#2563eb"),
    ("tpp", "#1d4ed8"), ("coveredby", "#1d4ed8"), ("contains", "#0891b2"), ("ntppi", "#0891b2"),
    ("tppi", "#0e7490"), ("covers", "#0e7490"), ("overlaps", "#dc2626"), ("overlap", "#dc2626"), ("po", "#dc2626"),
    ("crosses", "#db2777"), ("touches", "#ca8a04"), ("meet", "#ca8a04"), ("ec", "#ca8a04"),
    ("intersects", "#4b5563"), ("nearest", "#16a34a"), ("withindistance", "#65a30d"),
)  # fmt: skip
"""Short names of relations, the one that says most first: a pair is drawn in the colour of this one."""


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Each linked pair once: rows on both sides, and the place of its most specific relation in `_SPECIFIC`."""

    rows: Any
    columns: Any
    kinds: Any
    links: dict[str, int]
    first: list[tuple[str, str, str]]


def draw_links(links: Path, left: FeatureSet, right: FeatureSet | None, target: Path) -> None:
    """Draw the links of a file on a map of both sources.

    The map shows where linked features meet, in the left side's reference system. Where there are many, some thousand
    pairs are drawn, spread evenly, and the picture says so.

    Parameters
    ----------
    links
        N-Triples that a run wrote, also packed.
    left, right
        What was linked; `None` where one set was linked with itself.
    target
        File that ends in ``.svg``, ``.png``, or ``.html``: a page with the map, counts, and the first links.

    Raises
    ------
    InputError
        The name is that of no picture, or a link names a feature that is not there.

    Examples
    --------
    >>> import tempfile
    >>> from geopandas import GeoDataFrame
    >>> from extremeearth.knowledge.interlinking import link, read_features, write_links
    >>> folder = Path(tempfile.mkdtemp())
    >>> points = read_features(
    ...     GeoDataFrame({"id": ["urn:a", "urn:b"]}, geometry=[shapely.Point(1, 1)] * 2, crs=4326)
    ... )
    >>> _ = write_links(link(points, None, relations=["equals"]), folder / "links.nt")
    >>> draw_links(folder / "links.nt", points, None, folder / "links.svg")
    >>> (folder / "links.svg").read_text()[:5]
    '<?xml'
    """
    form = target.suffix.lower()
    if form not in PICTURE_ENDINGS:
        raise InputError(
            f"'{target.name}' is no picture.", hint=f"Name it {', '.join(PICTURE_ENDINGS)}."
        )
    other = left if right is None else right
    pairs = _pairs(links, left, other)
    ours, theirs = align(left, other, on_invalid="keep", threads=1)
    figure = _figure(pairs, ours, theirs, alone=right is None)
    if form == ".html":
        write_atomic(target, _page(_saved(figure, "svg").decode(), pairs, left, other))
    else:
        write_atomic(target, _saved(figure, form[1:]))


def _pairs(links: Path, left: FeatureSet, right: FeatureSet) -> _Pairs:
    order = [name for name, _ in _SPECIFIC]
    found, counted = [np.empty((0, 3), dtype=np.int64)], Counter[str]()
    first: list[tuple[str, str, str]] = []
    for table in links_in(links):
        coded = table["relation"].combine_chunks().dictionary_encode()
        names = [_short(iri) for iri in coded.dictionary.to_pylist()]
        codes = coded.indices.to_numpy()
        for name, times in zip(names, np.bincount(codes, minlength=len(names)), strict=True):
            counted[name] += int(times)
        places = [order.index(n.lower()) if n.lower() in order else len(order) for n in names]
        kinds = np.array(places, dtype=np.int64)[codes]
        rows = rows_of(table["source"], left), rows_of(table["target"], right)
        found.append(np.column_stack([*rows, kinds]))
        room = max(_LISTED - len(first), 0)
        words = (table[name].slice(0, room).to_pylist() for name in ("source", "target"))
        first += zip((names[code] for code in codes[:room]), *words, strict=True)
    every = np.concatenate(found)
    every = every[np.lexsort((every[:, 2], every[:, 1], every[:, 0]))]
    new = np.ones(len(every), dtype=bool)
    new[1:] = (every[1:, :2] != every[:-1, :2]).any(axis=1)
    rows, columns, kinds = every[new].T
    return _Pairs(rows, columns, kinds, dict(counted.most_common()), first)


def _short(iri: str) -> str:
    """Give the name of a relation without its family, as reports have it."""
    name = iri.rpartition("#")[2]
    for family in ("rcc8", "sf", "eh"):
        if name.startswith(family):
            name = name.removeprefix(family)
            break
    return name[:1].lower() + name[1:]


def _figure(pairs: _Pairs, left: Side, right: Side, *, alone: bool) -> Figure:
    from matplotlib.figure import Figure

    view = _view(pairs, left, right)
    figure = Figure(figsize=(10, 7.5), layout="constrained")
    axes = figure.add_subplot()
    linked = np.union1d(pairs.rows, pairs.columns) if alone else pairs.rows
    _draw_side(axes, left, linked, view, _LEFT)
    if not alone:
        _draw_side(axes, right, pairs.columns, view, _RIGHT)
    drawn = _draw_pairs(axes, pairs, left, right, view)
    xmin, ymin, xmax, ymax = view
    axes.set_xlim(xmin, xmax)
    axes.set_ylim(ymin, ymax)
    middle = np.clip((ymin + ymax) / 2, -85, 85) if left.crs.geographic else 0.0
    axes.set_aspect(1 / np.cos(np.radians(middle)))
    axes.tick_params(colors=_MUTED, labelsize=8, length=0)
    axes.ticklabel_format(useOffset=False, style="plain")
    axes.spines[:].set_color("#dfe6ea")
    _legend(axes, pairs, alone=alone)
    more = "" if drawn == len(pairs.rows) else f", {drawn:,} of them drawn"
    total = sum(pairs.links.values())
    axes.set_title(
        f"{total:,} links of {len(pairs.rows):,} pairs{more}", fontsize=10, color=_INK, loc="left"
    )
    axes.set_xlabel(_system(left), fontsize=8, color=_MUTED, parse_math=False)
    axes.set_ylabel("")
    return figure


def _system(side: Side) -> str:
    """Name the reference system of the map."""
    return "longitude, latitude" if side.crs.geographic else str(side.crs.proj.name)


def _view(pairs: _Pairs, left: Side, right: Side) -> tuple[float, float, float, float]:
    """Give the part of the plane to be shown: where features of a pair meet, or what lies between them."""
    if len(pairs.rows):
        ours, theirs = left.bounds[pairs.rows], right.bounds[pairs.columns]
        low = np.maximum(ours[:, :2], theirs[:, :2])
        high = np.minimum(ours[:, 2:], theirs[:, 2:])
        boxes = np.hstack([np.minimum(low, high), np.maximum(low, high)])
    else:
        boxes = np.vstack([left.bounds, right.bounds])
    boxes = boxes[np.isfinite(boxes).all(axis=1)]
    if not len(boxes):
        return 0.0, 0.0, 1.0, 1.0
    xmin, ymin = boxes[:, :2].min(axis=0)
    xmax, ymax = boxes[:, 2:].max(axis=0)
    least = 1e-4 if left.crs.geographic else 10.0
    pad = max(_MARGIN * max(xmax - xmin, ymax - ymin), least)
    return float(xmin - pad), float(ymin - pad), float(xmax + pad), float(ymax + pad)


def _draw_side(axes: Axes, side: Side, linked: Any, view: Any, colour: str) -> None:
    import geopandas as gpd

    is_linked = np.zeros(len(side.shapes), dtype=bool)
    is_linked[linked] = True
    xmin, ymin, xmax, ymax = view
    box = side.bounds
    seen = (box[:, 0] <= xmax) & (box[:, 2] >= xmin) & (box[:, 1] <= ymax) & (box[:, 3] >= ymin)
    step = (xmax - xmin) / _PIXELS
    count = 0
    for rows, filled in ((seen & is_linked, True), (seen & ~is_linked, False)):
        some = np.flatnonzero(rows)[: MOST_SHAPES - count]
        cut = shapely.clip_by_rect(side.shapes[some], xmin, ymin, xmax, ymax)
        cut = shapely.simplify(cut, step, preserve_topology=False)
        whole = ~(shapely.is_empty(cut) | shapely.is_missing(cut))
        # what is smaller than a dot is drawn as one
        small = shapely.get_type_id(side.shapes[some]) > 0
        lost = some[~whole & small]
        shapes = np.concatenate([cut[whole], shapely.centroid(side.shapes[lost])])
        if len(shapes):
            # unlinked shapes as outlines, so that linked ones stand out
            gpd.GeoSeries(shapes).plot(
                ax=axes,
                facecolor=f"{colour}{_FILLED if filled else _CLEAR}",
                edgecolor=f"{colour}{_LINE if filled else _FAINT}",
                linewidth=0.8 if filled else 0.5,
                markersize=9,
                aspect=None,
            )
        count += len(shapes)


def _draw_pairs(axes: Axes, pairs: _Pairs, left: Side, right: Side, view: Any) -> int:
    """Draw a line from a point of the one feature to a point of the other, where both can be seen."""
    from matplotlib.collections import LineCollection

    empty = (
        shapely.is_empty(left.shapes)[pairs.rows] | shapely.is_empty(right.shapes)[pairs.columns]
    )
    every = np.flatnonzero(~empty)  # links of another run of features that have lost their shapes
    if len(every) > MOST_PAIRS:
        every = every[np.linspace(0, len(every) - 1, MOST_PAIRS).astype(np.int64)]
    if not len(every):
        return 0
    ends = []
    for side, rows in ((left, pairs.rows[every]), (right, pairs.columns[every])):
        unique, back = np.unique(rows, return_inverse=True)
        cut = shapely.clip_by_rect(side.shapes[unique], *view)
        gone = shapely.is_empty(cut) | shapely.is_missing(cut)
        cut[gone] = side.shapes[unique][gone]
        ends.append(shapely.get_coordinates(shapely.point_on_surface(cut))[back])
    colours = [colour for _, colour in _SPECIFIC] + [_INK]
    shades = [colours[kind] for kind in pairs.kinds[every]]
    few = len(every) <= _FEW
    lines = list(np.stack(ends, axis=1))
    axes.add_collection(
        LineCollection(lines, colors=shades, linewidths=1.2 if few else 0.5, alpha=0.9, zorder=5)
    )
    axes.scatter(ends[0][:, 0], ends[0][:, 1], s=7 if few else 2, color=shades, zorder=6)
    return len(every)


def _legend(axes: Axes, pairs: _Pairs, *, alone: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    sides = ((_LEFT, "features"),) if alone else ((_LEFT, "source"), (_RIGHT, "target"))
    handles: list[Any] = [Patch(facecolor=f"{c}33", edgecolor=c, label=name) for c, name in sides]
    counted = np.bincount(pairs.kinds, minlength=len(_SPECIFIC) + 1)
    named = [*_SPECIFIC, ("other", _INK)]
    names = {name.lower(): name for name in pairs.links}
    handles += [
        Line2D([], [], color=colour, label=f"{names.get(name, name)} ({counted[place]:,})")
        for place, (name, colour) in enumerate(named)
        if counted[place]
    ]
    axes.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8
    )


def _saved(figure: Figure, form: str) -> bytes:
    import matplotlib as mpl

    buffer = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "ee"}):
        figure.savefig(
            buffer, format=form, dpi=150, metadata={"Date": None} if form == "svg" else None
        )
    return buffer.getvalue()


def _page(svg: str, pairs: _Pairs, left: FeatureSet, right: FeatureSet) -> str:
    counts = html_table("Links of each relation", ("relation", "links"), pairs.links.items())
    first = html_table("The first links", ("relation", "source", "target"), pairs.first[:_LISTED])
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Links</title>\n<style>'
        "body{font:15px system-ui,sans-serif;color:#1c2b33;max-width:1100px;margin:2em auto;padding:0 1em}"
        "svg{width:100%;height:auto}table{border-collapse:collapse;margin:1em 0}caption{text-align:left;"
        "font-weight:600}td,th{padding:.2em .8em .2em 0;text-align:left;overflow-wrap:anywhere}</style></head>\n"
        f"<body><h1>Links</h1><p>{len(left):,} features of the source, {len(right):,} of the target. A pair has the "
        "colour of the relation that says most about it.</p>\n"
        f"{svg[svg.index('<svg'):]}\n{counts}\n{first}\n</body></html>\n"
    )  # fmt: skip
