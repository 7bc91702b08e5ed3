"""Memory layout of trees for backfitting: breadth first, siblings adjacent."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from skprune.arrays.nodes import NO_NODE, bottom_up_sum, preorder, survivors


class Layout(NamedTuple):
    """One tree in breadth-first order, in which siblings are adjacent.

    Attributes
    ----------
    node : ndarray of int, shape (n_nodes,)
        Indices into the table.
    left : ndarray of int, shape (n_nodes,)
        Position of the left child, -1 for a leaf; the right child follows it.
    levels : list of (ndarray of int, int, int)
        For each depth the positions of the splits, and the range of their children.
    start, stop : ndarray of int, shape (n_nodes,)
        The leaves below a node, numbered from left to right, are ``start:stop``.
    """

    node: np.ndarray
    left: np.ndarray
    levels: list[tuple[np.ndarray, int, int]]
    start: np.ndarray
    stop: np.ndarray


class Structures(NamedTuple):
    """The layouts of all trees.

    Attributes
    ----------
    layouts : list of Layout
        One per tree.
    offsets : ndarray of int, shape (n_trees + 1,)
        Start of each tree in the concatenation of all layouts.
    levels : list of (ndarray of int, ndarray of int)
        For each depth the splits of all trees and their left children, as positions in the
        concatenation.
    survivor : ndarray of int, shape (n_nodes,)
        Node that the samples of each node of the table end up in: nodes of little weight are
        leaves here.
    start, stop : ndarray of int, shape (n_nodes,)
        As in `Layout`, for each node of the table.
    """

    layouts: list[Layout]
    offsets: np.ndarray
    levels: list[tuple[np.ndarray, np.ndarray]]
    survivor: np.ndarray
    start: np.ndarray
    stop: np.ndarray

    def rank(self, leaf):
        """Return the leaf numbers of samples; O(n_samples * n_trees).

        Parameters
        ----------
        leaf : ndarray of int, shape (n_trees, n_samples)
            Leaves, as indices into the table.

        Returns
        -------
        ndarray of int, shape (n_trees, n_samples)
            Leaf numbers within each tree, from left to right.
        """
        rank = np.empty(leaf.shape, dtype=np.int32)
        for t, nodes in enumerate(leaf):
            rank[t] = self.start[self.survivor[nodes]]
        return rank


def lay_out(table, leaf, weight, *, least_weight=5.0):
    """Arrange trees for backfitting.

    Parameters
    ----------
    table : NodeTable
        The trees.
    leaf : ndarray of int, shape (n_trees, n_samples)
        The leaf of each sample, as an index into the table.
    weight : ndarray of shape (n_samples,)
        Sample weights.
    least_weight : float, default=5
        Nodes of smaller weight are not split: the ridge would shrink their leaves to almost
        nothing.

    Returns
    -------
    Structures
        The trees.

    Notes
    -----
    O(n_nodes log n_nodes + n_samples * n_trees).
    """
    own = [
        np.bincount(nodes - root, weight, size)
        for nodes, root, size in zip(leaf, table.roots, np.diff(table.offsets), strict=True)
    ]
    keep_split = table.is_split & (bottom_up_sum(table, np.concatenate(own)) >= least_weight)
    order, offsets, _ = preorder(table, keep_split)
    is_leaf = np.zeros(table.n_nodes, dtype=np.intp)
    is_leaf[order] = ~keep_split[order]
    below = bottom_up_sum(table, is_leaf)
    start = np.zeros(table.n_nodes, dtype=np.intp)
    start[order] = np.cumsum(is_leaf[order]) - is_leaf[order]
    start -= start[table.roots][table.tree]
    # A stable sort of the preorder by depth makes siblings adjacent. Depths fit into 16 bits,
    # for which the sort is linear.
    depth = table.depth.astype(np.int16)
    trees = [slice(first, end) for first, end in pairwise(offsets)]
    for tree in trees:
        order[tree] = order[tree][np.argsort(depth[order[tree]], kind="stable")]
    position = np.full(table.n_nodes, NO_NODE)
    position[order] = np.arange(len(order))
    left = np.where(keep_split[order], position[table.left[order]], NO_NODE)
    layouts = []
    for tree in trees:
        node, children = order[tree], np.maximum(left[tree] - tree.start, NO_NODE)
        levels = _levels(children, depth[node])
        layouts.append(Layout(node, children, levels, start[node], start[node] + below[node]))
    splits = np.flatnonzero(left != NO_NODE)
    splits = splits[np.argsort(depth[order[splits]], kind="stable")]
    edges = np.flatnonzero(np.diff(depth[order[splits]])) + 1
    together = [(level, left[level]) for level in np.split(splits, edges)]
    return Structures(
        layouts, offsets, together, survivors(table, keep_split), start, start + below
    )


def _levels(left, depth):
    """Return the splits at each depth and the range of their children."""
    edges = np.searchsorted(depth, np.arange(depth[-1] + 2))
    splits = np.flatnonzero(left != NO_NODE)
    groups = np.searchsorted(splits, edges[:-1])
    return [
        (splits[groups[d] : groups[d + 1]], edges[d + 1], edges[d + 2])
        for d in range(len(edges) - 2)
    ]
