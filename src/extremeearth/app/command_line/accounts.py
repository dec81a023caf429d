"""``extremeearth user``, ``project`` and ``key``: who may use the platform."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from extremeearth.app.command_line.options import AsJson, Home, examples, open_platform
from extremeearth.core.errors import InputError
from extremeearth.core.principals import Scope
from extremeearth.core.times import format_instant

__all__ = ["register"]

SCOPES_HELP = f"A right: {', '.join(Scope)}. Can be repeated; default: all."


def register(application: typer.Typer) -> None:
    """Add the commands."""
    users = typer.Typer(
        help="People who use the platform.",
        epilog=examples("user create ada"),
        no_args_is_help=True,
    )
    users.command("create", epilog=examples("user create ada --email ada@example.org"))(create_user)
    projects = typer.Typer(
        help="Projects: the unit of isolation.",
        epilog=examples("project create baltic --owner ada"),
        no_args_is_help=True,
    )
    projects.command("create", epilog=examples("project create baltic --owner ada"))(create_project)
    keys = typer.Typer(
        help="API keys of a project.",
        epilog=examples("key create --user ada --project baltic"),
        no_args_is_help=True,
    )
    keys.command(
        "create", epilog=examples("key create --user ada --project baltic --scope job:run")
    )(create_key)
    keys.command("list", epilog=examples("key list --project baltic --json"))(list_keys)
    keys.command("revoke", epilog=examples("key revoke ee3f9a"))(revoke_key)
    application.add_typer(users, name="user")
    application.add_typer(projects, name="project")
    application.add_typer(keys, name="key")


def create_user(
    name: Annotated[str, typer.Argument(help="Short name, with which other commands name it.")],
    email: str | None = typer.Option(None, "--email", help="Where to reach the person."),
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Add a person."""
    with open_platform(home) as platform:
        user = platform.accounts.create_user(name, email=email)
    typer.echo(json.dumps({"id": user.id, "name": user.name}) if as_json else user.name)


def create_project(
    name: Annotated[str, typer.Argument(help="Short name, with which other commands name it.")],
    owner: str = typer.Option(..., "--owner", help="Name of the user who owns it."),
    title: str = typer.Option("", "--title", help="Title that people read; default: none."),
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Add a project."""
    with open_platform(home) as platform:
        accounts = platform.accounts
        project = accounts.create_project(name, owner=accounts.find_user(owner), title=title)
    typer.echo(json.dumps({"id": project.id, "name": project.name}) if as_json else project.name)


def create_key(
    user: str = typer.Option(..., "--user", help="Who uses the key."),
    project: str = typer.Option(..., "--project", help="Project that the key opens."),
    name: str = typer.Option("key", "--name", help="What the key is for."),
    scope: list[str] | None = typer.Option(None, "--scope", help=SCOPES_HELP),
    days: int = typer.Option(90, "--days", min=0, help="Days until it expires; 0: never."),
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key; its secret is shown this once."""
    scopes = _scopes(scope)
    expires = datetime.now(UTC) + timedelta(days=days) if days else None
    with open_platform(home) as platform:
        accounts = platform.accounts
        key = accounts.create_key(
            user=accounts.find_user(user), project=accounts.find_project(project),
            name=name, scopes=scopes, expires=expires,
        )  # fmt: skip
    if as_json:
        typer.echo(json.dumps({"prefix": key.prefix, "token": key.token}))
        return
    typer.echo(key.token)
    typer.echo("Keep it: it is not shown again.", err=True)


def _scopes(names: list[str] | None) -> frozenset[Scope]:
    if not names:
        return frozenset(Scope)
    try:
        return frozenset(Scope(name) for name in names)
    except ValueError as err:
        raise InputError(f"{err}.", hint=f"Scopes are: {', '.join(Scope)}.") from err


def list_keys(
    project: str = typer.Option(..., "--project", help="Project whose keys to list."),
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List the keys of a project, without their secrets."""
    from rich.console import Console
    from rich.table import Table

    with open_platform(home) as platform:
        accounts = platform.accounts
        keys = accounts.keys(project=accounts.find_project(project))
    rows = [
        {
            "prefix": key.prefix,
            "name": key.name,
            "scopes": sorted(key.scopes),
            "expires": format_instant(key.expires) if key.expires else None,
            "last_used": format_instant(key.last_used) if key.last_used else None,
            "revoked": key.revoked is not None,
        }
        for key in keys
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table("prefix", "name", "scopes", "expires", "last used", "revoked")
    for row in rows:
        table.add_row(
            str(row["prefix"]), str(row["name"]), ", ".join(row["scopes"]),  # type: ignore[arg-type]  # a list of names
            str(row["expires"] or "never"), str(row["last_used"] or "never"), "yes" if row["revoked"] else "",
        )  # fmt: skip
    Console().print(table)


def revoke_key(
    prefix: Annotated[str, typer.Argument(help="What stands before the dot of the key.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Make a key useless from now on."""
    with open_platform(home) as platform:
        platform.accounts.revoke(prefix)
    if as_json:
        typer.echo(json.dumps({"prefix": prefix, "revoked": True}))
    else:
        typer.echo(f"The key {prefix} is revoked.", err=True)
