"""The product layer: what the users of a thematic platform run, and the page on which they do."""

from __future__ import annotations

__all__: list[str] = []
