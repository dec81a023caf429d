"""Figures of the report, as SVG text that stands in the page."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from extremeearth.core.boxes import as_box, local_crs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "confusion_matrix",
    "crop_map",
    "disagreement_map",
    "lai_curves",
    "reliability",
    "score_bars",
    "water_balance",
]

FULL, HALF = 9.0, 4.4
"""Width in inches of a figure that has the page for itself, and of one of two side by side: equal letters in both."""

INK, MUTED, GRID, ACCENT, WARN = "#1c2b33", "#5d6f79", "#dfe6ea", "#0f766e", "#b45309"


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GRID)
    axes.tick_params(colors=MUTED, labelsize=8, length=0)
    return figure, axes


def _svg(figure: Figure) -> str:
    import matplotlib as mpl

    buffer = io.StringIO()
    with mpl.rc_context(
        {"svg.fonttype": "none", "font.family": "sans-serif", "svg.hashsalt": "ee"}
    ):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _metric(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Draw in metres, so that shapes keep their proportions."""
    return frame.to_crs(local_crs(as_box(frame.to_crs(4326).total_bounds)).proj)


def _scale_bar(axes: Axes, metres: float) -> None:
    x0, x1 = axes.get_xlim()
    y0, y1 = axes.get_ylim()
    left, base = x0 + 0.02 * (x1 - x0), y0 + 0.03 * (y1 - y0)
    axes.plot([left, left + metres], [base, base], color=INK, linewidth=2, solid_capstyle="butt")
    axes.text(
        left + metres / 2,
        base + 0.012 * (y1 - y0),
        f"{metres / 1000:g} km",
        ha="center",
        fontsize=8,
        color=INK,
    )


def _bare(axes: Axes) -> None:
    axes.set_axis_off()
    axes.set_aspect("equal")
    _scale_bar(axes, 1000)


def crop_map(features: gpd.GeoDataFrame, legend: Sequence[Mapping[str, Any]]) -> str:
    """Draw parcels in the colour of their predicted crop, with a legend.

    Parameters
    ----------
    features
        Parcels with a column ``predicted``.
    legend
        Entries with ``name`` and ``colour``.
    """
    from matplotlib.patches import Patch

    figure, axes = _figure(FULL, 5.2)
    drawn = _metric(features)
    colours = {entry["name"]: entry["colour"] for entry in legend}
    drawn.plot(
        ax=axes,
        color=drawn["predicted"].map(colours).fillna("#cccccc"),
        edgecolor="white",
        linewidth=0.4,
    )
    _bare(axes)
    present = [e for e in legend if e["name"] in set(features["predicted"])]
    axes.legend(
        handles=[Patch(color=e["colour"], label=_words(e["name"])) for e in present],
        loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8,
    )  # fmt: skip
    return _svg(figure)


def disagreement_map(features: gpd.GeoDataFrame, differs: pd.Series) -> str:
    """Draw parcels, those whose predicted crop differs from the declared one marked."""
    from matplotlib.patches import Patch

    figure, axes = _figure(HALF, 4.2)
    drawn = _metric(features)
    colour = np.where(differs.to_numpy(dtype=bool), WARN, "#c9dedb")
    drawn.plot(ax=axes, color=colour, edgecolor="white", linewidth=0.4)
    _bare(axes)
    axes.legend(
        handles=[Patch(color="#c9dedb", label="agrees"), Patch(color=WARN, label="differs")],
        loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=2, frameon=False, fontsize=8,
    )  # fmt: skip
    return _svg(figure)


def confusion_matrix(matrix: npt.ArrayLike, classes: Sequence[str]) -> str:
    """Draw the confusion matrix; rows are declared, columns predicted, numbers count parcels."""
    counts = np.asarray(matrix, dtype=float)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = _figure(HALF, 4.2)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*counts.shape):
        if counts[row, column]:
            shade = "white" if share[row, column] > 0.55 else INK
            axes.text(
                column,
                row,
                f"{counts[row, column]:.0f}",
                ha="center",
                va="center",
                fontsize=8,
                color=shade,
            )
    names = [_words(name) for name in classes]
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted", fontsize=9, color=MUTED)
    axes.set_ylabel("declared", fontsize=9, color=MUTED)
    return _svg(figure)


