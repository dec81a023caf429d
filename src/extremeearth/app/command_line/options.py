"""Options that several commands share, so that they mean the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from extremeearth.core.settings import Settings

if TYPE_CHECKING:
    from extremeearth.app.platform import Platform

__all__ = ["AsJson", "Home", "open_platform", "settings_for"]

Home = Annotated[
    Path | None,
    typer.Option("--home", help="Folder of the platform; default: the setting EXTREMEEARTH_HOME."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for machines.")]


def settings_for(home: Path | None = None, **changes: object) -> Settings:
    """Read the settings; what the command line says wins over the environment."""
    given = {name: value for name, value in changes.items() if value is not None}
    if home is not None:
        given["home"] = home.absolute()
    return Settings(**given)  # type: ignore[arg-type]  # pydantic checks each value


def open_platform(home: Path | None = None) -> Platform:
    """Open the platform that a command works on."""
    from extremeearth.app.platform import Platform

    return Platform.open(settings_for(home))
