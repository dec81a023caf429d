"""``extremeearth graph``: linked data in a store, and its endpoint."""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from extremeearth.app.command_line.graph_answers import GRAPH_FORMS, ROW_FORMS, write_answer
from extremeearth.app.command_line.options import AsJson, examples, settings_for, shown_progress
from extremeearth.core.errors import DataMissingError

if TYPE_CHECKING:
    from extremeearth.knowledge.store.graph import Graph

__all__ = ["register"]

Store = Annotated[
    str, typer.Argument(help="Folder of the store, or its URL: file:///folder, s3://bucket/prefix.")
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        min=0.001,
        help="Seconds after which it is stopped; default: the setting EXTREMEEARTH_QUERY_TIMEOUT_S.",
    ),
]
Version = Annotated[
    int | None,
    typer.Option(
        "--version", min=0, help="Ask an older version by its number; default: the newest."
    ),
]


def register(application: typer.Typer) -> None:
    """Add the commands."""
    graph = typer.Typer(
        help="Linked data: load, ask, change, look after, serve.",
        epilog=examples(
            "graph load ./store parcels.nt.gz",
            'graph query ./store "SELECT * WHERE { ?s ?p ?o } LIMIT 5"',
        ),
        no_args_is_help=True,
    )
    calls: dict[Callable[..., None], str] = {
        load: "load ./store parcels.nt.gz --graph http://example.org/parcels",
        query: 'query ./store "SELECT * WHERE { ?s ?p ?o } LIMIT 5"',
        update: "update ./store @change.ru",
        explain: "explain ./store @question.rq --analyze",
        stats: "stats ./store",
        compact: "compact ./store --vacuum-days 7",
        dump: "dump ./store backup.nq.gz",
        versions: "versions ./store",
        check: "check ./store",
        serve: "serve ./store --port 8001",
    }
    for command, call in calls.items():
        graph.command(command.__name__, epilog=examples(f"graph {call}"))(command)
    application.add_typer(graph, name="graph")


def _open(store: str, *, read_only: bool = True, fetch: bool = True) -> Graph:
    """Open a store; only what changes it makes one that is not there."""
    from extremeearth.core.http import SafeClient
    from extremeearth.knowledge.store.graph import Graph

    settings = settings_for()
    client = SafeClient(allow_hosts=settings.allow_hosts) if fetch else None
    return Graph.open(
        store, settings=settings, read_only=read_only, create=not read_only, client=client
    )


