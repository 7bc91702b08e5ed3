"""Trees laid out for backfitting: breadth first, siblings side by side."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from skprune.arrays.nodes import NO_NODE, bottom_up_sum, preorder, survivors


class Layout(NamedTuple):
    """One tree, breadth first, so that siblings stand side by side.

    Attributes
    ----------
    node : ndarray of int, shape (n_nodes,)
        Indices into the table.
    left : ndarray of int, shape (n_nodes,)
        Position of the left child, -1 for a leaf; the right child follows it.
    levels : list of (ndarray of int, int, int)
        Per depth the positions of the splits, and where their children begin and end.
    start, stop : ndarray of int, shape (n_nodes,)
        The leaves below a node, numbered from left to right, are ``start:stop``.
    """

    node: np.ndarray
    left: np.ndarray
    levels: list[tuple[np.ndarray, int, int]]
    start: np.ndarray
    stop: np.ndarray


class Structures(NamedTuple):
    """Trees laid out for backfitting.

    Attributes
    ----------
    layouts : list of Layout
        One per tree.
    offsets : ndarray of int, shape (n_trees + 1,)
        Where each tree begins if their layouts stand behind one another.
    levels : list of (ndarray of int, ndarray of int)
        Per depth the splits of all trees, and their left children, counted so.
    home : ndarray of int, shape (n_nodes,)
        Where rows of a node end: nodes too light to be split are leaves here.
    start, stop : ndarray of int, shape (n_nodes,)
        Of each node of the table, as in `Layout`.
    """

    layouts: list[Layout]
    offsets: np.ndarray
    levels: list[tuple[np.ndarray, np.ndarray]]
    home: np.ndarray
    start: np.ndarray
    stop: np.ndarray

    def rank(self, leaf):
        """Find the leaves that rows end in, numbered from left to right; O(rows * trees).

        Parameters
        ----------
        leaf : ndarray of int, shape (n_trees, n_rows)
            Indices into the table.

        Returns
        -------
        ndarray of int, shape (n_trees, n_rows)
            Leaf numbers within each tree.
        """
        rank = np.empty(leaf.shape, dtype=np.int32)
        for t, nodes in enumerate(leaf):
            rank[t] = self.start[self.home[nodes]]
        return rank


def lay_out(table, leaf, weight, *, least_weight=5.0):
    """Lay trees out for backfitting.

    Parameters
    ----------
    table : NodeTable
        The trees.
    leaf : ndarray of int, shape (n_trees, n_rows)
        The leaf of each row, as an index into the table.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    least_weight : float, default=5
        Nodes with rows of less weight are not split: a ridge leaves little of them.

    Returns
    -------
    Structures
        The trees.

    Notes
    -----
    O(nodes log nodes + rows * trees).
    """
    own = [
        np.bincount(nodes - root, weight, size)
        for nodes, root, size in zip(leaf, table.roots, np.diff(table.offsets), strict=True)
    ]
    stays = table.is_split & (bottom_up_sum(table, np.concatenate(own)) >= least_weight)
    order, offsets, _ = preorder(table, stays)
    is_leaf = np.zeros(table.n_nodes, dtype=np.intp)
    is_leaf[order] = ~stays[order]
    below = bottom_up_sum(table, is_leaf)
    start = np.zeros(table.n_nodes, dtype=np.intp)
    start[order] = np.cumsum(is_leaf[order]) - is_leaf[order]
    start -= start[table.roots][table.tree]
    # Siblings of one depth are neighbours in preorder, but for what lies deeper. Depths fit
    # into 16 bits, for which a stable sort is linear.
    depth = table.depth.astype(np.int16)
    trees = [slice(first, end) for first, end in pairwise(offsets)]
    for tree in trees:
        order[tree] = order[tree][np.argsort(depth[order[tree]], kind="stable")]
    position = np.full(table.n_nodes, NO_NODE)
    position[order] = np.arange(len(order))
    left = np.where(stays[order], position[table.left[order]], NO_NODE)
    layouts = []
    for tree in trees:
        node, kids = order[tree], np.maximum(left[tree] - tree.start, NO_NODE)
        levels = _levels(kids, depth[node])
        layouts.append(Layout(node, kids, levels, start[node], start[node] + below[node]))
    splits = np.flatnonzero(left != NO_NODE)
    splits = splits[np.argsort(depth[order[splits]], kind="stable")]
    edges = np.flatnonzero(np.diff(depth[order[splits]])) + 1
    together = [(level, left[level]) for level in np.split(splits, edges)]
    return Structures(layouts, offsets, together, survivors(table, stays), start, start + below)


def _levels(left, depth):
    """Return the splits of each depth, and the range of their children."""
    edges = np.searchsorted(depth, np.arange(depth[-1] + 2))
    splits = np.flatnonzero(left != NO_NODE)
    groups = np.searchsorted(splits, edges[:-1])
    return [
        (splits[groups[d] : groups[d + 1]], edges[d + 1], edges[d + 2])
        for d in range(len(edges) - 2)
    ]
