"""Where the sources of a mapping really are, as the commands about mappings are told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from extremeearth.app.command_line.item_searches import HomeSearch, search_at
from extremeearth.app.command_line.options import SOURCES
from extremeearth.core.errors import InputError

if TYPE_CHECKING:
    from extremeearth.core.http import SafeClient
    from extremeearth.knowledge.mapping import CatalogueSearch

__all__ = ["DatabaseUrl", "SourcePlaces", "named_sources", "places_of"]

SourcePlaces = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        help="NAME=FILE: where a source of the mapping is really. Or a search for STAC items: "
        "NAME=https://host/stac?collections=maps&bbox=11,48,12,49, NAME=catalogue:?collections=maps in this "
        "platform's own catalogue, NAME=catalogue:FOLDER?... in that of another home.",
        rich_help_panel=SOURCES,
    ),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database",
        help="URL of the database that tables and queries are read from.",
        rich_help_panel=SOURCES,
    ),
]


def places_of(given: list[str]) -> list[str]:
    """Give the places, without the names.

    Examples
    --------
    >>> places_of(["maps=https://hub.example/stac"])
    ['https://hub.example/stac']
    """
    return [text.partition("=")[2] for text in given]


def named_sources(
    given: list[str], client: SafeClient | None
) -> dict[str, Path | HomeSearch | CatalogueSearch]:
    """Read where sources are; nobody but the caller makes that an address is contacted."""
    sources: dict[str, Path | HomeSearch | CatalogueSearch] = {}
    for text in given:
        name, equals, place = text.partition("=")
        if not (name and equals and place):
            raise InputError(
                f"'{text}' does not name a source.",
                hint="Write NAME=FILE, e.g. fields=fields.gpkg.",
            )
        sources[name] = search_at(place, None, client) or Path(place)
    return sources
