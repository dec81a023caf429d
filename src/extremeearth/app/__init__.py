"""Puts the layers together: the platform, the HTTP application, the command line, the demo.

Its names are found when they are first asked for: a command that needs no platform starts without one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from extremeearth.app.platform import Platform
    from extremeearth.app.web_application import create_app

__all__ = ["Platform", "create_app"]

_HOMES = {
    "Platform": "extremeearth.app.platform",
    "create_app": "extremeearth.app.web_application",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
