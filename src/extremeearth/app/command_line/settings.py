"""``extremeearth settings``: what is in force, and where it comes from."""

from __future__ import annotations

import json
import os

import typer

from extremeearth.app.command_line.options import AsJson, examples

__all__ = ["register"]

HIDDEN = frozenset({"s3_access_key", "s3_secret_key"})


def register(application: typer.Typer) -> None:
    """Add the command."""
    application.command("settings", epilog=examples("settings --json"))(show)


def show(as_json: AsJson = False) -> None:
    """Show every setting, its value and how to change it."""
    from rich.console import Console
    from rich.table import Table

    from extremeearth.core.settings import Settings

    settings = Settings()
    rows = {}
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        rows[name] = {
            "variable": f"EXTREMEEARTH_{name.upper()}",
            "value": "(set)" if name in HIDDEN and value else _plain(value),
            "set": f"EXTREMEEARTH_{name.upper()}" in os.environ,
            "help": field.description or "",
        }
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table("variable", "value", "what it is")
    for row in rows.values():
        value = "" if row["value"] is None else str(row["value"])
        table.add_row(str(row["variable"]), value, str(row["help"]))
    Console().print(table)


def _plain(value: object) -> object:
    return (
        value
        if isinstance(value, (int, float, str, bool, dict, type(None)))
        else (list(value) if isinstance(value, tuple) else str(value))
    )
