"""``extremeearth rdf check``, and the preview of ``rdf map``: a mapping is looked at, and nothing is written."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from extremeearth.app.command_line.item_searches import allowed_client
from extremeearth.app.command_line.options import SOURCES, AsJson, Crs
from extremeearth.app.command_line.rdf_sources import (
    DatabaseUrl,
    SourcePlaces,
    named_sources,
    places_of,
)

if TYPE_CHECKING:
    from extremeearth.knowledge.mapping import MappingCheck

__all__ = ["check", "show_preview"]

_COLOURS = {"error": "red", "warning": "yellow", "note": "blue"}


def check(
    mapping: Annotated[Path, typer.Argument(help="The mapping: RML or R2RML in Turtle.")],
    sources: SourcePlaces = None,
    database: DatabaseUrl = None,
    crs: Crs = None,
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad",
            help="Broken rows are left out, as rdf map --skip-bad does.",
            rich_help_panel=SOURCES,
        ),
    ] = False,
    base: Annotated[
        str | None,
        typer.Option("--base", help="IRI put before those that are not absolute."),
    ] = None,
    rows: Annotated[
        int, typer.Option("--rows", min=1, help="Rows of each source that are tried.")
    ] = 1_000,
    diagram: Annotated[
        Path | None,
        typer.Option("--diagram", help="Draw the mapping as a picture: a file that ends in .svg."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say everything that is wrong with a mapping and its sources, without running it."""
    from extremeearth.knowledge.mapping import GeometryOptions, check_mapping, mapping_diagram
    from extremeearth.knowledge.rdf import BASE

    if diagram is not None and diagram.suffix.lower() != ".svg":
        raise typer.BadParameter("Name it .svg.", param_hint="--diagram")
    with allowed_client(places_of(sources or [])) as client:
        found = check_mapping(
            mapping, rows=rows, sources=named_sources(sources or [], client), database=database,
            geometry=GeometryOptions(crs=crs, on_error="skip" if skip_bad else "raise"),
            base_iri=base or f"{BASE}id/",
        )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(found) | {"ok": found.ok}))
    else:
        _tell(found)
    if diagram is not None and found.maps:
        mapping_diagram(mapping).save(diagram)
        typer.echo(f"the picture is {diagram}", err=True)
    if not found.ok:
        raise typer.Exit(1)


def _tell(found: MappingCheck) -> None:
    for one in found.maps:
        classes = f" a {', '.join(one.classes)}" if one.classes else ""
        typer.echo(
            f"{one.name}\n    {one.source} -> {one.subject}{classes}, {one.statements} triples of each row"
        )
    for finding in found.findings:
        level = typer.style(f"{finding.level}:", fg=_COLOURS[finding.level], bold=True)
        hint = f"\n    {finding.hint}" if finding.hint else ""
        typer.echo(f"{level} {finding.where}: {finding.message}{hint}")
    state = "can run" if found.ok else "cannot run"
    typer.echo(f"the mapping {state}; {found.rows} rows were tried", err=True)


def show_preview(
    mapping: Path, rows: int, sources: list[str], given: dict[str, Any], *, as_json: bool
) -> None:
    """Write what the first rows become to standard output."""
    from extremeearth.knowledge.mapping import preview_mapping

    with allowed_client(places_of(sources)) as client:
        shown = preview_mapping(mapping, rows=rows, sources=named_sources(sources, client), **given)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(shown)))
        return
    typer.echo(shown.turtle, nl=False)
    typer.echo(
        f"{shown.triples} triples of the first {shown.rows} rows; nothing was written", err=True
    )
    for reason, count in shown.skipped.items():
        typer.echo(f"{count:>10}  {reason}", err=True)
