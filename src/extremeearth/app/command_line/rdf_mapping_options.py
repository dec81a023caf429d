"""The options of ``extremeearth rdf mapping``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from extremeearth.app.command_line.options import SOURCES

__all__ = [
    "Bbox",
    "Collections",
    "Condition",
    "Datetime",
    "IriBase",
    "KeyColumns",
    "MappedSource",
    "MappingFile",
    "Metrics",
    "OntologyFile",
    "RowNames",
    "SkipBad",
    "SourceLayer",
    "TableDatabase",
]

_SEARCH, _MADE = "What is searched for", "What is made"

MappedSource = Annotated[
    str,
    typer.Argument(
        help="Shapefile, GeoPackage, GeoJSON, CSV, Parquet, JSON, XML, STAC items, raster of classes ...; the "
        "address of a catalogue (STAC API), catalogue: for this platform's own, catalogue:FOLDER for that of "
        "another home; the URL of a database, or with --database the name of a table."
    ),
]
MappingFile = Annotated[
    Path | None,
    typer.Option("-o", "--out", help="File for the mapping; default, and -: standard output."),
]
OntologyFile = Annotated[
    Path | None, typer.Option("--ontology", help="File for an OWL ontology of what it makes.")
]
TableDatabase = Annotated[
    str | None,
    typer.Option(
        "--database",
        help="URL of the database that the source is a table of, such as postgresql+psycopg://host/name.",
        rich_help_panel=SOURCES,
    ),
]
IriBase = Annotated[str, typer.Option("--base", help="Start of all IRIs.", rich_help_panel=_MADE)]
RowNames = Annotated[
    list[str] | None,
    typer.Option(
        "--name",
        help="What a row is, such as IceChart: its class, and in its IRIs; of several layers LAYER=IceChart, "
        "again for each. Default: the name of the layer or the file.",
        rich_help_panel=_MADE,
    ),
]
KeyColumns = Annotated[
    list[str] | None,
    typer.Option(
        "--id",
        help="Column that tells rows apart; several together where given again.",
        rich_help_panel=_MADE,
    ),
]
SourceLayer = Annotated[
    str | None,
    typer.Option(
        "--layer",
        help="One layer of a file that has several (default: all); in JSON and XML where the records are, as "
        "JSONPath or XPath (default: found); the table, where the source is the URL of a database.",
        rich_help_panel=SOURCES,
    ),
]
Collections = Annotated[
    list[str] | None,
    typer.Option(
        "--collection",
        help="Of a catalogue: a collection to search; can be repeated.",
        rich_help_panel=_SEARCH,
    ),
]
Bbox = Annotated[
    str | None,
    typer.Option(
        "--bbox",
        help="Of a catalogue: xmin,ymin,xmax,ymax in longitude, latitude.",
        rich_help_panel=_SEARCH,
    ),
]
Datetime = Annotated[
    str | None,
    typer.Option(
        "--datetime",
        help="Of a catalogue: an instant, a date, or start/end.",
        rich_help_panel=_SEARCH,
    ),
]
Condition = Annotated[
    str | None,
    typer.Option(
        "--query", help="Of a catalogue: a condition in CQL2 text.", rich_help_panel=_SEARCH
    ),
]
Metrics = Annotated[
    bool,
    typer.Option(
        "--metrics",
        help="Also area, length, dimension ... of geometries.",
        rich_help_panel=_MADE,
    ),
]
SkipBad = Annotated[
    bool,
    typer.Option(
        "--skip-bad",
        help="Look at what can be read of a damaged source.",
        rich_help_panel=SOURCES,
    ),
]
