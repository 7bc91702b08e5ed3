"""Memory layout of trees for backfitting: breadth first, siblings adjacent."""

from typing import NamedTuple

import numpy as np

from skprune.arrays.nodes import NO_NODE, bottom_up_sum, preorder, survivors


class Trees(NamedTuple):
    """Trees in breadth-first order, concatenated: flat arrays, as loops take them.

    Attributes
    ----------
    offsets : ndarray of int, shape (n_trees + 1,)
        Nodes of tree t are ``offsets[t]:offsets[t + 1]``; the first is its root.
    leaf_offsets : ndarray of int, shape (n_trees + 1,)
        The same for its leaves, numbered from left to right.
    parent, left : ndarray of int, shape (n_nodes,)
        Parent, -1 for roots, and left child, -1 for leaves, within the tree. The right child
        follows the left one.
    start, stop : ndarray of int, shape (n_nodes,)
        The leaves below a node, numbered within the tree, are ``start:stop``.
    edges : ndarray of int, shape (n_edges,)
        First node of each depth within the tree, and its number of nodes; tree after tree.
    edge_offsets : ndarray of int, shape (n_trees + 1,)
        Start of each tree in `edges`.
    lefts : ndarray of int, shape (n_splits,)
        Left children of all trees, by depth.
    depths : ndarray of int, shape (depth + 1,)
        Start of each depth in `lefts`.
    base : ndarray of int, shape (n_nodes,)
        Root of each node.
    """

    offsets: np.ndarray
    leaf_offsets: np.ndarray
    parent: np.ndarray
    left: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    edges: np.ndarray
    edge_offsets: np.ndarray
    lefts: np.ndarray
    depths: np.ndarray
    base: np.ndarray


class Structures(NamedTuple):
    """Trees in the layout of backfitting, and their places in a table.

    Attributes
    ----------
    trees : Trees
        The trees.
    node : ndarray of int, shape (n_kept,)
        Index into the table of each of their nodes.
    leaf_of : ndarray of int, shape (n_nodes,)
        First leaf below each node of the table, or the leaf that the samples of a node end up
        in: nodes of little weight are leaves here.
    start, stop : ndarray of int, shape (n_nodes,)
        As in `Trees`, for each node of the table.
    """

    trees: Trees
    node: np.ndarray
    leaf_of: np.ndarray
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
        rank = np.empty(leaf.shape, dtype=self.leaf_of.dtype)
        for t, nodes in enumerate(leaf):
            self.leaf_of.take(nodes, out=rank[t])
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
    stop = start + below
    small = np.int16 if below.max() <= np.iinfo(np.int16).max else np.int32
    leaf_of = start.astype(small)[survivors(table, keep_split)]
    # Stable sorts of the preorder, by depth and then by tree, make siblings adjacent. Both fit
    # into 16 bits as a rule, for which the sort is linear.
    for key in (table.depth, table.tree):
        order = order[_stable_order(key[order])]
    leaf_offsets = np.append(0, np.cumsum(below[table.roots]))
    trees = _concatenate(table, order, offsets, leaf_offsets, start[order], stop[order])
    return Structures(trees, order, leaf_of, start, stop)


def _stable_order(key):
    """Sort whole numbers; linear if they fit into 16 bits."""
    return np.argsort(key.astype(np.min_scalar_type(key.max())), kind="stable")


def _concatenate(table, order, offsets, leaf_offsets, start, stop):
    """Return the flat arrays of trees whose nodes are in breadth-first order."""
    base, depth = np.repeat(offsets[:-1], np.diff(offsets)), table.depth[order]
    at = np.arange(len(order)) - base
    position = np.empty(table.n_nodes, dtype=np.intp)
    position[order] = at
    parent = np.where(at > 0, position[table.parent[order]], NO_NODE)
    left = np.full(len(order), NO_NODE)
    lefts = np.flatnonzero(at % 2)
    left[(base + parent)[lefts]] = at[lefts]
    first = np.flatnonzero((at == 0) | (np.diff(depth, prepend=-1) != 0))
    n_depths = np.bincount(table.tree[order[first]], minlength=table.n_trees)
    edges = np.insert(at[first], np.cumsum(n_depths), np.diff(offsets))
    edge_offsets = np.append(0, np.cumsum(n_depths + 1))
    lefts = lefts[_stable_order(depth[lefts])] if lefts.size else lefts
    depths = np.append(0, np.cumsum(np.bincount(depth[lefts])))
    return Trees(
        *(offsets, leaf_offsets, parent, left, start, stop),
        *(edges, edge_offsets, lefts, depths, base),
    )
