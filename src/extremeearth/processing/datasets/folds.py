"""Folds by spatial block, so that neighbours never stand on both sides of a test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from extremeearth.core.boxes import Box, local_crs
from extremeearth.core.errors import InputError
from extremeearth.core.geodesy import transform
from extremeearth.core.reference_systems import CrsLike, as_crs

__all__ = ["SpatialFolds", "spatial_folds", "within_m"]

RESTARTS = 64
"""Orders in which blocks are dealt to folds; the best balanced one is kept."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpatialFolds:
    """Which fold each feature belongs to, and how far apart the folds are.

    Attributes
    ----------
    folds, blocks, groups
        int64 [n]: fold 0 to k-1, spatial block, and group of features that touch each other.
    distance_m
        float64 [k, k]: smallest ground distance between two features of the two folds; 0 on the diagonal.
    block_m
        Side of a block in metres.
    """

    folds: NDArray[np.int64]
    blocks: NDArray[np.int64]
    groups: NDArray[np.int64]
    distance_m: NDArray[np.float64]
    block_m: float

    @property
    def min_distance_m(self) -> float:
        """Smallest distance between two features of different folds, in metres."""
        count = len(self.distance_m)
        return float(self.distance_m[~np.eye(count, dtype=bool)].min())


def spatial_folds(
    geometries: ArrayLike,
    labels: ArrayLike,
    *,
    crs: CrsLike,
    folds: int = 5,
    block_m: float = 500.0,
    touch_m: float = 1.0,
    seed: int = 0,
) -> SpatialFolds:
    """Deal features to folds by square blocks of ground, classes balanced.

    Features closer than `touch_m` form a group, and a group lies in the block of its centroid as a whole, so
    that two touching features never come into different folds. Whole blocks go to folds, the largest first,
    each to the fold where the class counts stay closest to equal shares; of several orders the best is kept.

    Parameters
    ----------
    geometries
        Shapely geometries [n], x then y in `crs`.
    labels
        int [n], the class of each.
    crs
        Reference system of the geometries; blocks are laid in the metric system of the region.
    folds
        Number of folds.
    block_m
        Side of a block in metres.
    touch_m
        Distance in metres up to which two features count as touching.
    seed
        Seed of the orders that are tried.

    Raises
    ------
    InputError
        There are fewer blocks than folds, or the sizes make no sense.

    Examples
    --------
    >>> squares = [shapely.box(x, 0, x + 90, 90) for x in range(500_000, 502_000, 100)]
    >>> split = spatial_folds(squares, [0, 1] * 10, crs=32632, folds=2, block_m=500)
    >>> bool(split.min_distance_m >= 10), sorted(set(split.folds.tolist()))
    (True, [0, 1])
    """
    if folds < 2 or not block_m > 0 or touch_m < 0:
        raise InputError(
            f"{folds} folds of blocks of {block_m} m cannot be made.",
            hint="Give two folds or more and a positive block side.",
        )
    metric = _to_metric(np.asarray(geometries, dtype=object), crs)
    classes = np.asarray(labels, dtype=np.int64)
    groups = _touching_groups(metric, touch_m)
    blocks = _blocks_of(metric, groups, block_m)
    counts = np.zeros((blocks.max() + 1, classes.max() + 1), dtype=np.float64)
    np.add.at(counts, (blocks, classes), 1.0)
    if len(counts) < folds:
        raise InputError(
            f"The features lie in {len(counts)} blocks, too few for {folds} folds.",
            hint="Give smaller blocks or fewer folds.",
        )
    fold_of_block = _deal(counts, folds, seed)
    fold = fold_of_block[blocks]
    return SpatialFolds(
        folds=fold, blocks=blocks, groups=groups, distance_m=_distances(metric, fold, folds), block_m=float(block_m)
    )  # fmt: skip


def _to_metric(geometries: NDArray[Any], crs: CrsLike) -> NDArray[Any]:
    bounds = shapely.total_bounds(geometries) if len(geometries) else np.full(4, np.nan)
    if not np.isfinite(bounds).all():
        raise InputError("There are no features to deal to folds.", hint="Give features.")
    box = Box(xmin=bounds[0], ymin=bounds[1], xmax=bounds[2], ymax=bounds[3], crs=as_crs(crs))
    return np.asarray(transform(geometries, source=crs, target=local_crs(box)), dtype=object)


