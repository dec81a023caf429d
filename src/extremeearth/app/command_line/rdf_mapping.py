"""``extremeearth rdf mapping``: a mapping of a source, made of what is in it."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from extremeearth.app.command_line.item_searches import allowed_client, is_catalogue, search_at
from extremeearth.app.command_line.options import AsJson, Crs, shown_progress
from extremeearth.core.errors import InputError

if TYPE_CHECKING:
    from extremeearth.knowledge.mapping import GeometryOptions, Search, SourceDescription

__all__ = ["mapping", "tell_loss"]

_SEARCH = "What is searched for"
_ITEMS = "items"
_LONG = 40


def tell_loss(count: int, reason: str, places: Mapping[str, str]) -> None:
    """Say how much of a source was left out, why, and where the first of it is."""
    where = f" (the first: {places[reason]})" if reason in places else ""
    typer.echo(f"{count:>10}  {reason}{where}", err=True)


def mapping(
    source: Annotated[
        str,
        typer.Argument(
            help="Shapefile, GeoPackage, GeoJSON, CSV, Parquet, JSON, XML, STAC items, raster of classes ...; the "
            "address of a catalogue (STAC API), catalogue: for this platform's own, catalogue:FOLDER for that of "
            "another home; with --database the name of a table."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="File for the mapping; default: standard output."),
    ] = None,
    ontology: Annotated[
        Path | None, typer.Option("--ontology", help="File for an OWL ontology of what it makes.")
    ] = None,
    database: Annotated[
        str | None,
        typer.Option("--database", help="URL of the database that the source is a table of."),
    ] = None,
    base: Annotated[
        str, typer.Option("--base", help="Start of all IRIs.")
    ] = "https://example.org/",
    key: Annotated[
        list[str] | None,
        typer.Option(
            "--id", help="Column that tells rows apart; several together where given again."
        ),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(
            "--layer",
            help="One layer of a file that has several (default: all); in JSON and XML where the records are, as "
            "JSONPath or XPath (default: found).",
        ),
    ] = None,
    collection: Annotated[
        list[str] | None,
        typer.Option(
            "--collection",
            help="Of a catalogue: a collection to search; can be repeated.",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    bbox: Annotated[
        str | None,
        typer.Option(
            "--bbox",
            help="Of a catalogue: xmin,ymin,xmax,ymax in longitude, latitude.",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    datetime: Annotated[
        str | None,
        typer.Option(
            "--datetime",
            help="Of a catalogue: an instant, a date, or start/end.",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    query: Annotated[
        str | None,
        typer.Option(
            "--query", help="Of a catalogue: a condition in CQL2 text.", rich_help_panel=_SEARCH
        ),
    ] = None,
    metrics: Annotated[
        bool, typer.Option("--metrics", help="Also area, length, dimension ... of geometries.")
    ] = False,
    crs: Crs = None,
    skip_bad: Annotated[
        bool,
        typer.Option("--skip-bad", help="Look at what can be read of a damaged source."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a mapping of a source, to run or to change."""
    from extremeearth.core.files import write_atomic
    from extremeearth.knowledge.mapping import GeometryOptions, Search, draft_mapping

    options = GeometryOptions(crs=crs, on_error="skip" if skip_bad else "raise")
    asked = Search.read(collection or (), bbox=bbox, datetime=datetime, condition=query)
    name = _name_of_items(source, database, asked)
    if name is not None:
        if layer is not None:
            raise InputError("A catalogue has no layers.", hint="Name collections: --collection.")
        described = _described_items(source, name, asked, key=tuple(key or ()), options=options)
    else:
        described = _described(source, database, layer=layer, key=tuple(key or ()), options=options)
        _tell_described(described)
    for reason, count in options.totals().items():
        if reason in options.places:
            tell_loss(count, reason, options.places)
    path = name or (source if database is not None else _path_below(Path(source), out))
    draft = draft_mapping(described, base_iri=base, metrics=metrics, path=path)
    if ontology is not None:
        write_atomic(ontology, draft.ontology)
    if out is not None:
        write_atomic(out, draft.mapping)
    if as_json:
        typer.echo(json.dumps({**dataclasses.asdict(draft), "path": path}))
    elif out is None:
        typer.echo(draft.mapping, nl=False)


def _tell_described(described: list[SourceDescription]) -> None:
    """Say by what rows are named."""
    for one in described:
        name = f"layer {one.layer} of {one.name}" if one.layer else one.name
        shapes = f"shapes in {one.crs}" if one.geometry and one.crs is not None else "no shapes"
        if len(shapes) > _LONG:  # a system without a code
            shapes = "shapes"
        key = " and ".join(one.key)
        typer.echo(f"{name}: {len(one.columns)} columns, {shapes}, rows named by {key}", err=True)
        if not one.key_is_unique:
            typer.echo(
                f"  {key} does not tell all rows apart: rows that share it become one thing",
                err=True,
            )


def _name_of_items(source: str, database: str | None, asked: Search) -> str | None:
    """Name what a catalogue gives, as its mapping will; `None` if the source is no catalogue."""
    if database is None and is_catalogue(source):
        several = asked.collections[1:]
        name = re.sub(r"[^\w.-]+", "-", "" if several else "".join(asked.collections)).strip("-.")
        return name or _ITEMS
    if asked:
        raise InputError(
            "Only a catalogue is searched by collections, a box, a time or a condition.",
            hint="Leave these options out, or give the address of a STAC API, or catalogue: as the source.",
        )
    return None


def _described_items(
    source: str, name: str, asked: Search, *, key: tuple[str, ...], options: GeometryOptions
) -> list[SourceDescription]:
    """Look at what a catalogue gives; tell how its mapping is run."""
    from extremeearth.knowledge.mapping import describe_source

    with allowed_client([source]) as client, shown_progress() as progress:
        search = search_at(source, asked, client)
        assert search is not None
        described = describe_source(search, name=name, key=key, geometry=options, progress=progress)
    _tell_described([described])
    typer.echo(f"run the mapping with --source {shlex.quote(f'{name}={search.address}')}", err=True)
    return [described]


def _described(
    source: str,
    database: str | None,
    *,
    layer: str | None,
    key: tuple[str, ...],
    options: GeometryOptions,
) -> list[SourceDescription]:
    """Look at a table of a database, or at the layers of a file."""
    from extremeearth.knowledge.mapping import (
        Database,
        describe_source,
        list_layers,
    )

    if database is not None:
        with Database(database) as opened:
            return [describe_source(opened, name=source, layer=source, key=key, geometry=options)]
    path = Path(source)
    layers = list_layers(path, geometry=options)
    return [
        describe_source(path, layer=each, key=key, geometry=options)
        for each in ((layer,) if layer is not None else layers)
    ]


def _path_below(source: Path, out: Path | None) -> str:
    """Give the path of a source as its mapping will say it; tell where it cannot be found so."""
    folder = Path.cwd() if out is None else out.absolute().parent
    try:
        return source.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        told = f"the mapping is not above its source: run it with --source {source.name}={source}"
        typer.echo(told, err=True)
        return source.name
