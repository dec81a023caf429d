"""Features that can be linked: their IRIs, their shapes in one reference system, and when they hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import shapely

from extremeearth.core.boxes import as_crs
from extremeearth.core.errors import CrsError, InputError
from extremeearth.core.geodesy import transform
from extremeearth.core.threads import in_order
from extremeearth.knowledge.interlinking.times import seconds_of
from extremeearth.knowledge.rdf import as_text, iri_terms, join_text, percent_encode

if TYPE_CHECKING:
    from odc.geo.crs import CRS

__all__ = ["FeatureSet", "OnInvalid", "Side", "Times", "align", "feature_set", "spans_of"]

OnInvalid = Literal["repair", "skip", "keep"]
"""What happens to invalid shapes: made valid, left out, or taken as they are."""

Times = str | Sequence[str] | Callable[[Any], Any]
"""When features hold: one column (an instant), two (start and end), or a function of the table that gives both."""


_POLE, _HALF_TURN = 90.0, 180.0


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """Features of one source.

    Attributes
    ----------
    iris
        Arrow array of their IRIs, absolute.
    shapes
        Shapely geometries, x then y; ``None`` where there is none.
    crs
        Reference system of all shapes.
    spans
        Start and end of each in seconds since 1970 UTC, float64 of shape ``(n, 2)``, infinite where open; `None` where
        nothing is known.
    unread
        How many features were left out since their geometry could not be read.
    valid
        Which shapes are valid, where the reader knows.
    """

    iris: Any
    shapes: Any
    crs: CRS
    spans: Any = None
    unread: int = 0
    valid: Any = None

    def __len__(self) -> int:
        return len(self.shapes)

    def take(self, rows: Any) -> FeatureSet:
        """Give some of the features."""
        import pyarrow as pa

        return replace(
            self,
            iris=self.iris.take(pa.array(rows)),
            shapes=self.shapes[rows],
            spans=None if self.spans is None else self.spans[rows],
            valid=None if self.valid is None else self.valid[rows],
        )


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a join: features in the common system, the rows that have a shape, and what was wrong with them.

    `polar` and `across` count shapes of longitude and latitude beyond a pole, and beyond longitude 180; `repeated`
    features with the IRI of an earlier one.
    """

    iris: Any
    shapes: Any
    bounds: Any
    spans: Any
    rows: Any
    crs: CRS
    invalid: int
    empty: int
    unread: int
    polar: int = 0
    across: int = 0
    repeated: int = 0

    def only(self, rows: Any) -> Self:
        """Keep some of the rows; positions stay those of the whole."""
        return replace(self, rows=np.intersect1d(self.rows, rows))


def feature_set(
    frame: Any,
    *,
    id_column: str | None,
    prefix: str = "",
    times: Times | None = None,
    side: str = "",
) -> FeatureSet:
    """Make features of a GeoDataFrame; a `FeatureSet` is given back as it is.

    Parameters
    ----------
    frame
        The table, with a reference system.
    id_column
        Column with the IRIs, or with what makes one after a prefix.
    prefix
        Put before the percent-encoded values of the id column.
    times
        Columns or function that say when each feature holds.
    side
        Word for messages.

    Raises
    ------
    CrsError
        The table has no reference system.
    InputError
        A column is missing, an id is missing or makes no IRI.

    Examples
    --------
    >>> import geopandas as gpd
    >>> fields = gpd.GeoDataFrame({"id": [7]}, geometry=[shapely.Point(1, 2)], crs=4326)
    >>> feature_set(fields, id_column="id", prefix="urn:field:").iris.to_pylist()
    ['urn:field:7']
    """
    if isinstance(frame, FeatureSet):
        return frame
    if frame.crs is None:
        raise CrsError(
            f"The {f'{side} ' if side else ''}features have no reference system.",
            hint="Set it, e.g. with .set_crs(4326), or with --crs on the command line.",
        )
    if id_column is None:
        raise InputError("It is not said which column names the features.", hint="Name it.")
    _column_check(frame, id_column)
    return FeatureSet(
        iris_of(frame[id_column], prefix=prefix, name=id_column),
        np.asarray(frame.geometry.to_numpy(), dtype=object),
        as_crs(frame.crs),
        None if times is None else spans_of(frame, times),
    )


