"""The synthetic data of Geographica, of any size, and its queries.

Written after section 3.2 of G. Garbis, K. Kyzirakos, M. Koubarakis: "Geographica: A Benchmark for Geospatial RDF
Stores" (ISWC 2013), for a parameter n: n x n land ownerships (hexagons side by side), n/3 x n/3 states (hexagons three
times as wide), n roads (winding lines, half of them along each axis) and n x n points of interest (on n sloping
lines). Every feature has a tag with key 1, every second one also a tag with key 2, every fourth one with key 4, and so
on, so that a query chooses how much it wants by theme and, by the size of its window, by place.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl

__all__ = ["KINDS", "Geographica", "Kind", "join_query", "selection_query"]

Kind = Literal["landOwnership", "state", "road", "pointOfInterest"]
KINDS: tuple[Kind, ...] = ("landOwnership", "state", "road", "pointOfInterest")
CLASSES = {name: name[0].upper() + name[1:] for name in KINDS}
GENERATOR = "http://geographica.di.uoa.gr/generator/"
RDF_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
WKT = "http://www.opengis.net/ont/geosparql#wktLiteral"
GEOF = "http://www.opengis.net/def/function/geosparql/"
SIDE = 90.0
"""The world is a square from 0 to 90 degrees."""
DECIMALS = 7
"""Of coordinates: neighbours share their corners exactly."""
SELECTIVITIES = (1.0, 0.75, 0.5, 0.25, 0.1, 0.001)
"""Parts of the features that the windows of the paper's selections hold."""


