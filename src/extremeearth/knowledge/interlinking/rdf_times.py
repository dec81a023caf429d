"""When features of RDF hold: paths of properties from a feature to its times."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from extremeearth.core.errors import InputError
from extremeearth.knowledge.interlinking.features import FeatureSet, spans_of
from extremeearth.knowledge.rdf import GEO, check_iri

__all__ = ["PREFIXES", "PathWalker", "TimePaths", "read_path", "times_query", "with_times"]

TimePaths = tuple[str, ...]
"""One path (an instant, or the first and the last of several), or two (start and end)."""

PREFIXES = {
    "time": "http://www.w3.org/2006/time#",
    "geo": str(GEO),
    "dcterms": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "schema": "https://schema.org/",
    "sosa": "http://www.w3.org/ns/sosa/",
}
"""Prefixes that paths may use."""
_STEP = re.compile(r"<([^<>\s]+)>|([a-z]+):([A-Za-z_][\w.-]*)")


def read_path(text: str) -> tuple[str, ...]:
    """Read a path: an IRI, or steps with ``/`` between them, each ``<IRI>`` or with a prefix of `PREFIXES`.

    Examples
    --------
    >>> read_path("time:hasTime/time:inXSDDateTime")[0]
    'http://www.w3.org/2006/time#hasTime'
    >>> read_path("https://example.org/when")
    ('https://example.org/when',)
    """
    text = text.strip()
    if "://" in text and not text.startswith("<") and "/<" not in text:
        check_iri(text)
        return (text,)
    steps, at = [], 0
    while True:
        found = _STEP.match(text, at)
        if found is None or (found[2] and found[2] not in PREFIXES):
            raise InputError(
                f"'{text}' is no path of properties.",
                hint=f"Write <IRI>, or a name with one of {', '.join(PREFIXES)}; put / between steps.",
            )
        iri = found[1] or PREFIXES[found[2]] + found[3]
        check_iri(iri)
        steps.append(iri)
        at = found.end()
        if at == len(text):
            return tuple(steps)
        if text[at] != "/":
            raise InputError(f"'{text}' is no path of properties.", hint="Put / between steps.")
        at += 1


def times_query(path: str) -> str:
    """Give the query for the ends of a path, as rows of ``?feature ?geometry``."""
    steps = "/".join(f"<{iri}>" for iri in read_path(path))
    return f"SELECT ?feature ?geometry WHERE {{ ?feature {steps} ?geometry }}"


class PathWalker:
    """Notes the statements that are steps of paths, and walks them.

    Parameters
    ----------
    paths
        Of `read_path`.
    """

    def __init__(self, paths: Sequence[tuple[str, ...]]) -> None:
        self._paths = paths
        self._wanted = {iri for path in paths for iri in path}
        self._next: dict[tuple[str, str], list[Any]] = defaultdict(list)

    def note(self, subject: str, predicate: str, value: Any) -> None:
        """Take a statement."""
        if predicate in self._wanted:
            self._next[predicate, subject].append(value)

    def ends(self, features: Iterable[str], place: int) -> Iterator[tuple[str, str]]:
        """Give the literals at the end of a path from each feature (``<IRI>``), as IRI and text."""
        for feature in features:
            here = [feature]
            for iri in self._paths[place][:-1]:
                here = [str(value) for node in here for value in self._next.get((iri, node), ())]
            for node in here:
                for value in self._next.get((self._paths[place][-1], node), ()):
                    if hasattr(value, "datatype"):
                        yield feature[1:-1], value.value


def with_times(features: FeatureSet, ends: Sequence[list[tuple[str, str]]]) -> FeatureSet:
    """Give features with their times: from the first start to the last end; open where nothing is said.

    Parameters
    ----------
    features
        Features.
    ends
        For each path, rows of a feature's IRI and a time in ISO 8601.

    Raises
    ------
    InputError
        There are more than two paths, or a time cannot be read.
    """
    import pandas as pd

    if not ends:
        return features
    if len(ends) > 2:
        raise InputError(f"{len(ends)} paths are no time span.", hint="Name one or two.")
    place = {iri: row for row, iri in enumerate(features.iris.to_pylist())}
    spans = np.column_stack([np.full(len(features), -np.inf), np.full(len(features), np.inf)])
    for side, (rows, best) in enumerate(((ends[0], np.minimum), (ends[-1], np.maximum))):
        known = [(place[iri], text) for iri, text in rows if iri in place]
        moments = spans_of(
            pd.DataFrame({"at": pd.Series([t for _, t in known], dtype=object)}), "at"
        )
        at = np.array([row for row, _ in known], dtype=np.int64)
        spans[at, side] = -spans[at, side]  # from "open" to what any moment is better than
        best.at(spans[:, side], at, moments[:, side])
    if (spans[:, 0] > spans[:, 1]).any():
        raise InputError("A feature ends before it starts.", hint="Look at its two times.")
    return replace(features, spans=spans)
