"""Which columns are redundant at each threshold, by each of three rules, and their path.

A rule says what stays at a threshold (`at`) and which levels there are (`levels`). `Walked`
compares pairs, `Clustered` keeps the best of each cluster, `Collinear` removes what all
others explain together. All work on units in order of priority, as a `PriorityOrder` has them.
"""

import warnings
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from skprune.base._path import BasePath, tabulate
from skprune.criteria.clusters import build_dendrogram, cut_dendrogram, removal_strength
from skprune.criteria.collinearity import eliminate_collinear, explained_share
from skprune.criteria.redundancy import (
    closest_pairs,
    greedy_walk,
    threshold_path,
    tiles_of_units,
    whole_matrix,
    whole_tile,
)
from skprune.exceptions import PruningWarning

# Bytes above which a warning says how much memory all pairs take.
MUCH_MEMORY = 8 * 2**30


def warn_of_memory(n_columns, bytes_per_pair):
    """Warn, before it starts, of a computation that stores much for all pairs of columns."""
    needed = bytes_per_pair * n_columns**2
    if needed > MUCH_MEMORY:
        warnings.warn(
            f"All pairs of {n_columns:,} features are stored, which takes about "
            f"{needed / 1e9:,.0f} GB of memory. Give a threshold, without keep, linkage and "
            "path_, which stores no pairs; or remove features before.",
            PruningWarning,
            stacklevel=2,
        )


class Reduction(NamedTuple):
    """What stays at a threshold, and why the rest goes.

    Attributes
    ----------
    kept : ndarray of bool, shape (n_units,)
        What stays.
    association : ndarray of shape (n_units,)
        What was held against the threshold.
    nearest : ndarray of int, shape (n_units,)
        Which of those that stay stands for each that goes.
    value : ndarray of shape (n_units,)
        How closely each that goes is bound to others: signed strength, or inflation.
    cluster : ndarray of int, shape (n_units,), or None
        The cluster of each, if there are clusters.
    """

    kept: Any
    association: Any
    nearest: Any
    value: Any
    cluster: Any = None

    @property
    def scores(self):
        """What is left of each when the others are known: the larger, the less redundant."""
        return 1.0 - self.association

    def spread(self, layout):
        """Return the same for columns in the order of their table."""
        unit = layout.unit_of
        nearest = layout.order[layout.starts[self.nearest]]
        cluster = self.cluster
        if cluster is not None:  # numbered in order of their first columns
            first = np.unique(cluster[unit], return_index=True)[1]
            cluster = np.argsort(np.argsort(first))[cluster][unit]
        return Reduction(
            self.kept[unit], self.association[unit], nearest[unit], self.value[unit], cluster
        )


class Walked:
    """Each unit goes that is too close to one of higher priority that stays.

    Parameters
    ----------
    make : callable
        Makes tiles of strengths between columns.
    layout : PriorityOrder
        Their units.
    """

    def __init__(self, make, layout):
        self._make, self._blocks = tiles_of_units(make, layout), layout.blocks
        self._n_forced = layout.n_forced

    def at(self, threshold):
        """Return what stays at a threshold; makes no more tiles than it needs."""
        walk = greedy_walk(self._make, self._blocks, threshold, self._n_forced)
        return Reduction(walk.kept, np.abs(walk.value), walk.nearest, walk.value)

    def levels(self):
        """Return the masks of all levels, and the thresholds below which each begins."""
        warn_of_memory(sum(block.stop - block.start for block in self._blocks), 40)
        matrix = whole_matrix(self._make, self._blocks)
        self._make, self._blocks = whole_tile(matrix)  # the table is needed no more
        return threshold_path(matrix, self._n_forced)


class Clustered:
    """The best of each cluster stays.

    Parameters
    ----------
    make, layout
        As for `Walked`.
    linkage : {"complete", "average", "single"}
        How clusters are merged.
    """

    def __init__(self, make, layout, linkage):
        warn_of_memory(len(layout.starts), 24)
        self._matrix = whole_matrix(tiles_of_units(make, layout), layout.blocks)
        self._merges = build_dendrogram(self._matrix, linkage)
        self._leaving = removal_strength(self._merges, layout.n_forced)

    def at(self, threshold):
        """Return what stays at a threshold."""
        cluster = cut_dendrogram(self._merges, threshold)
        best = np.unique(cluster, return_index=True)[1][cluster]
        value = self._matrix[best, np.arange(len(best))]
        return Reduction(self._leaving <= threshold, self._leaving, best, value, cluster)

    def levels(self):
        """Return the masks of all levels, and the thresholds below which each begins."""
        return _nested(self._leaving)