@dataclass(frozen=True, slots=True)
class Geographica:
    """One data set; the same for the same numbers.

    Parameters
    ----------
    n
        Hexagons along each axis.
    seed
        Of the order of the statements in the file; a document need not be sorted.
    """

    n: int
    seed: int = 0

    @property
    def step(self) -> float:
        """Distance between the centres of neighbours in a row, in degrees."""
        return SIDE / (self.n + 0.5)

    @property
    def side(self) -> float:
        """Length of a side of a land ownership, in degrees."""
        return self.step / np.sqrt(3.0)

    @property
    def top_tag(self) -> int:
        """The rarest key: the largest power of two up to n, at most 1,024."""
        return 1 << min(10, self.n.bit_length() - 1)

    @property
    def height(self) -> float:
        """Latitude up to which there are land ownerships."""
        return float(1.5 * self.side * self.n)

    def shapes(self, kind: Kind) -> NDArray[Any]:
        """Give the geometries of a kind; the first one is number 1."""
        if kind == "landOwnership":
            return hexagons(self.n, self.side)
        if kind == "state":
            return hexagons(self.n // 3, 3.0 * self.side)
        return self._roads() if kind == "road" else self._points()

    def _points(self) -> NDArray[Any]:
        line, place = np.divmod(np.arange(self.n * self.n), self.n)
        along = (place + 1) / self.n
        x = (line + along) * (SIDE / self.n)
        return shapely.points(np.column_stack([x, along * self.height]).round(DECIMALS))

    def _roads(self) -> NDArray[Any]:
        half = max(1, self.n // 2)
        amplitude = self.step / 12.0
        across = (np.arange(half) + 0.5) * (self.height / half)
        along = np.arange(2 * (self.n // 2) + 1) * (SIDE / (2 * (self.n // 2) or 1))
        winding = amplitude * np.where(np.arange(len(along)) % 2 == 0, 1.0, -0.5)
        coordinates = np.empty((2, half, len(along), 2))
        coordinates[0, :, :, 0], coordinates[0, :, :, 1] = along, across[:, None] + winding
        coordinates[1, :, :, 0] = (across * (SIDE / self.height))[:, None] + winding
        coordinates[1, :, :, 1] = along * (self.height / SIDE)
        return shapely.linestrings(coordinates.reshape(2 * half, len(along), 2).round(DECIMALS))

    def tags(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give number and key of each tag of the features 1 to `count`."""
        keys = [1 << power for power in range(self.top_tag.bit_length())]
        numbers = [np.arange(key, count + 1, key) for key in keys]
        repeated = [np.full(len(found), key) for key, found in zip(keys, numbers, strict=True)]
        return np.concatenate(numbers), np.concatenate(repeated)

    def window(self, kind: Kind, selectivity: float) -> Any:
        """Give a rectangle that holds about this part of the land ownerships or points of interest."""
        if kind == "pointOfInterest":
            return shapely.box(0, 0, round(SIDE * selectivity, 6), SIDE)
        rows = int(np.ceil(self.n * np.sqrt(selectivity)))
        inside = 0.1 * self.step
        return shapely.box(
            0, 0, round(rows * self.step - inside, 6), round(1.5 * self.side * rows - inside, 6)
        )

    def statements(self, kind: Kind) -> pl.DataFrame:
        """Give the lines of one kind, one column ``line``."""
        import polars as pl

        shapes = self.shapes(kind)
        prefix = GENERATOR + kind + "/"
        wkt = pl.Series(shapely.to_wkt(shapes, rounding_precision=DECIMALS), dtype=pl.String)
        features = pl.DataFrame({"id": np.arange(1, len(shapes) + 1), "wkt": wkt})
        numbers, keys = self.tags(len(shapes))
        tags = pl.DataFrame({"id": numbers, "key": keys})
        made, tag = f"<{prefix}{{}}>", f"<{prefix}{{}}/tag/{{}}>"

        def lines(frame: pl.DataFrame, form: str, *columns: str) -> pl.DataFrame:
            return frame.select(line=pl.format(form + " .", *(pl.col(name) for name in columns)))

        return pl.concat(
            [
                lines(features, f"{made} <{RDF_TYPE}> <{prefix}{CLASSES[kind]}>", "id"),
                lines(
                    features, f"{made} <{prefix}hasGeometry> <{prefix}geometry/{{}}>", "id", "id"
                ),
                lines(
                    features,
                    f'<{prefix}geometry/{{}}> <{prefix}asWKT> "{{}}"^^<{WKT}>',
                    "id",
                    "wkt",
                ),
                lines(tags, f"{made} <{prefix}hasTag> {tag}", "id", "id", "key"),
                lines(tags, f"{tag} <{RDF_TYPE}> <{prefix}Tag>", "id", "key"),
                lines(tags, f'{tag} <{prefix}hasKey> "{{}}"', "id", "key", "key"),
                lines(tags, f'{tag} <{prefix}hasValue> "{{}}"', "id", "key", "key"),
            ]
        )

    def write(self, file: Path) -> int:
        """Write all as N-Triples, in an order that the seed chooses; give the number of statements."""
        import polars as pl

        whole = pl.concat([self.statements(kind) for kind in KINDS])
        whole = whole.sample(fraction=1.0, shuffle=True, seed=self.seed)
        whole.write_csv(file, include_header=False, quote_style="never")
        return whole.height


def hexagons(rows: int, side: float) -> NDArray[Any]:
    """Lay hexagons side by side, every second row shifted by half a step."""
    row, place = np.divmod(np.arange(rows * rows), max(rows, 1))
    step = np.sqrt(3.0) * side
    x = step * (0.5 + place + 0.5 * (row % 2))
    y = side * (1.0 + 1.5 * row)
    corners = np.array([[0, -2], [1, -1], [1, 1], [0, 2], [-1, 1], [-1, -1], [0, -2]])
    around = corners * np.array([step / 2.0, side / 2.0])
    rings = np.column_stack([x, y])[:, None, :] + around[None, :, :]
    return shapely.polygons(rings.round(DECIMALS))


def _pattern(kind: Kind, tag: int, mark: str) -> str:
    prefix = GENERATOR + kind + "/"
    return (
        f"  ?s{mark} <{prefix}hasGeometry> ?g{mark} . ?g{mark} <{prefix}asWKT> ?geo{mark} .\n"
        f'  ?s{mark} <{prefix}hasTag> ?tag{mark} . ?tag{mark} <{prefix}hasKey> "{tag}" .\n'
    )


def selection_query(kind: Kind, function: str, window: Any, *, tag: int) -> str:
    """Ask for the features of a kind, with a tag, that are so related to a constant polygon."""
    constant = f'"{shapely.to_wkt(window)}"^^<{WKT}>'
    return (
        f"SELECT ?s1 WHERE {{\n{_pattern(kind, tag, '1')}"
        f"  FILTER(<{GEOF}{function}>(?geo1, {constant}))\n}}"
    )


def join_query(left: Kind, right: Kind, function: str, *, left_tag: int, right_tag: int) -> str:
    """Ask for the pairs of features of two kinds, each with a tag, that are so related to each other."""
    return (
        f"SELECT ?s1 ?s2 WHERE {{\n{_pattern(left, left_tag, '1')}{_pattern(right, right_tag, '2')}"
        f"  FILTER(<{GEOF}{function}>(?geo1, ?geo2))\n}}"
    )
