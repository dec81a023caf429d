"""``extremeearth search``: what the catalogue knows."""

from __future__ import annotations

import json

import typer

from extremeearth.app.command_line.options import (
    AsJson,
    Home,
    examples,
    open_platform,
    settings_for,
)
from extremeearth.core.principals import ANONYMOUS
from extremeearth.core.times import as_time_range

__all__ = ["register"]


def register(application: typer.Typer) -> None:
    """Add the command."""
    application.command(
        "search",
        epilog=examples(
            "search --bbox 11.6,48.3,11.7,48.5 --datetime 2018-05-01/2018-06-30",
            "search --collection leaf-area-index --json",
        ),
    )(search)


def search(
    bbox: str | None = typer.Option(
        None, "--bbox", help="xmin,ymin,xmax,ymax in longitude, latitude; default: everywhere."
    ),
    datetime: str | None = typer.Option(
        None, "--datetime", help="An instant, a date, or start/end; default: any time."
    ),
    collection: list[str] | None = typer.Option(
        None, "--collection", help="Name of a collection. Can be repeated; default: all."
    ),
    condition: str | None = typer.Option(
        None, "--filter", help='CQL2 text, e.g. "eo:cloud_cover < 20".'
    ),
    limit: int = typer.Option(100, "--limit", min=1, help="Most items to list."),
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List the public items in a region and a time frame."""
    from rich.console import Console
    from rich.table import Table

    from extremeearth.core.boxes import as_box
    from extremeearth.data.catalogue import ItemQuery, parse_cql2

    query = ItemQuery(
        collections=tuple(collection or ()),
        box=as_box(bbox) if bbox else None,
        time=as_time_range(datetime) if datetime else None,
        filter=parse_cql2(condition) if condition else None,
        limit=limit,
    )
    with open_platform(home) as platform:
        page = platform.catalogue.search(query, viewer=ANONYMOUS)
    if as_json:
        typer.echo(json.dumps([item.to_dict() for item in page.items]))
        return
    table = Table("collection", "item", "time", "title")
    for item in page.items:
        properties = item.properties
        time = (
            item.datetime.date()
            if item.datetime
            else str(properties.get("start_datetime", ""))[:10]
        )
        table.add_row(
            item.collection_id or "", item.id, str(time), str(properties.get("title", ""))
        )
    Console().print(table)
    typer.echo(f"{len(page.items)} of {page.matched} items.", err=True)
    if not page.items:
        place = settings_for(home).home
        typer.echo(f"The platform is the one in {place}; --home names another.", err=True)