class Collinear:
    """The unit that the others explain best goes, until none is explained too well.

    Parameters as for `Walked`; the strengths are correlations.
    """

    def __init__(self, make, layout):
        warn_of_memory(len(layout.unit_of), 24)
        above = np.triu(whole_matrix(make, layout.spans), 1)
        self._matrix = above + above.T + np.eye(len(above))
        self._starts, self._sizes = layout.starts, layout.sizes
        self._n_forced = layout.n_forced
        self._gone = None

    def at(self, threshold):
        """Return what stays at a threshold."""
        gone = self._gone
        if gone is None:
            gone = eliminate_collinear(self._matrix, self._starts, self._n_forced, threshold)
        kept = gone <= threshold
        stays = np.repeat(kept, self._sizes)
        starts = np.cumsum(self._sizes[kept]) - self._sizes[kept]
        share = gone.copy()
        share[kept] = explained_share(self._matrix[np.ix_(stays, stays)], starts)
        pairs = np.abs(closest_pairs(self._matrix, self._starts, self._starts))
        nearest = np.argmax(np.where(kept[:, None], pairs, -1.0), axis=0)
        with np.errstate(divide="ignore"):
            return Reduction(kept, share, nearest, 1.0 / (1.0 - share))

    def levels(self):
        """Return the masks of all levels, and the thresholds below which each begins."""
        self._gone = eliminate_collinear(self._matrix, self._starts, self._n_forced)
        return _nested(self._gone)


def _nested(leaving):
    """Return the levels of units that leave at strengths, and never come back."""
    breaks = np.unique(leaving[leaving > 0])[::-1]
    everything = np.ones((1, len(leaving)), dtype=bool)
    return np.concatenate([everything, leaving < breaks[:, None]]), breaks


def rule_of(criterion, linkage, make, layout):
    """Return the rule of a criterion."""
    if criterion == "vif":
        return Collinear(make, layout)
    return Walked(make, layout) if linkage is None else Clustered(make, layout, linkage)


class RedundancyPath(BasePath):
    """The levels of a `CorrelationPruner`: columns that stay, their scores and partners.

    Levels need all pairs of columns, and are found when they are first asked for.

    Parameters
    ----------
    rule : Walked, Clustered or Collinear
        What stays at a threshold.
    layout : PriorityOrder
        The columns in order of priority.
    """

    def __init__(self, rule, layout):
        self._rule, self._layout = rule, layout
        self.unit, self.common_scale = "columns", True

    @cached_property
    def _masks_and_breaks(self):
        """The mask of each level, and the thresholds below which each but the first begins."""
        masks, breaks = self._rule.levels()
        return masks[:, self._layout.unit_of], breaks

    def __repr__(self) -> str:
        if "levels" in vars(self):
            return super().__repr__()
        return f"<{type(self).__name__}: its levels are computed when they are first read>"

    @cached_property
    def levels(self):
        """As of `BasePath`; all columns stay at a threshold of 1, whatever the samples."""
        masks, breaks = self._masks_and_breaks
        middles = (breaks + np.append(breaks[1:], 0.0)) / 2  # within the range of each level
        return tabulate("columns", np.append(1.0, middles), {"columns": masks.sum(axis=1)})

    def at(self, threshold):
        """Return the `Reduction` of the columns at a threshold; its level need not be known."""
        return self._rule.at(threshold).spread(self._layout)

    def __getstate__(self):
        self._masks_and_breaks  # noqa: B018 - it holds what the rule made of the table, which stays behind
        return self.__dict__

    def _build(self, index):
        return self._masks_and_breaks[0][index].copy()

    def _index_of_threshold(self, threshold):
        return np.searchsorted(-self._masks_and_breaks[1], -threshold, side="left")
