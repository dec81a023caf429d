"""The web platform: the page at ``/``, served from files that were built before (source in ``ui/``)."""

from __future__ import annotations

from extremeearth.product.web.page import BuiltFile, BuiltPage, open_page
from extremeearth.product.web.routes import CONTENT_SECURITY_POLICY, web_router

__all__ = ["BuiltFile", "BuiltPage", "CONTENT_SECURITY_POLICY", "open_page", "web_router"]
