"""Features that an earlier run of linking knew already, by their IRIs and the hashes of their shapes and times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from extremeearth.knowledge.interlinking.closest import Closest
from extremeearth.knowledge.interlinking.running import Fresh
from extremeearth.knowledge.rdf import iri_terms

__all__ = ["Known", "KnownSide"]


@dataclass(frozen=True, slots=True)
class KnownSide:
    """Rows now and then, the terms of these, and the new rows."""

    rows: Any
    before: Any
    terms: Any
    new: Any

    @classmethod
    def of(cls, now: tuple[Any, Any], then: tuple[Any, Any]) -> KnownSide:
        """Compare features, as IRIs and hashes, with those of an earlier run.

        Examples
        --------
        >>> import pyarrow as pa
        >>> from extremeearth.knowledge.rdf import TEXT
        >>> then = pa.array(["urn:a", "urn:b"], TEXT), np.array(["1", "2"], object)
        >>> now = pa.array(["urn:b", "urn:a"], TEXT), np.array(["2", "9"], object)
        >>> side = KnownSide.of(now, then)
        >>> side.rows.tolist(), side.before.tolist(), side.new.tolist()
        ([0], [1], [1])
        """
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
class Known:
    """The features of both sides that were there before with the same shape and times."""

    left: KnownSide
    right: KnownSide

    @property
    def terms(self) -> tuple[Any, Any]:
        """Terms of the features of each side."""
        return self.left.terms, self.right.terms

    def fresh(self, nearest: Any, *, reach: Any, verified: tuple[int, int]) -> Fresh:
        """Give what is new or changed, and what the earlier run says of nearest features.

        Parameters
        ----------
        nearest
            Terms of features, and of their nearest ones.
        reach
            How far the nearest ones of each feature of the left side were, if they were looked for.
        verified
            Pairs that the earlier run verified, and how many of them qualified.
        """
        left, right = self.left, self.right
        in_order = (np.diff(right.before) > 0).all()
        if reach is None or not in_order:
            return Fresh(left.new, right.new, verified=verified)
        import pandas as pd

        ours, theirs = (pd.Index(side.terms.to_pandas()) for side in (left, right))
        first, second = ours.get_indexer(nearest[0]), theirs.get_indexer(nearest[1])
        lost = np.unique(first[(first >= 0) & (second < 0)])
        good = (first >= 0) & (second >= 0) & ~np.isin(first, lost)
        farthest = np.full(len(left.rows) + len(left.new), np.inf)
        farthest[left.rows] = reach[left.before]
        again = np.union1d(left.new, left.rows[lost])
        closest = Closest(
            again, left.rows[first[good]], right.rows[second[good]], farthest, right.new
        )
        return Fresh(left.new, right.new, closest, verified)


def _same(now: tuple[Any, Any], then: tuple[Any, Any]) -> Any:
    """Tell which features were there before with the same hash; an IRI that stands twice is never the same."""
    import pandas as pd

    (iris, hashes), (old_iris, old_hashes) = now, then
    old = pd.DataFrame({"iri": old_iris.to_pandas(), "old": old_hashes})
    old = old[~old["iri"].duplicated(keep=False)]
    names = iris.to_pandas()
    found = names.map(old.set_index("iri")["old"].to_dict())
    return ((found == hashes) & ~names.duplicated(keep=False)).to_numpy(dtype=bool)