def iris_of(values: Any, *, prefix: str, name: str) -> Any:
    """Make IRIs of the values of an id column."""
    iris = as_text(values)
    if iris.null_count:
        raise InputError(f"{iris.null_count} features have no '{name}'.", hint="Give each an id.")
    if prefix:
        iris = join_text(prefix, percent_encode(iris))
    try:
        iri_terms(iris)
    except InputError as err:  # which names the first id that makes no IRI
        what = "Change the prefix" if prefix else "Put a prefix before the ids"
        raise InputError(
            err.message,
            hint=f"{what}, as https://example.org/field/: prefix in Python, --source-prefix or --target-prefix on the "
            "command line.",
        ) from err
    return iris


def _column_check(frame: Any, column: str) -> None:
    if column not in frame.columns:
        raise InputError(
            f"There is no column '{column}'.",
            hint=f"There are: {', '.join(map(str, frame.columns))}.",
        )


def spans_of(frame: Any, times: Times) -> Any:
    """Give start and end of each row in seconds since 1970, open ends infinite; a date lasts to its end.

    Examples
    --------
    >>> import pandas as pd
    >>> spans_of(pd.DataFrame({"from": ["1970-01-01T00:01:00Z"], "to": [None]}), ("from", "to"))
    array([[60., inf]])
    """
    import pandas as pd

    if callable(times):
        given = np.asarray(times(frame))
        if given.shape != (len(frame), 2):
            raise InputError(
                f"The function of times gave an array of shape {given.shape}.",
                hint=f"Give start and end of each feature, shape ({len(frame)}, 2).",
            )
        columns = [pd.Series(given[:, 0]), pd.Series(given[:, 1])]
    else:
        names = [times] if isinstance(times, str) else list(times)
        if len(names) not in (1, 2):
            raise InputError(f"{len(names)} columns are no time span.", hint="Name one or two.")
        for name in names:
            _column_check(frame, name)
        columns = [frame[names[0]], frame[names[-1]]]
    result = np.empty((len(frame), 2))
    for place, (column, open_end) in enumerate(zip(columns, (-np.inf, np.inf), strict=True)):
        seconds = seconds_of(column, ends=place == 1)
        result[:, place] = np.where(np.isnan(seconds), open_end, seconds)
    if (result[:, 0] > result[:, 1]).any():
        raise InputError("A feature ends before it starts.", hint="Look at its two times.")
    return result


def align(
    left: FeatureSet, right: FeatureSet, *, on_invalid: OnInvalid, threads: int = 1
) -> tuple[Side, Side]:
    """Bring two sets into one reference system and look at their shapes.

    The system is the left side's, or longitude and latitude where only the right side has that: a country drawn into
    a UTM zone would lose coordinates.
    """
    crs = right.crs if right.crs.geographic and not left.crs.geographic else left.crs
    sides = [left] if right is left else [left, right]
    looked_at = list(
        in_order(lambda side: _side(side, crs, on_invalid, threads), sides, threads=threads)
    )
    return looked_at[0], looked_at[-1]


def _side(features: FeatureSet, crs: CRS, on_invalid: OnInvalid, threads: int) -> Side:
    import pyarrow.compute as pc

    shapes = np.asarray(transform(features.shapes, source=features.crs, target=crs), dtype=object)
    bounds = shapely.bounds(shapes)
    missing = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    if not np.isfinite(bounds[~missing]).all():
        raise CrsError(
            f"Some features cannot be brought from {features.crs} to {crs}: they lie outside of it.",
            hint="Give both sides in a system that covers them, e.g. EPSG:4326.",
        )
    known = features.valid if features.crs == crs else None  # a projection can make a shape invalid
    broken = ~missing & ~(_valid(shapes, threads) if known is None else known)
    gone = missing
    if broken.any() and on_invalid != "keep":
        shapes = shapes.copy()
        shapes[broken] = shapely.make_valid(shapes[broken]) if on_invalid == "repair" else None
        bounds = shapely.bounds(shapes)
        gone = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    return Side(
        features.iris, shapes, bounds, features.spans, np.flatnonzero(~gone), crs,
        int(broken.sum()), int(missing.sum()), features.unread, *_off_the_globe(features),
        len(features) - pc.count_distinct(features.iris).as_py(),
    )  # fmt: skip


def _off_the_globe(features: FeatureSet) -> tuple[int, int]:
    """Count the shapes beyond a pole, and the others beyond the antimeridian."""
    if not features.crs.geographic:
        return 0, 0
    west, south, east, north = shapely.bounds(features.shapes).T  # NaN is beyond nothing
    polar = (south < -_POLE) | (north > _POLE)
    return int(polar.sum()), int((~polar & ((west < -_HALF_TURN) | (east > _HALF_TURN))).sum())


def _valid(shapes: Any, threads: int) -> Any:
    parts = np.array_split(shapes, threads)
    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(shapely.is_valid, parts)))
