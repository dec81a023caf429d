"""``extremeearth rdf mapping``: a mapping of a source, made of what is in it."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from extremeearth.app.command_line.item_searches import allowed_client, is_catalogue, search_at
from extremeearth.app.command_line.options import DEFAULT_BASE, AsJson, Crs, shown_progress
from extremeearth.app.command_line.rdf_mapping_options import (
    Bbox,
    Collections,
    Condition,
    Datetime,
    IriBase,
    KeyColumns,
    MappedSource,
    MappingFile,
    Metrics,
    OntologyFile,
    RowNames,
    SkipBad,
    SourceLayer,
    TableDatabase,
)
from extremeearth.core.errors import InputError

if TYPE_CHECKING:
    from extremeearth.knowledge.mapping import GeometryOptions, Search, SourceDescription

__all__ = ["mapping", "tell_loss"]

_ITEMS = "items"
_LONG = 40
_DATABASE = re.compile(r"(?:sqlite|postgres(?:ql)?)(?:\+\w+)?://")


def tell_loss(count: int, reason: str, places: Mapping[str, str]) -> None:
    """Say how much of a source was left out, why, and where the first of it is."""
    where = f" (the first: {places[reason]})" if reason in places else ""
    typer.echo(f"{count:>10}  {reason}{where}", err=True)


def mapping(
    source: MappedSource,
    out: MappingFile = None,
    ontology: OntologyFile = None,
    database: TableDatabase = None,
    base: IriBase = DEFAULT_BASE,
    names: RowNames = None,
    key: KeyColumns = None,
    layer: SourceLayer = None,
    collection: Collections = None,
    bbox: Bbox = None,
    datetime: Datetime = None,
    query: Condition = None,
    metrics: Metrics = False,
    crs: Crs = None,
    skip_bad: SkipBad = False,
    as_json: AsJson = False,
) -> None:
    """Make a mapping of a source, to run or to change."""
    from extremeearth.core.files import write_atomic
    from extremeearth.knowledge.mapping import GeometryOptions, Search, draft_mapping

    out = None if out is not None and str(out) == "-" else out
    called = _called(names or [])
    source, database, layer = _table_of(source, database, layer)
    options = GeometryOptions(crs=crs, on_error="skip" if skip_bad else "raise")
    asked = Search.read(collection or (), bbox=bbox, datetime=datetime, condition=query)
    name = _name_of_items(source, database, asked)
    if name is not None:
        if layer is not None:
            raise InputError("A catalogue has no layers.", hint="Name collections: --collection.")
        described, address = _described_items(
            source, name, asked, key=tuple(key or ()), options=options
        )
        _tell_described(described, base, called)
        typer.echo(f"run the mapping with --source {shlex.quote(f'{name}={address}')}", err=True)
    else:
        described = _described(source, database, layer=layer, key=tuple(key or ()), options=options)
        _tell_described(described, base, called)
    for reason, count in options.totals().items():
        if reason in options.places:
            tell_loss(count, reason, options.places)
    path = name or (source if database is not None else _path_below(Path(source), out))
    draft = draft_mapping(described, base_iri=base, metrics=metrics, path=path, name=called)
    if ontology is not None:
        write_atomic(ontology, draft.ontology)
    if out is not None:
        write_atomic(out, draft.mapping)
    if as_json:
        typer.echo(json.dumps({**dataclasses.asdict(draft), "path": path}))
    elif out is None:
        typer.echo(draft.mapping, nl=False)


def _called(names: list[str]) -> str | dict[str, str] | None:
    """Read what rows are: one name, or one for each layer."""
    if len(names) == 1 and "=" not in names[0]:
        return names[0]
    parts = [text.rpartition("=") for text in names]
    lone = next((called for layer, _, called in parts if not layer), None)
    if lone is not None:
        raise InputError(
            f"It is not said of which layer '{lone}' is the name.", hint=f"Write LAYER={lone}."
        )
    return {layer: called for layer, _, called in parts} or None


def _tell_described(
    described: list[SourceDescription], base: str, names: str | dict[str, str] | None
) -> None:
    """Say by what rows are named, and how: links of the same source take it as a prefix."""
    from extremeearth.knowledge.mapping.drafting.generation import prefix_of_rows, stem_of_rows

    for one in described:
        in_file = one.layer is not None and one.layer != one.name
        name = f"layer {one.layer} of {one.name}" if in_file else one.name
        shapes = f"shapes in {one.crs}" if one.geometry and one.crs is not None else "no shapes"
        if len(shapes) > _LONG:  # a system without a code
            shapes = "shapes"
        key = " and ".join(one.key)
        typer.echo(f"{name}: {len(one.columns)} columns, {shapes}, rows named by {key}", err=True)
        stem = stem_of_rows(one.name, layer=one.layer, formulation=one.formulation)
        called = names if isinstance(names, str) else (names or {}).get(one.layer or one.name)
        template = "/".join(f"{{{column}}}" for column in one.key)
        typer.echo(f"  and called {prefix_of_rows(base, called or stem)}{template}", err=True)
        if not one.key_is_unique:
            typer.echo(
                f"  {key} does not tell all rows apart: rows that share it become one thing",
                err=True,
            )


def _table_of(
    source: str, database: str | None, layer: str | None
) -> tuple[str, str | None, str | None]:
    """Take the URL of a database as a source too, whose layers are tables, as those of links are."""
    if database is not None or not _DATABASE.match(source):
        return source, database, layer
    if layer is None:
        raise InputError("No table of the database is named.", hint="Name one: --layer fields.")
    return layer, source, None


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
) -> tuple[list[SourceDescription], str]:
    """Look at what a catalogue gives; give also the address that says what was searched for."""
    from extremeearth.knowledge.mapping import describe_source

    with allowed_client([source]) as client, shown_progress() as progress:
        search = search_at(source, asked, client)
        assert search is not None
        described = describe_source(search, name=name, key=key, geometry=options, progress=progress)
    return [described], search.address


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
