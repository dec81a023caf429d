"""What is said of the geometries of sources: their reference system, and what happens to broken ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, get_args

from odc.geo.crs import CRS

from extremeearth.core.boxes import CrsLike, as_crs
from extremeearth.core.errors import DataBrokenError, InputError

__all__ = ["GeometryOptions", "InvalidPolicy", "shown"]

InvalidPolicy = Literal["keep", "repair", "reject"]
"""What happens to a geometry that breaks the rules of its type, such as a ring that crosses itself."""


def shown(text: str) -> str:
    r"""Give a text of a source as it may be shown: a terminal obeys control characters.

    Examples
    --------
    >>> shown("fields\x1b[2J")
    'fields�[2J'
    """
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeometryOptions:
    """How geometries of sources are read.

    Attributes
    ----------
    crs
        Reference system of sources that name none; one that is named in a source always wins.
    invalid
        ``keep`` leaves geometries as they are and counts those with invalid rings, ``repair`` makes them valid
        (structure method of GEOS), ``reject`` leaves those out that are not. Beyond longitude 180, ``repair`` cuts and
        shifts as RFC 7946 (3.1.9) says.
    on_error
        Whether a feature or a geometry that cannot be read stops everything, or is counted and left out.
    counts
        What was found, by source and reason; filled while sources are read.
    places
        Where the first of what was left out is, by reason.

    Examples
    --------
    >>> GeometryOptions(crs="EPSG:32632").invalid
    'keep'
    """

    crs: CrsLike | None = None
    invalid: InvalidPolicy = "keep"
    on_error: Literal["raise", "skip"] = "raise"
    counts: dict[str, Counter[str]] = field(default_factory=dict, compare=False)
    places: dict[str, str] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        if self.invalid not in get_args(InvalidPolicy):
            raise InputError(
                f"'{self.invalid}' is no policy for invalid geometries.",
                hint=f"Use {', '.join(get_args(InvalidPolicy))}.",
            )

    def system(self) -> CRS | None:
        """Give the reference system of sources that name none."""
        return None if self.crs is None else as_crs(self.crs)

    def broken(
        self,
        found: Counter[str],
        reason: str,
        example: str,
        rows: int,
        *,
        mend: str = "Mend the source",
    ) -> None:
        """Count values that are no geometry, or raise `DataBrokenError` if the options say so."""
        example = shown(example)
        if self.on_error == "raise":
            raise DataBrokenError(
                f"'{example}' {reason}.",
                hint=f"{mend}, or skip such rows: on_error='skip' in Python, --skip-bad on the command line.",
            )
        found[reason] += rows
        self.places.setdefault(reason, example)

    def note(self, name: str, found: Counter[str]) -> None:
        """Keep what one reading of a source found; a second reading finds the same and is not added."""
        self.counts[name] = self.counts.get(name, Counter()) | found

    def totals(self) -> dict[str, int]:
        """Add up what was found in all sources, by reason."""
        return dict(sum(self.counts.values(), Counter()))
