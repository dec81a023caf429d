"""``extremeearth rdf``: geospatial sources to linked data, by a mapping that is written or made."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from extremeearth.app.command_line.endings import tidied_when_ended
from extremeearth.app.command_line.item_searches import allowed_client
from extremeearth.app.command_line.options import (
    SOURCES,
    AsJson,
    Crs,
    EngineUrl,
    Workers,
    examples,
    running_engine,
    settings_for,
    shown_progress,
    threads_for,
)
from extremeearth.app.command_line.rdf_check import check, show_preview
from extremeearth.app.command_line.rdf_mapping import mapping, tell_loss
from extremeearth.app.command_line.rdf_sources import (
    DatabaseUrl,
    SourcePlaces,
    named_sources,
    places_of,
)

if TYPE_CHECKING:
    from extremeearth.knowledge.mapping import (
        MappingReport,
        StatementTarget,
    )

__all__ = ["register"]

_STORE = re.compile(r"^(?:store:|s3://)")
_WRITTEN = "What is written"
_MEGABYTE = 1 << 20


class Invalid(StrEnum):
    """What happens to invalid geometries."""

    KEEP = "keep"
    REPAIR = "repair"
    REJECT = "reject"


def register(application: typer.Typer) -> None:
    """Add the commands."""
    rdf = typer.Typer(
        help="Linked data from geospatial sources.",
        epilog=examples(
            "rdf mapping parcels.shp -o parcels.rml.ttl",
            "rdf check parcels.rml.ttl --diagram parcels.svg",
            "rdf map parcels.rml.ttl --preview 5",
            "rdf map parcels.rml.ttl -o parcels.nt.gz",
        ),
        no_args_is_help=True,
    )
    calls: dict[Callable[..., None], tuple[str, ...]] = {
        mapping: (
            "mapping parcels.shp -o parcels.rml.ttl --ontology parcels.owl.ttl",
            "mapping cis_SGRDREA_20201102T1800Z.gpkg --name IceChart --base https://my.org/ -o ice.rml.ttl",
            "mapping fields --database sqlite:///cadastre.db -o fields.rml.ttl",
            "mapping https://hub.example/stac --collection crop-type-maps --bbox 11,48,12,49 -o maps.rml.ttl",
        ),
        check: (
            "check parcels.rml.ttl",
            "check parcels.rml.ttl --source parcels.shp=/data/parcels.shp --diagram parcels.svg",
        ),
        map_: (
            "map parcels.rml.ttl --preview 5",
            "map parcels.rml.ttl -o parcels.nt.gz --invalid repair --skip-bad",
            "map parcels.rml.ttl -o store:./graph",
            "map fields.rml.ttl -o fields.nq --database sqlite:///cadastre.db",
            "map maps.rml.ttl -o maps.nt --source 'crop-type-maps=catalogue:?collections=crop-type-maps'",
        ),
    }
    for command, lines in calls.items():
        epilog = examples(*(f"rdf {line}" for line in lines))
        rdf.command(command.__name__.rstrip("_"), epilog=epilog)(command)
    application.add_typer(rdf, name="rdf")


def map_(
    mapping: Annotated[Path, typer.Argument(help="The mapping: RML or R2RML in Turtle.")],
    out: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--out",
            help="File (.nt .nq .ttl, also .gz .zst), folder with --part-mb, or store:FOLDER or store:s3://... "
            "to load into a store.",
        ),
    ] = None,
    preview: Annotated[
        int | None,
        typer.Option(
            "--preview",
            min=1,
            metavar="ROWS",
            help="Show what the first rows become, as Turtle on standard output; nothing is written.",
        ),
    ] = None,
    sources: SourcePlaces = None,
    database: DatabaseUrl = None,
    engine: EngineUrl = None,
    workers: Workers = None,
    crs: Crs = None,
    invalid: Annotated[
        Invalid,
        typer.Option(
            "--invalid",
            "--on-invalid",
            help="What happens to invalid geometries.",
            rich_help_panel=SOURCES,
        ),
    ] = Invalid.KEEP,
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad",
            help="Leave broken rows out, and count them.",
            rich_help_panel=SOURCES,
        ),
    ] = False,
    base: Annotated[
        str | None,
        typer.Option(
            "--base", help="IRI put before those that are not absolute.", rich_help_panel=_WRITTEN
        ),
    ] = None,
    graph: Annotated[
        str | None,
        typer.Option(
            "--graph",
            help="With a store: IRI of the graph to load into.",
            rich_help_panel=_WRITTEN,
        ),
    ] = None,
    part_mb: Annotated[
        int | None,
        typer.Option(
            "--part-mb",
            min=1,
            help="Write a folder of parts of this size, before packing.",
            rich_help_panel=_WRITTEN,
        ),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--form", help="End of the parts' names, such as .nt.gz.", rich_help_panel=_WRITTEN
        ),
    ] = ".nt.gz",
    as_json: AsJson = False,
) -> None:
    """Turn sources into RDF as a mapping says: all of it, or nothing."""
    from extremeearth.knowledge.mapping import GeometryOptions, map_to_rdf
    from extremeearth.knowledge.rdf import BASE

    if (out is None) == (preview is None):
        raise typer.BadParameter(
            "Say where to: -o FILE, or store:FOLDER; or look at first rows: --preview 5."
            if out is None
            else "A preview writes nothing: leave one of --out and --preview out."
        )
    if out is None or preview is not None:
        given = {"database": database, "base_iri": base or f"{BASE}id/", "geometry": GeometryOptions(
            crs=crs, invalid=invalid.value, on_error="skip" if skip_bad else "raise")}  # fmt: skip
        show_preview(mapping, preview or 1, sources or [], given, as_json=as_json)
        return
    options: dict[str, Any] = {
        "geometry": GeometryOptions(crs=crs, invalid=invalid.value),
        "on_error": "skip" if skip_bad else "raise",
        "base_iri": base or f"{BASE}id/",
        "database": database,
    }
    with (
        tidied_when_ended(),
        allowed_client(places_of(sources or [])) as client,
        running_engine(engine, workers) as runs,
        shown_progress() as progress,
    ):
        options |= {
            "engine": runs, "progress": progress, "threads": threads_for(workers, engine),
            "sources": named_sources(sources or [], client),
        }  # fmt: skip
        if _STORE.match(out):
            report = _into_store(mapping, out.removeprefix("store:"), graph, options)
        else:
            report = map_to_rdf(mapping, target=_files(Path(out), part_mb, form), **options)
    _tell(report, out, as_json=as_json)


def _files(out: Path, part_mb: int | None, form: str) -> StatementTarget:
    from extremeearth.knowledge.mapping import Parts

    if part_mb is None:
        return out
    return Parts(folder=out, form=form, part_bytes=part_mb * _MEGABYTE)


def _into_store(
    mapping: Path, store: str, graph: str | None, options: dict[str, Any]
) -> MappingReport:
    """Map straight into a store, in one transaction: all of it, or nothing."""
    from extremeearth.app.graph_sink import GraphSink
    from extremeearth.knowledge.mapping import map_to_rdf
    from extremeearth.knowledge.store.graph import Graph

    with Graph.open(store, settings=settings_for()) as opened:

        def change(writing: Any) -> MappingReport:
            sink = GraphSink(writing, graph=graph)
            report = map_to_rdf(mapping, target=sink, **options)
            sink.finish()
            return report

        note = {"operation": "map", "documents": [mapping.name]}
        report: MappingReport = opened.storage.transact(change, note=note)
    return report


def _tell(report: MappingReport, out: str, *, as_json: bool) -> None:
    seconds = max(report.seconds, 1e-9)
    if as_json:
        told = dataclasses.asdict(report) | {
            "rows_per_s": report.rows / seconds,
            "triples_per_s": report.triples / seconds,
            "out": out,
        }
        typer.echo(json.dumps(told))
        return
    typer.echo(
        f"{report.triples} triples of {report.source_rows} rows are in {out}: {report.seconds:.1f} s, "
        f"{report.source_rows / seconds:,.0f} rows and {report.triples / seconds:,.0f} triples per second",
        err=True,
    )
    for reason, count in {**report.skipped, **report.geometries}.items():
        tell_loss(count, reason, report.places)
