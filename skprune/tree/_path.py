"""The path of trees: every level of one tree, or of an ensemble of trees."""

from dataclasses import replace

import numpy as np
import pandas as pd

from skprune.base import PruningPath
from skprune.base._levels import distinct, midpoints
from skprune.base._snapshot import Snapshot
from skprune.solvers.shrinkage import hierarchical_shrinkage
from skprune.tree._level_scores import level_scores


class TreePath(PruningPath):
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
        self._breaks = distinct(scores[table.is_split])
        gone_at = np.searchsorted(self._breaks, scores) + 1
        self._gone_at = np.where(table.is_split, gone_at, 0)
        self.scores = scores[table.is_split]
        levels = self._tabulate(whole)
        if ridge is not None:
            levels["ridge"] = np.append(np.nan, np.full(len(levels) - 1, float(ridge)))
        super().__init__(surgeon.model, levels, unit="leaves", common_scale=common_scale)

    def _tabulate(self, whole):
        """Count what is left at each level; O(splits + levels)."""
        table, surgeon = self._surgeon.table, self._surgeon
        n_levels = len(self._breaks) + 1
        gone_at = self._gone_at[table.is_split]

        def lost(amount):
            return np.bincount(gone_at, amount, n_levels).cumsum().astype(np.int64)

        n_leaves, n_parameters, n_bytes = surgeon.size()
        n_lost = lost(np.ones(table.n_splits))
        leaves = n_leaves - n_lost
        last = self._breaks[-1:]
        thresholds = np.concatenate([[whole], midpoints(self._breaks), last])
        return pd.DataFrame(
            {
                "keep": leaves / n_leaves,
                "threshold": thresholds,
                "leaves": leaves,
                "nodes": table.n_nodes - 2 * n_lost,
                "parameters": n_parameters - lost(surgeon.split_parameters[table.is_split]),
                "bytes": n_bytes - lost(surgeon.split_bytes[table.is_split]),
            }
        )

    def mask(self, index):
        """Return the splits that stay at a level; see `PruningPath.mask`."""
        return self._gone_at[self._surgeon.table.is_split] > index

    def count_by_tree(self, index):
        """Return the leaves and the depth of each tree at a level.

        Parameters
        ----------
        index : int
            Row of `levels`.

        Returns
        -------
        leaves, depth : ndarray of int, shape (n_trees,)
            Counts; a depth of 0 is a single leaf.
        """
        table = self._surgeon.table
        stays = np.flatnonzero(self._gone_at > index)
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
                scoring, table, self._gone_at, len(self), leaf, y, sample_weight, classes
            )

        whole = scores(surgeon.table)
        if self._shrunk is None or whole is None:
            return whole
        shrunk = scores(replace(surgeon.table, value=self._shrunk))
        return np.append(whole[:1], shrunk[1:])

    def snapshots(self, X, index=None):
        """Yield replacements of the models of successive levels, for given samples.

        Parameters and result as for `PruningPath.snapshots`. Samples are routed through the
        whole trees once; at each level only the predictions of samples that lost a split
        since the level before are recomputed.
        """
        if not self._knows_answers():
            yield from super().snapshots(X, index)
            return
        table, node = self._surgeon.table, self._surgeon.apply(X)
        end = np.where(table.parent < 0, len(self), self._gone_at[table.parent])
        value, whole = self._surgeon.mean_value(node)[:, 0], True
        for level in self._ascending(index):
            stored = self._shrunk if level else None
            # With shrinkage, all values change after the first level.
            changed = np.full(node.shape[1], whole and stored is not None)
            whole = level == 0
            while (moved := end[node] <= level).any():
                node = np.where(moved, table.parent[node], node)
                changed |= moved.any(axis=0)
            value[changed] = self._surgeon.mean_value(node[:, changed], stored)[:, 0]
            yield Snapshot(self.model, value.copy())

    def segments(self, X):
        """Return the predictions of a single tree with their ranges of levels.

        Parameters and result as for `PruningPath.segments`; O(n_samples * depth).
        """
        if self._surgeon.table.n_trees > 1 or not self._knows_answers():
            return None
        return self._climb(self._surgeon.apply(X)[0])

    def _climb(self, node):
        """Yield the segments of samples, from their leaves up to the root."""
        table, start, rows = self._surgeon.table, self._gone_at, np.arange(len(node))
        end = np.where(table.parent < 0, len(self), start[table.parent])
        if self._shrunk is not None:  # the whole model separately: its values are not shrunk
            value = self._surgeon.mean_value(node[np.newaxis])[:, 0]
            yield rows, start[node], start[node] + 1, Snapshot(self.model, value)
            start = np.maximum(start, 1)
        while rows.size:
            lives = start[node] < end[node]
            leaf = node[lives]
            value = self._surgeon.mean_value(leaf[np.newaxis], self._shrunk)[:, 0]
            yield rows[lives], start[leaf], end[leaf], Snapshot(self.model, value)
            above = table.parent[node] >= 0
            node, rows = table.parent[node][above], rows[above]

    def _knows_answers(self):
        """Return whether predictions are means of the leaf values of one output."""
        return self._surgeon.n_outputs == 1 and self._surgeon.answers_by_mean

    def _build(self, index):
        return self._surgeon.cut(self._gone_at > index, value=self._shrunk if index else None)
