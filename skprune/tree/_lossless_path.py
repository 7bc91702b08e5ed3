"""The path of lossless pruning: the whole model, and one with the same predictions."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from skprune.arrays.nodes import NO_NODE, compact, splice
from skprune.base._path import tabulate
from skprune.criteria.lossless import dead_branches, duplicate_trees, equal_children
from skprune.surgery import surgeon_for
from skprune.tree._path import BaseTreePath


class Simplified(NamedTuple):
    """The simplified trees of a model, with the same predictions.

    Attributes
    ----------
    keep_split : ndarray of bool, shape (n_nodes,)
        False for splits that are collapsed because the leaves below them are equal.
    only_child : ndarray of int, shape (n_nodes,)
        For splits that are removed, the only child that samples can reach; else -1.
    value : ndarray of shape (n_nodes, n_outputs, n_values)
        Values; those of collapsed splits are taken from the leaves below them.
    first : ndarray of int, shape (n_trees,)
        The tree that each tree is merged into; itself if it is kept.
    kept : ndarray of bool, shape (n_nodes,)
        Nodes of the smaller model.
    depth : ndarray of int, shape (n_nodes,)
        Depth of these nodes in the smaller model.
    """

    keep_split: np.ndarray
    only_child: np.ndarray
    value: np.ndarray
    first: np.ndarray
    kept: np.ndarray
    depth: np.ndarray


def simplify(surgeon):
    """Find what can be removed without changing a prediction.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader of the model.

    Returns
    -------
    Simplified
        The simplified trees.

    Notes
    -----
    O(n_nodes * depth). First unreachable branches are removed, then splits above equal
    leaves, then duplicate trees.
    """
    table = surgeon.table
    said = replace(table, value=surgeon.contributions, feature=surgeon.columns)
    only_child = dead_branches(
        said, missing=surgeon.takes_missing, dtype=surgeon.compares_in, ordered=surgeon.is_ordered
    )
    reached, node = compact(said, said.is_split, splice(table, only_child))
    leaf = equal_children(reached)
    equal = leaf != NO_NODE
    keep_split, value = table.is_split.copy(), table.value.copy()
    keep_split[node[equal]] = False
    value[node[equal]] = table.value[node[leaf[equal]]]
    reached.value[equal] = reached.value[leaf[equal]]
    least, again = compact(reached, reached.is_split & ~equal)
    # Categorical splits are not fully described by the table: never merge their trees.
    known = np.bincount(table.tree, ~surgeon.is_ordered, table.n_trees) == 0
    first = np.where(known, duplicate_trees(least), np.arange(table.n_trees))
    first = surgeon.mergeable(first)
    kept, depth = np.zeros(table.n_nodes, dtype=bool), np.zeros(table.n_nodes, dtype=np.intp)
    kept[node[again]], depth[node[again]] = True, least.depth
    kept &= np.isin(table.tree, first)
    return Simplified(keep_split, only_child, value, first, kept, depth)


class LosslessPath(BaseTreePath):
    """The whole model and, if anything can be removed, a model with the same predictions.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader and writer of the whole model.
    """

    def __init__(self, surgeon):
        self._surgeon, self._simpler = surgeon, simplify(surgeon)
        is_split = surgeon.table.is_split
        self._keep = (self._simpler.kept & self._simpler.keep_split)[is_split]
        self.scores = self._keep.astype(float)
        super().__init__(surgeon.model, self._tabulate(), unit="leaves")

    def _tabulate(self):
        surgeons = [self._surgeon]
        if not self._keep.all() or len(np.unique(self._simpler.first)) < len(self._simpler.first):
            surgeons.append(surgeon_for(self._simplified()))
        leaves, parameters, n_bytes = np.array([surgeon.size() for surgeon in surgeons]).T
        trees = np.array([surgeon.is_stored[surgeon.table.roots].sum() for surgeon in surgeons])
        sizes = {
            "leaves": leaves,
            "trees": trees,
            "nodes": 2 * leaves - trees,
            "parameters": parameters,
            "bytes": n_bytes,
        }
        levels = tabulate("leaves", [-np.inf, 0.0][: len(surgeons)], sizes)
        return levels[: 1 + (leaves[-1] < leaves[0])]

    def mask(self, index):
        """Return the splits kept at a level; ndarray of bool, shape (n_splits,)."""
        return self._keep.copy() if index else np.ones(len(self._keep), dtype=bool)

    def count_by_tree(self, index):
        """Return leaves and depth of each tree; 0 leaves: merged into an identical tree."""
        table, simpler = self._surgeon.table, self._simpler
        n_trees, leaf, depth_of = table.n_trees, ~table.is_split, table.depth
        if index:
            leaf, depth_of = simpler.kept & ~simpler.keep_split, simpler.depth
        leaves = np.bincount(table.tree[leaf], minlength=n_trees)
        depth = np.zeros(n_trees, dtype=np.intp)
        np.maximum.at(depth, table.tree[leaf], depth_of[leaf])
        return leaves, depth

    def _simplified(self):
        simpler = self._simpler
        return self._surgeon.merge(
            simpler.keep_split, simpler.only_child, simpler.value, simpler.first
        )

    def _build(self, index):
        return self._simplified() if index else self._surgeon.cut(self._surgeon.table.is_split)

    def _index_of_threshold(self, threshold):
        return min(len(self) - 1, int(threshold >= 0))
