"""Linking what is new: a state beside the links says which features were linked before, and with which choices.

A feature is known by its IRI and a hash of its shape and its times. A later run verifies only pairs with a new or
changed feature; of the links that are there, those stay whose two features are still there and unchanged.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import shapely

from extremeearth.core.errors import DataBrokenError, InputError
from extremeearth.core.files import atomic_path
from extremeearth.core.progress import SILENT, Progress
from extremeearth.infrastructure.engine import Engine
from extremeearth.knowledge.interlinking.features import FeatureSet, OnInvalid
from extremeearth.knowledge.interlinking.options import LinkOptions
from extremeearth.knowledge.interlinking.running import Fresh, LinkReport, LinkRun
from extremeearth.knowledge.rdf import TEXT, iri_terms, open_statements

__all__ = ["link_files"]

BLOCK_BYTES = 16 << 20
_LINE = r"^(?P<source><[^<>\s]*>) (?P<name><[^<>\s]*>) (?P<target><[^<>\s]*>) \.$"


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
        linked, and the links of what is gone or changed go. Nearest features are found anew for all as soon as
        anything is new, changed or gone. Where the choices were others, all is linked anew.
    on_invalid, engine, progress
        As for `link`.

    Raises
    ------
    InputError
        A budget with a state: which pairs a budget leaves out depends on all features, so what is new says nothing of
        them. Or the property of nearest features is that of other links too.
    DataBrokenError
        The state or the links cannot be read.

    Examples
    --------
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
    _check(options)
    now = _State.of(left, right, options, on_invalid)
    before = _State.read(state) if state.is_file() and out.is_file() else None
    if before is not None and before.choices != now.choices:
        before = None
    fresh = None if before is None else now.fresh(before)
    # nearest ones are found anew, so the old ones are not copied
    without = options.nearest_property if fresh is not None and fresh.anything else None
    run = LinkRun(
        left, right, options=options, on_invalid=on_invalid, engine=engine, progress=progress, fresh=fresh
    )  # fmt: skip
    kept: dict[str, int] = {}
    with open_statements(out) as file:
        if before is not None:
            kept = _copy(out, file, now.known(before, self_join=right is None), without=without)
        run.write(file)
    now.write(state)
    return _together(run, kept)


def _check(options: LinkOptions) -> None:
    if options.budget is not None:
        raise InputError(
            "A budget cannot be kept up to date from what is new: what it leaves out depends on all features.",
            hint="Leave out the state, or the budget.",
        )
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
    return dataclasses.replace(report, links=links, reused=sum(kept.values()))


@dataclass(frozen=True, slots=True)
class _State:
    """The features of both sides (IRIs and hashes) and the choices of a run."""

    choices: str
    sides: tuple[tuple[Any, Any], tuple[Any, Any]]

    @classmethod
    def of(
        cls, left: FeatureSet, right: FeatureSet | None, options: LinkOptions, on_invalid: str
    ) -> _State:
        chosen = dataclasses.asdict(options) | {
            "on_invalid": on_invalid, "self_join": right is None, "left_crs": left.crs.to_wkt(),
            "right_crs": (right or left).crs.to_wkt(),
        }  # fmt: skip
        for how in ("filter", "rows_per_cell", "threads", "weighting", "measure"):
            del chosen[how]
        text = json.dumps(chosen, sort_keys=True, default=str)
        ours = (left.iris, _hashes(left))
        theirs = ours if right is None else (right.iris, _hashes(right))
        return cls(hashlib.sha256(text.encode()).hexdigest(), (ours, theirs))

    @classmethod
    def read(cls, path: Path) -> _State:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(path)
            choices = table.schema.metadata[b"extremeearth.choices"].decode()
            side = table["side"].to_numpy()
            iris, hashes = table["iri"].combine_chunks(), table["hash"].to_numpy()
        except (pa.ArrowInvalid, OSError, KeyError, TypeError) as err:
            raise DataBrokenError(
                f"{path.name} is no state of a linking run.",
                hint="Delete it to link everything anew.",
            ) from err
        ours, theirs = (
            (iris.filter(pa.array(side == place)), hashes[side == place]) for place in (0, 1)
        )
        return cls(choices, (ours, theirs))

    def write(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        (ours, our_hashes), (theirs, their_hashes) = self.sides
        table = pa.table(
            {
                "side": np.repeat(np.array([0, 1], dtype=np.int8), [len(ours), len(theirs)]),
                "iri": pa.chunked_array([ours, theirs], TEXT),
                "hash": np.concatenate([our_hashes, their_hashes]),
            }
        )
        table = table.replace_schema_metadata({"extremeearth.choices": self.choices})
        with atomic_path(path) as temporary:
            pq.write_table(table, temporary, compression="zstd")

    def fresh(self, before: _State) -> Fresh:
        """Give what is new or changed, and whether anything, the order too, is other than before."""
        pairs = list(zip(self.sides, before.sides, strict=True))
        masks = [_same(now, then) for now, then in pairs]
        anything = not all(
            mask.all() and now[0].to_pylist() == then[0].to_pylist()
            for mask, (now, then) in zip(masks, pairs, strict=True)
        )
        return Fresh(np.flatnonzero(~masks[0]), np.flatnonzero(~masks[1]), anything)

    def known(self, before: _State, *, self_join: bool) -> tuple[Any, Any]:
        """Give the terms of the features of each side that are there unchanged."""
        import pyarrow as pa

        terms = [
            iri_terms(now[0].filter(pa.array(_same(now, then))), checked=False)
            for now, then in zip(self.sides, before.sides, strict=True)
        ]
        return terms[0], terms[0] if self_join else terms[1]


def _same(now: tuple[Any, Any], then: tuple[Any, Any]) -> Any:
    """Tell which features were there before with the same hash; an IRI that stands twice is never the same."""
    import pandas as pd

    (iris, hashes), (old_iris, old_hashes) = now, then
    old = pd.DataFrame({"iri": old_iris.to_pandas(), "old": old_hashes})
    old = old[~old["iri"].duplicated(keep=False)]
    names = iris.to_pandas()
    found = names.map(old.set_index("iri")["old"].to_dict())
    return ((found == hashes) & ~names.duplicated(keep=False)).to_numpy(dtype=bool)


def _hashes(features: FeatureSet) -> Any:
    """Hash each shape with its times to 16 bytes in hexadecimal."""
    wkb = shapely.to_wkb(features.shapes)
    spans = features.spans
    return np.array(
        [
            hashlib.blake2b(
                (data or b"") + (b"" if spans is None else spans[row].tobytes()), digest_size=16
            ).hexdigest()
            for row, data in enumerate(wkb)
        ],
        dtype=object,
    )


def _copy(
    old: Path, file: BinaryIO, known: tuple[Any, Any], *, without: str | None
) -> dict[str, int]:
    """Copy the links whose features are both known, `without` one property; give how many each other one has."""
    import pyarrow as pa
    import pyarrow.compute as pc

    counts: dict[str, int] = {}
    for text in _blocks(old):
        lines = pc.split_pattern(pa.array([text], pa.large_string()), "\n").flatten()
        lines = lines.filter(pc.not_equal(lines, ""))
        parts = pc.extract_regex(lines, pattern=_LINE)
        if parts.null_count:
            raise DataBrokenError(
                f"{old.name} holds lines that are no links.",
                hint="Delete it to link everything anew.",
            )
        source, name, target = (pc.struct_field(parts, i).cast(TEXT) for i in range(3))
        good = pc.and_(pc.is_in(source, known[0].cast(TEXT)), pc.is_in(target, known[1].cast(TEXT)))
        if without is not None:
            good = pc.and_(good, pc.not_equal(name, f"<{without}>"))
        kept = lines.filter(good)
        if len(kept):
            file.write(("\n".join(kept.to_pylist()) + "\n").encode())
        for row in pc.value_counts(name.filter(good)).to_pylist():
            counts[row["values"]] = counts.get(row["values"], 0) + row["counts"]
    return counts


def _blocks(path: Path) -> Iterator[str]:
    """Read whole lines in blocks."""
    import pyarrow as pa

    rest = b""
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            while data := stream.read(BLOCK_BYTES):
                whole, newline, rest = (rest + data).rpartition(b"\n")
                if whole:
                    yield (whole + newline).decode()
        if rest:
            yield rest.decode()
    except (OSError, UnicodeDecodeError) as err:
        raise DataBrokenError(
            f"{path.name} cannot be read: {err}.", hint="Delete it to link everything anew."
        ) from err
