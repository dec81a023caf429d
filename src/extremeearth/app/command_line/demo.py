"""``extremeearth demo``: the flow of events on real data."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from extremeearth.app.command_line.options import examples, shown_progress

__all__ = ["register"]

TABLE_WIDTH = 132


def register(application: typer.Typer) -> None:
    """Add the commands."""
    demo = typer.Typer(
        help="The flow of events, end to end.",
        epilog=examples("demo food-security --serve"),
        no_args_is_help=True,
    )
    demo.callback()(_demos)
    demo.command("food-security", epilog=examples("demo food-security --serve --json steps.json"))(
        food_security
    )
    application.add_typer(demo, name="demo")


def _demos() -> None:
    """Run the flow of events, end to end."""


def food_security(
    out: Path = typer.Option(
        Path("extremeearth-demo"), "--out", help="Folder to leave everything in."
    ),
    data: Path | None = typer.Option(
        None,
        "--data",
        help="Folder of real data; default: EXTREMEEARTH_DATA, then ../shared/data, then simulated scenes.",
    ),
    fresh: bool = typer.Option(
        False, "--fresh", help="Run every step, also those finished before."
    ),
    serve: bool = typer.Option(False, "--serve", help="Keep the server up and print its address."),
    port: int | None = typer.Option(
        None,
        "--port",
        min=1,
        max=65535,
        help="Port of the server; default: 8000 with --serve, else any that is free.",
    ),
    json_file: Path | None = typer.Option(
        None, "--json", help="Also write the outcome of each step to this file, for machines."
    ),
) -> None:
    """Sentinel-2 series and parcels to crop map, water need, linked data and an answer."""
    from rich.console import Console

    from extremeearth.app.demo.food_security import DemoOptions, run_demo

    options = DemoOptions(
        out=out, data=data, fresh=fresh, serve=serve, port=port, json_file=json_file
    )
    # a file or a pipe has no width of its own; the table must not be cut there
    console = Console() if sys.stdout.isatty() else Console(width=TABLE_WIDTH)
    with shown_progress() as progress:
        run_demo(options, progress=progress, console=console)