def score_bars(scores: Mapping[str, Mapping[str, Any]]) -> str:
    """Draw macro-F1 of each model with its 95 % interval."""
    figure, axes = _figure(HALF, 3.4)
    for row, score in enumerate(scores.values()):
        low, high = score["macro_f1_95"]
        value = score["macro_f1"]
        axes.barh(row, value, color=ACCENT if row == 0 else "#9fb3bd", height=0.4)
        axes.plot([low, high], [row, row], color=INK, linewidth=1.5)
        axes.text(high + 0.012, row, f"{value:.3f}", va="center", fontsize=9, color=INK)
    axes.set_yticks(range(len(scores)), list(scores))
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("macro-F1", fontsize=9, color=MUTED)
    return _svg(figure)


def reliability(bins: Sequence[Mapping[str, float]]) -> str:
    """Draw how often the network is right against how sure it is; on the line it is calibrated."""
    figure, axes = _figure(HALF, 3.4)
    axes.plot([0, 1], [0, 1], color=GRID, linewidth=1.5)
    used = [b for b in bins if b["count"]]
    sizes = [20 + 3 * b["count"] for b in used]
    axes.scatter(
        [b["confidence"] for b in used],
        [b["accuracy"] for b in used],
        s=sizes,
        color=ACCENT,
        alpha=0.8,
        clip_on=False,
    )
    axes.set_xlim(0, 1.03)
    axes.set_ylim(0, 1.03)
    axes.set_xlabel("confidence", fontsize=9, color=MUTED)
    axes.set_ylabel("share that is right", fontsize=9, color=MUTED)
    return _svg(figure)


def lai_curves(curves: Mapping[str, pd.Series], crops: Mapping[str, str]) -> str:
    """Draw the field means of leaf area index over the season, coloured by crop.

    Parameters
    ----------
    curves
        Per field a series of m2/m2 by date.
    crops
        Crop of each field.
    """
    figure, axes = _figure(FULL, 3.6)
    palette = {"winter wheat": ACCENT, "winter barley": WARN}
    for name, curve in curves.items():
        crop = crops.get(name) or "other"
        axes.plot(
            curve.index, curve.to_numpy(), color=palette.get(crop, MUTED), linewidth=1.1, alpha=0.65,
            label=crop,
        )  # fmt: skip
    axes.set_ylabel("leaf area index (m²/m²)", fontsize=9, color=MUTED)
    axes.grid(axis="y", color=GRID, linewidth=0.7)
    axes.set_ylim(bottom=0)
    _dates(axes)
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    axes.legend(once.values(), once.keys(), frameon=False, fontsize=8)
    return _svg(figure)


def water_balance(days: pd.DataFrame) -> str:
    """Draw the water balance of one field: demand, rain, depletion and irrigation need.

    Parameters
    ----------
    days
        One row a day: ``date``, ``etc_mm``, ``rain_mm``, ``depletion_mm``, ``irrigation_mm``.
    """
    figure, axes = _figure(FULL, 3.8)
    dates = pd.to_datetime(days["date"])
    axes.bar(dates, days["rain_mm"], color="#93c5fd", width=1.0, label="rain")
    axes.bar(dates, days["irrigation_mm"], color=WARN, width=1.0, label="irrigation need")
    axes.plot(dates, days["etc_mm"], color=ACCENT, linewidth=1.3, label="crop evapotranspiration")
    axes.plot(
        dates, -days["depletion_mm"], color=INK, linewidth=1.3, label="root-zone depletion (down)"
    )
    axes.axhline(0, color=GRID, linewidth=1)
    axes.set_ylabel("mm", fontsize=9, color=MUTED)
    _dates(axes)
    axes.legend(frameon=False, fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.14))
    return _svg(figure)


def _dates(axes: Axes) -> None:
    from matplotlib.dates import ConciseDateFormatter, MonthLocator

    locator: Any = MonthLocator()  # type: ignore[no-untyped-call]  # matplotlib types it not
    axes.xaxis.set_major_locator(locator)
    formatter: Any = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]  # as above
    axes.xaxis.set_major_formatter(formatter)
    axes.xaxis.get_offset_text().set(color=MUTED, fontsize=8)


def _words(name: str) -> str:
    return name.replace("_", " ")
