"""``extremeearth graph``: linked data in a store, and its endpoint."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import typer

from extremeearth.app.command_line.options import AsJson, settings_for
from extremeearth.core.errors import DataMissingError

__all__ = ["register"]

Store = typer.Argument(help="Folder of the store.")


def register(application: typer.Typer) -> None:
    """Add the commands."""
    graph = typer.Typer(help="Linked data: load, ask, serve.", no_args_is_help=True)
    graph.command("load", epilog="Example: `extremeearth graph load ./store parcels.nt`")(load)
    graph.command(
        "query",
        epilog='Example: `extremeearth graph query ./store "SELECT * WHERE { ?s ?p ?o } LIMIT 5"`',
    )(query)
    graph.command("update", epilog="Example: `extremeearth graph update ./store @change.ru`")(
        update
    )
    graph.command("serve", epilog="Example: `extremeearth graph serve ./store --port 8001`")(serve)
    application.add_typer(graph, name="graph")


def load(
    store: Path = Store,
    files: list[Path] = typer.Argument(
        help="RDF files: .nt .nq .ttl .trig .rdf .jsonld, also .gz."
    ),
    graph: str | None = typer.Option(None, "--graph", help="IRI of the named graph to load into."),
    as_json: AsJson = False,
) -> None:
    """Load files into a store; each file is loaded whole or not at all."""
    from extremeearth.knowledge.store import open_graph

    opened = open_graph(store)
    for file in files:
        if not file.is_file():
            raise DataMissingError(f"There is no file {file}.", hint="Check the name.")
        report = opened.load(file, None, graph=graph)
        if as_json:
            typer.echo(json.dumps({"file": str(file), "triples": report.triples}))
        else:
            typer.echo(f"{file}: {report.triples} triples in {report.seconds:.1f} s", err=True)


def query(
    store: Path = Store,
    text: str = typer.Argument(help="SPARQL, or @FILE."),
    form: str = typer.Option(
        "csv", "--format", help="json, xml, csv or tsv; for graphs: nt or ttl."
    ),
    timeout_s: float | None = typer.Option(None, "--timeout", help="Seconds."),
) -> None:
    """Ask a store; the answer goes to standard output."""
    from extremeearth.knowledge.store import Solutions, Triples, open_graph

    if not store.is_dir():
        raise DataMissingError(f"There is no store in {store}.", hint="Make it with 'graph load'.")
    settings = settings_for()
    answer = open_graph(store).query(_text(text), timeout_s=timeout_s or settings.query_timeout_s)
    if isinstance(answer, Solutions):
        sys.stdout.buffer.write(answer.serialize(form))
    elif isinstance(answer, Triples):
        sys.stdout.buffer.write(answer.serialize("nt" if form == "csv" else form))
    else:
        typer.echo("true" if answer else "false")


def update(
    store: Path = Store, text: str = typer.Argument(help="SPARQL Update, or @FILE.")
) -> None:
    """Change a store; the whole update holds, or none of it."""
    from extremeearth.knowledge.store import open_graph

    open_graph(store).update(_text(text))


def serve(
    store: Path = Store,
    host: str | None = typer.Option(
        None, "--host", help="Address to listen on; default: loopback."
    ),
    port: int | None = typer.Option(None, "--port", min=0, max=65535, help="Port; default: 8000."),
) -> None:
    """Serve a store alone at `/sparql`, for reading; no project is needed."""
    from extremeearth.app.server import serve as run
    from extremeearth.app.web_application import create_graph_app
    from extremeearth.knowledge.store import open_graph

    if not store.is_dir():
        raise DataMissingError(f"There is no store in {store}.", hint="Make it with 'graph load'.")
    settings = settings_for(host=host, port=port)
    run(
        create_graph_app(open_graph(store), settings=settings),
        host=settings.host,
        port=settings.port,
        ready=lambda address: typer.echo(f"the graph is at {address}sparql", err=True),
    )


def _text(text: str) -> str:
    if not text.startswith("@"):
        return text
    file = Path(text[1:])
    if not file.is_file():
        raise DataMissingError(
            f"There is no file {file}.", hint="Write @ before the name of a file."
        )
    return file.read_text()
