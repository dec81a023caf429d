"""Linking what is new: a state beside the links says which features were linked before, and with which choices.

A feature is known by its IRI and a hash of its shape and its times. A later run verifies only pairs with a new or
changed feature; of the links that are there, those stay whose two features are still there and unchanged.

A state tells of the links beside it and of no others: it goes away before new links take the place of old ones, and
comes back after that. A run that ends in between leaves links without a state, and the next one links all anew.
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

from extremeearth.core.errors import DataBrokenError, InputError, StorageError
from extremeearth.core.files import atomic_path
from extremeearth.core.progress import SILENT, Progress
from extremeearth.infrastructure.engine import Engine
from extremeearth.knowledge.interlinking.closest import Closest
from extremeearth.knowledge.interlinking.features import FeatureSet, OnInvalid
from extremeearth.knowledge.interlinking.options import LinkOptions
from extremeearth.knowledge.interlinking.progressive import ProgressiveReport
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
    now = _State.of(left, right, options, on_invalid)
    before = _State.read(state) if state.is_file() and out.is_file() else None
    if before is not None and not now.goes_on(before, whole=options.budget is not None):
        before = None
    old = _Old(None if options.nearest is None else options.nearest_property)
    with open_statements(out) as file:
        fresh = None
        if before is not None:
            known = now.known(before, self_join=right is None)
            old.copy(out, file, known)
            fresh = known.fresh(before, old.nearest)
        run = LinkRun(
            left, right, options=options, on_invalid=on_invalid, engine=engine, progress=progress, fresh=fresh
        )  # fmt: skip
        run.write(file)
        _forget(state)
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


def _forget(state: Path) -> None:
    try:
        state.unlink(missing_ok=True)
    except OSError as err:
        raise StorageError(
            f"{state} cannot be written anew: {err.strerror}.",
            hint="Check its name and your rights.",
        ) from err


def _together(run: LinkRun, kept: dict[str, int]) -> LinkReport:
    report = run.report
    names = {f"<{iri}>": name for name, iri in run.properties}
    links = dict(report.links)
    for term, count in kept.items():
        name = names.get(term, term)
        links[name] = links.get(name, 0) + count
    return dataclasses.replace(report, links=links, reused=report.reused + sum(kept.values()))


_VERIFIED = (b"extremeearth.verified", b"extremeearth.qualifying")
_FORM = 2
"""Of the state; another one is not read."""


@dataclass(frozen=True, slots=True)
class _State:
    """The features of both sides (IRIs and hashes), how far the nearest ones of each are, and the choices of a run."""

    choices: str
    sides: tuple[tuple[Any, Any], tuple[Any, Any]]
    reach: Any = None
    verified: tuple[int, int] = (0, 0)

    @classmethod
    def of(
        cls, left: FeatureSet, right: FeatureSet | None, options: LinkOptions, on_invalid: str
    ) -> _State:
        chosen = dataclasses.asdict(options) | {
            "on_invalid": on_invalid, "self_join": right is None, "left_crs": left.crs.to_wkt(),
            "right_crs": (right or left).crs.to_wkt(), "form": _FORM,
        }  # fmt: skip
        for how in (
            "filter",
            "rows_per_cell",
            "threads",
            "measure",
            *([] if options.budget else ["weighting"]),
        ):
            del chosen[how]
        chosen["budget"] = options.budget is not None
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
            said = table.schema.metadata
            choices = said[b"extremeearth.choices"].decode()
            verified, qualifying = (int(said.get(name, 0)) for name in _VERIFIED)
            if not 0 <= qualifying <= verified:
                raise ValueError(f"{qualifying} of {verified} pairs")
            for name, type_ in {"side": pa.int8(), "iri": TEXT, "hash": pa.string()}.items():
                if table.schema.field(name).type != type_ or table[name].null_count:
                    raise TypeError(name)
            side = table["side"].to_numpy()
            iris, hashes = table["iri"].combine_chunks(), table["hash"].to_numpy()
            reach = None
            if "reach" in table.column_names:
                reach = table["reach"].cast(pa.float64()).to_numpy()[side == 0]
                if not (reach >= 0).all():
                    raise ValueError("a distance below 0")
        except (pa.ArrowInvalid, OSError, KeyError, TypeError, ValueError) as err:
            raise DataBrokenError(
                f"{path.name} is no state of a linking run.",
                hint="Delete it to link everything anew.",
            ) from err
        ours, theirs = (
            (iris.filter(pa.array(side == place)), hashes[side == place]) for place in (0, 1)
        )
        return cls(choices, (ours, theirs), reach, (verified, qualifying))

    def goes_on(self, before: _State, *, whole: bool) -> bool:
        """Tell whether a run can go on from a state: with the same choices, and where all counts, the same features."""
        return self.choices == before.choices and not (
            whole
            and any(
                not np.array_equal(now[1], then[1]) or now[0].to_pylist() != then[0].to_pylist()
                for now, then in zip(self.sides, before.sides, strict=True)
            )
        )

    def write(self, path: Path, reach: Any, budgeted: ProgressiveReport | None) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        (ours, our_hashes), (theirs, their_hashes) = self.sides
        columns = {
            "side": np.repeat(np.array([0, 1], dtype=np.int8), [len(ours), len(theirs)]),
            "iri": pa.chunked_array([ours, theirs], TEXT),
            "hash": pa.array(np.concatenate([our_hashes, their_hashes]), pa.string()),
        }
        if reach is not None:
            columns["reach"] = np.concatenate([reach, np.full(len(theirs), np.nan)])
        said: dict[str | bytes, str] = {"extremeearth.choices": self.choices}
        if budgeted is not None:
            counts = (
                budgeted.verified_before + budgeted.verified,
                budgeted.qualifying_before + budgeted.qualifying,
            )
            said |= {name: str(count) for name, count in zip(_VERIFIED, counts, strict=True)}
        table = pa.table(columns).replace_schema_metadata(said)
        with atomic_path(path) as temporary:
            pq.write_table(table, temporary, compression="zstd")

    def known(self, before: _State, *, self_join: bool) -> _Known:
        """Tell what is there unchanged."""
        ours, theirs = (
            _KnownSide.of(now, then) for now, then in zip(self.sides, before.sides, strict=True)
        )
        return _Known(ours, ours if self_join else theirs)


@dataclass(frozen=True, slots=True)
class _KnownSide:
    """Rows now and then, the terms of these, and the new rows."""

    rows: Any
    before: Any
    terms: Any
    new: Any

    @classmethod
    def of(cls, now: tuple[Any, Any], then: tuple[Any, Any]) -> _KnownSide:
        import pandas as pd
        import pyarrow as pa

        same = _same(now, then)
        iris = now[0].filter(pa.array(same))
        # what is the same stands once on each side
        before = pd.Series(np.arange(len(then[0])), index=then[0].to_pandas())
        before = before[~before.index.duplicated(keep="last")]
        return cls(
            np.flatnonzero(same), before.reindex(iris.to_pandas()).to_numpy(dtype=np.int64),
            iri_terms(iris, checked=False), np.flatnonzero(~same),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Known:
    """The features of both sides that were there before with the same shape and times."""

    left: _KnownSide
    right: _KnownSide

    @property
    def terms(self) -> tuple[Any, Any]:
        """Terms of the features of each side."""
        return self.left.terms, self.right.terms

    def fresh(self, before: _State, nearest: Any) -> Fresh:
        """Give what is new or changed, and what the earlier run says of nearest features."""
        left, right = self.left, self.right
        in_order = (np.diff(right.before) > 0).all()
        if before.reach is None or not in_order:
            return Fresh(left.new, right.new, verified=before.verified)
        import pandas as pd

        ours, theirs = (pd.Index(side.terms.to_pandas()) for side in (left, right))
        first, second = ours.get_indexer(nearest[0]), theirs.get_indexer(nearest[1])
        lost = np.unique(first[(first >= 0) & (second < 0)])
        good = (first >= 0) & (second >= 0) & ~np.isin(first, lost)
        reach = np.full(len(left.rows) + len(left.new), np.inf)
        reach[left.rows] = before.reach[left.before]
        again = np.union1d(left.new, left.rows[lost])
        closest = Closest(again, left.rows[first[good]], right.rows[second[good]], reach, right.new)
        return Fresh(left.new, right.new, closest, before.verified)


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


class _Old:
    """The links of an earlier run: those that still hold are copied, and nearest features are remembered.

    Parameters
    ----------
    nearest_property
        Property of nearest features; links by it are not copied.
    """

    def __init__(self, nearest_property: str | None) -> None:
        self.counts: dict[str, int] = {}
        self._property = None if nearest_property is None else f"<{nearest_property}>"
        self._nearest: tuple[list[Any], list[Any]] = ([], [])

    @property
    def nearest(self) -> tuple[Any, Any]:
        """Terms of features, and of their nearest ones."""
        import pandas as pd

        first, second = (pd.concat([pd.Series(dtype=object), *part]) for part in self._nearest)
        return first, second

    def copy(self, old: Path, file: BinaryIO, known: _Known) -> None:
        """Copy the links whose features are both known, and count them by property."""
        import pyarrow.compute as pc

        ours, theirs = (terms.cast(TEXT) for terms in known.terms)
        for text in _blocks(old):
            lines, (source, name, target) = _links_of(text, old.name)
            good = pc.and_(pc.is_in(source, ours), pc.is_in(target, theirs))
            if self._property is not None:
                near = pc.equal(name, self._property)
                for part, terms in zip(self._nearest, (source, target), strict=True):
                    part.append(terms.filter(near).to_pandas())
                good = pc.and_(good, pc.invert(near))
            kept = lines.filter(good)
            if len(kept):
                file.write(("\n".join(kept.to_pylist()) + "\n").encode())
            for row in pc.value_counts(name.filter(good)).to_pylist():
                self.counts[row["values"]] = self.counts.get(row["values"], 0) + row["counts"]


def _links_of(text: str, name: str) -> tuple[Any, list[Any]]:
    """Give lines, and their subjects, properties and objects."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lines = pc.split_pattern(pa.array([text], pa.large_string()), "\n").flatten()
    lines = lines.filter(pc.not_equal(lines, ""))
    parts = pc.extract_regex(lines, pattern=_LINE)
    if parts.null_count:
        raise DataBrokenError(
            f"{name} holds lines that are no links.", hint="Delete it to link everything anew."
        )
    return lines, [pc.struct_field(parts, place).cast(TEXT) for place in range(3)]


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
