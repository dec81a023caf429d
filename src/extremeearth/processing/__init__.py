"""The processing layer: accounts, jobs, and what turns Copernicus data into models and maps."""

from __future__ import annotations

__all__: list[str] = []
