"""The state of a run of linking: its features and its choices, in a Parquet file beside the links."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from extremeearth.core.errors import DataBrokenError, StorageError
from extremeearth.core.files import atomic_path
from extremeearth.knowledge.interlinking.features import FeatureSet
from extremeearth.knowledge.interlinking.known_features import Known, KnownSide
from extremeearth.knowledge.interlinking.options import LinkOptions
from extremeearth.knowledge.interlinking.progressive import ProgressiveReport
from extremeearth.knowledge.rdf import TEXT

__all__ = ["LinkState", "forget"]

_VERIFIED = (b"extremeearth.verified", b"extremeearth.qualifying")
_FORM = 2
"""Of the state; another one is not read."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """The features of both sides (IRIs and hashes), how far the nearest ones of each are, and the choices of a run."""

    choices: str
    sides: tuple[tuple[Any, Any], tuple[Any, Any]]
    reach: Any = None
    verified: tuple[int, int] = (0, 0)

    @classmethod
    def of(
        cls, left: FeatureSet, right: FeatureSet | None, options: LinkOptions, on_invalid: str
    ) -> LinkState:
        """Tell of the features of a run and of its choices."""
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
    def read(cls, path: Path) -> LinkState:
        """Read the state of an earlier run.

        Raises
        ------
        DataBrokenError
            The file holds something else.
        """
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

    def goes_on(self, before: LinkState, *, whole: bool) -> bool:
        """Tell whether a run can go on from a state: with the same choices, and where all counts, the same features."""
        return self.choices == before.choices and not (
            whole
            and any(
                not np.array_equal(now[1], then[1]) or now[0].to_pylist() != then[0].to_pylist()
                for now, then in zip(self.sides, before.sides, strict=True)
            )
        )

    def write(self, path: Path, reach: Any, budgeted: ProgressiveReport | None) -> None:
        """Write the state, with how far nearest features are and what a budget was spent on, where there is such."""
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

    def known(self, before: LinkState, *, self_join: bool) -> Known:
        """Tell what is there unchanged."""
        ours, theirs = (
            KnownSide.of(now, then) for now, then in zip(self.sides, before.sides, strict=True)
        )
        return Known(ours, ours if self_join else theirs)


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


def forget(state: Path) -> None:
    """Take a state away.

    Raises
    ------
    StorageError
        It cannot be taken away.
    """
    try:
        state.unlink(missing_ok=True)
    except OSError as err:
        raise StorageError(
            f"{state} cannot be written anew: {err.strerror}.",
            hint="Check its name and your rights.",
        ) from err
