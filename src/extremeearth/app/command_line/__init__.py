"""The command line: ``extremeearth COMMAND``."""

from extremeearth.app.command_line.main import main

__all__ = ["main"]
