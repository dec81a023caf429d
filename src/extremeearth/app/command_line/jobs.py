"""``extremeearth run`` and ``job``: processors from the command line, and the queue."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from extremeearth.app.command_line.options import (
    AsJson,
    Home,
    examples,
    open_platform,
    settings_for,
    shown_progress,
)
from extremeearth.core.errors import InputError, NotFoundError

__all__ = ["register"]

Key = Annotated[
    str, typer.Option("--key", envvar="EXTREMEEARTH_KEY", help="API key of the project.")
]


def register(application: typer.Typer) -> None:
    """Add the commands."""
    application.command(
        "run",
        epilog=examples(
            "run water-availability --key ee1f.secret -i bbox=[11.6,48.3,11.8,48.5] "
            "-i datetime=2018-03-01/2018-07-31"
        ),
    )(run)
    application.command("processors", epilog=examples("processors --json"))(processors)
    jobs = typer.Typer(
        help="Jobs of the queue.",
        epilog=examples("job list --key ee1f.secret"),
        no_args_is_help=True,
    )
    jobs.command("work", hidden=True)(work)
    jobs.command("list", epilog=examples("job list --key ee1f.secret"))(list_jobs)
    application.add_typer(jobs, name="job")


def processors(home: Home = None, as_json: AsJson = False) -> None:
    """List the processors and their inputs."""
    from rich.console import Console
    from rich.table import Table

    with open_platform(home) as platform:
        every = [processor.description for processor in platform.processors().values()]
    if as_json:
        typer.echo(
            json.dumps(
                [
                    {
                        "id": d.id,
                        "title": d.title,
                        "inputs": {n: i.schema for n, i in d.inputs.items()},
                    }
                    for d in every
                ]
            )
        )
        return
    table = Table("processor", "what it does", "inputs")
    for d in every:
        table.add_row(d.id, d.title, ", ".join(d.inputs))
    Console().print(table)


def _inputs(pairs: list[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise InputError(
                f"'{pair}' is not name=value.", hint="Write e.g. -i datetime=2018-03-01/2018-07-31."
            )
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return values


def run(
    processor: Annotated[
        str, typer.Argument(help="Name of a processor, as `extremeearth processors` lists them.")
    ],
    key: Key,
    value: Annotated[
        list[str] | None,
        typer.Option("--input", "-i", help="name=value; JSON where it is JSON. Can be repeated."),
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Run a processor here and now; its results go to the catalogue of the key's project."""
    from extremeearth.processing.jobs import JobContext
    from extremeearth.product.processes import run_processor

    settings = settings_for(home)
    with open_platform(home) as platform, tempfile.TemporaryDirectory() as folder:
        principal = platform.accounts.verify(key)
        known = platform.processors(serving_url=f"http://{settings.host}:{settings.port}")
        if processor not in known:
            raise NotFoundError(
                f"There is no processor '{processor}'.",
                hint=f"Choose of {', '.join(sorted(known))}.",
            )
        inputs = _inputs(value or [])
        with shown_progress() as progress:
            context = JobContext(progress=progress, workspace=Path(folder), principal=principal)
            items = run_processor(known[processor], inputs, context, platform.catalogue)
    if as_json:
        typer.echo(json.dumps([item.to_dict() for item in items]))
    else:
        for item in items:
            typer.echo(f"{item.collection_id}/{item.id}")


def list_jobs(
    key: Key,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List the jobs of the key's project, newest first."""
    from rich.console import Console
    from rich.table import Table

    with open_platform(home) as platform:
        jobs = platform.queue.list(viewer=platform.accounts.verify(key), limit=100)
    if as_json:
        rows = [
            {"id": j.id, "process": j.process_id, "status": j.status, "progress": j.progress}
            for j in jobs
        ]
        typer.echo(json.dumps(rows))
        return
    table = Table("job", "processor", "status", "progress", "message")
    for job in jobs:
        table.add_row(job.id, job.process_id, job.status, f"{job.progress} %", job.message)
    Console().print(table)


def work(job_id: str) -> None:
    """Run one job of the queue in this process; the server starts this itself."""
    from extremeearth.app.worker import work_on

    raise typer.Exit(work_on(job_id, settings_for()))
