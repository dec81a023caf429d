"""Runs of the platform in a process of its own, as after an ordinary installation."""

from __future__ import annotations

import compileall
import os
from functools import cache
from pathlib import Path

import extremeearth

__all__ = ["installed_environment"]


@cache
def installed_environment() -> dict[str, str]:
    """Compile the package once, as pip does for what it installs (and did for the rivals), and give the environment.

    A package that is worked on is compiled anew by each process where Python may not write bytecode.
    """
    compileall.compile_dir(Path(extremeearth.__file__).parent, quiet=2)
    compileall.compile_dir(Path(__file__).parent, quiet=2)
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