def within_m(
    geometries: ArrayLike, chosen: NDArray[np.bool_], distance_m: float, *, crs: CrsLike
) -> NDArray[np.bool_]:
    """Tell which features lie within a ground distance of a chosen one; the chosen ones do.

    Parameters
    ----------
    geometries
        Shapely geometries [n], x then y in `crs`.
    chosen
        bool [n].
    distance_m
        Metres, measured in the metric system of the region.

    Examples
    --------
    >>> squares = [shapely.box(x, 0, x + 90, 90) for x in (500_000, 500_100, 500_300)]
    >>> within_m(squares, np.array([True, False, False]), 20, crs=32632).tolist()
    [True, True, False]
    """
    metric = _to_metric(np.asarray(geometries, dtype=object), crs)
    tree = shapely.STRtree(metric[chosen])
    near = np.zeros(len(metric), dtype=bool)
    near[np.unique(tree.query(metric, predicate="dwithin", distance=distance_m)[0])] = True
    return near


def _touching_groups(geometries: NDArray[Any], touch_m: float) -> NDArray[np.int64]:
    """Label the connected components of the graph of touching features (union-find)."""
    parent = np.arange(len(geometries), dtype=np.int64)

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = int(parent[node])
        return node

    pairs = shapely.STRtree(geometries).query(geometries, predicate="dwithin", distance=touch_m)
    for left, right in pairs.T:
        a, b = root(int(left)), root(int(right))
        parent[max(a, b)] = min(a, b)
    roots = np.array([root(node) for node in range(len(geometries))])
    return np.unique(roots, return_inverse=True)[1].astype(np.int64)


def _blocks_of(
    geometries: NDArray[Any], groups: NDArray[np.int64], block_m: float
) -> NDArray[np.int64]:
    centroids = shapely.get_coordinates(shapely.centroid(geometries))
    sizes = np.bincount(groups)
    centres = np.stack([np.bincount(groups, centroids[:, axis]) / sizes for axis in (0, 1)], axis=1)
    cells = np.floor(centres / block_m).astype(np.int64)
    block_of_group = np.unique(cells, axis=0, return_inverse=True)[1].reshape(-1)
    return block_of_group[groups].astype(np.int64)


def _deal(counts: NDArray[np.float64], folds: int, seed: int) -> NDArray[np.int64]:
    """Assign blocks [b, classes] to folds; each class weighs the same, however rare."""
    random = np.random.default_rng(seed)
    totals = counts.sum(axis=0)
    share, weight = totals / folds, 1.0 / np.maximum(totals, 1.0)
    best: NDArray[np.int64] | None = None
    best_cost = np.inf
    for _ in range(RESTARTS):
        order = np.argsort(-counts.sum(axis=1) * random.uniform(0.5, 1.5, len(counts)))
        filled = np.zeros((folds, counts.shape[1]))
        dealt = np.zeros(len(counts), dtype=np.int64)
        for block in order:
            change = (2.0 * (filled - share) * counts[block] * weight).sum(axis=1)
            dealt[block] = int(np.argmin(change))
            filled[dealt[block]] += counts[block]
        cost = float((((filled - share) ** 2) * weight).sum())
        if cost < best_cost and filled.sum(axis=1).min() > 0:
            best, best_cost = dealt, cost
    if best is None:
        raise InputError("The blocks cannot fill every fold.", hint="Give fewer folds.")
    return best


def _distances(
    geometries: NDArray[Any], fold: NDArray[np.int64], folds: int
) -> NDArray[np.float64]:
    distance = np.zeros((folds, folds))
    trees = [shapely.STRtree(geometries[fold == number]) for number in range(folds)]
    for a in range(folds):
        for b in range(a + 1, folds):
            _, near = trees[b].query_nearest(
                geometries[fold == a], all_matches=False, return_distance=True
            )
            distance[a, b] = distance[b, a] = near.min()
    return distance
