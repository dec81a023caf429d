"""Which normalised differences of bands the networks and the forest see, besides the bands themselves."""

from __future__ import annotations

__all__ = ["INDEX_PAIRS"]

INDEX_PAIRS = ((7, 3), (8, 11), (7, 5), (11, 12), (8, 4))
"""Positions of two bands: NDVI, NDMI, and with B06, of the two short-wave bands, and with B05."""
