"""``extremeearth interlink``: how the features of two sources relate, as GeoSPARQL links."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from extremeearth.app.command_line.endings import tidied_when_ended
from extremeearth.app.command_line.item_searches import HomeSearch, allowed_client, own_catalogue
from extremeearth.app.command_line.options import (
    Crs,
    EngineUrl,
    Workers,
    examples,
    running_engine,
    shown_progress,
    threads_for,
)
from extremeearth.core.errors import CrsMismatchError

if TYPE_CHECKING:
    from extremeearth.core.http import SafeClient
    from extremeearth.core.progress import Progress
    from extremeearth.knowledge.interlinking import FeatureSet, LinkOptions, LinkReport

__all__ = ["register"]

_ENDINGS = (".nt", ".nt.gz", ".nt.zst")
_TABLES, _PICTURES = (".csv", ".parquet", ".geojson"), (".svg", ".png", ".html")
_LINKING, _SIDES, _RUNNING = "What is linked", "The two sources", "How it runs"
_LOOKING = "To look at the links"


def _of_side(side: str, name: str, text: str) -> Any:
    return typer.Option(f"--{side}-{name}", help=text, rich_help_panel=_SIDES)


_ID = "Column that names the features of {}."
_PREFIX = "Put before the ids of {} to make IRIs."
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
SourceId = Annotated[str | None, _of_side("source", "id", _ID.format("SOURCE"))]
TargetId = Annotated[str | None, _of_side("target", "id", _ID.format("TARGET"))]
SourcePrefix = Annotated[str, _of_side("source", "prefix", _PREFIX.format("SOURCE"))]
TargetPrefix = Annotated[str, _of_side("target", "prefix", _PREFIX.format("TARGET"))]
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
    Literal["repair", "skip", "keep"],
    typer.Option("--on-invalid", help="What to do with invalid shapes.", rich_help_panel=_RUNNING),
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


@dataclass(frozen=True, slots=True)
class _Side:
    """What the command line says of one source."""

    place: str
    id: str | None
    prefix: str
    crs: str | None
    own_crs: str | None
    times: str | None
    layer: str | None
    query: str | None
    geometry: str | None
    collections: list[str] | None
    bbox: str | None
    datetime: str | None

    def read(self, client: SafeClient | None, progress: Progress) -> FeatureSet:
        from extremeearth.knowledge.interlinking import Search, read_features

        search = Search.read(self.collections or (), bbox=self.bbox, datetime=self.datetime)
        choices: dict[str, Any] = {
            "id_column": self.id, "prefix": self.prefix, "crs": self.own_crs or self.crs, "times": _columns(self.times),
            "layer": self.layer, "geometry": self.geometry, "client": client, "progress": progress,
        }  # fmt: skip
        if own_catalogue(self.place):
            own = HomeSearch.read(self.place, replace(search, condition=self.query))
            found = read_features(own, **choices)
        else:
            found = read_features(self.place, query=self.query, search=search, **choices)
        self._check_crs(found)
        return found

    def _check_crs(self, found: FeatureSet) -> None:
        """Raise where this source alone was said to be in a system, but says that it is in another."""
        from extremeearth.core.boxes import as_crs

        if self.own_crs is None:
            return
        said, given = found.crs.proj, as_crs(self.own_crs).proj
        if not said.equals(given, ignore_axis_order=True):
            raise CrsMismatchError(
                f"{self.place} says that it is in {found.crs}, not in {self.own_crs}.",
                hint="Leave the option out; sources are brought into one system where they differ.",
            )


def register(application: typer.Typer) -> None:
    """Add the command."""
    told = examples(
        "interlink fields.gpkg regions.csv -o links.nt.gz --target-crs EPSG:4326",
        "interlink fields.nt regions.nt -o links.nt --relations intersects,within --picture links.html",
        "interlink https://hub.example/stac regions.gpkg -o links.nt --source-id self "
        "--source-collection crop-type-maps --source-bbox 11,48,12,49 --source-datetime 2018-01-01/2018-12-31",
    )
    application.command("interlink", epilog=told)(interlink)


def interlink(
    source: Source,
    out: Out,
    target: Target = None,
    relations: Relations = "all",
    vocabulary: Family = "sf",
    within_m: Within = None,
    nearest: Nearest = None,
    crs: Crs = None,
    source_id: SourceId = None,
    target_id: TargetId = None,
    source_prefix: SourcePrefix = "",
    target_prefix: TargetPrefix = "",
    source_crs: SourceCrs = None,
    target_crs: TargetCrs = None,
    source_times: SourceTimes = None,
    target_times: TargetTimes = None,
    source_layer: SourceLayer = None,
    target_layer: TargetLayer = None,
    source_query: SourceQuery = None,
    target_query: TargetQuery = None,
    source_geometry: SourceGeometry = None,
    source_collection: SourceCollection = None,
    source_bbox: SourceBbox = None,
    source_datetime: SourceDatetime = None,
    target_geometry: TargetGeometry = None,
    target_collection: TargetCollection = None,
    target_bbox: TargetBbox = None,
    target_datetime: TargetDatetime = None,
    budget: BudgetText = None,
    weighting: Weights = "mbro+js",
    measure: Measure = False,
    filter_name: Filter = "auto",
    on_invalid: Invalid = "repair",
    engine: EngineUrl = None,
    workers: Workers = None,
    state: State = None,
    table: Table = None,
    picture: Picture = None,
    report: ReportFile = None,
) -> None:
    """Find every topological relation between the features of two sources."""
    from extremeearth.knowledge.interlinking import Budget, LinkOptions, link_files

    _check_names(out, table, picture)
    names: Any = {"all": "all", "none": ()}.get(relations.strip(), _columns(relations))
    options = LinkOptions(
        relations=names, vocabulary=vocabulary, filter=filter_name, within_m=within_m, nearest=nearest,
        budget=None if budget is None else Budget.read(budget), weighting=weighting, measure=measure,
        threads=threads_for(workers, engine),
    )  # fmt: skip
    sides = [_Side(source, source_id, source_prefix, crs, source_crs, source_times, source_layer, source_query,
                   source_geometry, source_collection, source_bbox, source_datetime)]  # fmt: skip
    of_target = (target_id, target_prefix, target_crs, target_times, target_layer, target_query, target_geometry,
                 target_collection, target_bbox, target_datetime)  # fmt: skip
    if target is None and any(of_target):
        raise typer.BadParameter("There is no TARGET that the options --target-... could be of.")
    if target is not None:
        sides.append(_Side(target, target_id, target_prefix, crs, target_crs, target_times, target_layer,
                           target_query, target_geometry, target_collection, target_bbox,
                           target_datetime))  # fmt: skip
    with allowed_client(side.place for side in sides) as client, shown_progress() as progress:
        ours, theirs = [*(side.read(client, progress) for side in sides), None][:2]
    assert ours is not None
    with tidied_when_ended(), running_engine(engine, workers) as runs, shown_progress() as progress:
        done = link_files(
            ours, theirs, out, options=options, state=state, on_invalid=on_invalid, progress=progress, engine=runs,
        )  # fmt: skip
    _show(out, ours, theirs, table, picture)
    _tell(done, options, out, report)


def _check_names(out: Path, table: Path | None, picture: Path | None) -> None:
    """Refuse names of no format before anything is read."""
    if not str(out).endswith(_ENDINGS):
        as_table = out.suffix.lower() in _TABLES
        more = " A table of the links is written beside them: --table." if as_table else ""
        raise typer.BadParameter(f"Name it {', '.join(_ENDINGS)}.{more}", param_hint="--out")
    for path, ends, option in ((table, _TABLES, "--table"), (picture, _PICTURES, "--picture")):
        if path is not None and path.suffix.lower() not in ends:
            raise typer.BadParameter(f"Name it {', '.join(ends)}.", param_hint=option)


def _show(
    out: Path, ours: FeatureSet, theirs: FeatureSet | None, table: Path | None, picture: Path | None
) -> None:
    """Write what people look at, out of the links that are there now."""
    from extremeearth.knowledge.interlinking import draw_links, write_link_table

    if table is not None:
        write_link_table(out, ours, theirs, table)
        typer.echo(f"the links with their shapes are in {table}", err=True)
    if picture is not None:
        draw_links(out, ours, theirs, picture)
        typer.echo(f"the picture is {picture}", err=True)


def _columns(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(name.strip() for name in text.split(","))


def _tell(done: LinkReport, options: LinkOptions, out: Path, report: Path | None) -> None:
    from extremeearth.core.files import write_atomic

    if report is not None:
        text = json.dumps(dataclasses.asdict(done), indent=2) + "\n"
        if str(report) == "-":
            typer.echo(text, nl=False)
        else:
            write_atomic(report, text)
    _tell_counts(done, options, out)


def _tell_counts(done: LinkReport, options: LinkOptions, out: Path) -> None:
    total = sum(done.links.values())
    typer.echo(
        f"{total} links of {done.verified} verified pairs ({done.candidates} candidates) of "
        f"{done.features[0]} and {done.features[1]} features in {done.seconds:.1f} s: {out}",
        err=True,
    )
    for name, count in done.links.items():
        typer.echo(f"{count:>12}  {name}", err=True)
    if done.progressive is not None:
        quality = done.progressive
        recall = "" if quality.recall is None else f", recall {quality.recall:.3f}"
        if quality.verified_before:
            typer.echo(f"went on after {quality.verified_before} pairs", err=True)
        typer.echo(
            f"precision {quality.precision:.3f}{recall}, progressive geometry recall "
            f"{quality.progressive_geometry_recall:.3f} by {options.weighting}",
            err=True,
        )
    for what, counts in (
        ("are invalid", done.invalid),
        ("are without extent", done.empty),
        ("are unreadable", done.unread),
        ("have the id of another", done.repeated),
        ("lie beyond the poles", done.beyond_pole),
        ("lie beyond the antimeridian", done.beyond_antimeridian),
    ):
        if any(counts):
            typer.echo(
                f"{counts[0]} features of the source and {counts[1]} of the target {what}",
                err=True,
            )
    if done.reused:
        typer.echo(f"{done.reused} of these links were known before", err=True)
