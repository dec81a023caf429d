"""The physical layer: where bytes lie (`objects`) and where work runs (`engine`)."""

from __future__ import annotations

__all__: list[str] = []
