"""Puts the layers together: the platform, the HTTP application, the command line, the demo."""

from extremeearth.app.platform import Platform
from extremeearth.app.web_application import create_app

__all__ = ["Platform", "create_app"]
