"""Options that several commands share, so that they mean the same everywhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from extremeearth.app.platform import Platform
    from extremeearth.core.progress import Progress
    from extremeearth.core.settings import Settings
    from extremeearth.infrastructure.engine import Engine

__all__ = [
    "DEFAULT_BASE",
    "RUNNING",
    "SOURCES",
    "AsJson",
    "Crs",
    "EngineUrl",
    "Home",
    "Workers",
    "examples",
    "open_platform",
    "running_engine",
    "settings_for",
    "shown_progress",
    "threads_for",
]

SOURCES, RUNNING = "Where it reads", "How it runs"
"""Headings of options in the help of commands that share them."""

Home = Annotated[
    Path | None,
    typer.Option("--home", help="Folder of the platform; default: the setting EXTREMEEARTH_HOME."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for machines.")]
Crs = Annotated[
    str | None,
    typer.Option(
        "--crs",
        help="Reference system of sources that name none, such as EPSG:4326; x comes first.",
        rich_help_panel=SOURCES,
    ),
]
EngineUrl = Annotated[
    str | None,
    typer.Option(
        "--engine",
        help="Where: local, or spark://host:port and others; default: this process.",
        rich_help_panel=RUNNING,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        help="Threads, as many as there are cores but 4 at most; with --engine local: processes.",
        rich_help_panel=RUNNING,
    ),
]
DEFAULT_BASE = "https://example.org/"
"""Start of IRIs where nobody says one."""
MOST_THREADS = 4
"""Threads that nobody asked for; each has a batch in memory."""


def examples(*lines: str) -> str:
    """Write what stands below the help of a command: how it is called, each call on a line of its own.

    Examples
    --------
    >>> examples("settings --json")
    'Example: `extremeearth settings --json`'
    >>> examples("job list", "job list --json").splitlines()[2:]
    ['- `extremeearth job list`', '', '- `extremeearth job list --json`']
    """
    calls = [f"`extremeearth {line}`" for line in lines]
    if len(calls) == 1:
        return f"Example: {calls[0]}"
    return "\n\n".join(["Examples:", *(f"- {call}" for call in calls)])


def settings_for(home: Path | None = None, **changes: object) -> Settings:
    """Read the settings; what the command line says wins over the environment."""
    from extremeearth.core.settings import Settings

    given = {name: value for name, value in changes.items() if value is not None}
    if home is not None:
        given["home"] = home.absolute()
    return Settings(**given)  # type: ignore[arg-type]  # pydantic checks each value


def open_platform(home: Path | None = None) -> Platform:
    """Open the platform that a command works on."""
    from extremeearth.app.platform import Platform

    return Platform.open(settings_for(home))


def threads_for(workers: int | None, engine: str | None) -> int:
    """Give the threads that a command works with: those it is told, or one per core; an engine has its own workers.

    Examples
    --------
    >>> threads_for(3, None), threads_for(3, "local")
    (3, 1)
    """
    if engine is not None:
        return 1
    return workers or min(settings_for().workers, MOST_THREADS)


@contextmanager
def running_engine(url: str | None, workers: int | None) -> Iterator[Engine | None]:
    """Open an engine for a command and end it after that; none where the work stays in this process."""
    if url is None:
        yield None
        return
    from extremeearth.infrastructure.engine import open_engine

    engine = open_engine(url, settings=settings_for(workers=workers))
    with engine if isinstance(engine, AbstractContextManager) else nullcontext():
        yield engine


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """Give what progress is told to: a bar on a terminal, which is taken away at the end."""
    from extremeearth.core.progress import progress_for

    with progress_for(sys.stderr) as progress:
        yield progress
