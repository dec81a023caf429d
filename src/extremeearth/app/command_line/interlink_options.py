"""The options of ``extremeearth interlink``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from extremeearth.app.command_line.options import DEFAULT_BASE, RUNNING

__all__ = [
    "Base",
    "BudgetText",
    "Family",
    "Filter",
    "Invalid",
    "Measure",
    "Nearest",
    "Out",
    "Picture",
    "Relations",
    "ReportFile",
    "Source",
    "SourceBbox",
    "SourceCollection",
    "SourceCrs",
    "SourceDatetime",
    "SourceGeometry",
    "SourceId",
    "SourceLayer",
    "SourcePrefix",
    "SourceQuery",
    "SourceTimes",
    "State",
    "Table",
    "Target",
    "TargetBbox",
    "TargetCollection",
    "TargetCrs",
    "TargetDatetime",
    "TargetGeometry",
    "TargetId",
    "TargetLayer",
    "TargetPrefix",
    "TargetQuery",
    "TargetTimes",
    "Weights",
    "Within",
]

_LINKING, _SIDES, _RUNNING = "What is linked", "The two sources", RUNNING
_LOOKING = "To look at the links"


def _of_side(side: str, name: str, text: str, *more: str) -> Any:
    return typer.Option(f"--{side}-{name}", *more, help=text, rich_help_panel=_SIDES)


_ID = "Column that names the features of {}; default: iri, uri, id, or the key that rdf mapping finds."
_PREFIX = "Put before the ids of {} to make IRIs; default: --base and the name of the layer, as rdf mapping does."
_CRS = "As --crs, for {} alone."
_TIMES = "When features of {} hold: a column, or START,END; of RDF, paths of properties."
_LAYER = "Of {}: layer of a file, table of a database, JSONPath or XPath of records."
_QUERY = (
    "What is asked of {}: SQL of a database, SPARQL of an endpoint or a store, CQL2 of a catalogue."
)
_COLLECTION = "Of a catalogue as {}: a collection to search; can be repeated."
_BBOX = "Of a catalogue as {}: xmin,ymin,xmax,ymax in longitude, latitude."
_DATETIME = "Of a catalogue as {}: an instant, a date, or start/end."
_GEOMETRY = "Column with the geometries of {}; found where it has a usual name."

Source = Annotated[
    str,
    typer.Argument(
        help="File (CSV with WKT, GeoParquet, RDF, JSON, XML, STAC items, a classified GeoTIFF, or what GDAL reads), "
        "folder of a graph store, URL of an endpoint, of a catalogue (STAC API), or of a database (sqlite:///..., "
        "postgresql+psycopg://...); catalogue: is this platform's own, catalogue:FOLDER that of another home. "
        "What is searched for in a catalogue "
        "can stand in its address: ?collections=maps&bbox=11,48,12,49."
    ),
]
Target = Annotated[
    str | None, typer.Argument(help="The other source; without it, SOURCE is linked with itself.")
]
Out = Annotated[
    Path, typer.Option("--out", "-o", help="File of N-Triples: .nt, .nt.gz or .nt.zst.")
]
Relations = Annotated[
    str,
    typer.Option(
        "--relations", help="'all', 'none' (distances only), or names: intersects,within,...",
        rich_help_panel=_LINKING,
    ),
]  # fmt: skip
Family = Annotated[
    Literal["sf", "eh", "rcc8"],
    typer.Option("--vocabulary", help="Family of the properties.", rich_help_panel=_LINKING),
]
SourceId = Annotated[str | None, _of_side("source", "id", _ID.format("SOURCE"), "--id")]
TargetId = Annotated[str | None, _of_side("target", "id", _ID.format("TARGET"))]
SourcePrefix = Annotated[str | None, _of_side("source", "prefix", _PREFIX.format("SOURCE"))]
TargetPrefix = Annotated[str | None, _of_side("target", "prefix", _PREFIX.format("TARGET"))]
Base = Annotated[
    str | None,
    typer.Option(
        "--base",
        help=f"Start of prefixes that are not said; default: {DEFAULT_BASE}, as of rdf mapping.",
        rich_help_panel=_SIDES,
    ),
]
SourceCrs = Annotated[str | None, _of_side("source", "crs", _CRS.format("SOURCE"))]
TargetCrs = Annotated[str | None, _of_side("target", "crs", _CRS.format("TARGET"))]
SourceTimes = Annotated[str | None, _of_side("source", "times", _TIMES.format("SOURCE"))]
TargetTimes = Annotated[str | None, _of_side("target", "times", _TIMES.format("TARGET"))]
SourceLayer = Annotated[str | None, _of_side("source", "layer", _LAYER.format("SOURCE"))]
TargetLayer = Annotated[str | None, _of_side("target", "layer", _LAYER.format("TARGET"))]
SourceQuery = Annotated[str | None, _of_side("source", "query", _QUERY.format("SOURCE"))]
TargetQuery = Annotated[str | None, _of_side("target", "query", _QUERY.format("TARGET"))]
SourceGeometry = Annotated[str | None, _of_side("source", "geometry", _GEOMETRY.format("SOURCE"))]
TargetGeometry = Annotated[str | None, _of_side("target", "geometry", _GEOMETRY.format("TARGET"))]
SourceCollection = Annotated[
    list[str] | None, _of_side("source", "collection", _COLLECTION.format("SOURCE"))
]
TargetCollection = Annotated[
    list[str] | None, _of_side("target", "collection", _COLLECTION.format("TARGET"))
]
SourceBbox = Annotated[str | None, _of_side("source", "bbox", _BBOX.format("SOURCE"))]
TargetBbox = Annotated[str | None, _of_side("target", "bbox", _BBOX.format("TARGET"))]
SourceDatetime = Annotated[str | None, _of_side("source", "datetime", _DATETIME.format("SOURCE"))]
TargetDatetime = Annotated[str | None, _of_side("target", "datetime", _DATETIME.format("TARGET"))]
Within = Annotated[
    float | None,
    typer.Option("--within", min=0, help="Also link what is at most so many metres apart.",
                 rich_help_panel=_LINKING),
]  # fmt: skip
Nearest = Annotated[
    int | None,
    typer.Option("--nearest", min=1, help="Also link each feature with so many nearest ones.",
                 rich_help_panel=_LINKING),
]  # fmt: skip
BudgetText = Annotated[
    str | None,
    typer.Option("--budget", help="Verify the most promising pairs only: 50000 (pairs), 30s, 5min, 1h.",
                 rich_help_panel=_RUNNING),
]  # fmt: skip
Weights = Annotated[
    str,
    typer.Option("--weighting", help="What is promising: cf, js, x2, mbro, isp, a+b or a*b.",
                 rich_help_panel=_RUNNING),
]  # fmt: skip
Measure = Annotated[
    bool,
    typer.Option("--measure", help="With a budget: also count what a full run finds, for the recall.",
                 rich_help_panel=_RUNNING),
]  # fmt: skip
Filter = Annotated[
    str,
    typer.Option("--filter", help="auto, rtree, giant, radon or sweep.", rich_help_panel=_RUNNING),
]
Invalid = Annotated[
    Literal["repair", "reject", "skip", "keep"],
    typer.Option(
        "--invalid",
        "--on-invalid",
        help="What to do with invalid shapes: repair, reject (or skip), keep.",
        rich_help_panel=_RUNNING,
    ),
]
State = Annotated[
    Path | None,
    typer.Option("--state", help="Parquet file of what was linked before: only the new is linked, a budget goes on.",
                 rich_help_panel=_RUNNING),
]  # fmt: skip
Table = Annotated[
    Path | None,
    typer.Option("--table", help="Also a table of links with both shapes: .csv, .parquet (GeoParquet), .geojson.",
                 rich_help_panel=_LOOKING),
]  # fmt: skip
Picture = Annotated[
    Path | None,
    typer.Option("--picture", help="Also a map of both sources and what is linked: .svg, .png, or .html for a page.",
                 rich_help_panel=_LOOKING),
]  # fmt: skip
ReportFile = Annotated[
    Path | None, typer.Option("--json", help="Write a report as JSON; '-' for standard output.")
]
