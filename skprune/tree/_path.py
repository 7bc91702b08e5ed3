"""The path of trees: every level of one tree, or of an ensemble of trees."""

from abc import abstractmethod
from dataclasses import replace

import numpy as np
import pandas as pd

from skprune.base import PruningPath
from skprune.base._levels import distinct
from skprune.base._ordered_path import OrderedPath, remaining
from skprune.base._snapshot import Snapshot
from skprune.solvers.shrinkage import hierarchical_shrinkage
from skprune.tree._level_scores import level_scores
from skprune.tree._level_sums import LevelSums


class BaseTreePath(PruningPath):
    """Base of the paths of trees, which count leaves and depths by tree."""

    @abstractmethod
    def count_by_tree(self, index):
        """Return the leaves and the depth of each tree at a level; two ndarrays of int.

        A depth of 0 is a single leaf.
        """

    def report(self, index):
        """Tabulate, by tree, leaves and depth before and after; see `PruningPath.report`."""
        leaves, depth = self.count_by_tree(0)
        leaves_left, depth_left = self.count_by_tree(index)
        return pd.DataFrame(
            {
                "leaves_before": leaves,
                "leaves": leaves_left,
                "depth_before": depth,
                "depth": depth_left,
            }
        ).rename_axis("tree")


class TreePath(BaseTreePath, OrderedPath):
    """The levels of a tree or of an ensemble of trees; a cut gives a plain model.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader and writer of the whole model.
    scores : ndarray of shape (n_nodes,)
        Score of each split, at most its parent's; minus infinity for leaves.
    whole : float, default=-inf
        Threshold of the first level, the whole model.
    common_scale : bool, default=True
        As in `PruningPath`.
    ridge : float, default=None
        Ridge of the hierarchical shrinkage of the values, in samples, at all levels but the
        first. None for no shrinkage.
    """

    def __init__(self, surgeon, scores, *, whole=-np.inf, common_scale=True, ridge=None):
        table = surgeon.table
        self._surgeon = surgeon
        # Shrunk values depend on ancestors only, so they are the same at all levels but the
        # first. None without shrinkage.
        self._shrunk = None if ridge is None else hierarchical_shrinkage(table, ridge)
        breaks = distinct(scores[table.is_split])
        super().__init__(
            surgeon.model,
            np.where(table.is_split, np.searchsorted(breaks, scores) + 1, 0),
            breaks,
            scores[table.is_split],
            unit="leaves",
            n_levels=len(breaks) + 1,
            common_scale=common_scale,
        )
        self.levels.loc[0, "threshold"] = whole
        if ridge is not None:
            self.levels["ridge"] = np.append(np.nan, np.full(len(self) - 1, float(ridge)))

    def _sizes(self, n_levels):
        surgeon = self._surgeon
        n_leaves, n_parameters, n_bytes = surgeon.size()
        # What the whole model has, and what a split adds to it.
        amounts = {
            "leaves": (n_leaves, surgeon.is_stored),
            "nodes": (surgeon.is_stored.sum(), 2 * surgeon.is_stored),
            "parameters": (n_parameters, surgeon.split_parameters),
            "bytes": (n_bytes, surgeon.split_bytes),
        }
        sizes = {}
        for name, (whole, of_split) in amounts.items():
            of_splits = remaining(self._removed_at, n_levels, of_split)
            sizes[name] = whole - of_splits[0] + of_splits
        return sizes

    def mask(self, index):
        """Return the splits that stay at a level; see `PruningPath.mask`."""
        return self._removed_at[self._surgeon.table.is_split] > index

    def count_by_tree(self, index):
        """Return the leaves and the depth of each tree at a level; see `BaseTreePath`."""
        table = self._surgeon.table
        stays = np.flatnonzero(self._removed_at > index)
        leaves = np.bincount(table.tree[stays], minlength=table.n_trees) + 1
        depth = np.zeros(table.n_trees, dtype=np.intp)
        np.maximum.at(depth, table.tree[stays], table.depth[stays] + 1)
        return leaves, depth

    def free_scores(self, scoring, X, y, sample_weight=None):
        """Score all levels of a single tree at once, if the metric is additive.

        Parameters and result as for `PruningPath.free_scores`; O(n_nodes + n_samples).
        """
        surgeon = self._surgeon
        scoring = self.resolve_scoring(scoring)
        if surgeon.table.n_trees > 1 or not self._knows_answers() or not isinstance(scoring, str):
            return None
        leaf, classes = surgeon.apply(X)[0], self.model.classes_ if surgeon.is_classifier else None

        def scores(table):
            return level_scores(
                scoring, table, self._removed_at, len(self), leaf, y, sample_weight, classes
            )

        whole = scores(surgeon.table)
        if self._shrunk is None or whole is None:
            return whole
        shrunk = scores(replace(surgeon.table, value=self._shrunk))
        return np.append(whole[:1], shrunk[1:])

    def snapshots(self, X, index=None):
        """Yield replacements of the models of successive levels, for given samples.

        Parameters and result as for `PruningPath.snapshots`; see `LevelSums`.
        """
        surgeon, factor, start, finish = self._surgeon, 1.0, None, self._of_sum
        if surgeon.predicts_by_sum:
            factor, start = surgeon.learning_rate, surgeon.raw_init(X)
            finish = surgeon.with_raw_scores
        elif not self._knows_answers():
            yield from super().snapshots(X, index)
            return
        table = surgeon.table
        whole = factor * table.value[:, 0]
        later = whole if self._shrunk is None else factor * self._shrunk[:, 0]
        sums = LevelSums(table, surgeon.apply(X), self._ends, whole.shape[1], start)
        for level in self._ascending(index):
            yield finish(sums.at(level, later if level else whole))

    def _of_sum(self, total):
        """Return what predicts the mean of the trees."""
        return Snapshot(self.model, total / self._surgeon.table.n_trees)

    @property
    def _ends(self):
        """The level from which each node is inside a collapsed subtree."""
        parent = self._surgeon.table.parent
        return np.where(parent < 0, len(self), self._removed_at[parent])

    def segments(self, X):
        """Return the predictions of a single tree with their ranges of levels.

        Parameters and result as for `PruningPath.segments`; O(n_samples * depth).
        """
        if self._surgeon.table.n_trees > 1 or not self._knows_answers():
            return None
        return self._climb(self._surgeon.apply(X)[0])

    def _climb(self, node):
        """Yield the segments of samples, from their leaves up to the root."""
        table, start, rows = self._surgeon.table, self._removed_at, np.arange(len(node))
        end = self._ends
        if self._shrunk is not None:  # the whole model separately: its values are not shrunk
            value = self._surgeon.mean_value(node[np.newaxis])[:, 0]
            yield rows, start[node], start[node] + 1, Snapshot(self.model, value)
            start = np.maximum(start, 1)
        while rows.size:
            lives = start[node] < end[node]
            if lives.any():  # a node may collapse at the level at which its parent does
                leaf = node[lives]
                value = self._surgeon.mean_value(leaf[np.newaxis], self._shrunk)[:, 0]
                yield rows[lives], start[leaf], end[leaf], Snapshot(self.model, value)
            above = table.parent[node] >= 0
            node, rows = table.parent[node][above], rows[above]

    def _knows_answers(self):
        """Return whether predictions are means of the leaf values of one output."""
        return self._surgeon.n_outputs == 1 and self._surgeon.predicts_by_mean

    def _build(self, index):
        return self._surgeon.cut(self._removed_at > index, value=self._shrunk if index else None)
