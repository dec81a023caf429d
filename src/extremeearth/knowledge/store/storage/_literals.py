"""Geometry literals to shapes, with a reason for each that cannot be read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from extremeearth.knowledge.rdf import GeometryColumn, parse_geometries
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn

__all__ = ["read_literals"]


def read_literals(column: TermColumn) -> tuple[GeometryColumn, Mapping[int, str]]:
    """Read geometry literals.

    Returns
    -------
    tuple
        The shapes, none where a literal cannot be read; and why not, by row.
    """
    # the codes of the four forms follow each other in the order of the forms
    forms = np.where(types.flags(column.types, "geometry"), column.types - types.WKT, -1)
    read = parse_geometries(forms.astype(np.int8), column.values)
    return read.column, read.problems
