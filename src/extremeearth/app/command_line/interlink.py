"""``extremeearth interlink``: how the features of two sources relate, as GeoSPARQL links."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from extremeearth.app.command_line.endings import tidied_when_ended
from extremeearth.app.command_line.interlink_options import (
    Base,
    BudgetText,
    Family,
    Filter,
    Invalid,
    Measure,
    Nearest,
    Out,
    Picture,
    Relations,
    ReportFile,
    Source,
    SourceBbox,
    SourceCollection,
    SourceCrs,
    SourceDatetime,
    SourceGeometry,
    SourceId,
    SourceLayer,
    SourcePrefix,
    SourceQuery,
    SourceTimes,
    State,
    Table,
    Target,
    TargetBbox,
    TargetCollection,
    TargetCrs,
    TargetDatetime,
    TargetGeometry,
    TargetId,
    TargetLayer,
    TargetPrefix,
    TargetQuery,
    TargetTimes,
    Weights,
    Within,
)
from extremeearth.app.command_line.item_searches import HomeSearch, allowed_client, own_catalogue
from extremeearth.app.command_line.options import (
    DEFAULT_BASE,
    Crs,
    EngineUrl,
    Workers,
    examples,
    running_engine,
    shown_progress,
    threads_for,
)
from extremeearth.core.errors import (
    CrsError,
    CrsMismatchError,
    DataMissingError,
    ExtremeEarthError,
    InputError,
)

if TYPE_CHECKING:
    from extremeearth.core.http import SafeClient
    from extremeearth.core.progress import Progress
    from extremeearth.knowledge.interlinking import FeatureSet, LinkOptions, LinkReport

__all__ = ["register"]

_ENDINGS = (".nt", ".nt.gz", ".nt.zst")
_TABLES, _PICTURES = (".csv", ".parquet", ".geojson"), (".svg", ".png", ".html")


@dataclass(frozen=True, slots=True)
class _Side:
    """What the command line says of one source."""

    place: str
    id: str | None
    prefix: str | None
    base: str
    crs: str | None
    own_crs: str | None
    times: str | None
    layer: str | None
    query: str | None
    geometry: str | None
    collections: list[str] | None
    bbox: str | None
    datetime: str | None

    def read(self, client: SafeClient | None, progress: Progress, notices: list[str]) -> FeatureSet:
        from extremeearth.knowledge.interlinking import Search, read_features

        search = Search.read(self.collections or (), bbox=self.bbox, datetime=self.datetime)
        choices: dict[str, Any] = {
            "id_column": self.id, "prefix": self.prefix, "crs": self.own_crs or self.crs, "times": _columns(self.times),
            "layer": self.layer, "geometry": self.geometry, "client": client, "progress": progress,
            "base": self.base, "notice": notices.append,
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
        "interlink fields.gpkg regions.gpkg -o links.nt --source-id field_id "
        "--source-prefix https://my.org/field/ --relations within",
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
    source_prefix: SourcePrefix = None,
    target_prefix: TargetPrefix = None,
    base: Base = None,
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
    start = DEFAULT_BASE if base is None else base
    sides = [_Side(source, source_id, source_prefix, start, crs, source_crs, source_times, source_layer, source_query,
                   source_geometry, source_collection, source_bbox, source_datetime)]  # fmt: skip
    of_target = (target_id, target_prefix, target_crs, target_times, target_layer, target_query, target_geometry,
                 target_collection, target_bbox, target_datetime)  # fmt: skip
    if target is None and any(of_target):
        raise typer.BadParameter("There is no TARGET that the options --target-... could be of.")
    if target is not None:
        sides.append(_Side(target, target_id, target_prefix, start, crs, target_crs, target_times, target_layer,
                           target_query, target_geometry, target_collection, target_bbox,
                           target_datetime))  # fmt: skip
    with tidied_when_ended():
        ours, theirs = [*_read(sides), None][:2]
        assert ours is not None
        with running_engine(engine, workers) as runs, shown_progress() as progress:
            done = link_files(
                ours, theirs, out, options=options, state=state, progress=progress, engine=runs,
                on_invalid="skip" if on_invalid == "reject" else on_invalid,
            )  # fmt: skip
        _show(out, ours, theirs, table, picture)
    _tell(done, options, out, report)


def _read(sides: list[_Side]) -> list[FeatureSet]:
    """Read the sources; tell what names features where nobody said that, and all that is wrong at once."""
    from extremeearth.knowledge.interlinking.naming import together

    found: list[FeatureSet] = []
    notices: list[str] = []
    problems: list[ExtremeEarthError] = []
    with allowed_client(side.place for side in sides) as client, shown_progress() as progress:
        for side in sides:
            try:
                found.append(side.read(client, progress, notices))
            except (CrsError, DataMissingError, InputError) as err:
                problems.append(err)
    if problems:
        raise together(problems)
    for notice in notices:
        typer.echo(notice, err=True)
    return found


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
