"""Linking what is new: a state beside the links says which features were linked before, and with which choices.

A feature is known by its IRI and a hash of its shape and its times. A later run verifies only pairs with a new or
changed feature; of the links that are there, those stay whose two features are still there and unchanged.

A state tells of the links beside it and of no others: it goes away before new links take the place of old ones, and
comes back after that. A run that ends in between leaves links without a state, and the next one links all anew.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from extremeearth.core.errors import InputError
from extremeearth.core.progress import SILENT, Progress
from extremeearth.infrastructure.engine import Engine
from extremeearth.knowledge.interlinking.earlier_links import EarlierLinks
from extremeearth.knowledge.interlinking.features import FeatureSet, OnInvalid
from extremeearth.knowledge.interlinking.link_state import LinkState, forget
from extremeearth.knowledge.interlinking.options import LinkOptions
from extremeearth.knowledge.interlinking.running import LinkReport, LinkRun
from extremeearth.knowledge.rdf import open_statements

__all__ = ["link_files"]


def link_files(
    left: FeatureSet,
    right: FeatureSet | None,
    out: Path,
    *,
    options: LinkOptions,
    state: Path | None = None,
    on_invalid: OnInvalid = "repair",
    engine: Engine | None = None,
    progress: Progress = SILENT,
) -> LinkReport:
    """Link two sets of features and write the links as N-Triples; the file appears whole or not at all.

    Parameters
    ----------
    left, right
        Features, e.g. of `read_features`; `None` for `right` links the left set with itself.
    out
        File to write: ``.nt``, or packed as ``.nt.gz`` or ``.nt.zst``.
    options
        What is linked, and how.
    state
        Parquet file that remembers what was linked. Where it is there, and `out` too, only what is new or changed is
        linked, and the links of what is gone or changed go. Nearest features are looked for among all for what is new
        or has lost one of them, and among what is new for the rest; where features of the other side changed places,
        which decides between equally near ones, for all. Where the choices were others, all is linked anew. A run with
        a budget goes on where the last one stopped, as long as the sources are the same and in the same order.
    on_invalid, engine, progress
        As for `link`.

    Raises
    ------
    InputError
        The property of nearest features is that of other links too, or the state is to be where the links are.
    DataBrokenError
        The state or the links cannot be read.

    Examples
    --------
    >>> import shapely
    >>> import tempfile
    >>> from geopandas import GeoDataFrame
    >>> from extremeearth.knowledge.interlinking import feature_set
    >>> folder = Path(tempfile.mkdtemp())
    >>> grown = GeoDataFrame(
    ...     {"id": ["urn:a", "urn:b"]}, geometry=[shapely.Point(1, 1)] * 2, crs=4326
    ... )
    >>> region = feature_set(grown[:1].assign(id="urn:r"), id_column="id")
    >>> for fields in (grown[:1], grown):
    ...     report = link_files(
    ...         feature_set(fields, id_column="id"), region, folder / "links.nt",
    ...         options=LinkOptions(relations=["equals"]), state=folder / "state.parquet",
    ...     )  # fmt: skip
    ...     print(report.verified, report.reused, report.links)
    1 0 {'equals': 1}
    1 1 {'equals': 2}
    """
    if state is None:
        run = LinkRun(
            left, right, options=options, on_invalid=on_invalid, engine=engine, progress=progress
        )
        run.write(out)
        return run.report
    _check(options, out, state)
    now = LinkState.of(left, right, options, on_invalid)
    before = LinkState.read(state) if state.is_file() and out.is_file() else None
    if before is not None and not now.goes_on(before, whole=options.budget is not None):
        before = None
    old = EarlierLinks(None if options.nearest is None else options.nearest_property)
    with open_statements(out) as file:
        fresh = None
        if before is not None:
            known = now.known(before, self_join=right is None)
            old.copy(out, file, known)
            fresh = known.fresh(old.nearest, reach=before.reach, verified=before.verified)
        run = LinkRun(
            left, right, options=options, on_invalid=on_invalid, engine=engine, progress=progress, fresh=fresh
        )  # fmt: skip
        run.write(file)
        forget(state)
    report = _together(run, old.counts)
    now.write(state, run.reach, report.progressive)
    return report


def _check(options: LinkOptions, out: Path, state: Path) -> None:
    if state.resolve() == out.resolve():
        raise InputError("The state would be written over the links.", hint="Name another file.")
    others = {relation.iri for relation in options.chosen()}
    if options.within_m is not None:
        others.add(options.within_property)
    if options.nearest is not None and options.nearest_property in others:
        raise InputError(
            "With a state, nearest features need a property of their own.",
            hint="Say another nearest_property.",
        )


def _together(run: LinkRun, kept: dict[str, int]) -> LinkReport:
    report = run.report
    names = {f"<{iri}>": name for name, iri in run.properties}
    links = dict(report.links)
    for term, count in kept.items():
        name = names.get(term, term)
        links[name] = links.get(name, 0) + count
    return dataclasses.replace(report, links=links, reused=report.reused + sum(kept.values()))
