"""The links of an earlier run: those that still hold are copied."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from extremeearth.core.errors import DataBrokenError
from extremeearth.knowledge.interlinking.known_features import Known
from extremeearth.knowledge.rdf import TEXT

__all__ = ["EarlierLinks"]

BLOCK_BYTES = 16 << 20
_LINE = r"^(?P<source><[^<>\s]*>) (?P<name><[^<>\s]*>) (?P<target><[^<>\s]*>) \.$"


class EarlierLinks:
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

    def copy(self, old: Path, file: BinaryIO, known: Known) -> None:
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
