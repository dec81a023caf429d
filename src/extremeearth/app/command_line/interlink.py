"""``extremeearth interlink``: how the features of two sources relate, as GeoSPARQL links."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from extremeearth.app.command_line.options import (
    Crs,
    EngineUrl,
    Workers,
    running_engine,
    settings_for,
    shown_progress,
)

if TYPE_CHECKING:
    from extremeearth.knowledge.interlinking import LinkOptions, LinkReport

__all__ = ["register"]

_ENDINGS = (".nt", ".nt.gz", ".nt.zst")

Source = Annotated[
    str,
    typer.Argument(
        help="File (CSV with WKT, GeoParquet, RDF, or what GDAL reads), folder of a graph store, or URL of an endpoint."
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
        "--relations", help="'all', 'none' (distances only), or names: intersects,within,..."
    ),
]


def register(application: typer.Typer) -> None:
    """Add the command."""
    epilog = "Example: `extremeearth interlink fields.gpkg regions.csv -o links.nt.gz --target-crs EPSG:4326`"
    application.command("interlink", epilog=epilog)(interlink)


def interlink(
    source: Source,
    out: Out,
    target: Target = None,
    relations: Relations = "all",
    vocabulary: Annotated[
        Literal["sf", "eh", "rcc8"], typer.Option("--vocabulary", help="Family of the properties.")
    ] = "sf",
    source_id: Annotated[
        str | None, typer.Option("--source-id", help="Column that names the features of SOURCE.")
    ] = None,
    target_id: Annotated[
        str | None, typer.Option("--target-id", help="Column that names the features of TARGET.")
    ] = None,
    source_prefix: Annotated[
        str, typer.Option("--source-prefix", help="Put before the ids of SOURCE to make IRIs.")
    ] = "",
    target_prefix: Annotated[
        str, typer.Option("--target-prefix", help="Put before the ids of TARGET to make IRIs.")
    ] = "",
    crs: Crs = None,
    source_crs: Annotated[
        str | None, typer.Option("--source-crs", help="The same for SOURCE alone.")
    ] = None,
    target_crs: Annotated[
        str | None, typer.Option("--target-crs", help="The same for TARGET alone.")
    ] = None,
    source_times: Annotated[
        str | None,
        typer.Option("--source-times", help="Column, or START,END, of when features hold."),
    ] = None,
    target_times: Annotated[
        str | None, typer.Option("--target-times", help="The same for TARGET.")
    ] = None,
    within_m: Annotated[
        float | None,
        typer.Option("--within", min=0, help="Also link what is at most so many metres apart."),
    ] = None,
    nearest: Annotated[
        int | None,
        typer.Option("--nearest", min=1, help="Also link each feature with so many nearest ones."),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget", help="Verify the most promising pairs only: 50000 (pairs), 30s, 5min, 1h."
        ),
    ] = None,
    weighting: Annotated[
        str,
        typer.Option("--weighting", help="What is promising: cf, js, x2, mbro, isp, a+b or a*b."),
    ] = "mbro+js",
    measure: Annotated[
        bool,
        typer.Option(
            "--measure", help="With a budget: also count what a full run finds, for the recall."
        ),
    ] = False,
    filter_name: Annotated[
        str, typer.Option("--filter", help="auto, rtree, giant, radon or sweep.")
    ] = "auto",
    on_invalid: Annotated[
        Literal["repair", "skip", "keep"],
        typer.Option("--on-invalid", help="What to do with invalid shapes."),
    ] = "repair",
    engine: EngineUrl = None,
    workers: Workers = None,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state", help="Parquet file of what was linked before: only what is new is linked."
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--json", help="Write a report as JSON; '-' for standard output.")
    ] = None,
) -> None:
    """Find every topological relation between the features of two sources."""
    from extremeearth.knowledge.interlinking import Budget, LinkOptions, link_files, read_features

    if not str(out).endswith(_ENDINGS):
        raise typer.BadParameter(f"Name it {', '.join(_ENDINGS)}.", param_hint="--out")
    names: Any = {"all": "all", "none": ()}.get(relations, relations.split(","))
    options = LinkOptions(
        relations=names, vocabulary=vocabulary, filter=filter_name, within_m=within_m, nearest=nearest,
        budget=None if budget is None else Budget.read(budget), weighting=weighting, measure=measure,
        threads=1 if engine else workers or 1,
    )  # fmt: skip
    client = _client()
    ours = read_features(
        source, id_column=source_id, prefix=source_prefix, crs=source_crs or crs,
        times=_columns(source_times), client=client,
    )  # fmt: skip
    theirs = None
    if target is not None:
        theirs = read_features(
            target, id_column=target_id, prefix=target_prefix, crs=target_crs or crs,
            times=_columns(target_times), client=client,
        )  # fmt: skip
    with running_engine(engine, workers) as runs, shown_progress() as progress:
        done = link_files(
            ours, theirs, out, options=options, state=state, on_invalid=on_invalid, progress=progress,
            engine=runs,
        )  # fmt: skip
    _tell(done, options, out, report)


def _client() -> Any:
    from extremeearth.core.http import SafeClient

    return SafeClient(allow_hosts=settings_for().allow_hosts)


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
    total = sum(done.links.values())
    typer.echo(
        f"{total} links of {done.verified} verified pairs ({done.candidates} candidates) "
        f"in {done.seconds:.1f} s: {out}",
        err=True,
    )
    for name, count in done.links.items():
        typer.echo(f"{count:>12}  {name}", err=True)
    if done.progressive is not None:
        quality = done.progressive
        recall = "" if quality.recall is None else f", recall {quality.recall:.3f}"
        typer.echo(
            f"precision {quality.precision:.3f}{recall}, progressive geometry recall "
            f"{quality.progressive_geometry_recall:.3f} by {options.weighting}",
            err=True,
        )
    for what, counts in (
        ("invalid", done.invalid),
        ("without extent", done.empty),
        ("unreadable", done.unread),
    ):
        if any(counts):
            typer.echo(
                f"{counts[0]} features of the source and {counts[1]} of the target are {what}",
                err=True,
            )
    if done.reused:
        typer.echo(f"{done.reused} of these links were known before", err=True)