def load(
    store: Store,
    files: Annotated[
        list[Path],
        typer.Argument(help="RDF files: .nt .nq .ttl .trig .rdf .jsonld, also .gz .zst."),
    ],
    graph: Annotated[
        str | None, typer.Option("--graph", help="IRI of the named graph to load into.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format", help="Format of all files; default: by the ending of their names."
        ),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out what is broken, and count it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Load files into a store, in one step: all of them, or nothing."""
    for file in files:
        if not file.is_file():
            raise DataMissingError(f"There is no file {file}.", hint="Check the name.")
    with _open(store, read_only=False) as opened:
        with shown_progress() as progress:
            report = opened.load(files, form, graph=graph, skip_bad=skip_bad, progress=progress)
        version = opened.find_version()
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(report) | {"version": version}))
        return
    typer.echo(
        f"{report.triples} new triples of {report.statements} statements in {report.seconds:.1f} s; "
        f"the store is at version {version}",
        err=True,
    )
    for count, what, problems in (
        (report.skipped, "broken statements were left out", report.examples),
        (report.geometry_problems, "geometries cannot be read and stay as text", report.geometry_examples),
    ):  # fmt: skip
        if count:
            typer.echo(f"{count} {what}:", err=True)
            for problem in problems[:5]:
                typer.echo(f"  {problem}", err=True)


def query(
    store: Store,
    text: Annotated[str, typer.Argument(help="SPARQL, or @FILE.")],
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help=f"{', '.join(ROW_FORMS)}; for graphs: {', '.join(GRAPH_FORMS)}; default: what suits "
            "the output.",
        ),
    ] = None,
    timeout_s: Timeout = None,
    version: Version = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            "--as-of",
            help="Ask the state at this time (UTC), such as 2026-08-01T12:00:00; default: now.",
        ),
    ] = None,
    geometry: Annotated[
        str | None, typer.Option("--geometry", help="Variable that GeoJSON features are made of.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask a store; the answer goes to standard output: a table or Turtle on a terminal, else CSV or N-Triples."""
    if form is not None and form not in (*ROW_FORMS, *GRAPH_FORMS):
        raise typer.BadParameter(
            f"'{form}' is not one of {', '.join((*ROW_FORMS, *GRAPH_FORMS))}.",
            param_hint="--format",
        )
    with _open(store) as opened:
        answer = opened.query(
            _text(text),
            timeout_s=timeout_s or settings_for().query_timeout_s,
            version=version,
            as_of=as_of,
        )
        write_answer(answer, form, as_json=as_json, geometry=geometry)


def update(
    store: Store,
    text: Annotated[str, typer.Argument(help="SPARQL Update, or @FILE.")],
    timeout_s: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """Change a store; the whole update holds, or none of it."""
    settings = settings_for()
    with _open(store, read_only=False) as opened:
        report = opened.update(_text(text), timeout_s=timeout_s or settings.query_timeout_s)
        version = opened.find_version()
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(report) | {"version": version}))
    else:
        typer.echo(
            f"{report.inserted} added, {report.deleted} removed; the store is at version {version}",
            err=True,
        )


def explain(
    store: Store,
    text: Annotated[str, typer.Argument(help="SPARQL, or @FILE.")],
    analyze: Annotated[
        bool, typer.Option("--analyze", help="Run it, and tell rows and times of each step.")
    ] = False,
    timeout_s: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """Tell how a query is answered: algebra, plan, and the steps with their SQL."""
    settings = settings_for()
    with _open(store) as opened:
        told = opened.explain(
            _text(text), analyze=analyze, timeout_s=timeout_s or settings.query_timeout_s
        )
    typer.echo(json.dumps({"explanation": told}) if as_json else told.rstrip("\n"))


def stats(store: Store, version: Version = None, as_json: AsJson = False) -> None:
    """Tell what is in a store: counts by predicate and class, extent in space and time."""
    from extremeearth.core.times import format_instant

    with _open(store) as opened:
        found = opened.summary(version=version)
        scattered = opened.scattered_files()
    _tell_scattered(store, scattered)
    if as_json:

        def plain(value: Any) -> Any:
            return format_instant(value) if isinstance(value, datetime) else str(value)

        told = dataclasses.asdict(found) | {"scattered_files": scattered}
        typer.echo(json.dumps(told, default=plain))
        return
    typer.echo(f"version     {found.version}")
    typer.echo(f"statements  {found.statements}")
    typer.echo(f"terms       {found.terms}")
    typer.echo(f"geometries  {found.geometries}")
    typer.echo(f"graphs      {len(found.graphs)} named")
    if found.extent.box is not None:
        typer.echo("extent      " + " ".join(f"{value:.6g}" for value in found.extent.box))
    if found.extent.start is not None and found.extent.end is not None:
        start, end = format_instant(found.extent.start), format_instant(found.extent.end)
        typer.echo(f"times       {start} to {end}")
    for title, rows in (
        ("predicates", [(p.triples, p.predicate) for p in found.predicates]),
        ("classes", [(c.instances, c.name) for c in found.classes]),
    ):
        typer.echo(f"\n{title}")
        for count, name in rows:
            typer.echo(f"{count:>12}  {name}")


def _tell_scattered(store: str, files: int) -> None:
    """Tell of more files than a change leaves there: it leaves large stores to who looks after them."""
    settings = settings_for()
    most = (
        settings.graph_compact_files or type(settings).model_fields["graph_compact_files"].default
    )
    if files > most:
        typer.echo(
            f"{files} files of small changes make asking slow; fold them with: "
            f"extremeearth graph compact {shlex.quote(store)}",
            err=True,
        )


def compact(
    store: Store,
    vacuum_days: Annotated[
        float | None,
        typer.Option(
            "--vacuum-days", min=0, help="Also delete what no version of the last days needs."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fold what many small commits wrote into few files, so that asking stays fast."""
    with _open(store, read_only=False) as opened:
        report = opened.compact()
        deleted = None if vacuum_days is None else opened.vacuum(keep_days=vacuum_days)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(report) | {"deleted_files": deleted}))
        return
    typer.echo(f"{report.before} files became {report.after}", err=True)
    if deleted is not None:
        typer.echo(f"{deleted} files that nothing needs were deleted", err=True)


def dump(
    store: Store,
    file: Annotated[
        Path | None, typer.Argument(help="Where to; standard output by default. Also .gz, .zst.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help=f"{', '.join(GRAPH_FORMS)}; default: by the name, else nq."),
    ] = None,
    graph: Annotated[
        str | None, typer.Option("--graph", help="IRI of the one graph to write.")
    ] = None,
    version: Version = None,
    as_json: AsJson = False,
) -> None:
    """Write a store, or one graph of it, as a document."""
    with _open(store) as opened, shown_progress() as progress:
        target: Any = sys.stdout.buffer if file is None else file
        count = opened.dump(target, form, graph=graph, version=version, progress=progress)
    if file is None:
        sys.stdout.buffer.flush()
    elif as_json:
        typer.echo(json.dumps({"file": str(file), "statements": count}))
    else:
        typer.echo(f"{count} statements are in {file}", err=True)


def versions(store: Store, as_json: AsJson = False) -> None:
    """List the versions of a store: when each was made, and what it changed."""
    from extremeearth.core.times import format_instant

    with _open(store) as opened:
        rows = opened.versions().to_pylist()
    for row in rows:
        row["time"] = format_instant(row["time"])
        if not as_json:
            typer.echo(f"{row['version']:>6}  {row['time']}  +{row['inserted']} -{row['deleted']}")
    if as_json:
        typer.echo(json.dumps(rows))


def check(store: Store, as_json: AsJson = False) -> None:
    """Read everything that is stored, and tell what is missing or broken."""
    with _open(store) as opened:
        report = opened.check()
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(report), default=str))
    else:
        typer.echo(
            f"version {report.version} of {report.time:%Y-%m-%d %H:%M:%S} UTC: {report.quads} statements, "
            f"{report.terms} terms, {report.geometries} geometries"
        )
        for problem in report.problems:
            typer.echo(problem)
        if report.leftovers:
            typer.echo(f"{report.leftovers} files belong to no version; a vacuum deletes them")
        typer.echo("whole" if report.is_whole else "broken")
    if not report.is_whole:
        raise typer.Exit(1)


def serve(
    store: Store,
    host: Annotated[
        str | None, typer.Option("--host", help="Address to listen on; default: loopback.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="Port; default: 8000.")
    ] = None,
    writable: Annotated[
        bool,
        typer.Option("--writable", help="Take updates too, with a key that is shown at the start."),
    ] = False,
) -> None:
    """Serve a store alone at `/sparql`, for reading; no project is needed."""
    from extremeearth.app.server import serve as run
    from extremeearth.app.web_application import create_graph_app
    from extremeearth.core.security import LocalKey

    settings = settings_for(host=host, port=port)
    key = LocalKey() if writable or settings.graph_read_key else None

    def ready(address: str) -> None:
        typer.echo(f"the graph is at {address}sparql", err=True)
        if key is not None:
            use = "write" if writable else "read"
            typer.echo(f"to {use}, send the header  Authorization: ApiKey {key.secret}", err=True)

    with _open(store, read_only=not writable, fetch=settings.graph_fetch) as opened:
        run(
            create_graph_app(opened, settings=settings, verifier=key),
            host=settings.host,
            port=settings.port,
            ready=ready,
        )


def _text(text: str) -> str:
    if not text.startswith("@"):
        return text
    file = Path(text[1:])
    if not file.is_file():
        raise DataMissingError(
            f"There is no file {file}.", hint="Write @ before the name of a file."
        )
    return file.read_text(encoding="utf-8")
