"""The root command: gathers the commands, and turns errors into one sentence and an exit code.

Data goes to standard output, messages to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage,
130 stopped by Ctrl-C, 143 by a shutdown (128 and the number of the signal).
"""

from __future__ import annotations

import errno
import sys
from functools import cache
from typing import Any

import typer
from typer.core import TyperGroup

from extremeearth import __version__
from extremeearth.app.command_line.endings import exit_code_of
from extremeearth.core.errors import ExtremeEarthError

__all__ = ["application", "gather", "main"]

COMMAND_LINE_HINT = "Run the command again with --debug to see where."


class _Commands(TyperGroup):
    """Shows errors as a sentence; a traceback only with ``--debug``."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command and translate what goes wrong."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as err:
            if ctx.params.get("debug"):
                raise
            again = "What was finished stays valid; run the same command again to go on."
            _fail("Stopped.", again, code=exit_code_of(err))
        except ExtremeEarthError as err:
            if ctx.params.get("debug"):
                raise
            _fail(err.message, err.hint)
        except OSError as err:
            if ctx.params.get("debug") or err.errno == errno.EPIPE:
                raise
            where = f" ({err.filename})" if err.filename else ""
            hint = (
                "Free some space" if err.errno == errno.ENOSPC else "Check the path and your rights"
            )
            _fail(f"{err.strerror or err}{where}.", f"{hint}, and run it again.")
        except ValueError as err:
            told = _wrong_setting(err)
            if told is None or ctx.params.get("debug"):
                raise
            _fail(told, "Change the variable, or unset it for its default.")
        except (typer.Exit, typer.Abort):
            raise
        except RuntimeError as err:
            if ctx.params.get("debug"):
                raise
            _fail(f"Something unexpected went wrong: {err}.", COMMAND_LINE_HINT)


def _wrong_setting(err: ValueError) -> str | None:
    """Tell which setting is wrong, and how; `None` where it is another error. What was set may be a secret."""
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from extremeearth.core.settings import Settings

    if isinstance(err, SettingsError):
        name = next((n for n in Settings.model_fields if f'"{n}"' in str(err)), None)
        return (
            None
            if name is None
            else f'{_variable(name)}: it is not JSON, in which a list is ["one", "two"].'
        )
    if not isinstance(err, ValidationError) or err.title != Settings.__name__:
        return None
    parts = [
        f"{_variable(str(one['loc'][0])) if one['loc'] else 'The settings'}: {one['msg']}."
        for one in err.errors(include_url=False, include_input=False)
    ]
    return "\n".join(parts)


def _variable(name: str) -> str:
    return f"EXTREMEEARTH_{name.upper()}"


def _fail(message: str, hint: str | None, *, code: int = 1) -> None:
    said = _harmless(message + (f"\n{hint}" if hint else ""))
    typer.echo(typer.style("Error: ", fg="red", bold=True) + said, err=True)
    raise typer.Exit(code)


def _harmless(text: str) -> str:
    """Leave out what a terminal would obey: messages quote files and servers that nobody has looked at."""
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)


application = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Copernicus data from the archive to knowledge that people can question.",
    epilog="Try: `extremeearth demo food-security --serve`",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"extremeearth {__version__}")
        raise typer.Exit


@application.callback()
def _root(
    debug: bool = typer.Option(False, "--debug", help="Show tracebacks of errors."),
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Show the version and stop."
    ),
) -> None:
    del debug, version


@cache
def gather() -> typer.Typer:
    """Give the root command with every command added, once however often it is asked for."""
    from extremeearth.app.command_line import (
        accounts,
        catalogue,
        demo,
        graph,
        interlink,
        jobs,
        rdf,
        serve,
        settings,
    )

    for module in (demo, serve, accounts, catalogue, jobs, graph, rdf, interlink, settings):
        module.register(application)
    return application


def main() -> None:
    """Run the command line; the entry point of the ``extremeearth`` script."""
    try:
        gather()()
    except KeyboardInterrupt as err:
        sys.exit(exit_code_of(err))
